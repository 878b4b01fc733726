// SPDX-License-Identifier: GPL-2.0-only
/*
 * The epoch that KVM writes for the guest, against KVM_GET_CLOCK.
 *
 * The epoch is the wall-clock time at which the guest's kvmclock was zero. The oracle is realtime - clock of one
 * KVM_GET_CLOCK, read before and after each write: what is written in between must lie between. The kernel slews its
 * wall clock against kvmclock (NTP), so only adjacent readings are ever compared.
 */
#include <stdlib.h>

#include "bench.h"
#include "vm.h"

/*
 * The epoch is a difference of values cut to whole ns, on both sides of the comparison: 1 ns each. Over 100 us the
 * fastest NTP slew, 500 ppm, moves it by 50 ns, but along a line between the two readings. Over longer times the slew
 * may change its rate, so that the line bends by at most what it moves.
 */
#define ROUNDING_NS	2
#define NARROW_NS	100000

/* A VM of the fleet, and what it gave last. */
struct member {
	struct vm vm;
	const volatile struct wall_clock *wc;
	struct clock_reading after;
	/* The epoch before, 0 if there is none yet, and the clock before that was written. */
	int64_t last;
	uint64_t earlier;
};

struct accuracy {
	struct tally error;
	struct tally step;
	struct tally get_clock;
	int64_t *error_series;
	int64_t *step_series;
	int64_t *offset;
	unsigned int bracketed;
};

static void write_epoch(struct member *member, uint32_t msr)
{
	if (msr)
		set_msr(&member->vm, 0, msr, GPA_WALL_CLOCK);
	else
		xen_write_wall_clock(&member->vm);
}

static void judge_bracket(struct accuracy *acc, const struct clock_reading *before, const struct clock_reading *after,
			  int64_t epoch, int64_t *slice)
{
	int64_t width = (int64_t)(after->realtime - before->realtime);
	int64_t a = reading_epoch(before), b = reading_epoch(after);
	int64_t distance = outside((uint64_t)epoch, (uint64_t)(a < b ? a : b), (uint64_t)(a < b ? b : a));

	tally(&acc->error, distance, ROUNDING_NS + (width > NARROW_NS ? ntp_slew(width) : 0));
	tally(&acc->get_clock, magnitude(b - a), ROUNDING_NS + ntp_slew(width));
	*slice = larger(*slice, distance);
	acc->offset[acc->bracketed++] = epoch - a;
}

static void write_once(struct member *member, uint32_t msr, struct accuracy *acc, unsigned int slice)
{
	struct clock_reading before = member->after;
	int64_t epoch, step;

	/* One VM alone: a bracket ends where the next one starts. */
	if (options.vms > 1)
		get_clock(&member->vm, &before);
	write_epoch(member, msr);
	get_clock(&member->vm, &member->after);
	epoch = written_epoch(member->wc);
	if (has_realtime(&before) && has_realtime(&member->after))
		judge_bracket(acc, &before, &member->after, epoch, &acc->error_series[slice]);
	step = magnitude(epoch - member->last);
	if (member->last) {
		tally(&acc->step, step, ROUNDING_NS + ntp_slew((int64_t)(member->after.clock - member->earlier)));
		acc->step_series[slice] = larger(acc->step_series[slice], step);
	}
	member->last = epoch;
	member->earlier = before.clock;
}

/* The VMs take turns. */
static void measure(struct member *fleet, uint32_t msr, struct accuracy *acc)
{
	unsigned int i, slices = options.tries < SERIES_SIZE ? options.tries : SERIES_SIZE;
	struct member *member;

	acc->offset = new_samples(options.tries);
	acc->error.histogram = new_series("error_histogram", NR_BUCKETS);
	acc->error_series = new_series("error_series_ns", slices);
	acc->step.histogram = new_series("step_histogram", NR_BUCKETS);
	acc->step_series = new_series("step_series_ns", slices);
	/* The first write activates caches, and is not looked at. */
	for (member = fleet; member < fleet + options.vms; member++) {
		member->wc = vm_memory(&member->vm, msr ? GPA_WALL_CLOCK : GPA_XEN_WALL_CLOCK);
		write_epoch(member, msr);
		get_clock(&member->vm, &member->after);
	}
	for (i = 0; i < options.tries; i++)
		write_once(&fleet[i % options.vms], msr, acc, (unsigned int)((uint64_t)i * slices / options.tries));
}

static void report(const struct bench_case *self, struct accuracy *acc)
{
	bool knows_realtime = kvm_has(KVM_CAP_ADJUST_CLOCK) & KVM_CLOCK_REALTIME;
	int64_t worst = magnitude(acc->error.worst), median;

	metric("tries", options.tries, "epochs written");
	metric("realtime", acc->bracketed > 0, "KVM_GET_CLOCK gives realtime (1) or not (0)");
	metric("step_ns", acc->step.worst, "largest change between adjacent epochs");
	metric("steps_outside", acc->step.outside, "of these changes, over 2 ns + 500 ppm");
	if (acc->bracketed) {
		median = percentile(acc->offset, acc->bracketed, MEDIAN);
		metric("bracketed", acc->bracketed, "of these, with realtime in both KVM_GET_CLOCK readings");
		metric("median_ns", median, "epoch - (realtime - clock) of the reading before, median");
		metric("worst_ns", worst, "distance outside the bracket, worst");
		metric("outside", acc->error.outside, "outside by more than 2 ns (+ 500 ppm if wider than 100 us)");
		metric("get_clock_step_ns", acc->get_clock.worst, "KVM_GET_CLOCK: largest change of realtime - clock");
		metric("get_clock_outside", acc->get_clock.outside, "of these changes, over 2 ns + 500 ppm");
		if (acc->error.outside)
			affected("an inexact epoch in %s (median %s ns, worst %s ns)", self->name, grouped(median),
				 grouped(worst));
		if (acc->get_clock.outside)
			affected("KVM_GET_CLOCK pairing two moments in %s (up to %s ns apart)", self->name,
				 grouped(acc->get_clock.worst));
	} else {
		note("the bracket: KVM_GET_CLOCK gives no realtime here (before v5.16 it never does)");
		if (knows_realtime)
			affected("no realtime from KVM_GET_CLOCK in %s", self->name);
	}
	if (acc->step.outside && !acc->error.outside)
		affected("epoch steps in %s (up to %s ns)", self->name, grouped(acc->step.worst));
}

void run_epoch(const struct bench_case *self)
{
	struct accuracy acc = { 0 };
	struct member *fleet, *member;
	struct clock_reading reading;
	unsigned int vcpus;

	if (!self->msr && !kernel_has_xen())
		not_measured("KVM_CAP_XEN_HVM offers no shared info page (before v5.12, or without CONFIG_KVM_XEN)");
	fleet = calloc(options.vms, sizeof(*fleet));
	if (!fleet)
		failed("no memory for %u VMs", options.vms);
	vcpus = case_vcpus(self, TWO_VCPUS);
	for (member = fleet; member < fleet + options.vms; member++) {
		self->mode(&member->vm, vcpus);
		if (!self->msr)
			xen_enable(&member->vm);
	}
	metric("vms", options.vms, "VMs, taking turns");
	get_clock(&fleet->vm, &reading);
	metric("master_clock", !!(reading.flags & KVM_CLOCK_TSC_STABLE), "KVM_CLOCK_TSC_STABLE is set");
	metric("host_tsc", !!(reading.flags & KVM_CLOCK_HOST_TSC), "KVM_CLOCK_HOST_TSC is set");
	measure(fleet, self->msr, &acc);
	report(self, &acc);
}
