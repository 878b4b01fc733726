#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# prove/check/check on the text of patches: a toy kernel with the real checkpatch.pl and get_maintainer.pl in it, and each thing that a
# step is there to see.
# shellcheck disable=SC2016,SC2154,SC2164 # what a played script expands; bats sets output

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

# What the kernel's perl scripts know a kernel by, and two entries of MAINTAINERS.
eval "plain_$(declare -f kernel)"
kernel() {
	local name
	plain_kernel "$1"
	for name in COPYING CREDITS Kbuild README {Documentation,include,drivers,fs,init,ipc,kernel,lib}/file; do
		mkdir -p "$(dirname "$1/$name")"
		echo >"$1/$name"
	done
	mkdir -p "$1/arch/x86/include/asm"
	printf '/* SPDX-License-Identifier: GPL-2.0 */\nextern int pvclock;\n' >"$1/arch/x86/include/asm/pvclock.h"
	cp "$KUNIT_TREE"/scripts/{checkpatch.pl,get_maintainer.pl,spelling.txt,const_structs.checkpatch} "$1/scripts/"
	printf '%s\n' '' 'Maintainers List' '----------------' '' 'KVM' 'L:	kvm@vger.kernel.org' 'S:	Supported' 'F:	arch/x86/kvm/' \
		'F:	arch/x86/include/asm/pvclock.h' '' 'THE REST' 'L:	linux-kernel@vger.kernel.org' 'S:	Buried' 'F:	*' 'F:	*/' >"$1/MAINTAINERS"
}

setup_file() {
	export REPO=$BATS_FILE_TMPDIR/repo
	KUNIT_TREE=${KUNIT_TREE:-$(cd "$PROJECT" && bash -c '. rig/lib.sh && load_base && tree_dir')}
	export KUNIT_TREE
	packages 1
	suite
}

setup() {
	variables
	unset PATCHES STEPS WORK
	top "$BATS_TEST_TMPDIR/top"
	mkdir -p "$BATS_TEST_TMPDIR/top/prove/expect"
	cp "$PROJECT/prove/expect/checkpatch" "$BATS_TEST_TMPDIR/top/prove/expect/"
	cd "$BATS_TEST_TMPDIR/top"
	series=$PWD/patches/9.9/01-one
	mkdir -p "$series"
	git clone -q "$(rig/import 2>/dev/null)" "$BATS_TEST_TMPDIR/edit"
	git -C "$BATS_TEST_TMPDIR/edit" config user.name toy
	git -C "$BATS_TEST_TMPDIR/edit" config user.email toy@toy.example
	edit=$BATS_TEST_TMPDIR/edit
}

# a_patch SUBJECT [TEXT]: what was edited in $edit, as the next patch of the series.
a_patch() {
	local name
	git -C "$edit" add -A
	git -C "$edit" commit -q -m "$1" -m "${2:-Change what has to be changed, to see whether this works.}"
	name=$(printf %04d $(($(find "$series" -name '*.patch' | wc -l) + 1)))-$(tr -cs 'A-Za-z0-9\n' - <<<"$1").patch
	git -C "$edit" format-patch -1 --stdout --zero-commit --no-signature --full-index >"$series/$name"
}

good_patch() {
	sed -i "s/^int line_$1;/int good_$1;/" "$edit/arch/x86/kvm/x86.c"
	a_patch "KVM: x86: Rename line $1"
}

# row N WORD...: the cells of row N in the table.
row() {
	local n=$1
	shift
	[ "$(sed -n "$((n + 1))s/^[^ ]* *//p" <<<"$output" | tr -s ' ')" = "$*" ] || {
		printf 'row %s is not: %s\nsaid:\n%s\n' "$n" "$*" "$output"
		return 1
	}
}

