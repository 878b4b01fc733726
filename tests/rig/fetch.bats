#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# rig/packages, rig/fetch and rig/import against a package suite in a folder: no network, nothing installed.

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

setup_file() {
	export REPO=$BATS_FILE_TMPDIR/repo
	packages 9.9.7-1
	suite
}

setup() {
	variables
	top "$BATS_TEST_TMPDIR/top"
	cd "$BATS_TEST_TMPDIR/top" || exit
}

# own_suite: a copy of the suite, to spoil.
own_suite() {
	cp -r "$REPO" "$BATS_TEST_TMPDIR/repo"
	REPO=$BATS_TEST_TMPDIR/repo
	APT_CONFIG=$REPO/apt.conf
	suite
}

@test "fetch: source, image and headers of one version, then no suite is asked" {
	run --separate-stderr rig/fetch
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 3 ]
	[ "${lines[0]}" = "$CACHE/pkg/linux-source-9.9_9.9.7-1_amd64.deb" ]
	[ "${lines[1]}" = "$CACHE/pkg/linux-image-9.9.0-1-toy_9.9.7-1_amd64.deb" ]
	[ "${lines[2]}" = "$CACHE/pkg/linux-headers-9.9.0-1-toy_9.9.7-1_amd64.deb" ]
	program apt-get 'echo asked >&2; exit 1'
	run rig/fetch source version
	[ "$status" = 0 ]
	[ "$output" = "$CACHE/pkg/linux-source-9.9_9.9.7-1_amd64.deb"$'\n'9.9.7-1 ]
}

@test "fetch: a newer version is taken with UPDATE=1 only" {
	own_suite
	rig/fetch source
	packages 9.9.8-1
	suite
	run --separate-stderr rig/fetch version
	[ "$output" = 9.9.7-1 ]
	UPDATE=1 run --separate-stderr rig/fetch version
	[ "$output" = 9.9.8-1 ]
}

@test "fetch: while image or headers lag behind, the newest version that all have" {
	own_suite
	package linux-source-9.9 9.9.8-1 ""
	suite
	run --separate-stderr rig/fetch version
	[ "$status" = 0 ]
	[ "$output" = 9.9.7-1 ]
}

@test "fetch: source and image of different versions only are an error" {
	own_suite
	rm "$REPO"/linux-source*
	package linux-source-9.9 9.9.8-1 ""
	suite
	run rig/fetch source
	[ "$status" = 2 ]
	says "no version in common: linux-source-9.9 is at 9.9.8-1, linux-image-toy at 9.9.7-1, linux-headers-toy at 9.9.7-1"
}

@test "fetch: a source package that no suite offers" {
	own_suite
	rm "$REPO"/linux-source*
	suite
	run rig/fetch source
	[ "$status" = 2 ]
	says "package linux-source-9.9 cannot be had, no package suite offers it"
	says "LINUX="
}

@test "fetch: a suite that cannot be reached" {
	own_suite
	rm "$REPO/Packages"
	run rig/fetch source
	[ "$status" = 2 ]
	says "package linux-source-9.9 cannot be had, a package suite cannot be reached"
}

@test "fetch: a package that goes away after it was chosen; it comes back, and the next run recovers" {
	own_suite
	rig/fetch version
	mv "$REPO"/linux-source*.deb "$BATS_TEST_TMPDIR/"
	run rig/fetch source
	[ "$status" = 2 ]
	says "package linux-source-9.9 9.9.7-1 cannot be had"
	says "UPDATE=1"
	mv "$BATS_TEST_TMPDIR"/linux-source*.deb "$REPO/"
	run rig/fetch source
	[ "$status" = 0 ]
}

@test "fetch: an interrupted download is begun again by the next run" {
	rig/fetch version
	# The mirror stalls in the middle of the file, and the run is killed there.
	program apt-get "case \$* in *' download '*) head -c 100 $REPO/linux-source-9.9_9.9.7-1_amd64.deb >linux-source-9.9_9.9.7-1_amd64.deb; sleep 60 & wait;; *) exec /usr/bin/apt-get \"\$@\";; esac"
	setsid rig/fetch source 3>&- &
	victim=$!
	until [ -s "$CACHE/pkg/partial/linux-source-9.9_9.9.7-1_amd64.deb" ]; do
		kill -0 "$victim"
		sleep 0.1
	done
	kill -KILL -- "-$victim"
	wait "$victim" || true
	rm "$BATS_TEST_TMPDIR/bin/apt-get"
	[ ! -e "$CACHE/pkg/linux-source-9.9_9.9.7-1_amd64.deb" ]
	run --separate-stderr rig/fetch source
	[ "$status" = 0 ]
	cmp "$output" "$REPO/linux-source-9.9_9.9.7-1_amd64.deb"
}

@test "fetch: a package in the cache that was truncated or changed is got again" {
	deb=$(rig/fetch source)
	truncate -s 100 "$deb"
	run rig/fetch source
	[ "$status" = 0 ]
	says "in the cache is damaged"
	printf X | dd of="$deb" bs=1 seek=200 conv=notrunc status=none
	run rig/fetch source
	[ "$status" = 0 ]
	cmp "$deb" "$REPO/linux-source-9.9_9.9.7-1_amd64.deb"
}

