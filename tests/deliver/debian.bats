#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# rig/fetch-source and deliver/debian with a toy of a source package; nothing is asked of a network. deliver/debian
# package with a toy of an image and of the VM, too: nothing is compiled or booted.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # stand-ins expand; bats: each test is a shell of its own; sets output

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

# source_package VERSION: toy (VERSION), Debian's way, into the suite $REPO.
source_package() {
	local dir=$BATS_FILE_TMPDIR/packaging orig=toy_${1%-*}.orig.tar.xz file
	rm -rf "$dir"
	mkdir -p "$dir/debian/patches" "$dir/debian/config"
	printf '%s\n' '[abi]' 'ignore-changes:' ' btree_*' '# KVM internal' ' kvm_*' >"$dir/debian/config/defines"
	printf '%s\n' "toy ($1) unstable; urgency=low" '' '  * Old.' '' \
		' -- A <a@localhost>  Mon, 02 Nov 2026 10:00:00 +0000' >"$dir/debian/changelog"
	printf '%s\n' '# Arch bug fixes' 'bugfix/x86/old.patch' '' '# Tools bug fixes' 'bugfix/all/tool.patch' \
		>"$dir/debian/patches/series"
	tar -C "$dir" -cJf "$REPO/toy_$1.debian.tar.xz" debian
	[ -e "$REPO/$orig" ] || tar -C "$BATS_FILE_TMPDIR/source" -cJf "$REPO/$orig" linux-source-9.9
	{
		printf 'Format: 3.0 (quilt)\nSource: toy\nBinary: toy\nArchitecture: any\nVersion: %s\n' "$1"
		echo "Checksums-Sha256:"
		for file in "$orig" "toy_$1.debian.tar.xz"; do
			echo " $(sha256sum <"$REPO/$file" | cut -d' ' -f1) $(stat -c %s "$REPO/$file") $file"
		done
	} >"$REPO/toy_$1.dsc"
	{
		sed -n '/^Format\|^Binary\|^Arch\|^Version/p; s/^Source/Package/p; /^Checksums/,$p' "$REPO/toy_$1.dsc"
		echo " $(sha256sum <"$REPO/toy_$1.dsc" | cut -d' ' -f1) $(stat -c %s "$REPO/toy_$1.dsc") toy_$1.dsc"
		printf 'Directory: .\n\n'
	} >>"$REPO/Sources"
}

setup_file() {
	toy_suite 9.9.7-1
	sed -i 's/^Package: linux-source-9.9$/&\nSource: toy/' "$REPO/Packages"
	source_package 9.9-1 # of another width in what apt prints
	source_package 9.9.6-1
	source_package 9.9.7-1
	printf 'Origin: toy\nDate: %s\nSHA256:\n' "$(LC_ALL=C date -u -R)" >"$REPO/Release"
	for file in Packages Sources; do
		echo " $(sha256sum <"$REPO/$file" | cut -d' ' -f1) $(stat -c %s "$REPO/$file") $file" >>"$REPO/Release"
	done
	# The suite is unsigned: what says so for packages is not said again for sources.
	echo 'Acquire::AllowInsecureRepositories "true"; APT::Get::AllowUnauthenticated "true";' >>"$REPO/apt.conf"
}

# mail_of NAME SUBJECT TEXT SED: a patch of the toy's x86.c, made by a sed script, as git writes it.
mail_of() {
	tree=$BATS_TEST_TMPDIR/tree
	if [ ! -e "$tree" ]; then
		cp -r "$BATS_FILE_TMPDIR/source/linux-source-9.9" "$tree"
		git -C "$tree" init -q
		git -C "$tree" add -A
		git -C "$tree" -c user.name=x -c user.email=x@localhost commit -qm base
	fi
	sed -i "$4" "$tree/arch/x86/kvm/x86.c"
	git -C "$tree" -c user.name='Zoë Übung' -c user.email=zoe@localhost commit -qa -m "$2" -m "$3" \
		--date '2026-11-03T10:00:00 +0000'
	mkdir -p "patches/9.9/${1%/*}"
	git -C "$tree" format-patch -q --zero-commit -1 --stdout >"patches/9.9/$1"
}

