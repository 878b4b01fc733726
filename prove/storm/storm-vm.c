// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMs of the storm: one that everything is done to at once, one beside it that only the observer touches, and others
 * that come and go.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "storm.h"
#include "vm.h"

#define VCPUS		4
#define SLOT		1
#define SLOT_GPA	0x10000ULL
#define SLOT_PAGES	4ULL
#define SLOT_SIZE	(SLOT_PAGES * GUEST_PAGE_SIZE)
#define HOLE_GPA	0x80000ULL

#define LONG_MODE_ATTR	0
#define INVALID_GFN	UINT64_MAX

/*
 * Both fields of KVM_GET_CLOCK and the epoch are cut to whole ns. The wall clock is slewed against kvmclock by up to 500 ppm;
 * as much again for the correction of what an earlier rate has left behind.
 */
#define ROUNDING_NS	2
#define SLEW		1000
/* Each vCPU may take a new snapshot meanwhile, and each snapshot continues the clock within two roundings. */
#define SNAPSHOT_NS	(ROUNDING_NS + VCPUS * ROUNDING_NS)
/* What is pending takes effect on the way into the guest: so many brackets are in between. */
#define RUN_EVERY	16
/* And so many where the clock page does not yet tell of the clocksource: else a slow kernel has seldom settled by the next switch. */
#define RUN_SOON	4
#define FUZZ_LIMIT_S	5
#define BURST		32
#define FUZZ_ROUND	400

static struct vm stormed, quiet;
/*
 * The host is on the TSC, or the quiet VM's clock page was seen to leave the master clock after the last switch of the
 * clocksource. Else a master clock may still be on, as KVM's update is pending: then its TSC is paired with the new counter
 * by a bracket, whose width is an error.
 */
static bool settled = true;
/* So the page was at that switch; if it was not, it may be older than the last return to the TSC, and says nothing. */
static bool was_stable;
static unsigned long seen_switches;
static uint8_t *slot_memory;

static void broken(const char *format, ...) __printf(1, 2);
static void broken(const char *format, ...)
{
	char text[sizeof(shared->first_broken)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!atomic_fetch_add(&shared->broken, 1)) {
		memcpy(shared->first_broken, text, sizeof(text));
		fprintf(stderr, "storm: broken: %s\n", text);
	}
}

static int put_slot(struct vm *vm, uint32_t flags, uint64_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = SLOT,
		.flags = flags,
		.guest_phys_addr = SLOT_GPA,
		.memory_size = size,
		.userspace_addr = (uintptr_t)slot_memory,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

/* Whatever the kernel says to it: the storm is about what it leaves behind. */
static void try_msr(struct vm *vm, unsigned int vcpu, uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs header;
		struct kvm_msr_entry entry;
	} msr = {
		.header.nmsrs = 1,
		.entry.index = index,
		.entry.data = value,
	};

	ioctl(vm->vcpu_fd[vcpu], KVM_SET_MSRS, &msr);
}

static uint64_t some_gpa(struct random *random)
{
	switch (random_below(random, 4)) {
	case 0:
		return SLOT_GPA + random_below(random, SLOT_SIZE);
	case 1:
		return HOLE_GPA + random_below(random, GUEST_PAGE_SIZE);
	case 2:
		return random_number(random) | SLOT_GPA;
	default:
		return GPA_WALL_CLOCK;
	}
}

struct worker {
	pthread_t thread;
	void (*run)(struct random *random, unsigned int vcpu);
	unsigned int vcpu;
	struct random random;
};

/* All vCPUs run the same program: several writers of one wall clock. */
static void guest_writes(struct random *random, unsigned int vcpu)
{
	static const struct guest_write writes[] = {
		{ MSR_KVM_WALL_CLOCK_NEW, GPA_WALL_CLOCK },
		{ MSR_KVM_WALL_CLOCK, GPA_WALL_CLOCK },
	};

	(void)random;
	vm_guest_writes(&stormed, vcpu, writes, sizeof(writes) / sizeof(writes[0]));
	done(GUEST_RUN);
}

static void host_writes(struct random *random, unsigned int vcpu)
{
	(void)vcpu;
	try_msr(&stormed, (unsigned int)random_below(random, VCPUS),
		random_below(random, 2) ? MSR_KVM_WALL_CLOCK : MSR_KVM_WALL_CLOCK_NEW, some_gpa(random));
	done(HOST_WRITE);
}

