#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# rig/each with a script that plays a verb.
# shellcheck disable=SC2016,SC2154 # what the played script expands; bats sets stderr

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset BASE
	top=$BATS_TEST_TMPDIR
	mkdir -p "$top/rig" "$top/bases"
	cp rig/each rig/lib.sh "$top/rig/"
	touch "$top/bases/6.1" "$top/bases/6.12" "$top/bases/7.3"
}

# verb LINE...: rig/verb is these lines.
verb() { played "$top/rig/verb" "$@"; }

# each BASE STATUS OUTPUT ARGUMENT...: so ends rig/each with these arguments.
each() {
	BASE=$1 run "-$2" --separate-stderr "$top/rig/each" "${@:4}"
	[ "$output" = "$3" ]
}

@test "one base: the script itself, with its arguments, output and status; one that is not there is an error" {
	verb 'echo "$BASE $*"; exit 4'
	each 6.12 4 "6.12 a b c" rig/verb a 'b c'
	each all 2 "" nothing
	[ "$stderr" = "each: error: nothing is no script of the project" ]
}

@test "all: each base once, in order, however the ones before went; results are summed, and the first failure counts" {
	verb 'echo "path $BASE"'
	each all 0 $'path 6.1\npath 6.12\npath 7.3' rig/verb
	verb 'echo "case"; echo "3 passed, 0 failed, 1 skipped"'
	once=$'case\n3 passed, 0 failed, 1 skipped\n'
	each all 0 "$once$once${once}9 passed, 0 failed, 3 skipped" rig/verb
	verb '[ "$BASE" != 6.12 ] || { echo "1 passed, 1 failed, 0 skipped"; exit 1; }' \
		'echo "2 passed, 0 failed, 0 skipped"'
	each all 1 "2 passed, 0 failed, 0 skipped
1 passed, 1 failed, 0 skipped
2 passed, 0 failed, 0 skipped
5 passed, 1 failed, 0 skipped" rig/verb
	# No sum that leaves one out.
	verb '[ "$BASE" = 7.3 ] || { echo "2 passed, 0 failed, 0 skipped"; exit 0; }; exit 125'
	each all 125 $'2 passed, 0 failed, 0 skipped\n2 passed, 0 failed, 0 skipped' rig/verb
	[[ $stderr = *"each: 7.3: status 125"* ]]
}
