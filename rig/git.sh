# SPDX-License-Identifier: GPL-2.0-only
# What the scripts that use git share: the user's configuration kept out, and what a tree of the rig knows about itself.
# Usage: . "$(dirname "$0")/git.sh" (after lib.sh)
# shellcheck shell=bash

# Commit ids and patch text must not depend on who runs this, nor on the repository this was started from. A tree that
# belongs to another user is only read.
unset "${!GIT_@}"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 GIT_OPTIONAL_LOCKS=0
export GIT_CONFIG_COUNT=3
export GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
export GIT_CONFIG_KEY_1=gc.auto GIT_CONFIG_VALUE_1=0
export GIT_CONFIG_KEY_2=advice.detachedHead GIT_CONFIG_VALUE_2=false
export GIT_COMMITTER_NAME='kvm wall clock rig' GIT_COMMITTER_EMAIL=rig@localhost

# What git format-patch writes must not depend on who runs it, when, or on a newer git's defaults.
# shellcheck disable=SC2034 # for the scripts that write patches
patch_text=(--zero-commit --no-signature --full-index -M -U3 --diff-algorithm=myers --indent-heuristic --src-prefix=a/
	--dst-prefix=b/ --no-ext-diff --no-textconv --no-color --no-attach --no-notes --encoding=UTF-8)

# series_id: names the state of patches/$BASE on disk: topics and patches, no covers.
series_id() {
	local dir=$TOP/patches/$BASE patch
	{
		topics
		while read -r patch; do
			echo "$patch"
			cat "$dir/$patch"
		done < <(series_patches)
	} | git hash-object --stdin
}

# tree_busy TREE: prints what git is in the middle of there; nothing if it is not.
tree_busy() {
	local what
	for what in rebase-apply:'rebase or am' rebase-merge:rebase CHERRY_PICK_HEAD:cherry-pick MERGE_HEAD:merge \
		REVERT_HEAD:revert; do
		[ ! -e "$1/.git/${what%%:*}" ] || echo "an unfinished ${what#*:}"
	done
}

# tree_topics TREE: the topics of a tree, as `NAME COMMIT` in the order of the stack. They are those that the tree was
# made with, and each new branch between base and the tip that has commits of its own. What lies above the last one
# belongs to it.
tree_topics() {
	local known name commit
	known=$(git -C "$1" for-each-ref --format='%(refname:lstrip=3)' refs/rig/topic)
	known=$(topics | sed 's/^..-//' | grep -xF -- "$known" || true)$'\n'$known
	for name in $known $(git -C "$1" for-each-ref --format='%(refname:lstrip=2)' \
		--no-merged base --merged series refs/heads); do
		commit=$(git -C "$1" rev-parse -q --verify "refs/heads/$name") || continue
		echo "$(git -C "$1" rev-list --count "base..$commit") $name $commit"
	done | sort -s -n -k 1,1 | awk -v known=" ${known//$'\n'/ } " '
		!taken[$2]++ && (index(known, " " $2 " ") || $2 !~ /^series$|\// && !at[$3]) {
			print $2, $3
			at[$3] = 1
		}'
}

# tree_work TREE: prints, in a few words, the work there that patches/ does not have; nothing if there is none.
tree_work() {
	local busy name commit head
	head=$(git -C "$1" symbolic-ref -q HEAD)
	busy=$(tree_busy "$1")
	if [ -n "$busy" ]; then
		echo "$busy"
	elif [ -n "$(git -C "$1" status --porcelain)" ]; then
		echo "uncommitted changes"
	elif [ "$(git -C "$1" rev-parse refs/heads/series)" != "$(git -C "$1" rev-parse refs/rig/exported)" ]; then
		echo "commits that are not in patches/$BASE"
	elif [ "$head" != refs/heads/series ] &&
		! git -C "$1" rev-parse -q --verify "refs/rig/topic/${head#refs/heads/}" >/dev/null; then
		echo "HEAD on something else than branch series or that of a topic"
	else
		while read -r name commit; do
			[ "$(git -C "$1" rev-parse -q --verify "refs/rig/topic/$name")" = "$commit" ] ||
				{ echo "branch $name where patches/$BASE does not have it"; break; }
		done < <(tree_topics "$1")
	fi
}
