// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest reads, by each of the clocks that it is given.
 *
 * A guest adds kvmclock, computed from its time page and its TSC, to the epoch of its wall clock. Here it asks for both by
 * itself and reads its TSC, and its sum is held against the host's CLOCK_REALTIME.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <time.h>
#include <x86intrin.h>

#include "bench.h"
#include "vm.h"

/* Three values cut to whole ns on either side, and what NTP may move the wall clock by in a bracket of that width. */
#define GUEST_BOUND_NS	3
#define NTP_MAX_PPM	500
#define MILLION		1000000
#define ROUNDING_NS	2

/*
 * Where another counter than the TSC is the clocksource, and in a 32-bit kernel, KVM pairs the TSC and the time by reads of
 * both. 10 us lie between them at most, unless something interrupts it several times in a row.
 */
#define PAIR_BOUND_NS	10000

/* A pair of clocks is the narrowest of so many: an interrupt in one of them does not count. */
#define PAIR_TRIES	4
#define RATE_TRIES	1001
#define PPB		1000000000LL

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

/* Without the attribute (before v5.16) the guest's TSC cannot be found on the host's: false. */
static bool tsc_offset(struct vm *vm, uint64_t *offset)
{
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)offset,
	};

	return ioctl(vm->vcpu_fd[0], KVM_GET_DEVICE_ATTR, &attr) == 0;
}

static int64_t guest_bound(void)
{
	struct utsname uts;

	uname(&uts);
	if (!strcmp(clocksource(), "tsc") && !strcmp(uts.machine, "x86_64"))
		return GUEST_BOUND_NS;
	return GUEST_BOUND_NS + PAIR_BOUND_NS;
}

static void measure_guest(const struct bench_case *self, void (*mode)(struct vm *vm, unsigned int vcpus))
{
	const struct guest_write boot[] = {
		{ MSR_KVM_WALL_CLOCK_NEW, GPA_WALL_CLOCK },
		{ MSR_KVM_SYSTEM_TIME_NEW, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE },
	};
	unsigned int vcpus = vcpus_or(TWO_VCPUS, mode == mode_noclock ? TWO_VCPUS : 1);
	unsigned long i, tries = (options.tries + GUEST_TRIES_DIVISOR - 1) / GUEST_TRIES_DIVISOR, far = 0;
	int64_t *error, *distance, *histogram, worst = 0, widest = 0, bound = guest_bound();
	uint64_t tsc, now, low, high, offset;
	const struct vcpu_time *time;
	struct pair before, after;
	struct vm vm;
	bool on_host;

	mode(&vm, vcpus);
	time = vm_memory(&vm, GPA_VCPU_TIME);
	on_host = tsc_offset(&vm, &offset);
	error = new_samples(tries);
	distance = new_samples(tries);
	histogram = new_series("error_histogram", NR_BUCKETS);
	/* The first one translates and maps what the others find ready. */
	vm_guest_writes(&vm, 0, boot, sizeof(boot) / sizeof(boot[0]));
	for (i = 0; i < tries; i++) {
		before = read_pair();
		tsc = vm_guest_writes(&vm, 0, boot, sizeof(boot) / sizeof(boot[0]));
		after = read_pair();

		now = (uint64_t)written_epoch(vm_memory(&vm, GPA_WALL_CLOCK)) + guest_clock(time, tsc);
		low = before.realtime;
		high = after.realtime;
		if (on_host) {
			tsc -= offset;
			low = on_line(tsc, before.high, before.realtime, after.high, after.realtime);
			high = on_line(tsc, before.low, before.realtime, after.low, after.realtime);
		}
		error[i] = (int64_t)(now - low - (high - low) / 2);
		distance[i] = outside(now, low, high);
		worst = larger(worst, distance[i]);
		distance[i] = magnitude(distance[i]);
		histogram[bucket(distance[i])]++;
		if ((int64_t)(high - low) > widest)
			widest = (int64_t)(high - low);
		far += distance[i] > bound + (int64_t)(after.realtime - before.realtime) / (MILLION / NTP_MAX_PPM);
	}

	metric("vcpus", vcpus, "vCPUs in the VM");
	metric("guest_tries", (int64_t)tries, "times that the guest asked for its clocks and read them");
	metric("median_ns", percentile(error, tries, MEDIAN), "the guest's clock - CLOCK_REALTIME at the same TSC, median");
	metric("p999_ns", percentile(distance, tries, MOST), "distance outside of what the host can tell, 99.9 %");
	metric("worst_ns", worst, "distance outside of what the host can tell, worst");
	metric("outside", (int64_t)far, "by more than 3 ns (10 us where the TSC is not all) + 500 ppm of the run");
	metric("widest_ns", widest, "the host can tell it within, at worst");
	if (!on_host)
		note("the guest's TSC on the host's (v5.16): only that it reads between two reads of the host");
	if (far)
		affected("a guest that reads another time than the host in %s (up to %s ns)", self->name, grouped(worst));
}

void run_guest(const struct bench_case *self)
{
	measure_guest(self, mode_master);
}

void run_guest_noclock(const struct bench_case *self)
{
	measure_guest(self, mode_noclock);
}

