// SPDX-License-Identifier: GPL-2.0-only
/*
 * The epoch that KVM writes for the guest, against KVM_GET_CLOCK.
 *
 * The epoch is the wall-clock time at which the guest's kvmclock was zero. The oracle is realtime - clock of one
 * KVM_GET_CLOCK, read before and after each write: what is written in between must lie between. The kernel slews its
 * wall clock against kvmclock (NTP), so only adjacent readings are ever compared.
 */
#include <string.h>
#include <sys/mman.h>

#include "bench.h"
#include "vm.h"

/*
 * The epoch is a difference of values cut to whole ns, on both sides of the comparison: 1 ns each. Over 100 us the
 * fastest NTP slew, 500 ppm, moves it by 50 ns, but along a line between the two readings. Over longer times the slew
 * may change its rate, so that the line bends by at most what it moves.
 */
#define ROUNDING_NS	2
#define NARROW_NS	100000
#define NTP_MAX_PPM	500
#define MILLION		1000000

/* One way by which KVM can be made to write the epoch, and where it lands. */
struct writer {
	void (*write)(struct vm *vm, const struct writer *writer);
	uint64_t gpa;
	uint64_t wall_clock_offset;
	uint32_t msr;
};

/* A VM of the fleet, and what it gave last. */
struct member {
	struct vm vm;
	volatile struct wall_clock *wc;
	struct clock_reading after;
	struct clock_reading earlier;
	int64_t last;
	uint32_t version;
	bool written;
};

/* All times in ns. */
struct accuracy {
	int64_t *offset;
	int64_t *distance;
	int64_t *error_histogram;
	int64_t *error_series;
	int64_t *step_histogram;
	int64_t *step_series;
	unsigned long tries;
	/* That of the time series, for the try at hand. */
	unsigned int slice;
	unsigned long bracketed;
	unsigned long outside;
	int64_t low;
	int64_t high;
	int64_t widest;
	int64_t oracle_step;
	unsigned long oracle_outside;
	int64_t step;
	unsigned long steps_outside;
	unsigned long bad_versions;
};

static void write_msr(struct vm *vm, const struct writer *writer)
{
	set_msr(vm, 0, writer->msr, writer->gpa);
}

static void write_xen(struct vm *vm, const struct writer *writer)
{
	struct xen_attr attr = XEN_SHARED_INFO_ATTR(writer->gpa);

	vm_ioctl(vm->fd, XEN_HVM_SET_ATTR, &attr, "KVM_XEN_HVM_SET_ATTR");
}

static const struct writer msr_writer = {
	.write = write_msr,
	.gpa = GPA_WALL_CLOCK,
	.msr = MSR_KVM_WALL_CLOCK_NEW,
};

static const struct writer old_msr_writer = {
	.write = write_msr,
	.gpa = GPA_WALL_CLOCK,
	.msr = MSR_KVM_WALL_CLOCK,
};

static const struct writer xen_writer = {
	.write = write_xen,
	.gpa = GPA_XEN_SHARED_INFO,
	.wall_clock_offset = XEN_WALL_CLOCK_OFFSET,
};

/* What NTP may have moved the epoch by in this time, beside the rounding. */
static int64_t slew_bound(int64_t ns)
{
	return ROUNDING_NS + ns / (MILLION / NTP_MAX_PPM);
}

static int64_t bracket_bound(int64_t width)
{
	return width <= NARROW_NS ? ROUNDING_NS : slew_bound(width);
}

static void judge_bracket(struct accuracy *acc, const struct clock_reading *before,
			  const struct clock_reading *after, int64_t epoch)
{
	int64_t width = (int64_t)(after->realtime - before->realtime);
	int64_t a = reading_epoch(before);
	int64_t b = reading_epoch(after);
	int64_t low = a < b ? a : b;
	int64_t high = a < b ? b : a;
	int64_t distance = 0;

	if (epoch < low)
		distance = epoch - low;
	else if (epoch > high)
		distance = epoch - high;
	if (distance < acc->low)
		acc->low = distance;
	if (distance > acc->high)
		acc->high = distance;
	if (magnitude(distance) > bracket_bound(width))
		acc->outside++;
	if (width > acc->widest)
		acc->widest = width;
	if (high - low > acc->oracle_step)
		acc->oracle_step = high - low;
	if (high - low > slew_bound(width))
		acc->oracle_outside++;
	acc->offset[acc->bracketed] = epoch - a;
	acc->distance[acc->bracketed] = magnitude(distance);
	acc->bracketed++;
	acc->error_histogram[bucket(magnitude(distance))]++;
	acc->error_series[acc->slice] = larger(acc->error_series[acc->slice], distance);
}

