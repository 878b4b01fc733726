// SPDX-License-Identifier: GPL-2.0-only
/*
 * The Xen attributes: the shared info page with its wall clock, which has a place of its own for 32 and for 64 bits.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "bad-input.h"

#define ATTR_LONG_MODE		0
#define ATTR_SHARED_INFO	1
#define ATTR_UNKNOWN		0x7fff
#define VCPU_ATTR_UNKNOWN	0x7fff
#define TIMER_BAD_PRIORITY	5
#define INVALID_GFN		UINT64_MAX

/* Where each layout has the wall clock, and the upper half of its seconds. */
#define PLACE_32	0x900
#define SEC_HI_32	0x924
#define PLACE_64	0xc00
#define SEC_HI_64	0xc0c
#define WC_SIZE		sizeof(struct wall_clock)
#define START_VERSION	6U

#define XEN_HVM_GET_ATTR	_IOWR(KVMIO, 0xc8, struct xen_attr)

void xen_start(struct test *test, unsigned int nr_vcpus, bool run)
{
	if (!kernel_has_xen())
		not_measured("the kernel has no Xen HVM guests");
	start(test, nr_vcpus, run);
	xen_enable(&test->vm);
}

static long set_page(struct test *test, uint64_t gfn)
{
	const struct xen_attr attr = { .type = ATTR_SHARED_INFO, .u.gfn = gfn };

	return ioctl(test->vm.fd, XEN_HVM_SET_ATTR, &attr);
}

static void set_long_mode(struct test *test, bool on)
{
	const struct xen_attr attr = { .type = ATTR_LONG_MODE, .u.gfn = on };

	accepted(ioctl(test->vm.fd, XEN_HVM_SET_ATTR, &attr));
}

static uint64_t page_now(struct test *test)
{
	struct xen_attr attr = { .type = ATTR_SHARED_INFO };

	vm_ioctl(test->vm.fd, XEN_HVM_GET_ATTR, &attr, "KVM_XEN_HVM_GET_ATTR");
	return attr.u.gfn;
}

static void put32(struct test *test, uint64_t gpa, uint32_t value)
{
	memcpy(memory(test, gpa), &value, sizeof(value));
}

static uint32_t get32(struct test *test, uint64_t gpa)
{
	uint32_t value;

	memcpy(&value, memory(test, gpa), sizeof(value));
	return value;
}

/* The page is set, and its wall clock written in the layout of that mode only. */
static void sets_page(struct test *test, bool long_mode, uint32_t from, uint32_t to)
{
	uint64_t place = GPA_EDGE + (long_mode ? PLACE_64 : PLACE_32), sec_hi = GPA_EDGE + (long_mode ? SEC_HI_64 : SEC_HI_32);

	put_version(test, place, from);
	put32(test, sec_hi, UINT32_MAX);
	mark(test);
	allow(test, place, WC_SIZE);
	allow(test, sec_hi, sizeof(uint32_t));
	accepted(set_page(test, GPA_EDGE / PAGE));
	wall_clock_is(test, place, to);
	if (get32(test, sec_hi))
		failed("the upper half of the seconds is %u", get32(test, sec_hi));
	memory_unchanged(test);
	clock_unchanged(test);
}

static void xen_unknown_attribute(struct test *test)
{
	struct xen_attr attr = { .type = ATTR_UNKNOWN, .u.gfn = GPA_EDGE / PAGE };

	xen_start(test, 1, true);
	refused(ioctl(test->vm.fd, XEN_HVM_SET_ATTR, &attr), ENOENT);
	unchanged(test);
}

static void xen_null(struct test *test)
{
	xen_start(test, 1, true);
	refused(ioctl(test->vm.fd, XEN_HVM_SET_ATTR, NULL), EFAULT);
	unchanged(test);
}

static void xen_by_another_process(struct test *test)
{
	struct xen_attr attr = XEN_SHARED_INFO_ATTR(GPA_EDGE);
	int error;

	xen_start(test, 1, true);
	error = in_child(test, test->vm.fd, XEN_HVM_SET_ATTR, &attr);
	if (error != EIO)
		failed("it gives: %s", strerror(error));
	unchanged(test);
}

static void xen_page_in_a_hole(struct test *test)
{
	xen_start(test, 1, true);
	refused(set_page(test, GPA_HOLE / PAGE), EFAULT);
	unchanged(test);
}

static void xen_page_read_only(struct test *test)
{
	xen_start(test, 1, true);
	refused(set_page(test, GPA_READ_ONLY / PAGE), EFAULT);
	unchanged(test);
}

