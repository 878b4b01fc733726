#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# rig/vm with real boots in Bochs, of the boot folder $BOOT or of the kernel that rig/kernel made.

# shellcheck disable=SC2016,SC2154 # what expands in the VM only; bats sets stderr and stderr_lines

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset APPEND CMD CPU FILES IPS MEM QEMU_ARGS SMP TIMEOUT
	export LOGDIR=$BATS_TEST_TMPDIR/log EMULATOR=bochs
}

teardown() {
	# What bats shows of a failed test.
	[ -n "$BATS_TEST_COMPLETED" ] || { printf '%s\n' "$stderr"; tail -n 30 "$LOGDIR"/{console,bochs}.log; }
}

@test "two VMs in Bochs at once: KVM for Intel, the TSC calibrated, status and output come back whole" {
	LOGDIR=$BATS_TEST_TMPDIR/other CMD='exit 3' rig/vm 2>/dev/null 3>&- &
	other=$!
	CMD='cat /sys/devices/system/clocksource/clocksource0/current_clocksource
		[ -e /dev/kvm ] && grep -o ^kvm_intel /proc/modules
		echo to stderr >/dev/stderr
		seq 2000
		exit 7' run -7 --separate-stderr rig/vm
	diff <(echo tsc; echo kvm_intel; seq 2000) "$LOGDIR/stdout"
	[ "$(cat "$LOGDIR/stderr")" = "to stderr" ]
	status=0
	wait $other || status=$?
	[ "$status" = 3 ]
}

@test "lost in Bochs: panic in mid-run" {
	CMD='echo before; echo c >/proc/sysrq-trigger; sleep 100' run -125 --separate-stderr rig/vm
	[[ ${stderr_lines[-1]} == "vm: LOST ("*"Kernel panic - not syncing: sysrq triggered crash"* ]]
}

@test "lost in Bochs: switched off in mid-run, and hung" {
	CMD='reboot -f' run -125 --separate-stderr rig/vm
	[[ ${stderr_lines[-1]} == "vm: LOST (died without a verdict; the last it said was: start "* ]]
	TIMEOUT=5 CMD=true run -124 --separate-stderr rig/vm
	[[ ${stderr_lines[-1]} == "vm: LOST (hung: not ended after 5 s"* ]]
}
