#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The steps of prove/check/check on code: what gcc, sparse and spatch themselves say of small files; the verdict on a
# boot, by KTAP made here.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154,SC2164,SC2317 # bats: each test is a shell of its own

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
	tip=HEAD
	mkdir -p "$tree" "$log" "$results" "$TOP/prove/expect"
	. "$PROJECT/rig/rig.sh"
	eval "$(grep -E '^in_vm\(\)' "$PROJECT/rig/lib.sh")"
	. "$PROJECT/prove/check/check-code.sh"
	cd "$tree"
}

again_if_lost() { "$@"; }

# file LINE...: a.c of the tree.
file() { printf '%s\n' "$@" >a.c; }

@test "a warning is new if the base has it less often, wherever it is; what does not compile fails" {
	unused='int f(void) { int unused; return 0; }'
	file "$unused"
	compared 0000 w1 gcc -Wall -c a.c
	file '' '' "$unused"
	run -0 compared 0001 w1 gcc -Wall -c a.c
	file "$unused" "${unused/f/g}"
	run -1 compared 0001 w1 gcc -Wall -c a.c
	says "new: a.c: warning: unused variable 'unused' [-Wunused-variable]"
	run -1 compared 0001 w1 gcc -w -c a.c -Dint=
	run -1 compared 0001 w1 false
}

@test "sparse: a new warning; where the kernel's makefiles do not run it, nothing is ok" {
	sources() { echo a.c; }
	objects() { echo '  CHECK   ../a.c' && sparse a.c; }
	file 'static int *f(void) { return 0; }'
	check_sparse 0000
	run -0 check_sparse 0001
	echo 'int *g(void) { return 0; }' >>a.c
	run -1 check_sparse 0001
	says 'new: a.c: warning: '
	objects() { echo '  CC [M]  a.o'; }
	run -1 check_sparse 0001
	says 'sparse was not run on a.c'
}

@test "guest: other instructions for guests; none to compare" {
	make_in() {
		local object
		for object in "${@:2}"; do
			mkdir -p "$(dirname "$tree/$1/$object")"
			gcc -O2 -c -x c -o "$tree/$1/$object" - <<<"$source"
		done
	}
	source='long pvclock_clocksource_read(long a) { return a + 1; }'
	check_guest 0000
	run -0 check_guest 0001
	source='long pvclock_clocksource_read(long a) { return a + 2; }'
	run -1 check_guest 0001
	grep -q '^+.*lea  *0x2' <<<"$output"
	source='int another;'
	run -1 check_guest 0001
	says 'the clock of guests is not in'
	[[ arch/x86/include/asm/pvclock.h =~ ${about[guest]} && ! arch/x86/kvm/x86.c =~ ${about[guest]} ]]
}

@test "sphinx: a new warning; no page is not ok, but where there is no document" {
	changed() { echo Documentation/virt/kvm/api.rst; }
	html() { cat a.c; }
	mkdir -p out-docs
	file "$tree/Documentation/virt/kvm/api.rst:12: WARNING: Title underline too short."
	run -1 check_sphinx 0000
	says 'Sphinx made no HTML'
	: >out-docs/index.html
	run -0 check_sphinx 0000
	echo "$tree/Documentation/virt/kvm/api.rst:40: WARNING: Unexpected indentation." >>a.c
	run -1 check_sphinx 0001
	[ "$output" = "new: Documentation/virt/kvm/api.rst: WARNING: Unexpected indentation." ]
	changed() { :; }
	rm out-docs/index.html
	run -0 check_sphinx 0000
}

@test "build: a selftest with a warning" {
	mkdir -p "$work/log" tools/testing/selftests/kvm/x86
	touched() { echo "$1"; }
	rig() { :; }
	SELFTEST=x86/own_test
	touch tools/testing/selftests/kvm/x86/own_test.c
	: >"$work/log/kernel-9.9-patched-rig.log"
	echo 'own_test.c:3:1: warning: unused' >"$work/log/kselftests-9.9.log"
	run -0 check_build 0001 arch/x86/kvm/x86.c
	run -1 check_build 0001 tools/testing/selftests/kvm/x86/a.c
	says 'warning: unused'
}

