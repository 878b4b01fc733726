/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the cases of bad-input share: a VM with memory of every kind, and the look at what a call has left behind.
 */
#ifndef BAD_INPUT_H
#define BAD_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "bench.h"
#include "vm.h"

#define PAGE		0x1000ULL

/*
 * Guest memory beside that of vm.c. Two pages and nothing behind them; two slots side by side, whose memory is not, and
 * a read-only one behind them. All else is a hole.
 */
#define GPA_EDGE	0x10000ULL
#define GPA_EDGE_END	0x12000ULL
#define GPA_LEFT	0x1f000ULL
#define GPA_RIGHT	0x20000ULL
#define GPA_READ_ONLY	0x21000ULL
#define GPA_READ_ONLY_END 0x22000ULL
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
	uint8_t *old[NR_REGIONS];
	struct clock_reading old_clock;
	uint64_t old_raw;
	uint64_t old_wall_clock;
};

struct bad_case {
	const char *name;
	void (*run)(struct test *test);
};

extern const struct bad_case clock_cases[], msr_cases[], nested_cases[], call_cases[], xen_cases[], tsc_cases[];

/* A VM of that many vCPUs, all of which have run, or none. */
void start(struct test *test, unsigned int nr_vcpus, bool run);
void set_slot(struct test *test, enum region_name name, uint32_t flags, uint64_t size);
uint8_t *memory(struct test *test, uint64_t gpa);

/* Remembers memory, clock and MSR; and says what a call may change. */
void mark(struct test *test);
void allow(struct test *test, uint64_t gpa, uint64_t size);
/* Fails the case if anything but that has changed since mark(). */
void memory_unchanged(struct test *test);
void clock_unchanged(struct test *test);
void unchanged(struct test *test);

/* The call has to fail with that errno: use as refused(ioctl(...), EINVAL). */
void refused(long result, int wanted);
void accepted(long result);
/* KVM_SET_MSRS of one MSR: how many it has taken. */
#define TAKEN	1
int try_msr(struct test *test, uint32_t msr, uint64_t value);
/* What the same call gives in a child process: errno, 0 if it succeeds. */
int in_child(struct test *test, int fd, unsigned long request, void *arg);

/* The wall clock at gpa has that version and an epoch that fits KVM_GET_CLOCK's. */
void wall_clock_is(struct test *test, uint64_t gpa, uint32_t version);
void read_wall_clock(struct test *test, uint64_t gpa, struct wall_clock *wc);
void put_version(struct test *test, uint64_t gpa, uint32_t version);
/* The clock now, less what it was set to, in ns; it may not be more than a few seconds. */
void clock_is_about(struct test *test, uint64_t clock);

/* The vCPU's CPUID says which clocks there are, and counts; and whether the guest may run guests of its own. */
#define CLOCKSOURCE	(1U << 0)
#define CLOCKSOURCE2	(1U << 3)
void set_cpuid(struct test *test, uint32_t clocks, bool svm);

/*
 * A program of real mode at GPA_PROGRAM, which writes an MSR, leaves MARK_DONE, or MARK_FAULT if it got a fault, and halts. It
 * wants its stack at GPA_STACK.
 */
#define MARK_DONE	0x600d
#define MARK_FAULT	0x0bad
#define MARK_NONE	0
#define GPA_STACK	(GPA_PROGRAM + 0xf00)
#define GPA_GP_VECTOR	(GP_VECTOR * 4)
void put_wrmsr(struct test *test, uint32_t msr, uint64_t value);
void mark_is(struct test *test, uint16_t wanted);

/* start(), with Xen's hypercalls; and the attribute of a vCPU that has its timer. */
void xen_start(struct test *test, unsigned int nr_vcpus, bool run);
#define VCPU_ATTR_ID	6
#define VCPU_ATTR_TIMER	7
#define TIMER_PRIORITY	UINT32_MAX

struct xen_vcpu_attr {
	__u16 type;
	__u16 pad[3];
	union {
		__u32 vcpu_id;
		__u64 gpa;
		struct {
			__u32 port;
			__u32 priority;
			__u64 expires_ns;
		} timer;
		__u64 size[8];
	} u;
};

#define XEN_VCPU_GET_ATTR	_IOWR(KVMIO, 0xca, struct xen_vcpu_attr)
#define XEN_VCPU_SET_ATTR	_IOW(KVMIO, 0xcb, struct xen_vcpu_attr)

/* Two pages, the second without access, and the last size bytes before it. */
void *before_the_end(size_t size);
/* Memory that can be read only, holding what is given. */
void *read_only_copy(const void *data, size_t size);

/* An address that no process may use. */
#define KERNEL_POINTER	((void *)0xffff888000000000UL)

#endif /* BAD_INPUT_H */
