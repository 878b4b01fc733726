#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats: each test is a shell of its own, and sets output, stderr
# rig/tree, rig/refresh and ci/clean on a toy kernel: no work is ever lost, and refresh is a no-op after tree.

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

setup_file() {
	export REPO=$BATS_FILE_TMPDIR/repo
	packages 9.9.7-1
	suite
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR/seed
	variables
	top "$BATS_FILE_TMPDIR/top"
	"$BATS_FILE_TMPDIR/top/rig/import"
}

setup() {
	variables
	cp -r "$BATS_FILE_TMPDIR/seed/cache" "$CACHE"
	cp -r "$BATS_FILE_TMPDIR/top" "$BATS_TEST_TMPDIR/top"
	cd "$BATS_TEST_TMPDIR/top"
	tree=$BUILD/tree/9.9
	file=$tree/arch/x86/kvm/x86.c
	series=$PWD/patches/9.9
	one=$series/01-one
	two_topics
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

# untouched COMMAND...: fails with status 2, and changes nothing in the tree or in patches/.
untouched() {
	local before
	before=$(state)
	run "$@"
	[ "$status" = 2 ]
	[ "$(state)" = "$before" ]
}

state() { find "$tree" "$series" -type f ! -name index ! -name '*.lock' | LC_ALL=C sort | xargs -d '\n' sha256sum; }

@test "tree: series applied on branch series, plain source as tag base, path on stdout" {
	run --separate-stderr rig/tree
	[ "$status" = 0 ]
	[ "$output" = "$tree" ]
	[ "$(git_in log --format=%s base..series)" = $'KVM: x86: [RFC] Make thirty\nKVM: x86: Make ten' ]
	[ "$(git_in log -1 --format=%an series)" = 'A Developer' ]
	[ "$(git_in status --porcelain)" = "" ]
	grep -q 'int thirty;' "$file"
	first=$(git_in rev-parse HEAD)
	rm -rf "$BUILD"
	rig/tree
	[ "$(git_in rev-parse HEAD)" = "$first" ]
	[ "$(VARIANT=stock rig/tree 2>/dev/null)" = "$BUILD/stock/9.9" ]
	grep -q 'int line_10;' "$BUILD/stock/9.9/arch/x86/kvm/x86.c"
	[ "$(git -C "$BUILD/stock/9.9" rev-parse HEAD)" = "$(git_in rev-parse base)" ]
}

@test "tree: no topic, or an empty one, is the plain source" {
	rm -r "$series"
	rig/tree
	[ "$(git_in rev-parse HEAD)" = "$(git_in rev-parse base)" ]
	mkdir -p "$series/01-none"
	rig/tree
	[ "$(git_in rev-parse HEAD)" = "$(git_in rev-parse base)" ]
}

@test "tree: the user's git configuration plays no part" {
	printf '[user]\nname = Somebody\nemail = else@localhost\n[format]\nnumbered = true\n[diff]\nnoprefix = true\n[am]\nthreeWay = true\n[core]\nautocrlf = true\n' \
		>"$BATS_TEST_TMPDIR/gitconfig"
	rig/tree
	first=$(git_in rev-parse HEAD)
	rm -rf "$BUILD"
	export GIT_CONFIG_GLOBAL=$BATS_TEST_TMPDIR/gitconfig GIT_AUTHOR_NAME=Somebody GIT_DIR=/nowhere
	rig/tree
	cp -r "$series" "$BATS_TEST_TMPDIR/before"
	rig/refresh
	unset GIT_CONFIG_GLOBAL GIT_AUTHOR_NAME GIT_DIR
	[ "$(git_in rev-parse HEAD)" = "$first" ]
	diff -r "$BATS_TEST_TMPDIR/before" "$series"
}

@test "tree: a patch that does not apply is named, and leaves no tree" {
	sed -i 's/^-int line_30;/-int line_3x;/' "$series"/02-two/0001-*
	run rig/tree
	[ "$status" = 2 ]
	says "patches/9.9/02-two/0001-KVM-x86-RFC-Make-thirty.patch does not apply to linux-source-9.9 9.9.7-1"
	log=$(grep -o '(log [^)]*' <<<"$output" | cut -c6-)
	grep -q 'patch does not apply' "$log"
	[ ! -e "$tree" ]
	[ ! -e "$tree.new" ]
}

@test "tree: no fuzz" {
	# Line 29, context of the second patch, is another in the source than in the patch.
	sed -i 's/^ int line_29;/ int line_2x;/' "$series"/02-two/0001-*
	run rig/tree
	[ "$status" = 2 ]
	says "0001-KVM-x86-RFC-Make-thirty.patch does not apply"
}

@test "tree: each topic is a branch on the one before; TOPIC picks the branch" {
	rig/tree
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
	TOPIC=two untouched rig/tree
	says "TOPIC=two is not what $tree has checked out, and it has uncommitted changes"
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
	rig/tree
	mv "$series/02-two" "$series/03-three"
	rig/tree
	[ "$(git_in for-each-ref --format='%(refname:short)' refs/heads | paste -sd' ')" = "one series three" ]
	git_in branch two
	mv "$series/03-three" "$series/02-two"
	untouched rig/tree
	says "$tree has a branch two, which is no topic's"
}

@test "what is no topic in patches/ is named" {
	touch "$series/0001-flat.patch"
	run -2 rig/tree
	says "patches/9.9/0001-flat.patch is no topic"
	rm "$series/0001-flat.patch"
	mkdir "$series/03-one"
	run -2 rig/tree
	says "patches/9.9/03-one: one is taken"
	mv "$series/03-one" "$series/03-series"
	run -2 rig/tree
	says "series is taken"
}

@test "tree: a patch file that is empty, or no patch, is named" {
	: >"$series/02-two/0001-KVM-x86-RFC-Make-thirty.patch"
	run rig/tree
	[ "$status" = 2 ]
	says "patches/9.9/02-two/0001-KVM-x86-RFC-Make-thirty.patch does not apply"
	echo "no patch" >"$series/02-two/0001-KVM-x86-RFC-Make-thirty.patch"
	run rig/tree
	[ "$status" = 2 ]
	says "patches/9.9/02-two/0001-KVM-x86-RFC-Make-thirty.patch does not apply"
}

@test "tree: a newer series goes into a tree without work, and only touches what differs" {
	rig/tree
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
	untouched rig/tree
	says "does not apply"
	grep -q 'int other;' "$file"
	[ "$(git_in status --porcelain)" = "" ]
}

@test "tree: build output outlives a newer series; output that was there first is kept" {
	mkdir -p "$tree/out-distro"
	echo built >"$tree/out-distro/file"
	rig/tree
	[ -e "$tree/out-distro/file" ]
	[ "$(git_in status --porcelain)" = "" ]
}

@test "tree: with work in it, the tree is left as it is; its path is printed all the same" {
	rig/tree
	edit 20 'int mine;'
	before=$(state)
	run --separate-stderr rig/tree
	[ "$status" = 0 ]
	[ "$output" = "$tree" ]
	grep -q 'has uncommitted changes: left as it is' <<<"$stderr"
	git_in commit -qam mine
	run --separate-stderr rig/tree
	[ "$status" = 0 ]
	grep -q 'has commits that are not in patches/9.9: left as it is' <<<"$stderr"
	# With a newer series on top of that somebody must decide.
	sed -i 's/^+int thirty;/+int other;/' "$series"/02-two/0001-*
	untouched rig/tree
	says "patches/9.9 or the source of 9.9 has changed since"
	grep -q 'int mine;' "$file"
}

@test "tree: stock that was edited is an error" {
	VARIANT=stock rig/tree
	echo >>"$BUILD/stock/9.9/Makefile"
	VARIANT=stock run rig/tree
	[ "$status" = 2 ]
	says "$BUILD/stock/9.9 has uncommitted changes, but stock is the plain base"
}

@test "tree: no disk space" {
	program df 'echo "Filesystem 1048576-blocks Used Available Capacity Mounted"; echo "toy 1000 993 7 99% /"'
	run rig/tree
	[ "$status" = 2 ]
	says "only 7 MB are free there"
	says "BUILD="
	[ ! -e "$tree" ]
}

@test "tree: one that was interrupted is made by the next run" {
	mkdir -p "$tree.new/.git"
	echo half >"$tree.new/.git/HEAD"
	rig/tree
	[ "$(git_in status --porcelain)" = "" ]
	[ ! -e "$tree.new" ]
}

@test "tree: two at the same time" {
	rig/tree >"$BATS_TEST_TMPDIR/one" 2>&1 3>&- &
	run --separate-stderr rig/tree
	wait $!
	[ "$status" = 0 ]
	[ "$output" = "$tree" ]
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/one")" = "$tree" ]
	git_in fsck --strict
	[ "$(git_in status --porcelain)" = "" ]
}

