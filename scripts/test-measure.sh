# SPDX-License-Identifier: GPL-2.0-only
# The steps of scripts/test that measure: 100,000 epochs, the bench in small, a 32-bit host.
# Usage: . scripts/test-measure.sh (by scripts/test)
# shellcheck shell=bash disable=SC2154,SC2317 # the variables are those of scripts/test; check calls the small functions

# 100,000 epochs, idle and loaded, with and without a constant TSC, in the distribution's kernel and in the rig's.
step_exact() {
	cp -a "$TOP/bench" "$work/top/"
	TRIES=100000 KERNEL=distro check "$BASE-run-distro" rig run
	TRIES=100000 KERNEL=rig check "$BASE-run-rig" rig run
}

# The measurements, in small: stock and patched in turns, what becomes of it, and the bench in the VM, where it may do more.
step_bench() {
	local kernel results_bench=$work/results/bench
	cp -a "$TOP/bench" "$work/top/"
	kernel=$(rig kernel)
	BOOT=$(dirname "$kernel") bats --tap "$TOP/tests/bench-vm.bats" >"$log/bench-vm.bats.tap" 2>&1 || true
	count_tap bench-vm.bats "$log/bench-vm.bats.tap"
	rm -rf "$results_bench"
	TRIES=400 AGE=1 HOST=0 JOBS="idle cost" check "$BASE-bench" rig bench
	# shellcheck disable=SC2016 # jq's variables
	exact() {
		rig measured -j "$results_bench" | jq -e --arg base "$BASE" '
			[.rows[] | select(.[0] | test("^(error|step)")) | .[2]] | length >= 6 and
			all(.["\($base)-patched"] <= 2) and any(.["\($base)-stock"] > 2)'
	}
	check "$BASE-bench-exact" exact
	check "$BASE-bench-report" rig report "$results_bench" "$work/report/index.html"
}

# A 32-bit host: patched is exact there and stock is not, and the touched files build cleanly at W=1.
step_i386() {
	cp -a "$TOP/bench" "$work/top/"
	TRIES=100000 FRAGMENTS=i386 check "$BASE-i386-run" rig run
	# warnings KIND SOURCE...: what W=1 says of them in the tree below $work/KIND, without the line numbers.
	warnings() {
		local tree=$work/$1/$BASE
		shift
		(cd "$tree" && touch "$@") &&
			(. "$TOP/scripts/kbuild.sh" && kmake "$tree" O="$tree/out-rig-i386" LOCALVERSION= W=1 "${@/%.c/.o}") 2>&1 |
			tee >(cat >&2) | sed -n 's,^[./]*\([^:]*\):[0-9:]* *\(warning:.*\),\1 \2,p' | LC_ALL=C sort
	}
	i386_warnings() {
		local sources said warned of_stock
		mapfile -t sources < <(git -C "$work/tree/$BASE" diff --name-only base -- 'arch/x86/kvm/*.c')
		said=$(warnings tree "${sources[@]}") || return
		[ -n "$said" ] || return 0
		# What stock says, too, is not the series's.
		mapfile -t warned < <(cut -d' ' -f1 <<<"$said" | sort -u)
		of_stock=$(warnings stock "${warned[@]}") || return
		said=$(LC_ALL=C comm -23 <(echo "$said") <(echo "$of_stock"))
		[ -z "$said" ] || { echo "new:" "$said"; return 1; }
	}
	check "$BASE-i386-W=1" i386_warnings
}
