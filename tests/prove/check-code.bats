#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The steps of prove/check/check on code: what gcc, sparse and spatch themselves say of small files; the verdict on a boot, by KTAP made here.
# shellcheck disable=SC2016,SC2317,SC2030,SC2031,SC2034,SC2154,SC2164 # bats: each test is a shell of its own; the steps read the variables

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

setup() {
	work=$BATS_TEST_TMPDIR
	tree=$work/tree
	log=$work/log
	results=$work/results
	TOP=$work/top
	BASE=9.9
	J=2
	mkdir -p "$tree" "$log" "$results" "$TOP/prove/expect"
	. "$PROJECT/rig/rig.sh"
	eval "$(grep -E '^in_vm\(\)' "$PROJECT/rig/lib.sh")"
	. "$PROJECT/prove/check/check-code.sh"
	cd "$tree"
}

again_if_lost() { "$@"; }

# file LINE...: a.c of the tree.
file() { printf '%s\n' "$@" >a.c; }

# both STEP COMMAND...: on the file as it is the base, and then on the same with the lines that are on stdin after it.
both() {
	compared 0000 "$@"
	cat >>a.c
	run compared 0001 "$@"
}

@test "a warning of gcc that the base has, too, is not new, wherever it is" {
	file 'int f(void) { int unused; return 0; }'
	compared 0000 w1 gcc -Wall -c -o a.o a.c
	file '' '' 'int f(void) { int unused; return 0; }'
	run -0 compared 0001 w1 gcc -Wall -c -o a.o a.c
}

@test "a warning of gcc that the base does not have is new, and so is a second one of the same words" {
	file 'int f(void) { int unused; return 0; }'
	both w1 gcc -Wall -c -o a.o a.c <<<'int g(void) { int other; return 0; }'
	[ "$status" = 1 ]
	says "new: a.c: warning: unused variable 'other' [-Wunused-variable]"
	file 'int f(void) { int unused; return 0; }'
	both w1 gcc -Wall -c -o a.o a.c <<<'int g(void) { int unused; return 0; }'
	[ "$status" = 1 ]
	says "new: a.c: warning: unused variable 'unused'"
}

@test "what does not compile fails, also with nothing new to say" {
	file 'int f(void) { return 0; }'
	both w1 gcc -w -c -o a.o a.c <<<'int g('
	[ "$status" = 1 ]
	compared 0000 w1 true
	run -1 compared 0001 w1 false
}

@test "sparse: a new warning" {
	file 'static int *f(void) { return 0; }'
	both sparse sparse a.c <<<'int *g(void) { return 0; }'
	[ "$status" = 1 ]
	says 'new: a.c: warning: '
	file 'static int *f(void) { return 0; }'
	both sparse sparse a.c <<<'/* nothing */'
	[ "$status" = 0 ]
}

@test "sparse: where the kernel's makefiles do not run it, nothing is ok" {
	sources() { echo arch/x86/kvm/a.c; }
	objects() { echo '  CC [M]  arch/x86/kvm/a.o'; }
	run -1 run_sparse
	says 'sparse was not run on arch/x86/kvm/a.c'
	objects() { echo '  CHECK   ../arch/x86/kvm/a.c'; }
	run -0 run_sparse
}

@test "guest: other instructions for guests; none to compare" {
	guest_objects() {
		local object
		for object; do
			mkdir -p "$(dirname "$tree/out-check/$object")"
			gcc -O2 -c -x c -o "$tree/out-check/$object" - <<<"$source"
		done
	}
	log=$BATS_TEST_TMPDIR
	source='long pvclock_clocksource_read(long a) { return a + 1; }'
	run -0 run_guest
	run -0 run_guest 0001
	source='long pvclock_clocksource_read(long a) { return a + 2; }'
	run -1 run_guest 0001
	grep -q '^+.*lea  *0x2' <<<"$output"
	source='int another;'
	run -1 run_guest 0001
	says 'the clock of guests is not in'
	touched() { echo arch/x86/include/asm/pvclock.h; }
	run -1 check_guest 0001 a.patch
	touched() { echo arch/x86/kvm/x86.c; }
	run -3 check_guest 0001 a.patch
}

