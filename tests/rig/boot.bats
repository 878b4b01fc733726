#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# rig/vm with real boots of the boot folder $BOOT, or of the kernel that rig/kernel made for BASE, VARIANT and KERNEL.

# shellcheck disable=SC2016,SC2154 # what expands in the VM only; bats sets stderr and stderr_lines

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset APPEND CMD CPU FILES MEM QEMU QEMU_ARGS SMP TIMEOUT
	export LOGDIR=$BATS_TEST_TMPDIR/log
	source='cat /sys/devices/system/clocksource/clocksource0/current_clocksource'
}

teardown() {
	# What bats shows of a failed test.
	[ -n "$BATS_TEST_COMPLETED" ] || { printf '%s\n' "$stderr"; tail -n 30 "$LOGDIR/console.log"; }
}

# lost PATTERN: the reason that vm gave at its end.
lost() {
	local start="vm: LOST (" end="), log $LOGDIR/console.log"
	# shellcheck disable=SC2027,SC2053 # a pattern between two texts
	[[ ${stderr_lines[-1]} == "$start"$1"$end" ]]
}

@test "CMD runs beside its FILES, with the TSC calibrated before KVM; status and output come back whole" {
	printf '#!/bin/sh\nseq 20000\nexit 7\n' >"$BATS_TEST_TMPDIR/program"
	chmod +x "$BATS_TEST_TMPDIR/program"
	CMD='pwd
		echo to stderr >/dev/stderr
		'"$source"'
		for file in /dev/kvm /sys/kernel/debug/kvm /proc/self/fd/1; do [ -e $file ] || echo no $file; done
		dmesg | sed -n "s/.*Refined TSC.*/refined/p; s/.*Nested Paging enabled.*/kvm/p"
		/usr/bin/timeout --foreground 10 true || echo no timeout
		sleep 1000 &
		exec ./program' FILES=$BATS_TEST_TMPDIR/program run -7 --separate-stderr rig/vm
	[ "${output%%$'\n1\n'*}" = $'/work\ntsc\nrefined\nkvm' ]
	seq 20000 | cmp - <(tail -n 20000 "$LOGDIR/stdout")
	[ "$(cat "$LOGDIR/stderr")" = "to stderr" ]
	[ "${stderr_lines[-1]}" = "vm: status 7" ]
}

@test "a CMD that suspends the VM still reports; its stderr is in the console log, too" {
	BUTTON=2 CMD='echo before
		echo freeze >/sys/power/state && cat /sys/power/suspend_stats/success
		echo told >&2
		exit 3' run -3 --separate-stderr rig/vm
	[ "$output" = $'before\n1' ]
	[ "$(cat "$LOGDIR/stderr")" = told ]
	grep -q '^told' "$LOGDIR/console.log"
	[ "${stderr_lines[-1]}" = "vm: status 3" ]
}

@test "lost: panic in mid-run" {
	# With so much more written, through pipes that hold 64 KiB, the first line is out before the panic.
	CMD='echo before; seq 50000; echo c >/proc/sysrq-trigger; sleep 100' run -125 --separate-stderr rig/vm
	lost "*Kernel panic - not syncing: sysrq triggered crash*"
	[ "${lines[0]}" = before ]
}

@test "lost: switched off in mid-run" {
	CMD='reboot -f' run -125 --separate-stderr rig/vm
	lost "died without a verdict; the last it said was: start *"
}

@test "lost: KVM cannot be loaded" {
	boot=${BOOT:-$(bash -c '. rig/lib.sh && load_base && out_dir')/boot}
	cp -rs "$(realpath "$boot")" "$BATS_TEST_TMPDIR/boot"
	# The archive may also hold the ports' modules: then not even the verdict can travel.
	ln -sf /dev/null "$BATS_TEST_TMPDIR/boot/modules.cpio"
	BOOT=$BATS_TEST_TMPDIR/boot CMD=true run -125 --separate-stderr rig/vm
	lost "*: no /dev/kvm: modprobe kvm_amd: *" || lost "died before it could run CMD: no virtio-serial ports *"
}

@test "a CPU that KVM cannot use: every test is skipped, and that is no pass" {
	printf '#!/bin/sh\n[ -e /dev/kvm ] || exit 4\n' >"$BATS_TEST_TMPDIR/program"
	chmod +x "$BATS_TEST_TMPDIR/program"
	CPU=qemu64,-svm CMD='ktap-run ./program' FILES=$BATS_TEST_TMPDIR/program run -4 --separate-stderr rig/vm
	[ "${lines[-1]}" = "ok 1 program # SKIP" ]
}

@test "a TSC that must not be used is not waited for" {
	APPEND=tsc=unstable CMD="$source; [ -c /dev/kvm ]" run -0 --separate-stderr rig/vm
	[ "$output" != tsc ]
}

@test "the shell without CMD" {
	type_in() {
		until grep -q '/work #' "$LOGDIR/console.log" 2>/dev/null; do sleep 0.1; done
		printf 'echo $((6 * 7)); cat /proc/uptime >/dev/console\nexit\n'
	}
	TIMEOUT=60 run -0 --separate-stderr rig/vm < <(type_in)
	grep '^42' <<<"$output"
	[ "${stderr_lines[-1]}" = "vm: status 0" ]
}
