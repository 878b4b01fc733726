# SPDX-License-Identifier: GPL-2.0-only
# The steps of ci/test: step_NAME. Each calls pass, fail, check or count for what it finds.
# Usage: . ci/test-steps.sh (by ci/test)
# shellcheck shell=bash disable=SC2154,SC2317 # the variables are those of ci/test; check calls the small functions

# What QEMU's emulated CPU has but does not announce by itself: a constant TSC, TSC scaling.
readonly CONSTANT_CPU=max,+invtsc,x-force-features=on
readonly SCALING_CPU=max,+invtsc,+tsc-scale,x-force-features=on

step_scripts() {
	check lint "$TOP/rig/lint"
	check bench-build make -C "$TOP/measure/bench" OUT="$work/bench" all
	check guest-build make -C "$TOP/prove" OUT="$work/guest" all
}

step_fixtures() {
	local file files names KUNIT_TREE BENCH_OUT
	# The kernel's own parser judges the fixtures: it comes with the tree, and a fresh clone has none yet.
	KUNIT_TREE=$(rig tree 2>"$log/fixtures-tree.log") || { fail "fixtures: no tree (log $log/fixtures-tree.log)"; return; }
	export KUNIT_TREE
	# The step scripts has built it.
	[ ! -e "$work/bench/kvm-clock-bench32" ] || export BENCH_OUT=$work/bench
	# What make was told is about the kernels: a fixture sets what it needs.
	# shellcheck disable=SC2016 # make's own
	names=$(env -u MAKEFLAGS make -s -C "$TOP" --eval='names: ; @echo $(VARIABLES)' names)
	# boot.bats and bench-vm.bats need a kernel, mail-series.bats a series: they belong to the steps selftest, bench and mail.
	# The largest first, side by side: none of them knows of another. What each took goes to
	# $results/fixture-times: seconds, of processor time as the user, as the system.
	mapfile -t files < <(cd "$TOP/tests" && find . -name '*.bats' -printf '%s %P\n' | sort -nr | cut -d' ' -f2 |
		grep -vE '(^|/)(boot|bench-vm|mail-series)\.bats$')
	# shellcheck disable=SC2016,SC2046,SC2086 # for the shell that xargs starts; a list
	printf '%s\n' "${files[@]}" | TESTS=$TOP/tests TAPS=$log TIMES=$results/fixture-times env -u LOST_BUDGET -u LOST_FILE \
		$(printf -- '-u %s ' $names) xargs -P "${J:-2}" -I{} bash -c '
			name=$(basename "$1")
			TIMEFORMAT="$name %R %U %S"
			{ time bats --tap "$TESTS/$1" >"$TAPS/$name.tap" 2>&1; } 2>>"$TIMES" || true' fixture {}
	for file in "${files[@]}"; do
		count_tap "$(basename "$file")" "$log/$(basename "$file").tap"
	done
}

# count_tap NAME FILE: TAP of bats; a plan that was not kept is a failure.
count_tap() {
	local p f s n
	p=$(grep -c '^ok [0-9]' "$2" || true)
	s=$(grep -c '^ok [0-9].*# skip' "$2" || true)
	f=$(grep -c '^not ok [0-9]' "$2" || true)
	n=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$2" | head -n 1)
	[ "$s" = 0 ] || grep '# skip' "$2" >&2
	if [ "$((p + f))" != "${n:-none}" ]; then
		fail "$1: $((p + f)) of ${n:-an unknown number of} tests gave a result ($2)"
	else
		count "$1" "$((p - s)) passed, $f failed, $s skipped"
	fi
	{ echo "TAP version 14" && cat "$2"; } >"$results/$1.ktap"
}

# The whole stack applies to the plain source by git am alone, and so do the topics that have to without the others.
step_plain() {
	local patches entry why
	for entry in '' $ALONE; do
		if [ -z "$entry" ]; then
			mapfile -t patches < <(series_patches)
		elif why=$(alone "$entry"); then
			mapfile -t patches <<<"$why"
		else
			skipped=$((skipped + 1))
			say "skip: $BASE-git-am-$entry: $why"
			continue
		fi
		check "$BASE-git-am${entry:+-$entry}" plain_am "${patches[@]}"
	done
}

# The trees's commits give the same patches again, byte for byte.
step_refresh() {
	check "$BASE-tree" rig tree
	check "$BASE-refresh" rig refresh
	check "$BASE-refresh-is-a-no-op" diff -r "$TOP/patches/$BASE" "$work/top/patches/$BASE"
}

