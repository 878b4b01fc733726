#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # $() is data; bats: a shell for each test; it sets output
# deliver/mail on a toy kernel: what is written, what is refused, what arrives. Mail goes to loopback only.

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"
. "$BATS_TEST_DIRNAME/mailing.bash"

# The toy kernel with what deliver/mail asks of a kernel: who maintains a file, and a critic.
eval "$(declare -f kernel | sed '1s/kernel/plain_kernel/')"
kernel() {
	plain_kernel "$1"
	seq 1 20 >"$1/manual"
	printf 'F: everything\n' >"$1/MAINTAINERS"
	cat >"$1/scripts/get_maintainer.pl" <<-'EOF'
		open(my $patch, "<", $ARGV[-1]) or die;
		my $text = join("", <$patch>);
		exit 1 if $text =~ /NO ANSWER/;
		if ($text =~ m{^\+\+\+ b/arch/x86/kvm/}m) {
			print "\"Kim M\xc3\xbcller\" <kim\@kvm.example> (supporter:KVM (KVM/x86))\n";
			print "\"Robin R. (Company)\" <robin\@kvm.example> (reviewer:KVM (KVM/x86))\n";
			print "kvm\@lists.example (open list:KVM (KVM/x86))\n";
		}
		if ($text =~ m{^\+\+\+ b/manual}m) {
			print "Dee Docs <dee\@docs.example> (maintainer:DOCUMENTATION)\n";
			print "docs\@lists.example (open list:DOCUMENTATION)\n";
		}
		print "all\@lists.example (open list)\n";
	EOF
	cat >"$1/scripts/checkpatch.pl" <<-'EOF'
		open(my $patch, "<", $ARGV[-1]) or die;
		my @bad = grep { /^\+.*BAD STYLE/ } <$patch>;
		print "ERROR: $_" for @bad;
		exit(@bad ? 1 : 0);
	EOF
}

setup_file() {
	toy_suite 9.9.7-1
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR/seed
	variables
	top "$BATS_FILE_TMPDIR/top"
	cp "$PROJECT/Makefile" "$BATS_FILE_TMPDIR/top/"
	printf 'MAIL_PREFIX="PATCH 9.9"\nMAIL_CC=line@lists.example\n' >>"$BATS_FILE_TMPDIR/top/bases/9.9"
	cd "$BATS_FILE_TMPDIR/top"
	rig/tree
	tree=$BUILD/tree/9.9
	# change FILE LINE TEXT MESSAGE
	change() {
		sed -i "$2s/.*/$3/" "$tree/$1"
		git -C "$tree" -c user.name='The Project' -c user.email=project@localhost commit -qam "$4"
	}
	change arch/x86/kvm/x86.c 10 'int ten;' $'KVM: x86: Make ten\n\nWith a body.\n\nLink: https://example/1'
	change manual 5 five \
		$'Manual: Say five\n\nReported-by: Pat Reporter <pat@users.example>\nCc: Sam Åsen <sam@users.example>'
	change arch/x86/kvm/x86.c 30 'int thirty;' $'KVM: x86: Make thirty \xe2\x80\x93 at last\n\nIn 30 \xc2\xb5s.'
	git -C "$tree" branch numbers
	rig/refresh
	printf 'Subject: KVM: x86: Make numbers\n\nThe line of the toy.\n\nMore of it.\n' >patches/9.9/01-numbers/cover
	rm -rf "$BUILD"
}

setup() {
	# Below another make, make says which folder it enters.
	unset MAKEFLAGS MFLAGS MAKELEVEL
	variables
	submitter
	cp -r "$BATS_FILE_TMPDIR/seed/cache" "$CACHE"
	cp -r "$BATS_FILE_TMPDIR/top" "$BATS_TEST_TMPDIR/top"
	cd "$BATS_TEST_TMPDIR/top"
	git init -q .
	topic=patches/9.9/01-numbers
	series=$PWD/$topic
	ten=$topic/0001-KVM-x86-Make-ten.patch
	zoe="Zoë Übung-Łaska <zoe@submitter.example>"
	mails=$BUILD/mail/9.9-numbers-v1
	cover=$mails/0000-cover-letter.patch
}

teardown() { stop_server; }

# written NAME...: these are the mails, and the cover letter.
written() { diff <(cd "$mails" && printf '%s\n' *.patch) <(printf '%s.patch\n' 0000-cover-letter "$@"); }

# refused TEXT: status 2 with one clear line, and no mails.
refused() {
	run -2 deliver/mail
	says "error: $1"
	[ "$(grep -c 'error: ' <<<"$output")" = 1 ]
	[ ! -e "$mails" ]
	[ ! -e "$BUILD/mail/work" ]
	[ ! -e "$BUILD/mail/new" ]
}