/* The epoch by each path, one right after the other: from KVM_GET_CLOCK, the two MSRs, the Xen page. */
static void measure_spread(const struct bench_case *self, void (*mode)(struct vm *vm, unsigned int vcpus))
{
	unsigned int vcpus = vcpus_or(TWO_VCPUS, mode == mode_noclock ? TWO_VCPUS : 1);
	struct xen_attr attr = XEN_SHARED_INFO_ATTR(GPA_XEN_SHARED_INFO);
	const volatile struct wall_clock *wc, *xen_wc;
	int64_t *spread, *histogram, epoch[5], low, high, width, worst = 0;
	struct clock_reading first, last;
	unsigned long i, far = 0;
	unsigned int j, nr = 0;
	bool xen = kernel_has_xen();
	struct vm vm;

	mode(&vm, vcpus);
	if (xen)
		xen_enable(&vm);
	wc = vm_memory(&vm, GPA_WALL_CLOCK);
	xen_wc = vm_memory(&vm, GPA_XEN_SHARED_INFO + XEN_WALL_CLOCK_OFFSET);
	spread = new_samples(options.tries);
	histogram = new_series("spread_histogram", NR_BUCKETS);
	for (i = 0; i < options.tries; i++) {
		nr = 0;
		get_clock(&vm, &first);
		set_msr(&vm, 0, MSR_KVM_WALL_CLOCK_NEW, GPA_WALL_CLOCK);
		epoch[nr++] = written_epoch(wc);
		set_msr(&vm, 0, MSR_KVM_WALL_CLOCK, GPA_WALL_CLOCK);
		epoch[nr++] = written_epoch(wc);
		if (xen) {
			vm_ioctl(vm.fd, XEN_HVM_SET_ATTR, &attr, "KVM_XEN_HVM_SET_ATTR");
			epoch[nr++] = written_epoch(xen_wc);
		}
		get_clock(&vm, &last);
		if (has_realtime(&first) && has_realtime(&last)) {
			epoch[nr++] = reading_epoch(&first);
			epoch[nr++] = reading_epoch(&last);
		}
		low = high = epoch[0];
		for (j = 1; j < nr; j++) {
			if (epoch[j] < low)
				low = epoch[j];
			if (epoch[j] > high)
				high = epoch[j];
		}
		width = (int64_t)(last.clock - first.clock);
		spread[i] = high - low;
		worst = larger(worst, spread[i]);
		histogram[bucket(spread[i])]++;
		far += spread[i] > ROUNDING_NS + width / (MILLION / NTP_MAX_PPM);
	}

	metric("sources", nr, "epochs compared: both MSRs, Xen page and KVM_GET_CLOCK before and after, if there");
	metric("median_ns", percentile(spread, options.tries, MEDIAN), "between the lowest and the highest, median");
	metric("p999_ns", percentile(spread, options.tries, MOST), "99.9 %");
	metric("worst_ns", worst, "worst");
	metric("outside", (int64_t)far, "over 2 ns + 500 ppm of the time that it took");
	if (!xen)
		note("the Xen page: KVM_CAP_XEN_HVM offers none");
	if (!has_realtime(&first))
		note("KVM_GET_CLOCK: it gives no realtime here");
	if (far)
		affected("epochs that differ by the way they are got in %s (up to %s ns)", self->name, grouped(worst));
}

void run_spread(const struct bench_case *self)
{
	measure_spread(self, mode_master);
}

void run_spread_noclock(const struct bench_case *self)
{
	measure_spread(self, mode_noclock);
}

/* kvmclock less CLOCK_MONOTONIC_RAW, by the narrowest of many pairs: within half of width. */
static int64_t clock_less_raw(struct vm *vm, int64_t *width, uint64_t *raw)
{
	struct clock_reading reading;
	uint64_t before, after;
	int64_t distance = 0;
	int i;

	*width = INT64_MAX;
	for (i = 0; i < RATE_TRIES; i++) {
		before = clock_now(CLOCK_MONOTONIC_RAW);
		get_clock(vm, &reading);
		after = clock_now(CLOCK_MONOTONIC_RAW);
		if ((int64_t)(after - before) >= *width)
			continue;
		*width = (int64_t)(after - before);
		*raw = before + (after - before) / 2;
		distance = (int64_t)(reading.clock - *raw);
	}
	return distance;
}

void run_rate(const struct bench_case *self)
{
	int64_t distance, distance_off, moved, moved_off, elapsed, width, unsure;
	struct vm vm, off;
	uint64_t start, now;

	(void)self;
	mode_master(&vm, 1);
	mode_noclock(&off, TWO_VCPUS);
	distance_off = clock_less_raw(&off, &unsure, &start);
	distance = clock_less_raw(&vm, &width, &start);
	unsure = width + unsure;
	sleep_age();
	moved_off = clock_less_raw(&off, &width, &now) - distance_off;
	unsure += width;
	moved = clock_less_raw(&vm, &width, &now) - distance;
	unsure += width;
	elapsed = (int64_t)(now - start);

	metric("elapsed_ns", elapsed, "CLOCK_MONOTONIC_RAW went on by");
	metric("rate_ppb", rounded_div(moved * (PPB / MILLION), elapsed / MILLION), "kvmclock runs faster than it, under the master clock");
	metric("noclock_rate_ppb", rounded_div(moved_off * (PPB / MILLION), elapsed / MILLION), "and without the master clock");
	metric("unsure_ppb", rounded_div(unsure / 4 * (PPB / MILLION), elapsed / MILLION), "either is known within");
}
