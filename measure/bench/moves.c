// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clocks that move although nobody moved them, and a clock that is set to where no epoch exists.
 *
 * A VM's epoch (realtime - clock of KVM_GET_CLOCK) drifts with NTP, and so does that of every other VM: what counts is
 * its distance to the epoch of an untouched VM, the control.
 */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "vm.h"

/* Distances are a median of this many: one that was interrupted between two readings does not count. */
#define DISTANCES	101

/* Each trip cuts three values to whole ns, mostly in the same direction: 1 ns a trip is the price of the interface. */
#define TRIPS		1000
#define TRIPS_BOUND_NS	TRIPS

/* A distance is rounded to whole ns at either end. */
#define JUMP_BOUND_NS	2

/*
 * Times that the guest has the master clock turned off and on. Rounding each time to the nearest ns walks some 30 ns
 * (sqrt(PAIRS / 12)); cutting each time is PAIRS / 2 ns or more, one way.
 */
#define PAIRS		10000
#define PAIRS_BOUND_NS	200

/* vCPUs whose rate is set again, beside the one that shows what comes of it. */
#define RATE_VCPUS	16
/* What a vCPU's first run asks of all vCPUs comes 100 ms later (KVMCLOCK_UPDATE_DELAY). */
#define SETTLE_US	200000

/* Ahead of real time by this much: the epoch would be before 1970. */
#define FUTURE_S	100
/* The seconds between the write of the epoch and the look at it. */
#define FUTURE_BOUND_S	1
#define SECONDS_A_YEAR	31556952LL

static void require_realtime(const struct clock_reading *reading)
{
	if (!has_realtime(reading))
		not_measured("KVM_GET_CLOCK gives no realtime here (before v5.16 it never does)");
}

/* The control is read on both sides and averaged, so that a slew of the wall clock between the readings cancels. */
static int64_t epoch_distance(struct vm *vm, struct vm *control)
{
	struct clock_reading before, reading, after;
	int64_t distances[DISTANCES];
	int64_t base, slew;
	unsigned int i;

	for (i = 0; i < DISTANCES; i++) {
		get_clock(control, &before);
		get_clock(vm, &reading);
		get_clock(control, &after);
		require_realtime(&before);
		require_realtime(&reading);
		require_realtime(&after);
		base = reading_epoch(&before);
		slew = reading_epoch(&after) - base;
		distances[i] = reading_epoch(&reading) - base - rounded_div(slew, 2);
	}
	return percentile(distances, DISTANCES, MEDIAN);
}

void run_trips(const struct bench_case *self)
{
	int64_t moved, start = 0, *series = new_series("moved_series_ns", SERIES_SIZE);
	unsigned int i, vcpus = case_vcpus(self, 1);
	struct clock_reading reading;
	struct vm vm, control;

	self->mode(&vm, vcpus);
	self->mode(&control, vcpus);
	moved = -epoch_distance(&vm, &control);
	for (i = 0; i < TRIPS; i++) {
		get_clock(&vm, &reading);
		require_realtime(&reading);
		set_clock(&vm, &reading);
		if (!i)
			start = reading_epoch(&reading);
		/* The control moves by NTP alone: by less than the last digit of what is drawn. */
		get_clock(&vm, &reading);
		series[i / (TRIPS / SERIES_SIZE)] = reading_epoch(&reading) - start;
	}
	moved += epoch_distance(&vm, &control);

	metric("drift_ns", moved, "1000 trips moved realtime - clock, against an untouched VM, by");
	if (llabs(moved) > TRIPS_BOUND_NS)
		affected("KVM_SET_CLOCK moving the epoch in %s (%s ns in %d trips)", self->name, grouped(moved), TRIPS);
}

void run_resnapshot(const struct bench_case *self)
{
	struct vm grown, rewritten, control;
	int64_t vcpu_jump, tsc_jump, jump;

	self->mode(&grown, 1);
	self->mode(&rewritten, 1);
	self->mode(&control, 1);
	require_master_clock(&grown);
	require_master_clock(&rewritten);
	/* The clock jumps ahead when the epoch falls back. */
	vcpu_jump = epoch_distance(&grown, &control);
	tsc_jump = epoch_distance(&rewritten, &control);
	sleep_age();

	vm_add_vcpu(&grown);
	vm_run(&grown, 1);
	vcpu_jump -= epoch_distance(&grown, &control);
	/* A TSC far from what the others have: a new generation of TSCs, whose snapshot every kernel takes anew. */
	set_msr(&rewritten, 0, MSR_IA32_TSC, get_msr(&rewritten, 0, MSR_IA32_TSC) + FAR_TSC);
	vm_run(&rewritten, 0);
	tsc_jump -= epoch_distance(&rewritten, &control);
	jump = larger(vcpu_jump, tsc_jump);

	metric("vcpu_jump_ns", vcpu_jump, "the clock jumped, when a second vCPU was created, by");
	metric("tsc_jump_ns", tsc_jump, "the clock jumped, when the TSC was written, by");
	metric("jump_ns", jump, "the larger of the two");
	metric("jump_ns_per_s", rounded_div(jump, options.age_s), "and per second of the snapshot's age, --age");
	if (llabs(jump) > JUMP_BOUND_NS)
		affected("a jump at a new master clock snapshot (%s ns after %u s)", grouped(jump), options.age_s);
}

