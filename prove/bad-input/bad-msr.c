// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes of MSR_KVM_WALL_CLOCK and MSR_KVM_WALL_CLOCK_NEW, by the host and by the guest. The write itself always succeeds
 * where the MSR exists; where the memory cannot be written, nothing happens.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bad-input.h"

#define WC_SIZE		sizeof(struct wall_clock)
#define VERSION_SIZE	sizeof(uint32_t)
#define START_VERSION	6U
/* More than the kernel takes in one call. */
#define TOO_MANY_MSRS	100000

/* Both MSRs write: the version counts by two for each. */
static void writes(struct test *test, uint64_t gpa)
{
	put_version(test, gpa, START_VERSION);
	mark(test);
	allow(test, gpa, WC_SIZE);
	set_msr(&test->vm, 0, MSR_KVM_WALL_CLOCK, gpa);
	wall_clock_is(test, gpa, START_VERSION + 2);
	set_msr(&test->vm, 0, MSR_KVM_WALL_CLOCK_NEW, gpa);
	wall_clock_is(test, gpa, START_VERSION + 4);
	memory_unchanged(test);
	clock_unchanged(test);
	if (get_msr(&test->vm, 0, MSR_KVM_WALL_CLOCK) != gpa)
		failed("MSR_KVM_WALL_CLOCK does not read as it was written");
}

/* Taken, and kept as the value, but without any effect. */
static void writes_nothing(struct test *test, uint64_t gpa)
{
	if (try_msr(test, MSR_KVM_WALL_CLOCK_NEW, gpa) != TAKEN)
		failed("the MSR is refused");
	if (get_msr(&test->vm, 0, MSR_KVM_WALL_CLOCK_NEW) != gpa)
		failed("the MSR does not read as it was written");
	memory_unchanged(test);
	clock_unchanged(test);
}

static void msr_zero(struct test *test)
{
	start(test, 1, true);
	writes_nothing(test, 0);
}

static void msr_unaligned(struct test *test)
{
	start(test, 1, true);
	writes(test, GPA_EDGE + 1);
	writes(test, GPA_EDGE + 0x102);
	writes(test, GPA_EDGE + 0x203);
}

static void msr_crosses_page_behind_version(struct test *test)
{
	start(test, 1, true);
	writes(test, GPA_EDGE + PAGE - VERSION_SIZE);
}

static void msr_crosses_page_in_version(struct test *test)
{
	start(test, 1, true);
	writes(test, GPA_EDGE + PAGE - 1);
}

static void msr_crosses_page_in_sec(struct test *test)
{
	start(test, 1, true);
	writes(test, GPA_EDGE + PAGE - VERSION_SIZE - 2);
}

static void msr_crosses_page_in_nsec(struct test *test)
{
	start(test, 1, true);
	writes(test, GPA_EDGE + PAGE - WC_SIZE + 3);
}

static void msr_crosses_slots(struct test *test)
{
	start(test, 1, true);
	writes(test, GPA_RIGHT - VERSION_SIZE - 1);
}

static void msr_crosses_slots_in_version(struct test *test)
{
	start(test, 1, true);
	writes(test, GPA_RIGHT - 2);
}

static void msr_just_fits(struct test *test)
{
	start(test, 1, true);
	writes(test, GPA_EDGE_END - WC_SIZE);
}

static void msr_end_of_memory_behind_version(struct test *test)
{
	start(test, 1, true);
	writes_nothing(test, GPA_EDGE_END - VERSION_SIZE);
}

static void msr_end_of_memory_behind_sec(struct test *test)
{
	start(test, 1, true);
	writes_nothing(test, GPA_EDGE_END - 2 * VERSION_SIZE);
}

static void msr_end_of_memory_in_version(struct test *test)
{
	start(test, 1, true);
	writes_nothing(test, GPA_EDGE_END - 2);
}