@test "good patches: a row each, every cell ok; no sign-off is no objection" {
	good_patch 3
	good_patch 30
	run -0 prove/check/check am checkpatch codespell maintainers
	run -0 --separate-stderr prove/check/check am checkpatch codespell maintainers
	[ "$(head -n 1 <<<"$output" | tr -s ' ')" = "9.9 am checkpatch codespell maintainers" ]
	row 1 ok ok ok ok
	row 2 ok ok ok ok
	[ "${lines[-1]}" = "8 passed, 0 failed, 0 skipped" ]
}

@test "checkpatch: trailing white space, and what no line of the list excuses" {
	good_patch 3
	sed -i 's/^int line_20;/int line_20; /' "$edit/arch/x86/kvm/x86.c"
	a_patch "KVM: x86: Add a blank"
	run -1 --separate-stderr prove/check/check checkpatch
	row 2 FAIL
	output+=$stderr
	grep -q 'objection: .*ERROR:TRAILING_WHITESPACE' "$BUILD/log/check/9.9/01-one/0002-checkpatch.log"
	says "1 passed, 1 failed, 0 skipped"
	: >prove/expect/checkpatch
	run -1 prove/check/check checkpatch
	grep -q 'objection: .*ERROR:MISSING_SIGN_OFF' "$BUILD/log/check/9.9/01-one/0001-checkpatch.log"
	says "0 passed, 2 failed, 0 skipped"
}

@test "checkpatch: an excuse is for the patches that it names" {
	good_patch 3
	echo 'MISSING_SIGN_OFF */0002-*' >prove/expect/checkpatch
	run -1 prove/check/check checkpatch
	echo 'MISSING_SIGN_OFF */0001-*' >prove/expect/checkpatch
	run -0 prove/check/check checkpatch
}

@test "checkpatch: how a commit is named, though there is none of that id" {
	sed -i 's/^int line_3;/int three;/' "$edit/arch/x86/kvm/x86.c"
	a_patch "KVM: x86: Rename line 3" "Do as commit 5d6d6a7d7e66 did it."
	sed -i 's/^int line_4;/int four;/' "$edit/arch/x86/kvm/x86.c"
	a_patch "KVM: x86: Rename line 4" 'Do as commit 5d6d6a7d7e66 ("KVM: x86: Do it") did it.'
	run -1 --separate-stderr prove/check/check checkpatch
	row 1 FAIL
	row 2 ok
	grep -q 'objection: .*ERROR:GIT_COMMIT_ID' "$BUILD/log/check/9.9/01-one/0001-checkpatch.log"
}

@test "codespell: in the changelog, and in what is added; what was there before is another's" {
	sed -i 's/^int line_3;/int teh;/' "$edit/arch/x86/kvm/x86.c"
	a_patch "KVM: x86: Rename line 3"
	sed -i 's/^int line_4;/int line_four;/' "$edit/arch/x86/kvm/x86.c"
	a_patch "KVM: x86: Rename line 4" "Do this becuase it has to be done."
	sed -i 's/^int line_5;/int line_five;/; s/^int teh;/int three;/' "$edit/arch/x86/kvm/x86.c"
	a_patch "KVM: x86: Rename line 5"
	run -1 --separate-stderr prove/check/check codespell
	row 1 FAIL
	row 2 FAIL
	row 3 ok
	grep -q 'teh ==> the' "$BUILD/log/check/9.9/01-one/0001-codespell.log"
	grep -q 'becuase ==> because' "$BUILD/log/check/9.9/01-one/0002-codespell.log"
	says "1 passed, 2 failed, 0 skipped"
}

