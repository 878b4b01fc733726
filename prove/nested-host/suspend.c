// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspends the host to RAM (S3) beside VMs, where that sets its TSC back, and looks at their clocks before and after.
 * Somebody else has to wake the host.
 * Usage: suspend
 * Status: 0 every check held; 1 a check failed; 2 it could not run, or the TSC was not set back.
 */
#include <err.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "bench.h"
#include "vm.h"

/* Of two epochs, each the difference of two values that are cut to whole ns. */
#define EXACT_NS	2
/*
 * kvmclock follows CLOCK_MONOTONIC_RAW; NTP moves the wall clock, and CLOCK_BOOTTIME, which says what was slept, by up
 * to 500 ppm against that, and as much again for the correction of what an earlier rate has left behind.
 */
#define SLEW_PPM	1000
#define MILLION		1000000

static int bad;

static void check(const char *name, const char *what, int64_t value, int64_t low, int64_t high)
{
	const bool held = low <= value && value <= high;

	printf("%s, %s: %lld, from %lld to %lld: %s\n", name, what, (long long)value, (long long)low, (long long)high,
	       held ? "ok" : "FAILED");
	bad |= !held;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(2, "writing %s to %s", text, path);
	close(fd);
}

/* A VM, and what was read of it before. */
struct sleeper {
	const char *name;
	void (*mode)(struct vm *vm, unsigned int vcpus);
	struct vm vm;
	/* CLOCK_BOOTTIME around the reading, ns. */
	uint64_t boottime[2];
	struct clock_reading reading;
};

static int64_t bound(const struct clock_reading *a, const struct clock_reading *b)
{
	return EXACT_NS + (int64_t)(b->clock - a->clock) * SLEW_PPM / MILLION;
}

/* The epoch that the guest gets is that of KVM_GET_CLOCK before it, which has real time in every clock mode. */
static void check_epoch(struct sleeper *s, const char *what, struct clock_reading *reading)
{
	struct clock_reading after;

	get_clock(&s->vm, reading);
	set_msr(&s->vm, 0, MSR_KVM_WALL_CLOCK_NEW, GPA_WALL_CLOCK);
	get_clock(&s->vm, &after);
	if (!has_realtime(reading))
		check(s->name, "has real time", 0, 1, 1);
	else
		check(s->name, what,
		      written_epoch(vm_memory(&s->vm, GPA_WALL_CLOCK)) - reading_epoch(reading),
		      -bound(reading, &after), bound(reading, &after));
}

static void before(struct sleeper *s)
{
	unsigned int i;

	s->mode(&s->vm, TWO_VCPUS);
	for (i = 0; i < TWO_VCPUS; i++)
		set_msr(&s->vm, i, MSR_KVM_SYSTEM_TIME_NEW, (GPA_VCPU_TIME + i * sizeof(struct vcpu_time)) |
			KVM_SYSTEM_TIME_ENABLE);
	vm_run_all(&s->vm);
	check_epoch(s, "epoch before, off by ns", &s->reading);
	s->boottime[0] = clock_now(CLOCK_BOOTTIME);
	get_clock(&s->vm, &s->reading);
	s->boottime[1] = clock_now(CLOCK_BOOTTIME);
}

static void after(struct sleeper *s)
{
	int64_t least = (int64_t)(clock_now(CLOCK_BOOTTIME) - s->boottime[1]), most, slew;
	struct clock_reading reading, first, last;
	uint64_t before_run, clock;

	get_clock(&s->vm, &reading);
	most = (int64_t)(clock_now(CLOCK_BOOTTIME) - s->boottime[0]);
	slew = most * SLEW_PPM / MILLION;
	check(s->name, "clock forward by ns", (int64_t)(reading.clock - s->reading.clock), least - slew, most + slew);
	/* No vCPU has run: the areas are those of the TSC as it was. */
	check(s->name, "claims a stable TSC", !!(reading.flags & KVM_CLOCK_TSC_STABLE), 0, 0);
	check_epoch(s, "epoch, off by ns", &reading);

	vm_run_all(&s->vm);
	before_run = reading.clock;
	check_epoch(s, "epoch once run, off by ns", &reading);
	most = (int64_t)(clock_now(CLOCK_BOOTTIME) - s->boottime[0]) - least;
	check(s->name, "clock once run, on by ns", (int64_t)(reading.clock - before_run), 0, most + slew);
	get_clock(&s->vm, &first);
	clock = guest_clock(vm_memory(&s->vm, GPA_VCPU_TIME), vm_guest_writes(&s->vm, 0, NULL, 0));
	get_clock(&s->vm, &last);
	check(s->name, "the guest's clock, of the bracket's ns", (int64_t)(clock - first.clock), -EXACT_NS,
	      (int64_t)(last.clock - first.clock) + EXACT_NS);
}

int main(void)
{
	struct sleeper sleepers[] = {
		{ .name = "master clock", .mode = vm_create_running },
		{ .name = "unequal TSCs", .mode = mode_noclock },
	};
	const unsigned int nr = sizeof(sleepers) / sizeof(sleepers[0]);
	uint64_t tsc;
	unsigned int i;

	if (kvm_open())
		err(2, "/dev/kvm");
	for (i = 0; i < nr; i++)
		before(&sleepers[i]);
	fflush(stdout);
	write_file("/sys/power/mem_sleep", "deep");
	tsc = __rdtsc();
	write_file("/sys/power/state", "mem");
	if (__rdtsc() >= tsc)
		errx(2, "the TSC was not set back");
	for (i = 0; i < nr; i++)
		after(&sleepers[i]);
	return bad;
}
