# SPDX-License-Identifier: GPL-2.0-only
# The git side of deliver/mail-write: a work tree of its own, the series in it, on the plain base or on a commit of LINUX, and the
# version before it. in_work, log, work, source and patches are that script's.
# Usage: . "$(dirname "$0")/mail-work.sh"
# shellcheck shell=bash disable=SC2034,SC2153,SC2154

# take COMMIT: its files become objects of the work tree. As an alternate of it LINUX would be written to: git renews the date of
# an object that it finds there when it means to make the same.
take() {
	git -C "$LINUX" rev-list --objects --no-walk "$1" 2>>"$log/take.log" |
		git -C "$LINUX" pack-objects -q --window=0 --delta-base-offset "$work/.git/objects/pack/pack" >>"$log/take.log" 2>&1 ||
		die "LINUX=$LINUX does not have all objects of $1 (log $log/take.log)"
	echo "$1" >>"$work/.git/shallow"
}

# A work tree of our own on the objects of the import, with the files that are patched or that check patches.
open_work() {
	local repo
	repo=$(LINUX='' "$TOP/rig/import")
	base=$(git --git-dir="$repo" rev-parse base)
	mkdir -p "$work"
	git init -q --template= -b none "$work"
	mkdir -p "$work/.git/info"
	realpath "$repo/objects" >"$work/.git/objects/info/alternates"
	start=$base
	if [ -n "$LINUX" ]; then
		start=$(git -C "$LINUX" rev-parse -q --verify "${ONTO:-HEAD}^{commit}") ||
			die "ONTO=${ONTO:-HEAD} is no commit of LINUX=$LINUX: name a branch, as git -C $LINUX branch -a lists them"
		say "taking ${ONTO:-HEAD} of $LINUX (10 to 60 s)"
		take "$start"
	fi
	in_work config core.sparseCheckout true
	# By these, too, the kernel's perl scripts know a kernel tree.
	mkdir -p "$work"/{Documentation,arch,drivers,fs,include,init,ipc,kernel,lib,scripts}
	{
		printf '%s\n' '/*' '!/*/' '/scripts/*' '!/scripts/*/'
		sed -n 's|^+++ b/|/|p; s|^--- a/|/|p; s/^rename \(from\|to\) /\//p' "${below[@]}" "${patches[@]}"
	} >"$work/.git/info/sparse-checkout"
}

# conflict LOG: in which files a patch could not be applied.
conflict() {
	local files
	files=$(in_work diff --name-only --diff-filter=U | paste -sd' ')
	in_work diff >>"$1"
	[ -n "$files" ] || files=$(sed -n 's/^error: patch failed: \(.*\):[0-9]*$/\1/p; s/^error: \(.*\): does not .* index$/\1/p' "$1" | sort -u | paste -sd' ')
	echo "${files:-an unknown file}"
}

# left_out START PATCH...: those that START of LINUX has, by the commit in their line `Upstream:` or by their subject.
left_out() {
	local start=$1 patch subject commit known
	local -A subjects=()
	shift
	for patch; do
		subjects[$patch]=$(git mailinfo -b /dev/null /dev/null <"$patch" | sed -n 's/^Subject: \(\[PATCH\] \)\?//p')
	done
	known=$(git -C "$LINUX" log --format=%s -F "${subjects[@]/#/--grep=}" "$start")
	for patch; do
		commit=$(sed '/^---$/q' "$patch" | sed -n 's/^Upstream: \([0-9a-f]*\) .*/\1/p')
		if grep -qxF -- "${subjects[$patch]}" <<<"$known" ||
			{ [ -n "$commit" ] && git -C "$LINUX" merge-base --is-ancestor "$commit" "$start" 2>/dev/null; }; then
			echo "$patch"
		fi
	done
}

