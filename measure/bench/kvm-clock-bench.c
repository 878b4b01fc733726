// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-clock-bench: how exact is this kernel's guest wall clock? Measures any x86 /dev/kvm since v5.10 by raw ioctls.
 *
 * JSON (--json), stable as long as "schema" stays 2; more cases and more metrics may come:
 *
 *   { "schema": 2, "release": uname -r, "machine": uname -m, "clocksource": the host's, "program_bits": 64 or 32,
 *     "tries": N, "busy": N, "age_s": N, "histogram_bounds_ns": [N, ...],
 *     "cases": { CASE: { "measured": true, METRIC: integer, ..., SERIES: [integer, ...],
 *                        "not_measured": [reason of a part, ...] }
 *                CASE: { "measured": false, "reason": why it does not apply here }
 *                CASE: { "measured": false, "failed": what went wrong } },
 *     "affected": [finding, ...], "verdict": the last line of the table }
 *
 * CASE is a name of --list, METRIC a name in the table, which says what it means. It ends in its unit (_ns, _s, _khz,
 * _ns_per_s, _ppb, _ticks of the TSC), or is a count or, where the table says so, 1 for yes and 0 for no. Signs: later and
 * ahead are positive. So jq's .cases.msr.worst_ns is worst_ns of msr in the table.
 *
 * A SERIES named ..._histogram has how many values were at most as large as each of histogram_bounds_ns and larger than the
 * one before; the last one has what is above, too. One named ..._series_ns has the largest value of each slice of the run.
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "vm.h"

#define STATUS_MEASURED		0
#define STATUS_ERROR		2
#define STATUS_NOT_MEASURED	4

#define DEFAULT_TRIES	20000
/* Two samples of 8 bytes a try have to fit into what a 32-bit program and a small VM have: 160 MB. */
#define MAX_TRIES	10000000
#define DEFAULT_AGE_S	5
#define MAX_AGE_S	3600
#define MAX_BUSY	1024

/* From here on a run is long enough for progress in a log. */
#define LONG_TRIES	1000000

/*
 * A case that hangs is ended: a minute for what has no tries, and 2 ms a try, whose two ioctls take 20 us together in
 * an emulated CPU; what shares the core with a hundred others still gets there.
 */
#define CASE_LIMIT_S	60
#define TRIES_A_SECOND	500

/* And what an emulated CPU takes to make a vCPU and to run it: 20 ms each among 6,400, more where TSCs are set apart. */
#define VCPUS_A_SECOND	10

/* A fleet, and what a process has open anyway. */
#define MAX_FILES	(MAX_VMS * (MAX_VCPUS + 1) + 64)

#define DECIMAL		10

#define CLOCKSOURCES		"/sys/devices/system/clocksource/clocksource0/"
#define CLOCKSOURCE_SIZE	64
/* Timekeeping takes to a new clocksource at its next tick. */
#define CLOCKSOURCE_WAIT_US	100000

struct options options = {
	.tries = DEFAULT_TRIES,
	.age_s = DEFAULT_AGE_S,
	.vms = 1,
};

static const struct bench_case cases[] = {
	{ "msr", "the epoch of MSR_KVM_WALL_CLOCK_NEW against KVM_GET_CLOCK", EPOCH_TABLE, run_msr },
	{ "msr_old", "the same by the old MSR_KVM_WALL_CLOCK", EPOCH_TABLE, run_msr_old },
	{ "noclock", "the same without the master clock: vCPUs with unequal TSC offsets", EPOCH_TABLE, run_noclock },
	{ "old_time", "the same without the master clock: boot vCPU on the old system time MSR", EPOCH_TABLE, run_old_time },
	{ "before", "the same before the first KVM_RUN", EPOCH_TABLE, run_before },
	{ "xen", "the same for the wall clock in the Xen shared info page", EPOCH_TABLE, run_xen },
	{ "guest", "what the guest itself reads against the host's CLOCK_REALTIME", GUEST_TABLE, run_guest },
	{ "guest_noclock", "the same without the master clock", GUEST_TABLE, run_guest_noclock },
	{ "spread", "the epoch by both MSRs, Xen page and KVM_GET_CLOCK, against each other", SPREAD_TABLE, run_spread },
	{ "spread_noclock", "the same without the master clock", SPREAD_TABLE, run_spread_noclock },
	{ "trips", "KVM_GET_CLOCK -> KVM_SET_CLOCK round trips", TRIPS_TABLE, run_trips },
	{ "trips_noclock", "the same without the master clock", TRIPS_TABLE, run_trips_noclock },
	{ "pairs", "the clock while the guest turns the master clock off and on", NO_TABLE, run_pairs },
	{ "same_rate", "a TSC frequency that is set again", NO_TABLE, run_same_rate },
	{ "resnapshot", "the clock over a new master clock snapshot", NO_TABLE, run_resnapshot },
	{ "rate", "the rate of kvmclock against CLOCK_MONOTONIC_RAW", NO_TABLE, run_rate },
	{ "versions", "two vCPUs that write one wall clock address", NO_TABLE, run_versions },
	{ "future", "a clock set beyond real time", NO_TABLE, run_future },
	{ "instant", "KVM_GET_CLOCK against clocks that are read before and after it", NO_TABLE, run_instant },
	{ "scaling", "KVM_GET_CLOCK against the guest's own view, TSC scaled", NO_TABLE, run_scaling },
	{ "cost", "what the paths cost: ticks of the TSC (least), ns (median, spread)", COST_TABLE, run_cost },
	{ "cost_noclock", "the same without the master clock: unequal TSC offsets", COST_TABLE, run_cost_noclock },
	{ "cost_old_time", "the same with the boot vCPU on the old system time MSR", COST_TABLE, run_cost_old_time },
	{ "cost_before", "the same before the first KVM_RUN", COST_TABLE, run_cost_before },
};

