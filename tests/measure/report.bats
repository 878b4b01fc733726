#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# measure/table and measure/report on made-up results of make bench.
# shellcheck disable=SC2154 # bats sets output, stderr and lines

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/played-results.bash"

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset BASE VARIANT KERNEL BUILD
	results=$BATS_TEST_TMPDIR/results
	page=$BATS_TEST_TMPDIR/index.html
	cp -r "$PLAYED" "$results"
}

row() { grep -qE "$1" <<<"$output" || { printf 'no row %s in:\n%s\n' "$1" "$output"; return 1; }; }

# shows TEXT...: the page has it.
shows() {
	local text
	for text; do grep -qF -- "$text" "$page" || { echo "not shown: $text"; return 1; }; done
}

@test "the table: a column for each kernel in order, stock first; the farthest off, K, and what is missing" {
	run -0 measure/table "$results"
	[[ "${lines[0]}" =~ ^\ +6.1-stock\ +6.1-patched\ +6.12-stock\ +6.12-patched\ +7.3-stock\ +7.3-patched$ ]]
	row '^epoch error, worst \(ns\) +4,000,000 +1 +4,000,000 +1 '
	row '^1000 GET->SET->GET trips move the epoch \(ns\) +-80,000,000 +-20 '
	row '^write of the MSR \(instructions\) +770 +600 +785 +600 '
	row '^K1: .* +0 of 2 pass +2 of 2 pass '
	[[ "$output" != *"boot vCPU on the old MSR"* ]]
	rm "$results/6.12-stock/selftest.ktap"
	jq 'del(.cases.xen)' "$results/6.12-stock/idle.json" >"$results/new"
	mv "$results/new" "$results/6.12-stock/idle.json"
	rm -r "$results"/{6.1-*,6.12-patched,7.3-patched}
	run -0 measure/table "$results"
	row '^Xen page, epoch error, worst \(ns\) +not measured +4,000,000$'
	row '^K10: .* not measured +0 of 5 pass$'
	measure/table -j "$results" >"$results/json"
	[ "$(jq -r '.environment["7.3-stock"].cpu' "$results/json")" = "a <CPU>" ]
	run -0 jq -c '.rows[] | select(.[0] == "error_xen")[2]' "$results/json"
	[ "$output" = '{"6.12-stock":null,"7.3-stock":4000000}' ]
}

@test "several documents: the worst of all counts, either way, idle or loaded, and it is what the page shows" {
	played_document -77777777 770 '.busy = 4 | .cases |= {msr}' >"$results/6.1-patched/vms.json"
	run -0 measure/table "$results"
	row '^epoch error, worst \(ns\) +4,000,000 +1 '
	row 'more busy loops than CPUs +4,000,000 +77,777,777 '
	measure/report "$results" "$page"
	shows '<td class="bad">77,777,777</td>'
}

@test "bad input gets one line that names it" {
	for command in table report readme; do
		run -2 --separate-stderr measure/$command "$results/none"
		[ "$stderr" = "$command: error: no folder $results/none: make bench, or make run, makes it" ]
		[ -z "$output" ]
	done
	mkdir "$results/empty"
	run -2 --separate-stderr measure/report "$results/empty"
	[ "$stderr" = "report: error: $results/empty holds no results: make bench, or make run, makes some" ]
	for text in '{"schema":' '[1]' '{"a": 1}' ''; do
		printf '%s' "$text" >"$results/7.3-stock/loaded.json"
		run -2 --separate-stderr measure/table "$results"
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ "$stderr" == "table: error: $results/7.3-stock/loaded.json "* ]]
	done
}

@test "the page: one file, all kernels, their colours, each plot with its numbers, nothing from elsewhere" {
	run -0 measure/report "$results" "$page"
	[ "${lines[-1]}" = "$page" ]
	plots=$(grep -o '<figure>' "$page" | wc -l)
	[ "$plots" -gt 15 ]
	for text in '<svg' '</svg>' '<summary>numbers'; do [ "$(grep -oF "$text" "$page" | wc -l)" = "$plots" ]; done
	shows prefers-color-scheme '<h2>Targets' '<h2>Environment' 'a &lt;CPU&gt;' 'epoch in &lt;msr&gt;' \
		'no TSC scaling' 'K10: a scaled TSC' '#d6303a' '#2f80d0'
	run ! grep -qE '(src|href)="?https?:|@import|<link|<script' "$page"
	# No name is there twice: the plots share one page.
	[ -z "$(grep -oE "\sid=['\"][^'\"]*" "$page" | sort | uniq -d)" ]
	# Over VMs nothing of the many vCPUs, and the other way round.
	numbers() { sed -n "/<h3>$1</,\$p" "$page" | grep -m 1 -o '<tbody>.*</details>' | grep -oE '>[0-9,]+<'; }
	[ "$(numbers 'KVM_SET_CLOCK by VMs' | tr -d '\n')" = '>1<>1,155<>900<>1,177<>900<>1,200<>900<' ]
	numbers 'KVM_SET_CLOCK by vCPUs' | grep -qx '>57,600<'
	[ "$(numbers 'Epoch error by VMs' | grep -cxE '>(1|10|100)<')" = 12 ]
}

@test "targets: met and not met, each line by its own stock" {
	measure/report "$results" "$page"
	shows 'of stock</th><td class="">100 %</td><td class="">105 %; 7.3: 110 %</td><td class="good">78 %</td>' \
		'move the clock by</th><td class="">4,000,000 ns</td><td class="">200 ns</td><td class="good">1 ns'
	for base in 6.1 7.3; do played_document 1 845 '.cases |= {cost}' >"$results/$base-patched/cost.json"; done
	measure/report "$results" "$page"
	shows '<td class="bad">110 %</td><td class="good">76 %</td><td class="good">106 %</td>'
}

@test "what one kernel alone has is drawn, and a plot without numbers is not" {
	rm -r "$results"/6.* "$results/7.3-stock" "$results"/7.3-patched/{cost,vms,vcpus,loaded}.json
	run -0 measure/report "$results" "$page"
	[[ "$(cat "$page")" != *"Cost in instructions"* ]]
}
