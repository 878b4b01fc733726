// SPDX-License-Identifier: GPL-2.0-only
/*
 * What else gives the guest a time: the hypercall for pairs of TSC and wall clock, Xen's timers by hypercall and
 * attribute, VMware's counters; and Hyper-V's reference time.
 */
#include <errno.h>
#include <linux/kvm_para.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <x86intrin.h>

#include "bad-input.h"

#define VMCALL			0x0f, 0x01, 0xc1
#define HLT			0xf4
#define PAIRING_UNKNOWN		1

#define XEN_CALL_SET_TIMER	15
#define XEN_CALL_VCPU		24
#define XEN_SET_SINGLESHOT	8
#define XEN_STOP_SINGLESHOT	9
#define SINGLESHOT_SIZE		12
#define HOUR_NS			(3600ULL * NSEC_PER_SEC)

#define VMWARE_HOST_TSC		0x10000
#define VMWARE_REAL_TIME	0x10001
#define VMWARE_APPARENT_TIME	0x10002

/* In real mode: the vector of a general protection fault, which leaves flags, segment and address on the stack. */
#define GPA_GP_VECTOR		(13 * 4)
#define GPA_STACK		(GPA_PROGRAM + 0xf00)
#define FAULT_FRAME		(3 * sizeof(uint16_t))

#define TIMER_PRIORITY		UINT32_MAX

#define MSR_HYPERV_TIME		0x40000020
#define HYPERV_UNIT_NS		100

/* One instruction of the guest's, with these registers; what they hold after it. */
static void guest_does(struct test *test, const uint8_t code[4], struct kvm_regs *regs)
{
	memcpy(memory(test, GPA_PROGRAM), code, 4);
	/* KVM writes the call as this CPU has it. */
	allow(test, GPA_PROGRAM, 4);
	regs->rip = GPA_PROGRAM;
	regs->rflags = 2;
	vm_ioctl(test->vm.vcpu_fd[0], KVM_SET_REGS, regs, "KVM_SET_REGS");
	vm_run(&test->vm, 0);
	vm_ioctl(test->vm.vcpu_fd[0], KVM_GET_REGS, regs, "KVM_GET_REGS");
}

static void call(struct test *test, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, int32_t wanted)
{
	static const uint8_t code[] = { VMCALL, HLT };
	struct kvm_regs regs = { .rax = nr, .rbx = a0, .rcx = a1, .rdx = a2 };

	guest_does(test, code, &regs);
	if ((int32_t)regs.rax != wanted)
		failed("the call gives %d instead of %d", (int32_t)regs.rax, wanted);
}

static void within(const char *what, uint64_t before, uint64_t value, uint64_t after)
{
	if (value < before || value > after)
		failed("%s is %llu, not from %llu to %llu", what, (unsigned long long)value, (unsigned long long)before,
		       (unsigned long long)after);
}

static void pairs(struct test *test, uint64_t gpa)
{
	static const uint32_t none[9];
	uint64_t real[2], tsc[2];
	struct clock_reading now;
	struct kvm_clock_pairing pair;

	get_clock(&test->vm, &now);
	if (!(now.flags & KVM_CLOCK_HOST_TSC)) {
		call(test, KVM_HC_CLOCK_PAIRING, gpa, KVM_CLOCK_PAIRING_WALLCLOCK, 0, -KVM_EOPNOTSUPP);
		unchanged(test);
		not_measured("the host's clock is not the TSC, and there is no pair");
	}
	memset(&pair, 0xff, sizeof(pair));
	put_memory(test, gpa, &pair, sizeof(pair));
	allow(test, gpa, sizeof(pair));
	real[0] = clock_now(CLOCK_REALTIME);
	tsc[0] = get_msr(&test->vm, 0, MSR_IA32_TSC);
	call(test, KVM_HC_CLOCK_PAIRING, gpa, KVM_CLOCK_PAIRING_WALLCLOCK, 0, 0);
	tsc[1] = get_msr(&test->vm, 0, MSR_IA32_TSC);
	real[1] = clock_now(CLOCK_REALTIME);
	get_memory(test, gpa, &pair, sizeof(pair));
	within("the real time", real[0], (uint64_t)(pair.sec * NSEC_PER_SEC + pair.nsec), real[1]);
	within("the TSC", tsc[0], pair.tsc, tsc[1]);
	if (pair.flags || memcmp(pair.pad, none, sizeof(none)))
		failed("the flags are 0x%x, and the rest is not 0 either", pair.flags);
	unchanged(test);
}

static void pairing_in_a_hole(struct test *test, uint64_t value)
{
	call(test, KVM_HC_CLOCK_PAIRING, GPA_HOLE, PAIRING_UNKNOWN, 0, -KVM_EOPNOTSUPP);
	pairs(test, GPA_EDGE);
	call(test, KVM_HC_CLOCK_PAIRING, GPA_HOLE, KVM_CLOCK_PAIRING_WALLCLOCK, 0, -KVM_EFAULT);
	call(test, KVM_HC_CLOCK_PAIRING, GPA_READ_ONLY, KVM_CLOCK_PAIRING_WALLCLOCK, 0, -KVM_EFAULT);
	unchanged(test);
}

static void set_timer_attr(struct test *test, uint32_t port, uint64_t expires_ns)
{
	const struct kvm_xen_vcpu_attr attr = {
		.type = KVM_XEN_VCPU_ATTR_TYPE_TIMER, .u.timer = { port, port ? TIMER_PRIORITY : 0, expires_ns },
	};

	vm_ioctl(test->vm.vcpu_fd[0], KVM_XEN_VCPU_SET_ATTR, &attr, "KVM_XEN_VCPU_SET_ATTR");
}