static void msr_begins_in_a_hole(struct test *test)
{
	start(test, 1, true);
	writes_nothing(test, GPA_LEFT - VERSION_SIZE);
}

static void msr_in_a_hole(struct test *test)
{
	start(test, 1, true);
	writes_nothing(test, GPA_HOLE);
}

static void msr_mmio(struct test *test)
{
	start(test, 1, true);
	writes_nothing(test, 0xfee00000ULL);
}

static void msr_read_only(struct test *test)
{
	start(test, 1, true);
	writes_nothing(test, GPA_READ_ONLY);
}

static void msr_read_only_behind_version(struct test *test)
{
	start(test, 1, true);
	writes_nothing(test, GPA_READ_ONLY - VERSION_SIZE);
}

static void msr_above_maxphyaddr(struct test *test)
{
	start(test, 1, true);
	writes_nothing(test, 1ULL << 52 | GPA_EDGE);
	writes_nothing(test, 1ULL << 63 | GPA_EDGE);
}

static void msr_end_of_the_address_space(struct test *test)
{
	start(test, 1, true);
	/* Its end would lie at 0, where there is memory. */
	writes_nothing(test, UINT64_MAX - VERSION_SIZE + 1);
	writes_nothing(test, UINT64_MAX);
}

static void msr_host_memory_unmapped(struct test *test)
{
	start(test, 1, true);
	test->regions[REGION_EDGE].gone = true;
	if (munmap(memory(test, GPA_EDGE), GPA_EDGE_END - GPA_EDGE))
		failed("munmap: %s", strerror(errno));
	writes_nothing(test, GPA_EDGE);
}

static void msr_host_memory_write_protected(struct test *test)
{
	start(test, 1, true);
	if (mprotect(memory(test, GPA_EDGE), PAGE, PROT_READ))
		failed("mprotect: %s", strerror(errno));
	writes_nothing(test, GPA_EDGE);
}

static void msr_host_memory_gone_behind_version(struct test *test)
{
	uint32_t version;

	start(test, 1, true);
	put_version(test, GPA_EDGE + PAGE - VERSION_SIZE, START_VERSION);
	if (mprotect(memory(test, GPA_EDGE + PAGE), PAGE, PROT_NONE))
		failed("mprotect: %s", strerror(errno));
	test->regions[REGION_EDGE].gone = true;
	mark(test);
	set_msr(&test->vm, 0, MSR_KVM_WALL_CLOCK, GPA_EDGE + PAGE - VERSION_SIZE);
	memcpy(&version, memory(test, GPA_EDGE + PAGE - VERSION_SIZE), sizeof(version));
	if (version != START_VERSION + 2)
		failed("the version is %u instead of %u", version, START_VERSION + 2);
	memory_unchanged(test);
	clock_unchanged(test);
}

