// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to the host in the storm: its wall clock, its clocksource, its CPUs, its sleep, its memory, its processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "storm.h"

#define CLOCKSOURCE_FILE "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define MAX_FREQ	(500L << 16)
#define YEAR_2001	978307200L
#define BEFORE_2038	2147483646L
#define BEFORE_2106	4294967294L
#define SPREAD_S	100000000UL
/* of 100 ms, in which a CPU has to come back */
#define BACK_TRIES	600
#define LAST_CPUS	2
#define MEBI		(1UL << 20)
/* What is left of the free memory: a kill for want of memory is no part of this storm. */
#define LEFT_MEBI	150UL

static int put_text(const char *file, const char *text)
{
	ssize_t length = (ssize_t)strlen(text);
	int fd = open(file, O_WRONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)length) != length)
		error = -errno;
	close(fd);
	return error;
}

static void step_to(time_t seconds)
{
	const struct timespec time = { .tv_sec = seconds };

	move_begins();
	clock_settime(CLOCK_REALTIME, &time);
	move_ends();
	done(TIME_STEP);
}

static void slew(long frequency)
{
	struct timex timex = { .modes = ADJ_FREQUENCY, .freq = frequency };

	move_begins();
	adjtimex(&timex);
	move_ends();
	done(TIME_SLEW);
}

void storm_time(uint64_t seed)
{
	static const time_t near[] = { BEFORE_2038, BEFORE_2106, YEAR_2001 };
	struct timespec now, start;
	struct random random;

	random_seed(&random, seed, 100);
	clock_gettime(CLOCK_REALTIME, &start);
	while (!shared->stop) {
		clock_gettime(CLOCK_REALTIME, &now);
		switch (random_below(&random, 8)) {
		case 0:
			step_to(near[random_below(&random, 3)]);
			break;
		case 1:
			step_to((time_t)(YEAR_2001 + (long)random_below(&random, SPREAD_S)));
			break;
		case 2:
			step_to(now.tv_sec + 1);
			break;
		case 3:
			step_to(now.tv_sec - 1);
			break;
		default:
			slew((long)random_below(&random, 2 * MAX_FREQ) - MAX_FREQ);
		}
		pause_ms(random_below(&random, 500));
	}
	slew(0);
	step_to(start.tv_sec);
}

void storm_clocksource(uint64_t seed)
{
	static const char *const others[] = { "hpet", "acpi_pm" };
	struct random random;

	random_seed(&random, seed, 200);
	while (!shared->stop) {
		pause_ms(100 + random_below(&random, 1000));
		move_begins();
		/* In this order: who sees the switch must not take the TSC for the clocksource. */
		shared->on_tsc = false;
		atomic_fetch_add(&shared->switches, 1);
		if (put_text(CLOCKSOURCE_FILE, others[random_below(&random, 2)]))
			failed("cannot leave the TSC: %s", strerror(errno));
		move_ends();
		pause_ms(random_below(&random, 1000));
		move_begins();
		atomic_fetch_add(&shared->switches, 1);
		if (put_text(CLOCKSOURCE_FILE, "tsc"))
			failed("cannot go back to the TSC: %s", strerror(errno));
		shared->on_tsc = true;
		move_ends();
		done(CLOCKSOURCE);
	}
}

void storm_cpus(uint64_t seed)
{
	long nr = sysconf(_SC_NPROCESSORS_CONF);
	const struct timespec a_while = { .tv_nsec = 100000000 };
	struct random random;
	int error, tries;
	char file[64];

	random_seed(&random, seed, 300);
	if (nr <= LAST_CPUS)
		return;
	while (!shared->stop) {
		pause_ms(200 + random_below(&random, 1500));
		snprintf(file, sizeof(file), "/sys/devices/system/cpu/cpu%ld/online",
			 LAST_CPUS + (long)random_below(&random, (uint64_t)(nr - LAST_CPUS)));
		if (put_text(file, "0"))
			continue;
		pause_ms(random_below(&random, 500));
		/* Busy: the suspend forbids it until it is over. */
		for (tries = 0; (error = put_text(file, "1")) == -EBUSY && tries < BACK_TRIES; tries++)
			nanosleep(&a_while, NULL);
		if (error)
			failed("%s: the CPU does not come back: %s", file, strerror(-error));
		done(CPU_UNPLUG);
	}
}

/* Freezes everybody until the power button is pressed, which rig/vm does; QEMU's RTC would not wake a VM with ACPI. */
void storm_suspend(uint64_t seed)
{
	struct random random;

	random_seed(&random, seed, 400);
	while (!shared->stop) {
		pause_ms(5000 + random_below(&random, 10000));
		if (shared->stop)
			break;
		move_begins();
		if (!put_text("/sys/power/state", "freeze"))
			done(SUSPEND);
		move_ends();
	}
}

void storm_victims(uint64_t seed)
{
	struct random random;
	int status;
	pid_t pid;

	random_seed(&random, seed, 500);
	while (!shared->stop) {
		pause_ms(random_below(&random, 300));
		pid = shared->victims[random_below(&random, MAX_CHILDREN)];
		if (pid <= 0)
			continue;
		if (random_below(&random, 2)) {
			kill(pid, SIGSTOP);
			pause_ms(random_below(&random, 100));
			kill(pid, SIGCONT);
			done(STOPPED);
		} else if (!ptrace(PTRACE_ATTACH, pid, NULL, NULL)) {
			waitpid(pid, &status, 0);
			pause_ms(random_below(&random, 100));
			ptrace(PTRACE_DETACH, pid, NULL, NULL);
			done(TRACED);
		}
	}
}

static unsigned long free_mebi(void)
{
	unsigned long kib = 0;
	char line[128];
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %lu", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib / 1024;
}

void storm_memory(uint64_t seed)
{
	unsigned long size, at, mebi;
	struct random random;
	char *memory;

	random_seed(&random, seed, 600);
	while (!shared->stop) {
		pause_ms(random_below(&random, 1000));
		mebi = free_mebi();
		if (mebi <= LEFT_MEBI)
			continue;
		size = (mebi - LEFT_MEBI) * MEBI;
		memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED)
			continue;
		for (at = 0; at < size && !shared->stop && free_mebi() > LEFT_MEBI; at += MEBI)
			memset(memory + at, 1, MEBI);
		munmap(memory, size);
		done(LOW_MEMORY);
	}
}
