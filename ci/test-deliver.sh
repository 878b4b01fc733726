# SPDX-License-Identifier: GPL-2.0-only
# The step of ci/test for what others take from here; the long proofs are in make test-long.
# Usage: . ci/test-deliver.sh (by ci/test)
# shellcheck shell=bash disable=SC2154,SC2317 # the variables are those of ci/test; check calls the small functions

# The kselftest tarball, unpacked and run in the VM by its own run_kselftest.sh; the series for Debian's source package.
step_deliver() {
	local counts
	counts=$(again_if_lost rig deliver/kselftest run 2>"$log/$BASE-kselftest.log") || true
	count "$BASE-kselftest" "${counts:-lost}"
	cp "$work/results/kselftest-$BASE-patched-rig.ktap" "$results/$BASE-kselftest.ktap" || touch "$results/$BASE-kselftest.ktap.tmp"
	# Where Debian 12 has a kernel of that line.
	[ -z "$IMAGE_PACKAGE" ] || check "$BASE-debian" rig deliver/debian
}
