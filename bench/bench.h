/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of kvm-clock-bench share: the options, the result of a case, and the cases themselves.
 *
 * Every case runs in a child process of its own, so that its VMs go away with it and a case that fails, hangs or is
 * killed takes no other with it. The child writes into a struct result in shared memory. Strings kept by pointer are
 * literals, which parent and child have at the same address.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define NSEC_PER_SEC	1000000000LL

#define MAX_METRICS	24
#define MAX_TEXTS	4
#define TEXT_SIZE	200

enum state {
	NOT_RUN,
	MEASURED,
	NOT_MEASURED,
	FAILED,
};

struct metric {
	const char *name;
	const char *meaning;
	int64_t value;
};

struct result {
	enum state state;
	unsigned int nr_metrics;
	unsigned int nr_notes;
	unsigned int nr_findings;
	struct metric metrics[MAX_METRICS];
	char notes[MAX_TEXTS][TEXT_SIZE];
	char findings[MAX_TEXTS][TEXT_SIZE];
	char reason[TEXT_SIZE];
};

struct bench_case {
	const char *name;
	const char *what;
	/* Shares its metrics with the other such cases: a column each in one table. */
	bool epoch;
	void (*run)(const struct bench_case *self);
};

struct options {
	unsigned long tries;
	unsigned int age_s;
	unsigned int busy;
	bool json;
	const char *json_file;
};

extern struct options options;

/* result.c: what a case calls in its child; the last two do not return. */
#define __printf(a, b)	__attribute__((format(printf, a, b)))

/* A number with separators of thousands, in one of a few static buffers: enough for the arguments of one printf(). */
const char *grouped(int64_t value);
int64_t rounded_div(int64_t value, int64_t divisor);
/* The seconds of --age. */
void sleep_age(void);
void result_start(struct result *result);
void metric(const char *name, int64_t value, const char *meaning);
void note(const char *format, ...) __printf(1, 2);
void affected(const char *format, ...) __printf(1, 2);
_Noreturn void not_measured(const char *format, ...) __printf(1, 2);
_Noreturn void failed(const char *format, ...) __printf(1, 2);

/* report.c */
void report_table(const struct bench_case *cases, const struct result *results, unsigned int nr);
void report_json(FILE *out, const struct bench_case *cases, const struct result *results, unsigned int nr);

/* accuracy.c: the epoch against KVM_GET_CLOCK. */
void run_msr(const struct bench_case *self);
void run_msr_old(const struct bench_case *self);
void run_noclock(const struct bench_case *self);
void run_before(const struct bench_case *self);
void run_xen(const struct bench_case *self);

/* moves.c: what moves a clock that nobody moved, and a clock set to where no epoch exists. */
void run_trips(const struct bench_case *self);
void run_resnapshot(const struct bench_case *self);
void run_future(const struct bench_case *self);

/* versions.c, scaling.c, cost.c */
void run_versions(const struct bench_case *self);
void run_instant(const struct bench_case *self);
void run_scaling(const struct bench_case *self);
void run_cost(const struct bench_case *self);

#endif /* BENCH_H */