setup() {
	variables
	unset DEBFULLNAME DEBEMAIL
	export SOURCE_DATE_EPOCH=1795000000 TOPIC=all
	top "$BATS_TEST_TMPDIR/top"
	cd "$BATS_TEST_TMPDIR/top" || exit
}

two_patches() {
	mkdir -p patches/9.9/01-one
	printf 'Subject: KVM: x86: The first\n\nText.\n' >patches/9.9/01-one/cover
	mail_of 01-one/0001-KVM-x86-One.patch "KVM: x86: One" \
		$'First.\n\nUpstream has this by X.\n\nUpstream: 3ebcbd2244f5 (v6.2)' 's/int line_5;/int five;/'
	mail_of 02-two/0001-KVM-x86-Two.patch \
		"KVM: x86: Two, of which the subject is so long that git folds it in a mail" \
		$'Second.\n\nNot upstream commit 5d6d6a7d7e66.' 's/int line_16;/int sixteen;/'
}

@test "fetch-source: of the version that the set has; later without a suite" {
	at=$CACHE/pkg/src/linux-source-9.9-9.9.7-1
	[ "$(rig/fetch-source)" = "$at/toy_9.9.7-1.dsc" ]
	program apt-get 'exit 1'
	[ "$(rig/fetch-source)" = "$at/toy_9.9.7-1.dsc" ]
	# A suite in a folder is not copied, but linked to.
	rm "$at/toy_9.9.7-1.debian.tar.xz"
	echo damaged >"$at/toy_9.9.7-1.debian.tar.xz"
	run -2 rig/fetch-source
	says "cannot be had"
}

@test "fetch-source: the newest before it, if the mirror does not hand that one out" {
	cp -r "$REPO" "$BATS_TEST_TMPDIR/repo"
	sed -i "s|file:$REPO|file:$BATS_TEST_TMPDIR/repo|" "$BATS_TEST_TMPDIR/repo/sources.list"
	sed -i "s|$REPO|$BATS_TEST_TMPDIR/repo|" "$BATS_TEST_TMPDIR/repo/apt.conf"
	APT_CONFIG=$BATS_TEST_TMPDIR/repo/apt.conf
	rm "$BATS_TEST_TMPDIR/repo/toy_9.9.7-1.debian.tar.xz"
	run -0 --separate-stderr rig/fetch-source
	[ "$output" = "$CACHE/pkg/src/linux-source-9.9-9.9.7-1/toy_9.9.6-1.dsc" ]
	[[ $stderr == *"source package toy 9.9.7-1 cannot be had, 9.9.6-1 is the newest that can"* ]]
}

@test "debian: patches, series, changelog; and as one patch it makes the packaging just that" {
	two_patches
	run -0 --separate-stderr deliver/debian
	[ "$output" = "$BUILD/debian/9.9/kvm-wall-clock-9.9.7-1.patch" ]
	cd "$BUILD/debian/9.9"
	diff - debian/patches/series <<-'END'
		# Arch bug fixes
		bugfix/x86/old.patch
		bugfix/x86/kvm-x86-one.patch
		bugfix/x86/kvm-x86-two.patch

		# Tools bug fixes
		bugfix/all/tool.patch
	END
	diff - <(sed '/^---/q' debian/patches/bugfix/x86/kvm-x86-one.patch) <<-'END'
		Description: KVM: x86: One
		 First.
		 .
		 Upstream has this by X.
		 .
		 Upstream: 3ebcbd2244f5 (v6.2)
		Author: Zoë Übung <zoe@localhost>
		Origin: backport, commit:3ebcbd2244f5
		Forwarded: not-needed
		Last-Update: 2026-11-03
		---
	END
	diff - <(grep -E '^(Description|Origin|Forwarded)' debian/patches/bugfix/x86/kvm-x86-two.patch) <<-'END'
		Description: KVM: x86: Two, of which the subject is so long that git folds it in a mail
		Origin: other, kvm-wall-clock patches/9.9/02-two/0001-KVM-x86-Two.patch
		Forwarded: no
	END
	diff - <(sed '/^ -- /q' debian/changelog) <<-'END'
		toy (9.9.7-2) UNRELEASED; urgency=medium

		  * [x86] KVM, topic one: The first:
		    - KVM: x86: One
		  * [x86] KVM, topic two:
		    - KVM: x86: Two, of which the subject is so long that git folds it in a
		      mail

		 -- Zoë Übung <zoe@localhost>  Wed, 18 Nov 2026 11:06:40 +0000
	END
	mkdir packaging
	tar -C packaging -xJf "$REPO/toy_9.9.7-1.debian.tar.xz"
	patch -s -d packaging -p1 --fuzz=0 <kvm-wall-clock-9.9.7-1.patch
	diff -r -x config debian packaging/debian
	[ ! -e debian/config ]
	cd "$BATS_TEST_TMPDIR/top"
	DEBFULLNAME=Me DEBEMAIL=me@localhost deliver/debian 2>/dev/null
	grep -q '^ -- Me <me@localhost>  ' "$BUILD/debian/9.9/debian/changelog"
}

