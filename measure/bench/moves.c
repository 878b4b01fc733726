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
#define TRIP_BOUND_NS	1

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

/* The boot vCPU on the old MSR of the system time keeps the master clock off; on the new one it comes back. */
void run_pairs(const struct bench_case *self)
{
	const struct guest_write off_and_on[] = {
		{ MSR_KVM_SYSTEM_TIME, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE },
		{ MSR_KVM_SYSTEM_TIME_NEW, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE },
	};
	struct clock_reading reading;
	struct vm vm, control;
	int64_t moved;
	int i;

	(void)self;
	vm_create_running(&vm, 1);
	vm_create_running(&control, 1);
	require_master_clock(&control);
	vm_guest_writes(&vm, 0, &off_and_on[0], 1);
	vm_run(&vm, 0);
	get_clock(&vm, &reading);
	if (reading.flags & KVM_CLOCK_TSC_STABLE)
		not_measured("the master clock stays in use with the boot vCPU on the old MSR");
	vm_guest_writes(&vm, 0, &off_and_on[1], 1);
	vm_run(&vm, 0);
	require_master_clock(&vm);

	moved = epoch_distance(&vm, &control);
	for (i = 0; i < PAIRS; i++)
		vm_guest_writes(&vm, 0, off_and_on, sizeof(off_and_on) / sizeof(off_and_on[0]));
	vm_run(&vm, 0);
	require_master_clock(&vm);
	moved -= epoch_distance(&vm, &control);

	metric("pairs", PAIRS, "the guest had the master clock turned off and on");
	metric("moved_ns", moved, "they moved its clock, against the untouched VM's, by");
	if (llabs(moved) > PAIRS_BOUND_NS)
		affected("a clock that the guest moves by its own MSR writes (%s ns in %d pairs)", grouped(moved), PAIRS);
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

	(void)self;
	vm_create_running(&vm, RATE_VCPUS + 1);
	set_msr(&vm, 0, MSR_KVM_SYSTEM_TIME_NEW, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE);
	usleep(SETTLE_US);
	for (i = 0; i < 2 * vm.nr_vcpus; i++)
		vm_run(&vm, i % vm.nr_vcpus);
	require_master_clock(&vm);

	time = vm_memory(&vm, GPA_VCPU_TIME);
	for (i = 1; i < vm.nr_vcpus; i++) {
		version = time->version;
		khz = ioctl(vm.vcpu_fd[i], KVM_GET_TSC_KHZ, NULL);
		if (khz <= 0)
			failed("KVM_GET_TSC_KHZ gives no frequency");
		if (ioctl(vm.vcpu_fd[i], KVM_SET_TSC_KHZ, (unsigned long)khz) < 0)
			failed("KVM_SET_TSC_KHZ refused %d kHz, which KVM_GET_TSC_KHZ gave", khz);
		vm_run(&vm, i);
		vm_run(&vm, 0);
		updates += time->version != version;
	}

	metric("rate_vcpus", RATE_VCPUS, "vCPUs whose TSC frequency was set to what it was");
	metric("updates", updates, "updates of the master clock that came of it");
	if (updates)
		affected("master clock updates for a TSC frequency that stays (%s for %d vCPUs)", grouped(updates), RATE_VCPUS);
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