@test "maintainers: every file but MAINTAINERS is KVM's, and pvclock.h the x86 maintainers', too" {
	echo 'int x;' >>"$edit/lib/file"
	a_patch "lib: Add x"
	echo 'extern int y;' >>"$edit/arch/x86/include/asm/pvclock.h"
	a_patch "x86/pvclock: Add y"
	sed -i 's/Supported/Maintained/' "$edit/MAINTAINERS"
	a_patch "MAINTAINERS: Change the state"
	good_patch 3
	run -1 --separate-stderr prove/check/check maintainers
	row 1 FAIL
	row 2 FAIL
	row 3 -
	row 4 ok
	grep -q 'kvm@vger.kernel.org is not named for lib/file' "$BUILD/log/check/9.9/01-one/0001-maintainers.log"
	grep -q 'x86@kernel.org is not named for arch/x86/include/asm/pvclock.h' "$BUILD/log/check/9.9/01-one/0002-maintainers.log"
	# The series's own MAINTAINERS counts.
	sed -i 's/^KVM$/&\nL:	x86@kernel.org/' "$edit/MAINTAINERS"
	a_patch "MAINTAINERS: Add x86"
	PATCHES=2 run -0 --separate-stderr prove/check/check maintainers
	[ "${lines[-1]}" = "1 passed, 0 failed, 0 skipped" ]
}

@test "am: a hunk that is not where the patch says; a patch that does not apply" {
	good_patch 30
	sed -i 's/^@@ -27,7 +27,7/@@ -25,7 +25,7/' "$series"/0001-*
	run -1 --separate-stderr prove/check/check am
	row 1 FAIL
	sed -i 's/^-int line_30/-int line_31/' "$series"/0001-*
	run -1 prove/check/check am
	says "0001-KVM-x86-Rename-line-30.patch does not apply"
	says "0 passed, 1 failed, 0 skipped"
}

@test "build: each patch on those before it, and nothing of those after it" {
	printf '%s\n' '#!/usr/bin/env bash' '. rig/lib.sh; tree=$(tree_dir); mkdir -p "$BUILD/log"' \
		'! grep broken "$tree/arch/x86/kvm/x86.c" >&2 || exit 1' \
		'grep -h odd "$tree/arch/x86/kvm/x86.c" | sed "s/^/warning: /" >"$BUILD/log/kernel-9.9-patched-rig.log"; true' >rig/kernel
	good_patch 3
	sed -i 's/^int line_20;/int broken;/' "$edit/arch/x86/kvm/x86.c"
	a_patch "KVM: x86: Break it"
	sed -i 's/^int broken;/int odd;/' "$edit/arch/x86/kvm/x86.c"
	a_patch "KVM: x86: Mend it by half"
	sed -i 's/^int odd;/int good;/' "$edit/arch/x86/kvm/x86.c"
	a_patch "KVM: x86: Mend it"
	echo >>"$edit/Documentation/file"
	a_patch "Documentation: Add a line"
	run -1 --separate-stderr prove/check/check am build
	row 1 ok ok
	row 2 ok FAIL
	row 3 ok FAIL
	row 4 ok ok
	row 5 ok -
	[ "${lines[-1]}" = "7 passed, 2 failed, 0 skipped" ]
	grep -q 'warning: int odd' "$BUILD/log/check/9.9/01-one/0003-build.log"
	# What was cut is whole again.
	run -0 prove/check/check am
}

@test "upstream: its line is checked where there is one, and has to be there in the topic upstream" {
	good_patch 3
	sed -i 's/^int line_4;/int four;/' "$edit/arch/x86/kvm/x86.c"
	a_patch "KVM: x86: Rename line 4" 'Upstream: 5d6d6a7d7e66 (v6.8)'
	sed -i 's/^int line_5;/int five;/' "$edit/arch/x86/kvm/x86.c"
	a_patch "KVM: x86: Rename line 5" 'upstream: 5d6d6a7d7e66 in v6.8'
	run -1 --separate-stderr prove/check/check upstream
	row 1 -
	row 2 ok
	row 3 FAIL
	PATCHES=2 run -0 prove/check/check checkpatch
	mv "$series" "${series%-one}-upstream"
	run -1 --separate-stderr prove/check/check upstream
	row 1 FAIL
	row 2 ok
}

