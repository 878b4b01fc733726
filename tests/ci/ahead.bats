#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The kernels that `make test` builds in the background: which, in what order, and that they end with it. The kernels are played.

bats_require_minimum_version 1.5.0

setup() {
	TOP=$BATS_TEST_TMPDIR/top
	work=$BATS_TEST_TMPDIR/work
	log=$work/log
	BUILD=$TOP/build
	mkdir -p "$TOP"/{rig,bases,patches,tests} "$log"
	# shellcheck disable=SC2016 # for the script that is written here
	printf '%s\n' '#!/bin/bash' \
		'echo "$BASE $VARIANT ${FRAGMENTS:-none} $BUILD $(ps -o ni= -p $$)" >>"$BUILD/built"' \
		'[ ! -e "$BUILD/slow" ] || sleep 300 & wait' \
		'[ "$BASE" != 2 ]' >"$TOP/rig/kernel"
	chmod +x "$TOP/rig/kernel"
	echo 'TEST_STEPS="plain i386"' >"$TOP/bases/1"
	echo 'TEST_STEPS="plain selftest"' >"$TOP/bases/2"
	base_steps="plain i386 selftest"
	# shellcheck disable=SC2317 # start_ahead calls it
	say() { echo "$*"; }
	# shellcheck source=rig/rig.sh
	. "$BATS_TEST_DIRNAME/../../rig/rig.sh"
	# shellcheck source=ci/test-ahead.sh
	. "$BATS_TEST_DIRNAME/../../ci/test-ahead.sh"
}

@test "what is built, in the order of need" {
	run -0 ahead_jobs 1 2
	[ "$output" = $'1 stock\n1 patched\n1 stock i386\n2 stock\n2 patched' ]
	: >"$TOP/bases/2"
	run -0 ahead_jobs 2
	[ "$output" = $'2 stock\n2 patched\n2 stock i386' ]
}

@test "each is built, at nice 19, one that fails does not end it, and all of it goes on while scripts are copied anew" {
	copy_series "$work/top"
	start_ahead 1 2
	trap - EXIT
	rm -rf "$work/top"
	wait "$ahead_pid"
	sed 's/  */ /g' "$work/built" >"$work/built.once"
	diff - "$work/built.once" <<-EOF
		1 stock none $work 19
		1 patched none $work 19
		1 stock i386 $work 19
		2 stock none $work 19
		2 patched none $work 19
	EOF
}

@test "it ends with who started it, its compilers too" {
	touch "$work/slow"
	(
		start_ahead 1 2 3>&-
		echo "$ahead_pid" >"$work/pid"
		until pgrep -r R,S,D -g "$ahead_pid" sleep; do sleep 0.1; done
	)
	for ((i = 0; i < 300; i++)); do
		pgrep -r R,S,D -g "$(cat "$work/pid")" || break # a zombie has ended
		sleep 0.1
	done
	[ "$i" -lt 300 ]
	[ "$(wc -l <"$work/built")" = 1 ]
}
