// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes of MSR_KVM_WALL_CLOCK and MSR_KVM_WALL_CLOCK_NEW. The write itself always succeeds; where the memory cannot be
 * written, nothing happens.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "bad-input.h"

/* Both MSRs read as what was written last. */
static void write_msr(struct test *test, uint32_t msr, uint64_t gpa)
{
	set_msr(&test->vm, 0, msr, gpa);
	test->old_wall_clock = gpa;
}

/* Both MSRs write: the version counts by two for each. */
static void writes(struct test *test, uint64_t gpa)
{
	put_u32(test, gpa, START_VERSION);
	allow(test, gpa, WC_SIZE);
	write_msr(test, MSR_KVM_WALL_CLOCK, gpa);
	wall_clock_is(test, gpa, START_VERSION + 2);
	write_msr(test, MSR_KVM_WALL_CLOCK_NEW, gpa);
	wall_clock_is(test, gpa, START_VERSION + 4);
	unchanged(test);
}

static void guest_writes(struct test *test, uint64_t gpa)
{
	const struct guest_write write = { MSR_KVM_WALL_CLOCK_NEW, gpa };

	allow(test, GPA_PROGRAM, PAGE);
	allow(test, GPA_PROGRAM_TSC, PAGE);
	vm_guest_writes(&test->vm, 0, &write, 1);
	test->old_wall_clock = gpa;
}

static void guest_writes_clock(struct test *test, uint64_t gpa)
{
	put_u32(test, gpa, START_VERSION);
	allow(test, gpa, WC_SIZE);
	guest_writes(test, gpa);
	wall_clock_is(test, gpa, START_VERSION + 2);
	unchanged(test);
}

/* Taken, and kept as the value, but without any effect. */
static void writes_nothing(struct test *test, uint64_t gpa)
{
	write_msr(test, MSR_KVM_WALL_CLOCK_NEW, gpa);
	unchanged(test);
}

static void guest_writes_nothing(struct test *test, uint64_t gpa)
{
	guest_writes(test, gpa);
	unchanged(test);
}

static void protect(struct test *test, uint64_t gpa, int protection)
{
	if (mprotect(memory(test, gpa), PAGE, protection))
		failed("mprotect: %s", strerror(errno));
	test->regions[REGION_EDGE].gone = protection == PROT_NONE;
}

static void host_memory(struct test *test, uint64_t protection)
{
	protect(test, GPA_EDGE, (int)protection);
	writes_nothing(test, GPA_EDGE);
}

static void msr_host_memory_gone_behind_version(struct test *test, uint64_t value)
{
	const uint64_t gpa = GPA_EDGE + PAGE - VERSION_SIZE;
	uint32_t version;

	put_u32(test, gpa, START_VERSION);
	protect(test, GPA_EDGE + PAGE, PROT_NONE);
	write_msr(test, MSR_KVM_WALL_CLOCK, gpa);
	get_memory(test, gpa, &version, sizeof(version));
	if (version != START_VERSION + 2)
		failed("the version is %u instead of %u", version, START_VERSION + 2);
	unchanged(test);
}

static void msr_slots_deleted_and_back(struct test *test, uint64_t value)
{
	unsigned int i;

	set_slot(test, REGION_EDGE, 0, 0);
	writes_nothing(test, GPA_EDGE);
	for (i = 0; i < NR_REGIONS; i++)
		if (i != REGION_EDGE)
			set_slot(test, i, 0, 0);
	writes_nothing(test, GPA_EDGE);
	set_slot(test, REGION_EDGE, 0, test->regions[REGION_EDGE].size);
	writes(test, GPA_EDGE);
}

/* Which of the two pages the write made dirty, a bit each. */
static void dirties(struct test *test, uint64_t gpa, uint64_t wanted)
{
	uint64_t bits = 0;
	struct kvm_dirty_log log = { .slot = REGION_EDGE, .dirty_bitmap = &bits };

	write_msr(test, MSR_KVM_WALL_CLOCK, gpa);
	vm_ioctl(test->vm.fd, KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG");
	if (bits != wanted)
		failed("a write at 0x%llx makes pages 0x%llx dirty instead of 0x%llx", (unsigned long long)gpa,
		       (unsigned long long)bits, (unsigned long long)wanted);
}

static void msr_dirty_log_of_what_is_written(struct test *test, uint64_t value)
{
	set_slot(test, REGION_EDGE, KVM_MEM_LOG_DIRTY_PAGES, test->regions[REGION_EDGE].size);
	allow(test, GPA_EDGE + PAGE - VERSION_SIZE, WC_SIZE);
	dirties(test, GPA_EDGE + PAGE - VERSION_SIZE, 3);
	/* Behind the version comes a hole: nothing is written. */
	dirties(test, GPA_EDGE_END - VERSION_SIZE, 0);
	dirties(test, GPA_EDGE_END - 1, 0);
	dirties(test, GPA_HOLE, 0);
	unchanged(test);
}

const struct bad_case msr_cases[] = {
	CASE_WITH(msr_zero, writes_nothing, 0, 0),
	CASE_WITH(msr_unaligned, writes, 0, GPA_EDGE + 1, GPA_EDGE + 0x102, GPA_EDGE + 0x203),
	CASE_WITH(msr_crosses_slots, writes, 0, GPA_RIGHT - VERSION_SIZE - 1),
	CASE_WITH(msr_crosses_slots_in_version, writes, 0, GPA_RIGHT - 2),
	CASE_WITH(msr_begins_in_a_hole, writes_nothing, 0, GPA_LEFT - VERSION_SIZE),
	CASE_WITH(msr_mmio, writes_nothing, 0, 0xfee00000ULL),
	CASE_WITH(msr_read_only_behind_version, writes_nothing, 0, GPA_READ_ONLY - VERSION_SIZE),
	CASE_WITH(msr_above_maxphyaddr, writes_nothing, 0, 1ULL << 52 | GPA_EDGE, 1ULL << 63 | GPA_EDGE),
	/* Its end would lie at 0, where there is memory. */
	CASE_WITH(msr_end_of_the_address_space, writes_nothing, 0, UINT64_MAX - VERSION_SIZE + 1, UINT64_MAX),
	CASE_WITH(msr_host_memory_without_access, host_memory, 0, PROT_NONE),
	CASE_WITH(msr_host_memory_write_protected, host_memory, 0, PROT_READ),
	CASE_WITH(msr_by_guest, guest_writes_clock, 0, GPA_EDGE + 3),
	CASE_WITH(msr_by_guest_in_a_hole, guest_writes_nothing, 0, GPA_HOLE),
	CASE_WITH(msr_by_guest_on_its_own_code, guest_writes_clock, 0, GPA_PROGRAM + 0x800),
	CASE(msr_host_memory_gone_behind_version, 0),
	CASE(msr_slots_deleted_and_back, 0),
	CASE(msr_dirty_log_of_what_is_written, 0),
	{ 0 },
};
