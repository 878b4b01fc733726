# SPDX-License-Identifier: GPL-2.0-only
# A copy of the project below $work, in which a series can be cut and trees be made without touching those that the user
# edits.
# Usage: . "$(dirname "$0")/rig.sh" (after lib.sh; work is the script's own folder)
# shellcheck shell=bash disable=SC2154

# copy: the folder of that copy. Who works beside another in the same $work has a COPY of its own.
COPY=${COPY:-top}
copy() { echo "$work/$COPY"; }

# copy_series FOLDER: what the scripts there need; a series that was cut is whole again.
copy_series() {
	rm -rf "$1"
	mkdir -p "$1"
	find "$TOP" -mindepth 1 -maxdepth 1 -type d ! -name '.*' ! -name build ! -path "$BUILD" -exec cp -a -t "$1" {} +
	cp -a "$1/patches" "$1/whole"
}

# cut_series PATCH...: the copy's series is these patches alone.
cut_series() {
	local dir
	dir=$(copy)/patches/$BASE
	rm -rf "$dir"
	mkdir -p "$dir"
	[ $# = 0 ] || (cd "$(copy)/whole/$BASE" && cp -a --parents -t "$dir" "$@")
}

# alone ENTRY: the patches of an entry of ALONE (bases/BASE): of these topics, TOPIC[+TOPIC]..., which apply to the
# plain base without the others. Status 4 if the stack does not have them.
alone() {
	local topic folder folders=()
	for topic in ${1//+/ }; do
		folder=$(topics | grep -x "..-$topic") || { echo "patches/$BASE has no topic $topic"; return 4; }
		folders+=("$folder")
	done
	series_patches "${folders[@]}"
}

# plain_am PATCH...: applies them by git am alone to the plain source, as anybody would do it. Prints the tree that they
# give.
plain_am() (
	repo=$(rig import)
	rm -rf "$work/plain-$BASE"
	# Of its files those that git am writes: 80,000 are not needed for that.
	git clone -q --shared --sparse "$repo" "$work/plain-$BASE" && cd "$work/plain-$BASE" &&
		git -c user.name=test -c user.email=test@localhost am -q --no-3way "${@/#/$TOP/patches/$BASE/}" >&2 &&
		git rev-parse 'HEAD^{tree}'
)

# rig SCRIPT ARGUMENT...: a script of that copy, by its path or by its name in rig/, with trees and output in $work.
rig() {
	local script=$1
	[[ $script = */* ]] || script=rig/$script
	BUILD=$work "$(copy)/$script" "${@:2}"
}

# cases FILE: the selftest's cases and their results in KTAP, one a line.
cases() { sed -n 's/^  \(ok\|not ok\) [0-9]* \([^ ]*\)\( # SKIP.*\)\?$/\1 \2\3/p' "$1" | sed 's/ # SKIP.*/ skip/'; }