# project: the files of the project as a git repository, for PREVIOUS=.
project() { git add -A && git -c user.name=a -c user.email=a@localhost commit -qm "${1:-one}" && git tag "${1:-one}"; }

# upstream: a repository with history, whose clone is $LINUX. Branches: next, conflict, has-ten.
upstream() {
	local up=$BATS_TEST_TMPDIR/upstream
	kernel "$up"
	up() { git -C "$up" -c user.name=Upstream -c user.email=up@localhost "$@"; }
	git init -q -b main "$up"
	up add -A
	up commit -qm 'The kernel'
	up tag v9.9
	up checkout -q -b next
	# Moves what the patches touch, and is near enough that only a three-way merge succeeds.
	sed -i -e '1i int zero;' -e '8s/.*/int eight;/' "$up/arch/x86/kvm/x86.c"
	up commit -qam 'Next'
	up checkout -q -b conflict
	sed -i 's/^int line_30;/int other_30;/' "$up/arch/x86/kvm/x86.c"
	up commit -qam 'Conflict'
	up checkout -q -b has-ten next
	sed -i 's/^int line_10;/int ten;/' "$up/arch/x86/kvm/x86.c"
	up commit -qam 'Has ten'
	up checkout -q next
	git clone -q "$up" "$BATS_TEST_TMPDIR/linux"
	export LINUX=$BATS_TEST_TMPDIR/linux
	# The build is the rig's and has its own tests; here it only tells what it was asked to build.
	cat >rig/kernel <<-'EOF'
		#!/bin/sh
		mkdir -p "$BUILD"
		subjects=$(git -C "$LINUX" log --format=%s HEAD | head -n 5 | paste -sd,)
		echo "$VARIANT $KERNEL $subjects $(git -C "$LINUX" rev-parse HEAD^{tree})" >"$BUILD/../../built"
		[ ! -e "$BUILD/../../fail" ]
	EOF
}

