# SPDX-License-Identifier: GPL-2.0-only
# A copy of the project below $work, in which a series can be cut and trees be made without touching those that the user edits.
# Usage: . "$(dirname "$0")/rig.sh" (after lib.sh; work is the script's own folder)
# shellcheck shell=bash disable=SC2154

# copy_series FOLDER: what the scripts there need; a series that was cut is whole again.
copy_series() {
	rm -rf "$1"
	mkdir -p "$1"
	cp -a "$TOP"/{scripts,bases,config,guest,patches,tests} "$1/"
}

# rig SCRIPT ARGUMENT...: a script of that copy, with trees and output in $work.
rig() { BUILD=$work "$work/top/scripts/$1" "${@:2}"; }

# cases FILE: the selftest's cases and their results in KTAP, one a line.
cases() { sed -n 's/^  \(ok\|not ok\) [0-9]* \([^ ]*\)\( # SKIP.*\)\?$/\1 \2\3/p' "$1" | sed 's/ # SKIP.*/ skip/'; }
