// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bad input through every entry that the series touches: each case says which errno or effect it has to have, and that
 * nothing else has changed. Prints TAP.
 * Usage: bad-input [-t CASE] [-l]
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bad-input.h"

#define CASE_LIMIT_S	60

/*
 * An offset that was changed by mistake is off by any number. A clock that was left alone drifts against the wall clock
 * by rates that are up to 100 ppm apart where the TSC's was not refined: 100 us in a case of a second.
 */
#define DRIFT_NS	200000
/* Without a reading of both clocks they are read one after the other, with whatever comes between. */
#define UNPAIRED_NS	(2 * NSEC_PER_SEC)
/* How exact an epoch is the selftest judges. Here it must not be garbage. */
#define EPOCH_NS	(NSEC_PER_SEC / 2)

#define EXIT_FAIL	1
#define EXIT_SKIP	4

static char *reason;

/* vm.c asks for it. */
struct options options;

static _Noreturn void leave(int status, const char *format, va_list args)
{
	vsnprintf(reason, TEXT_SIZE, format, args);
	_exit(status);
}

_Noreturn void failed(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	leave(EXIT_FAIL, format, args);
}

_Noreturn void not_measured(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	leave(EXIT_SKIP, format, args);
}

static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		failed("mmap: %s", strerror(errno));
	return memory;
}

void *before_the_end(size_t size)
{
	uint8_t *pages = map(2 * PAGE);

	if (mprotect(pages + PAGE, PAGE, PROT_NONE))
		failed("mprotect: %s", strerror(errno));
	return pages + PAGE - size;
}

void set_slot(struct test *test, enum region_name name, uint32_t flags, uint64_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = name,
		.flags = flags,
		.guest_phys_addr = test->regions[name].gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)test->regions[name].memory,
	};

	vm_ioctl(test->vm.fd, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
}

static void start(struct test *test, unsigned int kind)
{
	static const struct region layout[NR_REGIONS] = {
		[REGION_VM] = { .gpa = 0, .size = GUEST_MEMORY_SIZE },
		[REGION_EDGE] = { .gpa = GPA_EDGE, .size = GPA_EDGE_END - GPA_EDGE },
		[REGION_LEFT] = { .gpa = GPA_LEFT, .size = PAGE },
		[REGION_RIGHT] = { .gpa = GPA_RIGHT, .size = PAGE },
		[REGION_READ_ONLY] = { .gpa = GPA_READ_ONLY, .size = PAGE },
	};
	unsigned int i;

	if (kind & XEN && !kernel_has_xen())
		not_measured("the kernel has no Xen HVM guests");
	memcpy(test->regions, layout, sizeof(layout));
	vm_create(&test->vm, kind & NO_VCPU ? 0 : 1);
	if (kind & XEN)
		xen_enable(&test->vm);
	test->regions[REGION_VM].memory = test->vm.memory;
	for (i = REGION_EDGE; i < NR_REGIONS; i++) {
		/* Room behind each, so that neighbours in the guest are none in the host. */
		test->regions[i].memory = map(test->regions[i].size + PAGE);
		set_slot(test, i, i == REGION_READ_ONLY ? KVM_MEM_READONLY : 0, test->regions[i].size);
	}
	if (!(kind & (NOT_RUN | NO_VCPU)))
		vm_run(&test->vm, 0);
}

uint8_t *memory(struct test *test, uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < NR_REGIONS; i++)
		if (gpa - test->regions[i].gpa < test->regions[i].size)
			return test->regions[i].memory + (gpa - test->regions[i].gpa);
	failed("the case looks at 0x%llx, where there is no memory", (unsigned long long)gpa);
}

void get_memory(struct test *test, uint64_t gpa, void *data, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		((uint8_t *)data)[i] = *memory(test, gpa + i);
}

void put_memory(struct test *test, uint64_t gpa, const void *data, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		*memory(test, gpa + i) = ((const uint8_t *)data)[i];
}

void put_u32(struct test *test, uint64_t gpa, uint32_t value)
{
	put_memory(test, gpa, &value, sizeof(value));
}

static uint64_t wall_clock_msr(struct test *test)
{
	return test->vm.nr_vcpus ? get_msr(&test->vm, 0, MSR_KVM_WALL_CLOCK_NEW) : 0;
}

void mark(struct test *test)
{
	unsigned int i;

	for (i = 0; i < NR_REGIONS; i++)
		memcpy(test->old[i], test->regions[i].memory, test->regions[i].size);
	test->nr_allowed = 0;
	test->old_wall_clock = wall_clock_msr(test);
	get_clock(&test->vm, &test->old_clock);
	test->old_raw = clock_now(CLOCK_MONOTONIC_RAW);
}

void allow(struct test *test, uint64_t gpa, uint64_t size)
{
	unsigned int i;

	for (i = 0; i < test->nr_allowed; i++)
		if (test->allowed[i].gpa == gpa && test->allowed[i].size == size)
			return;
	if (test->nr_allowed == MAX_ALLOWED)
		failed("a case may allow %d changes", MAX_ALLOWED);
	test->allowed[test->nr_allowed].gpa = gpa;
	test->allowed[test->nr_allowed++].size = size;
}

static bool allowed(const struct test *test, uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < test->nr_allowed; i++)
		if (gpa - test->allowed[i].gpa < test->allowed[i].size)
			return true;
	return false;
}

