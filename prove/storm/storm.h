/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the storm share. Each runs in a process of its own, some with threads; all memory they share is here.
 */
#ifndef STORM_H
#define STORM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MAX_CHILDREN	16

struct shared {
	/*
	 * Whoever is about to step or slew a clock, or to move what it is read by, adds to moves_begun, and when it is done
	 * to moves_done. A bracket counts if they were equal before it, and moves_begun is the same after it.
	 */
	atomic_ulong moves_begun, moves_done;
	/* The same for the VM that is stormed: whoever sets its clock. */
	atomic_ulong sets_begun, sets_done;
	/* Meaningful while no move is under way. */
	atomic_bool on_tsc;
	/* How often the clocksource was switched: that takes effect in a VM only when its vCPUs run again. */
	atomic_ulong switches;
	atomic_bool stop;
	/* The observer's. */
	atomic_ulong brackets, counted, elsewhere, broken;
	/* What was done, by kind. */
	atomic_ulong done[32];
	/* Who may be stopped or traced. */
	_Atomic pid_t victims[MAX_CHILDREN];
	char first_broken[200];
};

extern struct shared *shared;

enum deed {
	GUEST_RUN,
	HOST_WRITE,
	GET_CLOCK,
	SET_CLOCK,
	XEN_PAGE,
	TSC_OFFSET,
	TSC_WRITE,
	VCPU_CREATED,
	VM_CREATED,
	SLOT_MOVED,
	DIRTY_LOG,
	READ_ONLY,
	CLOCKSOURCE,
	TIME_STEP,
	TIME_SLEW,
	CPU_UNPLUG,
	STOPPED,
	TRACED,
	LOW_MEMORY,
	SUSPEND,
	FUZZED,
	NR_DEEDS,
};

extern const char *const deed_names[NR_DEEDS];

struct random {
	uint64_t state;
};

void random_seed(struct random *random, uint64_t seed, uint64_t stream);
uint64_t random_number(struct random *random);
/* 0 to below limit */
uint64_t random_below(struct random *random, uint64_t limit);
void pause_ms(uint64_t ms);
void done(enum deed deed);
void move_begins(void);
void move_ends(void);

/* Each runs until shared->stop. */
void storm_vm(uint64_t seed);
void storm_churn(uint64_t seed);
void storm_fuzz(uint64_t seed);
void storm_time(uint64_t seed);
void storm_clocksource(uint64_t seed);
void storm_cpus(uint64_t seed);
void storm_suspend(uint64_t seed);
void storm_victims(uint64_t seed);
void storm_memory(uint64_t seed);

#endif /* STORM_H */
