#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2030,SC2031,SC2046,SC2086,SC2154,SC2164 # bats: a shell for each test; it sets output; lists
# Each topic of BASE alone, from patches/ into an inbox on loopback and back: the step mail of ci/test. And what goes
# out where the target has some of it: plain 7.3, 7.3 with what is queued upstream, with epoch merged.

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"
. "$BATS_TEST_DIRNAME/mailing.bash"

setup() {
	export CACHE=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kvm-wall-clock}
	export BASE=${BASE:-6.1} BUILD=$BATS_TEST_TMPDIR/build TOP=
	submitter
	mkdir "$BATS_TEST_TMPDIR/top"
	cd "$BATS_TEST_TMPDIR/top"
	cp -r "$PROJECT"/{rig,prove,measure,deliver,ci,bases,patches} .
	git init -q .
	. rig/lib.sh
	load_base
	linux=$BATS_TEST_TMPDIR/linux
	git clone -q --shared --no-checkout "$(rig/import)" "$linux"
	cat "patches/$BASE"/*/*.patch | sed -n 's|^+++ b/|/|p' | sort -u |
		git -C "$linux" sparse-checkout set --no-cone --stdin
}

teardown() { stop_server; }

# branch NAME COMMIT [FOLDER...]: of these topics on COMMIT; by another than the submitter, who commits the same.
branch() {
	git -C "$linux" checkout -q --detach "$2"
	[ $# = 2 ] || git -C "$linux" -c user.name=Up am -q --keep-non-patch --no-scissors \
		$(series_patches "${@:3}" | sed "s|^|$PWD/patches/$BASE/|")
	git -C "$linux" branch -q -f "$1"
}

# expected TOPIC COMMIT [FOLDER...]: `below` is COMMIT, which has these, with what else it needs;
# $BATS_TEST_TMPDIR/series says what its mails are to make of that.
expected() {
	branch below "$2" $(with_needed "$1" | grep -vxF "$(printf '%s\n' "${@:3}" "$(topics | grep "^..-$1$")")")
	branch whole below "$(topics | grep "^..-$1$")"
	git -C "$linux" log --reverse --format="%T Zoë Übung-Łaska <zoe@submitter.example> %s" below..whole \
		>"$BATS_TEST_TMPDIR/series"
}

@test "each topic arrives, by git am and by b4, as it is in patches/" {
	prefix=$(sed -n 's/^MAIL_PREFIX="\?\([^"]*\)"\?$/\1/p' "bases/$BASE")
	for topic in ${TOPICS:-$(topics | sed -n '/-upstream$/!s/^..-//p')}; do
		server
		TOPIC=$topic SEND=1 run -0 --separate-stderr deliver/mail
		[ "$output" = "$BUILD/mail/$BASE-$topic-v1" ]
		expected "$topic" base
		received $(($(wc -l <"$BATS_TEST_TMPDIR/series") + 1))
		same_series "$linux" below
		# Whoever takes KVM x86 patches is asked, by the whole series; no source that is imported is a base.
		for mail in "$inbox"/*.eml; do
			grep -qE '^(Cc:|\s).*kvm@vger\.kernel\.org' "$mail"
			run ! grep -q '^base-commit' "$mail"
		done
		[ "$(header Subject "$inbox/0001.eml" | sed 's/ [^ ]*\].*//')" = "[${prefix:-PATCH}" ]
		stop_server
		rm -r "$inbox"
	done
}

@test "plain 7.3, 7.3 with what is queued, with epoch merged: what it has is left out, what it lacks is named" {
	[ "$BASE" = 7.3 ] || skip "the targets are of 7.3"
	# That each prefix of the stack builds, boots and passes is what make check says, of the trees of this test.
	played rig/kernel true
	branch queued base 01-upstream
	branch merged queued 02-cpu-online 03-epoch
	git -C "$linux" update-ref refs/remotes/origin/queued queued
	export LINUX=$linux
	# onto N TOPIC TARGET [FOLDER...]: the mails give the trees of the stack, the cover names N patches before them.
	onto() {
		ONTO=$3 TOPIC=$2 run deliver/mail
		[ "$status" = 0 ] || { echo "$output" && return 1; }
		cat "$BUILD/mail/7.3-$2-v1"/*.patch >"$BATS_TEST_TMPDIR/mbox"
		expected "${@:2}"
		apply_all "$linux" below "$BATS_TEST_TMPDIR/mbox" | diff "$BATS_TEST_TMPDIR/series" -
		[ "$(sed -n '/^Prerequisites, /,/^Zoë/p' "$BATS_TEST_TMPDIR/mbox" | grep -c '^ - ')" = "$1" ]
		rm -r "$BUILD/mail"
	}
	onto 13 epoch base
	tr -d '\n' <"$BATS_TEST_TMPDIR/mbox" | grep -q ' commit *c56419275caa *(queued)'
	onto 0 epoch queued 01-upstream
	says "queued has patches/7.3/01-upstream/0001-"
	onto "$(find patches/7.3/0[2-8]-* -name '*.patch' | wc -l)" continuity queued 01-upstream
	grep -q '^prerequisite-patch-id' "$BATS_TEST_TMPDIR/mbox"
	onto 0 writers merged 01-upstream 02-cpu-online 03-epoch
	ONTO=merged run -0 deliver/mail
	says "mail: topic writers"
	ONTO=merged TOPIC=epoch run -2 deliver/mail
	says "merged of LINUX=$linux has every patch of topic epoch"
}
