#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# prove/bad-input/bad-input without a boot: bad arguments, and what it makes of a VM's answer, with a fake rig/vm.
# shellcheck disable=SC2016,SC2154 # the fake ktap expands its own $1; bats sets stderr_lines

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset CASE RESULTS TIMEOUT
	# The program is built once.
	export BUILD=$BATS_FILE_TMPDIR/build
}

# A copy of the project whose VM prints $1, a file, and ends with status $2.
fake() {
	top=$BATS_TEST_TMPDIR/top
	mkdir -p "$top"
	cp -a rig prove measure deliver ci bases tests "$top/"
	cp "$1" "$BATS_TEST_TMPDIR/stream"
	printf '#!/bin/sh\ncat %s\nexit %s\n' "$BATS_TEST_TMPDIR/stream" "$2" >"$top/rig/vm"
	cat >"$top/rig/ktap" <<-'FAKE'
		#!/bin/sh
		awk '/^  ok/ { ok++ } /^  not ok/ { bad++ }
			END { print ok + 0 " passed, " bad + 0 " failed, 0 skipped"; exit bad > 0 }' "$1"
	FAKE
	export BOOT=/nonexistent
}

# stream CASE...: KTAP in which these fail and one more passes.
stream() {
	local n=1 name
	echo "KTAP version 1"
	echo "  ok 1 msr_zero"
	for name; do n=$((n + 1)); echo "  not ok $n $name"; done
}

@test "an argument, an unknown VARIANT, a TIMEOUT that is none, CASE= with VARIANT=stock: one line, status 2" {
	run -2 --separate-stderr prove/bad-input/bad-input now
	[ "${#stderr_lines[@]}" = 1 ]
	VARIANT=other run -2 --separate-stderr prove/bad-input/bad-input
	[ "${#stderr_lines[@]}" = 1 ]
	TIMEOUT=soon run -2 --separate-stderr prove/bad-input/bad-input
	[ "${stderr_lines[0]}" = "bad-input: error: TIMEOUT=soon is no number of seconds" ]
	CASE=msr_zero VARIANT=stock run -2 --separate-stderr prove/bad-input/bad-input
	[[ ${stderr_lines[0]} == *"exclude each other"* ]]
}

@test "patched: one case that fails fails the run" {
	stream msr_unaligned >"$BATS_TEST_TMPDIR/in"
	fake "$BATS_TEST_TMPDIR/in" 1
	VARIANT=patched run -1 --separate-stderr "$top/prove/bad-input/bad-input"
	[ "$output" = "1 passed, 1 failed, 0 skipped" ]
}

@test "stock: what is listed has to fail, and nothing else" {
	# shellcheck disable=SC2046 # one word a case
	stream $(sed 's/#.*//' prove/expect/6.1-bad-input-differs) >"$BATS_TEST_TMPDIR/in"
	fake "$BATS_TEST_TMPDIR/in" 1
	VARIANT=stock run -0 --separate-stderr "$top/prove/bad-input/bad-input"
	[ "$output" = "$((1 + $(grep -c "^[a-z]" prove/expect/6.1-bad-input-differs))) passed, 0 failed, 0 skipped" ]
	stream msr_unaligned >"$BATS_TEST_TMPDIR/stream"
	VARIANT=stock run -1 --separate-stderr "$top/prove/bad-input/bad-input"
	[[ ${stderr_lines[*]} == *"msr_unaligned fails on stock, but is not in"* ]]
	[[ ${stderr_lines[*]} == *"get_clock_without_vcpu does not differ on stock"* ]]
}

@test "a list of differences that names no case is refused" {
	stream >"$BATS_TEST_TMPDIR/in"
	fake "$BATS_TEST_TMPDIR/in" 0
	echo "msr_of_old # never was" >>"$top/prove/expect/6.1-bad-input-differs"
	VARIANT=stock run -2 --separate-stderr "$top/prove/bad-input/bad-input"
	[[ ${stderr_lines[-1]} == *"there is no case msr_of_old" ]]
}

@test "the program: unknown option and unknown case, status 2; at least 40 cases, no name twice" {
	make -s -C prove OUT="$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/bad-input"
	run -2 --separate-stderr "$BATS_TEST_TMPDIR/bad-input" -x
	"$BATS_TEST_TMPDIR/bad-input" -l >"$BATS_TEST_TMPDIR/list"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/list")" -ge 40 ]
	[ -z "$(sort "$BATS_TEST_TMPDIR/list" | uniq -d)" ]
}
