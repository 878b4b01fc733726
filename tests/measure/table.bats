#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# measure/table on what measure/run leaves: each thing that it judges is wrong once; measure/k-cases against the series.
# shellcheck disable=SC2016,SC2154 # jq's variables, a played script expands it; bats sets output, stderr and lines

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset BASE VARIANT KERNEL
	top=$BATS_TEST_TMPDIR
	results=$top/results
	mkdir -p "$top/rig" "$results/stock" "$results/patched"
	cp -r measure "$top/"
	printf '# a comment\nK1 | one reading | alpha beta\nK2 | scaled | gamma\n' >"$top/measure/k-cases"
	# The parser has tests of its own.
	printf '%s\n' '#!/bin/sh' '! grep -q "not ok" "$1" || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }' \
		'echo "1 passed, 0 failed, 0 skipped"' >"$top/rig/ktap"
	chmod +x "$top/rig/ktap"
}

# documents BITS VARIANT: what the bench prints, idle and loaded.
documents() {
	jq -n --argjson bits "$1" --arg variant "$2" '
		{measured: true, host_tsc: 0, master_clock: 0, tries: 1000} as $epoch |
		($epoch + {realtime: 1, bracketed: 1000, median_ns: 0}) as $given |
		($epoch + {realtime: 0, step_ns: 300}) as $steps |
		(if $variant == "patched" then [$given + {worst_ns: 2, step_ns: 1}, $given + {worst_ns: 1, step_ns: 1}]
			elif $bits == 64 then [$given + {worst_ns: 4000, step_ns: 200}, $steps]
			else [$steps, $steps] end) as [$master, $none] |
		{program_bits: $bits, release: "6.1.192", busy: 0,
			affected: (if $variant == "patched" then [] else ["epoch steps"] end),
			cases: {msr: $master, msr_old: $master, noclock: $none, before: $none, xen: $master,
				trips: {measured: true, drift_ns: 0},
				versions: {measured: true, writes: 2000, lost: {patched: 0, stock: 1200}[$variant]},
				future: {measured: true, error_s: -1262304000}, instant: {measured: true}}} |
		., (.busy = 4 | .cases |= {msr})'
}

# left BITS: what make run leaves.
left() {
	local variant
	for variant in stock patched; do
		documents "$1" $variant >"$results/$variant/bench.json"
		documents "$1" $variant | jq '.cases |= {msr}' >"$results/$variant/constant.json"
	done
	[ "$1" != 32 ] || return 0
	selftest stock "not ok" "not ok"
	selftest patched ok ok
}

# selftest VARIANT ALPHA BETA: the results of these two cases.
selftest() { printf '  %s\n' "$2 1 alpha" "$3 2 beta" 'ok 3 gamma # SKIP no scaling' >"$results/$1/selftest.ktap"; }

row() { grep -qE "$1" <<<"$output" || { printf 'no row %s in:\n%s\n' "$1" "$output"; return 1; }; }

# wrong VARIANT/FILE FILTER TEXT: that is the verdict, and the status 1, with the first document changed so.
wrong() {
	cp "$results/$1.json" "$top/kept"
	jq -s "(.[0] | $2), .[1]" "$top/kept" >"$results/$1.json"
	run -1 --separate-stderr "$top/measure/table" "$results"
	[ "$stderr" = "verdict: $3" ] || { echo "$stderr"; false; }
	mv "$top/kept" "$results/$1.json"
}

@test "the rows, a row per K, and the verdict last" {
	left 64
	run -0 --separate-stderr "$top/measure/table" "$results"
	row '^1,000 tries a case +stock +patched$'
	row '^kernel '
	row '^selftest +0 passed, 1 failed, 0 skipped +1 passed, 0 failed, 0 skipped$'
	row '^epoch error, worst \(ns\) +4,000 +2$'
	row '^KVM_GET_CLOCK gives realtime there +no +yes$'
	row '^two writers, versions lost +1,200 of 2,000 +0 of 2,000$'
	row 'guest wrong by \(s\) +-1,262,304,000 '
	row '^K1: one reading +0 of 2 pass +2 of 2 pass$'
	row '^K2: scaled +not measured +not measured$'
	row '^verdict: stock is up to 4,000 ns off and steps by up to 300 ns, patched is up to 2 ns off'
}

