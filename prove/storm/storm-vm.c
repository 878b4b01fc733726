// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMs of the storm: one that everything is done to at once, two beside it that only the observer touches, and
 * others that come and go, each in a process of its own that ends with it in whatever state it is.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "storm.h"
#include "vm.h"

#define NR(array)	(sizeof(array) / sizeof((array)[0]))

#define VCPUS		4
#define SLOT		1
#define SLOT_GPA	0x10000ULL
#define SLOT_PAGES	4ULL
#define SLOT_SIZE	(SLOT_PAGES * GUEST_PAGE_SIZE)
#define HOLE_GPA	0x80000ULL

#define LONG_MODE_ATTR		0
#define SHARED_INFO_ATTR	1
#define INVALID_GFN		UINT64_MAX
/* Its struct has the size of the other. */
#define XEN_VCPU_GET_ATTR	_IOWR(KVMIO, 0xca, struct xen_attr)
#define XEN_VCPU_SET_ATTR	_IOW(KVMIO, 0xcb, struct xen_attr)
#define RUNSTATE_ADDR_ATTR	2
#define RUNSTATE_DATA_ATTR	4
/* In u.size, behind the state and the time at which it began: the time in each state. */
#define RUNSTATE_TIMES		2
#define NR_RUNSTATES		4
#define GPA_RUNSTATE		(GPA_PROGRAM_TSC + 0x100)

/*
 * Both fields of KVM_GET_CLOCK and the epoch are cut to whole ns. The wall clock is slewed against kvmclock by up to
 * 500 ppm; as much again for the correction of what an earlier rate has left behind.
 */
#define ROUNDING_NS	2
#define SLEW_PPM	1000
#define MILLION		1000000
/* By what a guest's clock and that of a master clock which is off may run apart: they count by rates of their own. */
#define RATE_ERROR_PPB	102
/* Each vCPU may take a new snapshot meanwhile, and each snapshot continues the clock within two roundings. */
#define SNAPSHOT_NS	(ROUNDING_NS + VCPUS * ROUNDING_NS)
/*
 * What is pending takes effect on the way into the guest: so many brackets are in between; fewer where the clock page
 * does not yet tell of the clocksource, else a slow kernel has seldom settled by the next switch.
 */
#define RUN_EVERY	16
#define RUN_SOON	4
/* So many brackets have to count for each full minute that was asked for: else the observer has seen nothing. */
#define COUNTED_A_MINUTE	100
#define LIFE		20
#define FUZZ_LIFE	400
#define FUZZ_LIMIT_S	5

static struct vm stormed, quiet, stepped;
static uint8_t *slot_memory;
/* The vCPU that this thread runs. */
static _Thread_local unsigned int vcpu;
/* KVM_SET_CLOCK of the stormed VM. */
static struct moves sets;

/*
 * The host is on the TSC, or the quiet VM's clock page was seen to leave the master clock after the last switch of the
 * clocksource. Else a master clock may still be on, as KVM's update is pending: then its TSC is paired with the new
 * counter by a bracket, whose width is an error.
 */
static bool settled = true;
/* So the page was at that switch; if it was not, it may be older than the last return to the TSC, and says nothing. */
static bool was_stable;
static unsigned long seen_switches;
static unsigned long nr_counted, nr_elsewhere, nr_guest, nr_broken;

