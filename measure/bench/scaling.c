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
 * Without the master clock the kernel pairs the TSC and the time of a page by two reads. 10 us lie between them at
 * most, unless something interrupts it several times in a row; then the page ages, at a rate that NTP may have moved.
 */
#define PAIR_BOUND_NS		10000
/* A new page takes longer than a reading, and there are many of both. */
#define READINGS_A_PAGE		8

/* The fraction bits of the scaling ratio in hardware, which the kernel's arithmetic follows. */
#define SVM_RATIO_BITS	32
#define VMX_RATIO_BITS	48

/* Guest TSC of host TSC: scaled by ratio with ratio_bits of fraction, plus offset. */
struct scaled_vm {
	struct vm vm;
	uint64_t ratio;
	unsigned int ratio_bits;
	uint64_t offset;
};

/* (guest_khz << bits) / host_khz, for 32 bits and more: in two steps, as a 32-bit program has no 128-bit type. */
static uint64_t scaling_ratio(uint64_t guest_khz, uint64_t host_khz, unsigned int bits)
{
	uint64_t ratio = (guest_khz << SVM_RATIO_BITS) / host_khz;
	uint64_t rest = (guest_khz << SVM_RATIO_BITS) % host_khz;

	return ratio << (bits - SVM_RATIO_BITS) | (rest << (bits - SVM_RATIO_BITS)) / host_khz;
}

static bool cpu_is_amd(void)
{
	unsigned int eax, vendor[3];

	if (!__get_cpuid(0, &eax, &vendor[0], &vendor[2], &vendor[1]))
		return false;
	return !memcmp(vendor, "AuthenticAMD", sizeof(vendor)) || !memcmp(vendor, "HygonGenuine", sizeof(vendor));
}

static uint64_t guest_tsc(const struct scaled_vm *scaled, uint64_t host_tsc)
{
	return mul_shift(host_tsc, scaled->ratio, scaled->ratio_bits) + scaled->offset;
}

static void get_host_clock(struct scaled_vm *scaled, struct clock_reading *reading)
{
	get_clock(&scaled->vm, reading);
	if (!(reading->flags & KVM_CLOCK_HOST_TSC))
		not_measured("KVM_GET_CLOCK gives no host TSC (before v5.16 it never does)");
}

/* The guest's time page is as old as the master clock snapshot, and stays so, as the vCPU runs only this once. */
static void create_scaled(struct scaled_vm *scaled, int khz, int host_khz)
{
	struct clock_reading before, after;
	uint64_t tsc;

	if (ioctl(scaled->vm.vcpu_fd[0], KVM_SET_TSC_KHZ, (unsigned long)khz) < 0)
		not_measured("KVM_SET_TSC_KHZ refused %d kHz", khz);
	scaled->ratio_bits = cpu_is_amd() ? SVM_RATIO_BITS : VMX_RATIO_BITS;
	scaled->ratio = scaling_ratio((uint64_t)khz, (uint64_t)host_khz, scaled->ratio_bits);
	set_msr(&scaled->vm, 0, MSR_KVM_SYSTEM_TIME_NEW, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE);
	vm_run(&scaled->vm, 0);
	require_master_clock(&scaled->vm);
	if (!vm_tsc_offset(&scaled->vm, 0, KVM_GET_DEVICE_ATTR, &scaled->offset))
		not_measured("the TSC offset is not known before v5.16");

	/* The arithmetic rests on how this kernel scales: its own view of the guest's TSC has to agree. */
	get_host_clock(scaled, &before);
	tsc = get_msr(&scaled->vm, 0, MSR_IA32_TSC);
	get_host_clock(scaled, &after);
	if (tsc < guest_tsc(scaled, before.host_tsc) || tsc > guest_tsc(scaled, after.host_tsc))
		not_measured("this kernel scales the TSC in a way that this program does not know");
}

