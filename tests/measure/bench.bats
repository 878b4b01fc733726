#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# kvm-clock-bench: its options, its arithmetic, its judgement and its output. What needs a /dev/kvm says so in its name.

bats_require_minimum_version 1.5.0

setup_file() {
	export SOURCE="$BATS_TEST_DIRNAME/../../measure/bench"
	export VMM="$BATS_TEST_DIRNAME/../../rig/vmm"
	export BENCH="${BENCH_OUT:-$BATS_FILE_TMPDIR}/kvm-clock-bench"
	make -s -C "$SOURCE" OUT="$(dirname "$BENCH")"
	for source in "$SOURCE"/*.c "$VMM"/*.c; do
		[ "$(basename "$source")" = kvm-clock-bench.c ] ||
			(cd "$BATS_FILE_TMPDIR" && gcc -std=c11 -D_GNU_SOURCE -I"$VMM" -c "$source")
	done
	ar rcs "$BATS_FILE_TMPDIR/bench.a" "$BATS_FILE_TMPDIR"/*.o
	fake_h >"$BATS_FILE_TMPDIR/fake.h"
}

# fake_h: a VM without a kernel, for one case; get_clock() and set_msr() are the harness's.
fake_h() {
	cat <<-'EOT'
		#include <stdlib.h>
		#include <string.h>
		#include <time.h>
		#include <x86intrin.h>
		#include "bench.h"
		#include "vm.h"
		static struct result result;
		static struct texts all;
		int kvm_has(int cap) { return cap == KVM_CAP_ADJUST_CLOCK ? KVM_CLOCK_REALTIME : 0; }
		void vm_create(struct vm *vm, unsigned int nr) { (void)nr; vm->memory = calloc(1, GUEST_MEMORY_SIZE); }
		void vm_run(struct vm *vm, unsigned int vcpu) { (void)vm, (void)vcpu; }
		bool vm_tsc_offset(struct vm *vm, unsigned int vcpu, unsigned long request, uint64_t *offset)
		{
			(void)vm, (void)vcpu, (void)request;
			*offset = 0;
			return true;
		}
		static void run(void (*run_case)(const struct bench_case *self))
		{
			const struct bench_case self = { .name = "case", .mode = vm_create, .msr = 1 };
			unsigned int i;

			findings = &all;
			current = &result;
			run_case(&self);
			for (i = 0; i < result.nr_metrics; i++)
				printf("%s=%lld\n", result.metrics[i].name, (long long)result.metrics[i].value);
			for (i = 0; i < all.nr; i++)
				printf("affected by %s\n", all.text[i]);
		}
	EOT
}

# harness FLAGS...: compiles stdin, whose functions replace those of the same name in the sources, and runs it.
harness() {
	cat >"$BATS_TEST_TMPDIR/harness.c"
	gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror "$@" -I"$SOURCE" -I"$VMM" -I"$BATS_FILE_TMPDIR" \
		-o "$BATS_TEST_TMPDIR/harness" "$BATS_TEST_TMPDIR/harness.c" "$BATS_FILE_TMPDIR/bench.a" -Wl,-z,muldefs
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

@test "both programs are static, one for each word size" {
	run readelf -hl "$BENCH"
	[[ "$output" == *ELF64* && "$output" != *INTERP* ]]
	run readelf -hl "${BENCH}32"
	[[ "$output" == *ELF32* && "$output" != *INTERP* ]]
}

@test "builds where linux/kvm.h is of v5.10" {
	mkdir "$BATS_TEST_TMPDIR/linux"
	# What came later, taken away; struct kvm_clock_data gets back its padding.
	sed -E '/KVM_CLOCK_REALTIME|KVM_CLOCK_HOST_TSC|KVM_VCPU_TSC_|KVM_XEN_HVM_CONFIG_(INTERCEPT|SHARED)/d
		/^struct kvm_clock_data/,/^};/{
			/__u64 clock|__u32 flags|^struct|^}/!d
			s/__u32 flags;/__u32 flags; __u32 pad[9];/
		}
		/^struct kvm_xen_hvm_attr/,/^};/d' /usr/include/linux/kvm.h >"$BATS_TEST_TMPDIR/linux/kvm.h"
	run ! grep -q KVM_CLOCK_REALTIME "$BATS_TEST_TMPDIR/linux/kvm.h"
	make -s -C "$SOURCE" OUT="$BATS_TEST_TMPDIR/out" CFLAGS="-isystem $BATS_TEST_TMPDIR -O0"
}

@test "--help: usage, an example, the JSON and the status, on stdout; the example's cases are in --list" {
	run -0 --separate-stderr "$BENCH" --help
	[ -z "$stderr" ]
	for word in Usage: Example: JSON: Status: --tries --case --list --age --busy --vcpus --vms --clocksource --json
	do
		[[ "$output" == *"$word"* ]]
	done
	grep -o -- '--case [a-z_]\+' <<<"$output" | (! grep -vf <("$BENCH" --list | sed 's/ .*/$/'))
}

