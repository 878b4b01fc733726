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

#define MAX_METRICS	40
#define MAX_TEXTS	4
#define TEXT_SIZE	200

/* A time series is cut to this many slices; a histogram has a bucket for each of histogram_bounds. */
#define MAX_SERIES	4
#define SERIES_SIZE	200

/* Of the fleet of a case: --vms and --vcpus. */
#define MAX_VMS		100
#define MAX_VCPUS	64

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

struct series {
	const char *name;
	unsigned int nr;
	int64_t values[SERIES_SIZE];
};

struct result {
	enum state state;
	unsigned int nr_metrics;
	unsigned int nr_series;
	unsigned int nr_notes;
	unsigned int nr_findings;
	struct metric metrics[MAX_METRICS];
	struct series series[MAX_SERIES];
	char notes[MAX_TEXTS][TEXT_SIZE];
	char findings[MAX_TEXTS][TEXT_SIZE];
	char reason[TEXT_SIZE];
};

/* Cases that share their metrics: a column each in one table. */
enum table {
	NO_TABLE,
	EPOCH_TABLE,
	GUEST_TABLE,
	SPREAD_TABLE,
	TRIPS_TABLE,
	COST_TABLE,
	NR_TABLES,
};

struct bench_case {
	const char *name;
	const char *what;
	enum table table;
	void (*run)(const struct bench_case *self);
};

struct options {
	unsigned long tries;
	unsigned int age_s;
	unsigned int busy;
	/* 0: what the case takes by itself. */
	unsigned int vcpus;
	unsigned int vms;
	bool json;
	const char *json_file;
};

extern struct options options;

/* Upper bounds of the buckets of a histogram, in ns; the last one takes what is above, too. */
#define NR_BUCKETS	29
extern const int64_t histogram_bounds[NR_BUCKETS];

/* result.c: what a case calls in its child; the last two do not return. */
#define __printf(a, b)	__attribute__((format(printf, a, b)))

/* A number with separators of thousands, in one of a few static buffers: enough for the arguments of one printf(). */
const char *grouped(int64_t value);
int64_t rounded_div(int64_t value, int64_t divisor);
/* The seconds of --age. */
void sleep_age(void);
void result_start(struct result *result);
void metric(const char *name, int64_t value, const char *meaning);
/* A series or a histogram of nr values, all 0; for the JSON only. */
int64_t *new_series(const char *name, unsigned int nr);
/* The bucket of a histogram: the first bound that magnitude does not exceed, or the last of all. */
unsigned int bucket(int64_t magnitude);
void note(const char *format, ...) __printf(1, 2);
void affected(const char *format, ...) __printf(1, 2);
_Noreturn void not_measured(const char *format, ...) __printf(1, 2);
_Noreturn void failed(const char *format, ...) __printf(1, 2);

/* report.c */
const char *clocksource(void);
void report_table(const struct bench_case *cases, const struct result *results, unsigned int nr);
void report_json(FILE *out, const struct bench_case *cases, const struct result *results, unsigned int nr);

/* stats.c: order and size of samples. */
int64_t *new_samples(unsigned long nr);
/* Sorts them. */
int64_t percentile(int64_t *samples, unsigned long nr, unsigned int per_mille);
int64_t magnitude(int64_t value);
int64_t larger(int64_t a, int64_t b);
/* How far value lies outside of low to high. */
int64_t outside(uint64_t value, uint64_t low, uint64_t high);
/* CLOCK_REALTIME, CLOCK_MONOTONIC_RAW ... in ns */
uint64_t clock_now(int clock);

/* Percentiles are in thousandths: 99.9 % */
#define PER_MILLE	1000
#define MEDIAN		(PER_MILLE / 2)
#define MOST		(PER_MILLE - 1)

/* accuracy.c: the epoch against KVM_GET_CLOCK. */
void run_msr(const struct bench_case *self);
void run_msr_old(const struct bench_case *self);
void run_noclock(const struct bench_case *self);
void run_old_time(const struct bench_case *self);
void run_before(const struct bench_case *self);
void run_xen(const struct bench_case *self);

/* guest.c: what the guest reads, in each of its clocks. */
void run_guest(const struct bench_case *self);
void run_guest_noclock(const struct bench_case *self);
void run_spread(const struct bench_case *self);
void run_spread_noclock(const struct bench_case *self);
void run_rate(const struct bench_case *self);

/* moves.c: what moves a clock that nobody moved, and a clock set to where no epoch exists. */
void run_trips(const struct bench_case *self);
void run_trips_noclock(const struct bench_case *self);
void run_resnapshot(const struct bench_case *self);
void run_pairs(const struct bench_case *self);
void run_same_rate(const struct bench_case *self);
void run_future(const struct bench_case *self);

/* versions.c, scaling.c, cost.c */
void run_versions(const struct bench_case *self);
void run_instant(const struct bench_case *self);
void run_scaling(const struct bench_case *self);
void run_cost(const struct bench_case *self);
void run_cost_noclock(const struct bench_case *self);
void run_cost_old_time(const struct bench_case *self);
void run_cost_before(const struct bench_case *self);

#endif /* BENCH_H */
