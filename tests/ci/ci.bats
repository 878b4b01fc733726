#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ci/: the jobs of CI systems and of a lab, what runs on the lab's machine, and what is made of its log.
# The schemas are LAVA's own, from Debian's packages, which come into the cache.
# shellcheck disable=SC2016,SC2154 # what the played program expands; bats sets output and stderr

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset BASE VARIANT KERNEL LINUX
	export BUILD=$BATS_TEST_TMPDIR/build
	top=$BATS_TEST_TMPDIR
}

# device: what run-kselftest finds on a machine of a lab; its results come out as LAVA's signals.
device() {
	mkdir -p "$top/bin" "$top/kselftest"
	printf '%s\n' '#!/bin/sh' 'echo "<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=$1 RESULT=$3>"' >"$top/bin/lava-test-case"
	printf '%s\n' '#!/bin/sh' 'echo "<LAVA_SIGNAL_TESTSET TEST_CASE_ID=$*>"' >"$top/bin/lava-test-set"
	echo "a_test epoch" >"$top/kselftest/topics"
	printf '%s\n' '#!/bin/sh' "head -n 3 '$top/output'; tail -n +4 '$top/output' >>/dev/stdout" \
		>"$top/kselftest/run_kselftest.sh"
	chmod +x "$top"/bin/lava-test-* "$top/kselftest/run_kselftest.sh"
	PATH=$top/bin:$PATH
}

two_programs() {
	printf '%s\r\n' "TAP version 13" "1..${1:-2}" "# selftests: kvm: a_test" "# TAP version 13" "# 1..3" \
		"# ok 1 one" "# # 3 ns" "# ok 2 two # SKIP no TSC" "# not ok 3 - three" \
		"not ok 1 selftests: kvm: a_test # exit=1" \
		"# selftests: kvm: b_test" "# hello" "ok 2 selftests: kvm: b_test # SKIP" >"$top/output"
}

@test "GitLab and GitHub run the README's two commands, and keep what these leave" {
	/usr/bin/python3 - <<-'END'
		import re, yaml
		readme = open("README.md").read()
		block = re.search(r"## Two commands\n\n```\n(.*?)```", readme, re.S).group(1)
		commands = [line.split("#")[0].strip() for line in block.splitlines()]
		assert len(commands) == 2, commands
		gitlab = yaml.safe_load(open("ci/gitlab-ci.yml"))
		jobs = {name: job for name, job in gitlab.items() if isinstance(job, dict) and "script" in job}
		assert [c for job in jobs.values() for c in job["script"]] == commands, jobs
		assert all(job["extends"] == ".rig" for job in jobs.values())
		kept = gitlab[".rig"]["artifacts"]
		assert kept["when"] == "always" and "build/results/" in kept["paths"], kept
		assert jobs["test"]["artifacts"]["reports"]["junit"].startswith("build/results/test/junit/")
		job = yaml.safe_load(open("ci/github-workflow.yml"))["jobs"]["rig"]
		runs = [step["run"] for step in job["steps"] if "matrix" in step.get("run", "")]
		made = [runs[0].replace("${{ matrix.command }}", c) for c in job["strategy"]["matrix"]["command"]]
		assert len(runs) == 1 and made == commands, made
		upload = [s for s in job["steps"] if s.get("uses", "").startswith("actions/upload-artifact")][0]
		assert upload["if"] == "always()" and "build/results/" in upload["with"]["path"], upload
	END
}

@test "run-kselftest reports the machine, every case, every program and the plan" {
	device
	two_programs
	run -0 busybox sh ci/lava/run-kselftest "$top/kselftest"
	[[ ${lines[0]} == "machine: kernel $(uname -r), clocksource "*", cpu "* ]]
	diff - <(grep -o 'TEST_CASE_ID=.*[^>]' <<<"$output") <<-'END'
		TEST_CASE_ID=start epoch
		TEST_CASE_ID=a_test.one RESULT=pass
		TEST_CASE_ID=a_test.two RESULT=skip
		TEST_CASE_ID=a_test.three RESULT=fail
		TEST_CASE_ID=a_test RESULT=fail
		TEST_CASE_ID=stop
		TEST_CASE_ID=b_test RESULT=skip
		TEST_CASE_ID=plan RESULT=pass
	END
	two_programs 3
	run -0 busybox sh ci/lava/run-kselftest "$top/kselftest"
	[[ ${lines[-1]} == *"TEST_CASE_ID=plan RESULT=fail>" ]]
	: >"$top/output"
	run -0 busybox sh ci/lava/run-kselftest "$top/kselftest"
	[[ ${lines[-1]} == *"TEST_CASE_ID=plan RESULT=fail>" ]]
}

# lava_log RESULT...: what lava-run logs for such results, CASE=RESULT each.
lava_log() {
	local word
	local dt='{"dt": "2026-11-24T23:00:00.0", "lvl":'
	echo "$dt \"target\", \"msg\": \"kvm: [1] loaded\"}"
	for word; do
		echo "$dt \"results\", \"msg\": {\"case\": \"${word%=*}\", \"definition\": \"0_kvm-clock\"," \
			"\"endtc\": ! \"701\", \"result\": \"${word#*=}\", \"set\": \"epoch\"}}"
	done
	echo "$dt \"results\", \"msg\": {\"case\": \"job\", \"definition\": \"lava\", \"result\": \"pass\"}}"
}

@test "lava ktap: a program and its cases; a run that was cut off fails" {
	lava_log a_test.one=pass a_test.two=skip a_test.three=fail a_test=fail b_test=pass plan=pass >"$top/log"
	diff - <(deliver/lava ktap "$top/log") <<-'END'
		KTAP version 1
		1..2
		  KTAP version 1
		  # Subtest: a_test
		  1..3
		  ok 1 one
		  ok 2 two # SKIP
		  not ok 3 three
		not ok 1 a_test
		ok 2 b_test
	END
	lava_log a_test.one=pass >"$top/log"
	diff - <(deliver/lava ktap "$top/log") <<-'END'
		KTAP version 1
		1..2
		  KTAP version 1
		  # Subtest: a_test
		  1..1
		  ok 1 one
		not ok 1 a_test
		not ok 2 plan
	END
	lava_log >"$top/log"
	run -2 deliver/lava ktap "$top/log"
	[ "$output" = "lava: error: $top/log has no results of a test definition" ]
}

@test "the lab's job, test definition and device are what LAVA's own schemas want; and not when a word is wrong" {
	[ "$(id -u)" = 0 ] || skip "lava-run has to be root"
	export CACHE=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kvm-wall-clock}
	cp -r rig prove measure deliver bases ci patches "$top/"
	run -0 "$top/deliver/lava" validate
	[ "${lines[-1]}" = "lava: device, job and test definition are valid" ]
	while read -r file change; do
		cp "ci/lava/$file" "$top/ci/lava/$file"
		sed -i "$change" "$top/ci/lava/$file"
		run ! cmp -s "ci/lava/$file" "$top/ci/lava/$file"
		run -2 "$top/deliver/lava" validate
		[[ ${lines[-1]} == "lava: error: ci/lava is not what LAVA's schemas want, see above" ]]
		cp "ci/lava/$file" "$top/ci/lava/$file"
	done <<-'END'
		job.yaml.jinja2 s/method: qemu/method: none/
		job.yaml.jinja2 s/format: cpio.newc/format: cpio/
		job.yaml.jinja2 /^visibility/d
		kselftest.yaml s/Definition 1.0/Definition 9/
		kselftest.yaml s/steps:/step:/
	END
}
