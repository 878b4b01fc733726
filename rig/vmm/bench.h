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
#define NAME_SIZE	32
#define MAX_TEXTS	64
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
	char name[NAME_SIZE];
	const char *meaning;
	int64_t value;
};

struct series {
	const char *name;
	unsigned int nr;
	int64_t values[SERIES_SIZE];
};

struct texts {
	unsigned int nr;
	char text[MAX_TEXTS][TEXT_SIZE];
};

struct result {
	enum state state;
	unsigned int nr_metrics;
	unsigned int nr_series;
	struct metric metrics[MAX_METRICS];
	struct series series[MAX_SERIES];
	/* Parts that are not measured. */
	struct texts notes;
	char reason[TEXT_SIZE];
};

struct vm;

struct bench_case {
	const char *name;
	const char *what;
	void (*run)(const struct bench_case *self);
	/* What it makes of a VM with so many vCPUs. */
	void (*mode)(struct vm *vm, unsigned int vcpus);
	/* That by which KVM is made to write the epoch; 0 is the Xen page. */
	uint32_t msr;
};

struct options {
	unsigned int tries;
	unsigned int age_s;
	unsigned int busy;
	/* 0: what the case takes by itself. */
	unsigned int vcpus;
	unsigned int vms;
	bool json;
};

extern struct options options;

/* Upper bounds of the buckets of a histogram, in ns; the last one takes what is above, too. */
#define NR_BUCKETS	29
extern const int64_t histogram_bounds[NR_BUCKETS];

/* The worst of many values, how many are out of bounds, and their histogram. */
struct tally {
	int64_t worst;
	int64_t outside;
	int64_t *histogram;
};

#define __printf(a, b)	__attribute__((format(printf, a, b)))

/* A number with separators of thousands, in one of a few static buffers: enough for the arguments of one printf(). */
const char *grouped(int64_t value);
int64_t rounded_div(int64_t value, int64_t divisor);
/* The seconds of --age. */
void sleep_age(void);
/* The host's. */
const char *clocksource(void);

/* result.c: what a case calls in its child. A number of the case: */
void metric(const char *name, int64_t value, const char *meaning);
/* A series or a histogram of nr values, all 0; for the JSON only. */
int64_t *new_series(const char *name, unsigned int nr);
void tally(struct tally *tally, int64_t value, int64_t bound);
/* What NTP may move the wall clock by, against kvmclock, in that time. */
int64_t ntp_slew(int64_t ns);
/* The number of vCPUs by --vcpus, or what the case takes by itself; it is a metric, too. */
unsigned int case_vcpus(const struct bench_case *self, unsigned int by_itself);
/* A part that is not measured, and a defect of the kernel. */
#define note(...)	add_text(&current->notes, __VA_ARGS__)
#define affected(...)	add_text(findings, __VA_ARGS__)
void add_text(struct texts *texts, const char *format, ...) __printf(2, 3);
/* These end the case. */
_Noreturn void not_measured(const char *format, ...) __printf(1, 2);
_Noreturn void failed(const char *format, ...) __printf(1, 2);

/* That of the case which runs in this process, by who starts it; the findings of all are in shared memory, too. */
extern struct result *current;
extern struct texts *findings;
void report_table(const struct bench_case *cases, const struct result *results, unsigned int nr);
void report_json(const struct bench_case *cases, const struct result *results, unsigned int nr);

/* stats.c: order and size of samples. */
int64_t *new_samples(unsigned long nr);
/* Sorts them. */
int64_t percentile(int64_t *samples, unsigned long nr, unsigned int percent);
#define MEDIAN	50
int64_t magnitude(int64_t value);
int64_t larger(int64_t a, int64_t b);
/* How far value lies outside of low to high. */
int64_t outside(uint64_t value, uint64_t low, uint64_t high);
/* CLOCK_REALTIME, CLOCK_MONOTONIC_RAW ... in ns */
uint64_t clock_now(int clock);

/* The cases: see the list in kvm-clock-bench.c. */
void run_epoch(const struct bench_case *self);
void run_guest(const struct bench_case *self);
void run_spread(const struct bench_case *self);
void run_rate(const struct bench_case *self);
void run_trips(const struct bench_case *self);
void run_resnapshot(const struct bench_case *self);
void run_pairs(const struct bench_case *self);
void run_same_rate(const struct bench_case *self);
void run_future(const struct bench_case *self);
void run_versions(const struct bench_case *self);
void run_instant(const struct bench_case *self);
void run_scaling(const struct bench_case *self);
void run_cost(const struct bench_case *self);

#endif /* BENCH_H */
