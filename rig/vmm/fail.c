// SPDX-License-Identifier: GPL-2.0-only
/*
 * For a program of one thing, which has neither cases nor options: what vm.c calls when it cannot go on ends it, with
 * status 2.
 */
#include <err.h>
#include <stdarg.h>

#include "bench.h"

struct options options;

_Noreturn void failed(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	verrx(2, format, args);
}

_Noreturn void not_measured(const char *format, ...) __attribute__((alias("failed")));
