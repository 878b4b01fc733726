// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to the host in the storm: to its wall clock, clocksource, CPUs, sleep, processes and memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
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
/* A CPU has to come back in so many tries; the suspend forbids it until it is over. */
#define BACK_TRIES	600
#define BACK_US		100000
#define LAST_CPUS	2

static int put_text(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC), error = 0;

	if (fd < 0 || dprintf(fd, "%s", text) < 0)
		error = -errno;
	if (fd >= 0)
		close(fd);
	return error;
}

void storm_time(struct random *random)
{
	static const time_t near[] = { BEFORE_2038, BEFORE_2106, YEAR_2001 };
	struct timex slew = { .modes = ADJ_FREQUENCY, .freq = (long)random_below(random, 2 * MAX_FREQ) - MAX_FREQ };
	struct timespec step = { .tv_sec = time(NULL) };
	uint64_t what = random_below(random, 8);

	if (what == 0)
		step.tv_sec = near[random_below(random, 3)];
	else if (what == 1)
		step.tv_sec = (time_t)(YEAR_2001 + random_below(random, SPREAD_S));
	else
		step.tv_sec += what == 2 ? 1 : -1;
	shared->moves.begun++;
	if (what < 4)
		clock_settime(CLOCK_REALTIME, &step);
	else
		adjtimex(&slew);
	shared->moves.done++;
}

static void switch_to(const char *clocksource, bool is_tsc)
{
	int error;

	shared->moves.begun++;
	/* In this order: who sees the switch must not take the TSC for the clocksource. */
	shared->on_tsc = false;
	shared->switches++;
	error = put_text(CLOCKSOURCE_FILE, clocksource);
	if (error)
		failed("no switch to %s: %s", clocksource, strerror(-error));
	shared->on_tsc = is_tsc;
	shared->moves.done++;
}

void storm_clocksource(struct random *random)
{
	switch_to(random_below(random, 2) ? "hpet" : "acpi_pm", false);
	pause_ms(random_below(random, 1000));
	switch_to("tsc", true);
}

void storm_cpus(struct random *random)
{
	long more = sysconf(_SC_NPROCESSORS_CONF) - LAST_CPUS;
	int error, tries;
	char file[64];

	if (more <= 0)
		return;
	snprintf(file, sizeof(file), "/sys/devices/system/cpu/cpu%ld/online",
		 LAST_CPUS + (long)random_below(random, (uint64_t)more));
	if (put_text(file, "0"))
		return;
	pause_ms(random_below(random, 500));
	for (tries = 0; (error = put_text(file, "1")) == -EBUSY && tries < BACK_TRIES; tries++)
		usleep(BACK_US);
	if (error)
		failed("%s: the CPU does not come back: %s", file, strerror(-error));
}

/* Freezes everybody until the power button is pressed, which rig/vm does; QEMU's RTC would not wake a VM with ACPI. */
void storm_suspend(struct random *random)
{
	static bool suspended;

	shared->wants_suspend = !suspended && seconds >= 60;
	pause_ms(5000 + random_below(random, 10000));
	if (shared->stop)
		return;
	shared->moves.begun++;
	suspended |= !put_text("/sys/power/state", "freeze");
	shared->moves.done++;
	shared->wants_suspend = shared->wants_suspend && !suspended;
}

void storm_victims(struct random *random)
{
	pid_t pid = shared->victims[random_below(random, MAX_VICTIMS)];
	bool stop = random_below(random, 2);
	int status;

	if (pid <= 0 || (stop ? kill(pid, SIGSTOP) : ptrace(PTRACE_ATTACH, pid, NULL, NULL)))
		return;
	if (!stop)
		waitpid(pid, &status, 0);
	pause_ms(random_below(random, 100));
	if (stop)
		kill(pid, SIGCONT);
	else
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

/* Has the kernel give back and move what it can: the pages of the guests, too. 4 is for doing so in silence. */
void storm_memory(struct random *random)
{
	if (random_below(random, 2))
		put_text("/proc/sys/vm/drop_caches", "7");
	else
		put_text("/proc/sys/vm/compact_memory", "1");
}