@test "fetch: no disk space" {
	rig/fetch version
	program df 'echo "Filesystem 1048576-blocks Used Available Capacity Mounted"; echo "toy 1000 993 7 99% /"'
	run rig/fetch source
	[ "$status" = 2 ]
	says "only 7 MB are free there"
	says "CACHE="
	[ ! -e "$CACHE/pkg/linux-source-9.9_9.9.7-1_amd64.deb" ]
}

@test "fetch: the 32-bit BusyBox, whatever the BASE; the machine's own architecture stays as it is" {
	own_suite
	mkdir -p "$BATS_TEST_TMPDIR/files/bin"
	echo 32 >"$BATS_TEST_TMPDIR/files/bin/busybox"
	package busybox-static 1:1.2-3 "" "$BATS_TEST_TMPDIR/files" i386
	package busybox-static 1:1.2-4 ""
	# Not in the name of the file, as in Debian's pool.
	for deb in "$REPO"/busybox*1:*; do mv "$deb" "${deb/1:/}"; done
	suite
	SUITE=toy-backports run --separate-stderr rig/fetch busybox-i386
	[ "$status" = 0 ]
	[ "$output" = "$CACHE/pkg/busybox-static_1%3a1.2-3_i386.deb" ]
	[ "$(dpkg-deb --fsys-tarfile "$output" | tar -xO --wildcards '*bin/busybox')" = 32 ]
	run --separate-stderr rig/fetch source
	[ "$output" = "$CACHE/pkg/linux-source-9.9_9.9.7-1_amd64.deb" ]
	program apt-get 'echo asked >&2; exit 1'
	run rig/fetch busybox-i386
	[ "$status" = 0 ]
	truncate -s 100 "$output"
	rm "$BATS_TEST_TMPDIR/bin/apt-get"
	run rig/fetch busybox-i386
	[ "$status" = 0 ]
	says "in the cache is damaged"
}

@test "fetch: no suite has a 32-bit BusyBox" {
	own_suite
	package busybox-static 1.2-4 ""
	suite
	run rig/fetch busybox-i386
	[ "$status" = 2 ]
	says "package busybox-static cannot be had for i386"
	run rig/fetch source busybox-i386
	[ "$status" = 2 ]
	says "busybox-i386 is of no BASE: ask for it alone"
}

@test "fetch: unknown BASE, VARIANT and kind" {
	BASE=9.8 run rig/fetch
	[ "$status" = 2 ]
	says "BASE=9.8 is unknown; use one of: 9.9"
	VARIANT=plain run rig/fetch
	[ "$status" = 2 ]
	says "VARIANT=plain is unknown; use one of: patched stock"
	run rig/fetch sauce
	[ "$status" = 2 ]
	says "sauce is unknown"
}

@test "import: the same source is the same commit, and git finds nothing to say about it" {
	repo=$(rig/import)
	[[ $repo = "$CACHE"/git/linux-source-9.9-9.9.7-1-*.git ]]
	git --git-dir="$repo" fsck --strict
	mkdir "$BATS_TEST_TMPDIR/out"
	git --git-dir="$repo" archive base | tar -x -C "$BATS_TEST_TMPDIR/out"
	diff -r --no-dereference "$BATS_FILE_TMPDIR/source/linux-source-9.9" "$BATS_TEST_TMPDIR/out"
	[ -x "$BATS_TEST_TMPDIR/out/scripts/tool" ]
	first=$(git --git-dir="$repo" rev-parse base)
	# What git itself makes of those files is the same tree.
	git init -q "$BATS_TEST_TMPDIR/own"
	cp -a "$BATS_FILE_TMPDIR/source/linux-source-9.9/." "$BATS_TEST_TMPDIR/own/"
	git -C "$BATS_TEST_TMPDIR/own" add -A
	[ "$(git -C "$BATS_TEST_TMPDIR/own" write-tree)" = "$(git --git-dir="$repo" rev-parse "base^{tree}")" ]
	rm -rf "$repo"
	[ "$(git --git-dir="$(rig/import)" rev-parse base)" = "$first" ]
}

@test "import: what Debian adds to .gitignore does not hide new files" {
	mkdir -p "$BATS_TEST_TMPDIR/linux-9.9"
	printf '*.o\n/*\n!/debian/\n' >"$BATS_TEST_TMPDIR/linux-9.9/.gitignore"
	git init -q --bare "$BATS_TEST_TMPDIR/repo"
	tar -C "$BATS_TEST_TMPDIR" -c linux-9.9 | rig/tar-to-git "$BATS_TEST_TMPDIR/repo" test
	[ "$(git --git-dir="$BATS_TEST_TMPDIR/repo" show base:.gitignore)" = '*.o' ]
	run rig/tar-to-git "$BATS_TEST_TMPDIR/repo" test <<<"no tar"
	[ "$status" = 1 ]
	[[ $output = *"tar-to-git: error: "* ]]
}

