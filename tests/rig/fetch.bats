#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# rig/packages, rig/fetch and rig/import against a package suite in a folder: no network, nothing installed.

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

setup_file() {
	toy_suite 9.9.7-1
	top_of_links "$BATS_FILE_TMPDIR/top"
}

setup() {
	variables
	cd "$BATS_FILE_TMPDIR/top" || exit
	deb=$CACHE/pkg/linux-source-9.9_9.9.7-1_amd64.deb
}

# own_suite: a copy of the suite, to spoil.
own_suite() {
	cp -r "$REPO" "$BATS_TEST_TMPDIR/repo"
	REPO=$BATS_TEST_TMPDIR/repo
	APT_CONFIG=$REPO/apt.conf
	suite
}

# gives OUTPUT ARGUMENT...: so ends rig/fetch.
gives() {
	run -0 --separate-stderr rig/fetch "${@:2}"
	[ "$output" = "$1" ]
}

# refused TEXT COMMAND...: ends with status 2 and TEXT.
refused() {
	run -2 "${@:2}"
	says "$1"
}

@test "fetch: source, image and headers of one version, then no suite is asked" {
	gives "$deb
$CACHE/pkg/linux-image-9.9.0-1-toy_9.9.7-1_amd64.deb
$CACHE/pkg/linux-headers-9.9.0-1-toy_9.9.7-1_amd64.deb"
	program apt-get 'echo asked >&2; exit 1'
	gives "$deb"$'\n'9.9.7-1 source version
}

@test "fetch: a newer version is taken with UPDATE=1 only, and if image and headers have it" {
	own_suite
	package linux-source-9.9 9.9.8-1 ""
	suite
	gives 9.9.7-1 version
	packages 9.9.8-1
	suite
	gives 9.9.7-1 version
	UPDATE=1 gives 9.9.8-1 version
}

@test "fetch: a suite that cannot be reached, has no source, or only one of another version than the image" {
	own_suite
	mv "$REPO/Packages" "$BATS_TEST_TMPDIR/"
	refused "package linux-source-9.9 cannot be had, a package suite cannot be reached" rig/fetch source
	rm "$REPO"/linux-source*
	suite
	refused "package linux-source-9.9 cannot be had, no package suite offers it" rig/fetch source
	says "LINUX="
	package linux-source-9.9 9.9.8-1 ""
	suite
	refused "no version in common: linux-source-9.9 is at 9.9.8-1, linux-image-toy at 9.9.7-1, \
linux-headers-toy at 9.9.7-1" rig/fetch source
}

@test "fetch: a package that goes away after it was chosen; it comes back, and the next run recovers" {
	own_suite
	rig/fetch version
	mv "$REPO"/linux-source*.deb "$BATS_TEST_TMPDIR/"
	refused "package linux-source-9.9 9.9.7-1 cannot be had" rig/fetch source
	says "UPDATE=1"
	mv "$BATS_TEST_TMPDIR"/linux-source*.deb "$REPO/"
	gives "$deb" source
}

@test "fetch: an interrupted download is begun again by the next run" {
	rig/fetch version
	# The mirror stalls in the middle of the file, and the run is killed there.
	program apt-get "case \$* in
		*' download '*) head -c 100 $REPO/${deb##*/} >${deb##*/}; sleep 60 & wait ;;
		*) exec /usr/bin/apt-get \"\$@\" ;;
		esac"
	setsid rig/fetch source 3>&- &
	victim=$!
	until [ -s "$CACHE/pkg/partial/${deb##*/}" ]; do
		kill -0 "$victim"
		sleep 0.1
	done
	kill -KILL -- "-$victim"
	wait "$victim" || true
	rm "$BATS_TEST_TMPDIR/bin/apt-get"
	[ ! -e "$deb" ]
	gives "$deb" source
	cmp "$deb" "$REPO/${deb##*/}"
}

@test "fetch: a package in the cache that was truncated or changed is got again" {
	rig/fetch source
	truncate -s 100 "$deb"
	run -0 rig/fetch source
	says "in the cache is damaged"
	printf X | dd of="$deb" bs=1 seek=200 conv=notrunc status=none
	rig/fetch source
	cmp "$deb" "$REPO/${deb##*/}"
}

