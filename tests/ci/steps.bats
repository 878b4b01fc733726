#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The step of `make test` that runs the scripts' own tests: what they see of the environment, and that a broken one counts. Bats is played.
# shellcheck disable=SC2030,SC2031,SC2154,SC2317 # bats: each test is a shell of its own; the step calls what is defined here

bats_require_minimum_version 1.5.0

setup() {
	TOP=$BATS_TEST_TMPDIR/top
	log=$BATS_TEST_TMPDIR/log
	results=$BATS_TEST_TMPDIR/results
	mkdir -p "$TOP/tests/rig" "$BATS_TEST_TMPDIR/bin" "$log" "$results"
	cp "$BATS_TEST_DIRNAME/../../Makefile" "$TOP/"
	: >"$TOP/tests/one.bats"
	: >"$TOP/tests/rig/boot.bats"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	rig() { echo a-tree; }
	count() { echo "count $*"; }
	fail() { echo "fail $*"; }
	# shellcheck source=ci/test-steps.sh
	. "$BATS_TEST_DIRNAME/../../ci/test-steps.sh"
}

# functions_of NAME...: those of ci/test.
functions_of() {
	local name
	for name; do eval "$(sed -n "/^$name() {\$/,/^}\$/p" "$BATS_TEST_DIRNAME/../../ci/test")"; done
}

# played LINE...: what bats does.
played() {
	printf '%s\n' '#!/bin/bash' "$@" >"$BATS_TEST_TMPDIR/bin/bats"
	chmod +x "$BATS_TEST_TMPDIR/bin/bats"
}

@test "nothing that make was told reaches them" {
	# shellcheck disable=SC2016 # the played program expands it
	played 'env | sed "s/=.*//" >"$SEEN"' 'echo 1..1; echo ok 1 a'
	SEEN=$BATS_TEST_TMPDIR/seen BASE=7.3 VARIANT=stock CASE=x PARTS=vm MAKEFLAGS=e run -0 step_fixtures
	[ "$output" = "count one.bats 1 passed, 0 failed, 0 skipped" ]
	grep -qx KUNIT_TREE "$BATS_TEST_TMPDIR/seen"
	run -1 grep -xE 'BASE|VARIANT|CASE|PARTS' "$BATS_TEST_TMPDIR/seen"
}

@test "one that fails, or ends before its plan, counts" {
	played 'echo 1..2; echo ok 1 a; echo not ok 2 b; exit 1'
	run -0 step_fixtures
	[ "$output" = "count one.bats 1 passed, 1 failed, 0 skipped" ]
	played 'echo 1..2; echo ok 1 a'
	run -0 step_fixtures
	[[ $output == "fail one.bats: 1 of 2 tests gave a result"* ]]
}

@test "several are run, each has its time, and those that need a kernel or a series are for other steps" {
	touch "$TOP/tests/rig"/{two,bench-vm,mail-series}.bats
	echo larger >"$TOP/tests/three.bats"
	played 'echo 1..1; echo ok 1 a'
	J=1 run -0 step_fixtures
	[ "${lines[0]}" = "count three.bats 1 passed, 0 failed, 0 skipped" ]
	[ "$(sort <<<"$output")" = "$(printf 'count %s.bats 1 passed, 0 failed, 0 skipped\n' one three two)" ]
	[ "$(cut -d' ' -f1 "$results/fixture-times" | sort | paste -sd' ')" = "one.bats three.bats two.bats" ]
	grep -qE '^one.bats [0-9.]+ [0-9.]+ [0-9.]+$' "$results/fixture-times"
}

@test "a step has its time, and the system its share of it" {
	# shellcheck disable=SC2034 # run_step's
	local passed=0 failed=0 skipped=0
	functions_of spent run_step longest
	say() { :; }
	# shellcheck disable=SC2034 # run_step's
	step_busy() { passed=1; bash -c 'for ((i = 0; i < 100000; i++)); do :; done'; }
	run_step busy 6.1
	[[ $(cat "$results/times") =~ ^busy$'\t'6\.1$'\t'[0-9]+$'\t'[1-9][0-9]*$'\t'[0-9]+$ ]]
	printf '%s\t%s\t%s\t%s\t%s\n' a - 5 1000 3000 b 6.1 70 90 10 c 6.12 6 0 0 d 7.3 6 1 1 e 7.3 6 3 1 f 7.3 1 0 0 >"$results/times"
	run -0 longest
	[ "$output" = "longest: 6.1 b 70 s (system 10 %), 6.12 c 6 s (system 0 %), 7.3 d 6 s (system 50 %), 7.3 e 6 s (system 25 %), a 5 s \
(system 75 %); all steps 94 s (system 73 %)" ]
}
