#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What the step selftest of scripts/test makes of a case that fails once.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154,SC2317 # the step reads the variables; bats sets output

bats_require_minimum_version 1.5.0

setup() {
	PROJECT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	log=$BATS_TEST_TMPDIR/log
	results=$BATS_TEST_TMPDIR/results
	runs=$BATS_TEST_TMPDIR/runs
	mkdir -p "$log" "$results"
	skipped=0
	unsteady=()
	. "$PROJECT/scripts/rig.sh"
	. "$PROJECT/scripts/test-steps.sh"
	selftest() { played "$@"; }
}

count() { echo "count $1: $2"; }

# played NAME VARIANT: for selftest, the next of the results that outcomes has: 0 all pass, 1 case b fails, 2 both cases fail, lost.
played() {
	echo "${CASE:-all}" >>"$runs"
	case $(sed -n "$(wc -l <"$runs")p" <<<"$outcomes") in
	0) printf '  ok 1 a\n  ok 2 b\n' >"$results/$1.ktap"; echo "2 passed, 0 failed, 0 skipped" ;;
	1) printf '  ok 1 a\n  # got 3, expected 4\n  not ok 2 b\n' >"$results/$1.ktap"; echo "1 passed, 1 failed, 0 skipped" ;;
	2) printf '  not ok 1 a\n  not ok 2 b\n' >"$results/$1.ktap"; echo "0 passed, 2 failed, 0 skipped" ;;
	lost) echo lost ;;
	esac
}

# steps OUTCOME...: of the runs, in their order.
steps() {
	outcomes=$(printf '%s\n' "$@")
	rm -f "$runs"
	patched k >"$BATS_TEST_TMPDIR/out" 2>&1
	output=$(cat "$BATS_TEST_TMPDIR/out")
	ran=$(paste -sd' ' "$runs")
}

@test "a run that passes is one run" {
	steps 0
	[ "$output" = "count k: 2 passed, 0 failed, 0 skipped" ]
	[ "$ran" = all ]
	[ "$skipped" = 0 ]
}

@test "a case that fails once is run again five times, then all cases: said, and skipped" {
	steps 1 0 0 0 0 0 0
	[[ $output == *"got 3, expected 4"*"not ok 2 b"*"count k: 2 passed, 0 failed, 0 skipped" ]]
	[ "$ran" = "all b b b b b all" ]
	[ "$skipped" = 1 ]
	[ "${unsteady[*]}" = "k: b failed once ($log/k-first.ktap)" ]
	grep -q 'not ok 2 b' "$log/k-first.ktap"
}

@test "one that fails again is a failure, at the first time" {
	steps 1 0 0 1
	[[ $output == *"count k: 1 passed, 1 failed, 0 skipped" ]]
	[ "$ran" = "all b b b" ]
	[ "$skipped" = 0 ]
	grep -q 'not ok 2 b' "$results/k.ktap"
	steps 1 lost
	[[ $output == *"count k: 1 passed, 1 failed, 0 skipped" ]]
	steps 1 0 0 0 0 0 1
	[[ $output == *"count k: 1 passed, 1 failed, 0 skipped" ]]
}

@test "two cases that fail are not run again" {
	steps 2
	[ "$output" = "count k: 0 passed, 2 failed, 0 skipped" ]
	[ "$ran" = all ]
}
