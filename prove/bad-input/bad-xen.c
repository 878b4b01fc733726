// SPDX-License-Identifier: GPL-2.0-only
/*
 * The Xen shared info page with its wall clock, which has a place of its own for 32 and for 64 bits.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <time.h>

#include "bad-input.h"

/* Where each layout has the wall clock, and the upper half of its seconds. */
#define PLACE_32	0x900
#define SEC_HI_32	0x924
#define PLACE_64	0xc00
#define SEC_HI_64	0xc0c

static long set_attr(struct test *test, uint16_t type, uint64_t value)
{
	const struct xen_attr attr = { .type = type, .u.gfn = value };

	return ioctl(test->vm.fd, XEN_HVM_SET_ATTR, &attr);
}

static uint32_t get_u32(struct test *test, uint64_t gpa)
{
	uint32_t value;

	get_memory(test, gpa, &value, sizeof(value));
	return value;
}

/* The page is set, and its wall clock written in the layout of that mode only. */
static void sets_page(struct test *test, bool long_mode, uint32_t version)
{
	const uint64_t place = GPA_EDGE + (long_mode ? PLACE_64 : PLACE_32);
	const uint64_t sec_hi = GPA_EDGE + (long_mode ? SEC_HI_64 : SEC_HI_32);

	put_u32(test, place, version);
	put_u32(test, sec_hi, UINT32_MAX);
	mark(test);
	allow(test, place, WC_SIZE);
	allow(test, sec_hi, sizeof(uint32_t));
	accepted(set_attr(test, KVM_XEN_ATTR_TYPE_SHARED_INFO, GPA_EDGE / PAGE));
	/* An odd one is made even first. */
	wall_clock_is(test, place, version + 2 + version % 2);
	if (get_u32(test, sec_hi))
		failed("the upper half of the seconds is %u", get_u32(test, sec_hi));
	unchanged(test);
}

static void sets_page_32(struct test *test, uint64_t version)
{
	sets_page(test, false, (uint32_t)version);
}

static void xen_page_without_memory(struct test *test, uint64_t gfn)
{
	refused(set_attr(test, KVM_XEN_ATTR_TYPE_SHARED_INFO, gfn), EFAULT);
	unchanged(test);
}

static void xen_mode_changes(struct test *test, uint64_t value)
{
	uint32_t version;

	sets_page(test, false, START_VERSION);
	version = get_u32(test, GPA_EDGE + PLACE_32);
	accepted(set_attr(test, KVM_XEN_ATTR_TYPE_LONG_MODE, true));
	/* Newer kernels have written it by now. */
	sets_page(test, true, START_VERSION);
	if (get_u32(test, GPA_EDGE + PLACE_32) != version)
		failed("the 32-bit place has changed");
	accepted(set_attr(test, KVM_XEN_ATTR_TYPE_LONG_MODE, false));
	sets_page(test, false, START_VERSION);
}

/* Patched: 0 instead of what lies before 1970, in the upper half, too. */
static void xen_page_epoch_before_1970(struct test *test, uint64_t value)
{
	const struct clock_reading data = { .clock = clock_now(CLOCK_REALTIME) + 100 * (uint64_t)NSEC_PER_SEC };
	struct wall_clock wc;

	set_clock(&test->vm, &data);
	mark(test);
	allow(test, GPA_EDGE + PLACE_32, WC_SIZE);
	allow(test, GPA_EDGE + SEC_HI_32, sizeof(uint32_t));
	accepted(set_attr(test, KVM_XEN_ATTR_TYPE_SHARED_INFO, GPA_EDGE / PAGE));
	get_memory(test, GPA_EDGE + PLACE_32, &wc, sizeof(wc));
	if (wc.version != 2 || wc.sec || wc.nsec || get_u32(test, GPA_EDGE + SEC_HI_32))
		failed("version, sec, nsec and sec_hi are %u, %u, %u and %u, not 2, 0, 0 and 0", wc.version, wc.sec,
		       wc.nsec, get_u32(test, GPA_EDGE + SEC_HI_32));
	unchanged(test);
}

const struct bad_case xen_cases[] = {
	CASE_WITH(xen_page_without_memory, xen_page_without_memory, XEN,
		  GPA_HOLE / PAGE, GPA_READ_ONLY / PAGE, 1ULL << 40 | GPA_EDGE / PAGE),
	CASE_WITH(xen_page_version_odd, sets_page_32, XEN, 7),
	CASE_WITH(xen_page_version_wraps, sets_page_32, XEN, UINT32_MAX - 1),
	CASE_WITH(xen_page_without_vcpu, sets_page_32, XEN | NO_VCPU, START_VERSION),
	CASE(xen_mode_changes, XEN),
	CASE(xen_page_epoch_before_1970, XEN),
	{ 0 },
};