static void xen_page_above_maxphyaddr(struct test *test)
{
	xen_start(test, 1, true);
	refused(set_page(test, 1ULL << 40 | GPA_EDGE / PAGE), EFAULT);
	unchanged(test);
}

/* Bits of a frame number that a byte address has no room for: today's kernels lose them. */
static void xen_page_bits_lost(struct test *test)
{
	xen_start(test, 1, true);
	allow(test, GPA_EDGE + PLACE_32, WC_SIZE);
	allow(test, GPA_EDGE + SEC_HI_32, sizeof(uint32_t));
	accepted(set_page(test, 1ULL << 60 | GPA_EDGE / PAGE));
	wall_clock_is(test, GPA_EDGE + PLACE_32, 2);
	memory_unchanged(test);
	clock_unchanged(test);
}

static void xen_page_off_when_it_is_off(struct test *test)
{
	xen_start(test, 1, true);
	accepted(set_page(test, INVALID_GFN));
	if (page_now(test) != INVALID_GFN)
		failed("the page is 0x%llx", (unsigned long long)page_now(test));
	unchanged(test);
}

static void xen_page_off(struct test *test)
{
	xen_start(test, 1, true);
	accepted(set_page(test, GPA_EDGE / PAGE));
	mark(test);
	accepted(set_page(test, INVALID_GFN));
	if (page_now(test) != INVALID_GFN)
		failed("the page is 0x%llx", (unsigned long long)page_now(test));
	unchanged(test);
}

static void xen_page_32(struct test *test)
{
	xen_start(test, 1, true);
	sets_page(test, false, START_VERSION, START_VERSION + 2);
}

static void xen_page_64(struct test *test)
{
	xen_start(test, 1, true);
	set_long_mode(test, true);
	sets_page(test, true, START_VERSION, START_VERSION + 2);
}

static void xen_page_version_odd(struct test *test)
{
	xen_start(test, 1, true);
	sets_page(test, false, 7, 10);
}

static void xen_page_version_wraps(struct test *test)
{
	xen_start(test, 1, true);
	sets_page(test, false, UINT32_MAX - 1, 0);
}

static void xen_page_again(struct test *test)
{
	xen_start(test, 1, true);
	sets_page(test, false, START_VERSION, START_VERSION + 2);
	sets_page(test, false, START_VERSION + 2, START_VERSION + 4);
}

static void xen_page_without_vcpu(struct test *test)
{
	xen_start(test, 0, false);
	sets_page(test, false, START_VERSION, START_VERSION + 2);
}

static void xen_page_before_the_first_run(struct test *test)
{
	xen_start(test, 1, false);
	sets_page(test, false, START_VERSION, START_VERSION + 2);
}

static void xen_mode_without_page(struct test *test)
{
	xen_start(test, 1, true);
	set_long_mode(test, true);
	set_long_mode(test, false);
	unchanged(test);
}

static void xen_mode_32_to_64(struct test *test)
{
	uint32_t version;

	xen_start(test, 1, true);
	sets_page(test, false, START_VERSION, START_VERSION + 2);
	version = get32(test, GPA_EDGE + PLACE_32);
	set_long_mode(test, true);
	/* Newer kernels have written it by now. */
	sets_page(test, true, START_VERSION, START_VERSION + 2);
	if (get32(test, GPA_EDGE + PLACE_32) != version)
		failed("the 32-bit place has changed");
}

static void xen_mode_64_to_32(struct test *test)
{
	xen_start(test, 1, true);
	set_long_mode(test, true);
	sets_page(test, true, START_VERSION, START_VERSION + 2);
	set_long_mode(test, false);
	sets_page(test, false, START_VERSION, START_VERSION + 2);
}

static void xen_page_moves(struct test *test)
{
	xen_start(test, 1, true);
	sets_page(test, false, START_VERSION, START_VERSION + 2);
	mark(test);
	allow(test, GPA_EDGE + PAGE + PLACE_32, WC_SIZE);
	allow(test, GPA_EDGE + PAGE + SEC_HI_32, sizeof(uint32_t));
	accepted(set_page(test, GPA_EDGE / PAGE + 1));
	wall_clock_is(test, GPA_EDGE + PAGE + PLACE_32, 2);
	memory_unchanged(test);
	clock_unchanged(test);
}

