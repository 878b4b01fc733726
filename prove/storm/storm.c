// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once, on one host, and an observer who checks that the clocks of a VM stay what they have to be. A seed
 * gives each part the same decisions again; how they fall together in time it does not.
 * Usage: storm SECONDS SEED [PART...]
 * Status: 0 no invariant was broken and enough brackets counted; 1 not; 2 it could not run.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "storm.h"
#include "vm.h"

#define NSEC_PER_MSEC	1000000L
#define PAUSE_MS	100
/* So many brackets have to count in each full minute: else the observer has seen nothing. */
#define COUNTED_A_MINUTE	100UL
/* What a part may take to see that it is over. */
#define END_S		240

struct shared *shared;
struct options options;

const char *const deed_names[NR_DEEDS] = {
	[GUEST_RUN] = "guest_runs", [HOST_WRITE] = "host_writes", [GET_CLOCK] = "get_clock", [SET_CLOCK] = "set_clock",
	[XEN_PAGE] = "xen_pages", [TSC_OFFSET] = "tsc_offsets", [TSC_WRITE] = "tsc_writes", [VCPU_CREATED] = "vcpus",
	[VM_CREATED] = "vms", [SLOT_MOVED] = "slots", [DIRTY_LOG] = "dirty_logs", [READ_ONLY] = "read_only_slots",
	[CLOCKSOURCE] = "clocksources", [TIME_STEP] = "time_steps", [TIME_SLEW] = "time_slews", [CPU_UNPLUG] = "cpu_unplugs",
	[STOPPED] = "stops", [TRACED] = "traces", [LOW_MEMORY] = "low_memory", [SUSPEND] = "suspends", [FUZZED] = "fuzzed",
};

static const struct part {
	const char *name;
	void (*run)(uint64_t seed);
	/* May be stopped and traced: it takes part in no move of a clock that others wait for. */
	bool victim;
} parts[] = {
	{ "vm", storm_vm, false },
	{ "churn", storm_churn, true },
	{ "fuzz", storm_fuzz, true },
	{ "time", storm_time, false },
	{ "clocksource", storm_clocksource, false },
	{ "cpus", storm_cpus, false },
	{ "suspend", storm_suspend, false },
	{ "victims", storm_victims, false },
	{ "memory", storm_memory, true },
};

#define NR_PARTS	(sizeof(parts) / sizeof(parts[0]))

static const char *part_name = "storm";

_Noreturn void failed(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "storm: %s: ", part_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	_exit(1);
}

_Noreturn void not_measured(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "storm: %s: cannot run: ", part_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	_exit(1);
}

/* splitmix64 */
uint64_t random_number(struct random *random)
{
	uint64_t value = random->state += 0x9e3779b97f4a7c15ULL;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

void random_seed(struct random *random, uint64_t seed, uint64_t stream)
{
	random->state = seed << 8 ^ stream;
	random->state = random_number(random);
}

uint64_t random_below(struct random *random, uint64_t limit)
{
	return random_number(random) % limit;
}

/* On a clock that nobody steps, and not for so long that the end would not be seen in time. */
void pause_ms(uint64_t ms)
{
	struct timespec time = { 0 };
	uint64_t part;

	for (; ms && !shared->stop; ms -= part) {
		part = ms < PAUSE_MS ? ms : PAUSE_MS;
		time.tv_nsec = (long)part * NSEC_PER_MSEC;
		nanosleep(&time, NULL);
	}
}

void done(enum deed deed)
{
	atomic_fetch_add(&shared->done[deed], 1);
}

void move_begins(void)
{
	atomic_fetch_add(&shared->moves_begun, 1);
}

void move_ends(void)
{
	atomic_fetch_add(&shared->moves_done, 1);
}

static bool wanted(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

static pid_t begin(const struct part *part, uint64_t seed)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	part_name = part->name;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	part->run(seed);
	_exit(0);
}

static int end(const pid_t *children)
{
	int status, bad = 0;
	unsigned int i;

	for (i = 0; i < NR_PARTS; i++) {
		if (children[i] <= 0)
			continue;
		kill(children[i], SIGCONT);
		if (waitpid(children[i], &status, 0) == children[i] && WIFEXITED(status) && !WEXITSTATUS(status))
			continue;
		fprintf(stderr, "storm: part %s ended with 0x%x\n", parts[i].name, (unsigned int)status);
		bad = 1;
	}
	return bad;
}

static int number(const char *text, uint64_t *value)
{
	char *rest;

	errno = 0;
	*value = strtoull(text, &rest, 10);
	return errno || *rest || rest == text || *text == '-';
}

int main(int argc, char **argv)
{
	const struct rlimit files = { .rlim_cur = 4096, .rlim_max = 4096 };
	uint64_t seconds, seed, least;
	pid_t children[NR_PARTS];
	unsigned int i;
	int bad;

	if (argc < 3 || number(argv[1], &seconds) || number(argv[2], &seed) || !seconds) {
		fprintf(stderr, "usage: storm SECONDS SEED [PART...]\n");
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || kvm_open() < 0) {
		fprintf(stderr, "storm: error: cannot use /dev/kvm\n");
		return 2;
	}
	setrlimit(RLIMIT_NOFILE, &files);
	shared->on_tsc = true;
	for (i = 0; i < NR_PARTS; i++) {
		children[i] = wanted(parts[i].name, argv + 3) ? begin(&parts[i], seed) : 0;
		if (parts[i].victim)
			shared->victims[i] = children[i];
	}
	alarm((unsigned int)seconds + END_S);
	sleep((unsigned int)seconds);
	shared->stop = true;
	bad = end(children);

	for (i = 0; i < NR_DEEDS; i++)
		printf("%s %lu\n", deed_names[i], shared->done[i]);
	least = seconds / 60 * COUNTED_A_MINUTE;
	printf("brackets %lu\ncounted %lu\nelsewhere %lu\nbroken %lu\n", shared->brackets, shared->counted, shared->elsewhere,
	       shared->broken);
	if (shared->broken)
		printf("first_broken %s\n", shared->first_broken);
	if (wanted("vm", argv + 3) && wanted("clocksource", argv + 3) && seconds >= 60 && !shared->elsewhere) {
		fprintf(stderr, "storm: no bracket counted to the ns under another clocksource\n");
		bad = 1;
	}
	if (wanted("suspend", argv + 3) && seconds >= 60 && !shared->done[SUSPEND]) {
		fprintf(stderr, "storm: never suspended\n");
		bad = 1;
	}
	if (wanted("vm", argv + 3) && shared->counted < least) {
		fprintf(stderr, "storm: only %lu brackets counted, at least %lu have to\n", shared->counted, (unsigned long)least);
		bad = 1;
	}
	return bad || shared->broken ? 1 : 0;
}
