#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The verdict of the step clock_tests of scripts/test, on results made here: try N of a test on a variant is word N of its list.
# shellcheck disable=SC2034,SC2317 # the step reads the variables, and calls the functions

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/synthetic.bash"

setup() {
	TOP=$BATS_TEST_TMPDIR
	log=$TOP
	results=$TOP
	BASE=9.9
	CLOCK_TESTS="x86/one x86/two"
	. "$PROJECT/scripts/test-steps.sh"
	selftest() { play "$@"; }
}

say() { echo "$*"; }
check() { if "${@:2}"; then echo "pass: $1"; else echo "FAIL: $1"; fi; }

# play NAME VARIANT TEST...: the next word of played-TEST-VARIANT, where LOST ends the run with no further result.
play() {
	local test name n=0 result
	echo "$2 ${*:3}" >>"$TOP/ran"
	echo "KTAP version 1" >"$TOP/$1.ktap"
	for test in "${@:3}"; do
		name=$(basename "$test")
		n=$((n + 1))
		read -r result rest <"$TOP/played-$name-$2"
		[ -z "$rest" ] || echo "$rest" >"$TOP/played-$name-$2"
		case $result in
		pass) echo "ok $n $name" ;;
		skip) echo "ok $n $name # SKIP no clock" ;;
		fail) echo "not ok $n $name # exit=254" ;;
		LOST) return 125 ;;
		esac >>"$TOP/$1.ktap"
	done
}

# played STOCK PATCHED: of the test two; one passes at once.
played() {
	echo pass | tee "$TOP/played-one-stock" >"$TOP/played-one-patched"
	echo "$1" >"$TOP/played-two-stock"
	echo "$2" >"$TOP/played-two-patched"
	: >"$TOP/ran"
	run step_clock_tests
}

@test "the same on both passes at once, whatever it is" {
	for result in pass fail skip; do
		played $result $result
		says 'pass: 9.9-clock-tests-same-as-stock'
		[ "$(cat "$TOP/ran")" = $'stock x86/one x86/two\npatched x86/one x86/two' ]
	done
}

@test "what differs each time is a failure, and is named" {
	played pass fail
	says 'not the same on stock and patched, try 3 of 3: x86/two'
	says 'patched: two not ok'
	grep -q '^not ok' "$TOP/9.9-clock-tests-patched-try-1.ktap"
	says 'FAIL: 9.9-clock-tests-same-as-stock'
	played fail pass
	says 'FAIL: 9.9-clock-tests-same-as-stock'
	played pass skip
	says 'FAIL: 9.9-clock-tests-same-as-stock'
}

@test "what differs once runs again, alone, on both" {
	played pass 'fail pass'
	says 'pass: 9.9-clock-tests-same-as-stock'
	[ "$(tail -n +3 "$TOP/ran")" = $'stock x86/two\npatched x86/two' ]
}

@test "no result is not the same" {
	played LOST LOST
	says 'FAIL: 9.9-clock-tests-same-as-stock'
	played 'LOST pass' pass
	says 'pass: 9.9-clock-tests-same-as-stock'
}
