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

# need_space FOLDER MEGABYTES WHAT
need_space() {
	local free
	free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$2" ] ||
		die "$3 needs $2 MB in $1, only $free MB are free there: free some, or set ${4:-BUILD}= to a folder with room"
}

# What git format-patch writes must not depend on who runs it, when, or on a newer git's defaults.
# shellcheck disable=SC2034 # for the scripts that write patches
patch_text=(--zero-commit --no-signature --full-index -M -U3 --diff-algorithm=myers --indent-heuristic --src-prefix=a/
	--dst-prefix=b/ --no-ext-diff --no-textconv --no-color --no-attach --no-notes --encoding=UTF-8)

# series_id: names the state of patches/$BASE on disk: its order and its patches, nothing else in that folder.
series_id() {
	local dir=$TOP/patches/$BASE patch
	{
		while read -r patch; do
			echo "$patch"
			cat "$dir/$patch" 2>/dev/null || echo "is missing"
		done < <(series_patches)
	} | git hash-object --stdin
}

# series_patches: the file names in patches/$BASE/series, in order.
series_patches() {
	local series=$TOP/patches/$BASE/series
	[ ! -e "$series" ] || sed 's/#.*//; s/[[:space:]]*$//; /^$/d' "$series"
}

# tree_busy TREE: prints what git is in the middle of there; nothing if it is not.
tree_busy() {
	local what
	for what in rebase-apply:'rebase or am' rebase-merge:rebase CHERRY_PICK_HEAD:cherry-pick MERGE_HEAD:merge REVERT_HEAD:revert; do
		[ ! -e "$1/.git/${what%%:*}" ] || echo "an unfinished ${what#*:}"
	done
}

# tree_work TREE: prints, in a few words, the work there that patches/ does not have; nothing if there is none.
tree_work() {
	local busy
	busy=$(tree_busy "$1")
	if [ -n "$busy" ]; then
		echo "$busy"
	elif [ -n "$(git -C "$1" status --porcelain)" ]; then
		echo "uncommitted changes"
	elif [ "$(git -C "$1" rev-parse HEAD)" != "$(git -C "$1" rev-parse refs/rig/exported)" ]; then
		echo "commits that are not in patches/$BASE"
	elif [ "$(git -C "$1" symbolic-ref -q HEAD)" != refs/heads/series ]; then
		echo "HEAD on something else than branch series"
	fi
}