@test "Sphinx: a new warning" {
	said() { cat a.c; }
	file "$tree/Documentation/virt/kvm/api.rst:12: WARNING: Title underline too short."
	both sphinx said <<<"$tree/Documentation/virt/kvm/api.rst:40: WARNING: Unexpected indentation."
	[ "$status" = 1 ]
	[ "$output" = "new: Documentation/virt/kvm/api.rst: WARNING: Unexpected indentation." ]
}

@test "Sphinx: no warning and no page is not ok" {
	docs() { echo virt/kvm; }
	tip=HEAD
	compared() { :; }
	run -1 run_sphinx
	says 'Sphinx made no HTML'
	mkdir -p "$tree/out-docs/html"
	: >"$tree/out-docs/html/index.html"
	run -0 run_sphinx
	docs() { :; }
	rm "$tree/out-docs/html/index.html"
	run -0 run_sphinx
}

@test "build: a kernel that does not build, a warning, a selftest with one; a document builds nothing" {
	mkdir -p "$work/log"
	touched() { echo "$1"; }
	rig() { [ "$1" != "$breaks" ]; }
	SELFTEST=x86/own_test
	mkdir -p "$tree/tools/testing/selftests/kvm/x86"
	touch "$tree/tools/testing/selftests/kvm/x86/own_test.c"
	breaks=kernel
	run -1 check_build 0001 arch/x86/kvm/x86.c
	breaks=nothing
	: >"$work/log/kernel-9.9-patched-rig.log"
	run -0 check_build 0001 arch/x86/kvm/x86.c
	echo '../arch/x86/kvm/x86.c:3:1: warning: unused' >"$work/log/kselftests-9.9.log"
	run -0 check_build 0001 arch/x86/kvm/x86.c
	run -1 check_build 0001 tools/testing/selftests/kvm/x86/a.c
	says 'warning: unused'
	mv "$work/log/kselftests-9.9.log" "$work/log/kernel-9.9-patched-rig.log"
	run -1 check_build 0001 arch/x86/kvm/x86.c
	says 'warning: unused'
	run -3 check_build 0001 Documentation/virt/kvm/api.rst
}

@test "semantic patches: a new report; one that spatch cannot run does not hide the next" {
	mkdir -p scripts/coccinelle
	cp "${KUNIT_TREE:-$(cd "$PROJECT" && bash -c '. rig/lib.sh && load_base && tree_dir')}/scripts/coccicheck" scripts/
	printf '%s\n' 'virtual report' '@r@' 'nonsense' >scripts/coccinelle/a.cocci
	printf '%s\n' '// Options: --no-includes' 'virtual report' '@r depends on report@' 'position p;' '@@' '* bad@p(...)' \
		'@script:python depends on report@' 'p << r.p;' '@@' 'coccilib.report.print_report(p[0], "WARNING: bad is called")' \
		>scripts/coccinelle/b.cocci
	sources() { echo a.c; }
	git init -q .
	file 'int f(void) { return good(); }'
	both cocci all_semantic <<<'int g(void) { return bad(); }'
	[ "$status" = 1 ]
	says 'new: a.c: WARNING: bad is called'
}

# boots STATUS RESULT...: check_boot of the second topic of three, on a VM that ends so; the cases are a, b and c, of two programs.
boots() {
	vm_status=$1
	stream=$(printf '  %s\n' "${@:2}" && echo "${kvm_clock_test:-ok 2 kvm_clock_test}")
	programs=("$work/one" "$work/two")
	printf '%s\n' '#!/bin/sh' 'printf "usage\n  a\n  b\n"' >"$work/one"
	printf '%s\n' '#!/bin/sh' 'printf "usage\n  c\n"' >"$work/two"
	chmod +x "${programs[@]}"
	rig() {
		[ "$1" = vm ] || return 0
		printf '%s\n' "$stream"
		return "$vm_status"
	}
	topics() { printf '%s\n' 01-one 02-two 03-three; }
	series_patches() { printf '%s\n' "$1"/000{1,2}-a.patch; }
	run check_boot 02-two/0002 "${patch:-02-two/0002-a.patch}"
}

