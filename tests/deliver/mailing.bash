# SPDX-License-Identifier: GPL-2.0-only
# What the tests of deliver/mail share: a submitter, a mail server on loopback, and what receivers do with the mails.
# Usage: . "$BATS_TEST_DIRNAME/mailing.bash"
# shellcheck shell=bash

# submitter: with a name that is not ASCII. No configuration but this one; and no web, should anything look for it.
submitter() {
	export GIT_CONFIG_GLOBAL=$BATS_TEST_TMPDIR/.gitconfig GIT_CONFIG_NOSYSTEM=1 HOME=$BATS_TEST_TMPDIR
	export http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9
	unset "${!GIT_AUTHOR_@}" "${!GIT_COMMITTER_@}" EMAIL VERSION PREVIOUS LINUX ONTO SEND
	git config --global user.name 'Zoë Übung-Łaska'
	git config --global user.email zoe@submitter.example
}

# server: starts it, and makes git send-email use it and no other.
server() {
	inbox=$BATS_TEST_TMPDIR/inbox
	mkdir -p "$inbox"
	rm -f "$inbox/port"
	"$BATS_TEST_DIRNAME/smtp-server" "$inbox" >"$inbox/log" 2>&1 3>&- &
	server=$!
	until [ -e "$inbox/port" ]; do
		kill -0 "$server" || return
		sleep 0.1
	done
	git config --global sendemail.smtpServer 127.0.0.1
	git config --global sendemail.smtpServerPort "$(cat "$inbox/port")"
	git config --global sendemail.smtpDomain localhost.localdomain
}

stop_server() {
	[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
	server=
}

# header NAME FILE: unfolded, of a mail.
header() { sed '/^$/q' "$2" | sed -e :a -e '$!N' -e 's/\n[ \t]/ /;ta' -e 'P;D' | sed -n "s/^$1: *//Ip"; }

# same_series REPOSITORY COMMIT: by git am and by b4, what came in gives there what $BATS_TEST_TMPDIR/series says.
same_series() {
	local id
	apply_all "$@" "$inbox/mbox" | diff "$BATS_TEST_TMPDIR/series" - || return
	git config --global b4.attestation-policy off
	rm -rf "$BATS_TEST_TMPDIR/b4"
	mkdir "$BATS_TEST_TMPDIR/b4"
	id=$(header Message-Id "$inbox/0003.eml" | tr -d '<>')
	(cd "$BATS_TEST_TMPDIR" && b4 -q am -m "$inbox/mbox" -o b4 "$id" </dev/null >&2) || return
	apply_all "$@" "$BATS_TEST_TMPDIR"/b4/*.mbx | diff "$BATS_TEST_TMPDIR/series" -
}

# received N: N mails came in, each once, all in one thread: every mail is an answer to the cover letter, the first one.
received() {
	local mail cover ids
	[ "$(find "$inbox" -name '*.eml' | wc -l)" = "$1" ]
	cover=$(header Message-Id "$inbox/0001.eml")
	[[ $cover = '<cover.'*@*.*'>' ]]
	[ -z "$(header In-Reply-To "$inbox/0001.eml")" ]
	for mail in "$inbox"/*.eml; do
		ids+=$(header Message-Id "$mail")$'\n'
		[ "$mail" = "$inbox/0001.eml" ] ||
			[ "$(header In-Reply-To "$mail") $(header References "$mail")" = "$cover $cover" ]
	done
	[ "$(sort -u <<<"$ids" | grep -c .)" = "$1" ]
}

# apply_all REPOSITORY COMMIT MBOX: git am of a whole mailbox, cover letter and all, onto COMMIT; prints what it made.
apply_all() {
	local dir commit
	commit=$(git -C "$1" rev-parse "$2")
	dir=$(mktemp -d "$BATS_TEST_TMPDIR/receiver.XXX")
	git init -q "$dir"
	git -C "$1" rev-parse --path-format=absolute --git-path objects >"$dir/.git/objects/info/alternates"
	git -C "$dir" config core.sparseCheckout true
	printf '%s\n' '/*' '!/*/' >"$dir/.git/info/sparse-checkout"
	sed -n 's|^+++ b/|/|p; s|^--- a/|/|p' "$3" >>"$dir/.git/info/sparse-checkout"
	git -C "$dir" checkout -q --detach "$commit"
	git -C "$dir" am -q --empty=drop "$3" >&2 3>&-
	git -C "$dir" log --reverse --format='%T %an <%ae> %s' "$commit.."
}
