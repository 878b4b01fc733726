// SPDX-License-Identifier: GPL-2.0-only
/*
 * The result of one case, filled by the case's own process.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define GROUPED_BUFFERS	8
/* 19 digits, 6 separators, sign, end */
#define GROUPED_SIZE	32
#define DIGITS_A_GROUP	3

static struct result *current;

#define DECADE(n)	1 * (n), 2 * (n), 5 * (n)
const int64_t histogram_bounds[NR_BUCKETS] = {
	0, DECADE(1LL), DECADE(10LL), DECADE(100LL), DECADE(1000LL), DECADE(10000LL), DECADE(100000LL), DECADE(1000000LL),
	DECADE(10000000LL), DECADE(100000000LL), NSEC_PER_SEC,
};

const char *grouped(int64_t value)
{
	static char buffers[GROUPED_BUFFERS][GROUPED_SIZE];
	static unsigned int next;
	char *buffer = buffers[next++ % GROUPED_BUFFERS];
	char *p = buffer + GROUPED_SIZE - 1;
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
	unsigned int digits = 0;

	*p = '\0';
	do {
		if (digits && digits % DIGITS_A_GROUP == 0)
			*--p = ',';
		*--p = (char)('0' + rest % 10);
		digits++;
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--p = '-';
	return p;
}

int64_t rounded_div(int64_t value, int64_t divisor)
{
	return (value + (value < 0 ? -divisor : divisor) / 2) / divisor;
}

void sleep_age(void)
{
	struct timespec left = {
		.tv_sec = (time_t)options.age_s,
	};

	while (nanosleep(&left, &left))
		;
}

void result_start(struct result *result)
{
	current = result;
}

void metric(const char *name, int64_t value, const char *meaning)
{
	struct metric *m;

	if (current->nr_metrics == MAX_METRICS)
		failed("more than %d metrics", MAX_METRICS);
	m = &current->metrics[current->nr_metrics++];
	m->name = name;
	m->value = value;
	m->meaning = meaning;
}

int64_t *new_series(const char *name, unsigned int nr)
{
	struct series *series = &current->series[current->nr_series];

	if (current->nr_series == MAX_SERIES || nr > SERIES_SIZE)
		failed("more than %d series of %d", MAX_SERIES, SERIES_SIZE);
	series->name = name;
	series->nr = nr;
	current->nr_series++;
	return series->values;
}

unsigned int bucket(int64_t magnitude)
{
	unsigned int i = 0;

	while (i < NR_BUCKETS - 1 && magnitude > histogram_bounds[i])
		i++;
	return i;
}

static void add_text(char texts[][TEXT_SIZE], unsigned int *nr, const char *format, va_list args)
{
	if (*nr == MAX_TEXTS)
		failed("more than %d texts of one kind", MAX_TEXTS);
	vsnprintf(texts[*nr], TEXT_SIZE, format, args);
	++*nr;
}

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_text(current->notes, &current->nr_notes, format, args);
	va_end(args);
}

void affected(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_text(current->findings, &current->nr_findings, format, args);
	va_end(args);
}

void not_measured(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(current->reason, TEXT_SIZE, format, args);
	va_end(args);
	current->state = NOT_MEASURED;
	_exit(EXIT_SUCCESS);
}

void failed(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(current->reason, TEXT_SIZE, format, args);
	va_end(args);
	current->state = FAILED;
	_exit(EXIT_SUCCESS);
}