@test "boot: a case fails until its topic, and passes from then on" {
	printf '%s\n' '# text' 'b two' 'c three' >"$TOP/prove/expect/9.9-cured"
	boots 1 'ok 1 a' 'ok 2 b' 'not ok 3 c'
	[ "$status" = 0 ]
	patch=02-two/0001-a.patch boots 1 'not ok 1 a'
	[ "$status" = 3 ]
	boots 0 'ok 1 a' 'ok 2 b # SKIP no such thing' 'ok 3 c # SKIP no such thing'
	[ "$status" = 0 ]
	boots 1 'ok 1 a' 'not ok 2 b' 'not ok 3 c'
	[ "$status" = 1 ]
	says 'b fails, though two has cured it'
	boots 1 'not ok 1 a' 'ok 2 b' 'not ok 3 c'
	[ "$status" = 1 ]
	says 'a fails, though the plain base passes it'
	boots 0 'ok 1 a' 'ok 2 b' 'ok 3 c'
	[ "$status" = 1 ]
	says 'c passes without three, which is to cure it'
	printf '%s\n' 'b two' '?c three' >"$TOP/prove/expect/9.9-cured"
	boots 0 'ok 1 a' 'ok 2 b' 'ok 3 c'
	[ "$status" = 0 ]
	printf '%s\n' 'b two' 'c four' >"$TOP/prove/expect/9.9-cured"
	boots 0 'ok 1 a' 'ok 2 b' 'ok 3 c'
	[ "$status" = 1 ]
	says 'c is cured by four, a topic that the stack does not have'
}

@test "alone: without the others a topic passes its own cases; those of others are as they are" {
	printf '%s\n' 'b two' 'c three' >"$TOP/prove/expect/9.9-cured"
	boots 0 'ok 1 a' 'ok 2 b' 'ok 3 c'
	run -0 booted "$work/ktap" '' three
	stream=$(printf '  %s\n' 'ok 1 a' 'not ok 2 b' 'ok 3 c' && echo 'ok 2 kvm_clock_test')
	run -0 booted "$work/ktap" '' three
	run -1 booted "$work/ktap" '' two
	says 'b fails, though two has cured it'
	prepare_code() { :; }
	copy_series() { echo copied; }
	ALONE='four two+four'
	run -4 check_alone
	says 'patches/9.9 has no topic four'
	ALONE='two three'
	alone() { echo "$1/0001-a.patch"; }
	cut_series() { :; }
	plain_am() { echo id; }
	git() { echo id; }
	mkdir -p "$work/log"
	: >"$work/log/kernel-9.9-patched-rig.log"
	run -1 check_alone
	says 'two does not stand alone'
	run ! says 'three does not stand alone'
	stream=$(printf '  %s\n' 'ok 1 a' 'ok 2 b' 'ok 3 c' && echo 'ok 2 kvm_clock_test')
	run -0 check_alone
	git() { echo another; }
	run -1 check_alone
}

@test "boot: the base's own clock test has to pass" {
	: >"$TOP/prove/expect/9.9-cured"
	boots 0 'ok 1 a' 'ok 2 b' 'ok 3 c'
	[ "$status" = 0 ]
	for kvm_clock_test in 'not ok 2 kvm_clock_test' 'ok 2 kvm_clock_test # SKIP'; do
		boots 1 'ok 1 a' 'ok 2 b' 'ok 3 c'
		[ "$status" = 1 ]
		says 'kvm_clock_test did not pass'
	done
}

@test "boot: a lost VM, and one that gave half of the results" {
	: >"$TOP/prove/expect/9.9-cured"
	boots 125 'ok 1 a' 'ok 2 b' 'ok 3 c'
	[ "$status" = 1 ]
	says 'the VM was lost, status 125'
	boots 0 'ok 1 a' 'ok 2 b'
	[ "$status" = 1 ]
	says '2 cases of 3 gave a result'
}
