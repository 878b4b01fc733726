/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the storm share. Each runs in a process of its own; all memory that they share is here.
 */
#ifndef STORM_H
#define STORM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MAX_VICTIMS	2
/* The status of the part whose observer saw a broken invariant, and of the whole. */
#define BROKEN		3

/*
 * Whoever is about to move a clock adds to begun, and when it is done to done. A bracket counts if they were equal
 * before it, and begun is the same after it.
 */
struct moves {
	atomic_ulong begun, done;
};

struct shared {
	/* Steps and slews of the host's clocks, and switches of what they are read by. */
	struct moves moves;
	/* Meaningful while no move is under way. */
	atomic_bool on_tsc;
	/* How often the clocksource was switched: that takes effect in a VM only when its vCPUs run again. */
	atomic_ulong switches;
	atomic_bool stop;
	/* Not yet seen what gives the storm its meaning: it goes on for that. */
	atomic_bool wants_brackets, wants_suspend;
	/* Who may be stopped or traced: processes that take part in no move of a clock that others wait for. */
	_Atomic pid_t victims[MAX_VICTIMS];
};

extern struct shared *shared;
extern unsigned long seconds;

struct random {
	uint64_t state;
};

/* Something that is done again and again. */
struct deed {
	const char *name;
	void (*run)(struct random *random);
	/* At most so long a pause after each, or after so many of them. */
	unsigned int pause_ms, burst;
};

void random_seed(struct random *random, uint64_t seed, uint64_t stream);
uint64_t random_number(struct random *random);
/* 0 to below limit */
uint64_t random_below(struct random *random, uint64_t limit);
void pause_ms(uint64_t ms);
/* Until the storm is over. Prints how often it was done. */
void do_again(const struct deed *deed, struct random *random);

void storm_vm(struct random *random);
void storm_churn(struct random *random);
void storm_fuzz(struct random *random);
void storm_time(struct random *random);
void storm_clocksource(struct random *random);
void storm_cpus(struct random *random);
void storm_suspend(struct random *random);
void storm_victims(struct random *random);
void storm_memory(struct random *random);

#endif /* STORM_H */
