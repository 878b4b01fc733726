#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# kvm-clock-bench in the VM, as root, where it may change the clocksource. Needs BOOT, a boot folder of rig/kernel.
# shellcheck disable=SC2016,SC2154 # what the VM expands; bats sets output

bats_require_minimum_version 1.5.0

setup_file() {
	make -s -C "$BATS_TEST_DIRNAME/../../measure/bench" OUT="$BATS_FILE_TMPDIR"
}

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	export FILES=$BATS_FILE_TMPDIR/kvm-clock-bench LOGDIR=$BATS_TEST_TMPDIR/log
	now=/sys/devices/system/clocksource/clocksource0/current_clocksource
}

@test "--clocksource: measured with that one, and put back at the end" {
	CMD="./kvm-clock-bench --case msr --case cost --tries 100 --clocksource hpet --json; cat $now" \
		run -0 --separate-stderr rig/vm
	sed '/^}$/q' <<<"$output" |
		jq -e '.clocksource == "hpet" and .cases.msr.tries == 100 and .cases.msr.master_clock == 0'
	[ "${lines[-1]}" = tsc ]
}

@test "--clocksource: put back on Ctrl-C, SIGTERM and SIGHUP, and no child left" {
	# Each wait ends with what it waits for, or with the VM's limit. Five: the program, its busy loops, the case.
	CMD='for signal in INT TERM HUP; do
			./kvm-clock-bench --case msr --tries 5000000 --busy 3 --clocksource acpi_pm &
			until grep -qx acpi_pm '$now' && [ $(pidof kvm-clock-bench | wc -w) = 5 ]; do sleep 0.1; done
			cat '$now'; kill -$signal $!; wait $!; echo "status $?"; cat '$now'
			while pidof kvm-clock-bench >/dev/null; do sleep 0.1; done
		done; true' run -0 --separate-stderr rig/vm
	[ "$(paste -sd' ' <<<"$output")" = "acpi_pm status 130 tsc acpi_pm status 143 tsc acpi_pm status 129 tsc" ]
}

@test "the 32-bit program: the same cases as the 64-bit one, and each has a value or a reason" {
	FILES+=" $BATS_FILE_TMPDIR/kvm-clock-bench32" TIMEOUT=300 CMD='./kvm-clock-bench --list >64
		./kvm-clock-bench32 --list | cmp 64 - >&2 && wc -l <64
		./kvm-clock-bench32 --tries 500 --age 1 --json' \
		run -0 --separate-stderr rig/vm
	jq -es '.[0] as $nr | [.[1].cases[] | (.measured and length > 1) or (.reason | length > 0)] |
		length == $nr and all' <<<"$output"
}

@test "a fleet takes more files than the hard limit has; root may" {
	TIMEOUT=300 CMD='ulimit -n 500; ./kvm-clock-bench --case before --tries 100 --vcpus 64 --vms 9 --json' \
		run -0 --separate-stderr rig/vm
	[ "$(jq -c '.cases.before | [.measured, .vcpus, .vms]' <<<"$output")" = '[true,64,9]' ]
}