/* Beyond the end of its file the host gets SIGBUS for it. */
static void msr_host_file_cut_off(struct test *test)
{
	struct region *edge = &test->regions[REGION_EDGE];
	int fd = memfd_create("guest", 0);

	start(test, 1, true);
	if (fd < 0 || ftruncate(fd, (off_t)edge->size))
		failed("memfd: %s", strerror(errno));
	set_slot(test, REGION_EDGE, 0, 0);
	edge->memory = mmap(NULL, edge->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	set_slot(test, REGION_EDGE, 0, edge->size);
	set_msr(&test->vm, 0, MSR_KVM_WALL_CLOCK, GPA_EDGE);
	edge->gone = true;
	if (ftruncate(fd, 0))
		failed("ftruncate: %s", strerror(errno));
	mark(test);
	writes_nothing(test, GPA_EDGE);
}

static void msr_slot_deleted(struct test *test)
{
	start(test, 1, true);
	set_slot(test, REGION_EDGE, 0, 0);
	writes_nothing(test, GPA_EDGE);
}

static void msr_slot_deleted_and_back(struct test *test)
{
	start(test, 1, true);
	set_slot(test, REGION_EDGE, 0, 0);
	writes_nothing(test, GPA_EDGE);
	set_slot(test, REGION_EDGE, 0, test->regions[REGION_EDGE].size);
	writes(test, GPA_EDGE);
}

static void version_from_to(struct test *test, uint32_t from, uint32_t to)
{
	start(test, 1, true);
	put_version(test, GPA_EDGE, from);
	mark(test);
	allow(test, GPA_EDGE, WC_SIZE);
	set_msr(&test->vm, 0, MSR_KVM_WALL_CLOCK_NEW, GPA_EDGE);
	wall_clock_is(test, GPA_EDGE, to);
	memory_unchanged(test);
}

static void msr_version_odd(struct test *test)
{
	version_from_to(test, 7, 10);
}

static void msr_version_all_ones(struct test *test)
{
	version_from_to(test, UINT32_MAX, 2);
}

static void msr_version_wraps(struct test *test)
{
	version_from_to(test, UINT32_MAX - 1, 0);
}

static void msr_without_memory(struct test *test)
{
	unsigned int i;

	start(test, 1, true);
	for (i = 0; i < NR_REGIONS; i++)
		set_slot(test, i, 0, 0);
	writes_nothing(test, GPA_EDGE);
}

static void msr_before_the_first_run(struct test *test)
{
	start(test, 1, false);
	writes(test, GPA_EDGE);
}

/* Patched: no epoch before 1970 reaches the guest, 0 does. */
static void msr_epoch_before_1970(struct test *test)
{
	struct clock_reading data = { 0 };
	struct wall_clock wc;

	start(test, 1, true);
	data.clock = clock_now(CLOCK_REALTIME) + 100 * (uint64_t)NSEC_PER_SEC;
	set_clock(&test->vm, &data);
	mark(test);
	allow(test, GPA_EDGE, WC_SIZE);
	set_msr(&test->vm, 0, MSR_KVM_WALL_CLOCK_NEW, GPA_EDGE);
	read_wall_clock(test, GPA_EDGE, &wc);
	if (wc.version != 2 || wc.sec || wc.nsec)
		failed("version, sec and nsec are %u, %u and %u, not 2, 0 and 0", wc.version, wc.sec, wc.nsec);
	memory_unchanged(test);
	clock_unchanged(test);
}

static void get_dirty(struct test *test, uint8_t bits[8])
{
	struct kvm_dirty_log log = { .slot = REGION_EDGE, .dirty_bitmap = bits };

	memset(bits, 0, 8);
	vm_ioctl(test->vm.fd, KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG");
}

static void dirties(struct test *test, uint64_t gpa, uint8_t wanted)
{
	uint8_t bits[8];

	get_dirty(test, bits);
	set_msr(&test->vm, 0, MSR_KVM_WALL_CLOCK, gpa);
	get_dirty(test, bits);
	if (bits[0] != wanted)
		failed("a write at 0x%llx makes pages 0x%x dirty instead of 0x%x", (unsigned long long)gpa, bits[0], wanted);
}

static void msr_dirty_log(struct test *test)
{
	start(test, 1, true);
	set_slot(test, REGION_EDGE, KVM_MEM_LOG_DIRTY_PAGES, test->regions[REGION_EDGE].size);
	mark(test);
	allow(test, GPA_EDGE, 2 * PAGE);
	dirties(test, GPA_EDGE, 1);
	dirties(test, GPA_EDGE + PAGE, 2);
	dirties(test, GPA_EDGE + PAGE - VERSION_SIZE, 3);
	dirties(test, GPA_EDGE + PAGE - 1, 3);
	memory_unchanged(test);
	clock_unchanged(test);
}

static void msr_dirty_log_of_what_is_written(struct test *test)
{
	start(test, 1, true);
	set_slot(test, REGION_EDGE, KVM_MEM_LOG_DIRTY_PAGES, test->regions[REGION_EDGE].size);
	mark(test);
	allow(test, GPA_EDGE + PAGE - VERSION_SIZE, WC_SIZE);
	dirties(test, GPA_EDGE + PAGE - VERSION_SIZE, 3);
	/* Behind the version comes a hole: nothing is written. */
	dirties(test, GPA_EDGE_END - VERSION_SIZE, 0);
	dirties(test, GPA_EDGE_END - 1, 0);
	dirties(test, GPA_HOLE, 0);
	memory_unchanged(test);
	clock_unchanged(test);
}

#define SVM_LEAF	0x8000000a

void set_cpuid(struct test *test, uint32_t clocks, bool svm)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = { 1 } };
	struct {
		struct kvm_cpuid2 header;
		struct kvm_cpuid_entry2 entries[5];
	} leaves = {
		.header.nent = svm ? 5 : 2,
		.entries[0] = { .function = 0x40000000, .eax = 0x40000001 },
		.entries[1] = { .function = 0x40000001, .eax = clocks },
		.entries[2] = { .function = 0x80000000, .eax = SVM_LEAF },
		.entries[3] = { .function = 0x80000001, .ecx = 1 << 2 },
		/* As many address spaces as any CPU has. */
		.entries[4] = { .function = SVM_LEAF, .eax = 1, .ebx = 8 },
	};

	memcpy(&leaves.entries[0].ebx, "KVMK", 4);
	memcpy(&leaves.entries[0].ecx, "VMKV", 4);
	memcpy(&leaves.entries[0].edx, "M\0\0", 4);
	if (!kvm_has(KVM_CAP_ENFORCE_PV_FEATURE_CPUID))
		not_measured("the kernel cannot hide the MSR");
	vm_ioctl(test->vm.vcpu_fd[0], KVM_SET_CPUID2, &leaves, "KVM_SET_CPUID2");
	vm_ioctl(test->vm.vcpu_fd[0], KVM_ENABLE_CAP, &cap, "KVM_ENABLE_CAP");
}

