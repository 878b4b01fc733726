// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest reads, by each of the clocks that it is given.
 *
 * A guest adds kvmclock, computed from its time page and its TSC, to the epoch of its wall clock. Here it asks for both
 * by itself and reads its TSC, and its sum is held against the host's CLOCK_REALTIME.
 */
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <x86intrin.h>

#include "bench.h"
#include "vm.h"

/* Three values cut to whole ns on either side. */
#define GUEST_BOUND_NS	3
#define ROUNDING_NS	2

/*
 * Where another counter than the TSC is the clocksource, and in a 32-bit kernel, KVM pairs the TSC and the time by
 * reads of both. 10 us lie between them at most, unless something interrupts it several times in a row.
 */
#define PAIR_BOUND_NS	10000

/* A pair of clocks is the narrowest of so many: an interrupt in one of them does not count. */
#define PAIR_TRIES	4
#define RATE_TRIES	1001
#define PPB		1000000000LL
#define MILLION		1000000

/* A guest takes its time: it enters and leaves the VM for each MSR. */
#define GUEST_TRIES_DIVISOR	10

/* CLOCK_REALTIME, and the TSC before and after it. */
struct pair {
	uint64_t low;
	uint64_t high;
	uint64_t realtime;
};

static struct pair read_pair(void)
{
	struct pair pair, best = { .high = UINT64_MAX };
	int i;

	for (i = 0; i < PAIR_TRIES; i++) {
		pair.low = __rdtsc();
		pair.realtime = clock_now(CLOCK_REALTIME);
		pair.high = __rdtsc();
		if (pair.high - pair.low < best.high - best.low)
			best = pair;
	}
	return best;
}

/* CLOCK_REALTIME at that TSC, on the line through two points. */
static uint64_t on_line(uint64_t tsc, uint64_t tsc1, uint64_t real1, uint64_t tsc2, uint64_t real2)
{
	double part = (double)(int64_t)(tsc - tsc1) / (double)(int64_t)(tsc2 - tsc1);

	return real1 + (uint64_t)(int64_t)(part * (double)(int64_t)(real2 - real1));
}

static int64_t guest_bound(void)
{
	struct utsname uts;

	uname(&uts);
	if (!strcmp(clocksource(), "tsc") && !strcmp(uts.machine, "x86_64"))
		return GUEST_BOUND_NS;
	return GUEST_BOUND_NS + PAIR_BOUND_NS;
}

void run_guest(const struct bench_case *self)
{
	static const struct guest_write boot[] = {
		{ MSR_KVM_WALL_CLOCK_NEW, GPA_WALL_CLOCK },
		{ MSR_KVM_SYSTEM_TIME_NEW, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE },
	};
	unsigned int i, tries = (options.tries + GUEST_TRIES_DIVISOR - 1) / GUEST_TRIES_DIVISOR;
	struct tally error = { .histogram = new_series("error_histogram", NR_BUCKETS) };
	int64_t bound = guest_bound();
	uint64_t tsc, now, low, high, offset;
	const struct vcpu_time *time;
	struct pair before, after;
	struct vm vm;
	bool on_host;

	self->mode(&vm, case_vcpus(self, TWO_VCPUS));
	time = vm_memory(&vm, GPA_VCPU_TIME);
	on_host = vm_tsc_offset(&vm, 0, KVM_GET_DEVICE_ATTR, &offset);
	/* The first one translates and maps what the others find ready. */
	vm_guest_writes(&vm, 0, boot, 2);
	for (i = 0; i < tries; i++) {
		before = read_pair();
		tsc = vm_guest_writes(&vm, 0, boot, 2);
		after = read_pair();

		now = (uint64_t)written_epoch(vm_memory(&vm, GPA_WALL_CLOCK)) + guest_clock(time, tsc);
		low = before.realtime;
		high = after.realtime;
		if (on_host) {
			tsc -= offset;
			low = on_line(tsc, before.high, before.realtime, after.high, after.realtime);
			high = on_line(tsc, before.low, before.realtime, after.low, after.realtime);
		}
		tally(&error, outside(now, low, high), bound + ntp_slew((int64_t)(after.realtime - before.realtime)));
	}

	metric("guest_tries", tries, "times that the guest asked for its clocks and read them");
	metric("worst_ns", error.worst, "the guest's clock against CLOCK_REALTIME at the same TSC, worst");
	metric("outside", error.outside, "by more than 3 ns (10 us where the TSC is not all) + 500 ppm of the run");
	if (!on_host)
		note("the guest's TSC on the host's (v5.16): only that it reads between two reads of the host");
	if (error.outside)
		affected("a guest that reads another time than the host in %s (up to %s ns)", self->name,
			 grouped(error.worst));
}