@test "fetch, import: no disk space" {
	rig/fetch
	mv "$deb" "$BATS_TEST_TMPDIR/"
	program df 'echo "Filesystem 1048576-blocks Used Available Capacity Mounted"; echo "toy 1000 993 7 99% /"'
	refused "only 7 MB are free there: free some, or set CACHE=" rig/fetch source
	[ ! -e "$deb" ]
	mv "$BATS_TEST_TMPDIR/${deb##*/}" "$deb"
	refused "only 7 MB are free there: free some, or set CACHE=" rig/import
	[ "$(find "$CACHE/git" -name '*.git*' | wc -l)" = 0 ]
}

@test "fetch: the 32-bit BusyBox, whatever the BASE; the machine's own architecture stays as it is" {
	own_suite
	package busybox-static 1.2-4 ""
	suite
	refused "package busybox-static cannot be had for i386" rig/fetch busybox-i386
	refused "busybox-i386 is of no BASE: ask for it alone" rig/fetch source busybox-i386
	mkdir -p "$BATS_TEST_TMPDIR/files/bin"
	echo 32 >"$BATS_TEST_TMPDIR/files/bin/busybox"
	package busybox-static 1:1.2-3 "" "$BATS_TEST_TMPDIR/files" i386
	# Not in the name of the file, as in Debian's pool.
	mv "$REPO"/busybox-static_1:1.2-3_i386.deb "$REPO"/busybox-static_1.2-3_i386.deb
	suite
	busybox=$CACHE/pkg/busybox-static_1%3a1.2-3_i386.deb
	SUITE=toy-backports gives "$busybox" busybox-i386
	[ "$(dpkg-deb --fsys-tarfile "$busybox" | tar -xO --wildcards '*bin/busybox')" = 32 ]
	gives "$deb" source
	truncate -s 100 "$busybox"
	gives "$busybox" busybox-i386
	program apt-get 'echo asked >&2; exit 1'
	gives "$busybox" busybox-i386
}

@test "fetch: unknown BASE, VARIANT and kind" {
	BASE=9.8 refused "BASE=9.8 is unknown; use one of: 9.9" rig/fetch
	VARIANT=plain refused "VARIANT=plain is unknown; use one of: patched stock" rig/fetch
	refused "sauce is unknown" rig/fetch sauce
}

@test "import: the same source is the same commit, made anew after an interruption; it is what git itself makes" {
	repo=$(rig/import)
	[[ $repo = "$CACHE"/git/linux-source-9.9-9.9.7-1-*.git ]]
	git --git-dir="$repo" fsck --strict
	git init -q "$BATS_TEST_TMPDIR/own"
	cp -a "$BATS_FILE_TMPDIR/source/linux-source-9.9/." "$BATS_TEST_TMPDIR/own/"
	git -C "$BATS_TEST_TMPDIR/own" add -A
	[ "$(git -C "$BATS_TEST_TMPDIR/own" write-tree)" = "$(git --git-dir="$repo" rev-parse "base^{tree}")" ]
	first=$(git --git-dir="$repo" rev-parse base)
	rm -rf "$repo"
	mkdir -p "$repo.new/objects/pack"
	echo half >"$repo.new/objects/pack/tmp_pack_1"
	[ "$(git --git-dir="$(rig/import)" rev-parse base)" = "$first" ]
	[ ! -e "$repo.new" ]
	git --git-dir="$repo" fsck --strict
}

