# SPDX-License-Identifier: GPL-2.0-only
# The steps of scripts/test that try to break it: bad input, and a short storm.
# Usage: . scripts/test-storm.sh (by scripts/test)
# shellcheck shell=bash disable=SC2154,SC2317 # the variables are those of scripts/test; check calls the small functions

# bad_input NAME VARIANT: its counts; the KTAP is kept under NAME.
bad_input() {
	local counts
	counts=$(RESULTS=$results/$1.ktap VARIANT=$2 again_if_lost rig bad-input 2>"$log/$1.log") || true
	echo "${counts:-lost}"
}

# Patched holds in every case, stock in all but those that are to differ; and a kernel that leaves the version odd is seen.
step_bad_input() {
	local patch=$TOP/tests/mutants/$BASE/version-left-odd.patch
	cp -a "$TOP/bench" "$work/top/"
	count "$BASE-bad-input" "$(bad_input "$BASE-bad-input" patched)"
	count "$BASE-stock-bad-input" "$(bad_input "$BASE-stock-bad-input" stock)"
	bad_input_sees_a_mutant() {
		local BUILD=$work/mutants boot status=0
		local tree=$BUILD/tree/$BASE
		export BUILD KUNIT_TREE=$tree
		[ ! -e "$tree" ] || git -C "$tree" reset -q --hard
		"$work/top/scripts/kernel" && git -C "$tree" apply "$patch" || return
		boot=$(dirname "$("$work/top/scripts/kernel" | tail -n 1)")
		BOOT=$boot CASE='msr_*' RESULTS=$log/$BASE-bad-input-mutant.ktap "$work/top/scripts/bad-input" || status=$?
		git -C "$tree" reset -q --hard
		[ "$status" = 1 ] && grep -q '^  not ok [0-9]* msr_unaligned' "$log/$BASE-bad-input-mutant.ktap"
	}
	check "$BASE-bad-input-sees-a-mutant" bad_input_sees_a_mutant
}

# A short storm on the rig's own kernel, which is built anyway; the debug kernels are those of make stress.
step_storm() {
	local line
	cp -a "$TOP/bench" "$work/top/"
	line=$(KINDS=plain MINUTES=2 again_if_lost rig stress 2>"$log/$BASE-storm.log" | tee "$results/$BASE-storm" | tail -n 1) || true
	count "$BASE-storm" "$line"
}
