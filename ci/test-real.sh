# SPDX-License-Identifier: GPL-2.0-only
# A step of ci/test: real, the short case of what `ci/test-long real` does.
# Usage: . ci/test-real.sh (by ci/test)
# shellcheck shell=bash disable=SC2154 # the variables are those of ci/test

# A Linux guest on the distribution's kernel, whose modules the step exact needs anyway; stock's epoch is off there.
step_real() {
	local counts name=$BASE-real
	counts=$(KERNEL=distro CASES="boot epoch stop_cont" again_if_lost rig prove/real-guest/real-guest tsc 2>"$log/$name.log") || true
	count "$name" "${counts:-lost}"
	cp "$work/results/real-$BASE-patched-distro-tsc.ktap" "$results/$name.ktap" || touch "$results/$name.ktap.tmp"
}
