// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vCPU's TSC: its attribute, its MSR, its rate. None of them moves kvmclock.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "bad-input.h"

#define BAD_GROUP	7
#define BAD_ATTR	7

static long offset_attr(struct test *test, unsigned long request, uint32_t group, uint64_t attr, const void *at)
{
	const struct kvm_device_attr device = { .group = group, .attr = attr, .addr = (uintptr_t)at };

	return ioctl(test->vm.vcpu_fd[0], request, &device);
}

static void tsc_attr_null(struct test *test)
{
	start(test, 1, true);
	refused(ioctl(test->vm.vcpu_fd[0], KVM_SET_DEVICE_ATTR, NULL), EFAULT);
	unchanged(test);
}

static void tsc_attr_unknown_group(struct test *test)
{
	uint64_t offset = 0;

	start(test, 1, true);
	refused(offset_attr(test, KVM_SET_DEVICE_ATTR, BAD_GROUP, KVM_VCPU_TSC_OFFSET, &offset), ENXIO);
	unchanged(test);
}

static void tsc_attr_unknown(struct test *test)
{
	uint64_t offset = 0;

	start(test, 1, true);
	refused(offset_attr(test, KVM_SET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, BAD_ATTR, &offset), ENXIO);
	unchanged(test);
}

static void tsc_offset_half_readable(struct test *test)
{
	start(test, 1, true);
	refused(offset_attr(test, KVM_SET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, before_the_end(4)), EFAULT);
	unchanged(test);
}

static void tsc_offset_to_write_protected(struct test *test)
{
	const uint64_t offset = 0;

	start(test, 1, true);
	refused(offset_attr(test, KVM_GET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET,
			    read_only_copy(&offset, sizeof(offset))), EFAULT);
	unchanged(test);
}

/* Takes effect, and reads as it was written. */
static void offset_is_set(struct test *test, uint64_t offset)
{
	uint64_t now = 0;

	start(test, 1, true);
	accepted(offset_attr(test, KVM_SET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, &offset));
	accepted(offset_attr(test, KVM_GET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, &now));
	if (now != offset)
		failed("the offset reads as 0x%llx", (unsigned long long)now);
	vm_run(&test->vm, 0);
	unchanged(test);
}

static void tsc_offset_all_ones(struct test *test)
{
	offset_is_set(test, UINT64_MAX);
}

static void tsc_offset_sign_bit(struct test *test)
{
	offset_is_set(test, 1ULL << 63);
}

static void tsc_offset_zero(struct test *test)
{
	offset_is_set(test, 0);
}

static void tsc_offset_same(struct test *test)
{
	uint64_t offset;

	start(test, 1, true);
	accepted(offset_attr(test, KVM_GET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, &offset));
	accepted(offset_attr(test, KVM_SET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, &offset));
	vm_run(&test->vm, 0);
	unchanged(test);
}

static void tsc_offset_before_the_first_run(struct test *test)
{
	const uint64_t offset = 1ULL << 63;

	start(test, 1, false);
	accepted(offset_attr(test, KVM_SET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, &offset));
	unchanged(test);
}

static void tsc_written(struct test *test, uint64_t value)
{
	start(test, 1, true);
	set_msr(&test->vm, 0, MSR_IA32_TSC, value);
	vm_run(&test->vm, 0);
	unchanged(test);
}

static void tsc_write_zero(struct test *test)
{
	tsc_written(test, 0);
}

static void tsc_write_all_ones(struct test *test)
{
	tsc_written(test, UINT64_MAX);
}

/* Without scaling hardware a rate below the host's is refused; with it, only one beyond what it can do. */
static void tsc_khz_impossible(struct test *test)
{
	const unsigned long khz = kvm_has(KVM_CAP_TSC_CONTROL) ? UINT32_MAX : 1;

	start(test, 1, true);
	refused(ioctl(test->vm.vcpu_fd[0], KVM_SET_TSC_KHZ, khz), EINVAL);
	vm_run(&test->vm, 0);
	unchanged(test);
}

static void tsc_khz_zero(struct test *test)
{
	start(test, 1, true);
	/* Zero means the host's own. */
	accepted(ioctl(test->vm.vcpu_fd[0], KVM_SET_TSC_KHZ, 0UL));
	vm_run(&test->vm, 0);
	unchanged(test);
}

#define CASE(name)	{ #name, name }

const struct bad_case tsc_cases[] = {
	CASE(tsc_attr_null),
	CASE(tsc_attr_unknown_group),
	CASE(tsc_attr_unknown),
	CASE(tsc_offset_half_readable),
	CASE(tsc_offset_to_write_protected),
	CASE(tsc_offset_all_ones),
	CASE(tsc_offset_sign_bit),
	CASE(tsc_offset_zero),
	CASE(tsc_offset_same),
	CASE(tsc_offset_before_the_first_run),
	CASE(tsc_write_zero),
	CASE(tsc_write_all_ones),
	CASE(tsc_khz_impossible),
	CASE(tsc_khz_zero),
	{ 0 },
};
