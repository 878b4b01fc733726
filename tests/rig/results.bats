#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# rig/results, deliver/kselftest-ktap and what ci/test publishes: KTAP, JSON and JUnit for a CI.
# Needs the source of the newest base, whose kunit.py writes JUnit, and the patched tree of BASE (make tree), whose
# kunit.py judges.
# shellcheck disable=SC2154 # bats sets stderr

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	KUNIT_TREE=${KUNIT_TREE:-$(bash -c '. rig/lib.sh && load_base && tree_dir')}
	export KUNIT_TREE BUILD=$BATS_FILE_TMPDIR/build
	out=$BATS_TEST_TMPDIR/out
}

# junit FILE: a line for each case: its class, name and result.
junit() {
	python3 - "$1" <<-'END'
		import sys
		import xml.etree.ElementTree as ET
		for case in ET.parse(sys.argv[1]).iter("testcase"):
		    results = [child.tag for child in case if child.tag != "system-out"]
		    print(case.get("classname"), case.get("name"), *(results or ["passed"]))
	END
}

@test "JUnit and JSON name base, variant, topic, program and case, and their results" {
	cat >"$out.ktap" <<-'END'
		KTAP version 1
		1..2
		  KTAP version 1
		  # Subtest: kvm_clock_epoch_test
		  1..3
		  ok 1 a
		  # got 3, not 2
		  not ok 2 b
		  ok 3 c # SKIP no TSC
		not ok 1 kvm_clock_epoch_test # exit=1
		ok 2 other_test
	END
	run -0 --separate-stderr rig/results 6.1-patched-hpet "$out"
	[ "$output" = "$out.xml" ]
	diff - <(junit "$out.xml") <<-'END'
		6.1-patched-hpet.epoch.kvm_clock_epoch_test a passed
		6.1-patched-hpet.epoch.kvm_clock_epoch_test b failure
		6.1-patched-hpet.epoch.kvm_clock_epoch_test c skipped
		6.1-patched-hpet other_test passed
	END
	grep -q 'got 3, not 2' "$out.xml"
	[ "$(jq -r '.sub_groups[0] | .name, .sub_groups[0].test_cases[].status' "$out.json" | paste -sd' ')" = \
		"6.1-patched-hpet PASS FAIL SKIP" ]
}

@test "a run that was lost is a failed case; one clear line: a name that no file can have" {
	run -0 rig/results 7.3-patched "$out"
	[ "$(junit "$out.xml")" = "7.3-patched lost failure" ]
	run -2 rig/results 'a b/c' "$out"
	[ "$output" = "results: error: NAME=a b/c: letters, digits and _.+- only" ]
}

@test "kselftest-ktap gives what ktap-run gives for the same programs" {
	cat >"$out" <<-'END'
		TAP version 13
		1..4
		# selftests: kvm: a_test
		# TAP version 13
		# 1..3
		# ok 1 one
		# # 3 ns
		# ok 2 two # SKIP no TSC
		# not ok 3 three
		not ok 1 selftests: kvm: a_test # exit=1
		# selftests: kvm: b_test
		# hello
		ok 2 selftests: kvm: b_test
		# selftests: kvm: c_test
		# 1..0 # SKIP - no Xen
		ok 3 selftests: kvm: c_test # SKIP
		# selftests: kvm: d_test
		# TAP version 13
		# 1..2
		# ok 1 one
		#
		not ok 4 selftests: kvm: d_test # TIMEOUT 120 seconds
	END
	run -0 deliver/kselftest-ktap "$out"
	diff - <(printf '%s\n' "$output") <<-'END'
		KTAP version 1
		1..4
		  KTAP version 1
		  # Subtest: a_test
		  1..3
		  ok 1 one
		  # 3 ns
		  ok 2 two # SKIP no TSC
		  not ok 3 three
		not ok 1 a_test # exit=1
		# hello
		ok 2 b_test
		# 1..0 # SKIP - no Xen
		ok 3 c_test # SKIP - no Xen
		  KTAP version 1
		  # Subtest: d_test
		  1..2
		  ok 1 one
		  # 
		not ok 4 d_test # TIMEOUT 120 seconds
	END
}

@test "kselftest-ktap: cut off in a program, and before one: failures, also by ktap; no output of run_kselftest.sh" {
	printf '%s\r\n' "TAP version 13" "1..2" "# selftests: kvm: a_test" "# TAP version 13" "# 1..2" "# ok 1 one" \
		>"$out"
	deliver/kselftest-ktap "$out" >"$out.ktap"
	grep -qx 'not ok 1 a_test # exit=125' "$out.ktap"
	grep -qx 'not ok 2 never-came # exit=125' "$out.ktap"
	run -1 --separate-stderr rig/ktap "$out.ktap"
	for text in "hello" "" "1..0"; do
		echo "$text" >"$out"
		run -2 --separate-stderr deliver/kselftest-ktap "$out"
		[[ ${stderr_lines[-1]} == \
			"kselftest-ktap: error: $out is no output of run_kselftest.sh: it has no plan" ]]
	done
}

@test "the end of make test names the case that failed, with what it said before" {
	local results=$BATS_TEST_TMPDIR passed=0 failed=0 skipped=0 failures=()
	eval "$(sed -n '/^count() {$/,/^}$/p' ci/test)"
	say() { :; }
	printf '  ok 1 a\n  # got 3, expected 4\n  not ok 2 b\nnot ok 1 test\n' >"$results/k.ktap"
	count k "1 passed, 1 failed, 5 skipped"
	[ "$passed $failed $skipped" = "1 1 5" ]
	[ "${failures[0]}" = "k: 1 passed, 1 failed, 5 skipped" ]
	[[ ${failures[1]} == *"# got 3, expected 4"*"not ok 2 b"* ]]
	count k "2 passed, 0 failed, 0 skipped"
	[ "${#failures[@]}" = 2 ]
}