static void put_slot(uint32_t flags, uint64_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = SLOT,
		.flags = flags,
		.guest_phys_addr = SLOT_GPA,
		.memory_size = size,
		.userspace_addr = (uintptr_t)slot_memory,
	};

	ioctl(stormed.fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static void make_stormed(unsigned int nr_vcpus, bool xen)
{
	slot_memory = mmap(NULL, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (slot_memory == MAP_FAILED)
		failed("mmap: %s", strerror(errno));
	vm_create(&stormed, nr_vcpus);
	if (xen && kernel_has_xen())
		xen_enable(&stormed);
	put_slot(0, SLOT_SIZE);
}

/* Whatever the kernel says to it: the storm is about what it leaves behind. */
static void try_msr(unsigned int at, uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs header;
		struct kvm_msr_entry entry;
	} msr = {
		.header.nmsrs = 1,
		.entry.index = index,
		.entry.data = value,
	};

	ioctl(stormed.vcpu_fd[at], KVM_SET_MSRS, &msr);
}

static unsigned int some_vcpu(struct random *random)
{
	return (unsigned int)random_below(random, stormed.nr_vcpus);
}

static uint64_t some_gpa(struct random *random)
{
	const uint64_t gpas[] = {
		GPA_WALL_CLOCK,
		SLOT_GPA + random_below(random, SLOT_SIZE),
		HOLE_GPA + random_below(random, GUEST_PAGE_SIZE),
		SLOT_GPA | random_number(random),
	};

	return gpas[random_below(random, NR(gpas))];
}

/* All vCPUs run the same program: several writers of one wall clock. */
static void guest_writes(struct random *random)
{
	static const struct guest_write writes[] = {
		{ MSR_KVM_WALL_CLOCK_NEW, GPA_WALL_CLOCK },
		{ MSR_KVM_WALL_CLOCK, GPA_WALL_CLOCK },
	};

	(void)random;
	vm_guest_writes(&stormed, vcpu, writes, NR(writes));
}

static void host_writes(struct random *random)
{
	static const uint32_t msrs[] = { MSR_KVM_WALL_CLOCK, MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW };
	uint32_t msr = msrs[random_below(random, NR(msrs))];
	bool time = msr == MSR_KVM_SYSTEM_TIME_NEW;

	try_msr(some_vcpu(random), msr, time ? GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE : some_gpa(random));
}

static void gets_clock(struct random *random)
{
	struct clock_reading reading;

	(void)random;
	get_clock(&stormed, &reading);
}

static void sets_clock(struct random *random)
{
	uint64_t what = random_below(random, 4);
	struct clock_reading reading;

	get_clock(&stormed, &reading);
	if (what == 0) {
		reading.flags = 0;
		reading.clock = random_number(random) >> random_below(random, 64);
	} else if (what == 1) {
		reading.clock += random_below(random, NSEC_PER_SEC);
	}
	sets.begun++;
	set_clock(&stormed, &reading);
	sets.done++;
}

static void moves_xen_page(struct random *random)
{
	const struct xen_attr attrs[] = {
		XEN_SHARED_INFO_ATTR(GPA_XEN_SHARED_INFO),
		XEN_SHARED_INFO_ATTR(SLOT_GPA + random_below(random, SLOT_SIZE)),
		XEN_SHARED_INFO_ATTR(HOLE_GPA),
		{ .type = SHARED_INFO_ATTR, .u.gfn = INVALID_GFN },
		{ .type = LONG_MODE_ATTR, .u.gfn = random_below(random, 2) },
	};

	ioctl(stormed.fd, XEN_HVM_SET_ATTR, &attrs[random_below(random, NR(attrs))]);
}

static void moves_tsc(struct random *random)
{
	uint64_t offset = random_number(random) >> random_below(random, 64);
	const struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset,
	};

	if (random_below(random, 2))
		ioctl(stormed.vcpu_fd[some_vcpu(random)], KVM_SET_DEVICE_ATTR, &attr);
	else
		try_msr(some_vcpu(random), MSR_IA32_TSC, random_below(random, 3) ? 0 : offset);
}

static void moves_slot(struct random *random)
{
	static const uint32_t flags[] = { 0, KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY };
	uint64_t bits[SLOT_PAGES] = { 0 };
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bits };

	if (random_below(random, 2))
		put_slot(0, 0);
	pause_ms(random_below(random, 3));
	put_slot(flags[random_below(random, NR(flags))], SLOT_SIZE);
	ioctl(stormed.fd, KVM_GET_DIRTY_LOG, &log);
	if (!random_below(random, 4))
		madvise(slot_memory, SLOT_SIZE, MADV_REMOVE);
}

