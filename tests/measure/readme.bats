#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# README, plot and cover letters against docs/measured.json; measure/readme on made-up results in a copy of the project.
# shellcheck disable=SC2154 # bats sets output

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/played-results.bash"

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	results=$BATS_TEST_TMPDIR/results
	cp -r "$PLAYED" "$results"
	copy=$BATS_TEST_TMPDIR/top
	mkdir -p "$copy/patches/6.1/02-epoch"
	cp -r measure docs README.md "$copy/"
	cover=$copy/patches/6.1/02-epoch/cover
	printf 'Subject: s\n\nWhat.\n\nMeasured by hand:\n\nold 1 2\n\nNot tested.\n' >"$cover"
}

@test "README, plot, cover letters and their data agree" {
	run -0 measure/readme --check
}

@test "README, plot and cover letters are made of the results, and what differs from them is found" {
	cd "$copy"
	measure/readme "$results"
	run -0 measure/readme --check
	grep -q '^| epoch error, worst (ns) | 4,000,000 | 1 |' README.md
	grep -q '^Stock is off, or steps, by up to 4,000,000 ns, patched by at most 1 ns' README.md
	sed -i 's/^\(| epoch error, worst (ns) | \)4,000,000/\12/' README.md
	sed -i 's/4,000,000/1/' "$cover"
	run -1 measure/readme --check
	[[ "$output" == "readme: README.md patches/6.1/02-epoch/cover and docs/measured.json disagree: run "* ]]
	measure/readme
	run -0 measure/readme --check
	# The data change: all have to be made anew.
	sed -i 's/4000000/5000000/g' docs/measured.json
	run -1 measure/readme --check
	[[ "$output" == "readme: docs/measured.svg README.md docs/submitting.md patches/6.1/02-epoch/cover and "* ]]
	measure/readme
	rm docs/measured.svg
	run -1 measure/readme --check
	[[ "$output" == "readme: docs/measured.svg and "* ]]
}

@test "the data that are committed leave the machine itself and the commit out" {
	played_peer "$results" host 5 100 ok
	"$copy/measure/readme" "$results"
	run ! grep -qE '"(host|commit)"' "$copy/docs/measured.json"
	[ "$(jq -r '.environment | length' "$copy/docs/measured.json")" = 6 ]
}

@test "the table of a cover letter is put where the old one was, also at the end; it has its topic's rows" {
	"$copy/measure/readme" "$results"
	run cat "$cover"
	[[ $output == *"What."*"Measured in turns with the whole stack, QEMU 7.2 (tcg), 2 CPUs:"*"Not tested." ]]
	[[ $output == *$'\nepoch error, worst (ns)                               4,000,000          1\n'* ]]
	[[ $output != *"old 1 2"* && $output != *hpet*acpi_pm* && $output != *trips* && $output != *"kernel "* ]]
	printf 'Subject: s\n\nWhat.\n\nMeasured now:\n\nold 1 2\n' >"$cover"
	mkdir "$copy/patches/6.1/01-cpu-online"
	printf 'Subject: s\n\nWhat.\n' >"$copy/patches/6.1/01-cpu-online/cover"
	"$copy/measure/readme"
	[ "$(tail -n 1 "$cover")" = "write of the MSR (instructions)                             770        600" ]
	[ "$(cat "$copy/patches/6.1/01-cpu-online/cover")" = $'Subject: s\n\nWhat.' ]
	run -0 "$copy/measure/readme" --check
}

@test "a README without marks, a cover without a table, and data without the base, are one line each" {
	mkdir -p "$copy/patches/5.10/02-epoch"
	cp "$cover" "$copy/patches/5.10/02-epoch/"
	run -2 "$copy/measure/readme"
	[[ "$output" == "readme: error: 5.10-stock and 5.10-patched not measured: run make bench"* ]]
	printf 'Subject: s\n\nWhat.\n' >"$copy/patches/5.10/02-epoch/cover"
	run -2 "$copy/measure/readme"
	[[ $output == "readme: error: $copy/patches/5.10/02-epoch/cover has no table"* ]]
	sed -i '/end of measured/d' "$copy/README.md"
	run -2 "$copy/measure/readme"
	[[ "$output" == *"has no marks for the numbers"* ]]
}
