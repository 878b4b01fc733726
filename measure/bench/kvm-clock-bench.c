// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-clock-bench: how exact is this kernel's guest wall clock? Measures any x86 /dev/kvm since v5.10 by raw ioctls.
 *
 * --help describes the JSON, which is stable as long as "schema" stays 2; more cases and more metrics may come.
 * Signs: later and ahead are positive.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "vm.h"

#define STATUS_MEASURED		0
#define STATUS_ERROR		2
#define STATUS_NOT_MEASURED	4

#define DEFAULT_TRIES	20000
/* A sample of 8 bytes a try has to fit into what a 32-bit program and a small VM have: 80 MB. */
#define MAX_TRIES	10000000
#define DEFAULT_AGE_S	5
#define MAX_AGE_S	3600
#define MAX_BUSY	1024

/*
 * A case that hangs is ended: a minute for what has no tries, and 2 ms a try, whose two ioctls take 20 us together in
 * an emulated CPU; what shares the core with a hundred others still gets there.
 */
#define CASE_LIMIT_S	60
#define TRIES_A_SECOND	500

/* And what an emulated CPU takes to make a vCPU and run it: 20 ms each among 6,400, more where TSCs are set apart. */
#define VCPUS_A_SECOND	10

/* A fleet, and what a process has open anyway. */
#define MAX_FILES	(MAX_VMS * (MAX_VCPUS + 1) + 64)

#define CLOCKSOURCES		"/sys/devices/system/clocksource/clocksource0/"
#define CLOCKSOURCES_SIZE	256
/* Timekeeping takes to a new clocksource at its next tick. */
#define CLOCKSOURCE_WAIT_US	100000

struct options options = {
	.tries = DEFAULT_TRIES,
	.age_s = DEFAULT_AGE_S,
	.vms = 1,
};

#define RUNNING	vm_create_running
#define NEW	MSR_KVM_WALL_CLOCK_NEW
static const struct bench_case cases[] = {
	{ "msr", "the epoch of MSR_KVM_WALL_CLOCK_NEW against KVM_GET_CLOCK", run_epoch, RUNNING, NEW },
	{ "msr_old", "the same by the old MSR_KVM_WALL_CLOCK", run_epoch, RUNNING, MSR_KVM_WALL_CLOCK },
	{ "noclock", "the same without the master clock: unequal TSC offsets", run_epoch, mode_noclock, NEW },
	{ "old_time", "the same without the master clock: boot vCPU on the old MSR", run_epoch, mode_old_time, NEW },
	{ "before", "the same before the first KVM_RUN", run_epoch, vm_create, NEW },
	{ "xen", "the same for the wall clock in the Xen shared info page", run_epoch, RUNNING, 0 },
	{ "guest", "what the guest itself reads against the host's CLOCK_REALTIME", run_guest, RUNNING, 0 },
	{ "guest_noclock", "the same without the master clock", run_guest, mode_noclock, 0 },
	{ "spread", "the epoch by both MSRs, Xen page and KVM_GET_CLOCK, against each other", run_spread, RUNNING, 0 },
	{ "spread_noclock", "the same without the master clock", run_spread, mode_noclock, 0 },
	{ "trips", "KVM_GET_CLOCK -> KVM_SET_CLOCK round trips", run_trips, RUNNING, 0 },
	{ "trips_noclock", "the same without the master clock", run_trips, mode_noclock, 0 },
	{ "pairs", "the clock while the guest turns the master clock off and on", run_pairs, mode_old_time, 0 },
	{ "same_rate", "a TSC frequency that is set again", run_same_rate, RUNNING, 0 },
	{ "resnapshot", "the clock over a new master clock snapshot", run_resnapshot, RUNNING, 0 },
	{ "rate", "the rate of kvmclock against CLOCK_MONOTONIC_RAW", run_rate, RUNNING, 0 },
	{ "versions", "two vCPUs that write one wall clock address", run_versions, RUNNING, 0 },
	{ "future", "a clock set beyond real time", run_future, RUNNING, 0 },
	{ "instant", "KVM_GET_CLOCK against clocks that are read before and after it", run_instant, RUNNING, 0 },
	{ "scaling", "KVM_GET_CLOCK against the guest's own view, TSC scaled", run_scaling, vm_create, 0 },
	{ "cost", "what the paths cost: ticks of the TSC (least), ns (median, spread)", run_cost, RUNNING, 0 },
	{ "cost_noclock", "the same without the master clock: unequal TSC offsets", run_cost, mode_noclock, 0 },
	{ "cost_old_time", "the same without the master clock: boot vCPU on the old MSR", run_cost, mode_old_time, 0 },
	{ "cost_before", "the same before the first KVM_RUN", run_cost, vm_create, 0 },
};

#define NR_CASES	((unsigned int)(sizeof(cases) / sizeof(cases[0])))

static _Noreturn void __printf(1, 2) die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "kvm-clock-bench: error: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(STATUS_ERROR);
}

