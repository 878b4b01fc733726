// SPDX-License-Identifier: GPL-2.0-only
/*
 * The epoch that KVM writes for the guest, against KVM_GET_CLOCK.
 *
 * The epoch is the wall-clock time at which the guest's kvmclock was zero. The oracle is realtime - clock of one
 * KVM_GET_CLOCK, read before and after each write: what is written in between must lie between. The kernel slews its
 * wall clock against kvmclock (NTP), so only adjacent readings are ever compared.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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

/* Percentiles in thousandths: 99.9 % */
#define PER_MILLE	1000

/* Where struct shared_info of a 32-bit Xen guest, which is what a new VM is, has its wall clock. */
#define XEN_WALL_CLOCK_OFFSET	0x900
/* The MSR range of Xen's hypercall page starts here. */
#define XEN_HYPERCALL_MSR	0x40000000

/* KVM_XEN_HVM_SET_ATTR, since v5.12: as in linux/kvm.h, which may be older. */
#define ATTR_TYPE_SHARED_INFO	1

struct xen_attr {
	__u16 type;
	__u16 pad[3];
	union {
		__u64 gfn;
		__u64 size[8];
	} u;
};

#define XEN_HVM_SET_ATTR	_IOW(KVMIO, 0xc9, struct xen_attr)

/* One way by which KVM can be made to write the epoch, and where it lands. */
struct writer {
	void (*write)(struct vm *vm, const struct writer *writer);
	uint64_t gpa;
	uint32_t msr;
};

/* All times in ns. */
struct accuracy {
	int64_t *offset;
	int64_t *distance;
	unsigned long tries;
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
	struct xen_attr attr = {
		.type = ATTR_TYPE_SHARED_INFO,
		.u.gfn = writer->gpa / GUEST_PAGE_SIZE,
	};

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
};

