// SPDX-License-Identifier: GPL-2.0-only
/*
 * The results: a table for people, JSON for machines, and the verdict in both.
 */
#include <inttypes.h>
#include <sys/utsname.h>

#include "bench.h"

#define NAME_WIDTH	20
#define VALUE_WIDTH	15
/* Raised when a name or its meaning changes; more cases and metrics do not raise it. */
#define JSON_SCHEMA	2
#define PROGRAM_BITS	((int)sizeof(void *) * 8)

static void print_verdict(const struct result *results, unsigned int nr)
{
	bool measured = false;
	unsigned int i;

	for (i = 0; i < nr; i++)
		measured |= results[i].state == MEASURED;
	for (i = 0; i < findings->nr; i++)
		printf("%s%s", i ? ", " : "this kernel: affected by ", findings->text[i]);
	if (!findings->nr)
		printf("this kernel: %s", measured ? "exact in what was measured" : "nothing was measured");
}

static void print_case(const struct bench_case *bench_case, const struct result *result)
{
	unsigned int i;

	printf("%s: %s\n", bench_case->name, bench_case->what);
	for (i = 0; i < result->nr_metrics; i++)
		printf("  %-*s%*s  %s\n", NAME_WIDTH, result->metrics[i].name, VALUE_WIDTH,
		       grouped(result->metrics[i].value), result->metrics[i].meaning);
	for (i = 0; i < result->notes.nr; i++)
		printf("  not measured: %s\n", result->notes.text[i]);
	if (result->state != MEASURED)
		printf("  %s: %s\n", result->state == FAILED ? "FAILED" : "not measured", result->reason);
	printf("\n");
}

void report_table(const struct bench_case *cases, const struct result *results, unsigned int nr)
{
	struct utsname uts;
	unsigned int i;

	uname(&uts);
	printf("kernel %s, clocksource %s, %d-bit program, %s tries, %u busy loops\n\n", uts.release, clocksource(),
	       PROGRAM_BITS, grouped(options.tries), options.busy);
	for (i = 0; i < nr; i++) {
		if (results[i].state != NOT_RUN)
			print_case(&cases[i], &results[i]);
	}
	print_verdict(results, nr);
	printf("\n");
}

static void print_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		if ((unsigned char)*text < ' ')
			printf("\\u%04x", (unsigned int)*text);
		else
			putchar(*text);
	}
	putchar('"');
}

static void print_strings(const struct texts *texts)
{
	unsigned int i;

	putchar('[');
	for (i = 0; i < texts->nr; i++) {
		printf("%s", i ? ", " : "");
		print_string(texts->text[i]);
	}
	putchar(']');
}

static void print_values(const char *name, const int64_t *values, unsigned int nr)
{
	unsigned int i;

	printf("\"%s\": [", name);
	for (i = 0; i < nr; i++)
		printf("%s%" PRId64, i ? ", " : "", values[i]);
	putchar(']');
}

static void print_case_json(const char *name, const struct result *result)
{
	unsigned int i;

	printf("    \"%s\": {\n      \"measured\": %s", name, result->state == MEASURED ? "true" : "false");
	for (i = 0; i < result->nr_metrics; i++)
		printf(",\n      \"%s\": %" PRId64, result->metrics[i].name, result->metrics[i].value);
	for (i = 0; i < result->nr_series; i++) {
		printf(",\n      ");
		print_values(result->series[i].name, result->series[i].values, result->series[i].nr);
	}
	if (result->state != MEASURED) {
		printf(",\n      \"%s\": ", result->state == FAILED ? "failed" : "reason");
		print_string(result->reason);
	}
	if (result->notes.nr) {
		printf(",\n      \"not_measured\": ");
		print_strings(&result->notes);
	}
	printf("\n    }");
}

void report_json(const struct bench_case *cases, const struct result *results, unsigned int nr)
{
	const char *separator = "\n";
	struct utsname uts;
	unsigned int i;

	uname(&uts);
	printf("{\n  \"schema\": %d,\n  \"release\": ", JSON_SCHEMA);
	print_string(uts.release);
	printf(",\n  \"machine\": ");
	print_string(uts.machine);
	printf(",\n  \"clocksource\": ");
	print_string(clocksource());
	printf(",\n  \"program_bits\": %d,\n  \"tries\": %u,\n  \"busy\": %u,\n  \"age_s\": %u,\n  ",
	       PROGRAM_BITS, options.tries, options.busy, options.age_s);
	print_values("histogram_bounds_ns", histogram_bounds, NR_BUCKETS);
	printf(",\n  \"cases\": {");
	for (i = 0; i < nr; i++) {
		if (results[i].state == NOT_RUN)
			continue;
		printf("%s", separator);
		separator = ",\n";
		print_case_json(cases[i].name, &results[i]);
	}
	printf("\n  },\n  \"affected\": ");
	print_strings(findings);
	/* Findings are made of names and numbers: nothing in them needs an escape. */
	printf(",\n  \"verdict\": \"");
	print_verdict(results, nr);
	printf("\"\n}\n");
}
