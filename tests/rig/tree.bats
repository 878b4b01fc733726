#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats: each test is a shell of its own, and sets output, stderr
# rig/tree, rig/refresh and ci/clean on a toy kernel: no work is ever lost, and refresh is a no-op after tree.

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

# A series, the tree of it, and what was downloaded for that, from which each test starts.
setup_file() {
	toy_suite 9.9.7-1
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	start
	top_of_links "$BATS_FILE_TMPDIR/top"
	cd "$BATS_FILE_TMPDIR/top"
	two_topics
	rig/tree
}

# start: the variables of a test; the cache is that of all.
start() {
	variables
	export CACHE=$BATS_FILE_TMPDIR/cache
	tree=$BUILD/tree/9.9
	file=$tree/arch/x86/kvm/x86.c
	series=$BATS_TEST_TMPDIR/top/patches/9.9
	one=$series/01-one
}

setup() {
	start
	cp -a "$BATS_FILE_TMPDIR"/{top,build} "$BATS_TEST_TMPDIR/"
	cd "$BATS_TEST_TMPDIR/top"
}

git_in() { git -C "$tree" -c user.name='A Developer' -c user.email=dev@localhost "$@"; }

# edit N TEXT: line N of x86.c becomes TEXT.
edit() { sed -i "$1s/.*/$2/" "$file"; }

# two_topics: a patch in the first, one in the second, as refresh writes them.
two_topics() {
	rig/tree
	edit 10 'int ten;'
	git_in commit -qam 'KVM: x86: Make ten'
	git_in branch one
	edit 30 'int thirty;'
	git_in commit -qam "$(printf 'KVM: x86: [RFC] Make thirty\n\nWith a body.\n\nLink: somewhere')"
	git_in branch two
	rig/refresh
	echo 'the cover letter' >"$series/01-one/cover"
	rm -rf "$BUILD"
}

# refused TEXT COMMAND...: ends with status 2 and TEXT, and changes nothing in the tree or in patches/.
refused() {
	local before
	before=$(state)
	run -2 "${@:2}"
	says "$1"
	[ "$(state)" = "$before" ]
}

state() { find "$tree" "$series" -type f ! -name index ! -name '*.lock' | LC_ALL=C sort | xargs -d '\n' sha256sum; }

# files: the series, a folder a line.
files() { (cd "$series" && for folder in *; do echo "$folder:" "$(cd "$folder" && echo *)"; done); }

@test "tree: series applied on branch series, plain source as tag base, path on stdout" {
	[ "$(git_in log --format=%s base..series)" = $'KVM: x86: [RFC] Make thirty\nKVM: x86: Make ten' ]
	[ "$(git_in log -1 --format=%an series)" = 'A Developer' ]
	[ "$(git_in status --porcelain)" = "" ]
	grep -q 'int thirty;' "$file"
	[ "$(VARIANT=stock rig/tree 2>/dev/null)" = "$BUILD/stock/9.9" ]
	grep -q 'int line_10;' "$BUILD/stock/9.9/arch/x86/kvm/x86.c"
	[ "$(git -C "$BUILD/stock/9.9" rev-parse HEAD)" = "$(git_in rev-parse base)" ]
	echo >>"$BUILD/stock/9.9/Makefile"
	VARIANT=stock refused "$BUILD/stock/9.9 has uncommitted changes, but stock is the plain base" rig/tree
}

@test "tree: no topic, or an empty one, is the plain source" {
	rm -r "$series"
	rig/tree
	[ "$(git_in rev-parse HEAD)" = "$(git_in rev-parse base)" ]
	mkdir -p "$series/01-none"
	rig/tree
	[ "$(git_in rev-parse HEAD)" = "$(git_in rev-parse base)" ]
}

