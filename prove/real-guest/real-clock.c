// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into QEMU: what it asks and tells KVM about the VM's clock goes to the socket $REAL_CLOCK, and each byte
 * that comes from there is answered by a KVM_GET_CLOCK; the ioctl is for QEMU's own address space only. A line is: get,
 * set or ask; what was given; CLOCK, FLAGS and REALTIME of KVM_GET_CLOCK; ns of CLOCK_MONOTONIC_RAW before and after.
 * At `set` the reading is the one right after the KVM_SET_CLOCK.
 * $REAL_OLD_MSR: KVM's CPUID does not offer the clock's newer MSRs to the guest.
 * $REAL_APART: the second vCPU's TSC is far from the first's, before either runs, and the master clock stays off.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "vm.h"

int ioctl(int fd, unsigned long request, ...);

static int vm_fd = -1, second_fd = -1, line_fd = -1;

static uint64_t raw_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static void report(const char *what, uint64_t given, const struct clock_reading *reading, uint64_t before)
{
	dprintf(line_fd, "%s %llu %llu %u %llu %llu %llu\n", what, (unsigned long long)given,
		(unsigned long long)reading->clock, reading->flags,
		(unsigned long long)(has_realtime(reading) ? reading->realtime : 0), (unsigned long long)before,
		(unsigned long long)raw_now());
}

static void get_and_report(const char *what, uint64_t given, uint64_t before)
{
	struct clock_reading reading = { 0 };

	syscall(SYS_ioctl, vm_fd, KVM_GET_CLOCK, &reading);
	report(what, given, &reading, before);
}

static void *answer(void *unused)
{
	char byte;

	(void)unused;
	while (read(line_fd, &byte, 1) == 1)
		get_and_report("ask", 0, raw_now());
	return NULL;
}

static void start(int fd)
{
	pthread_t thread;

	vm_fd = fd;
	line_fd = atoi(getenv("REAL_CLOCK"));
	if (pthread_create(&thread, NULL, answer, NULL))
		_exit(1);
}

static void hide_new_msrs(struct kvm_cpuid2 *cpuid)
{
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function == KVM_CPUID_FEATURES)
			cpuid->entries[i].eax &= ~(1U << KVM_FEATURE_CLOCKSOURCE2);
	}
}

static void put_apart(int fd)
{
	uint64_t offset;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};

	if (syscall(SYS_ioctl, fd, KVM_GET_DEVICE_ATTR, &attr))
		_exit(1);
	offset += FAR_TSC;
	if (syscall(SYS_ioctl, fd, KVM_SET_DEVICE_ATTR, &attr))
		_exit(1);
}

int ioctl(int fd, unsigned long request, ...)
{
	/* QEMU has it in an int, whose sign goes into the upper half. */
	const unsigned long wanted = (unsigned int)request;
	uint64_t before;
	va_list args;
	void *arg;
	int ret;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (wanted == KVM_SET_CPUID2 && getenv("REAL_OLD_MSR"))
		hide_new_msrs(arg);
	if (wanted == KVM_RUN && fd == second_fd) {
		second_fd = -1;
		put_apart(fd);
	}
	before = raw_now();
	ret = (int)syscall(SYS_ioctl, fd, request, arg);
	if (wanted == KVM_CREATE_VCPU && ret >= 0 && (uintptr_t)arg == 1 && getenv("REAL_APART"))
		second_fd = ret;
	else if (wanted == KVM_CREATE_VM && ret >= 0 && vm_fd < 0)
		start(ret);
	else if (wanted == KVM_GET_CLOCK && !ret && fd == vm_fd)
		report("get", 0, arg, before);
	else if (wanted == KVM_SET_CLOCK && !ret && fd == vm_fd)
		get_and_report("set", ((struct clock_reading *)arg)->clock, before);
	return ret;
}