static void gets_clock(struct random *random, unsigned int vcpu)
{
	struct clock_reading reading;

	(void)vcpu;
	get_clock(random_below(random, 2) ? &stormed : &quiet, &reading);
	done(GET_CLOCK);
	/* In bursts: the other parts need CPUs, too. */
	if (!random_below(random, BURST))
		pause_ms(random_below(random, 4));
}

static void sets_clock(struct random *random, unsigned int vcpu)
{
	struct clock_reading reading;

	(void)vcpu;
	get_clock(&stormed, &reading);
	switch (random_below(random, 4)) {
	case 0:
		reading.flags = 0;
		reading.clock = random_number(random) >> random_below(random, 64);
		break;
	case 1:
		reading.clock += random_below(random, NSEC_PER_SEC);
		break;
	}
	atomic_fetch_add(&shared->sets_begun, 1);
	set_clock(&stormed, &reading);
	atomic_fetch_add(&shared->sets_done, 1);
	done(SET_CLOCK);
	pause_ms(random_below(random, 20));
}

static void moves_xen_page(struct random *random, unsigned int vcpu)
{
	struct xen_attr attr = XEN_SHARED_INFO_ATTR(GPA_XEN_SHARED_INFO);

	(void)vcpu;
	switch (random_below(random, 4)) {
	case 0:
		attr.u.gfn = SLOT_GPA / GUEST_PAGE_SIZE + random_below(random, SLOT_PAGES);
		break;
	case 1:
		attr.type = LONG_MODE_ATTR;
		attr.u.gfn = random_below(random, 2);
		break;
	case 2:
		attr.u.gfn = random_below(random, 2) ? INVALID_GFN : HOLE_GPA / GUEST_PAGE_SIZE;
		break;
	}
	ioctl(stormed.fd, XEN_HVM_SET_ATTR, &attr);
	done(XEN_PAGE);
	if (!random_below(random, BURST))
		pause_ms(random_below(random, 4));
}

static void moves_tsc(struct random *random, unsigned int vcpu)
{
	uint64_t offset = random_number(random) >> random_below(random, 64);
	const struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset,
	};
	unsigned int at = (unsigned int)random_below(random, VCPUS);

	(void)vcpu;
	if (random_below(random, 2)) {
		ioctl(stormed.vcpu_fd[at], KVM_SET_DEVICE_ATTR, &attr);
		done(TSC_OFFSET);
	} else {
		try_msr(&stormed, at, MSR_IA32_TSC, random_below(random, 3) ? 0 : offset);
		done(TSC_WRITE);
	}
	pause_ms(random_below(random, 10));
}

static void moves_slot(struct random *random, unsigned int vcpu)
{
	uint64_t bits[SLOT_PAGES] = { 0 };
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bits };

	(void)vcpu;
	switch (random_below(random, 4)) {
	case 0:
		put_slot(&stormed, 0, 0);
		put_slot(&stormed, KVM_MEM_READONLY, SLOT_SIZE);
		done(READ_ONLY);
		break;
	case 1:
		put_slot(&stormed, KVM_MEM_LOG_DIRTY_PAGES, SLOT_SIZE);
		ioctl(stormed.fd, KVM_GET_DIRTY_LOG, &log);
		done(DIRTY_LOG);
		break;
	case 2:
		madvise(slot_memory, SLOT_SIZE, MADV_REMOVE);
		break;
	default:
		put_slot(&stormed, 0, 0);
		pause_ms(random_below(random, 3));
		put_slot(&stormed, 0, SLOT_SIZE);
		done(SLOT_MOVED);
	}
	pause_ms(random_below(random, 5));
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	while (!shared->stop)
		worker->run(&worker->random, worker->vcpu);
	return NULL;
}

/* What two epochs that were taken over width may differ by. */
static int64_t bound_over(int64_t width, int64_t rounding, bool exact)
{
	if (width < 0)
		width = -width;
	return exact ? rounding + width / (1000000 / SLEW) : rounding + width;
}