static void judge_step(struct accuracy *acc, int64_t step, int64_t interval)
{
	if (step > acc->step)
		acc->step = step;
	if (step > slew_bound(interval))
		acc->steps_outside++;
	acc->step_histogram[bucket(step)]++;
	acc->step_series[acc->slice] = larger(acc->step_series[acc->slice], step);
}

static void start_accuracy(struct accuracy *acc)
{
	unsigned int slices = options.tries < SERIES_SIZE ? (unsigned int)options.tries : SERIES_SIZE;

	memset(acc, 0, sizeof(*acc));
	acc->tries = options.tries;
	acc->offset = new_samples(acc->tries);
	acc->distance = new_samples(acc->tries);
	acc->error_histogram = new_series("error_histogram", NR_BUCKETS);
	acc->error_series = new_series("error_series_ns", slices);
	acc->step_histogram = new_series("step_histogram", NR_BUCKETS);
	acc->step_series = new_series("step_series_ns", slices);
}

static void write_once(struct member *member, const struct writer *writer, struct accuracy *acc, bool alone)
{
	struct clock_reading before;
	int64_t epoch;

	/* One VM alone: a bracket ends where the next one starts. */
	if (alone)
		before = member->after;
	else
		get_clock(&member->vm, &before);
	writer->write(&member->vm, writer);
	get_clock(&member->vm, &member->after);

	epoch = written_epoch(member->wc);
	if (member->wc->version & 1 || (int32_t)(member->wc->version - member->version) <= 0)
		acc->bad_versions++;
	member->version = member->wc->version;
	if (has_realtime(&before) && has_realtime(&member->after))
		judge_bracket(acc, &before, &member->after, epoch);
	if (member->written)
		judge_step(acc, magnitude(epoch - member->last), (int64_t)(member->after.clock - member->earlier.clock));
	member->last = epoch;
	member->earlier = before;
	member->written = true;
}

/* The VMs take turns. */
static void measure(struct member *fleet, const struct writer *writer, struct accuracy *acc)
{
	struct member *member;
	unsigned long i;

	start_accuracy(acc);
	for (member = fleet; member < fleet + options.vms; member++) {
		/* The first write may find junk, activates caches, and is not looked at. */
		member->wc = vm_memory(&member->vm, writer->gpa + writer->wall_clock_offset);
		writer->write(&member->vm, writer);
		member->version = member->wc->version;
		get_clock(&member->vm, &member->after);
		member->earlier = member->after;
	}
	for (i = 0; i < acc->tries; i++) {
		acc->slice = (unsigned int)(acc->tries < SERIES_SIZE ? i : (uint64_t)i * SERIES_SIZE / acc->tries);
		write_once(&fleet[i % options.vms], writer, acc, options.vms == 1);
	}
}

static void report_bracket(const struct bench_case *self, struct accuracy *acc)
{
	int64_t worst = -acc->low > acc->high ? -acc->low : acc->high;
	int64_t median = percentile(acc->offset, acc->bracketed, MEDIAN);

	metric("bracketed", (int64_t)acc->bracketed, "of these, with realtime in both KVM_GET_CLOCK readings");
	metric("median_ns", median, "epoch - (realtime - clock) of the reading before, median");
	metric("p999_ns", percentile(acc->distance, acc->bracketed, MOST),
	       "distance outside the bracket, 99.9 %");
	metric("worst_ns", worst, "distance outside the bracket, worst");
	metric("low_ns", acc->low, "farthest below the bracket");
	metric("high_ns", acc->high, "farthest above the bracket");
	metric("outside", (int64_t)acc->outside, "outside by more than 2 ns (+ 500 ppm if wider than 100 us)");
	metric("widest_ns", acc->widest, "widest bracket");
	metric("get_clock_step_ns", acc->oracle_step, "KVM_GET_CLOCK: largest change of realtime - clock");
	metric("get_clock_outside", (int64_t)acc->oracle_outside, "of these changes, over 2 ns + 500 ppm");
	if (acc->outside)
		affected("an inexact epoch in %s (median %s ns, worst %s ns)", self->name, grouped(median),
			 grouped(worst));
	if (acc->oracle_outside)
		affected("KVM_GET_CLOCK pairing two moments in %s (up to %s ns apart)", self->name,
			 grouped(acc->oracle_step));
}