/* A thread of the stormed VM for each; in bursts where the other parts need CPUs, too. */
static const struct deed deeds[] = {
	{ "guest_writes", guest_writes, 0, 1 },
	{ "host_writes", host_writes, 0, 1 },
	{ "gets_clock", gets_clock, 3, 32 },
	{ "sets_clock", sets_clock, 20, 1 },
	{ "xen_pages", moves_xen_page, 3, 32 },
	{ "tsc", moves_tsc, 10, 1 },
	{ "slots", moves_slot, 5, 1 },
};

/* The first deed is that of each vCPU. */
#define WORKERS		(VCPUS + NR(deeds) - 1)

static uint64_t worker_seed;

static void *work(void *arg)
{
	uintptr_t nr = (uintptr_t)arg;
	struct random random;

	vcpu = (unsigned int)nr;
	random_seed(&random, worker_seed, nr);
	do_again(&deeds[nr < VCPUS ? 0 : nr - VCPUS + 1], &random);
	return NULL;
}

static void broken(const char *format, ...) __printf(1, 2);
static void broken(const char *format, ...)
{
	char text[200];
	va_list args;

	if (nr_broken++)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("first_broken %s\n", text);
}

/* Two readings of KVM_GET_CLOCK, which count if nothing moved the clock meanwhile. */
struct bracket {
	struct clock_reading first, last;
	unsigned long moves_begun, sets_begun;
	bool still, on_tsc;
	int64_t width, moved;
};

static void begin_bracket(struct bracket *bracket, struct vm *vm)
{
	bracket->moves_begun = shared->moves.begun;
	bracket->sets_begun = sets.begun;
	bracket->on_tsc = shared->on_tsc;
	bracket->still = shared->moves.done == bracket->moves_begun && shared->switches == seen_switches &&
			 (vm == &quiet || sets.done == bracket->sets_begun);
	get_clock(vm, &bracket->first);
}

static void check_flags(const struct clock_reading *reading, bool on_tsc)
{
	if (!has_realtime(reading))
		broken("KVM_GET_CLOCK without realtime, flags 0x%x", reading->flags);
	if (!on_tsc && reading->flags & (KVM_CLOCK_HOST_TSC | KVM_CLOCK_TSC_STABLE))
		broken("KVM_GET_CLOCK claims the TSC, flags 0x%x, under another clocksource", reading->flags);
}

/* Whether it counts, and has two epochs to compare. */
static bool end_bracket(struct bracket *bracket, struct vm *vm)
{
	get_clock(vm, &bracket->last);
	bracket->still = bracket->still && shared->moves.begun == bracket->moves_begun &&
			 (vm == &quiet || sets.begun == bracket->sets_begun);
	if (!bracket->still)
		return false;
	check_flags(&bracket->first, bracket->on_tsc);
	check_flags(&bracket->last, bracket->on_tsc);
	bracket->width = (int64_t)(bracket->last.clock - bracket->first.clock);
	bracket->moved = reading_epoch(&bracket->last) - reading_epoch(&bracket->first);
	return has_realtime(&bracket->first) && has_realtime(&bracket->last);
}

/* What two epochs in it may differ by. exact: none is paired with a counter by a bracket. */
static int64_t bound_over(const struct bracket *bracket, int64_t rounding, bool exact)
{
	return rounding + (exact ? llabs(bracket->width) * SLEW_PPM / MILLION : llabs(bracket->width));
}

/* How far the written epoch is from that of a reading: sec has 32 bits and wraps in 2106. */
static int64_t ahead(const struct wall_clock *wc, const struct clock_reading *reading)
{
	int64_t epoch = reading_epoch(reading), sec = epoch / NSEC_PER_SEC, nsec = epoch % NSEC_PER_SEC;

	return (int32_t)(wc->sec - (uint32_t)sec) * NSEC_PER_SEC + ((int64_t)wc->nsec - nsec);
}