@test "semantic patches: a new report; one that spatch cannot run does not hide the next" {
	mkdir -p scripts/coccinelle
	cp "${KUNIT_TREE:-$(cd "$PROJECT" && bash -c '. rig/lib.sh && load_base && tree_dir')}"/scripts/coccicheck \
		scripts/
	printf '%s\n' 'virtual report' '@r@' 'nonsense' >scripts/coccinelle/a.cocci
	cat >scripts/coccinelle/b.cocci <<-'END'
		// Options: --no-includes
		virtual report
		@r depends on report@
		position p;
		@@
		* bad@p(...)
		@script:python depends on report@
		p << r.p;
		@@
		coccilib.report.print_report(p[0], "WARNING: bad is called")
	END
	sources() { echo a.c; }
	git init -q .
	file 'int f(void) { return good(); }'
	check_cocci 0000
	echo 'int g(void) { return bad(); }' >>a.c
	run -1 check_cocci 0001
	says 'new: a.c: WARNING: bad is called'
}

# boots STATUS RESULT...: a VM that ends so; the cases are a, b and c, of two programs.
boots() {
	vm_status=$1
	stream=$(printf '  %s\n' "${@:2}" && echo "${kvm_clock_test:-ok 2 kvm_clock_test}")
	programs=("$work/one" "$work/two")
	played "$work/one" 'printf "usage\n  a\n  b\n"'
	played "$work/two" 'printf "usage\n  c\n"'
	rig() {
		[ "$1" = vm ] || return 0
		printf '%s\n' "$stream"
		return "$vm_status"
	}
}
topics() { printf '%s\n' 01-one 02-two 03-three; }
series_patches() { printf '%s\n' "$1"/000{1,2}-a.patch; }

# boot_is VERDICT STATUS RESULT...: after the second topic of three; VERDICT is a status, or what is said of a failure.
boot_is() {
	boots "${@:2}"
	run check_boot 02-two/0002 02-two/0002-a.patch
	[ "$status" = "$1" ] || { [ "$status" = 1 ] && says "$1"; }
}

@test "boot: a case fails until its topic, and passes from then on" {
	printf '%s\n' '# text' 'b two' 'c three' >"$TOP/prove/expect/9.9-cured"
	boot_is 0 1 'ok 1 a' 'ok 2 b' 'not ok 3 c'
	boot_is 0 0 'ok 1 a' 'ok 2 b # SKIP no such thing' 'ok 3 c # SKIP no such thing'
	boot_is 'b fails, though two has cured it' 1 'ok 1 a' 'not ok 2 b' 'not ok 3 c'
	boot_is 'a fails, though the plain base passes it' 1 'not ok 1 a' 'ok 2 b' 'not ok 3 c'
	boot_is 'c passes without three, which is to cure it' 0 'ok 1 a' 'ok 2 b' 'ok 3 c'
	printf '%s\n' 'b two' '?c three' >"$TOP/prove/expect/9.9-cured"
	boot_is 0 0 'ok 1 a' 'ok 2 b' 'ok 3 c'
	printf '%s\n' 'b two' 'c four' >"$TOP/prove/expect/9.9-cured"
	boot_is 'c is cured by four, a topic that the stack does not have' 0 'ok 1 a' 'ok 2 b' 'ok 3 c'
	run -3 check_boot 02-two/0001 02-two/0001-a.patch
}

@test "boot: a lost VM, half of the results, the base's own clock test" {
	: >"$TOP/prove/expect/9.9-cured"
	boot_is 0 0 'ok 1 a' 'ok 2 b' 'ok 3 c'
	boot_is 'the VM was lost, status 125' 125 'ok 1 a' 'ok 2 b' 'ok 3 c'
	boot_is '2 cases of 3 gave a result' 0 'ok 1 a' 'ok 2 b'
	for kvm_clock_test in 'not ok 2 kvm_clock_test' 'ok 2 kvm_clock_test # SKIP'; do
		boot_is 'kvm_clock_test did not pass' 1 'ok 1 a' 'ok 2 b' 'ok 3 c'
	done
}

@test "alone: without the others a topic passes its own cases; those of others are as they are" {
	printf '%s\n' 'b two' 'c three' >"$TOP/prove/expect/9.9-cured"
	prepare_programs() { :; }
	copy_series() { :; }
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
	boots 0 'ok 1 a' 'not ok 2 b' 'ok 3 c'
	run -1 check_alone
	says 'b fails, though two has cured it'
	says 'two does not stand alone'
	run ! says 'three does not stand alone'
	boots 0 'ok 1 a' 'ok 2 b' 'ok 3 c'
	run -0 check_alone
	git() { echo another; }
	run -1 check_alone
}