@test "bad input gets one line that names it" {
	while IFS=';' read -r arguments message; do
		# shellcheck disable=SC2086 # a list
		run --separate-stderr "$BENCH" $arguments
		one_line "$message"
	done <<-'EOT'
		--nonsense;unknown option '--nonsense'
		-x;unknown option '-x'
		word;'word' is not an option
		--case nonsense;--case 'nonsense' is unknown; --list
		--case;--case needs a value
		--list=x;unknown option '--list=x'
		--busy 1025;--busy '1025'
		--age 0;--age '0'
		--vcpus 65;--vcpus '65' is not a number from 1 to 64
		--vms 101;--vms '101' is not a number from 1 to 100
	EOT
	for number in 0 -1 1e3 10x '' ' 5' 10000001 99999999999999999999; do
		run --separate-stderr "$BENCH" --tries "$number"
		one_line "--tries '$number' is not a number from 1 to 10000000"
	done
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

# judge WIDTH ERROR [FLAGS [VMS]]: the metrics of five epochs, all ERROR ns off, in brackets WIDTH ns wide.
judge() {
	harness -DWIDTH="$1" -DERROR="$2" -DFLAGS="${3:-KVM_CLOCK_REALTIME}" -DVMS="${4:-1}" <<-'EOT'
		#include "fake.h"
		#define EPOCH (1700000000LL * NSEC_PER_SEC + 123456789)
		struct options options = { .tries = 5, .vms = VMS };
		void get_clock(struct vm *vm, struct clock_reading *reading)
		{
			static uint64_t now;

			(void)vm;
			now += WIDTH;
			*reading = (struct clock_reading){ .flags = FLAGS, .clock = now, .realtime = EPOCH + now };
		}
		void set_msr(struct vm *vm, unsigned int vcpu, uint32_t index, uint64_t value)
		{
			struct wall_clock *wc = vm_memory(vm, value);

			(void)vcpu, (void)index;
			wc->sec = (EPOCH + ERROR) / NSEC_PER_SEC;
			wc->nsec = (EPOCH + ERROR) % NSEC_PER_SEC;
		}
		int main(void)
		{
			unsigned int i;

			run(run_epoch);
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
	[[ "$output" == *"median_ns=-1"*"worst_ns=1"*"outside=0"* ]]
	run judge 10000 -3
	[[ "$output" == *"median_ns=-3"*"worst_ns=3"*"outside=5"* ]]
	[[ "$output" == *"affected by an inexact epoch in case (median -3 ns, worst 3 ns)"* ]]
	[[ "$output" == *"5 of up to 5" ]]
}

@test "several VMs take turns, each judged by its own readings" {
	run judge 10000 3 KVM_CLOCK_REALTIME 3
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
	harness <<-'EOT'
		#include <assert.h>
		#include "scaling.c"
		struct options options;
		int main(void)
		{
			uint64_t x = 88172645463325252ULL, host, guest;
			unsigned __int128 wide;
			unsigned int bits, i;

			for (i = 0; i < 1000000; i++) {
				x ^= x << 13, x ^= x >> 7, x ^= x << 17;
				bits = i & 1 ? SVM_RATIO_BITS : VMX_RATIO_BITS;
				host = 100000 + (x >> 40) % 9000000;
				guest = 100000 + (x & 0xffffff) % 9000000;
				wide = guest;
				assert(scaling_ratio(guest, host, bits) == (uint64_t)((wide << bits) / host));
				wide = x;
				assert(mul_shift(x, guest << 8, bits) == (uint64_t)(wide * (guest << 8) >> bits));
			}
			return 0;
		}
	EOT
}

# instant REAL_ERROR CLOCK_ERROR [FLAGS]: the metrics of readings that are that many ns off the clocks around them.
instant() {
	harness -DREAL_ERROR="$1" -DCLOCK_ERROR="$2" -DFLAGS="${3:-KVM_CLOCK_REALTIME}" <<-'EOT'
		#include "fake.h"
		struct options options = { .tries = 100 };
		void get_clock(struct vm *vm, struct clock_reading *reading)
		{
			(void)vm;
			reading->flags = FLAGS;
			reading->clock = __rdtsc() + CLOCK_ERROR;
			reading->realtime = clock_now(CLOCK_REALTIME) + REAL_ERROR;
		}
		void set_msr(struct vm *vm, unsigned int vcpu, uint32_t index, uint64_t value)
		{
			/* A TSC that counts ns. */
			struct vcpu_time time = { .tsc_to_system_mul = 1U << 31, .tsc_shift = 1 };

			(void)vcpu;
			if (index != MSR_KVM_SYSTEM_TIME_NEW || value != (GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE))
				exit(1);
			time.tsc_timestamp = time.system_time = __rdtsc();
			memcpy(vm_memory(vm, GPA_VCPU_TIME), &time, sizeof(time));
		}
		int main(void)
		{
			run(run_instant);
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

@test "a realtime off the wall clock, a clock off the guest's: far, either way, and little with the master clock" {
	for error in -1000000000 1000000000; do
		run -0 instant $error 0
		[[ "$output" == *"guest_outside=0"*"real_outside=100"*"affected by a realtime of KVM_GET_CLOCK"* ]]
		run -0 instant 0 $error
		[[ "$output" == *"guest_outside=100"*"real_outside=0"*"affected by KVM_GET_CLOCK apart from"* ]]
	done
	run -0 instant 0 -9000
	[[ "$output" == *"guest_outside=0"* ]]
	run -0 instant 0 -9000 'KVM_CLOCK_REALTIME|KVM_CLOCK_TSC_STABLE'
	[[ "$output" == *"guest_outside="[1-9]* ]]
}

# report FUNCTION: a result of every state, reported as JSON or as a table.
report() {
	harness -DREPORT="$1" <<-'EOT'
		#include <string.h>
		#include "bench.h"
		struct options options = { .tries = 20000, .busy = 3 };
		static const struct bench_case cases[] = {
			{ .name = "one", .what = "what one is" }, { .name = "two", .what = "what two is" },
			{ .name = "three", .what = "what three is" }, { .name = "four", .what = "what four is" },
			{ .name = "five", .what = "what five is" },
		};
		int main(void)
		{
			static struct result results[5];
			static struct texts all;

			findings = &all;
			current = &results[0];
			metric("worst_ns", -1234567, "in one");
			metric("only_ns", INT64_MIN, "only here");
			affected("one thing (%s ns)", grouped(1000));
			new_series("s_histogram", 3)[1] = 7;
			results[0].state = MEASURED;
			current = &results[1];
			metric("worst_ns", 999, "in two");
			note("a \"part\" of \\ it\n");
			affected("another");
			results[1].state = MEASURED;
			results[2].state = NOT_MEASURED;
			strcpy(results[2].reason, "not \"here\"");
			results[3].state = FAILED;
			strcpy(results[3].reason, "broken");
			REPORT(cases, results, 5);
			return 0;
		}
	EOT
}

@test "the JSON is valid, whatever the state of a case" {
	report report_json >"$BATS_TEST_TMPDIR/json"
	run -0 jq -r '.schema, .tries, .busy, .cases.one.worst_ns, .cases.one.measured, .cases.two.not_measured[0],
		.cases.three.reason, .cases.three.measured, .cases.four.failed, (.cases | has("five")), .affected[1],
		(.cases.one.s_histogram | join("+")), (.histogram_bounds_ns | length), .verdict' \
		"$BATS_TEST_TMPDIR/json"
	[ "${lines[*]}" = '2 20000 3 -1234567 true a "part" of \ it not "here" false broken false another 0+7+0 29'\
' this kernel: affected by one thing (1,000 ns), another' ]
}

@test "the table has the metrics of each case, a reason for what is missing, and the verdict last" {
	run -0 report report_table
	[[ "$output" =~ "one: what one is"[[:space:]]+worst_ns\ +-1,234,567\ +in\ one ]]
	[[ "$output" =~ only_ns\ +-9,223,372,036,854,775,808\ +only\ here ]]
	[[ "$output" =~ "three: what three is"[[:space:]]+"not measured: not \"here\"" ]]
	[[ "$output" =~ "four: what four is"[[:space:]]+"FAILED: broken" ]]
	[[ "$output" != *five* ]]
	[ "${lines[-1]}" = 'this kernel: affected by one thing (1,000 ns), another' ]
}

@test "on /dev/kvm: the chosen cases only, and what cannot be written is an error" {
	need_kvm
	run -0 --separate-stderr "$BENCH" --case future --case before --tries 10 --json
	[ "$(jq -c '.cases | keys' <<<"$output")" = '["before","future"]' ]
	run --separate-stderr bash -c "exec $BENCH --case future --json >/dev/full"
	one_line "cannot write to stdout: No space left on device"
}

@test "on /dev/kvm: a clocksource that the host does not have is an error that names those it has" {
	need_kvm
	local available
	available=$(sed 's/ $//' /sys/devices/system/clocksource/clocksource0/available_clocksource)
	for name in nonsense '' ts; do
		run --separate-stderr "$BENCH" --case future --clocksource "$name"
		one_line "--clocksource '$name' is none that this host offers: $available"
	done
}

# left: the processes of this program that are there; zombies, which only wait for init, have no command line.
left() { pgrep -f "^$BENCH" || true; }

@test "on /dev/kvm: no child outlives the program, whatever signal ends it" {
	need_kvm
	local i pid signal status
	for signal in INT TERM KILL; do
		status=0
		env --default-signal=INT "$BENCH" --busy 8 --age 60 --case resnapshot >/dev/null 2>&1 3>&- &
		pid=$!
		for ((i = 0; i < 600 && $(left | wc -l) < 10; i++)); do sleep 0.1; done
		[ "$(left | wc -l)" -eq 10 ]
		kill -s $signal "$pid"
		wait "$pid" || status=$?
		[ "$status" -eq $((128 + $(kill -l $signal))) ]
		for ((i = 0; i < 300 && $(left | wc -l) > 0; i++)); do sleep 0.1; done
		[ -z "$(left)" ]
	done
}
