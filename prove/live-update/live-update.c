// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM that moves a running guest to another boot of the host's kernel, as the documentation of KVM_VCPU_TSC_OFFSET
 * says how: KVM_GET_CLOCK, with the guest's memory and registers, is written by the one and read by the other, where
 * KVM_SET_CLOCK with KVM_CLOCK_REALTIME lets the clock run on over the time between.
 * Usage: live-update save >FILE
 *        live-update restore <FILE
 * Status: 0 moved, and every check held; 1 a check failed; 2 it could not run.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "bench.h"
#include "vm.h"

/* What the move may change of realtime - clock. */
#define MOVE_NS		100
/*
 * The guest's time against the host's: the epoch, the guest's clock and the host's time are cut to whole ns each, on
 * either side of the move; and MOVE_NS.
 */
#define GUEST_NS	(MOVE_NS + 6)
/* Without NTP, what kvmclock, in whole kHz, and the wall clock, by a rounded multiplier, part by: below 1 ppm. */
#define RATE_DIVISOR	1000000
/* How long the guest runs on before it is looked at again. */
#define RUN_NS		200000000L
/* kHz times ns, in cycles */
#define KHZ_PER_NS	1000000

static int bad;

static void check(const char *what, int64_t off, int64_t bound)
{
	const bool held = magnitude(off) <= bound;

	printf("%s %lld ns, bound %lld: %s\n", what, (long long)off, (long long)bound, held ? "ok" : "FAILED");
	bad |= !held;
}

/* All that a guest of vm.c has, one vCPU. */
struct saved {
	struct clock_reading clock;
	uint64_t tsc_khz;
	uint64_t tsc_offset;
	uint64_t system_time_msr;
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	uint8_t memory[GUEST_MEMORY_SIZE];
};

/*
 * A guest that counts: every round it stores its TSC twice, the count between, and halts.
 *	1: inc dword [count]; rdtsc; mov [low], eax; mov [high], edx; hlt; jmp 1b
 */
#define GPA_COUNT	(GPA_PROGRAM_TSC + 0x100)
static const uint8_t counting[] = {
	0x66, 0xff, 0x06, 0x00, GPA_COUNT >> 8,
	0x0f, 0x31,
	0x66, 0xa3, 0x00, GPA_PROGRAM_TSC >> 8,
	0x66, 0x89, 0x16, 0x04, GPA_PROGRAM_TSC >> 8,
	0xf4,
	0xeb, 0xed,
};

static uint64_t tsc_offset(struct vm *vm, unsigned long request, uint64_t value)
{
	if (!vm_tsc_offset(vm, 0, request, &value))
		failed("the attribute KVM_VCPU_TSC_OFFSET: %s", strerror(errno));
	return value;
}

/* One round of the guest: its TSC. */
static uint64_t guest_round(struct vm *vm)
{
	uint64_t tsc;

	vm_run(vm, 0);
	memcpy(&tsc, vm_memory(vm, GPA_PROGRAM_TSC), sizeof(tsc));
	return tsc;
}

static uint32_t guest_count(struct vm *vm)
{
	uint32_t count;

	memcpy(&count, vm_memory(vm, GPA_COUNT), sizeof(count));
	return count;
}

static void get_whole_clock(struct vm *vm, struct clock_reading *reading)
{
	get_clock(vm, reading);
	if (!has_realtime(reading) || !(reading->flags & KVM_CLOCK_HOST_TSC))
		failed("KVM_GET_CLOCK gives no real time or no TSC, flags 0x%x", reading->flags);
}

/*
 * The guest adds its clock to the epoch that it asked for once, at its boot. KVM_GET_CLOCK before and after it has the
 * host's time; in between that is on the line through them.
 */
static void check_guest(struct vm *vm, const char *what, int64_t allowed)
{
	const int64_t epoch = written_epoch(vm_memory(vm, GPA_WALL_CLOCK));
	struct clock_reading first, last;
	uint64_t guest_tsc, host_tsc, now, real;
	double share;
	int64_t width;

	get_whole_clock(vm, &first);
	guest_tsc = guest_round(vm);
	get_whole_clock(vm, &last);
	host_tsc = guest_tsc - tsc_offset(vm, KVM_GET_DEVICE_ATTR, 0);
	if (host_tsc - first.host_tsc > last.host_tsc - first.host_tsc)
		failed("the guest's TSC is not between those of the host");
	width = (int64_t)(last.realtime - first.realtime);
	share = (double)(host_tsc - first.host_tsc) / (double)(last.host_tsc - first.host_tsc);
	real = first.realtime + (uint64_t)(share * (double)width);
	now = (uint64_t)epoch + guest_clock(vm_memory(vm, GPA_VCPU_TIME), guest_tsc);
	check(what, outside(now, real, real + 1), allowed + width / RATE_DIVISOR);
}