static int64_t *new_samples(unsigned long nr)
{
	/* Populated: a page fault inside a bracket would widen it. */
	int64_t *samples = mmap(NULL, nr * sizeof(*samples), PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (samples == MAP_FAILED)
		failed("no memory for %lu samples: %s; take fewer --tries", nr, strerror(errno));
	return samples;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t magnitude(int64_t value)
{
	return value < 0 ? -value : value;
}

/* What NTP may have moved the epoch by in this time, beside the rounding. */
static int64_t slew_bound(int64_t ns)
{
	return ROUNDING_NS + ns / (MILLION / NTP_MAX_PPM);
}

static int64_t bracket_bound(int64_t width)
{
	return width <= NARROW_NS ? ROUNDING_NS : slew_bound(width);
}

static int64_t written_epoch(const volatile struct wall_clock *wc)
{
	return wc->sec * NSEC_PER_SEC + wc->nsec;
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
}

static void measure(struct vm *vm, const struct writer *writer, uint64_t wc_offset, struct accuracy *acc)
{
	volatile struct wall_clock *wc = vm_memory(vm, writer->gpa + wc_offset);
	struct clock_reading before, after, earlier;
	int64_t epoch, last = 0, interval, step;
	uint32_t version;
	unsigned long i;

	memset(acc, 0, sizeof(*acc));
	acc->tries = options.tries;
	acc->offset = new_samples(acc->tries);
	acc->distance = new_samples(acc->tries);

	/* The first write may find junk, activates caches, and is not looked at. */
	writer->write(vm, writer);
	version = wc->version;
	get_clock(vm, &after);
	earlier = after;
	for (i = 0; i < acc->tries; i++) {
		before = after;
		writer->write(vm, writer);
		get_clock(vm, &after);

		epoch = written_epoch(wc);
		if (wc->version & 1 || (int32_t)(wc->version - version) <= 0)
			acc->bad_versions++;
		version = wc->version;
		if (has_realtime(&before) && has_realtime(&after))
			judge_bracket(acc, &before, &after, epoch);
		if (i) {
			interval = (int64_t)(after.clock - earlier.clock);
			step = magnitude(epoch - last);
			if (step > acc->step)
				acc->step = step;
			if (step > slew_bound(interval))
				acc->steps_outside++;
		}
		last = epoch;
		earlier = before;
	}
}

static int64_t percentile(int64_t *samples, unsigned long nr, unsigned int per_mille)
{
	qsort(samples, nr, sizeof(*samples), compare);
	return samples[nr - 1 - (unsigned long)((uint64_t)(nr - 1) * (PER_MILLE - per_mille) / PER_MILLE)];
}

static void report_bracket(const struct bench_case *self, struct accuracy *acc)
{
	int64_t worst = -acc->low > acc->high ? -acc->low : acc->high;
	int64_t median = percentile(acc->offset, acc->bracketed, PER_MILLE / 2);

	metric("bracketed", (int64_t)acc->bracketed, "of these, with realtime in both KVM_GET_CLOCK readings");
	metric("median_ns", median, "epoch - (realtime - clock) of the reading before, median");
	metric("p999_ns", percentile(acc->distance, acc->bracketed, PER_MILLE - 1),
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

static void measure_and_report(const struct bench_case *self, struct vm *vm, const struct writer *writer,
			       uint64_t wc_offset)
{
	struct accuracy acc;

	report_flags(vm);
	measure(vm, writer, wc_offset, &acc);
	report_accuracy(self, &acc);
}

void run_msr(const struct bench_case *self)
{
	struct vm vm;

	vm_create_running(&vm, MAX_VCPUS);
	measure_and_report(self, &vm, &msr_writer, 0);
}

void run_msr_old(const struct bench_case *self)
{
	struct vm vm;

	vm_create_running(&vm, MAX_VCPUS);
	measure_and_report(self, &vm, &old_msr_writer, 0);
}

void run_before(const struct bench_case *self)
{
	struct vm vm;

	vm_create(&vm, MAX_VCPUS);
	measure_and_report(self, &vm, &msr_writer, 0);
}

/* By the TSC offset where there is such an attribute (v5.16), else by a TSC that cannot pass for a synchronised one. */
void make_tsc_unequal(struct vm *vm, unsigned int vcpu)
{
	uint64_t offset = 0;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};

	if (ioctl(vm->vcpu_fd[vcpu], KVM_HAS_DEVICE_ATTR, &attr) < 0) {
		set_msr(vm, vcpu, MSR_IA32_TSC, get_msr(vm, vcpu, MSR_IA32_TSC) + FAR_TSC);
		return;
	}
	vm_ioctl(vm->vcpu_fd[vcpu], KVM_GET_DEVICE_ATTR, &attr, "KVM_GET_DEVICE_ATTR of the TSC offset");
	offset += FAR_TSC;
	vm_ioctl(vm->vcpu_fd[vcpu], KVM_SET_DEVICE_ATTR, &attr, "KVM_SET_DEVICE_ATTR of the TSC offset");
}

void run_noclock(const struct bench_case *self)
{
	struct clock_reading reading;
	struct vm vm;

	vm_create_running(&vm, MAX_VCPUS);
	make_tsc_unequal(&vm, 1);
	vm_run(&vm, 1);
	vm_run(&vm, 0);
	get_clock(&vm, &reading);
	if (reading.flags & KVM_CLOCK_TSC_STABLE)
		not_measured("the master clock stays in use with unequal TSCs");
	measure_and_report(self, &vm, &msr_writer, 0);
}

void run_xen(const struct bench_case *self)
{
	struct kvm_xen_hvm_config config = {
		.flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
		.msr = XEN_HYPERCALL_MSR,
	};
	struct vm vm;

	if (!(kvm_has(KVM_CAP_XEN_HVM) & KVM_XEN_HVM_CONFIG_SHARED_INFO))
		not_measured("KVM_CAP_XEN_HVM offers no shared info page (before v5.12, or without CONFIG_KVM_XEN)");
	vm_create_running(&vm, MAX_VCPUS);
	vm_ioctl(vm.fd, KVM_XEN_HVM_CONFIG, &config, "KVM_XEN_HVM_CONFIG");
	measure_and_report(self, &vm, &xen_writer, XEN_WALL_CLOCK_OFFSET);
}
