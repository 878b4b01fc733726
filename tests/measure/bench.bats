#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# kvm-clock-bench: its options, its arithmetic, its judgement and its output. What needs a usable /dev/kvm says so in its name.

bats_require_minimum_version 1.5.0

setup_file() {
	export SOURCE="$BATS_TEST_DIRNAME/../../measure/bench"
	export VMM="$BATS_TEST_DIRNAME/../../rig/vmm"
	export BENCH="${BENCH_OUT:-$BATS_FILE_TMPDIR}/kvm-clock-bench"
	make -s -C "$SOURCE" OUT="$(dirname "$BENCH")"
}

# harness FLAGS...: compiles stdin, a program that may include the sources, and runs it.
harness() {
	cat >"$BATS_TEST_TMPDIR/harness.c"
	gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror "$@" -I"$SOURCE" -I"$VMM" -pthread \
		-o "$BATS_TEST_TMPDIR/harness" "$BATS_TEST_TMPDIR/harness.c"
	"$BATS_TEST_TMPDIR/harness"
}

# one_line TEXT: the run gave status 2, nothing on stdout and one line on stderr, with TEXT in it.
one_line() {
	[ "$status" -eq 2 ]
	[ -z "$output" ]
	# shellcheck disable=SC2154 # run sets it
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" == "kvm-clock-bench: error: "*"$1"* ]]
}

need_kvm() {
	(. "$BATS_TEST_DIRNAME/../../rig/lib.sh" && have_kvm) || skip "no usable /dev/kvm"
}

# need_32bit: the 32-bit program is executed here. tests/measure/bench-vm.bats executes it in the VM, whatever this kernel can do.
need_32bit() {
	local status=0
	"${BENCH}32" --list >/dev/null 2>"$BATS_TEST_TMPDIR/32bit" || status=$?
	[ "$status" != 126 ] || skip "this kernel cannot execute 32-bit programs: $(sed 's/.*: //' "$BATS_TEST_TMPDIR/32bit")"
}

@test "both programs are static, one for each word size" {
	run readelf -hl "$BENCH"
	[[ "$output" == *ELF64* && "$output" != *INTERP* ]]
	run readelf -hl "${BENCH}32"
	[[ "$output" == *ELF32* && "$output" != *INTERP* ]]
}

@test "both programs have all cases" {
	need_32bit
	[ "$("$BENCH" --list)" = "$("${BENCH}32" --list)" ]
}

@test "builds where linux/kvm.h is of v5.10" {
	mkdir "$BATS_TEST_TMPDIR/linux"
	# What came later, taken away; struct kvm_clock_data gets back its padding.
	sed -E '/KVM_CLOCK_REALTIME|KVM_CLOCK_HOST_TSC|KVM_VCPU_TSC_|KVM_XEN_HVM_CONFIG_(INTERCEPT|SHARED)/d
		/^struct kvm_clock_data/,/^};/{ /__u64 clock|__u32 flags|^struct|^}/!d; s/__u32 flags;/__u32 flags; __u32 pad[9];/ }
		/^struct kvm_xen_hvm_attr/,/^};/d' /usr/include/linux/kvm.h >"$BATS_TEST_TMPDIR/linux/kvm.h"
	run ! grep -q KVM_CLOCK_REALTIME "$BATS_TEST_TMPDIR/linux/kvm.h"
	make -s -C "$SOURCE" OUT="$BATS_TEST_TMPDIR/out" CFLAGS="-isystem $BATS_TEST_TMPDIR -O0"
}

@test "--help: usage, an example, the JSON and the status, on stdout" {
	run --separate-stderr "$BENCH" --help
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	for word in Usage: Example: JSON: Status: --tries --case --list --age --busy --vcpus --vms --clocksource --json; do
		[[ "$output" == *"$word"* ]]
	done
}

@test "--list names every case, and --help's example is made of them" {
	run --separate-stderr "$BENCH" --list
	[ "$status" -eq 0 ]
	for name in msr msr_old noclock old_time before xen guest spread trips pairs same_rate resnapshot rate versions future instant \
		scaling cost cost_noclock; do
		[[ "$output" == *"$name "* ]]
	done
	for name in $("$BENCH" --help | grep -o -- '--case [a-z_]*' | cut -d ' ' -f 2); do
		[[ "$output" == *"$name "* ]]
	done
}

