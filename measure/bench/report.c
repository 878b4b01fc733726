// SPDX-License-Identifier: GPL-2.0-only
/*
 * The results: a table for people, JSON for machines, and the verdict in both.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>

#include "bench.h"

#define CLOCKSOURCE_FILE	"/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define NAME_SIZE		64
#define NAME_WIDTH		18
#define VALUE_WIDTH		15
#define COLUMN_WIDTH		15
/* Raised when a name or its meaning changes; more cases and metrics do not raise it. */
#define JSON_SCHEMA		2

const char *clocksource(void)
{
	FILE *file = fopen(CLOCKSOURCE_FILE, "re");
	static char name[NAME_SIZE] = "unknown";

	if (!file)
		return name;
	if (fgets(name, sizeof(name), file))
		name[strcspn(name, "\n")] = '\0';
	fclose(file);
	return name;
}

static int program_bits(void)
{
	return (int)sizeof(void *) * 8;
}

static unsigned int count_state(const struct result *results, unsigned int nr, enum state state)
{
	unsigned int i, count = 0;

	for (i = 0; i < nr; i++)
		count += results[i].state == state;
	return count;
}

/* Calls print for each finding of each case, with its number. */
static unsigned int each_finding(FILE *out, const struct result *results, unsigned int nr,
				 void (*print)(FILE *out, unsigned int n, const char *text))
{
	unsigned int i, j, n = 0;

	for (i = 0; i < nr; i++) {
		for (j = 0; j < results[i].nr_findings; j++)
			print(out, n++, results[i].findings[j]);
	}
	return n;
}

static void print_finding(FILE *out, unsigned int n, const char *text)
{
	fprintf(out, "%s%s", n ? ", " : "this kernel: affected by ", text);
}

static void print_verdict(FILE *out, const struct result *results, unsigned int nr)
{
	if (each_finding(out, results, nr, print_finding))
		return;
	if (!count_state(results, nr, MEASURED))
		fprintf(out, "this kernel: nothing was measured");
	else
		fprintf(out, "this kernel: exact in what was measured");
}

static void print_reasons(const struct bench_case *bench_case, const struct result *result)
{
	const char *name = bench_case->name;
	unsigned int i;

	for (i = 0; i < result->nr_notes; i++)
		printf("  %s: not measured: %s\n", name, result->notes[i]);
	if (result->state == NOT_MEASURED)
		printf("  %s: not measured: %s\n", name, result->reason);
	if (result->state == FAILED)
		printf("  %s: FAILED: %s\n", name, result->reason);
}

static void print_case(const struct bench_case *bench_case, const struct result *result)
{
	unsigned int i;

	printf("%s: %s\n", bench_case->name, bench_case->what);
	for (i = 0; i < result->nr_metrics; i++)
		printf("  %-*s%*s  %s\n", NAME_WIDTH, result->metrics[i].name, VALUE_WIDTH,
		       grouped(result->metrics[i].value), result->metrics[i].meaning);
	print_reasons(bench_case, result);
	printf("\n");
}

static const struct metric *find_metric(const struct result *result, const char *name)
{
	unsigned int i;

	for (i = 0; i < result->nr_metrics; i++) {
		if (!strcmp(result->metrics[i].name, name))
			return &result->metrics[i];
	}
	return NULL;
}

/* The table at hand. */
static enum table table;

static bool is_column(const struct bench_case *bench_case, const struct result *result)
{
	return bench_case->table == table && result->nr_metrics;
}

static void print_row(const struct bench_case *cases, const struct result *results, unsigned int nr,
		      const struct metric *row)
{
	const struct metric *cell;
	unsigned int i;

	printf("  %-*s", NAME_WIDTH, row->name);
	for (i = 0; i < nr; i++) {
		if (!is_column(&cases[i], &results[i]))
			continue;
		cell = find_metric(&results[i], row->name);
		printf("%*s", COLUMN_WIDTH, cell ? grouped(cell->value) : "-");
	}
	printf("  %s\n", row->meaning);
}

/* A row for each metric that any of the columns has, where it is met first. */
static void print_rows(const struct bench_case *cases, const struct result *results, unsigned int nr)
{
	const struct metric *row;
	unsigned int i, j, k;

	for (i = 0; i < nr; i++) {
		if (!is_column(&cases[i], &results[i]))
			continue;
		for (j = 0; j < results[i].nr_metrics; j++) {
			row = &results[i].metrics[j];
			for (k = 0; k < i; k++) {
				if (is_column(&cases[k], &results[k]) && find_metric(&results[k], row->name))
					break;
			}
			if (k == i)
				print_row(cases, results, nr, row);
		}
	}
}

