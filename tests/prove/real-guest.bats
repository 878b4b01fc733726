#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# prove/real-guest/real-guest and prove/live-update/live-update without a boot: bad arguments, and what they make of a
# VM's end, by a fake rig/vm.
# shellcheck disable=SC2016,SC2154 # the fake expands its own variables; bats sets stderr_lines

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset CASES FRAGMENTS LINUX VARIANT BASE KERNEL BOOT QEMU
	export KUNIT_TREE=${KUNIT_TREE:-$PWD/build/tree/6.1}
	export BUILD=$BATS_TEST_TMPDIR/build
}

# A copy of the project whose VM says $1 and ends with status $2.
fake() {
	[ -r "$KUNIT_TREE/tools/testing/kunit/kunit.py" ] || skip "no kunit.py in $KUNIT_TREE: make tree"
	command -v qemu-img >/dev/null || skip "no qemu-img: rig/packages real"
	top=$BATS_TEST_TMPDIR/top
	mkdir -p "$top" "$BATS_TEST_TMPDIR/boot"
	cp -a rig prove measure deliver ci bases "$top/"
	printf '%s\n' "$1" >"$BATS_TEST_TMPDIR/out"
	printf '#!/bin/sh\necho "$CMD" >>%s\necho "vm: LOST (a reason), log x" >&2\ncat %s\nexit %s\n' \
		"$BATS_TEST_TMPDIR/cmd" "$BATS_TEST_TMPDIR/out" "$2" >"$top/rig/vm"
	export BOOT=$BATS_TEST_TMPDIR/boot
	echo kernel >"$BOOT/bzImage"
	echo 6.1.192 >"$BOOT/release"
}

ktap() { printf 'KTAP version 1\n1..2\n# a number\n%s 1 boot\nok 2 epoch' "$1"; }

@test "bad arguments: one line that names the thing, status 2" {
	run -2 --separate-stderr prove/real-guest/real-guest now
	[ "${#stderr_lines[@]}" = 1 ]
	[[ ${stderr_lines[0]} == *"MODE=now is unknown"* ]]
	CASES="boot rain" run -2 --separate-stderr prove/real-guest/real-guest tsc
	[[ ${stderr_lines[0]} == *"CASES=rain is unknown"* ]]
	CASES=epoch run -2 --separate-stderr prove/real-guest/real-guest tsc
	[[ ${stderr_lines[0]} == *"the first has to be boot"* ]]
	QEMU=/nonexistent run -2 --separate-stderr prove/real-guest/real-guest tsc
	[[ ${stderr_lines[0]} == *"no program /nonexistent"* ]]
	run -2 --separate-stderr prove/live-update/live-update 5.10
	[ "${#stderr_lines[@]}" = 1 ]
	[[ ${stderr_lines[0]} == *"FROM=5.10 is unknown"* ]]
	run -2 --separate-stderr prove/live-update/live-update 6.1 5.10
	[[ ${stderr_lines[0]} == *"TO=5.10 is unknown"* ]]
}

@test "passed; mode and cases reach the VM" {
	fake "$(ktap ok)" 0
	CASES="boot epoch" run -0 --separate-stderr "$top/prove/real-guest/real-guest" apart hpet
	[ "$output" = "4 passed, 0 failed, 0 skipped" ]
	[[ ${stderr_lines[*]} == *"apart: a number"*"apart: ok boot"* ]]
	grep -q 'real-run apart boot epoch$' "$BATS_TEST_TMPDIR/cmd"
	grep -q 'real-run tsc boot epoch$' "$BATS_TEST_TMPDIR/cmd"
	[ -x "$BUILD/real/6.1-patched-rig-real/root/usr/bin/qemu-system-x86_64" ]
}

@test "a failed case, a stream cut off, a lost VM" {
	fake "$(ktap "not ok")" 1
	run -1 --separate-stderr "$top/prove/real-guest/real-guest" tsc
	[ "$output" = "1 passed, 1 failed, 0 skipped" ]
	fake $'KTAP version 1\n1..2\nok 1 boot' 0
	run -1 --separate-stderr "$top/prove/real-guest/real-guest" tsc
	fake "$(ktap ok)" 124
	run -124 --separate-stderr "$top/prove/real-guest/real-guest" tsc
	[ "$output" = "0 passed, 1 failed, 0 skipped" ]
	[[ ${stderr_lines[*]} == *"tsc: vm: LOST (a reason)"* ]]
}

@test "live update: its checks are the cases, and a VM that was lost in either half is no verdict" {
	fake $'before it runs: realtime - clock moved by 1 ns, bound 100: ok\nand a while later by 200 ns, '\
$'bound 100: FAILED\nmoved over 5 ns' 0
	run -1 --separate-stderr "$top/prove/live-update/live-update"
	[ "$output" = "1 passed, 1 failed, 0 skipped" ]
	[ "$(cat "$BATS_TEST_TMPDIR/cmd")" = $'./live-update save\n./live-update restore <saved' ]
	fake "" 125
	run -125 --separate-stderr "$top/prove/live-update/live-update"
	[ "$output" = "" ]
}
