// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_SET_CLOCK and KVM_GET_CLOCK.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "bad-input.h"

#define ALL_FLAGS	(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC)
#define SOME_CLOCK	(1234 * NSEC_PER_SEC)
#define ALL_ONES	UINT64_MAX
#define PAST_NS		(1000 * NSEC_PER_SEC)

static long set(struct test *test, const void *data)
{
	return ioctl(test->vm.fd, KVM_SET_CLOCK, data);
}

static long get(struct test *test, void *data)
{
	return ioctl(test->vm.fd, KVM_GET_CLOCK, data);
}

/* Set to data, the clock goes on from clock; memory and MSR stay. */
static void sets(struct test *test, struct clock_reading data, uint64_t clock)
{
	accepted(set(test, &data));
	clock_is_about(test, clock);
	memory_unchanged(test);
}

static void set_clock_null(struct test *test)
{
	start(test, 1, true);
	refused(set(test, NULL), EFAULT);
	unchanged(test);
}

static void set_clock_kernel_pointer(struct test *test)
{
	start(test, 1, true);
	refused(set(test, KERNEL_POINTER), EFAULT);
	unchanged(test);
}

static void set_clock_half_readable(struct test *test)
{
	start(test, 1, true);
	refused(set(test, before_the_end(sizeof(struct clock_reading) / 2)), EFAULT);
	unchanged(test);
}

static void set_clock_read_only_buffer(struct test *test)
{
	const struct clock_reading data = { .clock = SOME_CLOCK };

	start(test, 1, true);
	accepted(set(test, read_only_copy(&data, sizeof(data))));
	clock_is_about(test, SOME_CLOCK);
	memory_unchanged(test);
}

static void set_clock_each_unknown_flag(struct test *test)
{
	struct clock_reading data = { .clock = SOME_CLOCK };
	unsigned int bit;

	start(test, 1, true);
	for (bit = 0; bit < 32; bit++) {
		data.flags = 1U << bit;
		if (!(data.flags & ALL_FLAGS))
			refused(set(test, &data), EINVAL);
	}
	unchanged(test);
}

static void set_clock_unknown_among_known_flags(struct test *test)
{
	struct clock_reading data = { .clock = SOME_CLOCK, .flags = UINT32_MAX };

	start(test, 1, true);
	refused(set(test, &data), EINVAL);
	unchanged(test);
}

static void set_clock_flags_of_get_clock_alone(struct test *test)
{
	start(test, 1, true);
	sets(test, (struct clock_reading){
		.clock = SOME_CLOCK, .flags = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_HOST_TSC, .realtime = 1,
	}, SOME_CLOCK);
}

static void set_clock_padding(struct test *test)
{
	struct clock_reading data = { .clock = SOME_CLOCK, .pad0 = UINT32_MAX };

	start(test, 1, true);
	memset(data.pad, 0xff, sizeof(data.pad));
	sets(test, data, SOME_CLOCK);
}

static void set_clock_host_tsc_is_ignored(struct test *test)
{
	start(test, 1, true);
	sets(test, (struct clock_reading){
		.clock = SOME_CLOCK, .flags = KVM_CLOCK_HOST_TSC, .host_tsc = ALL_ONES,
	}, SOME_CLOCK);
}

static void set_clock_realtime_without_flag(struct test *test)
{
	start(test, 1, true);
	sets(test, (struct clock_reading){ .clock = SOME_CLOCK, .realtime = 1 }, SOME_CLOCK);
}

static void set_clock_realtime_in_the_future(struct test *test)
{
	start(test, 1, true);
	sets(test, (struct clock_reading){
		.clock = SOME_CLOCK, .flags = KVM_CLOCK_REALTIME, .realtime = clock_now(CLOCK_REALTIME) + PAST_NS,
	}, SOME_CLOCK);
}

static void set_clock_realtime_all_ones(struct test *test)
{
	start(test, 1, true);
	sets(test, (struct clock_reading){
		.clock = SOME_CLOCK, .flags = ALL_FLAGS, .realtime = ALL_ONES,
	}, SOME_CLOCK);
}

static void set_clock_realtime_past(struct test *test)
{
	start(test, 1, true);
	sets(test, (struct clock_reading){
		.clock = SOME_CLOCK, .flags = KVM_CLOCK_REALTIME, .realtime = clock_now(CLOCK_REALTIME) - PAST_NS,
	}, SOME_CLOCK + PAST_NS);
}

static void set_clock_realtime_zero(struct test *test)
{
	start(test, 1, true);
	sets(test, (struct clock_reading){ .clock = SOME_CLOCK, .flags = KVM_CLOCK_REALTIME },
	     SOME_CLOCK + clock_now(CLOCK_REALTIME));
}