static void hidden(struct test *test, uint32_t msr)
{
	if (try_msr(test, msr, GPA_EDGE) != 0)
		failed("MSR 0x%x is taken", msr);
	memory_unchanged(test);
	clock_unchanged(test);
}

static void msr_hidden(struct test *test)
{
	start(test, 1, false);
	set_cpuid(test, 0, false);
	hidden(test, MSR_KVM_WALL_CLOCK);
	hidden(test, MSR_KVM_WALL_CLOCK_NEW);
}

static void msr_new_hidden(struct test *test)
{
	start(test, 1, false);
	set_cpuid(test, CLOCKSOURCE, false);
	hidden(test, MSR_KVM_WALL_CLOCK_NEW);
	put_version(test, GPA_EDGE, START_VERSION);
	set_msr(&test->vm, 0, MSR_KVM_WALL_CLOCK, GPA_EDGE);
	wall_clock_is(test, GPA_EDGE, START_VERSION + 2);
}

static void msr_old_hidden(struct test *test)
{
	start(test, 1, false);
	set_cpuid(test, CLOCKSOURCE2, false);
	hidden(test, MSR_KVM_WALL_CLOCK);
	put_version(test, GPA_EDGE, START_VERSION);
	set_msr(&test->vm, 0, MSR_KVM_WALL_CLOCK_NEW, GPA_EDGE);
	wall_clock_is(test, GPA_EDGE, START_VERSION + 2);
}

/* Real mode: the guest's WRMSR, and the interrupt vector for a general protection fault; each leaves its mark and halts. */
#define GPA_MARK	(GPA_PROGRAM + 0x900)
#define GPA_FAULT	(GPA_PROGRAM + 0x400)

static uint8_t *put_mark(uint8_t *code, uint16_t mark_value)
{
	const uint8_t store[] = { 0xc7, 0x06, (uint8_t)GPA_MARK, GPA_MARK >> 8, (uint8_t)mark_value, (uint8_t)(mark_value >> 8), 0xf4 };

	memcpy(code, store, sizeof(store));
	return code + sizeof(store);
}

