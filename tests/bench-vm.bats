#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# kvm-clock-bench in the VM, as root, where it may change the clocksource. Needs BOOT, a boot folder of scripts/kernel.
# shellcheck disable=SC2016,SC2154 # what the VM expands; bats sets output

bats_require_minimum_version 1.5.0

setup_file() {
	make -s -C "$BATS_TEST_DIRNAME/../bench" OUT="$BATS_FILE_TMPDIR"
}

setup() {
	cd "$BATS_TEST_DIRNAME/.." || return
	export FILES=$BATS_FILE_TMPDIR/kvm-clock-bench LOGDIR=$BATS_TEST_TMPDIR/log
	now=/sys/devices/system/clocksource/clocksource0/current_clocksource
}

@test "--clocksource: measured with that one, and put back at the end" {
	CMD="./kvm-clock-bench --case msr --case cost --tries 100 --clocksource hpet --json; cat $now" run -0 --separate-stderr scripts/vm
	[ "$(sed '/^}$/q' <<<"$output" | jq -c '[.clocksource, .cases.msr.tries, .cases.msr.master_clock]')" = '["hpet",100,0]' ]
	[ "${lines[-1]}" = tsc ]
}

@test "--clocksource: put back on Ctrl-C, SIGTERM and SIGHUP, and no child left" {
	CMD='for signal in INT TERM HUP; do
			./kvm-clock-bench --case msr --tries 5000000 --busy 3 --clocksource acpi_pm & sleep 3
			cat '$now'; kill -$signal $!; wait $!; echo "status $?"; cat '$now'; sleep 0.5; pidof kvm-clock-bench
		done; true' run -0 --separate-stderr scripts/vm
	[ "$(paste -sd' ' <<<"$output")" = "acpi_pm status 130 tsc acpi_pm status 143 tsc acpi_pm status 129 tsc" ]
}

@test "a fleet takes more files than the hard limit has; root may" {
	TIMEOUT=300 CMD='ulimit -n 500; ./kvm-clock-bench --case before --tries 100 --vcpus 64 --vms 9 --json' run -0 --separate-stderr scripts/vm
	[ "$(jq -c '.cases.before | [.measured, .vcpus, .vms]' <<<"$output")" = '[true,64,9]' ]
}