/* How far the written epoch is from another: sec has 32 bits and wraps in 2106. */
static int64_t wraps_less(const struct wall_clock *wc, int64_t epoch)
{
	int64_t sec = epoch / NSEC_PER_SEC, nsec = epoch % NSEC_PER_SEC;

	return (int32_t)(wc->sec - (uint32_t)sec) * NSEC_PER_SEC + ((int64_t)wc->nsec - nsec);
}

static void check_flags(const struct clock_reading *reading, bool on_tsc)
{
	if (!has_realtime(reading))
		broken("KVM_GET_CLOCK without realtime, flags 0x%x", reading->flags);
	if (!on_tsc && reading->flags & (KVM_CLOCK_HOST_TSC | KVM_CLOCK_TSC_STABLE))
		broken("KVM_GET_CLOCK claims the TSC, flags 0x%x, under another clocksource", reading->flags);
}

/* One bracket on the VM that nobody else touches. */
static void observe_quiet(uint32_t *version)
{
	volatile struct wall_clock *memory = vm_memory(&quiet, GPA_WALL_CLOCK);
	const unsigned long begun = shared->moves_begun;
	const bool still = shared->moves_done == begun && shared->switches == seen_switches, on_tsc = shared->on_tsc;
	int64_t low, high, early, late, width, bound;
	struct clock_reading first, last;
	uint64_t before, after;
	struct wall_clock wc;

	before = __builtin_ia32_rdtsc();
	get_clock(&quiet, &first);
	after = __builtin_ia32_rdtsc();
	set_msr(&quiet, 0, MSR_KVM_WALL_CLOCK_NEW, GPA_WALL_CLOCK);
	wc.version = memory->version;
	wc.sec = memory->sec;
	wc.nsec = memory->nsec;
	get_clock(&quiet, &last);
	atomic_fetch_add(&shared->brackets, 1);

	if (wc.version != *version + 2)
		broken("the version went from %u to %u, with one writer", *version, wc.version);
	*version = wc.version;
	if (wc.nsec >= NSEC_PER_SEC)
		broken("nsec is %u", wc.nsec);
	if (!still || shared->moves_begun != begun)
		return;
	atomic_fetch_add(&shared->counted, 1);
	if (settled && !on_tsc)
		atomic_fetch_add(&shared->elsewhere, 1);

	check_flags(&first, on_tsc);
	check_flags(&last, on_tsc);
	if (first.flags & KVM_CLOCK_HOST_TSC && (first.host_tsc < before || first.host_tsc > after))
		broken("host_tsc is not within the call: %lld ticks before it", (long long)(before - first.host_tsc));
	width = (int64_t)(last.clock - first.clock);
	if (width < 0)
		broken("the clock went back by %lld ns", (long long)-width);
	bound = bound_over(width, ROUNDING_NS, settled);
	low = reading_epoch(&first);
	high = reading_epoch(&last);
	if (low > high) {
		low = reading_epoch(&last);
		high = reading_epoch(&first);
	}
	if (!has_realtime(&first) || !has_realtime(&last))
		return;
	if (high - low > bound)
		broken("two readings differ by %lld ns over %lld ns, flags 0x%x and 0x%x", (long long)(high - low),
		       (long long)width, first.flags, last.flags);
	early = wraps_less(&wc, low);
	late = wraps_less(&wc, high);
	if (early < -bound || late > bound)
		broken("the epoch is %lld and %lld ns off the readings around it, which took %lld ns, flags 0x%x and 0x%x",
		       (long long)early, (long long)late, (long long)width, first.flags, last.flags);
}

/* The other: its clock may only be moved by KVM_SET_CLOCK, its version only go on. */
static void observe_stormed(uint32_t *version)
{
	volatile struct wall_clock *memory = vm_memory(&stormed, GPA_WALL_CLOCK);
	const unsigned long begun = shared->moves_begun, sets = shared->sets_begun;
	const bool still = shared->moves_done == begun && shared->sets_done == sets && shared->switches == seen_switches,
		   on_tsc = shared->on_tsc;
	struct clock_reading first, last;
	uint32_t now = memory->version;
	int64_t moved, width;

	if ((int32_t)(now - *version) < 0)
		broken("the version went back from %u to %u", *version, now);
	*version = now;
	get_clock(&stormed, &first);
	get_clock(&stormed, &last);
	if (!still || shared->moves_begun != begun || shared->sets_begun != sets)
		return;
	check_flags(&first, on_tsc);
	check_flags(&last, on_tsc);
	if (!has_realtime(&first) || !has_realtime(&last))
		return;
	width = (int64_t)(last.clock - first.clock);
	moved = reading_epoch(&last) - reading_epoch(&first);
	if (moved < 0)
		moved = -moved;
	/* Its master clock goes on and off all the time. */
	if (moved > bound_over(width, SNAPSHOT_NS, on_tsc))
		broken("the stormed VM's clock moved by %lld ns in %lld ns, flags 0x%x and 0x%x", (long long)moved,
		       (long long)width, first.flags, last.flags);
}