@test "mail: what is written, and who gets what" {
	run -0 --separate-stderr deliver/mail
	[ "$output" = "$mails" ]
	written 0001-KVM-x86-Make-ten 0002-Manual-Say-five 0003-KVM-x86-Make-thirty-at-last
	[ "$(header Subject "$cover")" = "[PATCH 9.9 0/3] KVM: x86: Make numbers" ]
	[ "$(header Subject "$mails"/0001*)" = "[PATCH 9.9 1/3] KVM: x86: Make ten" ]
	sed '1,/^$/d' "$cover" >"$BATS_TEST_TMPDIR/text"
	diff - "$BATS_TEST_TMPDIR/text" <<-EOF
		The line of the toy.

		More of it.

		Zoë Übung-Łaska (3):
		  KVM: x86: Make ten
		  Manual: Say five
		  KVM: x86: Make thirty – at last

		 arch/x86/kvm/x86.c | 4 ++--
		 manual             | 2 +-
		 2 files changed, 3 insertions(+), 3 deletions(-)

	EOF
	for mail in "$mails"/*.patch; do
		[ "$(head -n 1 "$mail" | cut -d' ' -f2)" = 0000000000000000000000000000000000000000 ]
		header From "$mail" |
			grep -qiE '^=\?utf-8\?q\?Zo=C3=AB(=20|_)=C3=9Cbung-=C5=81aska\?= <zoe@submitter.example>$'
		run ! grep -qE '^(base-commit|-- $)|project@localhost' "$mail"
		[ "$mail" = "$cover" ] || [ "$(grep '^Signed-off-by:' "$mail")" = "Signed-off-by: $zoe" ]
	done
	grep -A 1 '^Link: ' "$mails"/0001* | grep -q '^Signed-off-by: '
	grep -qE '^index [0-9a-f]{40}\.\.[0-9a-f]{40}' "$mails"/0001*
	grep -q 'dry run: 4 mails to 9 addresses, nothing sent' <<<"$stderr"
	[ "$(grep -c '^Dry-OK' "$mails/dry-run.log")" = 4 ]
	[ ! -e "$BUILD/tree" ]
	[ ! -e "$BUILD/mail/work" ]
	[ -z "$(git status --porcelain --untracked-files=no)" ]
	# Who gets what.
	people() { header "$1" "$2" | grep -o '[^ <,]*@[^ >,]*' | sort | paste -sd' '; }
	all="all@lists.example kvm@lists.example line@lists.example robin@kvm.example"
	for mail in "$mails"/000[13]*; do
		[ "$(people To "$mail")" = kim@kvm.example ]
		[ "$(people Cc "$mail")" = "$all" ]
	done
	# Maintainers of a single patch get that one and the cover letter; and the text of a patch names people, too.
	all+=" docs@lists.example pat@users.example sam@users.example"
	for mail in "$cover" "$mails"/0002*; do
		[ "$(people To "$mail")" = "dee@docs.example kim@kvm.example" ]
		[ "$(people Cc "$mail")" = "$(tr ' ' '\n' <<<"$all" | sort | paste -sd' ')" ]
	done
	header Cc "$cover" | grep -qF '"Robin R. (Company)" <robin@kvm.example>'
	header To "$cover" | grep -qF '=?utf-8?q?Kim_M=C3=BCller?= <kim@kvm.example>'
}

@test "mail: without a prefix or a list of its own, a base is upstream" {
	sed -i '/^MAIL_/d' bases/9.9
	deliver/mail
	[ "$(header Subject "$cover")" = "[PATCH 0/3] KVM: x86: Make numbers" ]
	run ! grep -q line@lists.example "$cover"
}

@test "mail: the same text again; of the user's git configuration only the name counts" {
	deliver/mail
	cp -r "$mails" "$BATS_TEST_TMPDIR/first"
	printf '%s\n' '[format]' 'signature = x' 'numbered = false' 'subjectPrefix = X' 'coverLetter = auto' \
		'headers = "X-Y: z"' '[diff]' 'noprefix = true' 'context = 1' 'algorithm = patience' '[commit]' \
		'gpgSign = true' '[core]' 'abbrev = 7' 'autocrlf = true' >>"$GIT_CONFIG_GLOBAL"
	# What a run that was interrupted has left does not count either.
	mkdir -p "$BUILD/mail/work/.git" "$BUILD/mail/new"
	echo half | tee "$BUILD/mail/new/0009-old.patch" >"$BUILD/mail/work/.git/HEAD"
	GIT_AUTHOR_NAME=Else GIT_COMMITTER_EMAIL=else@localhost GIT_DIR=/nowhere deliver/mail
	text() { cd "$1" && sed -E '/^(Message-Id|In-Reply-To|References):/Id; 1,9{/^Date: /d}' ./*.patch; }
	diff <(text "$BATS_TEST_TMPDIR/first") <(text "$mails")
}

@test "mail: no identity" {
	git config --global --unset user.name
	refused "user.name is not set"
	says "git config --global user.name 'Your Name'"
	git config --global user.name '  '
	refused "user.name is not set"
	for name in 'A <b>' $'A\nBcc: b@users.example' $'\xff\xfe'; do
		git config --global user.name "$name"
		refused "user.name is no name"
	done
	git config --global user.name 'A Person'
	git config --global --unset user.email
	refused "user.email is not set"
	for email in person person@localhost 'a b@users.example' 'a@users.example, b@users.example' \
		'<a@users.example>'; do
		git config --global user.email "$email"
		refused "user.email=$email is no address"
	done
}

@test "mail: variables that make no sense" {
	VERSION=two refused "VERSION=two is no version number"
	VERSION=0 refused "VERSION=0 is no version number"
	PREVIOUS=HEAD refused "PREVIOUS=HEAD is for a later version"
	ONTO=main refused "ONTO=main is a branch of LINUX="
	LINUX=$BATS_TEST_TMPDIR/linux.tar refused "LINUX=$BATS_TEST_TMPDIR/linux.tar is no git clone"
	SEND=yes refused "SEND=yes is unknown"
	BASE=9.8 refused "BASE=9.8 is unknown"
	VERSION=2 refused "VERSION=2 needs the version before"
	VERSION=2 PREVIOUS=nothing refused "PREVIOUS=nothing is no folder, and no revision"
	VERSION=2 PREVIOUS=--output=x refused "PREVIOUS=--output=x is no folder, and no revision"
	mkdir "$BATS_TEST_TMPDIR/empty"
	VERSION=2 PREVIOUS=$BATS_TEST_TMPDIR/empty refused "PREVIOUS=$BATS_TEST_TMPDIR/empty holds no patches"
}

@test "mail: no cover letter, or none that is one" {
	mv "$series/cover" "$BATS_TEST_TMPDIR/cover"
	refused "$topic/cover does not exist"
	for text in '' 'Subject: only' 'Subject:\n\ntext' 'no subject\n\ntext' 'Subject: x\ntext at once\n\ntext' \
		'Subject: x\n\n  \n'; do
		printf %b "$text" >"$series/cover"
		refused "$topic/cover is no cover letter"
	done
	printf 'Subject: x\n\ntext \xff\n' >"$series/cover"
	refused "$topic/cover is not UTF-8"
}

@test "mail: no series, or one that is not whole" {
	mv "$series" "$BATS_TEST_TMPDIR/away"
	refused "patches/9.9 has no topic"
	mkdir "$series"
	cp "$BATS_TEST_TMPDIR/away/cover" "$series"
	TOPIC=numbers refused "$topic has no patch"
	mv "$BATS_TEST_TMPDIR/away"/*.patch "$series"
	sed -i 's/^With a body/Signed-off-by: Somebody <else@localhost>/' "$series"/0001*
	refused "$ten has a Signed-off-by: of its own"
	sed -i -e 's/^Signed-off-by.*/With a body./' -e 's/^-int line_10;/-int line_1x;/' "$series"/0001*
	refused "$ten does not apply to linux-source-9.9, conflict in arch/x86/kvm/x86.c"
}