@test "topics: what each has, beside its bounds; TOPIC picks topics" {
	good_patch 3
	series=${series%/*}/02-epoch
	mkdir "$series"
	echo text >"$series/cover"
	git -C "$edit" checkout -q HEAD^
	git -C "$edit" checkout -q -
	{ cat "$edit/arch/x86/kvm/x86.c"; printf '%s\n' 'u64 two(void)' '{' '	ktime_get();' '	return ktime_get_real_ns();' '}' \
		'void one(int a,' '	int b)' '{' '	/* ktime_get() */' '	more(get_kvmclock_base_ns());' '}' 'int none(void);'; } >"$edit/new"
	mv "$edit/new" "$edit/arch/x86/kvm/x86.c"
	a_patch "KVM: x86: Add clocks"
	run -1 --separate-stderr prove/check/check topics
	[[ ${lines[1]} =~ ^9.9\ 01-one\ +1\ of\ 8\ patches\ +1\ of\ 150\ added\ +1\ removed,\ no\ cover\ BEYOND$ ]]
	[[ ${lines[2]} =~ ^9.9\ 02-epoch\ +1\ of\ 7\ patches\ +12\ of\ 60\ added\ +0\ removed$ ]]
	[ "${lines[3]}" = "9.9 lines added minus removed: 12" ]
	[ "${lines[4]}" = "9.9 functions that read or derive a clock: 2 of 10: one two" ]
	echo text >"${series%/*}/01-one/cover"
	run -0 prove/check/check topics
	mkdir -p "$edit/tools/testing/selftests/kvm/x86"
	seq 600 >"$edit/tools/testing/selftests/kvm/x86/own_test.c"
	a_patch "KVM: selftests: Test clocks"
	run -0 --separate-stderr prove/check/check topics
	[[ ${lines[4]} = "9.9 own_test.c: 600 of 600 lines" && ${lines[5]} = "9.9 test programs: 600 of 2400 lines" ]]
	echo one more >>"$edit/tools/testing/selftests/kvm/x86/own_test.c"
	a_patch "KVM: selftests: Test more"
	run -1 prove/check/check topics
	says "own_test.c: 601 of 600 lines BEYOND"
	git -C "$edit" reset -q --hard HEAD^^
	rm "$series"/*-KVM-selftests-*.patch
	seq 61 | sed 's/^/int more_/; s/$/;/' >>"$edit/arch/x86/kvm/x86.c"
	a_patch "KVM: x86: Add lines"
	run -1 prove/check/check topics
	says "73 of 60 added BEYOND"
	TOPIC=epoch run -0 --separate-stderr prove/check/check am
	[[ ${lines[1]} = 02-epoch/0001-* && ${lines[2]} = 02-epoch/0002-* ]]
	[ "${lines[-1]}" = "2 passed, 0 failed, 0 skipped" ]
	TOPIC='one epoch' PATCHES=1 run -0 --separate-stderr prove/check/check am
	[[ ${lines[1]} = 01-one/0001-* && ${lines[2]} = 02-epoch/0001-* ]]
	TOPIC=two run -2 prove/check/check am
	says "TOPIC=two is unknown; use one of: one epoch all"
}

@test "PATCHES picks by number, range and pattern" {
	for n in 3 10 20 30; do
		good_patch $n
	done
	PATCHES='2 4' run -0 --separate-stderr prove/check/check am
	[[ ${lines[1]} = 01-one/0002-* && ${lines[2]} = 01-one/0004-* ]]
	[ "${lines[-1]}" = "2 passed, 0 failed, 0 skipped" ]
	PATCHES='2-3' run -0 --separate-stderr prove/check/check am
	[[ ${lines[1]} = 01-one/0002-* && ${lines[2]} = 01-one/0003-* ]]
	PATCHES='*-line-3.patch' run -0 --separate-stderr prove/check/check am
	[[ ${lines[1]} = 01-one/0001-* ]]
	[ "${lines[-1]}" = "1 passed, 0 failed, 0 skipped" ]
}

@test "bad input: one clear line" {
	run -2 prove/check/check nonsense
	says "STEP=nonsense is unknown"
	run -2 prove/check/check am
	says "patches/9.9 has no patch"
	good_patch 3
	PATCHES=7 run -2 prove/check/check am
	says 'PATCHES="7" names none of the 1 patches'
	run -0 prove/check/check -l
	says checkpatch
}
