# SPDX-License-Identifier: GPL-2.0-only
# The steps of ci/test that try to break it: bad input, and a short storm.
# Usage: . ci/test-storm.sh (by ci/test)
# shellcheck shell=bash disable=SC2154,SC2317 # the variables are those of ci/test; check calls the small functions

# bad_input NAME VARIANT: its counts; the KTAP is kept under NAME.
bad_input() {
	local counts
	counts=$(RESULTS=$results/$1.ktap VARIANT=$2 again_if_lost rig prove/bad-input/bad-input 2>"$log/$1.log") || true
	echo "${counts:-lost}"
}

# on_mutant NAME COMMAND...: with BOOT of the series with that mutant on top, for the time that COMMAND takes.
on_mutant() {
	local BUILD=$work/mutants patch=$TOP/prove/mutants/$BASE/$1.patch status=0 tree
	# A tree of its own only where the step mutants needs it anyway: 80,000 files and a kernel.
	[[ " ${TEST_STEPS:-$base_steps} " = *" mutants "* ]] || BUILD=$work
	tree=$BUILD/tree/$BASE
	export BUILD KUNIT_TREE=$tree
	shift
	unmutated "$tree"
	"$work/top/rig/kernel" && git -C "$tree" apply "$patch" || return
	BOOT=$(dirname "$("$work/top/rig/kernel" | tail -n 1)") "$@" || status=$?
	unmutated "$tree"
	[ "$BUILD" != "$work" ] || "$work/top/rig/kernel" || return
	return "$status"
}

# unmutated TREE: without what a run that was ended left in it.
unmutated() { [ ! -e "$1" ] || git -C "$1" reset -q --hard; }

# Patched holds in every case, stock in all but those that are to differ; and a kernel that leaves the version odd is seen.
step_bad_input() {
	count "$BASE-bad-input" "$(bad_input "$BASE-bad-input" patched)"
	count "$BASE-stock-bad-input" "$(bad_input "$BASE-stock-bad-input" stock)"
	bad_input_sees_a_mutant() {
		local status=0
		CASE='msr_*' RESULTS=$log/$BASE-bad-input-mutant.ktap on_mutant version-left-odd "$work/top/prove/bad-input/bad-input" || status=$?
		[ "$status" = 1 ] && grep -q '^  not ok [0-9]* msr_unaligned' "$log/$BASE-bad-input-mutant.ktap"
	}
	check "$BASE-bad-input-sees-a-mutant" bad_input_sees_a_mutant
}

# A short storm on the rig's own kernel, which is built anyway; the debug kernels are those of make stress. Then one on a kernel
# with two readings where the clocksource is not the TSC: the observer has to see that.
step_storm() {
	local line
	line=$(KINDS=plain MINUTES=2 again_if_lost rig prove/storm/stress 2>"$log/$BASE-storm.log" | tee "$results/$BASE-storm" | tail -n 1) || true
	count "$BASE-storm" "$line"
	storm_sees_a_mutant() {
		local out
		out=$(KINDS=plain MINUTES=1 PARTS="vm clocksource" on_mutant fallback-two-readings "$work/top/prove/storm/stress") || true
		echo "$out"
		[[ $out =~ ' FAILED: '.*' exact off the TSC), '[1-9][0-9]*' broken, ' ]]
	}
	check "$BASE-storm-sees-a-mutant" storm_sees_a_mutant
}
