// SPDX-License-Identifier: GPL-2.0-only
/*
 * Samples in ns: their order, their size, and the clocks that they are taken from.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "bench.h"

int64_t *new_samples(unsigned long nr)
{
	/* Populated: a page fault inside a bracket would widen it. */
	int64_t *samples = mmap(NULL, nr * sizeof(*samples), PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (samples == MAP_FAILED)
		failed("no memory for %lu samples: %s; take fewer --tries", nr, strerror(errno));
	return samples;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int64_t percentile(int64_t *samples, unsigned long nr, unsigned int percent)
{
	qsort(samples, nr, sizeof(*samples), compare);
	return samples[(uint64_t)(nr - 1) * percent / 100];
}

int64_t magnitude(int64_t value)
{
	return value < 0 ? -value : value;
}

int64_t larger(int64_t a, int64_t b)
{
	return magnitude(a) > magnitude(b) ? a : b;
}

int64_t outside(uint64_t value, uint64_t low, uint64_t high)
{
	if ((int64_t)(value - low) < 0)
		return (int64_t)(value - low);
	return (int64_t)(value - high) > 0 ? (int64_t)(value - high) : 0;
}

uint64_t clock_now(int clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)(ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec);
}