@test "bad input gets one line that names it" {
	run --separate-stderr "$BENCH" --nonsense
	one_line "unknown option '--nonsense'"
	run --separate-stderr "$BENCH" -x
	one_line "unknown option '-x'"
	run --separate-stderr "$BENCH" word
	one_line "'word' is not an option"
	run --separate-stderr "$BENCH" --case nonsense
	one_line "--case 'nonsense' is unknown; --list"
	run --separate-stderr "$BENCH" --case
	one_line "--case needs a value"
	run --separate-stderr "$BENCH" --list=x
	one_line "unknown option '--list=x'"
	for number in 0 -1 1e3 10x '' ' 5' 10000001 99999999999999999999; do
		run --separate-stderr "$BENCH" --tries "$number"
		one_line "--tries '$number' is not a number from 1 to 10000000"
	done
	run --separate-stderr "$BENCH" --busy 1025
	one_line "--busy '1025'"
	run --separate-stderr "$BENCH" --age 0
	one_line "--age '0'"
	run --separate-stderr "$BENCH" --vcpus 65
	one_line "--vcpus '65' is not a number from 1 to 64"
	run --separate-stderr "$BENCH" --vms 101
	one_line "--vms '101' is not a number from 1 to 100"
}

@test "no /dev/kvm: one line that says what to do" {
	mkdir "$BATS_TEST_TMPDIR/empty"
	cp "$BENCH" "$BATS_TEST_TMPDIR/empty/"
	local as_root=()
	[ "$(id -u)" -eq 0 ] || as_root=(unshare --map-root-user)
	run --separate-stderr "${as_root[@]}" chroot "$BATS_TEST_TMPDIR/empty" /kvm-clock-bench --tries 1
	one_line "cannot open /dev/kvm: No such file or directory; load the module"
	mkdir "$BATS_TEST_TMPDIR/empty/dev"
	touch "$BATS_TEST_TMPDIR/empty/dev/kvm"
	run --separate-stderr "${as_root[@]}" chroot "$BATS_TEST_TMPDIR/empty" /kvm-clock-bench --tries 1
	one_line "/dev/kvm does not speak KVM's stable API"
}

# judge WIDTH ERROR [FLAGS]: five epochs, all ERROR ns off, in brackets WIDTH ns wide: the metrics that come of it.
judge() {
	# shellcheck disable=SC2086 # a list
	harness -DWIDTH="$1" -DERROR="$2" ${3:+-DFLAGS=$3} <<-'EOT'
		#include "accuracy.c"
		#ifndef FLAGS
		#define FLAGS KVM_CLOCK_REALTIME
		#endif
		#ifndef VMS
		#define VMS 1
		#endif
		#define EPOCH (1700000000LL * NSEC_PER_SEC + 123456789)
		struct options options = { .tries = 5, .vms = VMS };
		static uint8_t memory[GUEST_MEMORY_SIZE];
		static uint64_t now;
		void get_clock(struct vm *vm, struct clock_reading *reading)
		{
			(void)vm;
			now += WIDTH;
			memset(reading, 0, sizeof(*reading));
			reading->flags = FLAGS;
			reading->clock = now;
			reading->realtime = EPOCH + now;
		}
		void set_msr(struct vm *vm, unsigned int vcpu, uint32_t index, uint64_t value)
		{
			struct wall_clock *wc = (void *)(memory + value);

			(void)vm, (void)vcpu, (void)index;
			wc->version += 2;
			wc->sec = (EPOCH + ERROR) / NSEC_PER_SEC;
			wc->nsec = (EPOCH + ERROR) % NSEC_PER_SEC;
		}
		void *vm_memory(struct vm *vm, uint64_t gpa) { (void)vm; return memory + gpa; }
		uint64_t get_msr(struct vm *vm, unsigned int vcpu, uint32_t index) { (void)vm, (void)vcpu, (void)index; return 0; }
		void vm_create(struct vm *vm, unsigned int nr) { (void)vm, (void)nr; }
		void vm_create_running(struct vm *vm, unsigned int nr) { (void)vm, (void)nr; }
		void vm_run(struct vm *vm, unsigned int vcpu) { (void)vm, (void)vcpu; }
		void vm_ioctl(int fd, unsigned long request, const void *arg, const char *name)
			{ (void)fd, (void)request, (void)arg, (void)name; }
		int kvm_has(int cap) { (void)cap; return 0; }
		bool kernel_has_realtime(void) { return true; }
		unsigned int vcpus_or(unsigned int by_itself, unsigned int min) { (void)min; return by_itself; }
		bool kernel_has_xen(void) { return false; }
		void xen_enable(struct vm *vm) { (void)vm; }
		void mode_master(struct vm *vm, unsigned int vcpus) { (void)vm, (void)vcpus; }
		void mode_noclock(struct vm *vm, unsigned int vcpus) { (void)vm, (void)vcpus; }
		void mode_old_time(struct vm *vm, unsigned int vcpus) { (void)vm, (void)vcpus; }
		void mode_before(struct vm *vm, unsigned int vcpus) { (void)vm, (void)vcpus; }
		#include "stats.c"
		#include "result.c"
		int main(void)
		{
			const struct bench_case self = { .name = "case" };
			static struct result result;
			unsigned int i;

			result_start(&result);
			run_msr(&self);
			for (i = 0; i < result.nr_metrics; i++)
				printf("%s=%lld\n", result.metrics[i].name, (long long)result.metrics[i].value);
			for (i = 0; i < result.nr_findings; i++)
				printf("affected by %s\n", result.findings[i]);
			for (i = 0; i < NR_BUCKETS; i++) {
				if (result.series[0].values[i])
					printf("%lld of up to %lld\n", (long long)result.series[0].values[i],
					       (long long)histogram_bounds[i]);
			}
			return 0;
		}
	EOT
}

