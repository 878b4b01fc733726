#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# prove/storm/stress without a boot: bad arguments, and what it makes of a VM's end, with a fake rig/vm.
# shellcheck disable=SC2016,SC2154 # the fake expands its own variables; bats sets stderr_lines

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset KINDS MINUTES PARTS SEED BOOT
	export BUILD=$BATS_TEST_TMPDIR/build
}

# A copy of the project whose VM says $1 on stdout, $2 on stderr and ends with status $3.
fake() {
	top=$BATS_TEST_TMPDIR/top
	mkdir -p "$top"
	cp -a rig prove measure deliver ci bases patches "$top/"
	printf '%s\n' "$1" >"$BATS_TEST_TMPDIR/out"
	printf '%s' "$2" >"$BATS_TEST_TMPDIR/err"
	printf '%s\n' '#!/bin/sh' "cp $BATS_TEST_TMPDIR/err \"\$LOGDIR/stderr\"" 'echo "$CMD" >"$LOGDIR/cmd"' \
		'echo "vm: LOST (a reason), log x" >&2' "cat $BATS_TEST_TMPDIR/out" "exit $3" >"$top/rig/vm"
	export BOOT=/nonexistent KINDS=plain MINUTES=1
}

counts=$'time 3\nchurn 7\nbrackets 200\ncounted 150\nelsewhere 20\nguest 9'

@test "bad arguments: one line that names the thing, status 2" {
	# refused TEXT VARIABLE=VALUE...
	refused() {
		run -2 --separate-stderr env "${@:2}" prove/storm/stress
		[ "${#stderr_lines[@]}" = 1 ]
		[[ ${stderr_lines[0]} == *"$1"* ]] || { echo "$1: ${stderr_lines[0]}"; false; }
	}
	refused "stress: error: MINUTES=some is no number of minutes" MINUTES=some
	refused "MINUTES=0 is no number" MINUTES=0
	refused "SEED=-1 is no number" SEED=-1
	refused "KINDS=other is unknown" KINDS="debug other"
	refused "PARTS=rain is unknown" PARTS=rain
	refused "are several" BOOT=/x
	refused "KERNEL=distro is not for storms" KERNEL=distro
	run -2 prove/storm/stress now
}

@test "passed; the seed and the length reach the VM" {
	fake "$counts"$'\nbroken 0' "" 0
	SEED=42 run -0 --separate-stderr "$top/prove/storm/stress"
	want="passed: 150 brackets counted (20 exact off the TSC, 9 by a guest), 0 broken, 7 VMs, 3 steps and slews"
	[ "${lines[0]}" = "6.1-patched-plain $want" ]
	[ "${lines[1]}" = "1 passed, 0 failed, 0 skipped" ]
	[ "$(cat "$BUILD/log/stress/6.1-patched-plain/cmd")" = \
		"./storm-run 60 42 8192 vm churn fuzz time clocksource cpus suspend victims memory" ]
	grep -qx kvm_get_wall_clock_epoch "$BUILD/stress/touched"
}

@test "a broken invariant fails patched, and on stock is only said; a leak is a failure there, too" {
	fake "$counts"$'\nbroken 2\nfirst_broken it moved' "" 3
	run -1 --separate-stderr "$top/prove/storm/stress"
	[[ ${lines[0]} == *"FAILED: "*" by a guest), 2 broken, "*"it moved"* ]]
	VARIANT=stock run -0 --separate-stderr "$top/prove/storm/stress"
	[[ ${lines[0]} == *"passed, as stock: "*"the first: it moved" ]]
	fake "$counts"$'\nbroken 2\nfirst_broken it moved' $'storm-run: VMs are left: 1-2\n' 1
	VARIANT=stock run -1 --separate-stderr "$top/prove/storm/stress"
	[[ ${lines[0]} == *"FAILED: "*"VMs are left: 1-2"* ]]
	[ "${lines[1]}" = "0 passed, 1 failed, 0 skipped" ]
}

@test "a lost VM is lost" {
	fake "" "" 125
	run -125 --separate-stderr "$top/prove/storm/stress"
	[ "${lines[0]}" = "6.1-patched-plain LOST: vm: LOST (a reason), log x" ]
}