@test "import: LINUX= tarballs; what Debian adds to .gitignore does not hide new files" {
	from=$BATS_FILE_TMPDIR/source
	tar -C "$from" -czf "$BATS_TEST_TMPDIR/linux.tar.gz" linux-source-9.9
	tar -C "$from" --format=pax -cJf "$BATS_TEST_TMPDIR/pax.tar.xz" linux-source-9.9
	tar -C "$from/linux-source-9.9" --zstd -cf "$BATS_TEST_TMPDIR/flat.tar.zst" .
	want=$(git --git-dir="$(rig/import)" rev-parse "base^{tree}")
	for tarball in linux.tar.gz pax.tar.xz flat.tar.zst; do
		repo=$(LINUX=$BATS_TEST_TMPDIR/$tarball rig/import)
		[ "$(git --git-dir="$repo" rev-parse "base^{tree}")" = "$want" ]
	done
	cp -a "$from" "$BATS_TEST_TMPDIR/ignoring"
	printf '*.o\n/*\n!/debian/\n' >"$BATS_TEST_TMPDIR/ignoring/linux-source-9.9/.gitignore"
	tar -C "$BATS_TEST_TMPDIR/ignoring" -cf "$BATS_TEST_TMPDIR/ignoring.tar" linux-source-9.9
	repo=$(LINUX=$BATS_TEST_TMPDIR/ignoring.tar rig/import)
	[ "$(git --git-dir="$repo" show base:.gitignore)" = '*.o' ]
}

@test "import: LINUX= that is no kernel tree" {
	export LINUX=$BATS_TEST_TMPDIR/thing
	no_kernel() {
		refused "LINUX=$LINUX $1" rig/import
		[ "${#lines[@]}" -le 2 ]
	}
	no_kernel "does not exist"
	mkdir "$LINUX"
	no_kernel "is a folder but no git tree"
	git init -q "$LINUX"
	no_kernel "is a git tree without a commit"
	git -C "$LINUX" -c user.name=a -c user.email=b commit -q --allow-empty -m empty
	no_kernel "is a git tree but its HEAD is no kernel tree"
	LINUX=$BATS_TEST_TMPDIR/thing.txt
	echo >"$LINUX"
	no_kernel "is no git tree and no tarball"
	LINUX=$BATS_TEST_TMPDIR/thing.tar
	tar -C "$BATS_TEST_TMPDIR" -cf "$LINUX" thing.txt
	no_kernel "is a tarball but no kernel tree"
	tar -C "$BATS_FILE_TMPDIR/source" -cf - linux-source-9.9 | head -c 3000 >"$LINUX"
	no_kernel "is a tarball that cannot be read"
	head -c 3000 /dev/urandom >"$LINUX"
	no_kernel "is a tarball that cannot be read"
}

@test "packages: without rights, the command to run; a 32-bit host needs a compiler for its programs" {
	program dpkg-query 'echo "installed git"; exit 1'
	program id 'echo 1000'
	program sudo 'exit 1'
	program apt-get "echo called >>$BATS_TEST_TMPDIR/called"
	refused "run: sudo apt-get install --no-install-recommends bzip2 ca-certificates python3 xz-utils zstd" \
		rig/packages tree
	[ ! -e "$BATS_TEST_TMPDIR/called" ]
	run -2 rig/packages run
	[[ $output != *gcc-multilib* ]]
	FRAGMENTS=i386 refused gcc-multilib rig/packages run
}

@test "packages: as root, or with sudo, the missing ones are named and installed" {
	program dpkg-query 'printf "installed %s\n" git xz-utils bzip2 python3 ca-certificates
		echo "config-files zstd"
		exit 1'
	program id 'echo 0'
	program apt-get "echo \$* >>$BATS_TEST_TMPDIR/called"
	run -0 rig/packages tree
	says "missing packages: zstd"
	[ "$(cat "$BATS_TEST_TMPDIR/called")" = "-q update"$'\n'"-q -y install --no-install-recommends zstd" ]
	rm "$BATS_TEST_TMPDIR/called"
	program id 'echo 1000'
	program sudo "shift; [ \$1 = true ] || echo by sudo >>$BATS_TEST_TMPDIR/called; exec \"\$@\""
	rig/packages tree
	grep -q "by sudo" "$BATS_TEST_TMPDIR/called"
	program id 'echo 0'
	# shellcheck disable=SC2016 # for the program
	program apt-get '[ "$2" = update ] || { echo E: no such thing; exit 100; }'
	refused "packages cannot be installed: zstd" rig/packages tree
}