@test "LINUX=: HEAD of a git tree, which is only read" {
	kernel "$BATS_TEST_TMPDIR/own"
	git init -q "$BATS_TEST_TMPDIR/own"
	own() { git -C "$BATS_TEST_TMPDIR/own" -c user.name=a -c user.email=b "$@"; }
	own add -A
	own commit -qm one
	echo changed >>"$BATS_TEST_TMPDIR/own/Makefile"
	before=$(cd "$BATS_TEST_TMPDIR/own" && find . -type f -printf '%p %T@ ' -exec sha256sum {} +)
	chmod -R a-w "$BATS_TEST_TMPDIR/own"
	export LINUX=$BATS_TEST_TMPDIR/own
	run rig/tree
	[ "$status" = 0 ]
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
	untouched rig/refresh
	says "LINUX= is not for refresh"
}

@test "refresh: a no-op right after tree, byte for byte" {
	rig/tree
	before=$(state)
	run rig/refresh
	[ "$status" = 0 ]
	says "2 topics, 2 patches, 0 files changed"
	[ "$(state)" = "$before" ]
	[ "$(cat "$one/cover")" = 'the cover letter' ]
}

@test "refresh: amended, added and dropped commits; then tree has nothing to do" {
	rig/tree
	git_in reset -q --hard HEAD^
	edit 20 'int twenty;'
	git_in commit -qam 'KVM: x86: Make twenty'
	echo 'int new;' >"$tree/new.c"
	git_in add -A
	git_in commit -qm 'KVM: x86: Add a file'
	rig/refresh
	[ "$(cd "$series" && echo */*)" = "01-one/0001-KVM-x86-Make-ten.patch 01-one/cover 02-two/0001-KVM-x86-Make-twenty.patch 02-two/0002-KVM-x86-Add-a-file.patch" ]
	[ "$(git_in rev-parse two)" = "$(git_in rev-parse series)" ]
	head=$(git_in rev-parse HEAD)
	run rig/tree
	[ "$output" = "$tree" ]
	[ "$(git_in rev-parse HEAD)" = "$head" ]
	rm -rf "$BUILD"
	rig/tree
	[ "$(git_in rev-parse 'HEAD^{tree}')" = "$(git_in rev-parse 'series^{tree}')" ]
	grep -q 'int new;' "$tree/new.c"
	rig/refresh
}