void run_scaling(const struct bench_case *self)
{
	int host_khz, khz = GUEST_TSC_KHZ;
	struct clock_reading reading;
	struct scaled_vm scaled;
	uint64_t clock;
	int64_t lag;

	if (!kvm_has(KVM_CAP_TSC_CONTROL))
		not_measured("this host has no TSC scaling (KVM_CAP_TSC_CONTROL)");
	self->mode(&scaled.vm, 1);
	host_khz = vm_tsc_khz(&scaled.vm, 0);
	if (abs(host_khz - khz) < host_khz / SAME_KHZ_FRACTION)
		khz = OTHER_GUEST_TSC_KHZ;
	create_scaled(&scaled, khz, host_khz);
	sleep_age();
	get_host_clock(&scaled, &reading);
	clock = guest_clock(vm_memory(&scaled.vm, GPA_VCPU_TIME), guest_tsc(&scaled, reading.host_tsc));
	lag = (int64_t)(clock - reading.clock);

	metric("host_khz", host_khz, "TSC frequency of the host");
	metric("guest_khz", khz, "TSC frequency set for the guest");
	metric("lag_ns", lag, "KVM_GET_CLOCK is behind the guest's own view by, after --age");
	metric("lag_ns_per_s", rounded_div(lag, options.age_s), "and per second");
	if (llabs(lag) > LAG_BOUND_NS)
		affected("KVM_GET_CLOCK drifting from a scaled TSC (%s ns in %u s)", grouped(lag), options.age_s);
}

/*
 * All that KVM_GET_CLOCK gives may come from one reading, and that reading be wrong: the epoch does not show it. The
 * wall clock that everybody reads, and a new time page with the TSC, do so within the time that the ioctl takes.
 */
void run_instant(const struct bench_case *self)
{
	struct tally real = { 0 }, clock = { 0 };
	uint64_t real_before, real_after, low, high, offset;
	const struct vcpu_time *time;
	struct clock_reading reading;
	unsigned int i;
	int64_t bound;
	struct vm vm;

	self->mode(&vm, 1);
	if (!vm_tsc_offset(&vm, 0, KVM_GET_DEVICE_ATTR, &offset))
		not_measured("the TSC offset is not known before v5.16");
	time = vm_memory(&vm, GPA_VCPU_TIME);
	for (i = 0; i < options.tries; i++) {
		if (i % READINGS_A_PAGE == 0) {
			set_msr(&vm, 0, MSR_KVM_SYSTEM_TIME_NEW, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE);
			vm_run(&vm, 0);
		}
		real_before = clock_now(CLOCK_REALTIME);
		low = __rdtsc();
		get_clock(&vm, &reading);
		high = __rdtsc();
		real_after = clock_now(CLOCK_REALTIME);

		low = guest_clock(time, low + offset);
		high = guest_clock(time, high + offset);
		bound = LAG_BOUND_NS;
		if (!(reading.flags & KVM_CLOCK_TSC_STABLE))
			bound += PAIR_BOUND_NS + ntp_slew((int64_t)(high - time->system_time));
		tally(&clock, outside(reading.clock, low, high), bound);
		if (has_realtime(&reading))
			tally(&real, outside(reading.realtime, real_before, real_after), LAG_BOUND_NS);
	}

	metric("guest_worst_ns", clock.worst, "clock outside of what the guest computes at TSCs around it, worst");
	metric("guest_outside", clock.outside, "by more than 2 ns (without the master clock 10 us, + 500 ppm)");
	if (clock.outside)
		affected("KVM_GET_CLOCK apart from the guest's own view (up to %s ns)", grouped(clock.worst));
	if (!has_realtime(&reading)) {
		note("realtime: KVM_GET_CLOCK gives none here");
		return;
	}
	metric("real_worst_ns", real.worst, "realtime outside two reads of CLOCK_REALTIME around it, worst");
	metric("real_outside", real.outside, "by more than 2 ns");
	if (real.outside)
		affected("a realtime of KVM_GET_CLOCK that is not the wall clock's (up to %s ns)", grouped(real.worst));
}
