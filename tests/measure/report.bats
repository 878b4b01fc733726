#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# measure/measured, measure/report and measure/look on made-up results.
# shellcheck disable=SC2154 # bats sets output, stderr and lines

bats_require_minimum_version 1.5.0

setup_file() {
	. "$BATS_TEST_DIRNAME/played-results.bash"
	export PLAYED=$BATS_FILE_TMPDIR/results
	played_results "$PLAYED"
}

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset BASE VARIANT KERNEL BUILD
	. tests/measure/played-results.bash
	results=$BATS_TEST_TMPDIR/results
	cp -r "$PLAYED" "$results"
}

row() { grep -qE "$1" <<<"$output" || { printf 'no row %s in:\n%s\n' "$1" "$output"; return 1; }; }

@test "the table: a column for each kernel in order, stock first; the farthest off, K, and what is missing" {
	run -0 measure/measured "$results"
	[[ "${lines[0]}" =~ ^\ +6.1-stock\ +6.1-patched\ +6.12-stock\ +6.12-patched\ +7.3-stock\ +7.3-patched$ ]]
	row '^epoch error, worst \(ns\) +4,000,000 +1 +4,000,000 +1 '
	row '^1000 GET->SET->GET trips move the epoch \(ns\) +-80,000,000 +-20 '
	row '^write of the MSR \(instructions\) +770 +600 +785 +600 '
	row '^K1: .* +0 of 2 pass +2 of 2 pass '
	[[ "$output" != *"boot vCPU on the old MSR"* ]]
	rm "$results/6.12-stock/selftest.ktap"
	jq 'del(.cases.xen)' "$results/6.12-stock/idle.json" >"$results/new"
	mv "$results/new" "$results/6.12-stock/idle.json"
	run -0 measure/measured -m "$results" 6.12-stock 7.3-stock
	[ "${lines[0]}" = "| | 6.12-stock | 7.3-stock |" ]
	row '^\| Xen page, epoch error, worst \(ns\) \| not measured \| 4,000,000 \|$'
	row '^\| K10: .* \| not measured \| 0 of 4 pass \|$'
}

@test "several documents: the worst of all counts, and it is what the page shows" {
	played_document 77777777 770 '.cases |= {msr}' >"$results/6.1-patched/vms.json"
	run -0 measure/measured "$results" 6.1-patched
	row '^epoch error, worst \(ns\) +77,777,777$'
	measure/report "$results" "$BATS_TEST_TMPDIR/index.html"
	grep -q '<td class="bad">77,777,777</td>' "$BATS_TEST_TMPDIR/index.html"
}

@test "what measure/run leaves is shown, too" {
	mkdir "$results/run"
	mv "$results/6.1-stock" "$results/run/stock"
	mv "$results/run/stock/idle.json" "$results/run/stock/bench.json"
	run -0 measure/measured "$results/run"
	[[ "${lines[0]}" =~ ^\ +6.1-stock$ ]]
	row '^epoch error, worst \(ns\) +4,000,000$'
}

@test "bad input gets one line that names it" {
	for command in measured report readme; do
		run -2 --separate-stderr measure/$command "$results/none"
		[ "$stderr" = "$command: error: no folder $results/none: make bench, or make run, makes it" ]
		[ -z "$output" ]
	done
	mkdir "$results/empty"
	run -2 --separate-stderr measure/report "$results/empty"
	[ "$stderr" = "report: error: $results/empty holds no results: make bench, or make run, makes some" ]
	for text in '{"schema":' '[1]' '{"a": 1}' ''; do
		printf '%s' "$text" >"$results/7.3-stock/loaded.json"
		run -2 --separate-stderr measure/measured "$results"
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ "$stderr" == "measured: error: $results/7.3-stock/loaded.json "* ]]
	done
	run -2 --separate-stderr measure/measured "$PLAYED" 5.10-stock
	[[ "$stderr" == "measured: error: PEER=5.10-stock is none of 6.1-stock "* ]]
	echo '{"rows": []}' >"$results/data.json"
	run -2 --separate-stderr measure/measured "$results/data.json"
	[[ "$stderr" == "measured: error: $results/data.json is not what measure/measured -j writes" ]]
}

