// SPDX-License-Identifier: GPL-2.0-only
/*
 * The result of one case, filled by the case's own process.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "vm.h"

#define GROUPED_BUFFERS	8
/* 19 digits, 6 separators, sign, end */
#define GROUPED_SIZE	32
#define DIGITS_A_GROUP	3

#define NTP_MAX_PPM	500
#define MILLION		1000000

struct result *current;
struct texts *findings;

#define DECADE(n)	1 * (n), 2 * (n), 5 * (n)
const int64_t histogram_bounds[NR_BUCKETS] = {
	0, DECADE(1LL), DECADE(10LL), DECADE(100LL), DECADE(1000LL), DECADE(10000LL), DECADE(100000LL),
	DECADE(1000000LL), DECADE(10000000LL), DECADE(100000000LL), NSEC_PER_SEC,
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
	unsigned int left = options.age_s;

	while (left)
		left = sleep(left);
}

const char *clocksource(void)
{
	FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
	static char name[NAME_SIZE];

	if (!file || !fgets(name, sizeof(name), file))
		strcpy(name, "unknown");
	name[strcspn(name, "\n")] = '\0';
	if (file)
		fclose(file);
	return name;
}

void metric(const char *name, int64_t value, const char *meaning)
{
	struct metric *m = &current->metrics[current->nr_metrics];

	if (current->nr_metrics == MAX_METRICS)
		failed("more than %d metrics", MAX_METRICS);
	snprintf(m->name, sizeof(m->name), "%s", name);
	m->value = value;
	m->meaning = meaning;
	current->nr_metrics++;
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

void tally(struct tally *tally, int64_t value, int64_t bound)
{
	unsigned int bucket = 0;

	tally->worst = larger(value, tally->worst);
	tally->outside += magnitude(value) > bound;
	while (bucket < NR_BUCKETS - 1 && magnitude(value) > histogram_bounds[bucket])
		bucket++;
	if (tally->histogram)
		tally->histogram[bucket]++;
}

int64_t ntp_slew(int64_t ns)
{
	return ns / (MILLION / NTP_MAX_PPM);
}

unsigned int case_vcpus(const struct bench_case *self, unsigned int by_itself)
{
	unsigned int vcpus = options.vcpus ? options.vcpus : by_itself;

	/* TSCs can only be unequal if there are two. */
	if (self->mode == mode_noclock && vcpus < TWO_VCPUS)
		vcpus = TWO_VCPUS;
	metric("vcpus", vcpus, "vCPUs in each VM");
	return vcpus;
}

void add_text(struct texts *texts, const char *format, ...)
{
	va_list args;

	if (texts->nr == MAX_TEXTS)
		failed("more than %d texts of one kind", MAX_TEXTS);
	va_start(args, format);
	vsnprintf(texts->text[texts->nr++], TEXT_SIZE, format, args);
	va_end(args);
}

/* What was measured before does not count. */
static _Noreturn void end(enum state state, const char *format, va_list args)
{
	vsnprintf(current->reason, TEXT_SIZE, format, args);
	current->nr_metrics = 0;
	current->nr_series = 0;
	current->state = state;
	_exit(EXIT_SUCCESS);
}

void not_measured(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	end(NOT_MEASURED, format, args);
}

void failed(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	end(FAILED, format, args);
}
