// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes of the wall clock MSRs by a nested guest. Our guest is 32-bit code that runs a guest of its own by VMRUN: real mode
 * in the same memory, without nested paging, on a TSC far from its own. If our guest does not ask for these
 * writes, KVM makes them, and everything is as if our guest had written.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "bad-input.h"

#define WC_SIZE		sizeof(struct wall_clock)
#define START_VERSION	6U

/* In place of what vm.c has there: the VMCB, the page where the CPU keeps our guest's state, and our guest's page directory. */
#define GPA_VMCB	GPA_WALL_CLOCK
#define GPA_HSAVE	GPA_VCPU_TIME
#define GPA_PAGE_DIRECTORY GPA_XEN_SHARED_INFO
/* One page of 4 MiB at 0: present, writable, accessed, dirty. */
#define LARGE_PAGE	0xe3U
/* Two pages for which MSRs the nested guest may write. Which ports it may use is not asked. */
#define GPA_MSRPM	GPA_LEFT
#define MSRPM_SIZE	(2 * PAGE)
/* Code of our guest. */
#define GPA_L1		(GPA_PROGRAM + 0xa00)

#define MSR_VM_HSAVE_PA	0xc0010117
#define EFER_SVME	(1ULL << 12)
#define CR0_PE		1ULL
#define CR0_ET		(1ULL << 4)
#define CR0_PG		(1ULL << 31)
#define CR4_PSE		(1ULL << 4)

/* AMD's manual, volume 2, appendix B */
#define INTERCEPT_GP		(1U << 13)
#define INTERCEPT_HLT		(1U << 24)
#define INTERCEPT_MSR		(1U << 28)
#define INTERCEPT_SHUTDOWN	(1U << 31)
#define INTERCEPT_VMRUN		(1U << 0)
#define EXIT_GP			0x4d
#define EXIT_HLT		0x78
#define EXIT_MSR		0x7c
#define EXIT_INFO_WRITE		1
#define SEGMENT_CODE		0x9b
#define SEGMENT_DATA		0x93
#define REAL_MODE_LIMIT		0xffff
#define DR6_RESET		0xffff0ff0
#define DR7_RESET		0x400

struct segment {
	uint16_t selector;
	uint16_t attributes;
	uint32_t limit;
	uint64_t base;
};

struct vmcb {
	uint32_t cr;
	uint32_t dr;
	uint32_t exceptions;
	uint32_t intercepts[2];
	uint8_t pad0[0x48 - 0x14];
	uint64_t msrpm;
	uint64_t tsc_offset;
	uint32_t asid;
	uint8_t pad1[0x70 - 0x5c];
	uint64_t exit_code;
	uint64_t exit_info_1;
	uint8_t pad2[0x400 - 0x80];
	struct segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t pad3[0x4d0 - 0x4a0];
	uint64_t efer;
	uint8_t pad4[0x558 - 0x4d8];
	uint64_t cr0;
	uint64_t dr7;
	uint64_t dr6;
	uint64_t rflags;
	uint64_t rip;
	uint8_t pad5[0x5d8 - 0x580];
	uint64_t rsp;
};

_Static_assert(offsetof(struct vmcb, exit_code) == 0x70 && offsetof(struct vmcb, es) == 0x400 &&
	       offsetof(struct vmcb, tr) == 0x490 && offsetof(struct vmcb, rip) == 0x578, "the manual says so");

static struct vmcb *vmcb(struct test *test)
{
	return (struct vmcb *)memory(test, GPA_VMCB);
}

static bool have_nested(void)
{
	FILE *file = fopen("/sys/module/kvm_amd/parameters/nested", "r");
	int value = file ? fgetc(file) : 'N';

	if (file)
		fclose(file);
	return value == '1' || value == 'Y';
}

static void run_from(struct test *test, uint64_t rip)
{
	struct kvm_regs regs = { .rip = rip, .rflags = 2, .rax = GPA_VMCB };

	vm_ioctl(test->vm.vcpu_fd[0], KVM_SET_REGS, &regs, "KVM_SET_REGS");
	vm_run(&test->vm, 0);
}