@test "an epoch 2 ns off is rounding, one 3 ns off is not" {
	run judge 10000 2
	[[ "$output" == *"median_ns=2"*"worst_ns=2"*"outside=0"* ]]
	[[ "$output" != *affected* ]]
	[[ "$output" == *"5 of up to 2" ]]
	run judge 10000 -1
	[[ "$output" == *"worst_ns=1"*"low_ns=-1"*"high_ns=0"*"outside=0"* ]]
	run judge 10000 -3
	[[ "$output" == *"median_ns=-3"*"worst_ns=3"*"low_ns=-3"*"high_ns=0"*"outside=5"* ]]
	[[ "$output" == *"affected by an inexact epoch in case (median -3 ns, worst 3 ns)"* ]]
	[[ "$output" == *"5 of up to 5" ]]
}

@test "several VMs take turns, each judged by its own readings" {
	run judge 10000 3 'KVM_CLOCK_REALTIME -DVMS=3'
	[[ "$output" == *"vms=3"*"bracketed=5"*"worst_ns=3"*"outside=5"* ]]
}

@test "a bracket up to 100 us has no more than 2 ns, a wider one 500 ppm on top, and none is dropped" {
	run judge 100000 3
	[[ "$output" == *"bracketed=5"*"outside=5"* ]]
	run judge 1000000 502
	[[ "$output" == *"bracketed=5"*"outside=0"* ]]
	run judge 1000000 503
	[[ "$output" == *"bracketed=5"*"outside=5"* ]]
}

@test "without realtime there is no bracket, and that is a finding where the kernel knows realtime" {
	run judge 10000 0 0
	[[ "$output" == *"realtime=0"*"affected by no realtime from KVM_GET_CLOCK in case"* ]]
	[[ "$output" != *bracketed* ]]
}

