#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The rule of the rooms: rig knows none of the others; prove, measure and deliver know rig and not each other; ci stands
# above them.
# shellcheck disable=SC2154 # bats sets output and lines

bats_require_minimum_version 1.5.0

setup() { cd "$BATS_TEST_DIRNAME/.." || return; }

# strangers TOP: `FILE:LINE:TEXT` of each line in a room that names the path of a room which it must not know. Data
# count, too. What a README says for people does not.
strangers() {
	local room others rooms=(rig prove measure deliver ci)
	for room in rig prove measure deliver; do
		others=$(printf '%s\n' "${rooms[@]}" | grep -vx "$room\|rig" | paste -sd'|')
		[ $room = rig ] || others=${others%|ci}
		(cd "$1" && grep -rnIE --exclude=README.md "(^|[^[:alnum:]_.-])((\.\./)+|\./)?($others)/" "$room") ||
			true
	done
}

@test "no room names a path of one that it must not know" {
	run -0 strangers .
	[ -z "$output" ] || { echo "$output"; false; }
}

@test "what breaks the rule is seen, in whatever way it is named; what only looks alike is none" {
	top=$BATS_TEST_TMPDIR/top
	mkdir -p "$top"/{rig/guest,prove/storm,measure/bench,deliver,ci}
	# shellcheck disable=SC2016 # text
	while IFS='|' read -r file text; do
		echo "$text" >"$top/$file"
	done <<-'END'
		rig/kernel|"$TOP/prove/storm/stress"
		rig/guest/init|. measure/run
		rig/vm|deliver/mail makes it
		rig/lib.sh|. "$TOP/ci/test"
		prove/repeat|make -C "$TOP/measure/bench"
		prove/storm/storm.c|#include "../../measure/bench/result.h"
		prove/storm/stress|. "$(dirname "$0")/../../deliver/mail"
		measure/report|TOP / "prove/expect"
		measure/bench/bench|./deliver/debian
		deliver/debian|"$(dirname "$0")/../prove/check/check"
		deliver/mail|`measure/readme`
	END
	run -0 strangers "$top"
	[ "${#lines[@]}" = 11 ]
	rm -r "${top:?}"/*/*
	echo 'rig/vm prove/check improve/it' >"$top/prove/a"
	echo 'rig/vm measure/run' >"$top/measure/a"
	echo 'rig/vm deliver/mail' >"$top/deliver/a"
	echo 'rig/vm rig/guest pci/quirks to prove and to deliver' >"$top/rig/a"
	echo 'rig/vm prove/check measure/run deliver/mail' >"$top/ci/test"
	echo 'prove/ and measure/ come after it' >"$top/rig/README.md"
	run -0 strangers "$top"
	[ -z "$output" ]
}

@test "each room has a README of at most 25 lines, and the front one has at most 140" {
	for room in rig prove measure deliver; do
		[ "$(wc -l <$room/README.md)" -le 25 ] || { echo "$room/README.md is long"; false; }
	done
	[ "$(wc -l <README.md)" -le 140 ]
}
