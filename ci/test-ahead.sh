# SPDX-License-Identifier: GPL-2.0-only
# Kernels that the steps of ci/test need later, built on the time that is left: a VM keeps one processor busy, and the fixtures
# often none. Gives no result: a step builds what it needs, and what went wrong here goes wrong there again, where it counts.
# Usage: . ci/test-ahead.sh (by ci/test)
# shellcheck shell=bash disable=SC2154,SC2317 # the variables are those of ci/test

# ahead_jobs BASE...: `BASE VARIANT [FRAGMENT]`, one kernel a line, in the order of need.
ahead_jobs() {
	local base steps
	for base; do
		# shellcheck source=/dev/null
		steps=$(unset TEST_STEPS && . "$TOP/bases/$base" && echo " ${TEST_STEPS:-$base_steps} ")
		printf '%s\n' "$base stock" "$base patched"
		[[ $steps != *" i386 "* ]] || echo "$base stock i386"
	done
}

# start_ahead BASE...: in the background, until stop_ahead. At nice 19, so that a measurement beside it has the processor when it
# wants it; in a process group of its own, which is what ends make and its compilers; with scripts of its own, as those in
# $work/top are copied anew for each base. Locks in rig/kernel and rig/tree make a step wait for what is half done.
start_ahead() {
	say "building kernels in the background (log $log/ahead.log)"
	copy_series "$work/ahead"
	set -m
	build_ahead "$@" </dev/null >"$log/ahead.log" 2>&1 &
	ahead_pid=$!
	set +m
	trap stop_ahead EXIT
}

build_ahead() {
	renice -n 19 "$BASHPID" >/dev/null
	ahead_jobs "$@" | while read -r BASE VARIANT FRAGMENTS; do
		export BASE VARIANT FRAGMENTS
		BUILD=$work "$work/ahead/rig/kernel" || true
	done
}

stop_ahead() {
	[ -z "${ahead_pid:-}" ] || kill -- "-$ahead_pid" 2>/dev/null || true
}
