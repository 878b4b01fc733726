// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the clock's paths cost: in ticks of the TSC, which are instructions in an emulated CPU that counts them (QEMU's
 * -icount shift=0) and cycles elsewhere; and in ns.
 *
 * The ticks are the least of many: what an interrupt or another VM adds is not the path's. The ns are the median, with
 * the distance between the quartiles as its spread. All calls take turns, the empty ones that they are held against
 * among them, so that what slows down the machine for a while slows down both.
 */
#include <sys/ioctl.h>
#include <x86intrin.h>

#include "bench.h"
#include "vm.h"

/* Enough that the least one met no interrupt, few enough to take no time. */
#define ROUNDS		500

#define QUARTER		25
/* Ticks in a second are kHz times this. */
#define TICKS_A_KHZ	1000

enum path {
	EMPTY,
	EMPTY_MSR,
	MSR,
	MSR_OLD,
	GET_CLOCK,
	SET_CLOCK,
	XEN,
	NR_PATHS,
};

static const struct {
	const char *name;
	const char *meaning;
	enum path control;
} paths[NR_PATHS] = {
	[EMPTY] = { "empty", "an ioctl with nothing to do: the control", NR_PATHS },
	[EMPTY_MSR] = { "empty_msr", "a write of 0 to the wall clock MSR: the control", NR_PATHS },
	[MSR] = { "msr", "write of the wall clock MSR, net of a write of 0", EMPTY_MSR },
	[MSR_OLD] = { "msr_old", "the same by the old MSR", EMPTY_MSR },
	[GET_CLOCK] = { "get_clock", "KVM_GET_CLOCK, net of an empty ioctl", EMPTY },
	[SET_CLOCK] = { "set_clock", "KVM_SET_CLOCK, net of an empty ioctl", EMPTY },
	[XEN] = { "xen", "write of the Xen page, net of an empty ioctl", EMPTY },
};

struct call {
	int fd;
	unsigned long request;
	void *arg;
};

static int64_t one_call(const struct call *call)
{
	uint64_t start = __rdtsc();
	int ret = ioctl(call->fd, call->request, call->arg);
	uint64_t ticks = __rdtsc() - start;

	if (ret < 0)
		failed("ioctl %#lx", call->request);
	return (int64_t)ticks;
}

static void path_metric(enum path path, const char *unit, int64_t value, const char *meaning)
{
	char name[NAME_SIZE];

	snprintf(name, sizeof(name), "%s_%s", paths[path].name, unit);
	metric(name, value, meaning);
}

static int64_t to_ns(int64_t ticks, int khz)
{
	return rounded_div(ticks * (NSEC_PER_SEC / TICKS_A_KHZ), khz);
}

static void report_path(enum path path, int64_t *samples[NR_PATHS], int khz)
{
	enum path control = paths[path].control;
	int64_t ticks = percentile(samples[path], ROUNDS, 0);
	int64_t median = percentile(samples[path], ROUNDS, MEDIAN);
	int64_t spread = percentile(samples[path], ROUNDS, 100 - QUARTER) - percentile(samples[path], ROUNDS, QUARTER);

	if (control != NR_PATHS) {
		ticks -= percentile(samples[control], ROUNDS, 0);
		median -= percentile(samples[control], ROUNDS, MEDIAN);
	}
	path_metric(path, "ticks", ticks, paths[path].meaning);
	path_metric(path, "ns", to_ns(median, khz), "the same in ns, median");
	path_metric(path, "spread_ns", to_ns(spread, khz), "between the quartiles");
}

static void measure(struct vm *vm, unsigned int nr_paths)
{
	struct one_msr msr = { { .nmsrs = 1 }, { .index = MSR_KVM_WALL_CLOCK_NEW, .data = GPA_WALL_CLOCK } };
	struct one_msr msr_old = { { .nmsrs = 1 }, { .index = MSR_KVM_WALL_CLOCK, .data = GPA_WALL_CLOCK } };
	struct one_msr msr_empty = { { .nmsrs = 1 }, { .index = MSR_KVM_WALL_CLOCK_NEW } };
	struct xen_attr attr = XEN_SHARED_INFO_ATTR(GPA_XEN_SHARED_INFO);
	struct clock_reading reading, set;
	const struct call calls[NR_PATHS] = {
		[EMPTY] = { vm->fd, KVM_CHECK_EXTENSION, (void *)KVM_CAP_USER_MEMORY },
		[EMPTY_MSR] = { vm->vcpu_fd[0], KVM_SET_MSRS, &msr_empty },
		[MSR] = { vm->vcpu_fd[0], KVM_SET_MSRS, &msr },
		[MSR_OLD] = { vm->vcpu_fd[0], KVM_SET_MSRS, &msr_old },
		[GET_CLOCK] = { vm->fd, KVM_GET_CLOCK, &reading },
		[SET_CLOCK] = { vm->fd, KVM_SET_CLOCK, &set },
		[XEN] = { vm->fd, XEN_HVM_SET_ATTR, &attr },
	};
	int64_t *samples[NR_PATHS];
	unsigned int path, round;

	get_clock(vm, &set);
	/* Before v5.16 KVM_SET_CLOCK refuses the flags that KVM_GET_CLOCK gives. */
	if (!has_realtime(&set))
		set.flags = 0;
	for (path = 0; path < nr_paths; path++)
		samples[path] = new_samples(ROUNDS);
	for (round = 0; round < ROUNDS; round++) {
		for (path = 0; path < nr_paths; path++) {
			/* What one call leaves in the caches is not the next one's. */
			one_call(&calls[path]);
			samples[path][round] = one_call(&calls[path]);
		}
	}
	for (path = 0; path < nr_paths; path++)
		report_path(path, samples, vm_tsc_khz(vm, 0));
}

/* One vCPU, as most of the cost is not theirs; the other VMs of --vms are there and do nothing. */
void run_cost(const struct bench_case *self)
{
	unsigned int i, vcpus = case_vcpus(self, 1);
	bool xen = kernel_has_xen();
	static struct vm vms[MAX_VMS];

	for (i = 0; i < options.vms; i++)
		self->mode(&vms[i], vcpus);
	if (xen)
		xen_enable(&vms[0]);
	else
		note("the Xen page: KVM_CAP_XEN_HVM offers none");
	metric("vms", options.vms, "VMs that are there");
	measure(&vms[0], xen ? NR_PATHS : XEN);
}