/* One bracket on the VM that nobody else touches. */
static void observe_quiet(uint32_t *version)
{
	volatile struct wall_clock *memory = vm_memory(&quiet, GPA_WALL_CLOCK);
	struct bracket bracket;
	uint64_t before, after;
	struct wall_clock wc;
	int64_t first, last, bound;
	bool comparable;

	before = __builtin_ia32_rdtsc();
	begin_bracket(&bracket, &quiet);
	after = __builtin_ia32_rdtsc();
	set_msr(&quiet, 0, MSR_KVM_WALL_CLOCK_NEW, GPA_WALL_CLOCK);
	wc.version = memory->version;
	wc.sec = memory->sec;
	wc.nsec = memory->nsec;
	comparable = end_bracket(&bracket, &quiet);

	if (wc.version != *version + 2)
		broken("the version went from %u to %u, with one writer", *version, wc.version);
	*version = wc.version;
	if (wc.nsec >= NSEC_PER_SEC)
		broken("nsec is %u", wc.nsec);
	if (!bracket.still)
		return;
	nr_counted++;
	nr_elsewhere += settled && !bracket.on_tsc;
	if (bracket.width < 0)
		broken("the clock went back by %ld ns", -bracket.width);
	if (bracket.first.flags & KVM_CLOCK_HOST_TSC &&
	    (bracket.first.host_tsc < before || bracket.first.host_tsc > after))
		broken("host_tsc is not within the call: %ld ticks before it", (long)(before - bracket.first.host_tsc));
	if (!comparable)
		return;
	bound = bound_over(&bracket, ROUNDING_NS, settled);
	if (llabs(bracket.moved) > bound)
		broken("two readings differ by %ld ns over %ld ns, flags 0x%x and 0x%x", bracket.moved, bracket.width,
		       bracket.first.flags, bracket.last.flags);
	first = ahead(&wc, &bracket.first);
	last = ahead(&wc, &bracket.last);
	if ((first > bound && last > bound) || (first < -bound && last < -bound))
		broken("the epoch is %ld and %ld ns off the readings around it, which took %ld ns, flags 0x%x and 0x%x",
		       first, last, bracket.width, bracket.first.flags, bracket.last.flags);
}

/* The other: its clock may only be moved by KVM_SET_CLOCK, its version only go on. */
static void observe_stormed(uint32_t *version)
{
	volatile struct wall_clock *memory = vm_memory(&stormed, GPA_WALL_CLOCK);
	uint32_t now = memory->version;
	struct bracket bracket;

	if ((int32_t)(now - *version) < 0)
		broken("the version went back from %u to %u", *version, now);
	*version = now;
	begin_bracket(&bracket, &stormed);
	/* Its master clock goes on and off all the time. */
	if (end_bracket(&bracket, &stormed) && llabs(bracket.moved) > bound_over(&bracket, SNAPSHOT_NS, bracket.on_tsc))
		broken("the stormed VM's clock moved by %ld ns in %ld ns, flags 0x%x and 0x%x", bracket.moved,
		       bracket.width, bracket.first.flags, bracket.last.flags);
}

/* The quiet VM runs, and its guest reads its own clock: that lies on the line through two of KVM_GET_CLOCK. */
static void observe_guest(void)
{
	const struct vcpu_time *time = vm_memory(&quiet, GPA_VCPU_TIME);
	const struct clock_reading *first, *last;
	struct bracket bracket;
	uint64_t tsc, offset;
	int64_t off, passed, bound = ROUNDING_NS;

	begin_bracket(&bracket, &quiet);
	tsc = vm_guest_writes(&quiet, 0, NULL, 0);
	off = (int64_t)guest_clock(time, tsc);
	/* Without the master clock the TSC of the guest and the counter of the host go apart since its last update. */
	if (!end_bracket(&bracket, &quiet) || !(time->flags & PVCLOCK_TSC_STABLE_BIT))
		return;
	first = &bracket.first;
	last = &bracket.last;
	if (!(first->flags & last->flags & KVM_CLOCK_HOST_TSC) ||
	    !vm_tsc_offset(&quiet, 0, KVM_GET_DEVICE_ATTR, &offset))
		return;
	nr_guest++;
	passed = (int64_t)(tsc - offset - first->host_tsc);
	off -= (int64_t)first->clock + (int64_t)((double)passed / (double)(last->host_tsc - first->host_tsc) *
						 (double)bracket.width);
	/* It is a line only if the master clock was on all the time, and did not come on when the guest was entered. */
	if (!(first->flags & last->flags & KVM_CLOCK_TSC_STABLE))
		bound += bracket.width * RATE_ERROR_PPB / NSEC_PER_SEC + 1;
	if (llabs(off) > bound)
		broken("the guest reads a clock that is %ld ns off KVM_GET_CLOCK, in %ld ns, flags 0x%x and 0x%x", off,
		       bracket.width, first->flags, last->flags);
}