@test "mail: a name that mail has to quote; hostile subjects and headers are data, or refused" {
	subject() { sed -i "s/^Subject: .*/Subject: [PATCH] $1/" "$series"/0001*; }
	subject '[RFC] Make ten'
	refused "git am makes something else of the mails than what is in the series"
	says "Make ten"
	subject "KVM: $(printf '\342\200\256')net ekaM"
	refused "$topic has characters in its subject that are not visible"
	subject "KVM: $(printf '\033')[2J"
	refused "$topic has characters in its subject that are not visible"
	subject "KVM: $(printf 'x%.0s' $(seq 1100))"
	refused "0001-KVM-$(printf 'x%.0s' $(seq 48)).patch has a header line of more than 998 bytes"
	printf 'Subject: KVM: \342\200\213zero width\n\ntext\n' >"$series/cover"
	refused "$topic/cover has characters in its subject that are not visible"
	text='`touch pwned` $(touch pwned) "; touch pwned; " ../x --output=y %s, Bcc: x@users.example'
	printf 'Subject: KVM: \344\275\240\345\245\275 %s\n\nFrom nobody\ntext\n' "$text" >"$series/cover"
	subject "KVM: ${text//\//\\/} \\&c."
	sed -i 's/^Subject: /Bcc: x@users.example\nTo: x@users.example\nSubject: /' "$series"/0001*
	git config --global user.name 'Dr. Ann "Cat" O'\''Hara, Jr. $(touch pwned)'
	server
	SEND=1 deliver/mail
	received 4
	[ -z "$(find "$BATS_TEST_TMPDIR" -name pwned)" ]
	diff - <(apply_all "$(rig/import)" base "$inbox/mbox" | cut -d' ' -f2- | sed -n 1p) <<-EOF
		Dr. Ann "Cat" O'Hara, Jr. \$(touch pwned) <zoe@submitter.example> KVM: $text &c.
	EOF
	header Subject "$inbox/0001.eml" | grep -qE '^\[PATCH 9.9 0/3\] =\?utf-8\?q\?KVM=3A_=E4=BD=A0=E5=A5=BD'
	run ! grep -q 'x@users' "$inbox/envelopes"
	grep -qx 'From nobody' "$inbox/0001.eml"
}

@test "mail: what checkpatch objects to" {
	sed -i 's/^+int ten;/+int ten; \/\/ BAD STYLE/' "$series"/0001*
	refused "checkpatch has objections"
	says "ERROR: +int ten; // BAD STYLE"
	log=$(grep -o '(log [^)]*' <<<"$output" | tail -n 1 | cut -c6-)
	grep -q 'BAD STYLE' "$log"
}

@test "mail: no answer, or nobody, from get_maintainer.pl" {
	sed -i 's/^With a body/NO ANSWER/' "$series"/0001*
	run -2 deliver/mail
	says "error: get_maintainer.pl has no answer for $BUILD/mail/new/0001-KVM-x86-Make-ten.patch, status 1"
	[ ! -e "$mails" ]
	rm "$series"/000[13]*
	deliver/mail
	sed -i 's|b/manual|b/empty|; s|a/manual|a/empty|; s/^@@.*/@@ -0,0 +1 @@/; /^[ -][0-9]/d' "$series"/0002*
	rm -r "$mails"
	refused "get_maintainer.pl names no maintainer of half of the patches"
}

@test "mail: mails that were edited are not written over" {
	deliver/mail
	sed -i 's/^---$/---\nA note for v1./' "$mails"/0001*
	run -2 deliver/mail
	says "$mails was edited by hand, which would be lost"
	grep -q 'A note for v1' "$mails"/0001*
}