@test "import: an interrupted import is begun again by the next run" {
	mkdir -p "$CACHE/git/linux-source-9.9-9.9.7-1.git.new/objects/pack"
	echo half >"$CACHE/git/linux-source-9.9-9.9.7-1.git.new/objects/pack/tmp_pack_1"
	repo=$(rig/import)
	git --git-dir="$repo" fsck --strict
	[ ! -e "$repo.new" ]
}

@test "import: no disk space" {
	rig/fetch
	program df 'echo "Filesystem 1048576-blocks Used Available Capacity Mounted"; echo "toy 1000 993 7 99% /"'
	run rig/import
	[ "$status" = 2 ]
	says "only 7 MB are free there"
	[ "$(find "$CACHE/git" -name '*.git*' | wc -l)" = 0 ]
}

@test "import: LINUX= tarballs" {
	from=$BATS_FILE_TMPDIR/source
	tar -C "$from" -czf "$BATS_TEST_TMPDIR/linux.tar.gz" linux-source-9.9
	tar -C "$from" --format=pax -cJf "$BATS_TEST_TMPDIR/pax.tar.xz" linux-source-9.9
	tar -C "$from/linux-source-9.9" --zstd -cf "$BATS_TEST_TMPDIR/flat.tar.zst" .
	want=$(git --git-dir="$(rig/import)" rev-parse "base^{tree}")
	for tarball in linux.tar.gz pax.tar.xz flat.tar.zst; do
		repo=$(LINUX=$BATS_TEST_TMPDIR/$tarball rig/import)
		[ "$(git --git-dir="$repo" rev-parse "base^{tree}")" = "$want" ]
	done
}

@test "import: LINUX= that is no kernel tree" {
	export LINUX=$BATS_TEST_TMPDIR/thing
	refused() {
		run rig/import
		[ "$status" = 2 ]
		[ "${#lines[@]}" -le 2 ]
		says "LINUX=$LINUX $1"
	}
	refused "does not exist"
	mkdir "$LINUX"
	refused "is a folder but no git tree"
	git init -q "$LINUX"
	refused "is a git tree without a commit"
	git -C "$LINUX" -c user.name=a -c user.email=b commit -q --allow-empty -m empty
	refused "is a git tree but its HEAD is no kernel tree"
	LINUX=$BATS_TEST_TMPDIR/thing.txt
	echo >"$LINUX"
	refused "is no git tree and no tarball"
	LINUX=$BATS_TEST_TMPDIR/thing.tar
	tar -C "$BATS_TEST_TMPDIR" -cf "$LINUX" thing.txt
	refused "is a tarball but no kernel tree"
	head -c 3000 /dev/urandom >"$LINUX"
	refused "is a tarball that cannot be read"
	tar -C "$BATS_FILE_TMPDIR/source" -cf - linux-source-9.9 | head -c 3000 >"$LINUX"
	refused "is a tarball that cannot be read"
}

@test "packages: without rights, the command to run" {
	program dpkg-query 'echo "installed git"; exit 1'
	program id 'echo 1000'
	program sudo 'exit 1'
	program apt-get "echo called >>$BATS_TEST_TMPDIR/called"
	run rig/packages tree
	[ "$status" = 2 ]
	says "run: sudo apt-get install --no-install-recommends bzip2 ca-certificates python3 xz-utils zstd"
	[ ! -e "$BATS_TEST_TMPDIR/called" ]
}

@test "packages: as root, or with sudo, the missing ones are named and installed" {
	program dpkg-query 'printf "installed %s\n" git xz-utils bzip2 python3 ca-certificates; echo "config-files zstd"; exit 1'
	program id 'echo 0'
	program apt-get "echo \$* >>$BATS_TEST_TMPDIR/called"
	run rig/packages tree
	[ "$status" = 0 ]
	says "missing packages: zstd"
	[ "$(cat "$BATS_TEST_TMPDIR/called")" = "-q update"$'\n'"-q -y install --no-install-recommends zstd" ]
	rm "$BATS_TEST_TMPDIR/called"
	program id 'echo 1000'
	program sudo "shift; [ \$1 = true ] || echo by sudo >>$BATS_TEST_TMPDIR/called; exec \"\$@\""
	run rig/packages tree
	[ "$status" = 0 ]
	grep -q "by sudo" "$BATS_TEST_TMPDIR/called"
}

@test "packages: a 32-bit host needs a compiler for its programs" {
	program dpkg-query 'exit 1'
	program id 'echo 1000'
	program sudo 'exit 1'
	run rig/packages run
	[ "$status" = 2 ]
	[[ $output != *gcc-multilib* ]]
	FRAGMENTS=i386 run rig/packages run
	[ "$status" = 2 ]
	says gcc-multilib
}

@test "packages: a package that cannot be installed" {
	program dpkg-query 'exit 1'
	program id 'echo 0'
	# shellcheck disable=SC2016 # for the program
	program apt-get '[ "$2" = update ] || { echo E: no such thing; exit 100; }'
	run rig/packages clean
	[ "$status" = 2 ]
	says "packages cannot be installed: git"
}