# What needs no build of make check: the text of each patch, and who is asked about it.
step_text() {
	WORK=$work "$TOP/prove/check/check" am checkpatch codespell maintainers upstream topics >"$results/$BASE-text" 2>"$log/$BASE-text.log" || true
	count "$BASE-text" "$(tail -n 1 "$results/$BASE-text")"
	copy_series "$work/top"
}

# The series, by way of a mail server on loopback, is still the series.
step_mail() {
	bats --tap "$TOP/tests/deliver/mail-series.bats" >"$log/$BASE-mail.tap" 2>&1 || true
	count_tap "$BASE-mail" "$log/$BASE-mail.tap"
}

# selftest NAME VARIANT: by rig/selftest with the environment given; the KTAP is kept under NAME.
selftest() {
	local counts
	counts=$(RESULTS=$results/$1.ktap VARIANT=$2 again_if_lost rig selftest "${@:3}" 2>"$log/$1.log") || true
	echo "${counts:-lost}"
}

step_selftest() {
	local kernel
	kernel=$(rig kernel)
	BOOT=$(dirname "$kernel") bats --tap "$TOP/tests/rig/boot.bats" >"$log/boot.bats.tap" 2>&1 || true
	count_tap boot.bats "$log/boot.bats.tap"
	count "$BASE-patched" "$(selftest "$BASE-patched" patched)"
	count "$BASE-patched-constant-tsc" "$(CPU=$CONSTANT_CPU selftest "$BASE-patched-constant-tsc" patched)"
	count "$BASE-patched-scaling" "$(CPU=$SCALING_CPU selftest "$BASE-patched-scaling" patched)"
	count "$BASE-patched-hpet" "$(APPEND=clocksource=hpet selftest "$BASE-patched-hpet" patched)"
	count "$BASE-patched-acpi_pm" "$(APPEND=clocksource=acpi_pm selftest "$BASE-patched-acpi_pm" patched)"
}

# On stock the cases that the series cures fail, each of them, and no other.
step_stock() {
	local name
	selftest "$BASE-stock" stock >/dev/null
	# shellcheck disable=SC2013 # one word a case
	for name in $(sed 's/#.*//; /^?/d' "$TOP/prove/expect/$BASE-stock-fails"); do
		if cases "$results/$BASE-stock.ktap" | grep -qx "not ok $name"; then
			pass "$BASE-stock: $name fails, as it must"
		elif grep -q "^  ok [0-9]* $name # SKIP .*too close to tell" "$results/$BASE-stock.ktap"; then
			skipped=$((skipped + 1))
			say "skip: $BASE-stock: $name saw two rates too close to tell, in this boot"
		else
			fail "$BASE-stock: $name does not fail: it proves nothing ($results/$BASE-stock.ktap)"
		fi
	done
	for name in $(cases "$results/$BASE-stock.ktap" | sed -n 's/^not ok //p'); do
		grep -qx "?\?$name" "$TOP/prove/expect/$BASE-stock-fails" ||
			fail "$BASE-stock: $name fails, but is not in prove/expect/$BASE-stock-fails"
	done
}

# The base's own clock tests give on patched what they give on stock, or better.
step_clock_tests() {
	local variant
	# shellcheck disable=SC2086 # a list
	count "$BASE-clock-tests" "$(rig prove/suite/check-suite $CLOCK_TESTS 2>"$log/$BASE-clock-tests.log" | tee "$results/$BASE-clock-tests" | tail -n 1)"
	grep -v ' passed, ' "$results/$BASE-clock-tests" >&2 || true
	for variant in stock patched; do
		cp "$work/log/suite/$BASE/$variant-1.ktap" "$results/$BASE-clock-tests-$variant.ktap"
	done
}

# A handful of mutants; make mutants runs them all.
step_mutants() {
	local log=$log/$BASE-mutants.log result=$results/$BASE-mutants
	run_mutants() {
		rig prove/mutants/mutants epoch-two-readings realtime-100ns-later set-clock-two-readings version-left-odd \
			xen-page-old-formula 2>"$log" >"$result" && return
		! grep -qw lost "$log" || return 125
		return 1
	}
	again_if_lost run_mutants || true
	count "$BASE-mutants" "$(tail -n 1 "$result")"
}