@test "version: a range-diff against the mails of the version before, below the diffstat" {
	deliver/mail
	sed -i 's/^+int thirty;/+int THIRTY;/' "$series"/0003*
	VERSION=2 run -0 --separate-stderr deliver/mail
	[ "$output" = "$BUILD/mail/9.9-numbers-v2" ]
	cover=$BUILD/mail/9.9-numbers-v2/v2-0000-cover-letter.patch
	[ "$(header Subject "$cover")" = "[PATCH 9.9 v2 0/3] KVM: x86: Make numbers" ]
	sed -n '/files changed/,$p' "$cover" >"$BATS_TEST_TMPDIR/range-diff"
	grep -qx 'Range-diff against v1:' "$BATS_TEST_TMPDIR/range-diff"
	grep -qE '^1:  [0-9a-f]+ = 1:  [0-9a-f]+ KVM: x86: Make ten$' "$BATS_TEST_TMPDIR/range-diff"
	grep -qE '^3:  [0-9a-f]+ ! 3:  [0-9a-f]+ KVM: x86: Make thirty' "$BATS_TEST_TMPDIR/range-diff"
	grep -qE '^ +-\+int thirty;$' "$BATS_TEST_TMPDIR/range-diff"
	grep -qE '^ +\+\+int THIRTY;$' "$BATS_TEST_TMPDIR/range-diff"
	# Nothing went out, so there is nothing to point to.
	run ! grep -q lore.kernel.org "$cover"
}

@test "version: PREVIOUS= a revision of this project, or a folder" {
	project v1
	sed -i 's/^+int thirty;/+int THIRTY;/' "$series"/0003*
	rm "$series"/0001*
	project v2
	VERSION=3 PREVIOUS=v1 deliver/mail
	cover=$BUILD/mail/9.9-numbers-v3/v3-0000-cover-letter.patch
	grep -qx 'Range-diff against v2:' "$cover"
	grep -qE '^1:  [0-9a-f]+ < -:  -+ KVM: x86: Make ten$' "$cover"
	grep -qE '^ +\+\+int THIRTY;$' "$cover"
	cp -r "$BATS_FILE_TMPDIR/top/patches/9.9/01-numbers" "$BATS_TEST_TMPDIR/old"
	rm -r "$BUILD/mail"
	cd "$BATS_TEST_TMPDIR"
	VERSION=3 PREVIOUS=old top/deliver/mail
	grep -qE '^ +\+\+int THIRTY;$' "$cover"
	sed -i 's/^-int line_10;/-int line_1x;/' old/0001*
	VERSION=3 PREVIOUS=old run -2 top/deliver/mail
	says "0001-KVM-x86-Make-ten.patch does not apply to the commit that version 2 is compared on"
}

@test "send: only by SEND=1, only with a server, only in a person's name" {
	SEND=1 refused "sendemail.smtpServer is not set"
	server
	git config --global user.email zoe@users.noreply.submitter.example
	SEND=1 refused "user.email=zoe@users.noreply.submitter.example takes no replies"
	run -0 deliver/mail
	says "takes no replies"
	git config --global user.email zoe@submitter.example
	deliver/mail
	SEND='' deliver/mail
	[ ! -e "$inbox/mbox" ]
}

