#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The step of `make test` that runs the scripts' own tests: what they see of the environment, and that a broken one counts. Bats is played.
# shellcheck disable=SC2030,SC2031,SC2154,SC2317 # bats: each test is a shell of its own; the step calls what is defined here

bats_require_minimum_version 1.5.0

setup() {
	TOP=$BATS_TEST_TMPDIR/top
	log=$BATS_TEST_TMPDIR/log
	results=$BATS_TEST_TMPDIR/results
	mkdir -p "$TOP/tests" "$BATS_TEST_TMPDIR/bin" "$log" "$results"
	cp "$BATS_TEST_DIRNAME/../Makefile" "$TOP/"
	: >"$TOP/tests/one.bats"
	: >"$TOP/tests/boot.bats"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	rig() { echo a-tree; }
	count() { echo "count $*"; }
	fail() { echo "fail $*"; }
	# shellcheck source=scripts/test-steps.sh
	. "$BATS_TEST_DIRNAME/../scripts/test-steps.sh"
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