static void save(void)
{
	const struct guest_write boot[] = {
		{ MSR_KVM_WALL_CLOCK_NEW, GPA_WALL_CLOCK },
		{ MSR_KVM_SYSTEM_TIME_NEW, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE },
	};
	struct kvm_regs regs = { .rip = GPA_PROGRAM, .rflags = 2 };
	static struct saved saved;
	struct vm vm;

	vm_create_running(&vm, 1);
	vm_guest_writes(&vm, 0, boot, sizeof(boot) / sizeof(boot[0]));
	memcpy(vm_memory(&vm, GPA_PROGRAM), counting, sizeof(counting));
	vm_ioctl(vm.vcpu_fd[0], KVM_SET_REGS, &regs, "KVM_SET_REGS");
	guest_round(&vm);
	require_master_clock(&vm);

	vm_ioctl(vm.vcpu_fd[0], KVM_GET_REGS, &saved.regs, "KVM_GET_REGS");
	vm_ioctl(vm.vcpu_fd[0], KVM_GET_SREGS, &saved.sregs, "KVM_GET_SREGS");
	memcpy(saved.memory, vm.memory, GUEST_MEMORY_SIZE);
	saved.tsc_khz = (uint64_t)vm_tsc_khz(&vm, 0);
	saved.tsc_offset = tsc_offset(&vm, KVM_GET_DEVICE_ATTR, 0);
	saved.system_time_msr = get_msr(&vm, 0, MSR_KVM_SYSTEM_TIME_NEW);
	get_whole_clock(&vm, &saved.clock);
	if (fwrite(&saved, sizeof(saved), 1, stdout) != 1)
		failed("the guest cannot be written: %s", strerror(errno));
}

static void restore(void)
{
	const struct timespec run = { .tv_nsec = RUN_NS };
	struct clock_reading clock, now;
	static struct saved saved;
	uint32_t count;
	uint64_t tsc, last_tsc;
	int64_t elapsed;
	struct vm vm;

	if (fread(&saved, sizeof(saved), 1, stdin) != 1)
		failed("there is no whole guest on stdin");
	vm_create(&vm, 1);
	memcpy(vm.memory, saved.memory, GUEST_MEMORY_SIZE);
	count = guest_count(&vm);
	memcpy(&last_tsc, vm_memory(&vm, GPA_PROGRAM_TSC), sizeof(last_tsc));
	vm_ioctl(vm.vcpu_fd[0], KVM_SET_SREGS, &saved.sregs, "KVM_SET_SREGS");
	vm_ioctl(vm.vcpu_fd[0], KVM_SET_REGS, &saved.regs, "KVM_SET_REGS");

	clock = saved.clock;
	clock.flags = KVM_CLOCK_REALTIME;
	set_clock(&vm, &clock);
	get_clock(&vm, &now);
	if (!has_realtime(&now))
		failed("KVM_GET_CLOCK gives no real time, flags 0x%x", now.flags);
	elapsed = (int64_t)(now.realtime - saved.clock.realtime);
	if (elapsed <= 0)
		failed("the host's date is before that of the save: KVM_SET_CLOCK does not go back");
	check("before it runs: realtime - clock moved by", reading_epoch(&now) - reading_epoch(&saved.clock), MOVE_NS);

	/* The guest's TSC goes on by what its clock did. It takes a run until the master clock is in use. */
	vm_run(&vm, 0);
	get_whole_clock(&vm, &now);
	elapsed = (int64_t)(now.clock - saved.clock.clock);
	tsc_offset(&vm, KVM_SET_DEVICE_ATTR, saved.clock.host_tsc + saved.tsc_offset - now.host_tsc +
		   (uint64_t)elapsed * saved.tsc_khz / KHZ_PER_NS);
	set_msr(&vm, 0, MSR_KVM_SYSTEM_TIME_NEW, saved.system_time_msr);

	tsc = guest_round(&vm);
	get_clock(&vm, &now);
	check("when it has run: realtime - clock moved by", reading_epoch(&now) - reading_epoch(&saved.clock), MOVE_NS);
	if ((int64_t)(tsc - last_tsc) <= 0 || guest_count(&vm) <= count) {
		printf("the guest went on from count %u, TSC %llu to count %u, TSC %llu: FAILED\n", count,
		       (unsigned long long)last_tsc, guest_count(&vm), (unsigned long long)tsc);
		bad = 1;
	}
	check_guest(&vm, "the guest's own time is off by", GUEST_NS);
	get_clock(&vm, &clock);
	nanosleep(&run, NULL);
	get_clock(&vm, &now);
	check_guest(&vm, "and a while later by", GUEST_NS + (int64_t)(now.clock - clock.clock) / RATE_DIVISOR);
	printf("moved over %lld ns, from %llu kHz to %d kHz\n", (long long)elapsed, (unsigned long long)saved.tsc_khz,
	       vm_tsc_khz(&vm, 0));
}

int main(int argc, char **argv)
{
	if (argc != 2 || (strcmp(argv[1], "save") && strcmp(argv[1], "restore"))) {
		fputs("usage: live-update save >FILE | restore <FILE\n", stderr);
		return 2;
	}
	if (kvm_open() < 0)
		failed("cannot use /dev/kvm");
	if (!strcmp(argv[1], "save"))
		save();
	else
		restore();
	return bad;
}