static uint8_t *put_load(uint8_t *code, uint8_t opcode, uint32_t value)
{
	*code++ = 0x66;
	*code++ = opcode;
	memcpy(code, &value, sizeof(value));
	return code + sizeof(value);
}

void put_wrmsr(struct test *test, uint32_t msr, uint64_t value)
{
	const uint16_t vector[] = { GPA_FAULT, 0 };
	uint8_t *code = memory(test, GPA_PROGRAM);

	code = put_load(code, 0xb9, msr);
	code = put_load(code, 0xb8, (uint32_t)value);
	code = put_load(code, 0xba, (uint32_t)(value >> 32));
	*code++ = 0x0f;
	*code++ = 0x30;
	put_mark(code, MARK_DONE);
	put_mark(memory(test, GPA_FAULT), MARK_FAULT);
	memcpy(memory(test, GPA_GP_VECTOR), vector, sizeof(vector));
	put_version(test, GPA_MARK, 0);
}

void mark_is(struct test *test, uint16_t wanted)
{
	uint16_t result;

	memcpy(&result, memory(test, GPA_MARK), sizeof(result));
	if (result != wanted)
		failed("the guest came to 0x%x instead of 0x%x", result, wanted);
}

static void by_guest(struct test *test, uint32_t msr, uint64_t value, uint16_t wanted)
{
	struct kvm_regs regs = { .rip = GPA_PROGRAM, .rflags = 2, .rsp = GPA_STACK };

	put_wrmsr(test, msr, value);
	mark(test);
	allow(test, GPA_PROGRAM, PAGE);
	vm_ioctl(test->vm.vcpu_fd[0], KVM_SET_REGS, &regs, "KVM_SET_REGS");
	vm_run(&test->vm, 0);
	mark_is(test, wanted);
}

static void msr_by_guest(struct test *test)
{
	start(test, 1, true);
	put_version(test, GPA_EDGE + 3, START_VERSION);
	by_guest(test, MSR_KVM_WALL_CLOCK_NEW, GPA_EDGE + 3, MARK_DONE);
	wall_clock_is(test, GPA_EDGE + 3, START_VERSION + 2);
	allow(test, GPA_EDGE + 3, WC_SIZE);
	memory_unchanged(test);
	clock_unchanged(test);
}

static void msr_by_guest_in_a_hole(struct test *test)
{
	start(test, 1, true);
	by_guest(test, MSR_KVM_WALL_CLOCK, GPA_HOLE, MARK_DONE);
	memory_unchanged(test);
	clock_unchanged(test);
}

static void msr_by_guest_on_its_own_code(struct test *test)
{
	start(test, 1, true);
	/* The page that it runs from, before its first instruction is fetched again. */
	put_version(test, GPA_PROGRAM + 0x800, START_VERSION);
	by_guest(test, MSR_KVM_WALL_CLOCK, GPA_PROGRAM + 0x800, MARK_DONE);
	wall_clock_is(test, GPA_PROGRAM + 0x800, START_VERSION + 2);
	memory_unchanged(test);
}

static void msr_hidden_from_guest(struct test *test)
{
	start(test, 1, false);
	set_cpuid(test, 0, false);
	vm_run(&test->vm, 0);
	by_guest(test, MSR_KVM_WALL_CLOCK_NEW, GPA_EDGE, MARK_FAULT);
	memory_unchanged(test);
	clock_unchanged(test);
}

struct three_msrs {
	struct kvm_msrs header;
	struct kvm_msr_entry entries[3];
};

