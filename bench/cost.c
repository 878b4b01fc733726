// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the clock's paths cost, in ticks of the TSC: instructions in an emulated CPU that counts them (QEMU's
 * -icount shift=0), cycles of the TSC elsewhere.
 *
 * Each figure is the least of many: what an interrupt or another VM adds is not the path's. The cost of entering the
 * kernel and of finding the MSR is taken off by the same call with nothing to do.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

#include "bench.h"
#include "vm.h"

/* Enough that the least one met no interrupt, few enough to take no time. */
#define ROUNDS	2000

struct call {
	int fd;
	unsigned long request;
	void *arg;
};

static int64_t least_ticks(const struct call *call)
{
	uint64_t start, ticks, least = UINT64_MAX;
	int round, ret;

	for (round = 0; round < ROUNDS; round++) {
		start = __rdtsc();
		ret = ioctl(call->fd, call->request, call->arg);
		ticks = __rdtsc() - start;
		if (ret < 0)
			failed("ioctl %#lx", call->request);
		if (ticks < least)
			least = ticks;
	}

	return (int64_t)least;
}

static int64_t msr_ticks(struct vm *vm, uint64_t value)
{
	struct {
		struct kvm_msrs info;
		struct kvm_msr_entry entry;
	} msrs = {
		.info.nmsrs = 1,
		.entry = { .index = MSR_KVM_WALL_CLOCK_NEW, .data = value },
	};
	struct call call = { vm->vcpu_fd[0], KVM_SET_MSRS, &msrs };

	return least_ticks(&call);
}

struct cost {
	int64_t msr;
	int64_t get;
	int64_t set;
};

static struct cost measure(struct vm *vm)
{
	struct clock_reading reading;
	struct call empty = { vm->fd, KVM_CHECK_EXTENSION, (void *)KVM_CAP_USER_MEMORY };
	struct call get = { vm->fd, KVM_GET_CLOCK, &reading };
	struct call set = { vm->fd, KVM_SET_CLOCK, &reading };
	int64_t nothing = least_ticks(&empty);
	struct cost cost;

	cost.msr = msr_ticks(vm, GPA_WALL_CLOCK) - msr_ticks(vm, 0);
	cost.get = least_ticks(&get) - nothing;
	cost.set = least_ticks(&set) - nothing;
	return cost;
}

void run_cost(const struct bench_case *self)
{
	struct vm vm, apart;
	struct cost on, off;

	(void)self;
	vm_create_running(&vm, 1);
	on = measure(&vm);
	vm_create_running(&apart, MAX_VCPUS);
	make_tsc_unequal(&apart, 1);
	vm_run(&apart, 1);
	vm_run(&apart, 0);
	off = measure(&apart);

	metric("msr_ticks", on.msr, "write of the wall clock MSR, net of a write of 0");
	metric("get_clock_ticks", on.get, "KVM_GET_CLOCK, net of an empty ioctl");
	metric("set_clock_ticks", on.set, "KVM_SET_CLOCK, net of an empty ioctl, one vCPU");
	metric("noclock_msr_ticks", off.msr, "the same with unequal TSC offsets: write of the MSR");
	metric("noclock_get_clock_ticks", off.get, "KVM_GET_CLOCK");
	metric("noclock_set_clock_ticks", off.set, "KVM_SET_CLOCK, two vCPUs");
}
