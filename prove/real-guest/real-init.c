// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only process of the real guest: a Linux kernel that QEMU runs in the rig's VM. Says `ready` and answers each line
 * of stdin by one line NAME=VALUE..., what this guest reads of its clocks: has KVM write the wall clock's epoch and
 * this CPU's pvclock area into a page of its own by the MSRs a kernel uses, and asks ptp_kvm for the paired reading.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ptp_clock.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "bench.h"
#include "vm.h"

#define CLOCKSOURCE	"/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define PFN_MASK	((1ULL << 55) - 1)
#define PRESENT		(1ULL << 63)
/* One clock, another and the first again: the narrowest of so many. */
#define PAIR_TRIES	50

static struct vcpu_time time_area;

/* Of no use any more, but there: a PID 1 that ends is a panic. */
_Noreturn void failed(const char *format, ...)
{
	int error = errno;
	va_list args;

	va_start(args, format);
	printf("error=");
	vprintf(format, args);
	printf(": %s\n", strerror(error));
	for (;;)
		pause();
}

static uint64_t rdmsr(int fd, uint32_t msr)
{
	uint64_t value;

	if (pread(fd, &value, sizeof(value), msr) != sizeof(value))
		failed("read of an MSR");
	return value;
}

static void wrmsr(int fd, uint32_t msr, uint64_t value)
{
	if (pwrite(fd, &value, sizeof(value), msr) != sizeof(value))
		failed("write of an MSR");
}

/* The guest physical address of a page that is locked in memory. */
static uint64_t gpa_of(const void *page)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	off_t at = (off_t)((uintptr_t)page / GUEST_PAGE_SIZE * sizeof(entry));

	if (fd < 0 || pread(fd, &entry, sizeof(entry), at) != sizeof(entry) || !(entry & PRESENT))
		failed("pagemap");
	close(fd);
	return (entry & PFN_MASK) * GUEST_PAGE_SIZE;
}

static uint64_t kvmclock(void)
{
	return guest_clock(&time_area, __rdtsc());
}

static uint64_t raw(void)
{
	return clock_now(CLOCK_MONOTONIC_RAW);
}

static uint64_t date(void)
{
	return clock_now(CLOCK_REALTIME);
}

/* How far clock is ahead of base. */
static void say_distance(const char *name, uint64_t (*base)(void), uint64_t (*clock)(void))
{
	uint64_t begin, now, end, low = 0, high = 0, width = UINT64_MAX;
	int i;

	for (i = 0; i < PAIR_TRIES; i++) {
		begin = base();
		now = clock();
		end = base();
		if (end - begin >= width)
			continue;
		width = end - begin;
		low = now - end;
		high = now - begin;
	}
	printf(" %s_low=%lld %s_high=%lld", name, (long long)low, name, (long long)high);
}

static void read_clocks(int msr, uint8_t *page)
{
	uint64_t gpa = gpa_of(page), kernels, clock;
	struct ptp_sys_offset_precise pair = { 0 };
	unsigned int eax, ebx, ecx, edx, wall, system;
	char clocksource_name[32] = "none";
	FILE *file;
	int fd, old;

	/* Where there are the newer MSRs, a kernel takes these. */
	__cpuid(KVM_CPUID_FEATURES, eax, ebx, ecx, edx);
	old = !(eax & 1U << KVM_FEATURE_CLOCKSOURCE2);
	wall = old ? MSR_KVM_WALL_CLOCK : MSR_KVM_WALL_CLOCK_NEW;
	system = old ? MSR_KVM_SYSTEM_TIME : MSR_KVM_SYSTEM_TIME_NEW;
	kernels = rdmsr(msr, system);
	wrmsr(msr, wall, gpa);
	/* The area is filled on the way back into the guest; then the kernel has its own again, and KVM fills that. */
	wrmsr(msr, system, (gpa + sizeof(time_area)) | KVM_SYSTEM_TIME_ENABLE);
	memcpy(&time_area, page + sizeof(time_area), sizeof(time_area));
	clock = kvmclock();
	wrmsr(msr, system, kernels);

	file = fopen(CLOCKSOURCE, "re");
	if (file && fscanf(file, "%31s", clocksource_name) == 1)
		fclose(file);
	printf("clocksource=%s old=%d epoch=%lld clock=%llu", clocksource_name, old,
	       (long long)written_epoch((struct wall_clock *)page), (unsigned long long)clock);
	say_distance("raw", kvmclock, raw);
	say_distance("date", raw, date);
	fd = open("/dev/ptp0", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, PTP_SYS_OFFSET_PRECISE, &pair))
		printf(" unpaired=%d", errno);
	else
		printf(" host=%lld real=%lld raw=%lld", pair.device.sec * NSEC_PER_SEC + pair.device.nsec,
		       pair.sys_realtime.sec * NSEC_PER_SEC + pair.sys_realtime.nsec,
		       pair.sys_monoraw.sec * NSEC_PER_SEC + pair.sys_monoraw.nsec);
	if (fd >= 0)
		close(fd);
	printf(" realtime=%llu\n", (unsigned long long)date());
}

int main(void)
{
	int msr = open("/dev/cpu/0/msr", O_RDWR | O_CLOEXEC);
	char line[64];
	uint8_t *page;

	page = mmap(NULL, GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (msr < 0 || page == MAP_FAILED || mlock(page, GUEST_PAGE_SIZE))
		failed("an MSR, and a locked page");
	puts("ready=1");
	while (fgets(line, sizeof(line), stdin))
		read_clocks(msr, page);
	failed("the end of stdin");
}
