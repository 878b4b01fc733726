/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the cases of bad-input share: a VM with memory of every kind, and the look at what a call has left behind.
 */
#ifndef BAD_INPUT_H
#define BAD_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench.h"
#include "vm.h"

#define PAGE		0x1000ULL
#define WC_SIZE		sizeof(struct wall_clock)
#define VERSION_SIZE	sizeof(uint32_t)
#define START_VERSION	6U

/*
 * Guest memory beside that of vm.c. Two pages and nothing behind them; two slots side by side, whose memory is not, and
 * a read-only one behind them. All else is a hole.
 */
#define GPA_EDGE	0x10000ULL
#define GPA_EDGE_END	0x12000ULL
#define GPA_LEFT	0x1f000ULL
#define GPA_RIGHT	0x20000ULL
#define GPA_READ_ONLY	0x21000ULL
#define GPA_HOLE	0x40000ULL

enum region_name {
	REGION_VM,
	REGION_EDGE,
	REGION_LEFT,
	REGION_RIGHT,
	REGION_READ_ONLY,
	NR_REGIONS,
};

struct region {
	uint64_t gpa;
	uint64_t size;
	uint8_t *memory;
	/* What the host itself could not read now is not compared. */
	bool gone;
};

#define MAX_ALLOWED	4

struct test {
	struct vm vm;
	struct region regions[NR_REGIONS];
	/* Where memory may differ from what it was. */
	struct {
		uint64_t gpa;
		uint64_t size;
	} allowed[MAX_ALLOWED];
	unsigned int nr_allowed;
	/* By mark(). */
	uint8_t old[NR_REGIONS][GUEST_MEMORY_SIZE];
	struct clock_reading old_clock;
	uint64_t old_raw;
	uint64_t old_wall_clock;
};

/* The VM of a case has one vCPU, which has run; or as these say. */
#define NOT_RUN		(1U << 0)
#define NO_VCPU		(1U << 1)
#define XEN		(1U << 2)

/* The check is called for each value, after mark(); once if there is none. */
struct bad_case {
	const char *name;
	void (*check)(struct test *test, uint64_t value);
	unsigned int vm;
	unsigned int nr_values;
	const uint64_t *values;
};

#define CASE(check, vm)	{ #check, check, vm, 0, NULL }
#define VALUES(...)	((const uint64_t[]){ __VA_ARGS__ })
#define CASE_WITH(name, check, vm, ...) \
	{ #name, check, vm, sizeof(VALUES(__VA_ARGS__)) / sizeof(uint64_t), VALUES(__VA_ARGS__) }

extern const struct bad_case clock_cases[], msr_cases[], call_cases[], xen_cases[];

void set_slot(struct test *test, enum region_name name, uint32_t flags, uint64_t size);
uint8_t *memory(struct test *test, uint64_t gpa);
/* Byte by byte: it may lie in two slots. */
void get_memory(struct test *test, uint64_t gpa, void *data, size_t size);
void put_memory(struct test *test, uint64_t gpa, const void *data, size_t size);
void put_u32(struct test *test, uint64_t gpa, uint32_t value);

/* Remembers memory, clock and MSR; and says what a call may change. */
void mark(struct test *test);
void allow(struct test *test, uint64_t gpa, uint64_t size);
/* Fails the case if anything but that has changed since mark(). */
void unchanged(struct test *test);

/* The call has to fail with that errno: use as refused(ioctl(...), EINVAL). */
void refused(long result, int wanted);
void accepted(long result);

/* The wall clock at gpa has that version and an epoch that fits KVM_GET_CLOCK's. */
void wall_clock_is(struct test *test, uint64_t gpa, uint32_t version);
/* The clock is what it was set to and at most a few seconds more; it is the only thing that has changed. */
void clock_is_about(struct test *test, uint64_t clock);

/* The last size bytes before a page without access. */
void *before_the_end(size_t size);

#endif /* BAD_INPUT_H */