@test "the user's git configuration plays no part, nor does what an interrupted run left" {
	cat >"$BATS_TEST_TMPDIR/gitconfig" <<-'END'
		[user]
			name = Somebody
			email = else@localhost
		[format]
			numbered = true
		[diff]
			noprefix = true
		[am]
			threeWay = true
		[core]
			autocrlf = true
	END
	first=$(git_in rev-parse HEAD)
	rm -rf "$BUILD"
	mkdir -p "$tree.new/.git"
	echo half >"$tree.new/.git/HEAD"
	export GIT_CONFIG_GLOBAL=$BATS_TEST_TMPDIR/gitconfig GIT_AUTHOR_NAME=Somebody GIT_DIR=/nowhere
	run -0 --separate-stderr rig/tree
	[ "$output" = "$tree" ]
	rig/refresh
	unset GIT_CONFIG_GLOBAL GIT_AUTHOR_NAME GIT_DIR
	[ "$(git_in rev-parse HEAD)" = "$first" ]
	[ ! -e "$tree.new" ]
	diff -r "$BATS_FILE_TMPDIR/top/patches/9.9" "$series"
}

@test "tree: a patch that does not apply, even with fuzz, is empty or no patch, is named; no tree is left" {
	patch=02-two/0001-KVM-x86-RFC-Make-thirty.patch
	rm -rf "$BUILD"
	# shellcheck disable=SC2016 # for sed
	for spoil in 's/^-int line_30;/-int line_3x;/' 's/^ int line_29;/ int line_2x;/' '1,$d' '1,$c no patch'; do
		cp "$BATS_FILE_TMPDIR/top/patches/9.9/$patch" "$series/$patch"
		sed -i "$spoil" "$series/$patch"
		run -2 rig/tree
		says "patches/9.9/$patch does not apply to linux-source-9.9 9.9.7-1"
		[ ! -e "$tree" ]
		[ ! -e "$tree.new" ]
	done
}

@test "tree: each topic is a branch on the one before; TOPIC picks the branch" {
	[ "$(git_in log --format=%s base..one)" = 'KVM: x86: Make ten' ]
	[ "$(git_in rev-parse two)" = "$(git_in rev-parse series)" ]
	TOPIC=one rig/tree
	[ "$(git_in symbolic-ref --short HEAD)" = one ]
	grep -q 'int line_30;' "$file"
	[ "$(git_in status --porcelain)" = "" ]
	# What is in work stays; for another topic somebody must decide.
	edit 20 'int mine;'
	rig/tree
	[ "$(git_in symbolic-ref --short HEAD)" = one ]
	TOPIC=two refused "TOPIC=two is not what $tree has checked out, and it has uncommitted changes" rig/tree
	git_in checkout -q .
	TOPIC=two rig/tree
	[ "$(git_in symbolic-ref --short HEAD)" = series ]
	rm -rf "$BUILD"
	TOPIC=one rig/tree
	[ "$(git_in symbolic-ref --short HEAD)" = one ]
	[ "$(git_in rev-parse series^)" = "$(git_in rev-parse one)" ]
	TOPIC=three run -2 rig/tree
	says "TOPIC=three is unknown; use one of: one two all"
	TOPIC='one two' run -2 rig/tree
	says 'TOPIC="one two" names several topics'
}

@test "tree: a topic that came, went or has another name; a branch of somebody else's" {
	mv "$series/02-two" "$series/03-three"
	rig/tree
	[ "$(git_in for-each-ref --format='%(refname:short)' refs/heads | paste -sd' ')" = "one series three" ]
	git_in branch two
	mv "$series/03-three" "$series/02-two"
	refused "$tree has a branch two, which is no topic's" rig/tree
}

@test "what is no topic in patches/ is named" {
	touch "$series/0001-flat.patch"
	refused "patches/9.9/0001-flat.patch is no topic" rig/tree
	rm "$series/0001-flat.patch"
	mkdir "$series/03-one"
	refused "patches/9.9/03-one: one is taken" rig/tree
	mv "$series/03-one" "$series/03-series"
	refused "series is taken" rig/tree
}