@test "the arithmetic of TSC scaling agrees with 128-bit arithmetic" {
	harness -Wno-unused-function <<-'EOT'
		#include <assert.h>
		#include "scaling.c"
		struct options options;
		#include "pvclock.c"
		#include "stats.c"
		int64_t rounded_div(int64_t value, int64_t divisor) { return value / divisor; }
		int main(void)
		{
			uint64_t x = 88172645463325252ULL, host, guest;
			unsigned int bits, i;

			for (i = 0; i < 1000000; i++) {
				x ^= x << 13, x ^= x >> 7, x ^= x << 17;
				bits = i & 1 ? SVM_RATIO_BITS : VMX_RATIO_BITS;
				host = 100000 + (x >> 40) % 9000000;
				guest = 100000 + (x & 0xffffff) % 9000000;
				assert(scaling_ratio(guest, host, bits) == (uint64_t)(((unsigned __int128)guest << bits) / host));
				assert(mul_shift(x, guest << 8, bits) == (uint64_t)((unsigned __int128)x * (guest << 8) >> bits));
			}
			return 0;
		}
		const char *grouped(int64_t value) { (void)value; return ""; }
		void sleep_age(void) { }
		void metric(const char *name, int64_t value, const char *meaning) { (void)name, (void)value, (void)meaning; }
		void affected(const char *format, ...) { (void)format; }
		void not_measured(const char *format, ...) { (void)format; _Exit(1); }
		void failed(const char *format, ...) { (void)format; _Exit(1); }
		int kvm_has(int cap) { (void)cap; return 0; }
		void vm_create(struct vm *vm, unsigned int nr) { (void)vm, (void)nr; }
		void vm_run(struct vm *vm, unsigned int vcpu) { (void)vm, (void)vcpu; }
		void *vm_memory(struct vm *vm, uint64_t gpa) { (void)gpa; return vm; }
		void get_clock(struct vm *vm, struct clock_reading *reading) { (void)vm, (void)reading; }
		uint64_t get_msr(struct vm *vm, unsigned int vcpu, uint32_t index) { (void)vm, (void)vcpu, (void)index; return 0; }
		void set_msr(struct vm *vm, unsigned int vcpu, uint32_t index, uint64_t value)
			{ (void)vm, (void)vcpu, (void)index, (void)value; }
		void require_master_clock(struct vm *vm) { (void)vm; }
		void note(const char *format, ...) { (void)format; }
		void vm_create_running(struct vm *vm, unsigned int nr) { (void)vm, (void)nr; }
	EOT
}

# instant REAL_ERROR CLOCK_ERROR [FLAGS]: readings that are that many ns off the clocks around them: the metrics that come of it.
instant() {
	harness -DREAL_ERROR="$1" -DCLOCK_ERROR="$2" -DFLAGS="${3:-KVM_CLOCK_REALTIME}" -Wno-unused-function <<-'EOT'
		#include <stdarg.h>
		#include "scaling.c"
		struct options options = { .tries = 100 };
		static uint8_t memory[GUEST_MEMORY_SIZE];
		void get_clock(struct vm *vm, struct clock_reading *reading)
		{
			(void)vm;
			reading->flags = FLAGS;
			reading->clock = __rdtsc() + CLOCK_ERROR;
			reading->realtime = clock_now(CLOCK_REALTIME) + REAL_ERROR;
		}
		void vm_create_running(struct vm *vm, unsigned int nr) { (void)nr; vm->vcpu_fd[0] = -1; }
		void set_msr(struct vm *vm, unsigned int vcpu, uint32_t index, uint64_t value)
		{
			/* A TSC that counts ns. */
			struct vcpu_time time = { .tsc_to_system_mul = 1U << 31, .tsc_shift = 1 };

			(void)vm, (void)vcpu;
			if (index != MSR_KVM_SYSTEM_TIME_NEW || value != (GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE))
				exit(1);
			time.tsc_timestamp = time.system_time = __rdtsc();
			memcpy(memory + GPA_VCPU_TIME, &time, sizeof(time));
		}
		void *vm_memory(struct vm *vm, uint64_t gpa) { (void)vm; return memory + gpa; }
		/* The TSC offset is all that is asked. */
		int ioctl(int fd, unsigned long request, ...)
		{
			const struct kvm_device_attr *attr;
			va_list args;

			va_start(args, request);
			attr = va_arg(args, const struct kvm_device_attr *);
			va_end(args);
			*(uint64_t *)(uintptr_t)attr->addr = 0;
			return fd == -1 && request == KVM_GET_DEVICE_ATTR ? 0 : -1;
		}
		void vm_run(struct vm *vm, unsigned int vcpu) { (void)vm, (void)vcpu; }
		int kvm_has(int cap) { (void)cap; return 0; }
		void vm_create(struct vm *vm, unsigned int nr) { (void)vm, (void)nr; }
		uint64_t get_msr(struct vm *vm, unsigned int vcpu, uint32_t index) { (void)vm, (void)vcpu, (void)index; return 0; }
		void require_master_clock(struct vm *vm) { (void)vm; }
		#include "pvclock.c"
		#include "stats.c"
		#include "result.c"
		int main(void)
		{
			const struct bench_case self = { .name = "case" };
			static struct result result;
			unsigned int i;

			result_start(&result);
			run_instant(&self);
			for (i = 0; i < result.nr_metrics; i++)
				printf("%s=%lld\n", result.metrics[i].name, (long long)result.metrics[i].value);
			for (i = 0; i < result.nr_findings; i++)
				printf("affected by %s\n", result.findings[i]);
			return 0;
		}
	EOT
}

