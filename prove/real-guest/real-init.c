// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of the real guest: a Linux kernel that QEMU runs in the rig's VM. Loads /modules/NUMBER.ko in their order, says
 * `ready` on the second serial port, and answers the line that comes there by one line NAME=VALUE...:
 *   read   what this guest reads of its clocks, on CPU 0: has KVM write the wall clock's epoch and CPU 0's pvclock area into
 *          a page of its own by the MSRs a kernel uses, and asks ptp_kvm for the paired reading
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ptp_clock.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "bench.h"
#include "vm.h"

#define PORT		"/dev/ttyS1"
#define CLOCKSOURCE	"/sys/devices/system/clocksource/clocksource0/current_clocksource"
/* Documentation/virt/kvm/x86/cpuid.rst: whether there are the newer MSRs, which a kernel takes then. */
#define CPUID_FEATURES		0x40000001
#define FEATURE_CLOCKSOURCE2	(1U << 3)
#define MAX_MODULES	32
#define PFN_MASK	((1ULL << 55) - 1)
#define PRESENT		(1ULL << 63)
/* The TSC, a clock and the TSC again: the narrowest of so many. */
#define PAIR_TRIES	50

static int port = -1;

static void say(const char *format, ...) __printf(1, 2);
static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vdprintf(port < 0 ? STDERR_FILENO : port, format, args);
	va_end(args);
}

/* Of no use any more, but there: a PID 1 that ends is a panic. */
_Noreturn void failed(const char *format, ...)
{
	int error = errno;
	va_list args;

	say("error=");
	va_start(args, format);
	vdprintf(port < 0 ? STDERR_FILENO : port, format, args);
	va_end(args);
	say(": %s\n", strerror(error));
	for (;;)
		pause();
}

static void load_modules(void)
{
	char name[32];
	int i, fd;

	for (i = 0; i < MAX_MODULES; i++) {
		snprintf(name, sizeof(name), "/modules/%d.ko", i);
		fd = open(name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return;
		/* ptp_kvm, where the host does not count by the TSC. */
		if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST && errno != EOPNOTSUPP)
			failed("%s", name);
		close(fd);
	}
}

static int open_msr(int cpu)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/dev/cpu/%d/msr", cpu);
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		failed("%s", name);
	return fd;
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

static void read_clocks(int msr, uint8_t *page)
{
	static struct vcpu_time time;
	uint64_t gpa = gpa_of(page), kernels, tsc, raw, low = 0, high = 0, width = UINT64_MAX, now, end, real;
	uint64_t date_low = 0, date_high = 0, date_width = UINT64_MAX;
	const volatile struct wall_clock *wc = (struct wall_clock *)page;
	struct ptp_sys_offset_precise pair;
	char clocksource_name[32] = "";
	unsigned int eax, ebx, ecx, edx;
	int i, fd, old;

	__cpuid(CPUID_FEATURES, eax, ebx, ecx, edx);
	old = !(eax & FEATURE_CLOCKSOURCE2);
	kernels = rdmsr(msr, old ? MSR_KVM_SYSTEM_TIME : MSR_KVM_SYSTEM_TIME_NEW);
	wrmsr(msr, old ? MSR_KVM_WALL_CLOCK : MSR_KVM_WALL_CLOCK_NEW, gpa);
	/* The area is filled on the way back into the guest; then the kernel has its own again, and KVM fills that. */
	wrmsr(msr, old ? MSR_KVM_SYSTEM_TIME : MSR_KVM_SYSTEM_TIME_NEW, (gpa + sizeof(time)) | KVM_SYSTEM_TIME_ENABLE);
	memcpy(&time, page + sizeof(time), sizeof(time));
	tsc = __rdtsc();
	wrmsr(msr, old ? MSR_KVM_SYSTEM_TIME : MSR_KVM_SYSTEM_TIME_NEW, kernels);

	for (i = 0; i < PAIR_TRIES; i++) {
		now = guest_clock(&time, __rdtsc());
		raw = clock_now(CLOCK_MONOTONIC_RAW);
		end = guest_clock(&time, __rdtsc());
		if (end - now < width) {
			width = end - now;
			low = raw - end;
			high = raw - now;
		}
		now = clock_now(CLOCK_MONOTONIC_RAW);
		real = clock_now(CLOCK_REALTIME);
		end = clock_now(CLOCK_MONOTONIC_RAW);
		if (end - now < date_width) {
			date_width = end - now;
			date_low = real - end;
			date_high = real - now;
		}
	}
	fd = open(CLOCKSOURCE, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, clocksource_name, sizeof(clocksource_name) - 1) > 0)
		clocksource_name[strcspn(clocksource_name, "\n")] = '\0';
	close(fd);

	say("clocksource=%s old=%d flags=%u epoch=%lld clock=%llu", clocksource_name, old, time.flags,
	    (long long)written_epoch(wc), (unsigned long long)guest_clock(&time, tsc));
	/* Its kvmclock against its MONOTONIC_RAW, and its date when that was 0. */
	say(" raw_low=%lld raw_high=%lld date_low=%lld date_high=%lld", (long long)low, (long long)high, (long long)date_low,
	    (long long)date_high);
	memset(&pair, 0, sizeof(pair));
	fd = open("/dev/ptp0", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, PTP_SYS_OFFSET_PRECISE, &pair))
		say(" unpaired=%d", errno);
	else
		say(" host=%lld real=%lld raw=%lld", pair.device.sec * NSEC_PER_SEC + pair.device.nsec,
		    pair.sys_realtime.sec * NSEC_PER_SEC + pair.sys_realtime.nsec,
		    pair.sys_monoraw.sec * NSEC_PER_SEC + pair.sys_monoraw.nsec);
	if (fd >= 0)
		close(fd);
	say(" realtime=%llu\n", (unsigned long long)clock_now(CLOCK_REALTIME));
}

int main(void)
{
	struct termios termios;
	cpu_set_t first;
	char line[64];
	uint8_t *page;
	FILE *in;
	int msr;

	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	port = open(PORT, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (port < 0)
		failed(PORT);
	tcgetattr(port, &termios);
	cfmakeraw(&termios);
	cfsetspeed(&termios, B115200);
	tcsetattr(port, TCSANOW, &termios);
	load_modules();
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
	page = mmap(NULL, GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (page == MAP_FAILED || mlock(page, GUEST_PAGE_SIZE))
		failed("a locked page");
	msr = open_msr(0);
	in = fdopen(dup(port), "r");
	if (!in)
		failed("fdopen");
	say("ready=%llu\n", (unsigned long long)clock_now(CLOCK_REALTIME));
	while (fgets(line, sizeof(line), in)) {
		if (!strcmp(line, "read\n"))
			read_clocks(msr, page);
		else
			say("error=unknown\n");
	}
	failed("end of " PORT);
}
