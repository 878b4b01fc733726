#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The rule of the rooms: rig knows none of the others; prove, measure and deliver know rig and not each other; ci stands above them.
# shellcheck disable=SC2154 # bats sets output and lines

bats_require_minimum_version 1.5.0

setup() { cd "$BATS_TEST_DIRNAME/.." || return; }

# strangers TOP: `FILE:LINE:TEXT` of each line in a room that names the path of a room which it must not know. Data count, too. What a
# README says for people does not.
strangers() {
	local room others
	for room in rig prove measure deliver; do
		case $room in
		rig) others='prove|measure|deliver|ci' ;;
		prove) others='measure|deliver' ;;
		measure) others='prove|deliver' ;;
		deliver) others='prove|measure' ;;
		esac
		(cd "$1" && grep -rnIE --exclude=README.md "(^|[^[:alnum:]_.-])((\.\./)+|\./)?($others)/" "$room") || true
	done
}

@test "no room names a path of one that it must not know" {
	run -0 strangers .
	[ -z "$output" ] || { echo "$output"; false; }
}

@test "what breaks the rule is seen: each room, each of the others, in whatever way it is named" {
	top=$BATS_TEST_TMPDIR/top
	mkdir -p "$top"/{rig/guest,prove/storm,measure/bench,deliver}
	n=0
	breaks() {
		printf '%s\n' 'text' "$2" >"$top/$1"
		run -0 strangers "$top"
		[ "$output" = "$1:2:$2" ] || { echo "not seen: $1: $2"; false; }
		rm "$top/$1"
		n=$((n + 1))
	}
	# shellcheck disable=SC2016 # text
	{
		breaks rig/kernel '"$TOP/prove/storm/stress"'
		breaks rig/guest/init '. measure/run'
		breaks rig/vm 'deliver/mail makes it'
		breaks rig/lib.sh '. "$TOP/ci/test"'
		breaks prove/repeat 'make -C "$TOP/measure/bench"'
		breaks prove/storm/storm.c '#include "../../measure/bench/result.h"'
		breaks prove/storm/stress '. "$(dirname "$0")/../../deliver/mail"'
		breaks measure/report 'TOP / "prove/expect"'
		breaks measure/bench/bench './deliver/debian'
		breaks deliver/debian '"$(dirname "$0")/../prove/check/check"'
		breaks deliver/mail '`measure/readme`'
	}
	[ $n = 11 ]
}

@test "what keeps the rule is none: rig, the room itself, ci from above, words that only look alike" {
	top=$BATS_TEST_TMPDIR/top
	mkdir -p "$top"/{rig,prove,measure,deliver,ci}
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