@test "tree: a newer series goes into a tree without work, and only touches what differs" {
	touch -d '2001-01-01' "$tree/Makefile" "$file"
	run --separate-stderr rig/tree
	[ "$(stat -c %Y "$file")" = "$(date -d 2001-01-01 +%s)" ]
	sed -i 's/^+int thirty;/+int other;/' "$series"/02-two/0001-*
	rig/tree
	grep -q 'int other;' "$file"
	[ "$(stat -c %Y "$tree/Makefile")" = "$(date -d 2001-01-01 +%s)" ]
	[ "$(stat -c %Y "$file")" != "$(date -d 2001-01-01 +%s)" ]
	[ "$(git_in status --porcelain)" = "" ]
	# One that does not apply leaves the older one.
	sed -i 's/^-int line_30;/-int line_3x;/' "$series"/02-two/0001-*
	refused "does not apply" rig/tree
	grep -q 'int other;' "$file"
	[ "$(git_in status --porcelain)" = "" ]
}

@test "tree: build output that was there first is kept; without disk space nothing is made" {
	rm -rf "$BUILD"
	program df 'echo "Filesystem 1048576-blocks Used Available Capacity Mounted"; echo "toy 1000 993 7 99% /"'
	run -2 rig/tree
	says "only 7 MB are free there: free some, or set BUILD="
	[ ! -e "$tree" ]
	rm "$BATS_TEST_TMPDIR/bin/df"
	mkdir -p "$tree/out-distro"
	echo built >"$tree/out-distro/file"
	rig/tree
	[ -e "$tree/out-distro/file" ]
	[ "$(git_in status --porcelain)" = "" ]
}

@test "tree: with work in it, the tree is left as it is; its path is printed all the same" {
	edit 20 'int mine;'
	run -0 --separate-stderr rig/tree
	[ "$output" = "$tree" ]
	grep -q 'has uncommitted changes: left as it is' <<<"$stderr"
	git_in commit -qam mine
	run -0 --separate-stderr rig/tree
	grep -q 'has commits that are not in patches/9.9: left as it is' <<<"$stderr"
	# With a newer series on top of that somebody must decide.
	sed -i 's/^+int thirty;/+int other;/' "$series"/02-two/0001-*
	refused "patches/9.9 or the source of 9.9 has changed since" rig/tree
	grep -q 'int mine;' "$file"
}

@test "tree: two at the same time" {
	rm -rf "$BUILD"
	rig/tree >"$BATS_TEST_TMPDIR/one" 2>&1 3>&- &
	run -0 --separate-stderr rig/tree
	wait $!
	[ "$output" = "$tree" ]
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/one")" = "$tree" ]
	git_in fsck --strict
	[ "$(git_in status --porcelain)" = "" ]
}

@test "LINUX=: HEAD of a git tree, which is only read" {
	export CACHE=$BATS_TEST_TMPDIR/cache
	kernel "$BATS_TEST_TMPDIR/own"
	git init -q "$BATS_TEST_TMPDIR/own"
	own() { git -C "$BATS_TEST_TMPDIR/own" -c user.name=a -c user.email=b "$@"; }
	own add -A
	own commit -qm one
	echo changed >>"$BATS_TEST_TMPDIR/own/Makefile"
	before=$(cd "$BATS_TEST_TMPDIR/own" && find . -type f -printf '%p %T@ ' -exec sha256sum {} +)
	chmod -R a-w "$BATS_TEST_TMPDIR/own"
	export LINUX=$BATS_TEST_TMPDIR/own
	run -0 rig/tree
	says "LINUX=$LINUX has 1 files with uncommitted changes: they are left out"
	tree=$BUILD/tree/9.9-linux
	[ "${lines[-1]}" = "$tree" ]
	[ "$(git_in rev-parse base)" = "$(own rev-parse HEAD)" ]
	grep -q 'int thirty;' "$tree/arch/x86/kvm/x86.c"
	run ! grep -q changed "$tree/Makefile"
	echo more >>"$tree/empty"
	git_in commit -qam more
	diff <(echo "$before") <(cd "$BATS_TEST_TMPDIR/own" && find . -type f -printf "%p %T@ " -exec sha256sum {} +)
	chmod -R u+w "$BATS_TEST_TMPDIR/own"
	rm -rf "$BATS_TEST_TMPDIR/own"
	git_in fsck --strict
	refused "LINUX= is not for refresh" rig/refresh
}