static void msr_list_stops_at_the_bad_one(struct test *test)
{
	struct three_msrs msrs = {
		.header.nmsrs = 3,
		.entries = {
			{ .index = MSR_KVM_WALL_CLOCK, .data = GPA_EDGE },
			{ .index = 0x4b564dff, .data = GPA_EDGE },
			{ .index = MSR_KVM_WALL_CLOCK, .data = GPA_EDGE + PAGE },
		},
	};

	start(test, 1, true);
	allow(test, GPA_EDGE, WC_SIZE);
	if (ioctl(test->vm.vcpu_fd[0], KVM_SET_MSRS, &msrs) != 1)
		failed("not one MSR is taken");
	memory_unchanged(test);
	clock_unchanged(test);
}

static void msr_list_too_long(struct test *test)
{
	struct three_msrs msrs = { .header.nmsrs = TOO_MANY_MSRS };

	start(test, 1, true);
	refused(ioctl(test->vm.vcpu_fd[0], KVM_SET_MSRS, &msrs), E2BIG);
	unchanged(test);
}

static void msr_list_half_readable(struct test *test)
{
	struct three_msrs *msrs = before_the_end(sizeof(msrs->header) + sizeof(msrs->entries[0]));

	msrs->header.nmsrs = 2;
	msrs->entries[0].index = MSR_KVM_WALL_CLOCK;
	msrs->entries[0].data = GPA_EDGE;
	start(test, 1, true);
	refused(ioctl(test->vm.vcpu_fd[0], KVM_SET_MSRS, msrs), EFAULT);
	unchanged(test);
}

static void msr_by_another_process(struct test *test)
{
	struct three_msrs msrs = { .header.nmsrs = 1, .entries[0] = { .index = MSR_KVM_WALL_CLOCK, .data = GPA_EDGE } };
	int error;

	start(test, 1, true);
	error = in_child(test, test->vm.vcpu_fd[0], KVM_SET_MSRS, &msrs);
	if (error != EIO)
		failed("it gives: %s", strerror(error));
	unchanged(test);
}

#define CASE(name)	{ #name, name }

const struct bad_case msr_cases[] = {
	CASE(msr_zero),
	CASE(msr_unaligned),
	CASE(msr_crosses_page_behind_version),
	CASE(msr_crosses_page_in_version),
	CASE(msr_crosses_page_in_sec),
	CASE(msr_crosses_page_in_nsec),
	CASE(msr_crosses_slots),
	CASE(msr_crosses_slots_in_version),
	CASE(msr_just_fits),
	CASE(msr_end_of_memory_behind_version),
	CASE(msr_end_of_memory_behind_sec),
	CASE(msr_end_of_memory_in_version),
	CASE(msr_begins_in_a_hole),
	CASE(msr_in_a_hole),
	CASE(msr_mmio),
	CASE(msr_read_only),
	CASE(msr_read_only_behind_version),
	CASE(msr_above_maxphyaddr),
	CASE(msr_end_of_the_address_space),
	CASE(msr_host_memory_unmapped),
	CASE(msr_host_memory_write_protected),
	CASE(msr_host_memory_gone_behind_version),
	CASE(msr_host_file_cut_off),
	CASE(msr_slot_deleted),
	CASE(msr_slot_deleted_and_back),
	CASE(msr_version_odd),
	CASE(msr_version_all_ones),
	CASE(msr_version_wraps),
	CASE(msr_without_memory),
	CASE(msr_before_the_first_run),
	CASE(msr_epoch_before_1970),
	CASE(msr_dirty_log),
	CASE(msr_dirty_log_of_what_is_written),
	CASE(msr_hidden),
	CASE(msr_new_hidden),
	CASE(msr_old_hidden),
	CASE(msr_by_guest),
	CASE(msr_by_guest_in_a_hole),
	CASE(msr_by_guest_on_its_own_code),
	CASE(msr_hidden_from_guest),
	CASE(msr_list_stops_at_the_bad_one),
	CASE(msr_list_too_long),
	CASE(msr_list_half_readable),
	CASE(msr_by_another_process),
	{ 0 },
};