@test "a reading whose fields lie between the clocks around it is right" {
	run -0 instant 0 0
	[[ "$output" == *"guest_worst_ns=0"*"guest_outside=0"*"real_worst_ns=0"*"real_outside=0"* ]]
	run -0 instant 0 0 0
	[[ "$output" == *"guest_outside=0"* ]]
	[[ "$output" != *real_* && "$output" != *affected* ]]
}

@test "a realtime off the wall clock, a clock off the guest's: far off, either way, and by little with the master clock" {
	for error in -1000000000 1000000000; do
		run -0 instant $error 0
		[[ "$output" == *"guest_outside=0"*"real_outside=100"*"affected by a realtime of KVM_GET_CLOCK that is not the wall clock's"* ]]
		run -0 instant 0 $error
		[[ "$output" == *"guest_outside=100"*"real_outside=0"*"affected by KVM_GET_CLOCK apart from the guest's own view"* ]]
	done
	run -0 instant 0 -9000
	[[ "$output" == *"guest_outside=0"* ]]
	run -0 instant 0 -9000 'KVM_CLOCK_REALTIME|KVM_CLOCK_TSC_STABLE'
	[[ "$output" == *"guest_outside="[1-9]* ]]
}

# report: a result of every state, reported as JSON or as a table.
report() {
	harness <<-'EOT'
		#include <string.h>
		#include "report.c"
		#include "result.c"
		struct options options = { .tries = 20000, .busy = 3 };
		static const struct bench_case cases[] = {
			{ "one", "what one is", EPOCH_TABLE, NULL }, { "two", "what two is", EPOCH_TABLE, NULL },
			{ "three", "what three is", NO_TABLE, NULL }, { "four", "what four is", NO_TABLE, NULL },
			{ "five", "what five is", NO_TABLE, NULL }, { "six", "what six is", COST_TABLE, NULL },
		};
		int main(void)
		{
			static struct result results[6];

			result_start(&results[0]);
			metric("worst_ns", -1234567, "in one");
			metric("only_ns", INT64_MIN, "only here");
			affected("one thing (%s ns)", grouped(1000));
			results[0].state = MEASURED;
			result_start(&results[1]);
			metric("worst_ns", 999, "in two");
			note("a \"part\" of \\ it\n");
			affected("another");
			results[1].state = MEASURED;
			results[2].state = NOT_MEASURED;
			strcpy(results[2].reason, "not \"here\"");
			results[3].state = FAILED;
			strcpy(results[3].reason, "broken");
			result_start(&results[5]);
			metric("ticks", 4321, "in six");
			results[5].state = MEASURED;
			new_series("s_histogram", 3)[1] = 7;
			report_json(stdout, cases, results, 6);
			report_table(cases, results, 6);
			return 0;
		}
	EOT
}

@test "the JSON is valid, whatever the state of a case" {
	report >"$BATS_TEST_TMPDIR/both"
	sed '/^}$/q' "$BATS_TEST_TMPDIR/both" >"$BATS_TEST_TMPDIR/json"
	run jq -r '.schema, .tries, .busy, .cases.one.worst_ns, .cases.one.measured, .cases.two.not_measured[0],
		.cases.three.reason, .cases.three.measured, .cases.four.failed, (.cases | has("five")), .affected[1],
		(.cases.six.s_histogram | join("+")), (.histogram_bounds_ns | length), .verdict' \
		"$BATS_TEST_TMPDIR/json"
	[ "$status" -eq 0 ]
	[ "${lines[*]}" = '2 20000 3 -1234567 true a "part" of \ it not "here" false broken false another 0+7+0 29'\
' this kernel: affected by one thing (1,000 ns), another' ]
}

