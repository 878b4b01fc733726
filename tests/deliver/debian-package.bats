#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# deliver/debian-package with a toy of a source package, of an image and of the VM: nothing is compiled or booted.
# shellcheck disable=SC2016,SC2154 # the stand-ins expand their own variables; bats sets output

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

# script NAME TEXT: a stand-in for one of the project's scripts.
script() { printf '#!/bin/sh\n%s\n' "$2" >"$1"; }

setup() {
	REPO=$BATS_TEST_TMPDIR/repo
	variables
	unset LOST_BUDGET LOST_FILE J
	export MADE=$BATS_TEST_TMPDIR/made
	mkdir -p "$MADE"
	top "$BATS_TEST_TMPDIR/top"
	cd "$BATS_TEST_TMPDIR/top" || return
	echo SELFTEST=x86/toy_test >>bases/9.9
	mkdir patches/9.9/0{1-one,2-two}
	touch patches/9.9/{01-one/0001-Zwei,02-two/0001-Eins}.patch
	echo a >"$MADE/toy.dsc"
	script rig/fetch-source 'echo "$MADE/toy.dsc"'
	# Debian's own patches are in the list, too, before ours and after.
	script deliver/debian 'at=$BUILD/debian/9.9/debian/patches; mkdir -p "$at/bugfix"; touch "$at/bugfix/zwei.patch" "$at/bugfix/eins.patch"
printf "%s\n" bugfix/old.patch bugfix/zwei.patch "bugfix/eins.patch" "" "# Tools" bugfix/tool.patch >"$at/series"'
	script rig/kselftests 'echo "$MADE/toy_test"'
	script rig/kernel 'echo "$IMAGE_DEB $VARIANT $KERNEL" >"$MADE/image"; mkdir -p "$BUILD/boot"; echo 9.9-toy >"$BUILD/boot/release"; echo "$BUILD/boot/bzImage"'
	script rig/vm 'echo "$CMD $FILES" >"$MADE/vm"; echo KTAP; exit "$(cat "$MADE/vm-status" 2>/dev/null || echo 0)"'
	script rig/ktap 'echo "3 passed, 0 failed, 1 skipped"'
	program apt-get 'echo "$*" >>"$MADE/apt"'
	program sudo 'shift; exec "$@"'
	# What comes out of the real one: packages beside the source, their image larger than the meta packages.
	echo 'profiles=nodoc,toy
echo "$*" >>"$MADE/arguments"
echo "gcc -c -o a.o a.c"
touch ../linux-headers-9.9-cloud-amd64_9.9_amd64.deb ../linux-image-cloud-amd64_9.9_amd64.deb
if [ -e "$MADE/breaks" ]; then echo "no rule"; exit 2; fi
head -c 2M /dev/zero >../linux-image-9.9-cloud-amd64-unsigned_9.9_amd64.deb' >"$MADE/test-patches"
	program dpkg-source 'for at; do :; done; mkdir -p "$at/debian/bin"; (echo "#!/bin/sh"; cat "$MADE/test-patches") >"$at/debian/bin/test-patches"; chmod 755 "$at/debian/bin/test-patches"'
	need_no_space
}

# The disk of a machine that runs the tests may be smaller than a package wants it.
need_no_space() { sed -i 's/^	need_space .*/	:/' deliver/debian-package; }

@test "our patches in their order; the image that came out is booted as it is" {
	J=3 run -0 --separate-stderr deliver/debian-package
	[ "$output" = "3 passed, 0 failed, 1 skipped" ]
	[ "$(cat "$MADE/arguments")" = "-f cloud-amd64 -j 3 $BUILD/debian/9.9/debian/patches/bugfix/zwei.patch $BUILD/debian/9.9/debian/patches/bugfix/eins.patch" ]
	[ "$(cat "$MADE/image")" = "$BUILD/debian-package/9.9/linux-image-9.9-cloud-amd64-unsigned_9.9_amd64.deb stock distro" ]
	grep -q "$MADE/toy_test" "$MADE/vm"
	grep -q -- "-P nodoc,toy,pkg.linux.nokerneldbg,pkg.linux.nokerneldbginfo build-dep" "$MADE/apt"
	[[ $stderr == *"took "*" of processor time "* ]]
}

@test "what was built from the same is not built again; from another patch it is" {
	deliver/debian-package
	deliver/debian-package
	[ "$(wc -l <"$MADE/arguments")" = 1 ]
	script deliver/debian "$(sed 1d deliver/debian)"'; echo edited >"$at/bugfix/eins.patch"'
	touch "$BUILD/debian-package/9.9/unpacked-from-the-old"
	deliver/debian-package
	[ "$(wc -l <"$MADE/arguments")" = 2 ]
	[ ! -e "$BUILD/debian-package/9.9/unpacked-from-the-old" ]
}

@test "a build that fails is named with its log, and is no build" {
	touch "$MADE/breaks"
	run -2 deliver/debian-package
	says "no rule"
	says "debian-package: error: test-patches failed (log "
	[ ! -e "$BUILD/debian-package/9.9/built" ]
	rm "$MADE/breaks"
	run -0 --separate-stderr deliver/debian-package
	[ "$output" = "3 passed, 0 failed, 1 skipped" ]
}

@test "a build that leaves no image is none" {
	sed -i 's/^head .*//' "$MADE/test-patches"
	run -2 deliver/debian-package
	says "test-patches made 0 packages of an image"
}

@test "a lost VM is run once more, and then is a failure" {
	echo 125 >"$MADE/vm-status"
	run -1 --separate-stderr deliver/debian-package
	[ "$output" = "0 passed, 1 failed, 0 skipped" ]
	[[ $stderr == *"once more"* ]]
}

@test "bad input: one line, status 2" {
	run -2 deliver/debian-package 'no such'
	[ "${#lines[@]}" = 1 ]
	run -2 deliver/debian-package a b
	[ "${#lines[@]}" = 1 ]
	touch patches/9.9/02-two/0002-Drei.patch
	run -2 deliver/debian-package
	says "names 2 patches of ours, patches/9.9 has 3"
}

@test "another image than the distribution's keeps its own modules" {
	export BASE=6.1 IMAGE_DEB=toy.deb
	for which in "distro patched" "rig stock"; do
		KERNEL=${which% *} VARIANT=${which#* } run -2 --separate-stderr "$PROJECT/rig/kernel"
		[[ $stderr == *"IMAGE_DEB= is an image with its own KVM modules: use KERNEL=distro VARIANT=stock" ]]
	done
	KERNEL=distro VARIANT=stock run -2 --separate-stderr "$PROJECT/rig/kernel"
	[[ $stderr == *"cannot read IMAGE_DEB=toy.deb" ]]
}