static void usage(void)
{
	printf("kvm-clock-bench: how exact is the wall clock that this kernel's KVM gives to guests?\n"
	       "Usage: kvm-clock-bench [OPTION]...\n"
	       "  --tries N      epochs to write in a case, 1 to %d (default %d)\n"
	       "  --case NAME    this case only; repeat for more (default: all of --list)\n"
	       "  --list         names the cases\n"
	       "  --age S        seconds that a clock runs before it is looked at again (default %d)\n"
	       "  --busy N       N busy loops beside the measurement\n"
	       "  --vcpus N      vCPUs in each VM, up to %d (default: 2, for the cost and round trips 1)\n"
	       "  --vms N        VMs, up to %d (default 1): epochs go round, for the cost they are just there\n"
	       "  --clocksource NAME  with that clocksource of the host, e.g. hpet; needs root; put back at the end\n"
	       "  --json         JSON instead of the table\n"
	       "  --help         this text\n"
	       "Example: kvm-clock-bench --case msr --case noclock --tries 100000 --busy 4 --json >result.json\n"
	       "         jq .cases.msr.worst_ns result.json\n"
	       "         sudo kvm-clock-bench --case msr --case cost --vcpus 16 --clocksource hpet\n"
	       "JSON: {\"schema\": 2, \"release\", \"machine\", \"clocksource\", \"program_bits\", \"tries\",\n"
	       "       \"busy\", \"age_s\", \"histogram_bounds_ns\": [N, ...],\n"
	       "       \"cases\": {CASE: {\"measured\": true or false, METRIC: integer, ..., SERIES: [integer, ...],\n"
	       "       \"reason\" or \"failed\": text, \"not_measured\": [text, ...]}},\n"
	       "       \"affected\": [text, ...], \"verdict\": text}\n"
	       "       CASE and METRIC are named as in the table; _ns, _s, _khz, _ns_per_s, _ppb and _ticks (TSC) are\n"
	       "       units. SERIES: ..._histogram by those bounds, ..._series_ns the largest of each slice.\n"
	       "Status: 0 measured, whatever the verdict; 2 could not measure, or bad options;\n"
	       "        4 no chosen case applies to this host.\n",
	       MAX_TRIES, DEFAULT_TRIES, DEFAULT_AGE_S, MAX_VCPUS, MAX_VMS);
}

/* The clocksource to go back to when this program goes, by whatever signal; empty as long as it is in use. */
static char clocksource_before[NAME_SIZE];

/* What a signal handler may do. */
static bool write_clocksource(const char *name)
{
	int fd = open(CLOCKSOURCES "current_clocksource", O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, name, strlen(name)) == (ssize_t)strlen(name);

	if (fd >= 0)
		close(fd);
	return written;
}

static void put_clocksource_back(void)
{
	if (clocksource_before[0])
		write_clocksource(clocksource_before);
}

static void on_signal(int signal_number)
{
	put_clocksource_back();
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

/* A child that ends with its parent, even when that is killed outright, and puts no clocksource back. */
static pid_t fork_child(void)
{
	pid_t parent = getpid(), child = fork();

	if (child < 0)
		die("fork: %s", strerror(errno));
	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(STATUS_ERROR);
	clocksource_before[0] = '\0';
	return 0;
}

static void start_busy(void)
{
	unsigned int i;

	for (i = 0; i < options.busy; i++) {
		if (!fork_child()) {
			for (;;)
				;
		}
	}
}

static void *new_shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("no memory for the results: %s", strerror(errno));
	return memory;
}

static void run_case(const struct bench_case *bench_case, struct result *result)
{
	pid_t child = fork_child();
	int status;

	if (!child) {
		alarm(CASE_LIMIT_S + options.age_s + options.tries / TRIES_A_SECOND +
		      options.vms * options.vcpus / VCPUS_A_SECOND);
		current = result;
		bench_case->run(bench_case);
		result->state = MEASURED;
		_exit(EXIT_SUCCESS);
	}
	if (waitpid(child, &status, 0) < 0)
		die("waitpid: %s", strerror(errno));
	if (result->state != NOT_RUN)
		return;
	result->state = FAILED;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(result->reason, TEXT_SIZE, "hung, ended by the time limit");
	else
		snprintf(result->reason, TEXT_SIZE, "ended without a result, by signal %d, status %d", WTERMSIG(status),
			 WEXITSTATUS(status));
}

static unsigned int parse_case(const char *name)
{
	unsigned int i;

	for (i = 0; i < NR_CASES; i++) {
		if (!strcmp(cases[i].name, name))
			return i;
	}
	die("--case '%s' is unknown; --list names the cases", name);
}

static void list_cases(void)
{
	unsigned int i;

	for (i = 0; i < NR_CASES; i++)
		printf("%-16s%s\n", cases[i].name, cases[i].what);
}

/* The options that are numbers come first in long_options. */
static const struct {
	unsigned int *value;
	unsigned int min;
	unsigned int max;
} numbers[] = {
	{ &options.tries, 1, MAX_TRIES },
	{ &options.age_s, 1, MAX_AGE_S },
	{ &options.busy, 0, MAX_BUSY },
	{ &options.vcpus, 1, MAX_VCPUS },
	{ &options.vms, 1, MAX_VMS },
};

