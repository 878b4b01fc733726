# SPDX-License-Identifier: GPL-2.0-only
# A step of scripts/test: real, the short case of what `scripts/test-long real` does.
# Usage: . scripts/test-real.sh (by scripts/test)
# shellcheck shell=bash disable=SC2154 # the variables are those of scripts/test

# A Linux guest on the distribution's kernel, whose modules the step exact needs anyway; stock's epoch is off there.
step_real() {
	local counts name=$BASE-real
	cp -a "$TOP/bench" "$work/top/"
	counts=$(KERNEL=distro CASES="boot epoch stop_cont" again_if_lost rig real-guest tsc 2>"$log/$name.log") || true
	count "$name" "${counts:-lost}"
	cp "$work/results/real-$BASE-patched-distro-tsc.ktap" "$results/$name.ktap" || touch "$results/$name.ktap.tmp"
}