@test "send: what arrives, by git am and by b4, is the series" {
	server
	SEND=1 run -0 --separate-stderr deliver/mail
	[ "$output" = "$mails" ]
	grep -q 'sent 2 of 4: \[PATCH 9.9 1/3\] KVM: x86: Make ten' <<<"$stderr"
	grep -q 'sent all 4 mails' <<<"$stderr"
	received 4
	rig/tree >&2
	git -C "$BUILD/tree/9.9" log --reverse --format="%T $zoe %s" base.. >"$BATS_TEST_TMPDIR/series"
	same_series "$(rig/import)" base
	# The envelopes are what the mails say.
	to="all@lists.example kim@kvm.example kvm@lists.example line@lists.example robin@kvm.example"
	[ "$(sed -n 2p "$inbox/envelopes")" = "zoe@submitter.example $to" ]
	[ "$(sed -n 1p "$inbox/envelopes" | wc -w)" = 10 ]
	for mail in "$inbox"/*.eml; do
		header From "$mail" | grep -qiF '=?utf-8?q?Zo=C3=AB'
		run ! grep -q '^From: .*' <(sed '1,/^$/d' "$mail")
	done
	header To "$inbox/0002.eml" | grep -qF '=?utf-8?q?Kim_M=C3=BCller?= <kim@kvm.example>'
	# The record, and what comes after it.
	[ "$(cut -d' ' -f2 "$mails/sent")" = "$(for mail in "$inbox"/*.eml; do header Message-Id "$mail"; done)" ]
	SEND=1 run -2 deliver/mail
	says "$mails was sent already: the next version is VERSION=2"
	received 4
	VERSION=2 deliver/mail
	cover=$BUILD/mail/9.9-numbers-v2/v2-0000-cover-letter.patch
	grep -qxF "v1: https://lore.kernel.org/r/$(header Message-Id "$inbox/0001.eml" | tr -d '<>')" "$cover"
	[ -z "$(header In-Reply-To "$cover")" ]
}

@test "send: a server that gives up in the middle; the rest follows, each mail once, in the same thread" {
	server
	echo 2 >"$inbox/accept"
	SEND=1 run -2 deliver/mail
	says "error: 2 of 4 mails were sent, 0002-Manual-Say-five.patch was not: 4.3.0 out of order"
	says "make mail SEND=1 with the same variables sends the rest into the same thread (log $mails/send.log)"
	received 2
	run -2 deliver/mail
	says "$mails was sent in part, 2 of 4 mails"
	run -2 ci/clean
	says "$mails was sent in part"
	SEND=1 run -2 deliver/mail
	says "error: 2 of 4 mails were sent"
	rm "$inbox/accept"
	# A series that has changed in the meantime changes nothing about what is under way.
	sed -i 's/^+int thirty;/+int THIRTY;/' "$series"/0003*
	SEND=1 deliver/mail
	received 4
	run ! grep -q THIRTY "$inbox/mbox"
	ci/clean
	[ ! -e "$BUILD" ]
}

@test "send: no server there, or one that does not take an address; nothing was sent, and the next run begins anew" {
	server
	stop_server
	SEND=1 run -2 deliver/mail
	says "error: nothing was sent: Unable to initialize SMTP properly"
	server
	echo 0 >"$inbox/accept"
	SEND=1 run -2 deliver/mail
	says "error: nothing was sent: 4.3.0 out of order"
	[ ! -e "$inbox/mbox" ]
	rm "$inbox/accept"
	SEND=1 deliver/mail
	received 4
}

@test "send: the record is true even if everything here is killed" {
	server
	# All processes of the sender end after the second mail, before they can say anything.
	SEND=1 setsid deliver/mail >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	victim=$!
	cat >"$inbox/hook" <<-EOF
		#!/bin/sh
		[ "\$1" = 2 ] || exit 0
		until grep -q "^Result: 250" "$mails/send.log"; do sleep 0.1; done
		pkill -KILL -s $victim
	EOF
	chmod +x "$inbox/hook"
	wait "$victim" || true
	rm "$inbox/hook"
	[ "$(find "$inbox" -name '*.eml' | wc -l)" = 2 ]
	SEND=1 deliver/mail
	# The second mail was kept but not confirmed: that one comes twice, none is missing, no other is sent again.
	diff <(for mail in "$inbox"/*.eml; do header Message-Id "$mail"; done) \
		<(for n in 0 1 1 2 3; do header Message-Id "$mails/000$n"*; done)
}

@test "send: settings that would change who gets the mails" {
	server
	while read -r key value; do git config --global "sendemail.$key" "$value"; done <<-'END'
		to other@users.example
		cc other@users.example
		toCmd echo other@users.example #
		ccCmd echo other@users.example #
		confirm always
		annotate true
		thread true
		chainReplyTo true
		transferEncoding base64
		suppressCc cc
	END
	git config --global core.editor false
	SEND=1 run -2 deliver/mail
	says "0000-cover-letter.patch would not go to just those that it names, nothing was sent: all@lists.example"
	git config --global --unset sendemail.suppressCc
	SEND=1 deliver/mail
	received 4
	run ! grep -q other@users "$inbox/envelopes"
	grep -qx '+int ten;' "$inbox/0002.eml"
}

@test "onto: by a three-way merge, with the official commit as base, built and checked there; the clone is only read" {
	upstream
	state() { (cd "$LINUX" && find . -type f -printf '%p %T@ ' -exec sha256sum {} \;); }
	before=$(state)
	ONTO=origin/next run -0 --separate-stderr deliver/mail
	[ "$output" = "$mails" ]
	diff <(echo "$before") <(state)
	[ "$(grep '^base-commit: ' "$mails"/*.patch | sed 's/.*: //')" = "$(git -C "$LINUX" rev-parse origin/next)" ]
	cat "$mails"/*.patch >"$BATS_TEST_TMPDIR/mbox"
	apply_all "$LINUX" origin/next "$BATS_TEST_TMPDIR/mbox" >"$BATS_TEST_TMPDIR/applied"
	built="stock rig KVM: x86: Make thirty – at last,Manual: Say five,KVM: x86: Make ten,Next"
	[ "$(cat "$BUILD/built")" = "$built $(tail -n 1 "$BATS_TEST_TMPDIR/applied" | cut -d' ' -f1)" ]
	[ ! -e "$BUILD/mail/work" ]
	[ -z "$(find "$CACHE/git" -maxdepth 1 -name 'linux-[0-9a-f]*.git')" ]
	# HEAD is what ONTO is by default; the folder may be given from elsewhere.
	cd "$BATS_TEST_TMPDIR"
	LINUX=linux top/deliver/mail
	grep -q "^base-commit: $(git -C "$LINUX" rev-parse HEAD)" "$cover"
	# A shallow clone is a clone.
	git clone -q --depth 1 -b next "file://$BATS_TEST_TMPDIR/upstream" shallow
	LINUX=shallow top/deliver/mail
	grep -q "^base-commit: $(git -C shallow rev-parse HEAD)" "$cover"
}

@test "onto: a version after, compared on the commits that each is based on" {
	upstream
	ONTO=v9.9 deliver/mail
	grep -q "^base-commit: $(git -C "$LINUX" rev-parse v9.9)" "$cover"
	# Where the version before would not even apply.
	rm "$series"/0003*
	VERSION=2 ONTO=origin/conflict deliver/mail
	cover=$BUILD/mail/9.9-numbers-v2/v2-0000-cover-letter.patch
	grep -q "^base-commit: $(git -C "$LINUX" rev-parse origin/conflict)" "$cover"
	grep -qE '^2:  [0-9a-f]+ = 2:  [0-9a-f]+ Manual: Say five$' "$cover"
	grep -qE '^3:  [0-9a-f]+ < -:  -+ KVM: x86: Make thirty' "$cover"
}

@test "onto: a patch that is there already; conflicts are named by patch and file" {
	upstream
	ONTO=origin/has-ten refused 'the patch "KVM: x86: Make ten" is in origin/has-ten'
	at=$(git -C "$LINUX" rev-parse origin/conflict)
	ONTO=origin/conflict refused "$topic/0003-KVM-x86-Make-thirty-at-last.patch does not apply to"
	says "to origin/conflict ($at), conflict in arch/x86/kvm/x86.c:"
	log=$(grep -o '(log [^)]*' <<<"$output" | cut -c6-)
	grep -q 'int other_30;' "$log"
	git -C "$LINUX" rm -q manual
	git -C "$LINUX" -c user.name=a -c user.email=a@localhost commit -qm 'No manual'
	at=$(git -C "$LINUX" rev-parse HEAD)
	refused "$topic/0002-Manual-Say-five.patch does not apply to HEAD ($at), conflict in manual:"
}

@test "onto: what is there by subject or by the commit of its line Upstream: is left out" {
	upstream
	local up=$BATS_TEST_TMPDIR/upstream
	up checkout -q next
	sed -i '20s/.*/int twenty;/' "$BATS_TEST_TMPDIR/upstream/arch/x86/kvm/x86.c"
	sed -i '5s/.*/five/' "$BATS_TEST_TMPDIR/upstream/manual"
	up commit -qam 'Manual: Say five'
	git -C "$LINUX" fetch -q
	sed -i 's/^With a body./&\n\nUpstream: 123456789012 (queued)/' "$series"/0001*
	ONTO=origin/next deliver/mail
	written 0001-KVM-x86-Make-ten 0002-KVM-x86-Make-thirty-at-last
	sed -i "s/123456789012/$(git -C "$LINUX" rev-parse --short=12 origin/next)/" "$series"/0001*
	ONTO=origin/next run -0 deliver/mail
	says "origin/next has $ten: left out"
	written 0001-KVM-x86-Make-thirty-at-last
	rm -r "$series"/0003* "$mails"
	TOPIC=numbers ONTO=origin/next refused "origin/next of LINUX=$LINUX has every patch of topic numbers"
	ONTO=origin/next refused "patches/9.9 has no topic that is not in origin/next"
}

