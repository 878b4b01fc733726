#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# rig/selftest with programs that play the builds and QEMU: what it makes of a VM's KTAP and verdict.
# Needs the patched tree of BASE (make tree), whose kunit.py judges.

# shellcheck disable=SC2016,SC2154 # what the played programs expand; bats sets stderr and stderr_lines

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset APPEND BASE CASE CMD FILES FRAGMENTS LINUX LOGDIR TIMEOUT VARIANT
	KUNIT_TREE=${KUNIT_TREE:-$(bash -c '. rig/lib.sh && load_base && tree_dir')}
	top=$BATS_TEST_TMPDIR
	export KUNIT_TREE BUILD=$top/build BOOT=$top/boot FAKE=$top/fake QEMU=$PWD/tests/fixtures/fake-qemu
	cp -r rig bases "$top/"
	mkdir -p "$BOOT" "$FAKE" "$BUILD" "$BATS_FILE_TMPDIR/pycache"
	# What Python compiles is made once.
	ln -s "$BATS_FILE_TMPDIR/pycache" "$BUILD/"
	echo kernel >"$BOOT/bzImage"
	echo 6.1.192 >"$BOOT/release"
	: >"$BOOT/modules.cpio"
	printf '#!/bin/sh\necho "%s/bzImage"\n' "$BOOT" >"$top/rig/kernel"
	printf '#!/bin/sh\nfor test; do touch "%s/${test##*/}"; echo "%s/${test##*/}"; done\n' "$top" "$top" \
		>"$top/rig/kselftests"
	echo exit >"$FAKE/end"
	cp tests/fixtures/splat/clean/console.log "$FAKE/console"
}

# stream CASE STATUS: the VM's KTAP is that of fixtures/ktap/CASE, ktap-run's status in it STATUS.
stream() {
	cp "tests/fixtures/ktap/$1/results.ktap" "$FAKE/stdout"
	printf '%s\n' "start 6.1.192" "status $2" "stdout $(stat -c %s "$FAKE/stdout")" \
		"stderr 0" "tainted 0" end "" >"$FAKE/verdict"
}

# ends STATUS OUTPUT: so does rig/selftest.
ends() {
	run "-$1" --separate-stderr "$top/rig/selftest"
	[ "$output" = "$2" ]
}

@test "pass: the counts are the last line, the KTAP is kept, until a VM is lost" {
	stream pass-some-skipped 0
	ends 0 "3 passed, 0 failed, 1 skipped"
	[[ $stderr == *"[PASSED] guest MSR"* ]]
	cmp "$FAKE/stdout" "$BUILD/results/6.1-patched-rig.ktap"
	cp tests/fixtures/splat/kasan/console.log "$FAKE/console"
	ends 125 ""
	[ ! -e "$BUILD/results/6.1-patched-rig.ktap" ]
	[[ $stderr == *"vm: LOST ("*"BUG: KASAN"* ]]
	[[ ${stderr_lines[-1]} == "selftest: the VM was lost with status 125"* ]]
}

@test "fail, with the failed case named; everything skipped is no pass, nor what is worse than the status beside it" {
	stream fail-nested 1
	ends 1 "2 passed, 1 failed, 0 skipped"
	[[ $stderr == *"[FAILED] b"* ]]
	stream skip-all-nested 4
	ends 4 "0 passed, 0 failed, 2 skipped"
	for case in truncated empty; do
		stream $case 0
		run -1 --separate-stderr "$top/rig/selftest"
	done
}

@test "hung" {
	stream truncated-nested 0
	rm "$FAKE/verdict"
	echo 'exec sleep 100' >"$FAKE/end"
	TIMEOUT=1 ends 124 ""
	[[ ${stderr_lines[-1]} == *"what had come until then: 3 passed, 2 failed, 0 skipped" ]]
}

@test "a build that fails ends it; one clear line: a 32-bit host" {
	mkdir -p "$BUILD/tree/6.1/out-rig-i386/boot"
	touch "$BUILD/tree/6.1/out-rig-i386/boot/busybox"
	FRAGMENTS=i386 ends 2 ""
	[[ $stderr == "selftest: error: FRAGMENTS=\"i386\" makes a 32-bit host, "* ]]
	printf '#!/bin/sh\nexit 2\n' >"$top/rig/kernel"
	ends 2 ""
	[ ! -e "$BUILD/log/vm" ]
}

@test "CASE, TESTs and the time limit reach ktap-run" {
	stream pass 0
	echo exit 1 >"$FAKE/end"
	CASE="it's host*" TIMEOUT=40 LOGDIR=$top/log run -125 "$top/rig/selftest" x86_64/one two
	mkdir "$top/root"
	(cd "$top/root" && cpio -i --quiet --no-absolute-filenames <"$top/log/initrd")
	[ "$(cat "$top/root/work/.cmd")" = "ktap-run -l 30 -c 'it'\''s host*' ./one ./two" ]
	[ -e "$top/root/work/one" ]
	[ -e "$top/root/work/two" ]
}

@test "the rig and the lab ask for the cases that change the host, by the name that the programs know" {
	for base in "$BATS_TEST_DIRNAME"/../../patches/*; do
		for topic in cpu-online epoch; do
			grep -qF '+	bool destructive = getenv("KVM_CLOCK_DESTRUCTIVE");' \
				"$base"/*-$topic/*-KVM-selftests-*.patch
		done
	done
	for file in rig/guest/init ci/lava/run-kselftest; do
		grep -qx 'export KVM_CLOCK_DESTRUCTIVE=1' "$BATS_TEST_DIRNAME/../../$file"
	done
}