@test "refresh: a lower topic is edited by rebase --update-refs, or on its branch" {
	rig/tree
	GIT_SEQUENCE_EDITOR='sed -i "1a exec sed -i s/ten/TEN/ arch/x86/kvm/x86.c && git commit -qa --amend --no-edit"' git_in rebase -q -i --update-refs base
	rig/refresh
	grep -q '^+int TEN;' "$one"/0001-*
	rig/tree
	git_in checkout -q one
	edit 15 'int fifteen;'
	git_in commit -qam 'KVM: x86: Make fifteen'
	untouched rig/refresh
	says "branch one is not below series: git rebase --update-refs --onto one refs/rig/topic/one series puts"
	git_in rebase -q --update-refs --onto one refs/rig/topic/one series
	rig/refresh
	[ "$(cd "$series" && echo */*)" = "01-one/0001-KVM-x86-Make-ten.patch 01-one/0002-KVM-x86-Make-fifteen.patch 01-one/cover 02-two/0001-KVM-x86-RFC-Make-thirty.patch" ]
	[ "$(git_in rev-parse two)" = "$(git_in rev-parse series)" ]
	# From the branch of a topic it writes all of them, too.
	git_in checkout -q one
	rig/refresh
	TOPIC=one untouched rig/refresh
	says "TOPIC=one is not for refresh"
}

@test "refresh: a new branch is a new topic, numbered by its place; covers are kept" {
	rig/tree
	edit 20 'int twenty;'
	git_in commit -qam 'KVM: x86: Make twenty'
	git_in branch mine/safe
	git_in branch three
	git_in branch backup one
	run rig/refresh
	[ "$status" = 0 ]
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
	[ "$(cd "$series" && echo */*)" = "01-one/cover 02-zero/0001-KVM-x86-Make-five.patch 03-two/0001-KVM-x86-Make-ten.patch 03-two/0002-KVM-x86-RFC-Make-thirty.patch 04-three/0001-KVM-x86-Make-twenty.patch" ]
	rm -rf "$BUILD"
	rm -r "$series/01-one"
	rig/tree
	rig/refresh
	[ "$(cd "$series" && echo *)" = "01-zero 02-two 03-three" ]
	git_in branch -m two UPPER
	untouched rig/refresh
	says "branch two is missing"
}