static void report_accuracy(const struct bench_case *self, struct accuracy *acc)
{
	metric("tries", (int64_t)acc->tries, "epochs written");
	metric("realtime", acc->bracketed > 0, "KVM_GET_CLOCK gives realtime (1) or not (0)");
	metric("step_ns", acc->step, "largest change between adjacent epochs");
	metric("steps_outside", (int64_t)acc->steps_outside, "of these changes, over 2 ns + 500 ppm");
	metric("bad_versions", (int64_t)acc->bad_versions, "version odd or not higher after a write");
	if (acc->bracketed)
		report_bracket(self, acc);
	else if (kernel_has_realtime())
		affected("no realtime from KVM_GET_CLOCK in %s", self->name);
	if (!acc->bracketed)
		note("the bracket: %s", kernel_has_realtime() ? "KVM_GET_CLOCK gives no realtime here" :
		     "KVM_GET_CLOCK has no KVM_CLOCK_REALTIME before v5.16");
	if (acc->steps_outside && !acc->outside)
		affected("epoch steps in %s (up to %s ns)", self->name, grouped(acc->step));
	if (acc->bad_versions)
		affected("bad versions in %s (%s)", self->name, grouped((int64_t)acc->bad_versions));
}

static void report_flags(struct vm *vm)
{
	struct clock_reading reading;

	get_clock(vm, &reading);
	metric("master_clock", !!(reading.flags & KVM_CLOCK_TSC_STABLE), "KVM_CLOCK_TSC_STABLE is set");
	metric("host_tsc", !!(reading.flags & KVM_CLOCK_HOST_TSC), "KVM_CLOCK_HOST_TSC is set");
}

/* mode makes each VM of the fleet what it has to be; after setup, if there is one, they are measured. */
static void measure_and_report(const struct bench_case *self, void (*mode)(struct vm *vm, unsigned int vcpus),
			       void (*setup)(struct vm *vm), const struct writer *writer)
{
	unsigned int vcpus = vcpus_or(TWO_VCPUS, mode == mode_noclock ? TWO_VCPUS : 1);
	struct member *fleet, *member;
	struct accuracy acc;

	fleet = mmap(NULL, options.vms * sizeof(*fleet), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (fleet == MAP_FAILED)
		failed("no memory for %u VMs", options.vms);
	for (member = fleet; member < fleet + options.vms; member++) {
		mode(&member->vm, vcpus);
		if (setup)
			setup(&member->vm);
	}
	metric("vcpus", vcpus, "vCPUs in each VM");
	metric("vms", options.vms, "VMs, taking turns");
	report_flags(&fleet->vm);
	measure(fleet, writer, &acc);
	report_accuracy(self, &acc);
}

void run_msr(const struct bench_case *self)
{
	measure_and_report(self, mode_master, NULL, &msr_writer);
}

void run_msr_old(const struct bench_case *self)
{
	measure_and_report(self, mode_master, NULL, &old_msr_writer);
}

void run_before(const struct bench_case *self)
{
	measure_and_report(self, mode_before, NULL, &msr_writer);
}

void run_noclock(const struct bench_case *self)
{
	measure_and_report(self, mode_noclock, NULL, &msr_writer);
}

void run_old_time(const struct bench_case *self)
{
	measure_and_report(self, mode_old_time, NULL, &msr_writer);
}

void run_xen(const struct bench_case *self)
{
	if (!kernel_has_xen())
		not_measured("KVM_CAP_XEN_HVM offers no shared info page (before v5.12, or without CONFIG_KVM_XEN)");
	measure_and_report(self, mode_master, xen_enable, &xen_writer);
}
