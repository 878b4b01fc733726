#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# prove/check/check on a toy kernel with the real checkpatch.pl and get_maintainer.pl in it, and each thing that a step
# is there to see.
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
	cat >"$1/MAINTAINERS" <<-END

		Maintainers List
		----------------

		KVM
		L: kvm@vger.kernel.org
		S: Supported
		F: arch/x86/kvm/
		F: arch/x86/include/asm/pvclock.h

		THE REST
		L: linux-kernel@vger.kernel.org
		S: Buried
		F: *
		F: */
	END
}

setup_file() {
	export KUNIT_TREE=${KUNIT_TREE:-$(cd "$PROJECT" && bash -c '. rig/lib.sh && load_base && tree_dir')}
	toy_suite 1
}

setup() {
	variables
	unset PATCHES STEPS WORK KVM_UNIT_TESTS
	top "$BATS_TEST_TMPDIR/top"
	mkdir -p "$BATS_TEST_TMPDIR/top/prove/expect"
	cp "$PROJECT/prove/expect/checkpatch" "$BATS_TEST_TMPDIR/top/prove/expect/"
	cd "$BATS_TEST_TMPDIR/top"
	series=$PWD/patches/9.9/01-one
	logs=$BUILD/log/check/9.9/01-one
	mkdir -p "$series"
	edit=$BATS_TEST_TMPDIR/edit
	git clone -q "$(rig/import 2>/dev/null)" "$edit"
	git -C "$edit" config user.name toy
	git -C "$edit" config user.email toy@toy.example
}

# a_patch SUBJECT [TEXT]: what was edited in $edit, as the next patch of the series.
a_patch() {
	local name
	git -C "$edit" add -A
	git -C "$edit" commit -q -m "$1" -m "${2:-Change what has to be changed, to see whether this works.}"
	name=$(printf %04d $(($(find "$series" -name '*.patch' | wc -l) + 1)))-$(tr -cs 'A-Za-z0-9\n' - <<<"$1").patch
	git -C "$edit" format-patch -1 --stdout --zero-commit --no-signature --full-index >"$series/$name"
}

# line N NEW [TEXT]: a patch that makes something else of line N of x86.c, `int line_N;`.
line() {
	sed -i "$1s/.*/$2/" "$edit/arch/x86/kvm/x86.c"
	a_patch "KVM: x86: Change line $1" "${@:3}"
}

