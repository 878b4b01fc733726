#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The verdict of the step newer_selftest of ci/test, on KTAP made here and judged by the kernel's own parser.
# shellcheck disable=SC2034,SC2154 # the step reads the variables; bats sets output

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

setup() {
	TOP=$BATS_TEST_TMPDIR
	log=$TOP/log
	results=$TOP/results
	mkdir -p "$log" "$results" "$TOP/bases"
	echo 'SELFTEST=x86/new_test' | tee "$TOP/bases/6.1" >"$TOP/bases/7.3"
	KUNIT_TREE=${KUNIT_TREE:-$(cd "$PROJECT" && bash -c '. rig/lib.sh && load_base && tree_dir')}
	export KUNIT_TREE
	BASE=6.1
	skipped=0
	SCALING_CPU=max
	. "$PROJECT/ci/test-newer.sh"
	eval "$(grep -E '^in_vm\(\)' "$PROJECT/rig/lib.sh")"
}

bases() { (cd "$TOP/bases" && ls); }
again_if_lost() { "$@"; }
say() { echo "$*"; }
count() { echo "count $1: $2"; }
fail() { echo "FAIL $*"; }

rig() {
	case $1 in
	kselftests) echo "$BASE" >"$TOP/built"; echo "$TOP/new_test" ;;
	vm) printf '%s\n' "$stream"; return "$vm_status" ;;
	ktap) "$PROJECT/rig/ktap" "$2" ;;
	esac
}

# ran STATUS LINE...: what the VM says of two cases, a and b, and of the test.
ran() {
	vm_status=$1
	stream=$(printf '%s\n' 'KTAP version 1' '1..1' '  KTAP version 1' '  # Subtest: new_test' '  1..2' "  $2" "  $3" "$4")
	run step_newer_selftest
	[ "$(cat "$TOP/built")" = 7.3 ]
}

@test "where it has to pass, what it says counts" {
	ran 0 'ok 1 a' 'ok 2 b' 'ok 1 new_test'
	says 'count 6.1-newer-selftest: 2 passed, 0 failed, 0 skipped'
	ran 1 'ok 1 a' 'not ok 2 b' 'not ok 1 new_test # exit=1'
	says 'count 6.1-newer-selftest: 1 passed, 1 failed, 0 skipped'
	ran 125 'ok 1 a'
	says 'count 6.1-newer-selftest: '
	run ! grep -q '[1-9][0-9]* passed, 0 failed' <<<"$output"
}

@test "where it cannot run, it skips for that reason, and for no other" {
	NEWER_SELFTEST_SKIPS='needs a newer kernel'
	ran 4 'ok 1 a # SKIP needs a newer kernel' 'ok 2 b # SKIP needs a newer kernel' 'ok 1 new_test # SKIP'
	says 'skip: 6.1-newer-selftest: as expected, needs a newer kernel'
	run ! says FAIL
	ran 4 'ok 1 a # SKIP needs a newer kernel' 'ok 2 b # SKIP no /dev/kvm' 'ok 1 new_test # SKIP'
	says 'FAIL 6.1-newer-selftest: 0 passed, 0 failed, 2 skipped, but all of it should be skipped'
	ran 0 'ok 1 a' 'ok 2 b # SKIP needs a newer kernel' 'ok 1 new_test'
	says 'FAIL 6.1-newer-selftest: 1 passed'
	ran 1 'not ok 1 a' 'ok 2 b # SKIP needs a newer kernel' 'not ok 1 new_test # exit=1'
	says 'FAIL 6.1-newer-selftest: 0 passed, 1 failed'
	ran 4 'ok 1 a # SKIP' 'ok 2 b # SKIP' 'ok 1 new_test # SKIP'
	says 'FAIL 6.1-newer-selftest'
	ran 125 'ok 1 a # SKIP needs a newer kernel'
	says 'FAIL 6.1-newer-selftest'
}

@test "the newest base has no newer one" {
	BASE=7.3
	run step_newer_selftest
	says 'skip: 7.3-newer-selftest: 7.3 is the newest'
}
