// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two writers of one wall clock: the version is odd during a write and even after it, and never goes back.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "bench.h"
#include "vm.h"

#define WRITERS		2

/*
 * Each writer has a CPU of its own, and only the writers look: a third thread could take a CPU from one of them, and
 * with it the race.
 */
struct writer {
	pthread_t thread;
	pthread_barrier_t *start;
	struct vm *vm;
	unsigned int vcpu;
	size_t cpu;
	int64_t backwards;
};

static void *write_and_look(void *arg)
{
	struct writer *writer = arg;
	const volatile struct wall_clock *wc = vm_memory(writer->vm, GPA_WALL_CLOCK);
	uint32_t version, last = wc->version;
	unsigned int i;
	cpu_set_t mask;

	CPU_ZERO(&mask);
	CPU_SET(writer->cpu, &mask);
	if (sched_setaffinity(0, sizeof(mask), &mask))
		failed("sched_setaffinity: %s", strerror(errno));
	pthread_barrier_wait(writer->start);
	for (i = 0; i < options.tries; i++) {
		set_msr(writer->vm, writer->vcpu, MSR_KVM_WALL_CLOCK_NEW, GPA_WALL_CLOCK);
		version = wc->version;
		if ((int32_t)(version - last) < 0)
			writer->backwards++;
		last = version;
	}
	return NULL;
}

void run_versions(const struct bench_case *self)
{
	struct writer writers[WRITERS] = { 0 };
	const volatile struct wall_clock *wc;
	int64_t backwards = 0, writes = (int64_t)WRITERS * options.tries, lost;
	pthread_barrier_t barrier;
	unsigned int i, nr = 0;
	uint32_t start;
	cpu_set_t mask;
	struct vm vm;
	size_t cpu;

	if (sched_getaffinity(0, sizeof(mask), &mask))
		failed("sched_getaffinity: %s", strerror(errno));
	for (cpu = 0; cpu < CPU_SETSIZE && nr < WRITERS; cpu++) {
		if (CPU_ISSET(cpu, &mask))
			writers[nr++].cpu = cpu;
	}
	if (nr < WRITERS)
		not_measured("two writers at once need two CPUs");
	self->mode(&vm, WRITERS);
	set_msr(&vm, 0, MSR_KVM_WALL_CLOCK_NEW, GPA_WALL_CLOCK);
	wc = vm_memory(&vm, GPA_WALL_CLOCK);
	start = wc->version;
	pthread_barrier_init(&barrier, NULL, WRITERS);
	for (i = 0; i < WRITERS; i++) {
		writers[i].vm = &vm;
		writers[i].vcpu = i;
		writers[i].start = &barrier;
		if (pthread_create(&writers[i].thread, NULL, write_and_look, &writers[i]))
			failed("no thread for a writer");
	}
	for (i = 0; i < WRITERS; i++) {
		pthread_join(writers[i].thread, NULL);
		backwards += writers[i].backwards;
	}
	/* Each write makes the version odd, then even: two steps. It may wrap, as the difference does. */
	lost = (int32_t)((uint32_t)writes - (wc->version - start) / 2);

	metric("writes", writes, "by two vCPUs to one address");
	metric("backwards", backwards, "version seen going backwards by a writer");
	metric("lost", lost, "writes that the version did not count");
	metric("odd_at_rest", wc->version & 1, "version left odd, as if a write went on");
	if (backwards || lost || wc->version & 1)
		affected("wall clock versions that race (%s backwards, %s lost)", grouped(backwards), grouped(lost));
}
