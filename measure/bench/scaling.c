// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_CLOCK against what the guest computes from its time page and its own TSC, where that is scaled.
 *
 * Done by arithmetic: KVM_GET_CLOCK says at which host TSC it was read, and KVM's own rule makes the guest's TSC of it.
 * Where it says no host TSC, it can only be held between two others.
 */
#include <cpuid.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <x86intrin.h>

#include "bench.h"
#include "vm.h"

/* What a VMM sets for a guest that came from a 2 GHz host; or half more, should this host be one (within 1 %). */
#define GUEST_TSC_KHZ		2000000
#define OTHER_GUEST_TSC_KHZ	3000000
#define SAME_KHZ_FRACTION	100

/* Both clocks are cut to whole ns. */
#define LAG_BOUND_NS	2

/*
 * Without the master clock the kernel pairs the TSC and the time of a page by two reads. 10 us lie between them at most,
 * unless something interrupts it several times in a row; then the page ages, at a rate that NTP may have moved.
 */
#define PAIR_BOUND_NS		10000
#define NTP_MAX_PPM		500
#define MILLION			1000000
/* A new page takes longer than a reading, and there are many of both. */
#define READINGS_A_PAGE		8

/* The fraction bits of the scaling ratio in hardware, which the kernel's arithmetic follows. */
#define SVM_RATIO_BITS	32
#define VMX_RATIO_BITS	48

struct timed_vm {
	struct vm vm;
	/* Guest TSC of host TSC: scaled by ratio with ratio_bits of fraction, plus offset. */
	uint64_t ratio;
	unsigned int ratio_bits;
	uint64_t offset;
};

/* (guest_khz << bits) / host_khz, for frequencies below 2^32 kHz: one bit of the quotient at a time. */
static uint64_t scaling_ratio(uint64_t guest_khz, uint64_t host_khz, unsigned int bits)
{
	uint64_t ratio = guest_khz / host_khz;
	uint64_t rest = guest_khz % host_khz;

	while (bits--) {
		rest <<= 1;
		ratio = ratio << 1 | (rest >= host_khz);
		if (rest >= host_khz)
			rest -= host_khz;
	}
	return ratio;
}

static bool cpu_is_amd(void)
{
	unsigned int eax, vendor[3];

	if (!__get_cpuid(0, &eax, &vendor[0], &vendor[2], &vendor[1]))
		return false;
	return !memcmp(vendor, "AuthenticAMD", sizeof(vendor)) || !memcmp(vendor, "HygonGenuine", sizeof(vendor));
}

static uint64_t guest_tsc(const struct timed_vm *timed, uint64_t host_tsc)
{
	return mul_shift(host_tsc, timed->ratio, timed->ratio_bits) + timed->offset;
}

static int host_frequency(void)
{
	struct vm vm;
	int khz;

	vm_create(&vm, 1);
	khz = ioctl(vm.vcpu_fd[0], KVM_GET_TSC_KHZ, NULL);
	if (khz <= 0)
		failed("KVM_GET_TSC_KHZ gives no frequency");
	return khz;
}

static void get_host_clock(struct timed_vm *timed, struct clock_reading *reading)
{
	get_clock(&timed->vm, reading);
	if (!(reading->flags & KVM_CLOCK_HOST_TSC))
		not_measured("KVM_GET_CLOCK gives no host TSC (before v5.16 it never does)");
}

/* The arithmetic rests on how this kernel scales: its own view of the guest's TSC has to agree. */
static void check_guest_tsc(struct timed_vm *timed)
{
	struct clock_reading before, after;
	uint64_t tsc;

	get_host_clock(timed, &before);
	tsc = get_msr(&timed->vm, 0, MSR_IA32_TSC);
	get_host_clock(timed, &after);
	if (tsc < guest_tsc(timed, before.host_tsc) || tsc > guest_tsc(timed, after.host_tsc))
		not_measured("this kernel scales the TSC in a way that this program does not know");
}

/* The guest's time page is as old as the master clock snapshot, and stays so, as the vCPU runs only this once. */
static void create_timed(struct timed_vm *timed, int khz, int host_khz)
{
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&timed->offset,
	};

	vm_create(&timed->vm, 1);
	if (khz != host_khz && ioctl(timed->vm.vcpu_fd[0], KVM_SET_TSC_KHZ, (unsigned long)khz) < 0)
		not_measured("KVM_SET_TSC_KHZ refused %d kHz", khz);
	timed->ratio_bits = cpu_is_amd() ? SVM_RATIO_BITS : VMX_RATIO_BITS;
	timed->ratio = scaling_ratio((uint64_t)khz, (uint64_t)host_khz, timed->ratio_bits);
	set_msr(&timed->vm, 0, MSR_KVM_SYSTEM_TIME_NEW, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE);
	vm_run(&timed->vm, 0);
	require_master_clock(&timed->vm);
	if (ioctl(timed->vm.vcpu_fd[0], KVM_GET_DEVICE_ATTR, &attr) < 0)
		not_measured("the TSC offset is not known before v5.16");
	check_guest_tsc(timed);
}