@test "TOPIC: the others go below it, unless it needs none or few of them, and the cover letter names them" {
	TOPIC=two run -2 deliver/mail
	says "TOPIC=two is unknown; use one of: numbers all"
	mkdir patches/9.9/0{0-upstream,2-epoch}
	mv "$series"/0001* patches/9.9/00-upstream/
	mv "$series"/0003* patches/9.9/02-epoch/
	cp "$series/cover" patches/9.9/02-epoch/
	sed -i 's/^With a body./&\n\nUpstream: 123456789012 (v9.9.9)/' patches/9.9/00-upstream/*
	TOPIC=upstream run -2 deliver/mail
	says "TOPIC=upstream is what upstream has already"
	run -0 deliver/mail
	says "mail: topic numbers"
	mails=$BUILD/mail/9.9-epoch-v1
	cover=$mails/0000-cover-letter.patch
	export TOPIC=epoch
	deliver/mail
	written 0001-KVM-x86-Make-thirty-at-last
	grep -q '^@@ -27,7 +27,7 @@ int line_26;' "$mails"/0001*
	diff - <(sed -n '/^Prereq/,/^Zoë/{/^Zoë/!p}' "$cover") <<-'END'
		Prerequisites, not sent along:

		 - KVM: x86: Make ten: commit 123456789012 (v9.9.9)
		 - Manual: Say five: no commit yet, topic numbers

	END
	echo 'ALONE="numbers upstream+epoch"' >>bases/9.9
	sed -i 's/^ 4$/ 44/' patches/9.9/01-numbers/0002*
	deliver/mail
	run ! grep -q 'Say five' "$cover"
	TOPIC=numbers run -2 deliver/mail
	says "$topic/0002-Manual-Say-five.patch does not apply"
}

@test "mail: stable@ is sent only what is in a release" {
	sed -i 's/^MAIL_CC=.*/MAIL_CC=stable@lists.example/' bases/9.9
	sed -i 's/^With a body./&\n\nUpstream: 123456789012 (queued)/' "$series"/0001*
	sed -i 's/^Reported-by:/Cc: <stable@lists.example>\n&/' "$series"/0002*
	deliver/mail
	run ! grep -q stable@ <(for mail in "$mails"/*; do header Cc "$mail"; done)
	sed -i 's/(queued)/(v9.9.9)/' "$series"/0001*
	deliver/mail
	for mail in "$mails"/*.patch; do header Cc "$mail" | grep -c stable@ || true; done >"$BATS_TEST_TMPDIR/stable"
	[ "$(paste -sd' ' "$BATS_TEST_TMPDIR/stable")" = "1 1 0 0" ]
}

@test "more than fifteen patches are not posted at once" {
	for n in $(seq 1 14); do
		sed "s/int ten;/int ten_$n;/; s/line_10;/ten_$((n - 1));/; s/Make ten/Make ten $n/" "$series"/0001* \
			>"$series/1$(printf %03d "$n")-more.patch"
	done
	sed -i 's/ten_0;/ten;/' "$series"/1001*
	refused "topic numbers has 17 patches: at most 15 or so are posted at once (Documentation/process/"
	TOPIC=all refused "TOPIC=all: one topic is posted at a time"
}

@test "onto: a commit of nobody's but the user's own is no base-commit; nor is an imported source" {
	upstream
	git -C "$LINUX" -c user.name=a -c user.email=a@localhost commit -q --allow-empty -m own
	run -0 deliver/mail
	says "is on no branch that LINUX=$LINUX has from a remote: no base-commit is written"
	run ! grep -rq '^base-commit' "$mails"
	git clone -q "$(LINUX='' rig/import)" "$BATS_TEST_TMPDIR/import"
	LINUX=$BATS_TEST_TMPDIR/import deliver/mail
	run ! grep -rq '^base-commit' "$mails"
}

@test "onto: a series that does not build, an unknown branch" {
	upstream
	mkdir -p "$BUILD"
	touch "$BUILD/fail"
	ONTO=origin/next refused "the series does not build on origin/next of LINUX=$LINUX"
	ONTO=nothing refused "ONTO=nothing is no commit of LINUX=$LINUX"
	ONTO=--all refused "ONTO=--all is no commit of LINUX=$LINUX"
}

# All that docs/submitting.md says to type, in its order, for BASE=9.9 and a mail server on loopback.
@test "docs: every command of submitting.md does what it says there" {
	local n=0 line
	upstream
	unset LINUX
	project before
	rm "$GIT_CONFIG_GLOBAL"
	server
	git config --global user.useConfigOnly true
	while read -r line; do
		n=$((n + 1))
		line=$(sed 's/6\.1\|7\.3/9.9/g; s/TOPIC=epoch/TOPIC=numbers/; s/smtp.your.domain/127.0.0.1/' <<<"$line")
		echo "== $line"
		bash -c "$line"
	done < <(sed -n '/^```$/,/^```$/{/^```$/!p}' "$PROJECT/docs/submitting.md")
	[ "$n" = 10 ]
	received 4
	grep -q '^Range-diff against v1:$' "$BUILD"/mail/9.9-numbers-v2/*cover*
	grep -q 'From: .*Your Name.* <you@your.domain>' "$inbox/0001.eml"
	[ -e "$BUILD/mail/9.9-numbers-v1/dry-run.log" ]
	[ "$(wc -l <"$BUILD/mail/9.9-numbers-v1/sent")" = 4 ]
}