static const struct option long_options[] = {
	{ "tries", required_argument, NULL, 'n' },
	{ "age", required_argument, NULL, 'n' },
	{ "busy", required_argument, NULL, 'n' },
	{ "vcpus", required_argument, NULL, 'n' },
	{ "vms", required_argument, NULL, 'n' },
	{ "case", required_argument, NULL, 'c' },
	{ "list", no_argument, NULL, 'l' },
	{ "clocksource", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void parse_number(int number, const char *text)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < numbers[number].min || value > numbers[number].max)
		die("--%s '%s' is not a number from %u to %u", long_options[number].name, text, numbers[number].min,
		    numbers[number].max);
	*numbers[number].value = (unsigned int)value;
}

static void parse_options(int argc, char **argv, bool *chosen, const char **clocksource_wanted)
{
	bool any = false;
	unsigned int i;
	int option, number;

	while ((option = getopt_long(argc, argv, "+:h", long_options, &number)) != -1) {
		switch (option) {
		case 'n':
			parse_number(number, optarg);
			break;
		case 'c':
			chosen[parse_case(optarg)] = true;
			any = true;
			break;
		case 'l':
			list_cases();
			exit(STATUS_MEASURED);
		case 's':
			*clocksource_wanted = optarg;
			break;
		case 'j':
			options.json = true;
			break;
		case 'h':
			usage();
			exit(STATUS_MEASURED);
		case ':':
			die("%s needs a value; see --help", argv[optind - 1]);
		default:
			if (strncmp(argv[optind - 1], "--", 2))
				die("unknown option '-%c'; see --help", optopt);
			die("unknown option '%s'; see --help", argv[optind - 1]);
		}
	}
	if (optind < argc)
		die("'%s' is not an option; see --help", argv[optind]);
	for (i = 0; i < NR_CASES; i++)
		chosen[i] |= !any;
}

static void check_kvm(void)
{
	int error = kvm_open();

	if (error == -EPROTO)
		die("/dev/kvm does not speak KVM's stable API");
	if (error)
		die("cannot open /dev/kvm: %s; %s", strerror(-error),
		    error == -EACCES ? "be root, or a member of its group" : "load the module kvm_intel or kvm_amd");
}

static void switch_clocksource(const char *wanted)
{
	char available[CLOCKSOURCES_SIZE] = " ", word[CLOCKSOURCES_SIZE];
	FILE *file = fopen(CLOCKSOURCES "available_clocksource", "re");

	if (!file || !fgets(available + 1, sizeof(available) - 1, file))
		die("cannot read the clocksources: %s", strerror(errno));
	fclose(file);
	/* Each name is followed by a blank. */
	snprintf(word, sizeof(word), " %s ", wanted);
	if (!*wanted || !strstr(available, word)) {
		available[strcspn(available, "\n") - 1] = '\0';
		die("--clocksource '%s' is none that this host offers:%s", wanted, available);
	}
	strcpy(clocksource_before, clocksource());
	atexit(put_clocksource_back);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGHUP, on_signal);
	if (!write_clocksource(wanted))
		die("cannot change the clocksource: %s; be root", strerror(errno));
	usleep(CLOCKSOURCE_WAIT_US);
	if (strcmp(clocksource(), wanted))
		die("the kernel does not take the clocksource %s, it stays with %s", wanted, clocksource());
}

/* A VM takes a file for itself, and one for each vCPU; root may have more than the hard limit. */
static void raise_file_limit(void)
{
	struct rlimit limit = { .rlim_cur = MAX_FILES, .rlim_max = MAX_FILES };

	if (!setrlimit(RLIMIT_NOFILE, &limit) || getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	const char *clocksource_wanted = NULL;
	bool chosen[NR_CASES] = { false };
	bool any_failed = false, any_measured = false;
	struct result *results;
	unsigned int i;

	parse_options(argc, argv, chosen, &clocksource_wanted);
	check_kvm();
	results = new_shared(NR_CASES * sizeof(*results));
	findings = new_shared(sizeof(*findings));
	raise_file_limit();
	if (clocksource_wanted)
		switch_clocksource(clocksource_wanted);
	start_busy();
	for (i = 0; i < NR_CASES; i++) {
		if (!chosen[i])
			continue;
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "kvm-clock-bench: %s\n", cases[i].name);
		run_case(&cases[i], &results[i]);
		any_failed |= results[i].state == FAILED;
		any_measured |= results[i].state == MEASURED;
	}

	if (options.json)
		report_json(cases, results, NR_CASES);
	else
		report_table(cases, results, NR_CASES);
	if (fflush(stdout) || ferror(stdout))
		die("cannot write to stdout: %s", strerror(errno));
	if (any_failed)
		return STATUS_ERROR;
	return any_measured ? STATUS_MEASURED : STATUS_NOT_MEASURED;
}
