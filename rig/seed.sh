# SPDX-License-Identifier: GPL-2.0-only
# The first build output of a tree, from that of the stock tree of the same base: what the two have in common is not
# built again.
# Usage: . "$(dirname "$0")/seed.sh" (after lib.sh and git.sh)
# shellcheck shell=bash
#
# Make goes by dates. rig/tree checks out the base, dates .git/rig-base, and only then writes what the series changes.
# All that is copied gets the date of .git/rig-base: newer than every file of the base, older than every file that is
# not the base's.

# seed_output TREE OUT: makes OUT, a folder of build output in TREE, unless it is there. Does nothing if no stock tree
# beside TREE, or beside the build folder that TREE is in, has the same base and a finished build of that name.
seed_output() {
	local stock name
	name=$(basename "$2")
	for stock in "$BUILD/stock/$BASE" "$(dirname "$BUILD")/stock/$BASE"; do
		stock=$(realpath -m "$stock")
		if [ "$stock" != "$1" ] && [ -d "$stock/$name" ] && [ ! -e "$2/.config" ] &&
			[ -e "$1/.git/rig-base" ] &&
			[ "$(git -C "$stock" rev-parse base)" = "$(git -C "$1" rev-parse base)" ] &&
			[ -z "$(tree_work "$stock")" ]; then
			copy_output "$stock" "$name" "$1"
		fi
	done
}

# copy_output STOCK NAME TREE: STOCK/NAME to TREE/NAME, unless STOCK has something newer than its build. Who builds it
# is waited for.
copy_output() (
	new=$3/$2.seed
	lock "$1.$2.lock"
	[ -e "$1/$2/boot/release" ] || exit 0
	# Folders apart: build output beside that of NAME dates the tree itself.
	! newer_than "$1" "$1/$2/boot/release" ! -type d || exit 0
	say "starting from the output of $1/$2"
	rm -rf "$new"
	cp -a "$1/$2" "$new"
	rm -rf "${new:?}/boot"
	# A few files of tools/ hold the path of the tree: with another they would be built anew, and after them
	# everything else.
	# shellcheck disable=SC2016 # perl's own
	{ grep -rIlZF "$1/" "$new" || [ $? = 1 ]; } |
		FROM=$1/ TO=$3/ xargs -0r perl -pi -e 's/\Q$ENV{FROM}\E/$ENV{TO}/g'
	find "$new" -exec touch -h -r "$3/.git/rig-base" {} +
	rm -rf "${3:?}/$2"
	mv "$new" "$3/$2"
)

# newer_than TREE FILE [TEST...]: whether something in TREE (of which find's TEST holds) is newer than FILE, build
# output apart.
newer_than() {
	[ -n "$(find "$1" \( -path "$1/out-*" -o -path "$1/.git" \) -prune -o "${@:3}" -newer "$2" -print -quit)" ]
}
