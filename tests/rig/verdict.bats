#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# splat, ktap and ktap-run against the cases in fixtures/: each folder holds the input, the expected status and output.
# Needs the patched tree of BASE (make tree), whose kunit.py judges.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	# The parser is that of the tree that is there, and is compiled once.
	KUNIT_TREE=${KUNIT_TREE:-$(bash -c '. rig/lib.sh && load_base && tree_dir')}
	export KUNIT_TREE BUILD=$BATS_FILE_TMPDIR/build
	cases=tests/fixtures
	faults=0
}

# expect CASE STATUS OUTPUT: compares with the case's expectations, tells what differs and counts it.
expect() {
	local status output
	status=$(cat "$1/expected-status")
	output=$(cat "$1/expected-output")
	[ "$2" = "$status" ] && [ "$3" = "$output" ] && return
	faults=$((faults + 1))
	printf '%s:\n  expected %s: %s\n  got      %s: %s\n' "$1" "$status" "$output" "$2" "$3"
}

# all_as_expected KIND FILE: rig/KIND on FILE of each case.
all_as_expected() {
	local case status output
	for case in "$cases/$1"/*/; do
		status=0
		output=$("rig/$1" "$case/$2" 2>/dev/null) || status=$?
		expect "$case" "$status" "$output"
	done
	[ "$faults" = 0 ]
}

@test "splat tells clean, offending and empty console logs apart" {
	all_as_expected splat console.log
}

@test "splat finds the first of many splats in a long log, and names a log that does not exist" {
	log=$BATS_TEST_TMPDIR/console.log
	{
		echo "WARNING: CPU: 0 PID: 1 at the-first"
		seq 20000 | sed 's/.*/[ & ] BUG: KASAN: and many more of them/'
	} >"$log"
	run -1 rig/splat "$log"
	[ "$output" = "WARNING: CPU: 0 PID: 1 at the-first" ]
	rm "$log"
	run -2 rig/splat "$log"
	[ "$output" = "splat: error: cannot read $log" ]
}

@test "ktap tells passed, failed, cut-off and skipped streams apart" {
	all_as_expected ktap results.ktap
	KUNIT_TREE=$BATS_TEST_TMPDIR run -2 rig/ktap "$cases"/ktap/pass/results.ktap
	[[ $output == *"no kunit.py in $BATS_TEST_TMPDIR; make tree"* ]]
}

@test "ktap-run turns programs into a stream, and ktap judges it alike" {
	# As in the VM: BusyBox's shell and tools.
	tools=$BATS_TEST_TMPDIR/bin
	mkdir "$tools"
	busybox --install -s "$tools"
	stream=$BATS_TEST_TMPDIR/stream
	for case in "$cases"/ktap-run/*/; do
		run_status=0
		status=0
		arguments=()
		[ ! -e "$case/arguments" ] || read -ra arguments <"$case/arguments"
		PATH=$tools "$tools/sh" rig/guest/ktap-run "${arguments[@]}" "${case}program" >"$stream" ||
			run_status=$?
		diff -u "$case/expected-stream" "$stream" || faults=$((faults + 1))
		output=$(rig/ktap "$stream" 2>/dev/null) || status=$?
		expect "$case" "$status" "$output"
		expect "$case" "$run_status" "$output"
	done
	[ "$faults" = 0 ]
}

@test "ktap-run: one stream for several programs, one of them missing" {
	cd "$cases/ktap-run"
	LC_ALL=C run -1 --separate-stderr busybox sh ../../../rig/guest/ktap-run \
		plain-pass/program ./none tap-fail/program
	diff -u - <(printf '%s\n' "$output") <<-'END'
		KTAP version 1
		1..3
		# delta 3 ns
		# a warning
		ok 1 program
		# /usr/bin/timeout: failed to run command './none': No such file or directory
		not ok 2 none # exit=127
		  KTAP version 1
		  # Subtest: program
		  1..2
		  ok 1 a
		  not ok 2 b
		not ok 3 program # exit=1
	END
}

@test "ktap-run prints each line when it comes" {
	cat >"$BATS_TEST_TMPDIR/program" <<-END
		#!/bin/sh
		echo first
		until [ -e "$BATS_TEST_TMPDIR/seen" ]; do sleep 0.02; done
	END
	chmod +x "$BATS_TEST_TMPDIR/program"
	busybox sh rig/guest/ktap-run -l 20 "$BATS_TEST_TMPDIR/program" >"$BATS_TEST_TMPDIR/stream" 3>&- &
	until grep -q '^# first' "$BATS_TEST_TMPDIR/stream" || ! kill -0 $!; do sleep 0.02; done
	touch "$BATS_TEST_TMPDIR/seen"
	wait $!
	tail -n 1 "$BATS_TEST_TMPDIR/stream" | grep '^ok 1 program$'
}
