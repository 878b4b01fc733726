# SPDX-License-Identifier: GPL-2.0-only
# The steps of prove/check/check on the text of a patch, and on the project's own code: check_STEP NUMBER PATCH. Status 3: there is
# nothing in this patch that the step is about.
# Usage: . "$(dirname "$0")/check-text.sh" (by prove/check/check)
# shellcheck shell=bash disable=SC2154,SC2317 # the variables are those of prove/check/check, which calls the functions by name

# The kernel's python scripts need modules that Debian's python3 has, not any other that a PATH finds first.
with_debian_python() { PATH=/usr/bin:$PATH "$@"; }

# prepare_text: the tree with the whole series, and the checkers of the newest base for all of them.
prepare_text() {
	local repo
	tree=$(rig tree) || return
	repo=$(BASE=$(bases | sort -V | tail -n 1) rig import)
	tools=$work/tools
	rm -rf "$log/named"
	rm -rf "$tools"
	mkdir -p "$tools"
	git --git-dir="$repo" archive base scripts/{checkpatch.pl,get_maintainer.pl,spelling.txt,const_structs.checkpatch} | tar -x -C "$tools"
	! wants checkpatch || checkpatch_all
}

# checkpatch_one SAID PATCH, in the tree. Without a history: in one that lacks a commit, as an import's does, it does not look at
# how the text names that commit. But it lets spdxcheck.py look at new files only where there is one.
checkpatch_one() {
	local options=(--root=. --strict --terse --show-types)
	GIT_DIR=/none perl "$tools/scripts/checkpatch.pl" "${options[@]}" "$2" >"$1" 2>&1 || true
	! git apply --summary "$2" | grep -q '^ create mode' ||
		perl "$tools/scripts/checkpatch.pl" "${options[@]}" --types SPDX_LICENSE_TAG "$2" 2>&1 | grep -v '^total: ' >>"$1" || true
}

# checkpatch_all: a second a patch, so side by side; each says it in the log NUMBER-checkpatch.said.
checkpatch_all() {
	local n
	export -f checkpatch_one
	export tools
	for n in "${picks[@]}"; do
		printf '%s\0%s\0' "$log/$(row_of "${patches[n - 1]}")-checkpatch.said" "$TOP/patches/$BASE/${patches[n - 1]}"
	done | (cd "$tree" && with_debian_python xargs -0 -n 2 -P "$J" bash -c 'checkpatch_one "$@"' checkpatch)
	rm -f "$tree"/.checkpatch-camelcase.*
}

# touched PATCH: the files that it changes.
touched() { git apply --numstat "$TOP/patches/$BASE/$1" | cut -f 3; }

# The tree is made by git am alone; this is that each hunk is where the patch says. git knows no fuzz, but it does look around.
check_am() {
	local commit
	commit=$(git -C "$tree" rev-list --reverse base..refs/rig/exported | sed -n "$(place "$2")p")
	[ -n "$commit" ] || { echo "patch $1 is not in $tree"; return 1; }
	export GIT_INDEX_FILE=$work/index
	git -C "$tree" read-tree "$commit^" &&
		LC_ALL=C git -C "$tree" apply --cached --check -v "$TOP/patches/$BASE/$2" 2>&1 | tee /dev/stderr | (! grep -E '(offset -?[0-9]+ line|fuzz|^error)')
	local status=$?
	unset GIT_INDEX_FILE
	return $status
}

# unlisted PATCH: of checkpatch's lines on stdin those that prove/expect/checkpatch has no reason for. The line `Upstream:` is not prose, in
# which a commit would have its title.
unlisted() {
	local line type pattern
	while read -r line; do
		[[ ! $line =~ :([0-9]+):\ ERROR:GIT_COMMIT_ID: ]] || ! sed -n "${BASH_REMATCH[1]}p" "$TOP/patches/$BASE/$1" | grep -q '^Upstream: ' || continue
		while read -r type pattern; do
			# shellcheck disable=SC2053 # a pattern is meant
			[[ $line =~ :\ (ERROR|WARNING|CHECK):$type: && $1 == $pattern ]] || continue
			continue 2
		done < <(sed '/^#/d; /^$/d' "$TOP/prove/expect/checkpatch")
		echo "$line"
	done
}

# By the newest base's checkpatch. What it says is an objection unless prove/expect/checkpatch gives the reason why not.
check_checkpatch() {
	local said objections
	said=$(cat "$log/$1-checkpatch.said")
	printf '%s\n' "$said"
	grep -q '^total: ' <<<"$said" || { echo "checkpatch gave no result"; return 1; }
	objections=$(grep -v '^total: ' <<<"$said" | unlisted "$2")
	[ -n "$objections" ] || return 0
	printf '%s\n' "$objections" | sed "s,^$TOP/,objection: ,"
	return 1
}

# The changelog and the lines that are added.
check_codespell() {
	sed -n '1,/^---$/p; /^+/s/^+//p' "$TOP/patches/$BASE/$2" >"$log/$1-codespell.text"
	LC_ALL=C.UTF-8 codespell -I "$TOP/rig/codespell" - <"$log/$1-codespell.text"
}

# named FILE: whom get_maintainer.pl names by the series's own MAINTAINERS.
named() {
	local known=$log/named/${1//\//_}
	mkdir -p "$log/named"
	[ -e "$known" ] || (cd "$tree" && perl "$tools/scripts/get_maintainer.pl" --no-git --no-git-fallback --no-rolestats -f "$1") >"$known"
	cat "$known"
}

check_maintainers() {
	local file whom none=1
	for file in $(touched "$2"); do
		[ "$file" != MAINTAINERS ] || continue
		none=
		whom=$(named "$file") || return
		printf '%s: %s\n' "$file" "$(paste -sd, <<<"$whom")"
		grep -q 'kvm@vger\.kernel\.org' <<<"$whom" || { echo "kvm@vger.kernel.org is not named for $file"; return 1; }
		[[ $file != */asm/pvclock.h ]] || grep -q 'x86@kernel\.org' <<<"$whom" ||
			{ echo "x86@kernel.org is not named for $file"; return 1; }
	done
	[ -z "$none" ] || return 3
}

# What upstream has as a whole says so in one line at the end of its changelog, by which make mail knows it. In the topic `upstream` all do.
check_upstream() {
	local lines
	lines=$(sed '/^---$/q' "$TOP/patches/$BASE/$2" | grep -i '^upstream:') || { [[ $2 == *-upstream/* ]] || return 3; }
	[[ $lines =~ ^Upstream:\ [0-9a-f]{12}\ \((v[0-9]+\.[0-9]+|queued)\)$ ]] ||
		{ echo "\"$lines\" is not one line \`Upstream: 12 digits (v6.8)\` or (queued)"; return 1; }
}

# Patches, lines and functions beside their bounds.
check_topics() { "$TOP/prove/check/topics" "$tree"; }

# The project's own code.
check_own() {
	local makefile
	"$TOP/rig/lint" && "$TOP/rig/count" || return
	# The C of every room, whatever rooms there are.
	find "$TOP" -mindepth 1 -name build -prune -o -mindepth 2 -maxdepth 3 -name Makefile -print >"$log/makefiles"
	while read -r makefile; do
		make -C "$(dirname "$makefile")" OUT="$work/own/$(dirname "${makefile#"$TOP"/}")" all || return
	done <"$log/makefiles"
}
