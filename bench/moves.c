// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clocks that move although nobody moved them, and a clock that is set to where no epoch exists.
 *
 * A VM's epoch (realtime - clock of KVM_GET_CLOCK) drifts with NTP, and so does that of every other VM: what counts is
 * its distance to the epoch of an untouched VM, the control.
 */
#include <stdlib.h>
#include <time.h>

#include "bench.h"
#include "vm.h"

/* Distances are a median of this many: one that was interrupted between two readings does not count. */
#define DISTANCES	101

/* Each trip cuts three values to whole ns, mostly in the same direction: 1 ns a trip is the price of the interface. */
#define TRIPS		1000
#define TRIP_BOUND_NS	1

/* A distance is rounded to whole ns at either end. */
#define JUMP_BOUND_NS	2

/* Ahead of real time by this much: the epoch would be before 1970. */
#define FUTURE_S	100
/* The seconds between the write of the epoch and the look at it. */
#define FUTURE_BOUND_S	1
#define SECONDS_A_YEAR	31556952LL

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

static void measure_trips(const struct bench_case *self, void (*mode)(struct vm *vm, unsigned int vcpus))
{
	unsigned int vcpus = vcpus_or(1, mode == mode_noclock ? TWO_VCPUS : 1);
	struct clock_reading reading, after, first, last;
	int64_t drift, start, moves[TRIPS], *series;
	struct vm vm, control;
	unsigned int i;

	mode(&vm, vcpus);
	mode(&control, vcpus);
	series = new_series("moved_series_ns", SERIES_SIZE);
	get_clock(&control, &first);
	require_realtime(&first);
	drift = -epoch_distance(&vm, &control);
	get_clock(&vm, &reading);
	start = reading_epoch(&reading);
	for (i = 0; i < TRIPS; i++) {
		get_clock(&vm, &reading);
		require_realtime(&reading);
		set_clock(&vm, &reading);
		get_clock(&vm, &after);
		moves[i] = reading_epoch(&after) - reading_epoch(&reading);
		/* The control moves by NTP alone: by less than the last digit of what is drawn. */
		if (i % (TRIPS / SERIES_SIZE) == 0)
			series[i / (TRIPS / SERIES_SIZE)] = reading_epoch(&after) - start;
	}
	drift += epoch_distance(&vm, &control);
	get_clock(&control, &last);

	metric("vcpus", vcpus, "vCPUs in the VM");
	metric("trips", TRIPS, "KVM_GET_CLOCK, then KVM_SET_CLOCK with what it gave");
	metric("median_ns", percentile(moves, TRIPS, MEDIAN), "one trip moved realtime - clock by, median");
	metric("drift_ns", drift, "they moved realtime - clock, against the untouched VM, by");
	metric("control_ns", reading_epoch(&last) - reading_epoch(&first), "the untouched VM's own moved meanwhile by");
	if (llabs(drift) > TRIPS * TRIP_BOUND_NS)
		affected("KVM_SET_CLOCK moving the epoch in %s (%s ns in %d trips)", self->name, grouped(drift), TRIPS);
}

void run_trips(const struct bench_case *self)
{
	measure_trips(self, mode_master);
}

void run_trips_noclock(const struct bench_case *self)
{
	measure_trips(self, mode_noclock);
}

/* A TSC far from what the others have: a new generation of TSCs, whose snapshot every kernel takes anew. */
static void rewrite_tsc(struct vm *vm)
{
	set_msr(vm, 0, MSR_IA32_TSC, get_msr(vm, 0, MSR_IA32_TSC) + FAR_TSC);
	vm_run(vm, 0);
}

void run_resnapshot(const struct bench_case *self)
{
	struct vm grown, rewritten, control;
	int64_t vcpu_jump, tsc_jump, jump;

	(void)self;
	vm_create_running(&grown, 1);
	vm_create_running(&rewritten, 1);
	vm_create_running(&control, 1);
	require_master_clock(&grown);
	require_master_clock(&rewritten);
	/* The clock jumps ahead when the epoch falls back. */
	vcpu_jump = epoch_distance(&grown, &control);
	tsc_jump = epoch_distance(&rewritten, &control);
	sleep_age();

	vm_add_vcpu(&grown);
	vm_run(&grown, 1);
	vcpu_jump -= epoch_distance(&grown, &control);
	rewrite_tsc(&rewritten);
	tsc_jump -= epoch_distance(&rewritten, &control);
	jump = larger(vcpu_jump, tsc_jump);

	metric("age_s", options.age_s, "age of the master clock snapshot that was replaced");
	metric("vcpu_jump_ns", vcpu_jump, "the clock jumped, when a second vCPU was created, by");
	metric("tsc_jump_ns", tsc_jump, "the clock jumped, when the TSC was written, by");
	metric("jump_ns", jump, "the larger of the two");
	metric("jump_ns_per_s", rounded_div(jump, options.age_s), "and per second of age");
	if (llabs(jump) > JUMP_BOUND_NS)
		affected("a jump at a new master clock snapshot (%s ns after %u s)", grouped(jump), options.age_s);
}

void run_future(const struct bench_case *self)
{
	struct clock_reading reading = { 0 };
	volatile struct wall_clock *wc;
	int64_t now, epoch, error_s;
	struct timespec ts;
	struct vm vm;

	(void)self;
	vm_create_running(&vm, 1);
	clock_gettime(CLOCK_REALTIME, &ts);
	reading.clock = (uint64_t)((ts.tv_sec + FUTURE_S) * NSEC_PER_SEC + ts.tv_nsec);
	set_clock(&vm, &reading);
	vm_run(&vm, 0);
	set_msr(&vm, 0, MSR_KVM_WALL_CLOCK_NEW, GPA_WALL_CLOCK);
	wc = vm_memory(&vm, GPA_WALL_CLOCK);
	epoch = wc->sec * NSEC_PER_SEC + wc->nsec;
	get_clock(&vm, &reading);
	clock_gettime(CLOCK_REALTIME, &ts);
	now = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	error_s = rounded_div(epoch + (int64_t)reading.clock - now, NSEC_PER_SEC);

	metric("ahead_s", FUTURE_S, "the clock was set ahead of real time by: no epoch can be right");
	metric("epoch_s", rounded_div(epoch, NSEC_PER_SEC), "the guest got the epoch (0 is the nearest there is)");
	metric("error_s", error_s, "the guest's wall clock is wrong by");
	if (llabs(error_s - FUTURE_S) > FUTURE_BOUND_S)
		affected("a garbage epoch for a clock beyond real time (wrong by %s s, %s years)", grouped(error_s),
			 grouped(rounded_div(error_s, SECONDS_A_YEAR)));
}