/* Sets a clock back and forth; what Xen tells its vCPU of the time in each state never goes back. */
static void observe_runstates(struct random *random)
{
	static struct xen_attr last;
	struct xen_attr attr = { .type = RUNSTATE_DATA_ATTR };
	const struct clock_reading clock = { .clock = random_below(random, FAR_TSC) };
	int i;

	set_clock(&stepped, &clock);
	vm_run(&stepped, 0);
	vm_ioctl(stepped.vcpu_fd[0], XEN_VCPU_GET_ATTR, &attr, "KVM_XEN_VCPU_GET_ATTR");
	for (i = 0; i < NR_RUNSTATES; i++)
		if (attr.u.size[RUNSTATE_TIMES + i] < last.u.size[RUNSTATE_TIMES + i])
			broken("the time in runstate %d goes back by %llu ns", i,
			       last.u.size[RUNSTATE_TIMES + i] - attr.u.size[RUNSTATE_TIMES + i]);
	last = attr;
}

/* What the observer has not seen yet and has to, in a storm of a minute or more; NULL: nothing. */
static const char *missing(void)
{
	if (seconds < 60)
		return NULL;
	if (shared->switches && !nr_elsewhere)
		return "no bracket counted to the ns under another clocksource";
	if (!nr_guest)
		return "no clock that a guest read counted";
	return nr_counted < seconds / 60 * COUNTED_A_MINUTE ? "too few brackets counted" : NULL;
}

static void observe(struct random *random)
{
	const volatile struct vcpu_time *time = vm_memory(&quiet, GPA_VCPU_TIME);
	const volatile struct wall_clock *wc = vm_memory(&quiet, GPA_WALL_CLOCK);
	const struct xen_attr runstate = { .type = RUNSTATE_ADDR_ATTR, .u.gfn = GPA_RUNSTATE };
	bool xen = kernel_has_xen();
	uint32_t version = wc->version, stormed_version = 0;
	unsigned long i;
	uint64_t offset;
	bool stable;

	set_msr(&quiet, 0, MSR_KVM_SYSTEM_TIME_NEW, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE);
	if (xen) {
		vm_create_running(&stepped, 1);
		xen_enable(&stepped);
		vm_ioctl(stepped.vcpu_fd[0], XEN_VCPU_SET_ATTR, &runstate, "KVM_XEN_VCPU_SET_ATTR");
	}
	for (i = 0; !shared->stop; i++) {
		stable = time->flags & PVCLOCK_TSC_STABLE_BIT;
		if (shared->switches != seen_switches) {
			seen_switches = shared->switches;
			settled = false;
			was_stable = stable;
		}
		if (i % (stable == shared->on_tsc ? RUN_EVERY : RUN_SOON) == 0) {
			/* Back on the TSC, KVM waits to be asked for its master clock: this does, and moves no TSC. */
			if (shared->on_tsc && !stable && vm_tsc_offset(&quiet, 0, KVM_GET_DEVICE_ATTR, &offset))
				vm_tsc_offset(&quiet, 0, KVM_SET_DEVICE_ATTR, &offset);
			observe_guest();
			if (xen)
				observe_runstates(random);
		}
		settled |= shared->on_tsc || (was_stable && !(time->flags & PVCLOCK_TSC_STABLE_BIT));
		observe_quiet(&version);
		observe_stormed(&stormed_version);
		shared->wants_brackets = missing();
		pause_ms(1);
	}
}

