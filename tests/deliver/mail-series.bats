#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats: each test is a shell of its own, and sets output, stderr
# The topic epoch of BASE, which is to stand on nothing else, from patches/ into an inbox on loopback and back: the step
# mail of ci/test.

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"
. "$BATS_TEST_DIRNAME/mailing.bash"

teardown() { stop_server; }

@test "the topic epoch arrives, by git am and by b4, as it is in patches/" {
	export CACHE=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kvm-wall-clock}
	export BASE=${BASE:-6.1} BUILD=$BATS_TEST_TMPDIR/build TOP=
	submitter
	mkdir "$BATS_TEST_TMPDIR/top"
	cd "$BATS_TEST_TMPDIR/top"
	cp -r "$PROJECT"/{rig,prove,measure,deliver,ci,bases,patches} .
	git init -q .
	server
	SEND=1 run -0 --separate-stderr deliver/mail
	[ "$output" = "$BUILD/mail/$BASE-epoch-v1" ]
	mapfile -t patches < <(ls "$PWD/patches/$BASE"/??-epoch/*.patch)
	received $((${#patches[@]} + 1))
	# What the plain source and the patches, as they are in the repository, give.
	cat "${patches[@]}" >"$BATS_TEST_TMPDIR/patches.mbox"
	apply_all "$(rig/import)" base "$BATS_TEST_TMPDIR/patches.mbox" |
		sed 's/^\([^ ]*\) [^<]*<[^>]*>/\1 Zoë Übung-Łaska <zoe@submitter.example>/' \
			>"$BATS_TEST_TMPDIR/series"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/series")" = ${#patches[@]} ]
	same_series
	# Whoever takes KVM x86 patches is asked, by the whole series; and no source that is only imported is a base.
	for mail in "$inbox"/*.eml; do
		grep -qE '^(Cc:|\s).*kvm@vger\.kernel\.org' "$mail"
		run ! grep -q '^base-commit' "$mail"
	done
	prefix=$(sed -n 's/^MAIL_PREFIX="\?\([^"]*\)"\?$/\1/p' "bases/$BASE")
	[ "$(header Subject "$inbox/0001.eml" | sed 's/ [^ ]*\].*//')" = "[${prefix:-PATCH}" ]
}