@test "the table has a column for each epoch case, a reason for what is missing, and the verdict last" {
	report >"$BATS_TEST_TMPDIR/both"
	run sed '1,/^}$/d' "$BATS_TEST_TMPDIR/both"
	[[ "$output" =~ worst_ns\ +-1,234,567\ +999\ +in\ one ]]
	[[ "$output" =~ only_ns\ +-9,223,372,036,854,775,808\ +-\ +only\ here ]]
	[[ "$output" == *'three: not measured: not "here"'* ]]
	[[ "$output" == *'four: FAILED: broken'* ]]
	[[ "$output" != *five* ]]
	[[ "$output" == *"six: what six is"*six*"4,321  in six"* ]]
	[ "${lines[-1]}" = 'this kernel: affected by one thing (1,000 ns), another' ]
}

# value_or_reason PROGRAM: every case has one, in the table and in valid JSON.
value_or_reason() {
	"$1" --tries 500 --age 1 --json "$BATS_TEST_TMPDIR/result.json" >"$BATS_TEST_TMPDIR/table"
	jq -e '[.cases[] | (.measured and length > 1) or (.reason | length > 0)] | length == '"$("$1" --list | wc -l)"' and all' \
		"$BATS_TEST_TMPDIR/result.json"
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/table")" = "$(jq -r .verdict "$BATS_TEST_TMPDIR/result.json")" ]
	[ ! -e "$BATS_TEST_TMPDIR/result.json.part" ]
}

@test "on /dev/kvm: every case has a value or a reason, in the table and in valid JSON" {
	need_kvm
	value_or_reason "$BENCH"
}

@test "on /dev/kvm: every case of the 32-bit program has a value or a reason" {
	need_kvm
	need_32bit
	value_or_reason "${BENCH}32"
}

@test "on /dev/kvm: --json alone gives nothing but JSON, with the chosen cases only" {
	need_kvm
	run --separate-stderr "$BENCH" --case future --case before --tries 10 --json
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	[ "$(jq -c '.cases | keys' <<<"$output")" = '["before","future"]' ]
}

@test "on /dev/kvm: a clocksource that the host does not have is an error that names those it has" {
	need_kvm
	for name in nonsense '' ts; do
		run --separate-stderr "$BENCH" --case future --clocksource "$name"
		one_line "--clocksource '$name' is none that this host offers: $(sed "s/ $//" /sys/devices/system/clocksource/clocksource0/available_clocksource)"
	done
}

@test "on /dev/kvm: more vCPUs and more VMs are measured, and said" {
	need_kvm
	"$BENCH" --case noclock --case cost --tries 100 --vcpus 5 --vms 7 --json >"$BATS_TEST_TMPDIR/result.json"
	[ "$(jq -c '[.cases[] | .vcpus, .vms]' "$BATS_TEST_TMPDIR/result.json")" = '[5,7,5,7]' ]
	[ "$(jq '.cases.noclock.step_histogram | add' "$BATS_TEST_TMPDIR/result.json")" = 93 ]
}

@test "on /dev/kvm: a result that cannot be written is known before anything is measured" {
	need_kvm
	run --separate-stderr "$BENCH" --case future --json "$BATS_TEST_TMPDIR/none/result.json"
	one_line "cannot write $BATS_TEST_TMPDIR/none/result.json: No such file or directory"
}

# left: the processes of this program that are there; zombies, which only wait for init, have no command line.
left() { pgrep -f "^$BENCH" || true; }

# ends_with SIGNAL: the program and its ten children are gone soon after it, and the file of the result too.
ends_with() {
	local i pid status=0

	"$BENCH" --busy 8 --age 60 --case resnapshot --json "$BATS_TEST_TMPDIR/result.json" >/dev/null 2>&1 3>&- &
	pid=$!
	for ((i = 0; i < 600 && $(left | wc -l) < 10; i++)); do sleep 0.1; done
	[ "$(left | wc -l)" -eq 10 ]
	kill -s "$1" "$pid"
	wait "$pid" || status=$?
	[ "$status" -eq $((128 + $(kill -l "$1"))) ]
	for ((i = 0; i < 300 && $(left | wc -l) > 0; i++)); do sleep 0.1; done
	[ -z "$(left)" ]
}

@test "on /dev/kvm: Ctrl-C leaves no child and no file" {
	need_kvm
	ends_with INT
	[ -z "$(ls "$BATS_TEST_TMPDIR")" ]
}

@test "on /dev/kvm: SIGTERM and SIGKILL leave no child" {
	need_kvm
	ends_with TERM
	ends_with KILL
}