static void print_columns(const struct bench_case *cases, const struct result *results, unsigned int nr)
{
	unsigned int i, listed = 0, columns = 0;

	for (i = 0; i < nr; i++) {
		if (cases[i].table != table || results[i].state == NOT_RUN)
			continue;
		printf("%s: %s\n", cases[i].name, cases[i].what);
		listed++;
	}
	if (!listed)
		return;
	for (i = 0; i < nr; i++) {
		if (is_column(&cases[i], &results[i]))
			printf("%*s", columns++ ? COLUMN_WIDTH : NAME_WIDTH + 2 + COLUMN_WIDTH, cases[i].name);
	}
	if (columns)
		printf("\n");
	print_rows(cases, results, nr);
	for (i = 0; i < nr; i++) {
		if (cases[i].table == table)
			print_reasons(&cases[i], &results[i]);
	}
	printf("\n");
}

void report_table(const struct bench_case *cases, const struct result *results, unsigned int nr)
{
	struct utsname uts;
	unsigned int i;

	uname(&uts);
	printf("kernel %s, clocksource %s, %d-bit program, %s tries, %u busy loops\n\n", uts.release, clocksource(),
	       program_bits(), grouped((int64_t)options.tries), options.busy);
	for (table = EPOCH_TABLE; table < NR_TABLES; table++)
		print_columns(cases, results, nr);
	for (i = 0; i < nr; i++) {
		if (cases[i].table == NO_TABLE && results[i].state != NOT_RUN)
			print_case(&cases[i], &results[i]);
	}
	print_verdict(stdout, results, nr);
	printf("\n");
}

static void print_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		if ((unsigned char)*text < ' ')
			fprintf(out, "\\u%04x", (unsigned int)*text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

static void print_finding_string(FILE *out, unsigned int n, const char *text)
{
	fputs(n ? ", " : "", out);
	print_string(out, text);
}

static void print_values(FILE *out, const char *name, const int64_t *values, unsigned int nr)
{
	unsigned int i;

	fprintf(out, "\"%s\": [", name);
	for (i = 0; i < nr; i++)
		fprintf(out, "%s%" PRId64, i ? ", " : "", values[i]);
	fputc(']', out);
}

static void print_case_json(FILE *out, const char *name, const struct result *result)
{
	unsigned int i;

	fprintf(out, "    \"%s\": {\n      \"measured\": %s", name, result->state == MEASURED ? "true" : "false");
	for (i = 0; i < result->nr_metrics; i++)
		fprintf(out, ",\n      \"%s\": %" PRId64, result->metrics[i].name, result->metrics[i].value);
	for (i = 0; i < result->nr_series; i++) {
		fprintf(out, ",\n      ");
		print_values(out, result->series[i].name, result->series[i].values, result->series[i].nr);
	}
	if (result->state == NOT_MEASURED || result->state == FAILED) {
		fprintf(out, ",\n      \"%s\": ", result->state == FAILED ? "failed" : "reason");
		print_string(out, result->reason);
	}
	if (result->nr_notes) {
		fprintf(out, ",\n      \"not_measured\": [");
		for (i = 0; i < result->nr_notes; i++)
			print_finding_string(out, i, result->notes[i]);
		fprintf(out, "]");
	}
	fprintf(out, "\n    }");
}

/* Findings are made of names and numbers: nothing in them needs an escape. */
static void print_verdict_json(FILE *out, const struct result *results, unsigned int nr)
{
	fputc('"', out);
	print_verdict(out, results, nr);
	fputc('"', out);
}

void report_json(FILE *out, const struct bench_case *cases, const struct result *results, unsigned int nr)
{
	struct utsname uts;
	unsigned int i;
	bool first = true;

	uname(&uts);
	fprintf(out, "{\n  \"schema\": %d,\n  \"release\": ", JSON_SCHEMA);
	print_string(out, uts.release);
	fprintf(out, ",\n  \"machine\": ");
	print_string(out, uts.machine);
	fprintf(out, ",\n  \"clocksource\": ");
	print_string(out, clocksource());
	fprintf(out, ",\n  \"program_bits\": %d,\n  \"tries\": %lu,\n  \"busy\": %u,\n  \"age_s\": %u,\n  ",
		program_bits(), options.tries, options.busy, options.age_s);
	print_values(out, "histogram_bounds_ns", histogram_bounds, NR_BUCKETS);
	fprintf(out, ",\n  \"cases\": {\n");
	for (i = 0; i < nr; i++) {
		if (results[i].state == NOT_RUN)
			continue;
		if (!first)
			fprintf(out, ",\n");
		first = false;
		print_case_json(out, cases[i].name, &results[i]);
	}
	fprintf(out, "\n  },\n  \"affected\": [");
	each_finding(out, results, nr, print_finding_string);
	fprintf(out, "],\n  \"verdict\": ");
	print_verdict_json(out, results, nr);
	fprintf(out, "\n}\n");
}