static void set_clock_sum_wraps(struct test *test)
{
	start(test, 1, true);
	sets(test, (struct clock_reading){ .clock = ALL_ONES, .flags = KVM_CLOCK_REALTIME },
	     clock_now(CLOCK_REALTIME) - 1);
}

static void set_clock_zero(struct test *test)
{
	start(test, 1, true);
	sets(test, (struct clock_reading){ 0 }, 0);
}

static void set_clock_all_ones(struct test *test)
{
	start(test, 1, true);
	sets(test, (struct clock_reading){ .clock = ALL_ONES }, ALL_ONES);
}

static void set_clock_sign_bit(struct test *test)
{
	start(test, 1, true);
	sets(test, (struct clock_reading){ .clock = 1ULL << 63 }, 1ULL << 63);
}

static void set_clock_without_vcpu(struct test *test)
{
	start(test, 0, false);
	sets(test, (struct clock_reading){ .clock = SOME_CLOCK }, SOME_CLOCK);
}

static void set_clock_before_the_first_run(struct test *test)
{
	start(test, 1, false);
	sets(test, (struct clock_reading){ .clock = SOME_CLOCK }, SOME_CLOCK);
	/* And the first run, which takes the first snapshot, leaves it so. */
	vm_run(&test->vm, 0);
	clock_is_about(test, SOME_CLOCK);
}

/* The ABI of vcpu_time, which the guest and the Hyper-V page take for unsigned: never before zero. */
static void set_clock_zero_seen_by_the_guest(struct test *test)
{
	const struct clock_reading zero = { 0 };
	struct vcpu_time time;

	start(test, 1, true);
	set_msr(&test->vm, 0, MSR_KVM_SYSTEM_TIME_NEW, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE);
	accepted(set(test, &zero));
	vm_run(&test->vm, 0);
	memcpy(&time, memory(test, GPA_VCPU_TIME), sizeof(time));
	if (time.version == 0 || time.version & 1)
		failed("the vCPU's time has version %u", time.version);
	if (time.system_time > 2 * (uint64_t)NSEC_PER_SEC)
		failed("system_time is %llu", (unsigned long long)time.system_time);
	allow(test, GPA_VCPU_TIME, sizeof(time));
	memory_unchanged(test);
}

static void set_clock_by_another_process(struct test *test)
{
	struct clock_reading data = { .clock = SOME_CLOCK };
	int error;

	start(test, 1, true);
	error = in_child(test, test->vm.fd, KVM_SET_CLOCK, &data);
	if (error != EIO)
		failed("it gives: %s", strerror(error));
	unchanged(test);
}

static void set_clock_on_a_vcpu(struct test *test)
{
	struct clock_reading data = { .clock = SOME_CLOCK };

	start(test, 1, true);
	refused(ioctl(test->vm.vcpu_fd[0], KVM_SET_CLOCK, &data), EINVAL);
	unchanged(test);
}

static void set_clock_of_another_size(struct test *test)
{
	struct clock_reading data = { .clock = SOME_CLOCK };

	start(test, 1, true);
	refused(ioctl(test->vm.fd, _IOW(KVMIO, 0x7b, __u64), &data), ENOTTY);
	unchanged(test);
}

static void set_clock_again_and_again(struct test *test)
{
	struct clock_reading data = { .clock = ALL_ONES };
	unsigned int i;

	start(test, 1, true);
	for (i = 0; i < 64; i++) {
		data.clock = ALL_ONES >> i;
		accepted(set(test, &data));
		clock_is_about(test, data.clock);
	}
	memory_unchanged(test);
}

static void get_clock_null(struct test *test)
{
	start(test, 1, true);
	refused(get(test, NULL), EFAULT);
	unchanged(test);
}

static void get_clock_kernel_pointer(struct test *test)
{
	start(test, 1, true);
	refused(get(test, KERNEL_POINTER), EFAULT);
	unchanged(test);
}

static void get_clock_write_protected(struct test *test)
{
	struct clock_reading data, *copy;

	memset(&data, 0xa5, sizeof(data));
	start(test, 1, true);
	copy = read_only_copy(&data, sizeof(data));
	refused(get(test, copy), EFAULT);
	if (memcmp(copy, &data, sizeof(data)))
		failed("the buffer has changed");
	unchanged(test);
}

static void get_clock_half_writable(struct test *test)
{
	start(test, 1, true);
	refused(get(test, before_the_end(sizeof(struct clock_reading) / 2)), EFAULT);
	unchanged(test);
}