@test "the page: one file, all kernels, their colours, each plot with its numbers, nothing from elsewhere" {
	run -0 measure/report "$results" "$BATS_TEST_TMPDIR/index.html"
	page=$BATS_TEST_TMPDIR/index.html
	[ "${lines[-1]}" = "$page" ]
	[ "$(grep -o '<svg' "$page" | wc -l)" -gt 15 ]
	[ "$(grep -o '<figure>' "$page" | wc -l)" = "$(grep -o '<summary>numbers' "$page" | wc -l)" ]
	[ "$(grep -o '<figure>' "$page" | wc -l)" = "$(grep -o '</svg>' "$page" | wc -l)" ]
	for text in prefers-color-scheme '<h2>Targets' '<h2>Environment' 'a &lt;CPU&gt;' 'epoch in &lt;msr&gt;' 'no TSC scaling' \
		'K10: a scaled TSC' '#d6303a' '#2f80d0'; do
		grep -qF "$text" "$page"
	done
	run ! grep -qE '(src|href)="?https?:|@import|<link|<script' "$page"
	# No name is there twice: the plots share one page.
	[ -z "$(grep -oE "\sid=['\"][^'\"]*" "$page" | sort | uniq -d)" ]
}

@test "targets: met and not met, each line by its own stock" {
	measure/report "$results" "$BATS_TEST_TMPDIR/index.html"
	# What holds for some lines says nothing of the others.
	grep -q 'MSR in any mode: instructions, of stock on 7.3</th><td class="">100 %</td><td class="">110 %</td><td class=""></td><td class="none"></td><td class="none"></td><td class="good">75 %' "$BATS_TEST_TMPDIR/index.html"
	grep -q 'MSR in any mode: instructions, of stock on the others</th><td class="">100 %</td><td class="">105 %</td><td class=""></td><td class="good">78 %' "$BATS_TEST_TMPDIR/index.html"
	grep -q 'move the clock by</th><td class="">4,000,000 ns</td><td class="">200 ns</td><td class=""></td><td class="good">1 ns' "$BATS_TEST_TMPDIR/index.html"
	played_document 1 820 '.cases |= {cost}' >"$results/6.1-patched/cost.json"
	measure/report "$results" "$BATS_TEST_TMPDIR/index.html"
	grep -q '<td class="bad">106 %' "$BATS_TEST_TMPDIR/index.html"
}

@test "what one kernel alone has is drawn, and a plot without numbers is not" {
	rm -r "$results"/6.* "$results/7.3-stock" "$results"/7.3-patched/{cost,vms,vcpus,loaded}.json
	run -0 measure/report "$results" "$BATS_TEST_TMPDIR/index.html"
	[[ "$(cat "$BATS_TEST_TMPDIR/index.html")" != *"Cost in instructions"* ]]
}

@test "a browser shows it, in both themes" {
	command -v chromium >/dev/null || skip "no chromium: make test-long installs it"
	export BUILD=$BATS_TEST_TMPDIR/build
	measure/report "$results" "$BATS_TEST_TMPDIR/index.html"
	run -0 --separate-stderr measure/look "$BATS_TEST_TMPDIR/index.html"
	[ "${#lines[@]}" = 2 ]
	# A plot that is not there, a page that is too wide, a page with one theme.
	sed '0,/<svg/s/<svg/<svg style="display:none"/' "$BATS_TEST_TMPDIR/index.html" >"$BATS_TEST_TMPDIR/bad.html"
	run -2 measure/look "$BATS_TEST_TMPDIR/bad.html"
	[[ "$output" == *"plots can be seen"* ]]
	sed 's/^<h1>/<div style="width:3000px">a<\/div><h1>/' "$BATS_TEST_TMPDIR/index.html" >"$BATS_TEST_TMPDIR/bad.html"
	run -2 measure/look "$BATS_TEST_TMPDIR/bad.html"
	[[ "$output" == *"wider than a window"* ]]
	sed 's/color-scheme: light dark/color-scheme: light/; s/prefers-color-scheme: dark/prefers-color-scheme: none/' \
		"$BATS_TEST_TMPDIR/index.html" >"$BATS_TEST_TMPDIR/bad.html"
	run -2 measure/look "$BATS_TEST_TMPDIR/bad.html"
	[[ "$output" == *"alike in both themes"* ]]
}

@test "growth: over VMs nothing of the many vCPUs, and the other way round" {
	cat >"$BATS_TEST_TMPDIR/growth.py" <<-'EOT'
		import sys
		sys.dont_write_bytecode = True
		sys.path.insert(0, "measure")
		import figures, results
		peer = next(peer for peer in results.load(sys.argv[1]) if peer.name == "7.3-patched")
		print(sorted(figures.points("cost", "set_clock_ticks", "vms", "cost")(peer)),
		      sorted(figures.points("cost", "set_clock_ticks", "vcpus", "cost")(peer)),
		      sorted(x for x, _ in figures.points("msr", "worst_ns", "vms", "vms")(peer)))
	EOT
	run -0 python3 "$BATS_TEST_TMPDIR/growth.py" "$results"
	[ "$output" = "[(1, 900)] [(1, 900), (4, 3600), (16, 14400), (64, 57600)] [1, 10, 100]" ]
}