void storm_vm(struct random *random)
{
	const volatile struct wall_clock *wc;
	pthread_t threads[WORKERS];
	uintptr_t i;

	vm_create_running(&quiet, 1);
	make_stormed(VCPUS, true);
	wc = vm_memory(&stormed, GPA_WALL_CLOCK);
	worker_seed = random_number(random);
	for (i = 0; i < WORKERS; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)i))
			failed("no thread for a worker");
	observe(random);
	for (i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	if (wc->version & 1)
		broken("at the end the version is odd: %u", wc->version);
	printf("counted %lu\nelsewhere %lu\nguest %lu\nbroken %lu\n", nr_counted, nr_elsewhere, nr_guest, nr_broken);
	fflush(stdout);
	if (missing())
		failed("%s", missing());
	if (nr_broken)
		_exit(BROKEN);
}

void storm_churn(struct random *random)
{
	uint64_t left;

	make_stormed(1, random_below(random, 2));
	for (left = random_below(random, LIFE); left; left--) {
		if (stormed.nr_vcpus < VCPUS && !random_below(random, 4))
			vm_add_vcpu(&stormed);
		vcpu = some_vcpu(random);
		deeds[random_below(random, NR(deeds))].run(random);
	}
}

/* Mostly what has a meaning, else anything. */
static uint64_t some_number(struct random *random)
{
	const uint64_t numbers[] = {
		some_gpa(random),
		random_below(random, 16),
		-random_below(random, 16),
		random_number(random) >> random_below(random, 64),
	};

	return numbers[random_below(random, NR(numbers))];
}

static void fuzz_one(struct random *random)
{
	static const struct call {
		unsigned long request;
		bool of_vcpu, by_value;
		/* Of its first words: a type, flags ...; 0: it may be anything. */
		unsigned int limits[2];
	} calls[] = {
		{ KVM_GET_CLOCK, false, false, { 0, 0 } },
		{ KVM_SET_CLOCK, false, false, { 0, 16 } },
		{ XEN_HVM_SET_ATTR, false, false, { 6, 0 } },
		{ XEN_VCPU_SET_ATTR, true, false, { 10, 0 } },
		{ KVM_SET_DEVICE_ATTR, true, false, { 1, 2 } },
		{ KVM_SET_TSC_KHZ, true, true, { 0, 0 } },
		{ KVM_RUN, true, true, { 1, 0 } },
	}, *call;
	static const uint32_t msrs[] = {
		MSR_KVM_WALL_CLOCK, MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME, MSR_KVM_SYSTEM_TIME_NEW, MSR_IA32_TSC,
	};
	unsigned int i, at = some_vcpu(random);
	uint64_t words[16];

	if (!random_below(random, 4)) {
		try_msr(at, msrs[random_below(random, NR(msrs))], some_number(random));
		return;
	}
	call = &calls[random_below(random, NR(calls))];
	for (i = 0; i < NR(words); i++)
		words[i] = some_number(random);
	for (i = 0; i < NR(call->limits); i++)
		if (call->limits[i])
			words[i] %= call->limits[i];
	/* Where struct kvm_device_attr has an address. */
	words[2] = (uintptr_t)&words[3];
	stormed.run[at]->immediate_exit = !random_below(random, 4);
	ioctl(call->of_vcpu ? stormed.vcpu_fd[at] : stormed.fd, call->request,
	      call->by_value || !random_below(random, 16) ? words[0] : (uintptr_t)words);
}

void storm_fuzz(struct random *random)
{
	int i;

	/* The clock may be written over the guest's code, which then may do anything, but halt. */
	alarm(FUZZ_LIMIT_S);
	make_stormed(1 + (unsigned int)random_below(random, 2), random_below(random, 4));
	for (i = 0; i < FUZZ_LIFE && !shared->stop; i++)
		fuzz_one(random);
}
