# SPDX-License-Identifier: GPL-2.0-only
# The steps of ci/test that measure: 100,000 epochs, the bench in small, a 32-bit host.
# Usage: . ci/test-measure.sh (by ci/test)
# shellcheck shell=bash disable=SC2154,SC2317 # the variables are those of ci/test; check calls the small functions

# 100,000 epochs, idle and loaded, with and without a constant TSC, in the distribution's kernel and in the rig's.
step_exact() {
	TRIES=100000 KERNEL=distro check "$BASE-run-distro" rig measure/run
	TRIES=100000 KERNEL=rig check "$BASE-run-rig" rig measure/run
}

# The measurements, in small: stock and patched in turns, what becomes of it, and the bench in the VM, where it may do more.
step_bench() {
	local kernel results_bench=$work/results/bench
	kernel=$(rig kernel)
	BOOT=$(dirname "$kernel") bats --tap "$TOP/tests/measure/bench-vm.bats" >"$log/bench-vm.bats.tap" 2>&1 || true
	count_tap bench-vm.bats "$log/bench-vm.bats.tap"
	rm -rf "$results_bench"
	TRIES=400 AGE=1 HOST=0 JOBS="idle cost" check "$BASE-bench" rig measure/bench/bench
	# shellcheck disable=SC2016 # jq's variables
	exact() {
		rig measure/measured -j "$results_bench" | jq -e --arg base "$BASE" '
			[.rows[] | select(.[0] | test("^(error|step)")) | .[2]] | length >= 6 and
			all(.["\($base)-patched"] <= 2) and any(.["\($base)-stock"] > 2)'
	}
	check "$BASE-bench-exact" exact
	check "$BASE-bench-report" rig measure/report "$results_bench" "$work/report/index.html"
}

# A 32-bit host: patched is exact there and stock is not, and of the touched files W=1 says nothing new.
step_i386() {
	TRIES=100000 FRAGMENTS=i386 check "$BASE-i386-run" rig measure/run
	i386_warnings() (
		# shellcheck source=prove/check/check-code.sh
		. "$TOP/prove/check/check-code.sh"
		tree=$work/tree/$BASE
		tip=HEAD
		files=$(sources)
		sources() { echo "$files"; }
		# shellcheck disable=SC2086 # a list
		w1() { (cd "$tree" && touch $files) && objects out-rig-i386 W=1; }
		tree=$work/stock/$BASE compared 0000 i386 w1 && compared 0001 i386 w1
	)
	check "$BASE-i386-W=1" i386_warnings
}