static void timer_attr(struct test *test, uint64_t expires_ns)
{
	set_timer_attr(test, 1, expires_ns);
	unchanged(test);
	set_timer_attr(test, 0, 0);
	unchanged(test);
}

/* No timer by hypercall may expire: it has no page to say so in, about which some kernels warn. */
static void set_virq(struct test *test)
{
	const struct kvm_xen_vcpu_attr id = { .type = KVM_XEN_VCPU_ATTR_TYPE_VCPU_ID };

	vm_ioctl(test->vm.vcpu_fd[0], KVM_XEN_VCPU_SET_ATTR, &id, "KVM_XEN_VCPU_SET_ATTR");
	set_timer_attr(test, 1, 0);
}

static void expires_at(struct test *test, uint64_t wanted)
{
	struct kvm_xen_vcpu_attr attr = { .type = KVM_XEN_VCPU_ATTR_TYPE_TIMER };

	vm_ioctl(test->vm.vcpu_fd[0], KVM_XEN_VCPU_GET_ATTR, &attr, "KVM_XEN_VCPU_GET_ATTR");
	if (attr.u.timer.expires_ns != wanted)
		failed("the timer is set to %llu instead of %llu", (unsigned long long)attr.u.timer.expires_ns,
		       (unsigned long long)wanted);
}

static uint64_t guest_now(struct test *test)
{
	struct clock_reading now;

	get_clock(&test->vm, &now);
	return now.clock;
}

static void xen_singleshot(struct test *test, uint64_t gpa)
{
	/* When, and no flags. */
	const uint64_t timer[] = { guest_now(test) + HOUR_NS, 0 };

	set_virq(test);
	put_memory(test, gpa, timer, SINGLESHOT_SIZE);
	allow(test, gpa, SINGLESHOT_SIZE);
	call(test, XEN_CALL_VCPU, XEN_SET_SINGLESHOT, 0, gpa, 0);
	expires_at(test, timer[0]);
	call(test, XEN_CALL_VCPU, XEN_STOP_SINGLESHOT, 0, 0, 0);
	expires_at(test, 0);
	unchanged(test);
}

static void xen_set_timer(struct test *test, uint64_t value)
{
	const uint64_t later = guest_now(test) + HOUR_NS;

	set_virq(test);
	call(test, XEN_CALL_SET_TIMER, (uint32_t)later, later >> 32, 0, 0);
	expires_at(test, later);
	call(test, XEN_CALL_SET_TIMER, 0, 0, 0, 0);
	expires_at(test, 0);
	unchanged(test);
}

static uint64_t rdpmc(struct test *test, uint64_t index)
{
	/* The second HLT is where a fault goes. */
	static const uint8_t code[] = { 0x0f, 0x33, HLT, HLT };
	static const uint16_t vector[] = { GPA_PROGRAM + 3, 0 };
	struct kvm_regs regs = { .rcx = index, .rsp = GPA_STACK };

	put_memory(test, GPA_GP_VECTOR, vector, sizeof(vector));
	allow(test, GPA_GP_VECTOR, sizeof(vector));
	allow(test, GPA_STACK - FAULT_FRAME, FAULT_FRAME);
	guest_does(test, code, &regs);
	if (regs.rip == GPA_PROGRAM + sizeof(code))
		not_measured("RDPMC faults: newer kernels ask for a PMU before they look at VMware's counters");
	return regs.rdx << 32 | (uint32_t)regs.rax;
}

static void vmware_counters(struct test *test, uint64_t value)
{
	FILE *file = fopen("/sys/module/kvm/parameters/enable_vmware_backdoor", "r");
	uint64_t before, now;

	if (!file || fgetc(file) != 'Y')
		not_measured("kvm is loaded without enable_vmware_backdoor=1");
	before = __rdtsc();
	now = rdpmc(test, VMWARE_HOST_TSC);
	within("the host's TSC", before, now, __rdtsc());
	before = clock_now(CLOCK_BOOTTIME);
	now = rdpmc(test, VMWARE_REAL_TIME);
	within("the time since boot", before, now, clock_now(CLOCK_BOOTTIME));
	before = guest_now(test);
	now = rdpmc(test, VMWARE_APPARENT_TIME);
	within("the apparent time", before, now, guest_now(test));
	unchanged(test);
}

static void hyperv_time(struct test *test, uint64_t value)
{
	uint64_t before, now;

	before = guest_now(test);
	now = get_msr(&test->vm, 0, MSR_HYPERV_TIME);
	within("the reference time", before / HYPERV_UNIT_NS, now, guest_now(test) / HYPERV_UNIT_NS);
	unchanged(test);
}

const struct bad_case call_cases[] = {
	CASE_WITH(pairing, pairs, 0, GPA_EDGE, GPA_EDGE + PAGE - 1),
	CASE(pairing_in_a_hole, 0),
	CASE_WITH(xen_singleshot, xen_singleshot, XEN, GPA_EDGE + PAGE - 1),
	CASE(xen_set_timer, XEN),
	CASE_WITH(xen_timer_in_the_past, timer_attr, XEN, 1),
	CASE_WITH(xen_timer_at_the_end_of_time, timer_attr, XEN, INT64_MAX),
	CASE_WITH(xen_timer_all_ones, timer_attr, XEN, UINT64_MAX),
	CASE(vmware_counters, 0),
	CASE(hyperv_time, 0),
	{ 0 },
};
