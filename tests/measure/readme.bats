#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The README against its data, and measure/readme on made-up results.
# shellcheck disable=SC2154 # bats sets output

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

# in_copy: the scripts and what they read and write, in a folder of their own.
in_copy() {
	mkdir -p "$BATS_TEST_TMPDIR/top"
	cp -r rig measure docs README.md "$BATS_TEST_TMPDIR/top/"
	cd "$BATS_TEST_TMPDIR/top" || return
}

@test "the README, its plot and its data agree" {
	run -0 measure/readme --check
}

@test "a README or a plot of other data is found" {
	in_copy
	measure/readme "$results"
	run -0 measure/readme --check
	grep -q '^| epoch error, worst (ns) | 4,000,000 | 1 |' README.md
	grep -q '^Stock is off, or steps, by up to 4,000,000 ns, patched by at most 1 ns' README.md
	sed -i 's/^\(| epoch error, worst (ns) | \)4,000,000/\12/' README.md
	run -1 measure/readme --check
	[[ "$output" == *"README and data disagree"* ]]
	measure/readme
	run -0 measure/readme --check
	# The data change: both have to be made anew.
	sed -i 's/4000000/5000000/g' docs/measured.json
	run -1 measure/readme --check
	[[ "$output" == *"docs/measured.svg is not drawn from docs/measured.json"* ]]
	rm docs/measured.svg
	run -1 measure/readme --check
	sed -i '/end of measured/d' README.md
	run -2 measure/readme
	[[ "$output" == *"has no marks for the numbers"* ]]
}

@test "the data that are committed leave the machine itself out" {
	in_copy
	played_peer "$results" host 5 100 ok
	measure/readme "$results"
	run ! grep -q '"host"' docs/measured.json
	[ "$(jq -r '.environment | keys | length' docs/measured.json)" = 6 ]
}