#define ARRAY_SIZE(array)	((unsigned int)(sizeof(array) / sizeof((array)[0])))
#define NR_CASES		ARRAY_SIZE(cases)

/* What has to go when this program goes, by whatever signal. */
static pid_t busy_pids[MAX_BUSY];
static volatile sig_atomic_t nr_busy;
static volatile pid_t case_pid;
static char part_file[FILENAME_MAX];
/* The one to go back to, with its line end; empty as long as it is in use. */
static char clocksource_before[CLOCKSOURCE_SIZE];
static const char *clocksource_wanted;

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
	       "  --vcpus N      vCPUs in each VM, up to %d (default: 2, for the cost 1)\n"
	       "  --vms N        VMs, up to %d (default 1): epochs go round, for the cost they are just there\n"
	       "  --clocksource NAME  with that clocksource of the host, e.g. hpet; needs root; put back at the end\n"
	       "  --json [FILE]  JSON to FILE beside the table, or to stdout instead of it\n"
	       "  --help         this text\n"
	       "Example: kvm-clock-bench --case msr --case noclock --tries 100000 --busy 4 --json result.json\n"
	       "         jq .cases.msr.worst_ns result.json\n"
	       "         sudo kvm-clock-bench --case msr --case cost --vcpus 16 --clocksource hpet\n"
	       "JSON: {\"schema\": 2, \"release\", \"machine\", \"clocksource\", \"program_bits\", \"tries\", \"busy\", \"age_s\",\n"
	       "       \"histogram_bounds_ns\": [N, ...], \"cases\": {CASE: {\"measured\": true or false, METRIC: integer, ...,\n"
	       "       SERIES: [integer, ...], \"reason\" or \"failed\": text, \"not_measured\": [text, ...]}},\n"
	       "       \"affected\": [text, ...], \"verdict\": text}\n"
	       "       CASE and METRIC are named as in the table; _ns, _s, _khz, _ns_per_s, _ppb and _ticks (of the TSC) are\n"
	       "       units. SERIES: ..._histogram by those bounds, ..._series_ns the largest of each slice of the run.\n"
	       "Status: 0 measured, whatever the verdict; 2 could not measure, or bad options;\n"
	       "        4 no chosen case applies to this host.\n",
	       MAX_TRIES, DEFAULT_TRIES, DEFAULT_AGE_S, MAX_VCPUS, MAX_VMS);
}

/* What a signal handler may do. */
static bool write_clocksource(const char *name)
{
	int fd = open(CLOCKSOURCES "current_clocksource", O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, name, strlen(name)) == (ssize_t)strlen(name);

	if (fd >= 0)
		close(fd);
	return written;
}

static void clean_up(void)
{
	int i;

	for (i = 0; i < nr_busy; i++)
		kill(busy_pids[i], SIGKILL);
	if (case_pid > 0)
		kill(case_pid, SIGKILL);
	if (clocksource_before[0])
		write_clocksource(clocksource_before);
	if (part_file[0])
		unlink(part_file);
}

static void on_signal(int signal_number)
{
	clean_up();
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static const int ending_signals[] = { SIGINT, SIGTERM, SIGHUP };

static void set_signals(void (*handler)(int))
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ending_signals); i++)
		signal(ending_signals[i], handler);
}

