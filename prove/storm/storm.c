// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once, on one host, and an observer who checks that the clocks of a VM stay what they have to be. A seed
 * gives each part the same decisions again; how they fall together in time it does not.
 * Usage: storm SECONDS SEED [PART...]
 * Status: 0 no invariant was broken and enough brackets counted; 3 an invariant was broken; 1 anything else.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "storm.h"
#include "vm.h"

#define USEC_PER_MSEC	1000
#define PAUSE_MS	100UL
/* What a part may take to see that it is over. */
#define END_S		240
/* A slow machine sees less in a time: where something is yet to be seen, the storm goes on, so often for so long. */
#define MORE_TIMES	5
#define MORE_S		60
/* Room for the streams of a part's lives. */
#define STREAMS		1000000

struct shared *shared;
struct options options;
unsigned long seconds;

static const struct part {
	struct deed deed;
	/* Does its deed once, in a process that may be stopped and traced; then comes the next. */
	bool lives;
} parts[] = {
	{ { "churn", storm_churn, 0, 1 }, true },
	{ { "fuzz", storm_fuzz, 0, 1 }, true },
	{ { "vm", storm_vm, 0, 1 }, false },
	{ { "time", storm_time, 500, 1 }, false },
	{ { "clocksource", storm_clocksource, 1200, 1 }, false },
	{ { "cpus", storm_cpus, 1700, 1 }, false },
	{ { "suspend", storm_suspend, 0, 1 }, false },
	{ { "victims", storm_victims, 300, 1 }, false },
	{ { "memory", storm_memory, 1000, 1 }, false },
};

#define NR_PARTS	(sizeof(parts) / sizeof(parts[0]))

static const char *part_name = "storm";
static pid_t children[NR_PARTS];
static unsigned long lives[NR_PARTS];

_Noreturn void failed(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "storm: %s: ", part_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	_exit(1);
}

/* The VM's library: this machine cannot have such a VM. */
_Noreturn void not_measured(const char *format, ...) __attribute__((alias("failed")));

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
	random->state = seed;
	random->state = random_number(random) + stream;
}

uint64_t random_below(struct random *random, uint64_t limit)
{
	return random_number(random) % limit;
}

/* On a clock that nobody steps, and not for so long that the end would not be seen in time. */
void pause_ms(uint64_t ms)
{
	uint64_t part;

	for (; ms && !shared->stop; ms -= part) {
		part = ms < PAUSE_MS ? ms : PAUSE_MS;
		usleep((useconds_t)part * USEC_PER_MSEC);
	}
}

void do_again(const struct deed *deed, struct random *random)
{
	unsigned long done;

	for (done = 0; !shared->stop; done++) {
		deed->run(random);
		if (done % deed->burst == 0)
			pause_ms(random_below(random, deed->pause_ms + 1));
	}
	printf("%s %lu\n", deed->name, done);
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

static void begin(size_t nr, uint64_t seed)
{
	const struct part *part = &parts[nr];
	struct random random;

	children[nr] = fork();
	if (children[nr] < 0)
		failed("fork: %s", strerror(errno));
	if (children[nr]) {
		if (part->lives)
			shared->victims[nr] = children[nr];
		return;
	}
	signal(SIGALRM, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	part_name = part->deed.name;
	random_seed(&random, seed, (nr + 1) * STREAMS + lives[nr]);
	if (part->lives)
		part->deed.run(&random);
	else
		do_again(&part->deed, &random);
	exit(0);
}

/* Whoever does not see the end in time is killed with this process. */
static void time_is_over(int nr)
{
	static int times;

	if ((shared->wants_brackets || shared->wants_suspend) && times++ < MORE_TIMES) {
		alarm(MORE_S);
		return;
	}
	shared->stop = true;
	signal(nr, SIG_DFL);
	alarm(END_S);
}

int main(int argc, char **argv)
{
	int status, bad = 0;
	uint64_t seed;
	pid_t pid;
	size_t i;

	if (argc < 3)
		failed("usage: storm SECONDS SEED [PART...]");
	seconds = strtoul(argv[1], NULL, 10);
	seed = strtoull(argv[2], NULL, 10);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || kvm_open() < 0)
		failed("cannot use /dev/kvm");
	shared->on_tsc = true;
	for (i = 0; i < NR_PARTS; i++)
		if (wanted(parts[i].deed.name, argv + 3))
			begin(i, seed);
	signal(SIGALRM, time_is_over);
	alarm((unsigned int)seconds);

	while ((pid = wait(&status)) > 0) {
		for (i = 0; children[i] != pid; i++)
			;
		lives[i]++;
		if (WIFEXITED(status) && WEXITSTATUS(status) == BROKEN && bad != 1) {
			bad = BROKEN;
		} else if (WIFSIGNALED(status) ? WTERMSIG(status) != SIGALRM : WEXITSTATUS(status)) {
			fprintf(stderr, "storm: part %s ended with 0x%x\n", parts[i].deed.name, (unsigned int)status);
			shared->stop = true;
			bad = 1;
		}
		if (parts[i].lives)
			shared->victims[i] = 0;
		if (parts[i].lives && !shared->stop)
			begin(i, seed);
	}
	for (i = 0; i < NR_PARTS; i++)
		if (parts[i].lives || !children[i])
			printf("%s %lu\n", parts[i].deed.name, lives[i]);
	if (shared->wants_suspend)
		failed("never suspended");
	return bad;
}