/* All that is not set is 0: no flags, no paging, no event, no nested paging. */
static void start_nested(struct test *test, uint32_t clocks)
{
	static const uint8_t vmrun_hlt[] = { 0x0f, 0x01, 0xd8, 0xf4 };
	const struct segment data = { .attributes = SEGMENT_DATA, .limit = REAL_MODE_LIMIT };
	struct kvm_sregs sregs;
	struct vmcb *of;

	if (!have_nested())
		not_measured("kvm_amd with nested=1 is not there");
	start(test, 1, false);
	set_cpuid(test, clocks, true);
	vm_ioctl(test->vm.vcpu_fd[0], KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.db = sregs.cs.g = 1;
	sregs.cs.limit = UINT32_MAX;
	sregs.cs.selector = 8;
	/* VMRUN wants paging. */
	sregs.cr0 |= CR0_PE | CR0_PG;
	sregs.cr3 = GPA_PAGE_DIRECTORY;
	sregs.cr4 = CR4_PSE;
	sregs.efer = EFER_SVME;
	vm_ioctl(test->vm.vcpu_fd[0], KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
	set_msr(&test->vm, 0, MSR_VM_HSAVE_PA, GPA_HSAVE);

	of = vmcb(test);
	memset(of, 0, sizeof(*of));
	of->exceptions = INTERCEPT_GP;
	of->intercepts[0] = INTERCEPT_HLT | INTERCEPT_SHUTDOWN;
	of->intercepts[1] = INTERCEPT_VMRUN;
	of->asid = 1;
	of->msrpm = GPA_MSRPM;
	of->tsc_offset = FAR_TSC;
	of->cs = of->es = of->ss = of->ds = of->fs = of->gs = of->gdtr = of->ldtr = of->idtr = of->tr = data;
	of->cs.attributes = SEGMENT_CODE;
	of->efer = EFER_SVME;
	of->cr0 = CR0_ET;
	of->dr6 = DR6_RESET;
	of->dr7 = DR7_RESET;
	put_version(test, GPA_PAGE_DIRECTORY, LARGE_PAGE);
	memcpy(memory(test, GPA_L1), vmrun_hlt, sizeof(vmrun_hlt));
	/* The hlt alone, for the clock to be set up. */
	run_from(test, GPA_L1 + sizeof(vmrun_hlt) - 1);
}

/* Runs our guest until the nested one has ended as wanted, and it has halted. */
static void nested_writes(struct test *test, uint32_t msr, uint64_t value, uint64_t wanted_exit)
{
	vmcb(test)->rip = GPA_PROGRAM;
	vmcb(test)->rsp = GPA_STACK;
	vmcb(test)->rflags = 2;
	put_wrmsr(test, msr, value);
	mark(test);
	allow(test, GPA_PROGRAM, PAGE);
	allow(test, GPA_VMCB, PAGE);
	allow(test, GPA_HSAVE, PAGE);
	run_from(test, GPA_L1);
	if (vmcb(test)->exit_code != wanted_exit)
		failed("the nested guest ended by 0x%llx instead of 0x%llx", (unsigned long long)vmcb(test)->exit_code,
		       (unsigned long long)wanted_exit);
}

/* KVM writes the clock, as for our guest itself; by our guest's TSC, not by the nested one's. */
static void writes(struct test *test, uint32_t msr, uint64_t gpa)
{
	put_version(test, gpa, START_VERSION);
	nested_writes(test, msr, gpa, EXIT_HLT);
	mark_is(test, MARK_DONE);
	wall_clock_is(test, gpa, START_VERSION + 2);
	allow(test, gpa, WC_SIZE);
	memory_unchanged(test);
	clock_unchanged(test);
	if (get_msr(&test->vm, 0, msr) != gpa)
		failed("MSR 0x%x does not read as it was written", msr);
}

/* Nothing at all happens but that our guest is asked, or the nested one gets a fault, which our guest is told. */
static void ends(struct test *test, uint32_t msr, uint64_t exit)
{
	nested_writes(test, msr, GPA_EDGE, exit);
	mark_is(test, MARK_NONE);
	unchanged(test);
	if (exit == EXIT_MSR && vmcb(test)->exit_info_1 != EXIT_INFO_WRITE)
		failed("our guest is not told that it is a write");
}

static void nested_by_guest(struct test *test)
{
	start_nested(test, CLOCKSOURCE | CLOCKSOURCE2);
	writes(test, MSR_KVM_WALL_CLOCK, GPA_EDGE);
	writes(test, MSR_KVM_WALL_CLOCK_NEW, GPA_EDGE);
}

static void nested_unaligned(struct test *test)
{
	start_nested(test, CLOCKSOURCE | CLOCKSOURCE2);
	writes(test, MSR_KVM_WALL_CLOCK_NEW, GPA_EDGE + 1);
	writes(test, MSR_KVM_WALL_CLOCK, GPA_EDGE + PAGE - 1);
}

static void nested_in_a_hole(struct test *test)
{
	start_nested(test, CLOCKSOURCE | CLOCKSOURCE2);
	nested_writes(test, MSR_KVM_WALL_CLOCK_NEW, GPA_HOLE, EXIT_HLT);
	mark_is(test, MARK_DONE);
	memory_unchanged(test);
	clock_unchanged(test);
}

/* The new MSR is none of those that the bitmap names: our guest gets it whenever it asks for any. */
static void nested_intercepted(struct test *test)
{
	start_nested(test, CLOCKSOURCE | CLOCKSOURCE2);
	memset(memory(test, GPA_MSRPM), 0xff, MSRPM_SIZE / 2);
	memset(memory(test, GPA_MSRPM + PAGE), 0xff, MSRPM_SIZE / 2);
	vmcb(test)->intercepts[0] |= INTERCEPT_MSR;
	ends(test, MSR_KVM_WALL_CLOCK, EXIT_MSR);
	ends(test, MSR_KVM_WALL_CLOCK_NEW, EXIT_MSR);
}

static void nested_not_in_the_bitmap(struct test *test)
{
	start_nested(test, CLOCKSOURCE | CLOCKSOURCE2);
	vmcb(test)->intercepts[0] |= INTERCEPT_MSR;
	writes(test, MSR_KVM_WALL_CLOCK, GPA_EDGE);
	ends(test, MSR_KVM_WALL_CLOCK_NEW, EXIT_MSR);
}

static void nested_hidden(struct test *test)
{
	start_nested(test, CLOCKSOURCE);
	ends(test, MSR_KVM_WALL_CLOCK_NEW, EXIT_GP);
	writes(test, MSR_KVM_WALL_CLOCK, GPA_EDGE);
}

#define CASE(name)	{ #name, name }

const struct bad_case nested_cases[] = {
	CASE(nested_by_guest),
	CASE(nested_unaligned),
	CASE(nested_in_a_hole),
	CASE(nested_intercepted),
	CASE(nested_not_in_the_bitmap),
	CASE(nested_hidden),
	{ 0 },
};