static void get_clock_just_fits(struct test *test)
{
	struct clock_reading *data = before_the_end(sizeof(*data));

	start(test, 1, true);
	accepted(get(test, data));
	if (!data->clock)
		failed("the clock is 0");
	unchanged(test);
}

static void get_clock_unaligned(struct test *test)
{
	uint8_t *buffer = before_the_end(sizeof(struct clock_reading) + 3);
	struct clock_reading data;

	start(test, 1, true);
	accepted(get(test, buffer));
	memcpy(&data, buffer, sizeof(data));
	clock_is_about(test, data.clock);
	unchanged(test);
}

static void get_clock_fills_all(struct test *test)
{
	struct clock_reading data;
	unsigned int i;

	memset(&data, 0xff, sizeof(data));
	start(test, 1, true);
	accepted(get(test, &data));
	for (i = 0; i < sizeof(data.pad) / sizeof(data.pad[0]); i++)
		if (data.pad[i])
			failed("padding is 0x%x", data.pad[i]);
	if (data.pad0 || data.flags & ~(uint32_t)ALL_FLAGS)
		failed("flags are 0x%x, padding behind them 0x%x", data.flags, data.pad0);
	unchanged(test);
}

/* The fields that no flag announces are zero, and real time is always given. */
static void get_clock_fields(struct test *test)
{
	struct clock_reading data;

	memset(&data, 0xff, sizeof(data));
	accepted(get(test, &data));
	if (!(data.flags & KVM_CLOCK_REALTIME))
		failed("flags are 0x%x: no KVM_CLOCK_REALTIME", data.flags);
	if (!(data.flags & KVM_CLOCK_HOST_TSC) && data.host_tsc)
		failed("host_tsc is given without its flag");
	if (data.flags & KVM_CLOCK_TSC_STABLE)
		failed("KVM_CLOCK_TSC_STABLE without a vCPU that has run");
	unchanged(test);
}

static void get_clock_without_vcpu(struct test *test)
{
	start(test, 0, false);
	get_clock_fields(test);
}

static void get_clock_before_the_first_run(struct test *test)
{
	start(test, 2, false);
	get_clock_fields(test);
}

static void get_clock_by_another_process(struct test *test)
{
	struct clock_reading data;
	int error;

	start(test, 1, true);
	error = in_child(test, test->vm.fd, KVM_GET_CLOCK, &data);
	if (error != EIO)
		failed("it gives: %s", strerror(error));
	unchanged(test);
}

static void get_clock_on_dev_kvm(struct test *test)
{
	struct clock_reading data;

	start(test, 1, true);
	/* vm.c keeps it to itself: the first file that this process has opened is the one. */
	refused(ioctl(test->vm.fd - 1, KVM_GET_CLOCK, &data), EINVAL);
	unchanged(test);
}

#define CASE(name)	{ #name, name }

const struct bad_case clock_cases[] = {
	CASE(set_clock_null),
	CASE(set_clock_kernel_pointer),
	CASE(set_clock_half_readable),
	CASE(set_clock_read_only_buffer),
	CASE(set_clock_each_unknown_flag),
	CASE(set_clock_unknown_among_known_flags),
	CASE(set_clock_flags_of_get_clock_alone),
	CASE(set_clock_padding),
	CASE(set_clock_host_tsc_is_ignored),
	CASE(set_clock_realtime_without_flag),
	CASE(set_clock_realtime_in_the_future),
	CASE(set_clock_realtime_all_ones),
	CASE(set_clock_realtime_past),
	CASE(set_clock_realtime_zero),
	CASE(set_clock_sum_wraps),
	CASE(set_clock_zero),
	CASE(set_clock_all_ones),
	CASE(set_clock_sign_bit),
	CASE(set_clock_without_vcpu),
	CASE(set_clock_before_the_first_run),
	CASE(set_clock_zero_seen_by_the_guest),
	CASE(set_clock_by_another_process),
	CASE(set_clock_on_a_vcpu),
	CASE(set_clock_of_another_size),
	CASE(set_clock_again_and_again),
	CASE(get_clock_null),
	CASE(get_clock_kernel_pointer),
	CASE(get_clock_write_protected),
	CASE(get_clock_half_writable),
	CASE(get_clock_just_fits),
	CASE(get_clock_unaligned),
	CASE(get_clock_fills_all),
	CASE(get_clock_without_vcpu),
	CASE(get_clock_before_the_first_run),
	CASE(get_clock_by_another_process),
	CASE(get_clock_on_dev_kvm),
	{ 0 },
};
