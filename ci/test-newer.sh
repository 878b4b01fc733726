# SPDX-License-Identifier: GPL-2.0-only
# A step of ci/test: newer_selftest.
# Usage: . ci/test-newer.sh (by ci/test)
# shellcheck shell=bash disable=SC2154,SC2317,SC2034 # the variables are those of ci/test

# The selftest of the newest line runs on the kernels of the older ones, as CI rings do; where its library cannot, the base says why.
# With TSC scaling, so that no case has a reason of its own to skip.
step_newer_selftest() {
	local newest programs counts name=$BASE-newer-selftest status=0
	newest=$(bases | sort -V | tail -n 1)
	if [ "$newest" = "$BASE" ]; then
		skipped=$((skipped + 1))
		say "skip: $name: $BASE is the newest"
		return
	fi
	programs=$(BASE=$newest rig kselftests 2>"$log/$name-build.log") || { fail "$name: it does not build (log $log/$name-build.log)"; return; }
	rig kernel >/dev/null 2>"$log/$name-kernel.log" || { fail "$name: no kernel (log $log/$name-kernel.log)"; return; }
	# shellcheck disable=SC2086 # a list
	run_newer() { CPU=$SCALING_CPU TIMEOUT=480 FILES=$programs CMD="ktap-run -l 240$(in_vm $programs)" rig vm >"$results/$name.ktap" 2>"$log/$name.log"; }
	again_if_lost run_newer || true
	counts=$(rig ktap "$results/$name.ktap" 2>>"$log/$name.log") || status=$?
	if [ -z "${NEWER_SELFTEST_SKIPS:-}" ]; then
		count "$name" "${counts:-lost}"
	elif [ $status = 4 ] && skips_for "$results/$name.ktap" "$NEWER_SELFTEST_SKIPS"; then
		skipped=$((skipped + 1))
		say "skip: $name: as expected, $NEWER_SELFTEST_SKIPS"
	else
		fail "$name: ${counts:-lost}, but all of it should be skipped: $NEWER_SELFTEST_SKIPS ($results/$name.ktap)"
	fi
}

# skips_for FILE REASON: whether each skip in this KTAP gives that reason, and there is one. Of a program with cases these say why.
skips_for() {
	local skips
	skips=$(grep '^  .*# SKIP' "$1") || skips=$(grep '# SKIP' "$1") || return
	! grep -qvF -- "$2" <<<"$skips"
}
