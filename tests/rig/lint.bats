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

# says TEXT: rig/lint objects.
says() {
	run -1 rig/lint "$file"
	[[ $output = *"$1"* ]]
}

@test "nothing to say: blocks on one line are the project's style; no file, no verdict" {
	script 'case $1 in -h) echo; exit 0 ;; esac' '[ -e a ] || { echo b; exit 1; }'
	run -0 rig/lint "$file"
	[ -z "$output" ]
	run -2 rig/lint "$BATS_TEST_TMPDIR/none"
}

@test "shellcheck, shfmt, codespell: what each is there to see" {
	script 'rm $1'
	says SC2086
	script 'if true; then' '    echo a' 'fi'
	says '"    echo a" should be "	echo a"'
	script 'echo a  >b'
	says '"echo a  >b" should be "echo a >b"'
	script 'echo a >b' 'if true'
	says 'script:3:1: '
	file+=.md
	echo 'Teh text.' >"$file"
	says 'Teh ==> The'
}