@test "debian: a choice comes with what it needs, by default epoch; symbols to ignore if a header changes" {
	two_patches
	mkdir -p "$tree/arch/x86/include/asm"
	echo 'int grown;' >"$tree/arch/x86/include/asm/kvm_host.h"
	git -C "$tree" add -A
	mail_of 03-epoch/0001-KVM-x86-Three.patch "KVM: x86: Three" Third. 's/int line_27;/int twenty;/'
	printf '%s\n' 'ABI_IGNORE="enter_guest leave_guest"' 'ALONE="two one+epoch"' >>bases/9.9
	# series TOPIC: the patches that are made.
	series() {
		TOPIC=$1 deliver/debian 2>/dev/null
		[ "$(cd "$BUILD/debian/9.9/debian/patches/bugfix/x86" && echo *)" = "$2" ]
	}
	series two kvm-x86-two.patch
	[ ! -e "$BUILD/debian/9.9/debian/config" ]
	series 'two one' 'kvm-x86-one.patch kvm-x86-two.patch'
	series '' 'kvm-x86-one.patch kvm-x86-three.patch'
	diff - "$BUILD/debian/9.9/debian/config/defines" <<-'END'
		[abi]
		ignore-changes:
		 btree_*
		# KVM internal
		 enter_guest
		 leave_guest
		 kvm_*
	END
	grep -qx '+ enter_guest' "$BUILD/debian/9.9/kvm-wall-clock-9.9.7-1.patch"
	rm -r "$BUILD/debian"
	sed -i 's/# KVM internal/# Virtualisation/' deliver/debian
	run -2 --separate-stderr deliver/debian
	[[ ${stderr_lines[-1]} == "debian: error: debian/config/defines of toy 9.9.7-1 has no section "* ]]
	[ ! -e "$BUILD/debian/9.9" ]
}

@test "debian: a patch that no longer applies is named, and nothing is made" {
	two_patches
	sed -i 's/^ int line_13;/ int line_x;/' patches/9.9/02-two/0001-KVM-x86-Two.patch
	run -2 --separate-stderr deliver/debian
	[ -z "$output" ]
	says=" no longer applies to linux-source-9.9 9.9.7-1: "
	[[ ${stderr_lines[-1]} == "debian: error: patches/9.9/02-two/0001-KVM-x86-Two.patch$says"* ]]
	[ ! -e "$BUILD/debian/9.9" ]
}

# script NAME TEXT: a stand-in for one of the project's scripts.
script() { printf '#!/bin/sh\n%s\n' "$2" >"$1"; }

