#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# rig/lint: each thing that it is there to see.
# shellcheck disable=SC2016,SC2154 # what the files hold; bats sets output

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset BASE
	file=$BATS_TEST_TMPDIR/script
}

# script LINE...
script() { printf '%s\n' '#!/bin/sh' "$@" >"$file"; }

@test "nothing to say: blocks on one line are the project's style" {
	script 'case $1 in -h) echo; exit 0 ;; esac' '[ -e a ] || { echo b; exit 1; }'
	run -0 rig/lint "$file"
	[ -z "$output" ]
}

@test "shellcheck: a variable that splits" {
	script 'rm $1'
	run -1 rig/lint "$file"
	[[ $output = *SC2086* ]]
}

@test "shfmt: blanks where a tab belongs, a blank too many, what no shell takes" {
	script 'if true; then' '    echo a' 'fi'
	run -1 rig/lint "$file"
	[[ $output = *'"    echo a" should be "	echo a"'* ]]
	script 'echo a  >b'
	run -1 rig/lint "$file"
	[[ $output = *'"echo a  >b" should be "echo a >b"'* ]]
	script 'echo a >b' 'if true'
	run -1 rig/lint "$file"
	[[ $output = *'script:3:1: '* ]]
}

@test "codespell: a misspelling in any text" {
	echo 'Teh text.' >"$file.md"
	run -1 rig/lint "$file.md"
	[[ $output = *'Teh ==> The'* ]]
}

@test "no file, no verdict" {
	run -2 rig/lint "$BATS_TEST_TMPDIR/none"
}
