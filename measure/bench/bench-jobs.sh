# SPDX-License-Identifier: GPL-2.0-only
# The jobs of measure/bench/bench: what one boot measures. A job is a command for the VM that writes JSON documents of the bench.
# Usage: . measure/bench/bench-jobs.sh (by measure/bench/bench)
# shellcheck shell=bash disable=SC2154,SC2034 # the variables are those of measure/bench/bench

# What QEMU's emulated CPU has but does not announce by itself: a constant TSC, TSC scaling.
readonly SCALING_CPU=max,+invtsc,+tsc-scale,x-force-features=on
# One tick is one instruction then, and costs repeat exactly.
readonly ICOUNT="-icount shift=0,sleep=off"
readonly COUNTS="1 4 16 64"
readonly FLEETS="1 10 100"
readonly MORE_CLOCKSOURCES="hpet acpi_pm"
# The cases that write epochs, and those that have a reading for each of them.
readonly EPOCHS="msr msr_old noclock old_time before xen"
readonly PATHS="guest guest_noclock spread spread_noclock instant trips trips_noclock"
readonly COSTS="cost cost_noclock cost_old_time cost_before"

job_names="idle loaded plain vcpus vms cost selftest"
[ -z "$FULL" ] || job_names="idle loaded plain full full_loaded cost selftest"

# bench CASES OPTION...: one run of the program; each is one JSON document.
bench() {
	local case words=()
	for case in $1; do words+=(--case "$case"); done
	printf '%s --json %s || exit\n' "./$(basename "$program")" "${words[*]} ${*:2}"
}

# job NAME: sets what the boot needs beside the defaults, and the command.
job() {
	local n vms clocksource
	cpu=$SCALING_CPU smp=2 mem=1G qemu_args='' limit=480 files=$program
	case $1 in
	# All there is, under each clocksource.
	idle)
		command=$(
			bench "$EPOCHS $PATHS resnapshot pairs same_rate rate versions future scaling" --tries "$TRIES" --age "$AGE"
			for clocksource in $MORE_CLOCKSOURCES; do
				bench "msr before xen guest spread trips instant" --tries "$((TRIES / 4))" --clocksource "$clocksource"
			done
		)
		;;
	loaded)
		command=$(
			bench "$EPOCHS guest guest_noclock spread trips" --tries "$TRIES" --busy "$BUSY"
			for clocksource in $MORE_CLOCKSOURCES; do
				bench "msr xen" --tries "$((TRIES / 4))" --busy "$BUSY" --clocksource "$clocksource"
			done
		)
		;;
	# The TSC's rate per CPU, as QEMU's CPU has it by itself.
	plain)
		cpu=max
		command=$(bench "$EPOCHS trips resnapshot" --tries "$TRIES" --age "$AGE")
		;;
	vcpus) command=$(for n in $COUNTS; do bench "msr noclock before" --tries "$((TRIES / 4))" --vcpus "$n"; done) ;;
	vms) command=$(for n in $FLEETS; do bench "msr noclock before" --tries "$((TRIES / 4))" --vms "$n" --vcpus 1; done) ;;
	full | full_loaded)
		mem=4G limit=43200
		command=$(for clocksource in tsc $MORE_CLOCKSOURCES; do
			for n in $COUNTS; do
				for vms in $FLEETS; do
					bench "$EPOCHS" --tries "$TRIES" --vcpus "$n" --vms "$vms" --clocksource "$clocksource" \
						"$([ "$1" = full ] || echo "--busy $BUSY")"
				done
			done
		done)
		;;
	cost)
		cpu=max,+invtsc,x-force-features=on smp=1 qemu_args=$ICOUNT limit=900
		command=$(
			bench "$COSTS"
			for n in ${COUNTS#1 }; do bench "cost cost_noclock" --vcpus "$n"; done
			for n in ${FLEETS#1 }; do bench "cost cost_noclock" --vms "$n"; done
			bench cost --clocksource hpet
		)
		;;
	selftest)
		files=$selftest
		# shellcheck disable=SC2086 # a list
		command="ktap-run -l 240$(in_vm $selftest)"
		;;
	esac
}

# host_job NAME: the same on the machine itself, whose clocksource is left alone; nothing where the job has no sense there.
host_job() {
	local n
	case $1 in
	idle) bench "$EPOCHS $PATHS resnapshot pairs same_rate rate versions future scaling" --tries "$TRIES" --age "$AGE" ;;
	loaded) bench "$EPOCHS guest guest_noclock spread trips" --tries "$TRIES" --busy "$BUSY" ;;
	vcpus | full) for n in $COUNTS; do bench "msr noclock before" --tries "$((TRIES / 4))" --vcpus "$n"; done ;;
	vms) for n in $FLEETS; do bench "msr noclock before" --tries "$((TRIES / 4))" --vms "$n" --vcpus 1; done ;;
	cost) for n in $COUNTS; do bench "$COSTS" --vcpus "$n"; done ;;
	esac
}