static int64_t clock_lag(struct timed_vm *timed)
{
	const struct vcpu_time *time = vm_memory(&timed->vm, GPA_VCPU_TIME);
	struct clock_reading reading;

	get_host_clock(timed, &reading);
	return (int64_t)(guest_clock(time, guest_tsc(timed, reading.host_tsc)) - reading.clock);
}

void run_scaling(const struct bench_case *self)
{
	int host_khz, khz = GUEST_TSC_KHZ;
	struct timed_vm scaled, plain;
	int64_t lag;

	(void)self;
	if (!kvm_has(KVM_CAP_TSC_CONTROL))
		not_measured("this host has no TSC scaling (KVM_CAP_TSC_CONTROL)");
	host_khz = host_frequency();
	if (abs(host_khz - khz) < host_khz / SAME_KHZ_FRACTION)
		khz = OTHER_GUEST_TSC_KHZ;
	create_timed(&plain, host_khz, host_khz);
	create_timed(&scaled, khz, host_khz);
	sleep_age();
	lag = clock_lag(&scaled);

	metric("host_khz", host_khz, "TSC frequency of the host");
	metric("guest_khz", khz, "TSC frequency set for the guest");
	metric("age_s", options.age_s, "age of the master clock snapshot");
	metric("lag_ns", lag, "KVM_GET_CLOCK is behind the guest's own view by");
	metric("lag_ns_per_s", rounded_div(lag, options.age_s), "and per second");
	metric("control_lag_ns", clock_lag(&plain), "the same in a VM whose TSC is not scaled");
	if (llabs(lag) > LAG_BOUND_NS)
		affected("KVM_GET_CLOCK drifting from a scaled TSC (%s ns in %u s)", grouped(lag), options.age_s);
}

static void create_plain(struct timed_vm *timed)
{
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&timed->offset,
	};

	vm_create_running(&timed->vm, 1);
	if (ioctl(timed->vm.vcpu_fd[0], KVM_GET_DEVICE_ATTR, &attr) < 0)
		not_measured("the TSC offset is not known before v5.16");
}

/*
 * All that KVM_GET_CLOCK gives may come from one reading, and that reading be wrong: the epoch does not show it. The wall
 * clock that everybody reads, and a new time page with the TSC, do so within the time that the ioctl takes.
 */
void run_instant(const struct bench_case *self)
{
	int64_t real, clock, bound, worst_real = 0, worst_clock = 0;
	unsigned long i, real_outside = 0, clock_outside = 0;
	uint64_t real_before, real_after, low, high;
	const struct vcpu_time *time;
	struct clock_reading reading;
	struct timed_vm timed;

	(void)self;
	create_plain(&timed);
	time = vm_memory(&timed.vm, GPA_VCPU_TIME);
	for (i = 0; i < options.tries; i++) {
		if (i % READINGS_A_PAGE == 0) {
			set_msr(&timed.vm, 0, MSR_KVM_SYSTEM_TIME_NEW, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE);
			vm_run(&timed.vm, 0);
		}
		real_before = clock_now(CLOCK_REALTIME);
		low = __rdtsc();
		get_clock(&timed.vm, &reading);
		high = __rdtsc();
		real_after = clock_now(CLOCK_REALTIME);

		low = guest_clock(time, low + timed.offset);
		high = guest_clock(time, high + timed.offset);
		clock = outside(reading.clock, low, high);
		worst_clock = larger(worst_clock, clock);
		bound = LAG_BOUND_NS;
		if (!(reading.flags & KVM_CLOCK_TSC_STABLE))
			bound += PAIR_BOUND_NS + (int64_t)(high - time->system_time) / (MILLION / NTP_MAX_PPM);
		clock_outside += llabs(clock) > bound;
		if (!has_realtime(&reading))
			continue;
		real = outside(reading.realtime, real_before, real_after);
		worst_real = larger(worst_real, real);
		real_outside += llabs(real) > LAG_BOUND_NS;
	}

	metric("readings", (int64_t)options.tries, "KVM_GET_CLOCK, every eighth after a new time page");
	metric("guest_worst_ns", worst_clock, "clock outside of what the guest computes at TSCs around it, worst");
	metric("guest_outside", (int64_t)clock_outside, "by more than 2 ns (without the master clock 10 us, + 500 ppm)");
	if (clock_outside)
		affected("KVM_GET_CLOCK apart from the guest's own view (up to %s ns)", grouped(worst_clock));
	if (!has_realtime(&reading)) {
		note("realtime: KVM_GET_CLOCK gives none here");
		return;
	}
	metric("real_worst_ns", worst_real, "realtime outside two reads of CLOCK_REALTIME around it, worst");
	metric("real_outside", (int64_t)real_outside, "by more than 2 ns");
	if (real_outside)
		affected("a realtime of KVM_GET_CLOCK that is not the wall clock's (up to %s ns)", grouped(worst_real));
}