# build_rig: what deliver/debian package has around it; the packages that come out of test-patches.
build_rig() {
	unset LOST_BUDGET LOST_FILE J
	two_patches
	# Of which the order is not that of the names.
	mail_of 03-all/0001-KVM-x86-All.patch "KVM: x86: All" Third. 's/int line_7;/int seven;/'
	export MADE=$BATS_TEST_TMPDIR/made DSC=$REPO/toy_9.9.7-1.dsc
	mkdir -p "$MADE"
	packages=$BUILD/debian-package/9.9
	script rig/fetch-source 'echo "$DSC"'
	script rig/kselftests 'echo "$MADE/toy_test"'
	script rig/kernel 'echo "$IMAGE_DEB $VARIANT $KERNEL" >"$MADE/image"
		mkdir -p "$BUILD/boot"
		echo 9.9-toy >"$BUILD/boot/release"
		echo "$BUILD/boot/bzImage"'
	script rig/vm 'echo "$CMD $FILES" >"$MADE/vm"; exit "$(cat "$MADE/vm-status" 2>/dev/null || echo 0)"'
	script rig/ktap 'echo "3 passed, 0 failed, 1 skipped"'
	# The source of the base is a package of the toy suite, too.
	program apt-get 'case "$*" in
		*build-dep* | *devscripts*) echo "$*" >>"$MADE/apt" ;;
		*) exec /usr/bin/apt-get "$@" ;;
	esac'
	program sudo 'shift; exec "$@"'
	# What comes out of the real one: packages beside the source, their image larger than the meta packages.
	echo 'profiles=nodoc,toy
		echo "$*" >>"$MADE/arguments"
		touch ../linux-headers-9.9-cloud-amd64_9.9_amd64.deb ../linux-image-cloud-amd64_9.9_amd64.deb
		if [ -e "$MADE/breaks" ]; then echo "no rule"; exit 2; fi
		head -c 2M /dev/zero >../linux-image-9.9-cloud-amd64-unsigned_9.9_amd64.deb' | sed 's/^\t*//' \
		>"$MADE/test-patches"
	program dpkg-source 'for at; do :; done
		mkdir -p "$at/debian/bin"
		(echo "#!/bin/sh"; cat "$MADE/test-patches") >"$at/debian/bin/test-patches"
		chmod 755 "$at/debian/bin/test-patches"'
	# The disk of a machine that runs the tests may be smaller than a package wants it.
	sed -i 's/^	need_space .*/	:/' deliver/debian
}

@test "package: our patches in their order; the image that came out is booted as it is" {
	build_rig
	J=3 run -0 --separate-stderr deliver/debian package
	[ "$output" = "3 passed, 0 failed, 1 skipped" ]
	at=$BUILD/debian/9.9/debian/patches/bugfix/x86
	[ "$(cat "$MADE/arguments")" = \
		"-f cloud-amd64 -j 3 $at/kvm-x86-one.patch $at/kvm-x86-two.patch $at/kvm-x86-all.patch" ]
	[ "$(cat "$MADE/image")" = "$packages/linux-image-9.9-cloud-amd64-unsigned_9.9_amd64.deb stock distro" ]
	grep -q "$MADE/toy_test" "$MADE/vm"
	grep -q -- "-P nodoc,toy,pkg.linux.nokerneldbg,pkg.linux.nokerneldbginfo build-dep" "$MADE/apt"
	[[ $stderr == *"took "*" of processor time "* ]]
}

@test "package: what was built from the same is not built again; from another patch it is" {
	build_rig
	deliver/debian package
	deliver/debian package
	[ "$(wc -l <"$MADE/arguments")" = 1 ]
	sed -i 's/^Second/Another/' patches/9.9/02-two/*
	touch "$packages/unpacked-from-the-old"
	deliver/debian package
	[ "$(wc -l <"$MADE/arguments")" = 2 ]
	[ ! -e "$packages/unpacked-from-the-old" ]
}

@test "package: a build that fails is named with its log, and is no build; nor is one that leaves no image" {
	build_rig
	touch "$MADE/breaks"
	run -2 deliver/debian package
	says "no rule"
	says "debian: error: test-patches failed (log "
	[ ! -e "$packages/built" ]
	rm "$MADE/breaks"
	sed -i 's/^head .*//' "$MADE/test-patches"
	run -2 deliver/debian package
	says "test-patches made 0 packages of an image"
}

@test "package: a lost VM is run once more, and then is a failure" {
	build_rig
	echo 125 >"$MADE/vm-status"
	run -1 --separate-stderr deliver/debian package
	[ "$output" = "0 passed, 1 failed, 0 skipped" ]
	[[ $stderr == *"once more"* ]]
}

@test "debian: bad input: one line, status 2" {
	for words in nothing "check a" "package no_such" "package a b"; do
		# shellcheck disable=SC2086 # a list
		run -2 deliver/debian $words
		[ "${#lines[@]}" = 1 ]
	done
	LINUX=somewhere run -2 deliver/debian
	says "LINUX= is not for debian"
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
