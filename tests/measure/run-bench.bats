#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# measure/bench/bench with played kernels and VMs: turns.
# shellcheck disable=SC2016,SC2154,SC2317 # what the played scripts expand; bats sets stderr and lines; run calls bench

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset BASE VARIANT KERNEL BUILD TRIES BUSY AGE JOBS LOST_BUDGET
	top=$BATS_TEST_TMPDIR
	export BUILD=$top/build QEMU=$top/qemu HOST=0 VMX=0
	mkdir -p "$top/bases" "$BUILD/bench"
	cp -r rig measure "$top/"
	for base in 6.1 6.12; do echo 'SELFTEST=x/test' >"$top/bases/$base"; done
	# The program is only looked at.
	printf 'all %%:\n\ttrue\n' >"$top/measure/bench/Makefile"
	echo program >"$BUILD/bench/kvm-clock-bench"
	echo test >"$top/test"
	echo '{"schema": 2, "cases": {"msr": {}}}' >"$top/document"
	play qemu 'echo "QEMU emulator version 7.2.0"'
	play rig/kernel 'dir="$BUILD/$BASE-$VARIANT"; mkdir -p "$dir"; cd "$dir"
		for file in bzImage modules.cpio; do [ -e $file ] || echo "$BASE $VARIANT" >$file; done
		echo "$BASE.0" >release; echo "$dir/bzImage"'
	play rig/kselftests 'echo '"$top/test"
	vm
	results=$BUILD/results/bench
}

play() { played "$top/$1" "${@:2}"; }

# vm [TEXT]: the VM does that, then what the real one would. Each boot and its command are written down.
vm() {
	play rig/vm "cd $top"' && echo "$BASE $VARIANT $SMP" >>boots && echo "$CMD" >>commands' "${1:-}" \
		'case $CMD in ktap-run*) echo "KTAP version 1"; exit 1 ;; *) cat document ;; esac'
}

bench() {
	: >"$top/boots"
	JOBS=${JOBS:-idle selftest} "$top/measure/bench/bench"
}

boots() { wc -l <"$top/boots"; }

@test "the peers take turns, each job once, and the last line is the folder; each run begins anew" {
	run -0 --separate-stderr bench
	[ "${lines[-1]}" = "$results" ]
	turn='6.1 stock 2,6.1 patched 2,6.12 stock 2,6.12 patched 2'
	[ "$(paste -sd, "$top/boots")" = "$turn,$turn" ]
	for peer in 6.1-stock 6.1-patched 6.12-stock 6.12-patched; do
		[ -s "$results/$peer/idle.json" ]
		[ -s "$results/$peer/selftest.ktap" ]
		run -0 jq -r '.environment | "\(.peer) \(.kernel) \(.qemu)"' "$results/$peer/environment.json"
		[ "$output" = "$peer ${peer%-*}.0 7.2.0" ]
	done
	run -0 --separate-stderr bench
	[ "$(boots)" = 8 ]
}

@test "patched of the newest line runs on VMX, too, after the others, what is not about several CPUs" {
	play bochs 'echo "  Bochs x86 Emulator 2.7"'
	vm 'echo "$BASE $VARIANT $EMULATOR ${CPU:-none}" >>emulators'
	PATH=$top:$PATH VMX=1 JOBS="cost plain" run -0 bench
	[ "$(paste -sd, "$top/boots")" = "6.1 stock 1,6.1 patched 1,6.12 stock 1,6.12 patched 1,6.12 patched 1,$(
	)6.1 stock 2,6.1 patched 2,6.12 stock 2,6.12 patched 2" ]
	diff - <(sed -n 5,6p "$top/emulators") <<-END
		6.12 patched bochs none
		6.1 stock qemu max
	END
	[ "$(jq -r .environment.qemu "$results/6.12-patched-vmx/environment.json")" = "Bochs 2.7" ]
}

@test "one base, some jobs" {
	BASE=6.12 JOBS=cost run -0 bench
	[ "$(paste -sd, "$top/boots")" = "6.12 stock 1,6.12 patched 1" ]
}

@test "what could not be measured fails the run, and is named" {
	vm 'case $BASE-$VARIANT-$CMD in 6.12-stock-*msr*) echo "kvm-clock-bench: error: no" >&2; exit 2 ;; esac'
	run -1 --separate-stderr bench
	[[ "$stderr" == *"bench: error: no"*"6.12-stock: idle could not be measured, status 2; the log is "* ]]
	[ -z "$output" ]
	[ ! -e "$results/6.12-stock/idle.json" ]
	[ "$(boots)" = 8 ]
}

@test "output that is no document, half of one, or of another version of the bench is no measurement" {
	for text in '' '{"schema": 2' '{"schema": 1, "cases": {"msr": {}}}' '{"schema": 2, "cases": {}}'; do
		vm "echo '$text'; exit"
		JOBS=idle run -1 --separate-stderr bench
		[[ "$stderr" == *"6.1-stock: idle could not be measured, status 125"* ]]
	done
	vm 'exit 1'
	JOBS=selftest run -1 --separate-stderr bench
	[[ "$stderr" == *"6.1-stock: selftest could not be measured, status 125"* ]]
}

@test "the machine's own /dev/kvm comes last, if there is one, and its clocksource is left alone" {
	bash -c '. rig/lib.sh && have_kvm' || skip "no usable /dev/kvm"
	play build/bench/kvm-clock-bench 'case "$*" in *clocksource*) exit 1 ;; *--case*) cat ../../document ;; esac'
	HOST=1 JOBS="idle cost" run -0 --separate-stderr bench
	[ "$(boots)" = 8 ]
	[ -s "$results/host/idle.json" ]
	[ "$(jq -s length "$results/host/cost.json")" = 6 ]
	[ "$(jq -r .environment.kernel "$results/host/environment.json")" = "$(uname -r)" ]
}

@test "bad input gets one line that names it" {
	for bad in TRIES=0 TRIES=x BUSY=-1 AGE=1.5; do
		run -2 --separate-stderr env "$bad" "$top/measure/bench/bench"
		[ "$stderr" = "bench: error: $bad is no number" ]
	done
	JOBS="idle nonsense" run -2 --separate-stderr "$top/measure/bench/bench"
	[[ "$stderr" == "bench: error: JOBS=nonsense is unknown; use one of: idle "* ]]
	run -2 --separate-stderr "$top/measure/bench/bench" word
	[[ "$stderr" == "bench: error: unknown argument word"* ]]
	BASE=5.10 run -2 --separate-stderr "$top/measure/bench/bench"
	[[ "$stderr" == *"BASE=5.10 is unknown"* ]]
}

@test "every case of the bench is in a job, and no other" {
	make -s -C measure/bench OUT="$top/real" "$top/real/kvm-clock-bench"
	: >"$top/commands"
	BASE=6.1 run -0 "$top/measure/bench/bench"
	diff <(grep -o -- '--case [a-z_]*' "$top/commands" | cut -d ' ' -f 2 | sort -u) \
		<("$top/real/kvm-clock-bench" --list | cut -d ' ' -f 1 | sort -u)
}