@test "refresh: a branch that is moved by hand is work, and is refused where it is not below the tip" {
	rig/tree
	git_in branch -f two one
	sed -i 's/^With a body/With another body/' "$series"/02-two/0001-*
	untouched rig/tree
	says "branch two where patches/9.9 does not have it"
	sed -i 's/^With another body/With a body/' "$series"/02-two/0001-*
	rig/refresh
	git_in branch -D two
	untouched rig/refresh
	says "branch two is missing"
	git_in checkout -q --orphan nowhere
	git_in commit -qm nowhere
	git_in checkout -q series
	git_in branch two nowhere
	git_in branch -D nowhere
	untouched rig/refresh
	says "branch two is not below series"
}

@test "refresh: uncommitted work is refused and kept" {
	rig/tree
	edit 20 'int mine;'
	untouched rig/refresh
	says "has uncommitted changes (arch/x86/kvm/x86.c): commit or stash them first"
	git_in checkout -q .
	echo >"$tree/untracked.c"
	untouched rig/refresh
	says "untracked.c"
}

@test "refresh: an unfinished rebase is refused" {
	rig/tree
	git_in rebase -q --exec false HEAD^ || true
	untouched rig/refresh
	says "an unfinished rebase: finish or abort it first"
}

@test "refresh: patches that changed since the tree was made are not written over" {
	rig/tree
	sed -i 's/^With a body/With another body/' "$series"/02-two/0001-*
	untouched rig/refresh
	says "patches/9.9 has changed since"
}

@test "refresh: no tree, stock, another branch, a merge" {
	run rig/refresh
	[ "$status" = 2 ]
	says "make tree BASE=9.9 first"
	rig/tree
	VARIANT=stock untouched rig/refresh
	says "VARIANT=stock is not for refresh"
	git_in checkout -q -b other
	untouched rig/refresh
	says "HEAD is not on branch series"
	git_in commit -q --allow-empty -m other
	git_in checkout -q series
	git_in commit -q --allow-empty -m ours
	git_in merge -q --no-edit other
	untouched rig/refresh
	says "a series is linear"
}

@test "refresh: one that was interrupted is done by the next run" {
	rig/tree
	edit 31 'int more;'
	git_in commit -qa --amend --no-edit
	# shellcheck disable=SC2016 # for the program
	program mv 'case $* in *patches*) kill -KILL $PPID;; *) exec /bin/mv "$@";; esac'
	run rig/refresh
	[ "$status" != 0 ]
	rm "$BATS_TEST_TMPDIR/bin/mv"
	rm -r "$series/01-one"
	run rig/tree
	[ "$status" = 2 ]
	says "run make refresh BASE=9.9 again"
	rig/refresh
	grep -q 'int more;' "$series"/02-two/0001-*
	rm -rf "$BUILD"
	rig/tree
	grep -q 'int more;' "$file"
}

@test "clean: a BUILD that is no build folder" {
	mkdir -p "$BATS_TEST_TMPDIR/top/some"
	BUILD=$BATS_TEST_TMPDIR run ci/clean
	[ "$status" = 2 ]
	says "BUILD=$BATS_TEST_TMPDIR holds the scripts themselves"
	[ -d "$BATS_TEST_TMPDIR/top/some" ]
}

@test "clean: removes build/, unless a tree holds work" {
	rig/tree
	VARIANT=stock rig/tree
	edit 20 'int mine;'
	untouched ci/clean
	says "$tree has uncommitted changes"
	git_in commit -qam mine
	untouched ci/clean --cache
	says "$tree has commits that are not in patches/9.9"
	[ -d "$CACHE/git" ]
	git_in branch -q mine/saved
	git_in reset -q --hard HEAD^
	untouched ci/clean
	says "commits on other branches"
	git_in branch -q -D mine/saved
	edit 20 'int mine;'
	git_in stash -q
	untouched ci/clean
	says "a stash"
	git_in stash drop -q
	ci/clean
	[ ! -e "$BUILD" ]
	[ -d "$CACHE/git" ]
	ci/clean --cache
	[ ! -e "$CACHE" ]
}