/* The signals wait until the parent knows the child, which ends with its parent even when that is killed outright. */
static pid_t fork_child(volatile pid_t *pid)
{
	pid_t parent = getpid();
	sigset_t ending, old;
	unsigned int i;
	pid_t child;

	sigemptyset(&ending);
	for (i = 0; i < ARRAY_SIZE(ending_signals); i++)
		sigaddset(&ending, ending_signals[i]);
	sigprocmask(SIG_BLOCK, &ending, &old);
	child = fork();
	if (child < 0)
		die("fork: %s", strerror(errno));
	if (!child) {
		set_signals(SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(STATUS_ERROR);
	} else {
		*pid = child;
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return child;
}

static void start_busy(void)
{
	volatile unsigned int spin = 0;
	unsigned int i;

	for (i = 0; i < options.busy; i++) {
		if (!fork_child(&busy_pids[i])) {
			for (;;)
				spin++;
		}
		nr_busy++;
	}
}

static void stop_busy(void)
{
	while (nr_busy) {
		nr_busy--;
		kill(busy_pids[nr_busy], SIGKILL);
		waitpid(busy_pids[nr_busy], NULL, 0);
	}
}

static void run_case(const struct bench_case *bench_case, struct result *result)
{
	int status;

	if (!fork_child(&case_pid)) {
		alarm(CASE_LIMIT_S + options.age_s + (unsigned int)(options.tries / TRIES_A_SECOND) +
		      options.vms * options.vcpus / VCPUS_A_SECOND);
		result_start(result);
		bench_case->run(bench_case);
		result->state = MEASURED;
		_exit(EXIT_SUCCESS);
	}
	while (waitpid(case_pid, &status, 0) < 0) {
		if (errno != EINTR)
			die("waitpid: %s", strerror(errno));
	}
	case_pid = 0;
	if (result->state != NOT_RUN)
		return;
	result->state = FAILED;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(result->reason, TEXT_SIZE, "hung, ended by the time limit");
	else if (WIFSIGNALED(status))
		snprintf(result->reason, TEXT_SIZE, "killed by signal %d", WTERMSIG(status));
	else
		snprintf(result->reason, TEXT_SIZE, "ended without a result, status %d", WEXITSTATUS(status));
}

static unsigned long parse_number(const char *option, const char *text, unsigned long min, unsigned long max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, DECIMAL);
	if (*text < '0' || *text > '9' || *end || errno || value < min || value > max)
		die("%s '%s' is not a number from %lu to %lu", option, text, min, max);
	return (unsigned long)value;
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

static void parse_options(int argc, char **argv, bool *chosen)
{
	static const struct option long_options[] = {
		{ "tries", required_argument, NULL, 't' },
		{ "case", required_argument, NULL, 'c' },
		{ "list", no_argument, NULL, 'l' },
		{ "age", required_argument, NULL, 'a' },
		{ "busy", required_argument, NULL, 'b' },
		{ "vcpus", required_argument, NULL, 'v' },
		{ "vms", required_argument, NULL, 'm' },
		{ "clocksource", required_argument, NULL, 's' },
		{ "json", optional_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool any = false;
	unsigned int i;
	int option;

	while ((option = getopt_long(argc, argv, "+:h", long_options, NULL)) != -1) {
		switch (option) {
		case 't':
			options.tries = parse_number("--tries", optarg, 1, MAX_TRIES);
			break;
		case 'c':
			chosen[parse_case(optarg)] = true;
			any = true;
			break;
		case 'l':
			list_cases();
			exit(STATUS_MEASURED);
		case 'a':
			options.age_s = (unsigned int)parse_number("--age", optarg, 1, MAX_AGE_S);
			break;
		case 'b':
			options.busy = (unsigned int)parse_number("--busy", optarg, 0, MAX_BUSY);
			break;
		case 'v':
			options.vcpus = (unsigned int)parse_number("--vcpus", optarg, 1, MAX_VCPUS);
			break;
		case 'm':
			options.vms = (unsigned int)parse_number("--vms", optarg, 1, MAX_VMS);
			break;
		case 's':
			clocksource_wanted = optarg;
			break;
		case 'j':
			/* getopt takes an optional argument only behind a '='. */
			if (!optarg && optind < argc && argv[optind][0] != '-')
				optarg = argv[optind++];
			options.json = true;
			options.json_file = optarg;
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

/* Opened before the measurement, so that a bad name shows at once. A device is written to, a file is replaced whole. */
static FILE *open_json(void)
{
	struct stat st;
	FILE *file;
	int n;

	if (!stat(options.json_file, &st) && !S_ISREG(st.st_mode)) {
		file = fopen(options.json_file, "we");
		if (!file)
			die("cannot write %s: %s", options.json_file, strerror(errno));
		return file;
	}
	n = snprintf(part_file, sizeof(part_file), "%s.part", options.json_file);
	if (n < 0 || (size_t)n >= sizeof(part_file))
		die("the name given to --json is too long");
	file = fopen(part_file, "we");
	if (!file) {
		n = errno;
		part_file[0] = '\0';
		die("cannot write %s: %s", options.json_file, strerror(n));
	}
	return file;
}

static void close_json(FILE *file)
{
	bool bad = ferror(file);

	if (fclose(file) || bad || (part_file[0] && rename(part_file, options.json_file)))
		die("cannot write %s: %s", options.json_file, strerror(errno));
	part_file[0] = '\0';
}

static int exit_status(const struct result *results)
{
	bool measured = false;
	unsigned int i;

	for (i = 0; i < NR_CASES; i++) {
		if (results[i].state == FAILED)
			return STATUS_ERROR;
		measured |= results[i].state == MEASURED;
	}
	return measured ? STATUS_MEASURED : STATUS_NOT_MEASURED;
}

static void check_kvm(void)
{
	int error = kvm_open();

	if (error == -EACCES)
		die("cannot open /dev/kvm: %s; be root, or a member of its group", strerror(-error));
	if (error == -EPROTO)
		die("/dev/kvm does not speak KVM's stable API");
	if (error)
		die("cannot open /dev/kvm: %s; load the module kvm_intel or kvm_amd", strerror(-error));
}

static void read_line(const char *file, char *line, size_t size)
{
	FILE *in = fopen(file, "re");

	line[0] = '\0';
	if (in && fgets(line, (int)size, in))
		line[strcspn(line, "\n")] = '\0';
	if (in)
		fclose(in);
	/* A list ends in a blank. */
	if (line[0] && line[strlen(line) - 1] == ' ')
		line[strlen(line) - 1] = '\0';
}

/* Whether name is one of the words of list, which are separated by blanks. */
static bool has_word(const char *list, const char *name)
{
	size_t length = strlen(name);
	const char *at;

	for (at = strstr(list, name); at && length; at = strstr(at + 1, name)) {
		if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
			return true;
	}
	return false;
}

/* After the signals are handled, so that it is put back whatever comes. */
static void switch_clocksource(void)
{
	char available[FILENAME_MAX], now[CLOCKSOURCE_SIZE];

	if (!clocksource_wanted)
		return;
	read_line(CLOCKSOURCES "available_clocksource", available, sizeof(available));
	read_line(CLOCKSOURCES "current_clocksource", now, sizeof(now));
	if (!has_word(available, clocksource_wanted))
		die("--clocksource '%s' is none that this host offers: %s", clocksource_wanted, available);
	if (!strcmp(now, clocksource_wanted))
		return;
	memcpy(clocksource_before, now, sizeof(now));
	if (!write_clocksource(clocksource_wanted)) {
		clocksource_before[0] = '\0';
		die("cannot change the clocksource: %s; be root", strerror(errno));
	}
	usleep(CLOCKSOURCE_WAIT_US);
	read_line(CLOCKSOURCES "current_clocksource", now, sizeof(now));
	if (strcmp(now, clocksource_wanted))
		die("the kernel does not take the clocksource %s, it stays with %s", clocksource_wanted, now);
}

/* A VM takes a file for itself, and one for each vCPU; root may have more than the hard limit. */
static void raise_file_limit(void)
{
	struct rlimit limit, more;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	more = limit;
	if (more.rlim_max < MAX_FILES)
		more.rlim_cur = more.rlim_max = MAX_FILES;
	if (setrlimit(RLIMIT_NOFILE, &more))
		setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	bool progress = isatty(STDERR_FILENO);
	bool chosen[NR_CASES] = { false };
	struct result *results;
	FILE *json_out = NULL;
	unsigned int i;

	parse_options(argc, argv, chosen);
	progress |= options.tries >= LONG_TRIES;
	check_kvm();
	results = mmap(NULL, NR_CASES * sizeof(*results), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (results == MAP_FAILED)
		die("no memory for the results: %s", strerror(errno));

	atexit(clean_up);
	set_signals(on_signal);
	if (options.json_file)
		json_out = open_json();
	raise_file_limit();
	switch_clocksource();
	start_busy();
	for (i = 0; i < NR_CASES; i++) {
		if (!chosen[i])
			continue;
		if (progress)
			fprintf(stderr, "kvm-clock-bench: %s\n", cases[i].name);
		run_case(&cases[i], &results[i]);
	}
	stop_busy();

	if (!options.json || options.json_file)
		report_table(cases, results, NR_CASES);
	else
		report_json(stdout, cases, results, NR_CASES);
	if (json_out) {
		report_json(json_out, cases, results, NR_CASES);
		close_json(json_out);
	}
	if (fflush(stdout) || ferror(stdout))
		die("cannot write to stdout: %s", strerror(errno));
	return exit_status(results);
}