static void xen_page_slot_deleted(struct test *test)
{
	xen_start(test, 1, true);
	sets_page(test, false, START_VERSION, START_VERSION + 2);
	set_slot(test, REGION_EDGE, 0, 0);
	mark(test);
	refused(set_page(test, GPA_EDGE / PAGE), EFAULT);
	unchanged(test);
}

/* Patched: 0 instead of what lies before 1970, in the upper half, too. */
static void xen_page_epoch_before_1970(struct test *test)
{
	struct clock_reading data = { 0 };
	struct wall_clock wc;

	xen_start(test, 1, true);
	data.clock = clock_now(CLOCK_REALTIME) + 100 * (uint64_t)NSEC_PER_SEC;
	set_clock(&test->vm, &data);
	mark(test);
	allow(test, GPA_EDGE + PLACE_32, WC_SIZE);
	allow(test, GPA_EDGE + SEC_HI_32, sizeof(uint32_t));
	accepted(set_page(test, GPA_EDGE / PAGE));
	read_wall_clock(test, GPA_EDGE + PLACE_32, &wc);
	if (wc.version != 2 || wc.sec || wc.nsec || get32(test, GPA_EDGE + SEC_HI_32))
		failed("version, sec, nsec and sec_hi are %u, %u, %u and %u, not 2, 0, 0 and 0", wc.version, wc.sec, wc.nsec,
		       get32(test, GPA_EDGE + SEC_HI_32));
	memory_unchanged(test);
	clock_unchanged(test);
}

static void xen_unknown_vcpu_attribute(struct test *test)
{
	const struct xen_vcpu_attr attr = { .type = VCPU_ATTR_UNKNOWN };

	xen_start(test, 1, true);
	refused(ioctl(test->vm.vcpu_fd[0], XEN_VCPU_SET_ATTR, &attr), ENOENT);
	unchanged(test);
}

static void xen_timer_bad_priority(struct test *test)
{
	const struct xen_vcpu_attr attr = {
		.type = VCPU_ATTR_TIMER, .u.timer = { .port = 1, .priority = TIMER_BAD_PRIORITY, .expires_ns = 1 },
	};

	xen_start(test, 1, true);
	refused(ioctl(test->vm.vcpu_fd[0], XEN_VCPU_SET_ATTR, &attr), EINVAL);
	unchanged(test);
}

static void xen_timer_expires_at(struct test *test, uint64_t expires_ns)
{
	const struct xen_vcpu_attr attr = {
		.type = VCPU_ATTR_TIMER, .u.timer = { .port = 1, .priority = UINT32_MAX, .expires_ns = expires_ns },
	};
	const struct xen_vcpu_attr off = { .type = VCPU_ATTR_TIMER };

	xen_start(test, 1, true);
	accepted(ioctl(test->vm.vcpu_fd[0], XEN_VCPU_SET_ATTR, &attr));
	unchanged(test);
	accepted(ioctl(test->vm.vcpu_fd[0], XEN_VCPU_SET_ATTR, &off));
	unchanged(test);
}

static void xen_timer_in_the_past(struct test *test)
{
	xen_timer_expires_at(test, 1);
}

static void xen_timer_at_the_end_of_time(struct test *test)
{
	xen_timer_expires_at(test, INT64_MAX);
}

static void xen_timer_all_ones(struct test *test)
{
	xen_timer_expires_at(test, UINT64_MAX);
}

#define CASE(name)	{ #name, name }

const struct bad_case xen_cases[] = {
	CASE(xen_unknown_attribute),
	CASE(xen_null),
	CASE(xen_by_another_process),
	CASE(xen_page_in_a_hole),
	CASE(xen_page_read_only),
	CASE(xen_page_above_maxphyaddr),
	CASE(xen_page_bits_lost),
	CASE(xen_page_off_when_it_is_off),
	CASE(xen_page_off),
	CASE(xen_page_32),
	CASE(xen_page_64),
	CASE(xen_page_version_odd),
	CASE(xen_page_version_wraps),
	CASE(xen_page_again),
	CASE(xen_page_without_vcpu),
	CASE(xen_page_before_the_first_run),
	CASE(xen_mode_without_page),
	CASE(xen_mode_32_to_64),
	CASE(xen_mode_64_to_32),
	CASE(xen_page_moves),
	CASE(xen_page_slot_deleted),
	CASE(xen_page_epoch_before_1970),
	CASE(xen_unknown_vcpu_attribute),
	CASE(xen_timer_bad_priority),
	CASE(xen_timer_in_the_past),
	CASE(xen_timer_at_the_end_of_time),
	CASE(xen_timer_all_ones),
	{ 0 },
};
