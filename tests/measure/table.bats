#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# measure/table with played results, and measure/k-cases against the selftests of the series.

# shellcheck disable=SC2016,SC2154 # a played script expands it; bats sets output

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset BASE VARIANT KERNEL
	top=$BATS_TEST_TMPDIR
	results=$top/results
	cp -r rig prove measure deliver ci bases "$top/"
	mkdir -p "$top/tests" "$results/stock" "$results/patched"
	printf '# a comment\nK1 | one reading | alpha beta\nK2 | scaled | gamma\n' >"$top/measure/k-cases"
	# The parser has tests of its own.
	printf '#!/bin/sh\ngrep -q "^not ok" "$1" && { echo "0 passed, 1 failed, 0 skipped"; exit 1; }\necho "1 passed, 0 failed, 0 skipped"\n' \
		>"$top/rig/ktap"
	result stock 1000 'not ok 1 alpha' 'not ok 2 beta # exit=1' 'ok 3 gamma # SKIP no scaling'
	result patched 1 'ok 1 alpha' 'ok 2 beta' 'ok 3 gamma # SKIP no scaling'
}

# result VARIANT WORST LINE...: what measure/run would have left of it, with steps of STEP ns (1).
result() {
	local dir=$results/$1 worst=$2
	shift 2
	printf '{"release":"6.1.0","cases":{"msr":{"tries":20000,"median_ns":0,"worst_ns":%s},"before":{"worst_ns":null,"step_ns":%s}}}\n' \
		"$worst" "${STEP:-1}" |
		tee "$dir/constant.json" >"$dir/bench.json"
	printf '  %s\n' "$@" >"$dir/selftest.ktap"
	if printf '%s\n' "$@" | grep -q '^not'; then echo 'not ok 1 t'; else echo 'ok 1 t'; fi >>"$dir/selftest.ktap"
}

row() { grep -qE "$1" <<<"$output" || { printf 'no row %s in:\n%s\n' "$1" "$output"; return 1; }; }

@test "a row per K: what passed, what was skipped, what was not measured" {
	run -0 "$top/measure/table" "$results"
	row '^K1: one reading +0 of 2 pass +2 of 2 pass$'
	row '^K2: scaled +not measured +not measured$'
	row '^epoch error, worst \(ns\) +1,000 +1$'
	[[ $output == *"verdict: stock is up to 1000 ns off and steps by up to 1 ns, patched 1 and 1 ns; results in $results"* ]]
}

@test "a stock that is exact where it can be measured, but steps, is not exact" {
	STEP=300 result stock 2 'not ok 1 alpha' 'not ok 2 beta # exit=1' 'ok 3 gamma # SKIP no scaling'
	run -0 "$top/measure/table" "$results"
	[[ $output == *"verdict: stock is up to 2 ns off and steps by up to 300 ns, patched 1 and 1 ns"* ]]
	STEP=2 result stock 2 'not ok 1 alpha' 'not ok 2 beta # exit=1' 'ok 3 gamma # SKIP no scaling'
	run -1 "$top/measure/table" "$results"
	[[ $output == *"stock is exact here: nothing to cure was seen"* ]]
}

@test "as Markdown" {
	run -0 "$top/measure/table" -m "$results"
	row '^\| 20,000 tries a case \| stock \| patched \|$'
	row '^\| K1: one reading \| 0 of 2 pass \| 2 of 2 pass \|$'
}

@test "a case that the selftest does not have is an error" {
	echo 'K3 | none | delta' >>"$top/measure/k-cases"
	run -2 "$top/measure/table" "$results"
	[[ $output == *"has no result of delta"* ]]
}

@test "patched that fails, is off by more than 2 ns, or was not measured, is no pass; nor is a stock that passes" {
	result patched 3 'ok 1 alpha' 'ok 2 beta' 'ok 3 gamma'
	run -1 "$top/measure/table" "$results"
	[[ $output == *"patched is up to 3 ns off, bound 2 ns"* ]]
	result patched null 'ok 1 alpha' 'ok 2 beta' 'ok 3 gamma'
	run -1 "$top/measure/table" "$results"
	[[ $output == *"patched: no epoch was measured against KVM_GET_CLOCK"* ]]
	STEP=null result patched 1 'ok 1 alpha' 'ok 2 beta' 'ok 3 gamma'
	run -1 "$top/measure/table" "$results"
	[[ $output == *"patched: no steps between epochs were measured"* ]]
	result patched 1 'ok 1 alpha' 'not ok 2 beta' 'ok 3 gamma'
	run -1 "$top/measure/table" "$results"
	[[ $output == *"does not pass on patched"* ]]
	result patched 1 'ok 1 alpha' 'ok 2 beta' 'ok 3 gamma'
	result stock 1000 'ok 1 alpha' 'ok 2 beta' 'ok 3 gamma'
	run -1 "$top/measure/table" "$results"
	[[ $output == *"passes on stock"* ]]
}

@test "every case of every selftest has its K, and every K has its cases" {
	for base in patches/*; do
		diff <(cat "$base"/*/*.patch | sed -nE 's/^\+	(CASE|VARIANT)\(([a-z_0-9]+)[,)].*/\2/p' | sort -u) \
			<(sed 's/#.*//; /^$/d; s/.*|//' measure/k-cases | tr ' ' '\n' | sed '/^$/d' | sort -u)
	done
}
