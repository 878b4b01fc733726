#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What the series' own test programs change of the host is as it was before, also when they are interrupted in the
# middle; and they change it only if asked to. With real boots of $BOOT; PROGRAMS are these programs (rig/kselftests).
# shellcheck disable=SC2016,SC2154 # what expands in the VM only; bats sets output

bats_require_minimum_version 1.5.0

setup_file() {
	# What can be changed: the clocksource, how many CPUs are online, the frequency, and how far real time is ahead
	# of CLOCK_MONOTONIC, in us. With one such state, and seconds, it waits until there is another; half of the
	# test's smallest step counts.
	export HOST=$BATS_FILE_TMPDIR/host
	gcc -static -O2 -Wall -Wextra -Werror -o "$HOST" -x c - <<-'EOF'
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/timex.h>
		#include <time.h>
		#include <unistd.h>

		#define CURRENT "/sys/devices/system/clocksource/clocksource0/current_clocksource"

		static long us(clockid_t id)
		{
			struct timespec ts;

			clock_gettime(id, &ts);
			return ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
		}

		/* The best of some tries, as this may be preempted between the two clocks. */
		static long ahead_us(void)
		{
			long best = -1, ahead = 0, mono, width;

			for (int i = 0; i < 20; i++) {
				mono = us(CLOCK_MONOTONIC);
				long real = us(CLOCK_REALTIME);
				width = us(CLOCK_MONOTONIC) - mono;
				if (best < 0 || width < best) {
					best = width;
					ahead = real - mono;
				}
			}
			return ahead;
		}

		int main(int argc, char *argv[])
		{
			char now[32] = "", was[32] = "";
			long ahead, was_ahead = 0, freq, was_freq = 0, cpus, had_cpus = 0, start = us(CLOCK_MONOTONIC);

			if (argc > 1 && sscanf(argv[1], "%31s %ld %ld %ld", was, &had_cpus, &was_freq, &was_ahead) != 4)
				return 2;
			do {
				struct timex tx = { 0 };
				FILE *f = fopen(CURRENT, "r");

				if (!f || fscanf(f, "%31s", now) != 1 || adjtimex(&tx) < 0)
					return 2;
				fclose(f);
				freq = tx.freq;
				cpus = sysconf(_SC_NPROCESSORS_ONLN);
				ahead = ahead_us();
				if (argc == 1 || strcmp(now, was) || freq != was_freq || cpus != had_cpus ||
				    labs(ahead - was_ahead) >= 500) {
					printf("%s %ld %ld %ld\n", now, cpus, freq, ahead);
					return 0;
				}
			} while (us(CLOCK_MONOTONIC) - start < atol(argv[2]) * 1000000);
			return 1;
		}
	EOF
}

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset APPEND CMD CPU MEM QEMU QEMU_ARGS SMP TIMEOUT
	export LOGDIR=$BATS_TEST_TMPDIR/log FILES="$HOST ${PROGRAMS:?}"
}

teardown() {
	# What bats shows of a failed test.
	[ -n "$BATS_TEST_COMPLETED" ] || printf '%s\n' "$output" "$stderr"
}

# interrupted PROGRAM CASE: the program is ended by SIGHUP, SIGINT, SIGTERM in turn, as soon as the host is another.
interrupted() {
	CMD='before=$(./host)
		for signal in HUP INT TERM; do
			./'"$1 -d -t $2"' >out 2>&1 &
			changed=$(./host "$before" 60) || { echo "nothing has changed"; cat out; exit 1; }
			kill -$signal $!
			wait $!
			echo "status $?: $before, $changed"
			! ./host "$before" 0 || exit 1
		done' run -0 --separate-stderr rig/vm
	[[ ${lines[0]} == "status 129: "* && ${lines[1]} == "status 130: "* && ${lines[2]} == "status 143: "* ]]
}

@test "the clocksource is put back when its case is interrupted" {
	interrupted kvm_clock_epoch_test msr_on_other_clocksource
}

@test "the wall clock is put back when its case is interrupted" {
	interrupted kvm_clock_epoch_test wall_clock_is_set
}

@test "the wall clock's frequency is put back when its case is interrupted" {
	interrupted kvm_clock_epoch_test wall_clock_is_slewed
}

@test "the CPU is online again when its case is interrupted" {
	interrupted cpu_online_clock_test cpu_online_keeps_tsc
}

# As after a failure, the case's own process does nothing more.
@test "the CPU is online again when its case is killed" {
	CMD='before=$(./host)
		./cpu_online_clock_test -d -t cpu_online_keeps_tsc >out 2>&1 &
		./host "$before" 60 || exit 1
		kill -KILL "$(grep -l "^PPid:.$!\$" /proc/[0-9]*/status | cut -d/ -f3)"
		wait $!
		echo "status $?"
		! ./host "$before" 0' run -0 --separate-stderr rig/vm
	[[ ${lines[1]} == "status 1" ]]
}

@test "a default run changes nothing, and says what it leaves out" {
	CMD='unset KVM_CLOCK_DESTRUCTIVE
		before=$(./host)
		(./host "$before" 120 >changed) &
		for test in *_clock_*test; do
			./$test >out 2>&1 || grep -B 5 "^not ok" out
			grep -o "# SKIP.* which -d asks for" out
		done
		cat changed
		[ ! -s changed ]' run -0 --separate-stderr rig/vm
	[[ $output == *"the host's clocksource, which -d asks for"* ]]
	[[ $output == *"the host's wall clock, which -d asks for"* ]]
	[[ $output == *"a CPU of the host offline, which -d asks for"* ]]
}

@test "without root nothing fails, and what only root may is skipped for that reason" {
	CMD='mkdir -p /etc
		echo "nobody:x:65534:65534::/:/bin/sh" >/etc/passwd
		chmod 666 /dev/kvm
		chmod 755 . ./*_test
		for test in cpu_online_clock_test kvm_clock_epoch_test kvm_clock_guest_test; do
			start-stop-daemon -S -c nobody -x ./$test -- -d >out 2>&1 || [ $? = 4 ] || bad=1
			grep -B 5 "^ *not ok" out
			grep -o "# SKIP.*root may.*" out
		done
		[ -z "$bad" ]' run -0 --separate-stderr rig/vm
	[[ $output == *"only root may change the clocksource"* && $output == *"only root may set the wall clock"* ]]
	[[ $output == *"there is no CPU to take offline, or only root may"* && $output != *"not ok"* ]]
}