@test "refresh: a no-op right after tree, byte for byte" {
	before=$(state)
	run -0 rig/refresh
	says "2 topics, 2 patches, 0 files changed"
	[ "$(state)" = "$before" ]
	[ "$(cat "$one/cover")" = 'the cover letter' ]
}

@test "refresh: amended, added and dropped commits; then tree has nothing to do" {
	git_in reset -q --hard HEAD^
	edit 20 'int twenty;'
	git_in commit -qam 'KVM: x86: Make twenty'
	echo 'int new;' >"$tree/new.c"
	git_in add -A
	git_in commit -qm 'KVM: x86: Add a file'
	# The branch of the last topic, where that was, goes to the tip, with its files.
	git_in checkout -q two
	rig/refresh
	[ "$(git_in status --porcelain)" = "" ]
	diff - <(files) <<-'END'
		01-one: 0001-KVM-x86-Make-ten.patch cover
		02-two: 0001-KVM-x86-Make-twenty.patch 0002-KVM-x86-Add-a-file.patch
	END
	[ "$(git_in rev-parse two)" = "$(git_in rev-parse series)" ]
	head=$(git_in rev-parse HEAD)
	run rig/tree
	[ "$output" = "$tree" ]
	[ "$(git_in rev-parse HEAD)" = "$head" ]
	rm -rf "$BUILD"
	rig/tree
	grep -q 'int new;' "$tree/new.c"
}

@test "refresh: a lower topic is edited by rebase --update-refs, or on its branch" {
	edit='exec sed -i s/ten/TEN/ arch/x86/kvm/x86.c && git commit -qa --amend --no-edit'
	GIT_SEQUENCE_EDITOR="sed -i '1a $edit'" git_in rebase -q -i --update-refs base
	rig/refresh
	grep -q '^+int TEN;' "$one"/0001-*
	rig/tree
	git_in checkout -q one
	edit 15 'int fifteen;'
	git_in commit -qam 'KVM: x86: Make fifteen'
	refused "branch one is not below series: git rebase --update-refs --onto one refs/rig/topic/one series puts" \
		rig/refresh
	git_in rebase -q --update-refs --onto one refs/rig/topic/one series
	# From the branch of a topic it writes all of them, too.
	git_in checkout -q one
	rig/refresh
	diff - <(files) <<-'END'
		01-one: 0001-KVM-x86-Make-ten.patch 0002-KVM-x86-Make-fifteen.patch cover
		02-two: 0001-KVM-x86-RFC-Make-thirty.patch
	END
	[ "$(git_in rev-parse two)" = "$(git_in rev-parse series)" ]
	TOPIC=one refused "TOPIC=one is not for refresh" rig/refresh
}

@test "refresh: a new branch is a new topic, numbered by its place; covers are kept" {
	edit 20 'int twenty;'
	git_in commit -qam 'KVM: x86: Make twenty'
	git_in branch mine/safe
	git_in branch three
	git_in branch backup one
	run -0 rig/refresh
	says "new topic patches/9.9/03-three, without a cover as yet"
	[ "$(cd "$series" && echo *)" = "01-one 02-two 03-three" ]
	# Below the others; and commits change their topic.
	git_in checkout -q -B series base
	edit 5 'int five;'
	git_in commit -qam 'KVM: x86: Make five'
	git_in branch zero
	git_in cherry-pick one two three
	git_in branch -f one base
	git_in branch -f two series^
	rig/refresh
	diff - <(files) <<-'END'
		01-one: cover
		02-zero: 0001-KVM-x86-Make-five.patch
		03-two: 0001-KVM-x86-Make-ten.patch 0002-KVM-x86-RFC-Make-thirty.patch
		04-three: 0001-KVM-x86-Make-twenty.patch
	END
	rm -rf "$BUILD"
	rm -r "$series/01-one"
	rig/tree
	rig/refresh
	[ "$(cd "$series" && echo *)" = "01-zero 02-two 03-three" ]
	git_in branch -m two UPPER
	refused "branch two is missing" rig/refresh
}