# apply START WAY WHAT PATCH...: the commit after them; WAY is how far git am may go for it, WHAT they are applied to. Our own
# patches have nothing in front of their subject but [PATCH]; anybody else's git am takes off all that is in brackets there.
keep=--keep-non-patch
apply() {
	local start=$1 way=$2 what=$3 log=$log/am$2.log name
	shift 3
	in_work checkout -q -f --detach "$start"
	[ $# != 0 ] || { echo "$start"; return; }
	# shellcheck disable=SC2086 # keep can be nothing
	if ! in_work am "$way" --committer-date-is-author-date --no-scissors --whitespace=nowarn --no-gpg-sign $keep "$@" >"$log" 2>&1; then
		name=$(in_work rev-parse --git-path rebase-apply/next)
		name=$(cat "$work/$name" 2>/dev/null) || name=1
		die "${!name#"$TOP/"} does not apply to $what, conflict in $(conflict "$log"): mend that patch, or choose another commit (log $log)"
	fi
	name=$(grep -B 9 'Patch already applied' "$log" | sed -n 's/^Applying: //p' | tail -n 1)
	[ -z "$name" ] || die "the patch \"$name\" is in $what already: take it out of patches/$BASE/$folder (log $log)"
	[ "$(in_work rev-list --count "$start..HEAD")" = $# ] || die "git am left a patch out (log $log)"
	in_work rev-parse HEAD
}

# own START TIP: the same commits with the submitter as author, who signs off.
own() {
	local parent=$1 commit date
	for commit in $(in_work rev-list --reverse "$1..$2"); do
		date=$(in_work log -1 --format=%ad --date=raw "$commit")
		parent=$(in_work cat-file commit "$commit" | sed '1,/^$/d' |
			in_work interpret-trailers --no-divider --if-exists doNothing --trailer "Signed-off-by: $SUBMITTER_NAME <$SUBMITTER_EMAIL>" |
			GIT_AUTHOR_NAME=$SUBMITTER_NAME GIT_AUTHOR_EMAIL=$SUBMITTER_EMAIL GIT_AUTHOR_DATE=$date GIT_COMMITTER_DATE=$date \
				git -C "$work" commit-tree "$commit^{tree}" -p "$parent")
	done
	echo "$parent"
}

# official COMMIT: whether others can have it: LINUX got it from a remote, or it is under a version tag; and it is no import.
official() {
	[ -n "$LINUX" ] && [ "$(git -C "$LINUX" log -1 --format=%ae "$1")" != source-import@localhost ] &&
		[ -z "$(git -C "$LINUX" rev-list -n 1 "$1" --not --remotes --tags='v[0-9]*')" ]
}

# previous: sets range to the commits of the version before, link to the mail that it began with, if that was sent.
previous() {
	local from=$PREVIOUS start=$start tip known
	link=
	[ -n "$from" ] || from=$BUILD/mail/$BASE-$TOPIC-v$((VERSION - 1))
	if [ -d "$from" ]; then
		from=$(realpath "$from")
		link=$(sed -n '1s/.*<\(.*\)>.*/\1/p' "$from/sent" 2>/dev/null) || true
	else
		[ -n "$PREVIOUS" ] || die "VERSION=$VERSION needs the version before: PREVIOUS=a revision of this project, or a folder of mails ($from does not exist)"
		mkdir "$work/.git/previous"
		tip=$(git -C "$TOP" rev-parse -q --verify "$PREVIOUS^{commit}") || tip=no-commit
		from=$(git -C "$TOP" ls-tree --name-only "$tip" "patches/$BASE/" 2>/dev/null | grep -x "patches/$BASE/..-$TOPIC") ||
			die "PREVIOUS=$PREVIOUS is no folder, and no revision of this project that has topic $TOPIC in patches/$BASE"
		git -C "$TOP" archive "$tip" "$from" | tar -x -C "$work/.git/previous"
		from=$work/.git/previous/$from
	fi
	mapfile -t known < <(cd "$from" && find . -name '*.patch' ! -name '*0000-*' -printf '%P\n' | LC_ALL=C sort)
	tip=$(find "$from" -name '*0000-*' -exec sed -n 's/^base-commit: //p' {} + | sed -n 1p)
	if [ -n "$tip" ] && [ "$tip" != "$start" ] && [ -n "$LINUX" ] && git -C "$LINUX" cat-file -e "$tip^{commit}" 2>/dev/null; then
		take "$tip"
		start=$tip
	fi
	[ ${#known[@]} -gt 0 ] || die "PREVIOUS=$PREVIOUS holds no patches"
	tip=$(apply "$start" -3 "the commit that version $((VERSION - 1)) is compared on" "${known[@]/#/$from/}")
	range=$start..$(own "$start" "$tip")
}
