#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# rig/each with a script that plays a verb.
# shellcheck disable=SC2016,SC2154 # what the played script expands; bats sets stderr

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset BASE
	top=$BATS_TEST_TMPDIR
	mkdir -p "$top/rig" "$top/bases"
	cp rig/each rig/lib.sh "$top/rig/"
	touch "$top/bases/6.1" "$top/bases/6.12" "$top/bases/7.3"
}

# verb LINE...: rig/verb is these lines of sh.
verb() {
	printf '%s\n' '#!/bin/sh' "$@" >"$top/rig/verb"
	chmod +x "$top/rig/verb"
}

@test "one base: the script itself, with its arguments, output and status" {
	verb 'echo "$BASE $*"; exit 4'
	BASE=6.12 run --separate-stderr "$top/rig/each" rig/verb a 'b c'
	[ "$status" = 4 ]
	[ "$output" = "6.12 a b c" ]
}

@test "all: each base once, in order, and the last line of stdout is that of the last one" {
	verb 'echo "path $BASE"'
	BASE=all run --separate-stderr "$top/rig/each" rig/verb
	[ "$status" = 0 ]
	[ "$output" = $'path 6.1\npath 6.12\npath 7.3' ]
}

@test "all: results are summed" {
	verb 'echo "case"; echo "3 passed, 0 failed, 1 skipped"'
	BASE=all run --separate-stderr "$top/rig/each" rig/verb
	[ "$status" = 0 ]
	[ "${lines[-1]}" = "9 passed, 0 failed, 3 skipped" ]
}

@test "all: one that fails does not keep the others from running, and its status counts" {
	verb 'if [ "$BASE" = 6.12 ]; then echo "1 passed, 1 failed, 0 skipped"; exit 1; fi; echo "2 passed, 0 failed, 0 skipped"'
	BASE=all run --separate-stderr "$top/rig/each" rig/verb
	[ "$status" = 1 ]
	[ "${lines[-1]}" = "5 passed, 1 failed, 0 skipped" ]
}

@test "all: no sum that leaves one out" {
	verb '[ "$BASE" = 7.3 ] || { echo "2 passed, 0 failed, 0 skipped"; exit 0; }; exit 125'
	BASE=all run --separate-stderr "$top/rig/each" rig/verb
	[ "$status" = 125 ]
	[ "${#lines[@]}" = 2 ]
	[[ $stderr = *"each: 7.3: status 125"* ]]
}

@test "a script that does not exist" {
	BASE=all run --separate-stderr "$top/rig/each" nothing
	[ "$status" = 2 ]
	[ "$stderr" = "each: error: nothing is no script of the project" ]
}
