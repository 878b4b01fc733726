// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_SET_CLOCK and KVM_GET_CLOCK; and the vCPU's TSC, of which neither attribute nor MSR nor rate moves kvmclock.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "bad-input.h"

#define ALL_FLAGS	((uint32_t)(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC))
#define SOME_CLOCK	(1234 * NSEC_PER_SEC)
/* An address that no process may use. */
#define KERNEL_POINTER	((void *)0xffff888000000000UL)

static void bad_pointers(struct test *test, uint64_t request)
{
	void *const bad[] = { NULL, KERNEL_POINTER, before_the_end(sizeof(struct clock_reading) / 2) };
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(ioctl(test->vm.fd, request, bad[i]), EFAULT);
	unchanged(test);
}

static void set_clock_unknown_flags(struct test *test, uint64_t value)
{
	struct clock_reading data = { .clock = SOME_CLOCK };
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		data.flags = 1U << bit;
		if (!(data.flags & ALL_FLAGS))
			refused(ioctl(test->vm.fd, KVM_SET_CLOCK, &data), EINVAL);
	}
	data.flags = UINT32_MAX;
	refused(ioctl(test->vm.fd, KVM_SET_CLOCK, &data), EINVAL);
	unchanged(test);
}

/* What no flag announces is not looked at, nor what KVM_GET_CLOCK alone gives. */
static void set_clock_ignored_fields(struct test *test, uint64_t value)
{
	static const struct clock_reading readings[] = {
		{ .clock = SOME_CLOCK, .realtime = 1 },
		{ .clock = SOME_CLOCK, .realtime = 1, .flags = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_HOST_TSC },
		{ .clock = SOME_CLOCK, .host_tsc = UINT64_MAX, .flags = KVM_CLOCK_HOST_TSC },
		{ .clock = SOME_CLOCK, .pad0 = UINT32_MAX, .pad = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX } },
	};
	unsigned int i;

	for (i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
		set_clock(&test->vm, &readings[i]);
		clock_is_about(test, SOME_CLOCK);
	}
}

static void set_clock_without_vcpu(struct test *test, uint64_t clock)
{
	const struct clock_reading data = { .clock = clock };

	set_clock(&test->vm, &data);
	clock_is_about(test, clock);
}

static void get_clock_fills_all(struct test *test, uint64_t value)
{
	struct clock_reading *data = before_the_end(sizeof(*data));
	static const uint32_t none[4];

	memset(data, 0xff, sizeof(*data));
	get_clock(&test->vm, data);
	if (memcmp(data->pad, none, sizeof(none)))
		failed("the padding is not 0");
	if (data->pad0 || data->flags & ~ALL_FLAGS)
		failed("flags are 0x%x, padding behind them 0x%x", data->flags, data->pad0);
	unchanged(test);
}

/* The fields that no flag announces are zero, and real time is always given. */
static void get_clock_without_vcpu(struct test *test, uint64_t value)
{
	struct clock_reading data;

	memset(&data, 0xff, sizeof(data));
	get_clock(&test->vm, &data);
	if (!has_realtime(&data))
		failed("flags are 0x%x: no KVM_CLOCK_REALTIME", data.flags);
	if (!(data.flags & KVM_CLOCK_HOST_TSC) && data.host_tsc)
		failed("host_tsc is given without its flag");
	if (data.flags & KVM_CLOCK_TSC_STABLE)
		failed("KVM_CLOCK_TSC_STABLE without a vCPU that has run");
	unchanged(test);
}

static long offset_attr(struct test *test, unsigned long request, uint64_t *at)
{
	return vm_tsc_offset(&test->vm, 0, request, at) ? 0 : -1;
}

static void tsc_offset_half_readable(struct test *test, uint64_t value)
{
	refused(offset_attr(test, KVM_SET_DEVICE_ATTR, before_the_end(sizeof(uint64_t) / 2)), EFAULT);
	unchanged(test);
}

/* Takes effect, and reads as it was written. */
static void sets_offset(struct test *test, uint64_t offset)
{
	uint64_t now = 0;

	accepted(offset_attr(test, KVM_SET_DEVICE_ATTR, &offset));
	accepted(offset_attr(test, KVM_GET_DEVICE_ATTR, &now));
	if (now != offset)
		failed("the offset reads as 0x%llx", (unsigned long long)now);
	unchanged(test);
}

static void runs_with_offset(struct test *test, uint64_t offset)
{
	sets_offset(test, offset);
	vm_run(&test->vm, 0);
	unchanged(test);
}

static void tsc_written(struct test *test, uint64_t tsc)
{
	set_msr(&test->vm, 0, MSR_IA32_TSC, tsc);
	vm_run(&test->vm, 0);
	unchanged(test);
}

/* Zero means the host's own. */
static void tsc_khz_zero(struct test *test, uint64_t value)
{
	accepted(ioctl(test->vm.vcpu_fd[0], KVM_SET_TSC_KHZ, 0UL));
	vm_run(&test->vm, 0);
	unchanged(test);
}

const struct bad_case clock_cases[] = {
	CASE_WITH(set_clock_bad_pointers, bad_pointers, 0, KVM_SET_CLOCK),
	CASE(set_clock_unknown_flags, 0),
	CASE(set_clock_ignored_fields, 0),
	CASE_WITH(set_clock_without_vcpu, set_clock_without_vcpu, NO_VCPU, SOME_CLOCK, 0, UINT64_MAX),
	CASE_WITH(get_clock_bad_pointers, bad_pointers, 0, KVM_GET_CLOCK),
	CASE(get_clock_fills_all, 0),
	CASE(get_clock_without_vcpu, NO_VCPU),
	CASE(tsc_offset_half_readable, 0),
	CASE_WITH(tsc_offset_all_ones, runs_with_offset, 0, UINT64_MAX),
	CASE_WITH(tsc_offset_sign_bit, runs_with_offset, 0, 1ULL << 63),
	CASE_WITH(tsc_offset_zero, runs_with_offset, 0, 0),
	CASE_WITH(tsc_offset_before_the_first_run, sets_offset, NOT_RUN, 1ULL << 63),
	CASE_WITH(tsc_write_zero, tsc_written, 0, 0),
	CASE_WITH(tsc_write_all_ones, tsc_written, 0, UINT64_MAX),
	CASE(tsc_khz_zero, 0),
	{ 0 },
};