@test "refresh: a branch that is moved by hand is work, and is refused where it is not below the tip" {
	git_in branch -f two one
	sed -i 's/^With a body/With another body/' "$series"/02-two/0001-*
	refused "branch two where patches/9.9 does not have it" rig/tree
	sed -i 's/^With another body/With a body/' "$series"/02-two/0001-*
	rig/refresh
	git_in branch -D two
	refused "branch two is missing" rig/refresh
	git_in checkout -q --orphan nowhere
	git_in commit -qm nowhere
	git_in checkout -q series
	git_in branch two nowhere
	git_in branch -D nowhere
	refused "branch two is not below series" rig/refresh
}

@test "refresh: what is refused, and kept: uncommitted work, an unfinished rebase, another branch, a merge" {
	edit 20 'int mine;'
	refused "has uncommitted changes (arch/x86/kvm/x86.c): commit or stash them first" rig/refresh
	git_in checkout -q .
	echo >"$tree/untracked.c"
	refused "untracked.c" rig/refresh
	rm "$tree/untracked.c"
	git_in rebase -q --exec false HEAD^ || true
	refused "an unfinished rebase: finish or abort it first" rig/refresh
	git_in rebase --abort
	git_in checkout -q -b other
	refused "HEAD is not on branch series" rig/refresh
	git_in commit -q --allow-empty -m other
	git_in checkout -q series
	git_in commit -q --allow-empty -m ours
	git_in merge -q --no-edit other
	refused "a series is linear" rig/refresh
}

@test "refresh: patches that changed since the tree was made are not written over; stock, and no tree" {
	sed -i 's/^With a body/With another body/' "$series"/02-two/0001-*
	refused "patches/9.9 has changed since" rig/refresh
	VARIANT=stock refused "VARIANT=stock is not for refresh" rig/refresh
	rm -rf "$BUILD"
	run -2 rig/refresh
	says "make tree BASE=9.9 first"
}

@test "refresh: one that was interrupted is done by the next run" {
	edit 31 'int more;'
	git_in commit -qa --amend --no-edit
	# shellcheck disable=SC2016 # for the program
	program rsync 'cp "$(find patches/.refresh* -name "0001*ten*")" "$(find patches/9.9 -name "0001*thirty*")"
		kill -KILL $PPID'
	run rig/refresh
	[ "$status" != 0 ]
	rm "$BATS_TEST_TMPDIR/bin/rsync"
	rm -r "$series/01-one"
	run -2 rig/tree
	says "run make refresh BASE=9.9 again"
	rig/refresh
	grep -q 'int more;' "$series"/02-two/0001-*
	rm -rf "$BUILD"
	rig/tree
	grep -q 'int more;' "$file"
}

@test "clean: removes build/, unless a tree holds work, or BUILD is no build folder" {
	BUILD=$BATS_TEST_TMPDIR refused "BUILD=$BATS_TEST_TMPDIR holds the scripts themselves" ci/clean
	cp -r "$CACHE" "$BATS_TEST_TMPDIR/cache"
	CACHE=$BATS_TEST_TMPDIR/cache
	VARIANT=stock rig/tree
	edit 20 'int mine;'
	refused "$tree has uncommitted changes" ci/clean
	git_in commit -qam mine
	refused "$tree has commits that are not in patches/9.9" ci/clean --cache
	[ -d "$CACHE/git" ]
	git_in branch -q mine/saved
	git_in reset -q --hard HEAD^
	refused "commits on other branches" ci/clean
	git_in branch -q -D mine/saved
	edit 20 'int mine;'
	git_in stash -q
	refused "a stash" ci/clean
	git_in stash drop -q
	ci/clean
	[ ! -e "$BUILD" ]
	[ -d "$CACHE/git" ]
	ci/clean --cache
	[ ! -e "$CACHE" ]
}