@test "a 32-bit host is judged without the selftest" {
	left 32
	run -0 --separate-stderr "$top/measure/table" "$results"
	row '^epoch error, worst \(ns\) +not measured +2$'
	[[ $output != *selftest* && $output != *K1* ]]
	row '^verdict: stock gives no realtime and steps by up to 300 ns, patched is up to 2 ns off'
}

@test "patched is wrong: an epoch, realtime now and then or always, a case that was not measured" {
	for bits in 64 32; do
		left $bits
		flags=
		[ $bits = 64 ] || flags=', "host_tsc": 0, "master_clock": 0'
		for file in bench constant; do
			wrong patched/$file '.cases.msr.worst_ns = -3' \
				"patched: msr {\"realtime\": 1, \"bracketed\": 1000$flags, \"worst_ns\": -3}"
		done
		wrong patched/bench '.cases.noclock.bracketed = 999' \
			"patched: noclock {\"realtime\": 1, \"bracketed\": 999$flags, \"worst_ns\": 1}"
		wrong patched/bench '.cases.before |= (.realtime = 0 | del(.bracketed, .worst_ns))' \
			"patched: before {\"realtime\": 0, \"bracketed\": null$flags, \"worst_ns\": null}"
		wrong patched/bench '.cases.noclock = {measured: false, failed: "no VM"}' \
			"patched: noclock was not measured: no VM"
		wrong patched/bench 'del(.cases.before)' "patched: before was not measured: None"
	done
}

@test "the selftest fails on patched, or passes on stock" {
	left 64
	selftest patched ok "not ok"
	run -1 --separate-stderr "$top/measure/table" "$results"
	[ "$stderr" = "verdict: the selftest does not pass on patched: $results/patched/selftest.txt" ]
	selftest patched ok ok
	selftest stock ok ok
	run -1 --separate-stderr "$top/measure/table" "$results"
	[ "$stderr" = "verdict: the selftest passes on stock: it proves nothing" ]
}

@test "patched is wrong on a 32-bit host: a flag that claims the TSC, a trip, what the bench found, a case missing" {
	left 32
	seen='patched: noclock {"realtime": 1, "bracketed": 1000, "host_tsc": 0, "master_clock": 0, "worst_ns": 1}'
	wrong patched/bench '.cases.noclock.host_tsc = 1' "${seen/'tsc": 0'/'tsc": 1'}"
	wrong patched/bench '.cases.noclock.master_clock = 1' "${seen/'clock": 0'/'clock": 1'}"
	wrong patched/bench '.cases.trips.drift_ns = -3' "patched: 1000 trips moved the epoch by -3 ns"
	wrong patched/bench '.affected = ["KVM_SET_CLOCK moving the epoch"]' "patched: KVM_SET_CLOCK moving the epoch"
	wrong patched/bench '.cases.xen = {measured: false, reason: "no Xen"}' "patched: xen was not measured: no Xen"
	wrong patched/bench 'del(.cases.xen, .cases.trips)' \
		"patched: trips was not measured: None; patched: xen was not measured: None"
}

@test "stock has to be wrong: somewhere, on a 32-bit host in every case, by its error or by its steps" {
	left 32
	wrong stock/bench '.cases.xen.step_ns = 2' "stock is exact in xen: nothing to cure was seen"
	left 64
	cp "$results"/patched/*.json "$results/stock/"
	wrong stock/bench . "stock is exact in before msr msr_old noclock xen: nothing to cure was seen"
	for exact in worst_ns step_ns; do
		documents 64 stock | jq ".cases[] |= if .tries then .$exact = 2 else . end" >"$results/stock/bench.json"
		run -0 "$top/measure/table" "$results"
	done
}

@test "one clear line: results that are not there" {
	left 64
	rm "$results/stock/constant.json"
	run -2 --separate-stderr "$top/measure/table" "$results"
	[ "$stderr" = "table: error: no $results/stock/constant.json: run make run first" ]
}

@test "every case of every selftest has its K, and every K has its cases" {
	for base in patches/*; do
		diff <(sed -nE 's/^\+	(CASE|VARIANT)\(([a-z_0-9]+)[,)].*/\2/p' "$base"/*/*.patch | sort -u) \
			<(sed 's/#.*//; /^$/d; s/.*|//' measure/k-cases | tr ' ' '\n' | sed '/^$/d' | sort -u)
	done
}