static void memory_unchanged(struct test *test)
{
	const struct region *region;
	const uint8_t *old;
	uint64_t at;

	for (region = test->regions; region < test->regions + NR_REGIONS; region++) {
		old = test->old[region - test->regions];
		for (at = 0; !region->gone && at < region->size; at++)
			if (region->memory[at] != old[at] && !allowed(test, region->gpa + at))
				failed("guest memory changed at 0x%llx", (unsigned long long)(region->gpa + at));
	}
}

void unchanged(struct test *test)
{
	const struct clock_reading *old = &test->old_clock;
	int64_t moved, bound = DRIFT_NS;
	struct clock_reading now;
	uint64_t raw;

	memory_unchanged(test);
	get_clock(&test->vm, &now);
	raw = clock_now(CLOCK_MONOTONIC_RAW);
	if (now.flags != old->flags)
		failed("KVM_GET_CLOCK's flags were 0x%x, and are 0x%x now", old->flags, now.flags);
	if (has_realtime(old)) {
		moved = reading_epoch(&now) - reading_epoch(old);
	} else {
		moved = (int64_t)(now.clock - old->clock - (raw - test->old_raw));
		bound = UNPAIRED_NS;
	}
	if (moved > bound || moved < -bound)
		failed("the clock moved by %lld ns", (long long)moved);
	if (wall_clock_msr(test) != test->old_wall_clock)
		failed("the wall clock MSR was 0x%llx, and is 0x%llx now", (unsigned long long)test->old_wall_clock,
		       (unsigned long long)wall_clock_msr(test));
}

void refused(long result, int wanted)
{
	int got = errno;

	if (result >= 0)
		failed("it succeeds with %ld, instead of: %s", result, strerror(wanted));
	if (got != wanted)
		failed("it fails by: %s, instead of: %s", strerror(got), strerror(wanted));
}

void accepted(long result)
{
	if (result < 0)
		failed("it fails: %s", strerror(errno));
}

void wall_clock_is(struct test *test, uint64_t gpa, uint32_t version)
{
	struct clock_reading now;
	struct wall_clock wc;
	int64_t error;

	get_memory(test, gpa, &wc, sizeof(wc));
	if (wc.version != version)
		failed("the version at 0x%llx is %u instead of %u", (unsigned long long)gpa, wc.version, version);
	if (wc.nsec >= NSEC_PER_SEC)
		failed("nsec is %u", wc.nsec);
	get_clock(&test->vm, &now);
	if (!has_realtime(&now))
		now.realtime = clock_now(CLOCK_REALTIME);
	error = written_epoch(&wc) - reading_epoch(&now);
	if (error > EPOCH_NS || error < -EPOCH_NS)
		failed("the epoch at 0x%llx is off by %lld ns", (unsigned long long)gpa, (long long)error);
}

void clock_is_about(struct test *test, uint64_t clock)
{
	struct clock_reading now;
	int64_t ahead;

	get_clock(&test->vm, &now);
	ahead = (int64_t)(now.clock - clock);
	if (ahead < 0 || ahead > UNPAIRED_NS)
		failed("the clock is %lld ns ahead of what it had to be set to", (long long)ahead);
	memory_unchanged(test);
}

static const struct bad_case *const lists[] = { clock_cases, msr_cases, call_cases, xen_cases };

#define for_each_case(list, one) \
	for (list = lists; list < lists + sizeof(lists) / sizeof(lists[0]); list++) \
		for (one = *list; one->name; one++)

static int run_case(const struct bad_case *one)
{
	static struct test test;
	unsigned int i = 0;
	int status;
	pid_t pid;

	reason[0] = '\0';
	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(CASE_LIMIT_S);
		start(&test, one->vm);
		do {
			mark(&test);
			one->check(&test, one->nr_values ? one->values[i] : 0);
		} while (++i < one->nr_values);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	snprintf(reason, TEXT_SIZE, "ended by signal %d", WTERMSIG(status));
	return -1;
}

int main(int argc, char **argv)
{
	const struct bad_case *const *list, *one;
	unsigned int nr = 0, number = 0;
	bool bad = false, good = false;
	const char *pattern = "*";
	int option, status;

	while ((option = getopt(argc, argv, "t:l")) != -1) {
		switch (option) {
		case 't':
			pattern = optarg;
			break;
		case 'l':
			for_each_case(list, one)
				puts(one->name);
			return 0;
		default:
			fprintf(stderr, "usage: %s [-t CASE] [-l]\n", argv[0]);
			return 2;
		}
	}
	reason = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (reason == MAP_FAILED || kvm_open() < 0) {
		fprintf(stderr, "%s: error: cannot use /dev/kvm\n", argv[0]);
		return 2;
	}
	for_each_case(list, one)
		nr += !fnmatch(pattern, one->name, 0);
	if (!nr) {
		fprintf(stderr, "%s: error: no case is named %s; see -l\n", argv[0], pattern);
		return 2;
	}
	printf("TAP version 13\n1..%u\n", nr);
	for_each_case(list, one) {
		if (fnmatch(pattern, one->name, 0))
			continue;
		number++;
		status = run_case(one);
		if (!status) {
			printf("ok %u %s\n", number, one->name);
			good = true;
		} else if (status == EXIT_SKIP) {
			printf("ok %u %s # SKIP %s\n", number, one->name, reason);
		} else {
			printf("# %s: %s\nnot ok %u %s\n", one->name, reason, number, one->name);
			bad = true;
		}
	}
	return bad ? EXIT_FAIL : good ? 0 : EXIT_SKIP;
}
