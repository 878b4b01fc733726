# SPDX-License-Identifier: GPL-2.0-only
# Small stand-ins for what the scripts take from outside: a kernel source, its packages, a package suite, a series.
# Usage: . "$BATS_TEST_DIRNAME/../synthetic.bash"
# shellcheck shell=bash

PROJECT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)

# toy_base DIR: a base of its own, 9.9, without patches.
toy_base() {
	mkdir -p "$1/bases" "$1/patches/9.9"
	cat >"$1/bases/9.9" <<-EOF
		SUITE=
		SOURCE_PACKAGE=linux-source-9.9
		IMAGE_PACKAGE=linux-image-toy
		HEADERS_PACKAGE=linux-headers-toy
	EOF
}

# top DIR: the scripts, to be changed, with that base.
top() {
	toy_base "$1"
	cp -r "$PROJECT"/{rig,prove,measure,deliver,ci} "$1/"
	# What the rooms know of the real bases is not theirs.
	rm -r "$1"/rig/kconfig/* "$1"/prove/{mutants,coverage}/[0-9]*
}

# top_of_links DIR: the scripts as they are, with that base.
top_of_links() {
	toy_base "$1"
	ln -s "$PROJECT"/{rig,deliver,ci} "$1/"
}

# kernel DIR: a tree that has what a kernel tree is known by, and the shapes that a tar can be tripped by.
kernel() {
	local long=drivers/a-rather-long-folder-name/of-which-there-are-some-in-the-kernel
	long+=/so-that-the-path-is-over-100-characters
	mkdir -p "$1/arch/x86/kvm" "$1/$long" "$1/scripts"
	printf 'VERSION = 9\nPATCHLEVEL = 9\n' >"$1/Makefile"
	seq 1 40 | sed 's/.*/int line_&;/' >"$1/arch/x86/kvm/x86.c"
	echo 'int long_path;' >"$1/$long/file.c"
	: >"$1/empty"
	printf '#!/bin/sh\n' >"$1/scripts/tool"
	chmod 755 "$1/scripts/tool"
	ln -s ../Makefile "$1/scripts/link"
}

# package NAME VERSION DEPENDS [DIR [ARCH]]: a Debian package, with the files of DIR in it, into the suite $REPO.
package() {
	local build=$BATS_FILE_TMPDIR/build.$1 arch=${5:-amd64}
	mkdir -p "$build/DEBIAN" "$REPO"
	[ -z "${4:-}" ] || cp -r "$4/." "$build/"
	cat >"$build/DEBIAN/control" <<-EOF
		Package: $1
		Version: $2
		Architecture: $arch
		Maintainer: nobody <nobody@localhost>
		${3:+Depends: $3}
		Description: a toy
	EOF
	sed -i '/^$/d' "$build/DEBIAN/control"
	dpkg-deb -Znone -b "$build" "$REPO/$1_$2_$arch.deb" >/dev/null
	rm -rf "$build"
}

# suite: the index of $REPO, and an apt configuration that knows nothing else.
suite() {
	local deb
	for deb in "$REPO"/*.deb; do
		[ -e "$deb" ] || continue
		dpkg-deb -f "$deb"
		printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$(basename "$deb")" "$(stat -c %s "$deb")" \
			"$(sha256sum <"$deb" | cut -d' ' -f1)"
	done >"$REPO/Packages"
	printf 'Origin: toy\nDate: %s\nSHA256:\n %s %s Packages\n' "$(LC_ALL=C date -u -R)" \
		"$(sha256sum <"$REPO/Packages" | cut -d' ' -f1)" "$(stat -c %s "$REPO/Packages")" >"$REPO/Release"
	echo "deb [trusted=yes] file:$REPO ./" >"$REPO/sources.list"
	cat >"$REPO/apt.conf" <<-EOF
		Dir::Etc::sourcelist "$REPO/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::parts "/dev/null";
	EOF
}

# packages VERSION: source, image and headers with their meta packages, as Debian has them.
packages() {
	local dir=$BATS_FILE_TMPDIR/source
	rm -rf "$dir"
	mkdir -p "$dir/root/usr/src"
	kernel "$dir/linux-source-9.9"
	tar -C "$dir" --mtime=@1700000000 -cJf "$dir/root/usr/src/linux-source-9.9.tar.xz" linux-source-9.9
	package linux-source-9.9 "$1" "" "$dir/root"
	package linux-image-toy "$1" "linux-image-9.9.0-1-toy (= $1)"
	package linux-image-9.9.0-1-toy "$1" ""
	package linux-headers-toy "$1" "linux-headers-9.9.0-1-toy (= $1)"
	package linux-headers-9.9.0-1-toy "$1" "linux-headers-9.9.0-1-common (= $1)"
}

# toy_suite VERSION: a suite with these, for a whole file.
toy_suite() {
	export REPO=$BATS_FILE_TMPDIR/repo
	packages "$1"
	suite
}

# played FILE LINE...: a script of these lines.
played() {
	printf '%s\n' '#!/bin/bash' "${@:2}" >"$1"
	chmod +x "$1"
}

# program NAME TEXT: a stand-in for a program, found before the real one.
program() {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	played "$BATS_TEST_TMPDIR/bin/$1" "$2"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

# variables: everything that a verb writes goes below the folder of the test.
variables() {
	unset VARIANT KERNEL FRAGMENTS LINUX UPDATE V SUITE
	export BASE=9.9 BUILD=$BATS_TEST_TMPDIR/build CACHE=$BATS_TEST_TMPDIR/cache TOP=
	export APT_CONFIG=$REPO/apt.conf
}

# says TEXT: a line of the output of the last run, stdout and stderr, holds it.
says() {
	# shellcheck disable=SC2154 # bats sets output
	grep -qF -- "$1" <<<"$output" || {
		printf 'not said: %s\nsaid:\n%s\n' "$1" "$output"
		return 1
	}
}