/* The epoch by each path, one right after the other: from KVM_GET_CLOCK, the two MSRs, the Xen page. */
void run_spread(const struct bench_case *self)
{
	struct tally spread = { .histogram = NULL };
	const volatile struct wall_clock *wc, *xen_wc;
	struct clock_reading first, last;
	unsigned int i, nr = 0;
	bool xen = kernel_has_xen();
	int64_t epoch[5];
	struct vm vm;

	self->mode(&vm, case_vcpus(self, TWO_VCPUS));
	if (xen)
		xen_enable(&vm);
	wc = vm_memory(&vm, GPA_WALL_CLOCK);
	xen_wc = vm_memory(&vm, GPA_XEN_WALL_CLOCK);
	for (i = 0; i < options.tries; i++) {
		nr = 0;
		get_clock(&vm, &first);
		set_msr(&vm, 0, MSR_KVM_WALL_CLOCK_NEW, GPA_WALL_CLOCK);
		epoch[nr++] = written_epoch(wc);
		set_msr(&vm, 0, MSR_KVM_WALL_CLOCK, GPA_WALL_CLOCK);
		epoch[nr++] = written_epoch(wc);
		if (xen) {
			xen_write_wall_clock(&vm);
			epoch[nr++] = written_epoch(xen_wc);
		}
		get_clock(&vm, &last);
		if (has_realtime(&first) && has_realtime(&last)) {
			epoch[nr++] = reading_epoch(&first);
			epoch[nr++] = reading_epoch(&last);
		}
		tally(&spread, percentile(epoch, nr, 100) - percentile(epoch, nr, 0),
		      ROUNDING_NS + ntp_slew((int64_t)(last.clock - first.clock)));
	}

	metric("sources", nr, "epochs compared: both MSRs, Xen page and KVM_GET_CLOCK before and after, if there");
	metric("worst_ns", spread.worst, "between the lowest and the highest, worst");
	metric("outside", spread.outside, "over 2 ns + 500 ppm of the time that it took");
	if (!xen)
		note("the Xen page: KVM_CAP_XEN_HVM offers none");
	if (!has_realtime(&first))
		note("KVM_GET_CLOCK: it gives no realtime here");
	if (spread.outside)
		affected("epochs that differ by the way they are got in %s (up to %s ns)", self->name,
			 grouped(spread.worst));
}

/* kvmclock less CLOCK_MONOTONIC_RAW, by the narrowest of many pairs, and that clock. */
static int64_t clock_less_raw(struct vm *vm, uint64_t *raw)
{
	struct clock_reading reading;
	uint64_t before, after, width = UINT64_MAX;
	int64_t distance = 0;
	int i;

	for (i = 0; i < RATE_TRIES; i++) {
		before = clock_now(CLOCK_MONOTONIC_RAW);
		get_clock(vm, &reading);
		after = clock_now(CLOCK_MONOTONIC_RAW);
		if (after - before >= width)
			continue;
		width = after - before;
		*raw = before + width / 2;
		distance = (int64_t)(reading.clock - *raw);
	}
	return distance;
}

void run_rate(const struct bench_case *self)
{
	uint64_t start, now;
	int64_t moved;
	struct vm vm;

	self->mode(&vm, 1);
	moved = -clock_less_raw(&vm, &start);
	sleep_age();
	moved += clock_less_raw(&vm, &now);
	metric("rate_ppb", rounded_div(moved * (PPB / MILLION), (int64_t)(now - start) / MILLION),
	       "kvmclock runs faster than CLOCK_MONOTONIC_RAW by");
}