/* The boot vCPU on the old MSR of the system time keeps the master clock off; on the new one it comes back. */
void run_pairs(const struct bench_case *self)
{
	static const struct guest_write off_and_on[] = {
		{ MSR_KVM_SYSTEM_TIME, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE },
		{ MSR_KVM_SYSTEM_TIME_NEW, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE },
	};
	struct vm vm, control;
	int64_t moved;
	int i;

	self->mode(&vm, 1);
	vm_create_running(&control, 1);
	require_master_clock(&control);
	vm_guest_writes(&vm, 0, &off_and_on[1], 1);
	vm_run(&vm, 0);
	require_master_clock(&vm);

	moved = epoch_distance(&vm, &control);
	for (i = 0; i < PAIRS; i++)
		vm_guest_writes(&vm, 0, off_and_on, 2);
	vm_run(&vm, 0);
	require_master_clock(&vm);
	moved -= epoch_distance(&vm, &control);

	metric("moved_ns", moved, "10,000 times off and on moved its clock, against that of an untouched VM, by");
	if (llabs(moved) > PAIRS_BOUND_NS)
		affected("a clock that the guest moves by its own MSR writes (%s ns in %d pairs)", grouped(moved),
			 PAIRS);
}

/* An update of the master clock has the area of every vCPU written anew, when that runs. */
void run_same_rate(const struct bench_case *self)
{
	const volatile struct vcpu_time *time;
	int64_t updates = 0;
	unsigned int i;
	uint32_t version;
	struct vm vm;
	int khz;

	self->mode(&vm, RATE_VCPUS + 1);
	set_msr(&vm, 0, MSR_KVM_SYSTEM_TIME_NEW, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE);
	usleep(SETTLE_US);
	vm_run_all(&vm);
	require_master_clock(&vm);

	time = vm_memory(&vm, GPA_VCPU_TIME);
	for (i = 1; i < vm.nr_vcpus; i++) {
		version = time->version;
		khz = vm_tsc_khz(&vm, i);
		if (ioctl(vm.vcpu_fd[i], KVM_SET_TSC_KHZ, (unsigned long)khz) < 0)
			failed("KVM_SET_TSC_KHZ refused %d kHz, which KVM_GET_TSC_KHZ gave", khz);
		vm_run(&vm, i);
		vm_run(&vm, 0);
		updates += time->version != version;
	}

	metric("updates", updates, "updates of the master clock, when 16 vCPUs got the TSC frequency that they had");
	if (updates)
		affected("master clock updates for a TSC frequency that stays (%s for %d vCPUs)", grouped(updates),
			 RATE_VCPUS);
}

void run_future(const struct bench_case *self)
{
	struct clock_reading reading = { .clock = clock_now(CLOCK_REALTIME) + FUTURE_S * NSEC_PER_SEC };
	int64_t epoch, error_s;
	struct vm vm;

	self->mode(&vm, 1);
	set_clock(&vm, &reading);
	vm_run(&vm, 0);
	set_msr(&vm, 0, MSR_KVM_WALL_CLOCK_NEW, GPA_WALL_CLOCK);
	epoch = written_epoch(vm_memory(&vm, GPA_WALL_CLOCK));
	get_clock(&vm, &reading);
	error_s = rounded_div(epoch + (int64_t)reading.clock - (int64_t)clock_now(CLOCK_REALTIME), NSEC_PER_SEC);

	metric("error_s", error_s, "set 100 s ahead, where no epoch can be right, the guest's wall clock is wrong by");
	if (llabs(error_s - FUTURE_S) > FUTURE_BOUND_S)
		affected("a garbage epoch for a clock beyond real time (wrong by %s s, %s years)", grouped(error_s),
			 grouped(rounded_div(error_s, SECONDS_A_YEAR)));
}