# checks STATUS COUNTS STEPS [ROW...]: what check says of these steps: the cells of the first rows, and the last line.
checks() {
	# shellcheck disable=SC2086 # a list
	run "-$1" --separate-stderr prove/check/check $3
	sed 1d <<<"$output" | head -n $(($# - 3)) | tr -s ' ' | cut -d' ' -f2- >said
	diff <(printf '%s\n' "${@:4}" "$2, 0 skipped") <(cat said - <<<"${lines[-1]}") || { echo "$stderr"; false; }
}

@test "good patches: a row each, every cell ok; PATCHES picks by number, range and pattern" {
	line 3 'int three;'
	line 10 'int ten;'
	line 20 'int twenty;'
	checks 0 "12 passed, 0 failed" "am checkpatch codespell maintainers" "ok ok ok ok" "ok ok ok ok"
	[ "$(head -n 1 <<<"$output" | tr -s ' ')" = "9.9 am checkpatch codespell maintainers" ]
	for PATCHES in '1 3' 1-2 '*-line-3.patch' 7; do
		export PATCHES
		run prove/check/check am
		grep -oE '^01-one/000[0-9]|names none of the 3 patches' <<<"$output" | paste -sd' '
	done >picked
	diff - picked <<-END
		01-one/0001 01-one/0003
		01-one/0001 01-one/0002
		01-one/0001
		names none of the 3 patches
	END
}

@test "checkpatch: white space, a commit without its title; an excuse is for the patches that it names" {
	line 3 'int three; '
	line 4 'int four;' "Do as commit 5d6d6a7d7e66 did it."
	line 5 'int five;' 'Do as commit 5d6d6a7d7e66 ("KVM: x86: Do it") did it.'
	checks 1 "1 passed, 2 failed" checkpatch FAIL FAIL ok
	grep -q 'objection: .*ERROR:TRAILING_WHITESPACE' "$logs/0001-checkpatch.log"
	grep -q 'objection: .*ERROR:GIT_COMMIT_ID' "$logs/0002-checkpatch.log"
	sed -i 's/^MISSING_SIGN_OFF .*/MISSING_SIGN_OFF *\/0002-*/' prove/expect/checkpatch
	checks 1 "0 passed, 3 failed" checkpatch
	grep -q 'objection: .*ERROR:MISSING_SIGN_OFF' "$logs/0003-checkpatch.log"
	run ! grep 'objection: .*ERROR:MISSING_SIGN_OFF' "$logs/0002-checkpatch.log"
}

@test "codespell: in the changelog, and in what is added; what was there before is another's" {
	line 3 'int teh;'
	line 4 'int four;' "Do this becuase it has to be done."
	line 3 'int three;'
	checks 1 "1 passed, 2 failed" codespell FAIL FAIL ok
	grep -q 'teh ==> the' "$logs/0001-codespell.log"
	grep -q 'becuase ==> because' "$logs/0002-codespell.log"
}

@test "maintainers: every file but MAINTAINERS is KVM's, and pvclock.h the x86 maintainers', too" {
	echo 'int x;' >>"$edit/lib/file"
	a_patch "lib: Add x"
	echo 'extern int y;' >>"$edit/arch/x86/include/asm/pvclock.h"
	a_patch "x86/pvclock: Add y"
	sed -i 's/Supported/Maintained/' "$edit/MAINTAINERS"
	a_patch "MAINTAINERS: Change the state"
	line 3 'int three;'
	checks 1 "1 passed, 2 failed" maintainers FAIL FAIL - ok
	grep -q 'kvm@vger.kernel.org is not named for lib/file' "$logs/0001-maintainers.log"
	grep -q 'x86@kernel.org is not named for arch/x86/include/asm/pvclock.h' "$logs/0002-maintainers.log"
	# The series's own MAINTAINERS counts.
	sed -i 's/^KVM$/&\nL: x86@kernel.org/' "$edit/MAINTAINERS"
	a_patch "MAINTAINERS: Add x86"
	PATCHES=2 checks 0 "1 passed, 0 failed" maintainers
}

@test "am: a hunk that is not where the patch says; a patch that does not apply" {
	line 30 'int thirty;'
	sed -i 's/^@@ -27,7 +27,7/@@ -25,7 +25,7/' "$series"/0001-*
	checks 1 "0 passed, 1 failed" am FAIL
	sed -i 's/^-int line_30/-int line_31/' "$series"/0001-*
	checks 1 "0 passed, 1 failed" am '?'
	[[ $stderr = *"0001-KVM-x86-Change-line-30.patch does not apply"* ]]
}

@test "build: each patch on those before it, and nothing of those after it" {
	cat >rig/kernel <<-'END'
		#!/usr/bin/env bash
		. rig/lib.sh
		source=$(tree_dir)/arch/x86/kvm/x86.c
		mkdir -p "$BUILD/log"
		sed -n 's/.*odd/warning: &/p' "$source" >"$BUILD/log/kernel-9.9-patched-rig.log"
		! grep broken "$source" >&2
	END
	line 3 'int three;'
	line 20 'int broken;'
	line 20 'int odd;'
	line 20 'int good;'
	echo >>"$edit/Documentation/file"
	a_patch "Documentation: Add a line"
	checks 1 "7 passed, 2 failed" "am build" "ok ok" "ok FAIL" "ok FAIL" "ok ok" "ok -"
	grep -q 'warning: int odd' "$logs/0003-build.log"
	# What was cut is whole again.
	checks 0 "5 passed, 0 failed" am
}

@test "upstream: its line is checked where there is one, and has to be there in the topic upstream" {
	line 3 'int three;'
	line 4 'int four;' 'Upstream: 5d6d6a7d7e66 (v6.8)'
	line 5 'int five;' 'upstream: 5d6d6a7d7e66 in v6.8'
	checks 1 "1 passed, 1 failed" upstream - ok FAIL
	PATCHES=2 checks 0 "1 passed, 0 failed" checkpatch
	mv "$series" "${series%-one}-upstream"
	checks 1 "1 passed, 2 failed" upstream FAIL ok
}

@test "topics: what each has, beside its bounds; TOPIC picks topics" {
	line 3 'int three;'
	series=${series%/*}/02-epoch
	mkdir "$series"
	echo text >"$series/cover"
	cat >>"$edit/arch/x86/kvm/x86.c" <<-END
		u64 two(void)
		{
		 ktime_get();
		 return ktime_get_real_ns();
		}
		void one(int a,
		 int b)
		{
		 more(get_kvmclock_base_ns());
		}
		void none(void)
		{
		 /*
		  * ktime_get()
		  */
		}
	END
	a_patch "KVM: x86: Add clocks"
	checks 1 "0 passed, 1 failed" topics
	[[ ${lines[1]} =~ ^9.9\ 01-one\ +1\ of\ 8\ patches\ +1\ of\ 150\ added\ +1\ removed,\ no\ cover\ BEYOND$ ]]
	[[ ${lines[2]} =~ ^9.9\ 02-epoch\ +1\ of\ 7\ patches\ +16\ of\ 60\ added\ +0\ removed$ ]]
	[ "${lines[3]}" = "9.9 lines added minus removed: 16" ]
	[ "${lines[4]}" = "9.9 functions that read or derive a clock: 2 of 10: one two" ]
	echo text >"${series%/*}/01-one/cover"
	mkdir -p "$edit/tools/testing/selftests/kvm/x86"
	seq 600 >"$edit/tools/testing/selftests/kvm/x86/own_test.c"
	a_patch "KVM: selftests: Test clocks"
	checks 0 "1 passed, 0 failed" topics
	[[ ${lines[4]} = "9.9 own_test.c: 600 of 600 lines" && ${lines[5]} = "9.9 test programs: 600 of 3670 lines" ]]
	echo one more >>"$edit/tools/testing/selftests/kvm/x86/own_test.c"
	seq 61 | sed 's/^/int more_/; s/$/;/' >>"$edit/arch/x86/kvm/x86.c"
	a_patch "KVM: Add more"
	checks 1 "0 passed, 1 failed" topics
	says "own_test.c: 601 of 600 lines BEYOND"
	says "77 of 60 added BEYOND"
	TOPIC=epoch checks 0 "3 passed, 0 failed" am
	[[ ${lines[1]} = 02-epoch/0001-* && ${lines[3]} = 02-epoch/0003-* ]]
	TOPIC='one epoch' PATCHES=1 checks 0 "2 passed, 0 failed" am
	[[ ${lines[1]} = 01-one/0001-* && ${lines[2]} = 02-epoch/0001-* ]]
	TOPIC=two run -2 prove/check/check am
	says "TOPIC=two is unknown; use one of: one epoch all"
}

@test "own: the linters, the count and the C of every room" {
	line 3 'int three;'
	git init -q .
	rm -r prove/Makefile measure
	printf '#!/bin/sh\n' | tee rig/lint >rig/count
	checks 0 "1 passed, 0 failed" own
	printf 'all:\n\tfalse\n' >ci/Makefile
	checks 1 "0 passed, 1 failed" own
	rm ci/Makefile
	echo false >>rig/count
	checks 1 "0 passed, 1 failed" own
}

@test "peers: the tests pass on each peer, and the tree is the series again; a base without one has none" {
	line 3 'int three;'
	printf '%s\n' '#!/bin/bash' '. rig/lib.sh' 'grep -q peer "$BUILD/tree/9.9/arch/x86/kvm/x86.c"' >rig/selftest
	chmod +x rig/selftest
	run -1 --separate-stderr prove/check/check peers
	[[ ${lines[0]} == "9.9: peers "*" -" && ${lines[1]} = "0 passed, 1 failed, 0 skipped" ]]
	mkdir -p prove/peers/9.9
	peer() {
		printf '%s\n' text --- "--- a/$file" "+++ b/$file" '@@ -5,2 +5,2 @@' '-int line_5;' "+int $1;" \
			' int line_6;'
	}
	file=arch/x86/kvm/x86.c
	peer peer >prove/peers/9.9/a.patch
	peer peer_too >prove/peers/9.9/b.patch
	checks 0 "1 passed, 0 failed" peers
	git -C "$BUILD/check/tree/9.9" diff --quiet
	peer other >prove/peers/9.9/b.patch
	checks 1 "0 passed, 1 failed" peers
	git -C "$BUILD/check/tree/9.9" diff --quiet
}

@test "count: as much tooling and as many tests as the bounds allow, no line of more than 120 columns" {
	mkdir -p "$BATS_TEST_TMPDIR/own"/{rig,tests,docs}
	cp rig/count "$BATS_TEST_TMPDIR/own/rig/"
	cd "$BATS_TEST_TMPDIR/own"
	echo "TOP=$PWD" >rig/lib.sh
	git init -q .
	sed -i "s/^max_tooling=.*/max_tooling=$(cat rig/* | wc -l)/; s/^max_tests=.*/max_tests=2/" rig/count
	seq 2 >tests/a.bats
	printf 'text\n\t%0112d\n' 0 >docs/a.md
	run -0 rig/count
	says 'tests: 2 lines (at most 2)'
	seq 3 >tests/a.bats
	seq 3 >rig/a
	printf '\t%0113d\n' 0 >>docs/a.md
	run -1 rig/count
	[ "${lines[0]}" = "docs/a.md:3: 121 columns" ]
	[ "${lines[-1]}" = "beyond the bound: longer than 120 columns tests tooling" ]
}

@test "bad input: one clear line" {
	run -2 prove/check/check nonsense
	says "STEP=nonsense is unknown"
	run -2 prove/check/check am
	says "patches/9.9 has no patch"
	run -2 prove/check/check kut
	says "the step kut needs KVM_UNIT_TESTS="
	KVM_UNIT_TESTS=/none run -2 prove/check/check kut
	says "KVM_UNIT_TESTS=/none is no checkout of kvm-unit-tests"
	run -0 prove/check/check -l
	says checkpatch
}