static void observe(void)
{
	const volatile struct vcpu_time *time = vm_memory(&quiet, GPA_VCPU_TIME);
	const volatile struct wall_clock *wc = vm_memory(&quiet, GPA_WALL_CLOCK);
	uint32_t version = wc->version, stormed_version = 0;
	unsigned long i;
	bool stable;

	set_msr(&quiet, 0, MSR_KVM_SYSTEM_TIME_NEW, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE);
	for (i = 0; !shared->stop; i++) {
		if (shared->switches != seen_switches) {
			seen_switches = shared->switches;
			settled = false;
			was_stable = time->flags & PVCLOCK_TSC_STABLE_BIT;
		}
		stable = time->flags & PVCLOCK_TSC_STABLE_BIT;
		if (!(i % (stable == shared->on_tsc ? RUN_EVERY : RUN_SOON)))
			vm_run(&quiet, 0);
		settled |= shared->on_tsc || (was_stable && !(time->flags & PVCLOCK_TSC_STABLE_BIT));
		observe_quiet(&version);
		observe_stormed(&stormed_version);
		pause_ms(1);
	}
}

void storm_vm(uint64_t seed)
{
	static struct worker workers[] = {
		{ .run = guest_writes, .vcpu = 0 }, { .run = guest_writes, .vcpu = 1 }, { .run = guest_writes, .vcpu = 2 },
		{ .run = guest_writes, .vcpu = 3 }, { .run = host_writes }, { .run = gets_clock }, { .run = sets_clock },
		{ .run = moves_xen_page }, { .run = moves_tsc }, { .run = moves_slot },
	};
	const unsigned int nr = sizeof(workers) / sizeof(workers[0]);
	const volatile struct wall_clock *wc;
	struct worker *worker;

	slot_memory = mmap(NULL, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (slot_memory == MAP_FAILED)
		failed("mmap: %s", strerror(errno));
	vm_create_running(&quiet, 1);
	vm_create_running(&stormed, VCPUS);
	if (kernel_has_xen())
		xen_enable(&stormed);
	put_slot(&stormed, 0, SLOT_SIZE);
	for (worker = workers; worker < workers + nr; worker++) {
		random_seed(&worker->random, seed, (uint64_t)(worker - workers));
		if (pthread_create(&worker->thread, NULL, work, worker))
			failed("no thread for a worker");
	}
	observe();
	for (worker = workers; worker < workers + nr; worker++)
		pthread_join(worker->thread, NULL);
	wc = vm_memory(&stormed, GPA_WALL_CLOCK);
	if (wc->version & 1)
		broken("at the end the version is odd: %u", wc->version);
}

/* One VM of a process that ends with it in whatever state it is. */
static void short_life(struct random *random)
{
	struct clock_reading reading;
	uint64_t left;
	struct vm vm;

	vm_create(&vm, 1 + (unsigned int)random_below(random, 3));
	for (left = random_below(random, 20); left; left--) {
		switch (random_below(random, 5)) {
		case 0:
			if (vm.nr_vcpus < VCPUS) {
				vm_add_vcpu(&vm);
				done(VCPU_CREATED);
			}
			break;
		case 1:
			vm_run(&vm, (unsigned int)random_below(random, vm.nr_vcpus));
			break;
		case 2:
			try_msr(&vm, 0, MSR_KVM_WALL_CLOCK_NEW, some_gpa(random));
			break;
		case 3:
			get_clock(&vm, &reading);
			set_clock(&vm, &reading);
			break;
		default:
			try_msr(&vm, 0, MSR_KVM_SYSTEM_TIME_NEW, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE);
		}
	}
	done(VM_CREATED);
}

struct xen_vcpu_attr {
	__u16 type;
	__u16 pad[3];
	__u64 size[8];
};
#define XEN_VCPU_SET_ATTR	_IOW(KVMIO, 0xcb, struct xen_vcpu_attr)
#define NR_XEN_VCPU_ATTRS	10
#define NR_XEN_ATTRS		6

/* Mostly what has a meaning, else anything. */
static uint64_t some_number(struct random *random)
{
	switch (random_below(random, 4)) {
	case 0:
		return some_gpa(random);
	case 1:
		return random_below(random, 16);
	case 2:
		return random_number(random) >> random_below(random, 64);
	default:
		return -random_below(random, 16);
	}
}

static void fuzz_one(struct vm *vm, struct random *random)
{
	static const uint32_t msrs[] = {
		MSR_KVM_WALL_CLOCK, MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME, MSR_KVM_SYSTEM_TIME_NEW, MSR_IA32_TSC,
	};
	uint64_t words[16];
	struct kvm_device_attr device = {
		.group = (uint32_t)random_below(random, 2), .attr = random_below(random, 2), .addr = (uintptr_t)words,
	};
	struct xen_attr *xen = (struct xen_attr *)words;
	unsigned int i, vcpu = (unsigned int)random_below(random, vm->nr_vcpus);
	void *arg = random_below(random, 16) ? (void *)words : (void *)(uintptr_t)some_number(random);

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		words[i] = some_number(random);
	switch (random_below(random, 9)) {
	case 0:
		words[1] = random_below(random, 16);
		ioctl(vm->fd, KVM_SET_CLOCK, arg);
		break;
	case 1:
		ioctl(vm->fd, KVM_GET_CLOCK, arg);
		break;
	case 2:
	case 3:
		try_msr(vm, vcpu, msrs[random_below(random, sizeof(msrs) / sizeof(msrs[0]))], some_number(random));
		break;
	case 4:
		xen->type = (__u16)random_below(random, NR_XEN_ATTRS);
		ioctl(vm->fd, XEN_HVM_SET_ATTR, arg);
		break;
	case 5:
		xen->type = (__u16)random_below(random, NR_XEN_VCPU_ATTRS);
		ioctl(vm->vcpu_fd[vcpu], XEN_VCPU_SET_ATTR, arg);
		break;
	case 6:
		ioctl(vm->vcpu_fd[vcpu], KVM_SET_DEVICE_ATTR, &device);
		break;
	case 7:
		ioctl(vm->vcpu_fd[vcpu], KVM_SET_TSC_KHZ, random_below(random, 4) ? some_number(random) : 0);
		break;
	default:
		vm->run[vcpu]->immediate_exit = !random_below(random, 4);
		ioctl(vm->vcpu_fd[vcpu], KVM_RUN, NULL);
	}
	done(FUZZED);
}

static void fuzz_round(struct random *random)
{
	struct vm vm;
	int i;

	/* The clock may be written over the guest's code, which then may do anything, but halt. */
	alarm(FUZZ_LIMIT_S);
	vm_create(&vm, 1 + (unsigned int)random_below(random, 2));
	if (kernel_has_xen() && random_below(random, 4))
		xen_enable(&vm);
	for (i = 0; i < FUZZ_ROUND && !shared->stop; i++)
		fuzz_one(&vm, random);
}

/* A process for each VM; its time may be over. */
static void in_processes(uint64_t seed, uint64_t stream, void (*run)(struct random *random), unsigned int victim)
{
	struct random random;
	int status;
	pid_t pid;

	random_seed(&random, seed, stream);
	while (!shared->stop) {
		random_number(&random);
		pid = fork();
		if (pid < 0)
			failed("fork: %s", strerror(errno));
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			run(&random);
			_exit(0);
		}
		shared->victims[victim] = pid;
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		shared->victims[victim] = 0;
		if (WIFSIGNALED(status) ? WTERMSIG(status) != SIGALRM : WEXITSTATUS(status))
			failed("the process of a VM ended with 0x%x", (unsigned int)status);
	}
}

void storm_churn(uint64_t seed)
{
	in_processes(seed, 700, short_life, MAX_CHILDREN - 1);
}

void storm_fuzz(uint64_t seed)
{
	in_processes(seed, 800, fuzz_round, MAX_CHILDREN - 2);
}
