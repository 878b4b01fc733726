#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# rig/fetch-source, deliver/dep3 and deliver/debian with a toy of a source package; nothing is asked of a network.
# shellcheck disable=SC2030,SC2031,SC2154 # bats: each test is a shell of its own, and sets output, stderr

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

# source_package VERSION: toy (VERSION), Debian's way, into the suite $REPO.
source_package() {
	local dir=$BATS_FILE_TMPDIR/packaging file
	rm -rf "$dir"
	mkdir -p "$dir/debian/patches" "$dir/debian/config"
	printf '%s\n' '[abi]' 'ignore-changes:' ' btree_*' '# KVM internal' ' kvm_*' >"$dir/debian/config/defines"
	printf 'toy (%s) unstable; urgency=low\n\n  * Old.\n\n -- A <a@localhost>  Mon, 02 Nov 2026 10:00:00 +0000\n' "$1" >"$dir/debian/changelog"
	printf '%s\n' '# Arch bug fixes' 'bugfix/x86/old.patch' '' '# Tools bug fixes' 'bugfix/all/tool.patch' >"$dir/debian/patches/series"
	tar -C "$dir" -cJf "$REPO/toy_$1.debian.tar.xz" debian
	[ -e "$REPO/toy_${1%-*}.orig.tar.xz" ] || tar -C "$BATS_FILE_TMPDIR/source" -cJf "$REPO/toy_${1%-*}.orig.tar.xz" linux-source-9.9
	{
		printf 'Format: 3.0 (quilt)\nSource: toy\nBinary: toy\nArchitecture: any\nVersion: %s\n' "$1"
		echo "Checksums-Sha256:"
		for file in "toy_${1%-*}.orig.tar.xz" "toy_$1.debian.tar.xz"; do
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
	export REPO=$BATS_FILE_TMPDIR/repo
	packages 9.9.7-1
	suite
	sed -i 's/^Package: linux-source-9.9$/&\nSource: toy/' "$REPO/Packages"
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
	local tree=$BATS_TEST_TMPDIR/tree
	if [ ! -e "$tree" ]; then
		cp -r "$BATS_FILE_TMPDIR/source/linux-source-9.9" "$tree"
		git -C "$tree" init -q
		git -C "$tree" add -A
		git -C "$tree" -c user.name=x -c user.email=x@localhost commit -qm base
	fi
	sed -i "$4" "$tree/arch/x86/kvm/x86.c"
	git -C "$tree" -c user.name='Zoë Übung' -c user.email=zoe@localhost commit -qa -m "$2" -m "$3" --date '2026-11-03T10:00:00 +0000'
	mkdir -p "patches/9.9/${1%/*}"
	git -C "$tree" format-patch -q --zero-commit -1 --stdout >"patches/9.9/$1"
}

setup() {
	variables
	unset DEBFULLNAME DEBEMAIL
	export SOURCE_DATE_EPOCH=1795000000
	top "$BATS_TEST_TMPDIR/top"
	cd "$BATS_TEST_TMPDIR/top" || exit
}

two_patches() {
	mail_of 01-one/0001-KVM-x86-One.patch "KVM: x86: One" $'First.\n\nUpstream has this by X.\n\nUpstream: 3ebcbd2244f5 (v6.0)' 's/int line_5;/int five;/'
	mail_of 02-two/0001-KVM-x86-Two.patch "KVM: x86: Two, of which the subject is so long that git folds it in a mail" $'Second.\n\nNot upstream commit 5d6d6a7d7e66.' 's/int line_6;/int six;/'
}

@test "fetch-source: of the version that the set has; later without a suite" {
	run --separate-stderr rig/fetch-source
	[ "$status" = 0 ]
	[ "$output" = "$CACHE/pkg/src/linux-source-9.9-9.9.7-1/toy_9.9.7-1.dsc" ]
	program apt-get 'exit 1'
	run --separate-stderr rig/fetch-source
	[ "$output" = "$CACHE/pkg/src/linux-source-9.9-9.9.7-1/toy_9.9.7-1.dsc" ]
	# A suite in a folder is not copied, but linked to.
	rm "$CACHE/pkg/src/linux-source-9.9-9.9.7-1/toy_9.9.7-1.debian.tar.xz"
	echo damaged >"$CACHE/pkg/src/linux-source-9.9-9.9.7-1/toy_9.9.7-1.debian.tar.xz"
	run rig/fetch-source
	[ "$status" = 2 ]
	says "cannot be had"
}

@test "fetch-source: the newest before it, if the mirror does not hand that one out" {
	cp -r "$REPO" "$BATS_TEST_TMPDIR/repo"
	sed -i "s|file:$REPO|file:$BATS_TEST_TMPDIR/repo|" "$BATS_TEST_TMPDIR/repo/sources.list"
	sed -i "s|$REPO|$BATS_TEST_TMPDIR/repo|" "$BATS_TEST_TMPDIR/repo/apt.conf"
	APT_CONFIG=$BATS_TEST_TMPDIR/repo/apt.conf
	rm "$BATS_TEST_TMPDIR/repo/toy_9.9.7-1.debian.tar.xz"
	run --separate-stderr rig/fetch-source
	[ "$status" = 0 ]
	[ "$output" = "$CACHE/pkg/src/linux-source-9.9-9.9.7-1/toy_9.9.6-1.dsc" ]
	[[ $stderr == *"source package toy 9.9.7-1 cannot be had, 9.9.6-1 is the newest that can"* ]]
}

@test "debian: patches, series, changelog; and as one patch it makes the packaging just that" {
	two_patches
	run --separate-stderr deliver/debian
	echo "$stderr"
	[ "$status" = 0 ]
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
		 Upstream: 3ebcbd2244f5 (v6.0)
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

		  * [x86] KVM: One reading of TSC, wall time and kvmclock:
		    - KVM: x86: One
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

@test "debian: symbols to ignore go where KVM's are; not found: it says where to look, and nothing is made" {
	two_patches
	echo 'ABI_IGNORE="enter_guest leave_guest"' >>bases/9.9
	deliver/debian 2>/dev/null
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
	run --separate-stderr deliver/debian
	[ "$status" = 2 ]
	[[ ${stderr_lines[-1]} == "debian: error: debian/config/defines of toy 9.9.7-1 has no section "* ]]
	[ ! -e "$BUILD/debian/9.9" ]
}

@test "debian: a patch that no longer applies is named, and nothing is made" {
	two_patches
	sed -i 's/^ int line_3;/ int line_three;/' patches/9.9/02-two/0001-KVM-x86-Two.patch
	run --separate-stderr deliver/debian
	[ "$status" = 2 ]
	[ -z "$output" ]
	[[ ${stderr_lines[-1]} == "debian: error: patches/9.9/02-two/0001-KVM-x86-Two.patch no longer applies to linux-source-9.9 9.9.7-1: "* ]]
	[ ! -e "$BUILD/debian/9.9" ]
}

@test "dep3 accepts good headers and names each fault" {
	good=$BATS_TEST_TMPDIR/good.patch
	printf '%s\n' 'Description: One' ' more' ' .' ' yet more' 'Author: A <a@localhost>' 'Origin: backport, commit:3ebcbd2244f5' \
		'Forwarded: no' 'Last-Update: 2026-11-22' --- ' f | 2 +-' '' 'diff --git a/f b/f' '--- a/f' >"$good"
	run -0 deliver/dep3 "$good"
	[ -z "$output" ]
	while IFS='|' read -r change fault; do
		sed "$change" "$good" >"$BATS_TEST_TMPDIR/bad.patch"
		run deliver/dep3 "$good" "$BATS_TEST_TMPDIR/bad.patch"
		echo "$change: $output"
		[ "$status" = 1 ]
		[[ $output == "$BATS_TEST_TMPDIR/bad.patch: $fault"* ]]
	done <<-'END'
		/^Description/d|no Description
		s/^Description/Summary/|no Description
		/^Origin/d; /^Author/d|neither Origin nor Author
		s/^ \.$//|an empty line ends the header
		s/^Forwarded.*/Forwarded: perhaps/|Forwarded: perhaps
		s/2026-11-22/22 Nov 2026/|Last-Update: 22 Nov 2026
		s/2026-11-22/2026-13-22/|Last-Update: 2026-13-22
		s/^Origin.*/Origin: backport, commit:3ebc/|Origin: backport, commit:3ebc
		s/^Origin.*/Origin: upstream, /|Origin: upstream, : where from
		s/^Origin.*/Origin: somewhere/|Origin: somewhere
		s/^Author.*/&\n&/|Author is there twice
		/^---$/,$d|no diff
	END
}
