#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# measure/table on the results of a 32-bit host: each thing that it judges is wrong once.
# shellcheck disable=SC2016,SC2154 # jq's variables; bats sets stderr and lines

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset BASE VARIANT KERNEL FRAGMENTS ACCEL LINUX
	results=$BATS_TEST_TMPDIR/results
	mkdir -p "$results/stock" "$results/patched"
	jq -n '{measured: true, host_tsc: 0, master_clock: 0, tries: 1000, realtime: 1, step_ns: 0, steps_outside: 0, bad_versions: 0,
			bracketed: 1000, median_ns: 0, worst_ns: 2, outside: 0} as $epoch | {measured: false, reason: "no master clock"} as $none |
		{program_bits: 32, machine: "i686", release: "6.1.192", affected: [], cases: {
			msr: $epoch, msr_old: $epoch, noclock: $epoch, before: $epoch, xen: $epoch, resnapshot: $none, scaling: $none,
			trips: {measured: true, drift_ns: 0}, versions: {measured: true, writes: 2000, lost: 0},
			future: {measured: true, error_s: 100}, instant: {measured: true}}},
		{program_bits: 32, machine: "i686", release: "6.1.192", affected: [], cases: {msr: $epoch}}' >"$results/patched/bench.json"
	jq 'if .cases.trips then .cases |= {msr, scaling} else . end' "$results/patched/bench.json" >"$results/patched/constant.json"
	for file in bench constant; do
		jq '.affected = ["no realtime", "epoch steps"] | .cases[] |= if .tries then
				del(.bracketed, .median_ns, .worst_ns, .outside) | .realtime = 0 | .step_ns = 300 | .steps_outside = 9
			else . end | if .cases.trips then .cases.trips = {measured: false, reason: "no realtime"} |
				.cases.versions.lost = 1200 | .cases.future.error_s = -1262304000 else . end' \
			"$results/patched/$file.json" >"$results/stock/$file.json"
	done
}

# spoil VARIANT/FILE FILTER: the first document of that file, through jq.
spoil() {
	jq -s "(.[0] | $2), .[1]" "$results/$1.json" >"$results/new"
	mv "$results/new" "$results/$1.json"
}

# wrong TEXT: that is the verdict, and the status 1.
wrong() {
	run -1 --separate-stderr measure/table "$results"
	echo "$stderr"
	[ "$stderr" = "verdict: $1" ]
}

@test "patched exact and stock not: the rows, and the verdict last" {
	run -0 --separate-stderr measure/table "$results"
	[[ $output == *"1,000 tries a case"* ]]
	[[ $output =~ "largest step between epochs (ns)"\ +300\ +0 ]]
	[[ $output =~ "epoch error, worst (ns)"\ +not\ measured\ +2 ]]
	[[ $output =~ "KVM_GET_CLOCK gives realtime"\ +no\ +yes ]]
	[[ $output =~ "guest wrong by (s)"\ +-1,262,304,000\ +100 ]]
	[[ $output =~ "versions lost of 2,000"\ +1,200\ +0 ]]
	[[ $output != *selftest* && $output != *scaled* ]]
	[ "${lines[-1]}" = "verdict: stock steps by up to 300 ns, and gives no realtime, patched is at most 2 ns off; results in $results" ]
}

@test "patched is wrong: an epoch, in any of the runs" {
	for file in bench constant; do
		spoil "patched/$file" '.cases.msr.worst_ns = 3'
		wrong 'patched: msr {"tries":1000,"bracketed":1000,"worst_ns":3,"realtime":1,"host_tsc":0,"master_clock":0}'
		spoil "patched/$file" '.cases.msr.worst_ns = 2'
	done
}

@test "patched is wrong: realtime missing, now and then or always; a flag that claims the TSC" {
	for change in bracketed=999 realtime=0 host_tsc=1 master_clock=1; do
		cp "$results/patched/bench.json" "$results/kept"
		spoil patched/bench ".cases.noclock.$change"
		run -1 --separate-stderr measure/table "$results"
		[[ $stderr == "verdict: patched: noclock {"*"\"${change%=*}\":${change#*=}"* ]]
		mv "$results/kept" "$results/patched/bench.json"
	done
}

@test "patched is wrong: what the bench found itself" {
	spoil patched/bench '.affected = ["KVM_SET_CLOCK moving the epoch"]'
	wrong "patched: KVM_SET_CLOCK moving the epoch"
}

@test "patched is wrong: trips that move the epoch, either way" {
	spoil patched/bench '.cases.trips.drift_ns = -3'
	wrong "patched: 1000 trips moved the epoch by -3 ns"
	spoil patched/bench '.cases.trips.drift_ns = 3'
	wrong "patched: 1000 trips moved the epoch by 3 ns"
}

@test "patched is wrong: a case that failed, was not measured or is not there" {
	spoil patched/bench '.cases.xen = {measured: false, failed: "no page"}'
	wrong "patched: xen was not measured: no page"
	spoil patched/bench '.cases.xen = {measured: false, reason: "no Xen"}'
	wrong "patched: xen was not measured: no Xen"
	spoil patched/bench 'del(.cases.xen, .cases.trips)'
	wrong "patched: trips was not measured: null;xen was not measured: null"
}

@test "no verdict on a 32-bit host by another host, or by what needs a master clock" {
	spoil patched/bench '.machine = "x86_64"'
	wrong "patched: this is no 32-bit host: x86_64"
	spoil patched/bench '.machine = "i686" | .cases.scaling.measured = true'
	wrong "patched: what needs a master clock was measured"
}

@test "stock has to be wrong in every case, or it proves nothing" {
	spoil stock/bench '.cases.xen.step_ns = 2 | .cases.before.realtime = 1'
	wrong "stock is not wrong in: before xen: nothing to cure was seen"
}

@test "one clear line: results that are not there" {
	rm "$results/stock/constant.json"
	run -2 --separate-stderr measure/table "$results"
	[ "$stderr" = "table: error: no $results/stock/constant.json: run make run first" ]
}
