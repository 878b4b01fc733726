#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# prove/suite/check-suite with tests that are played: what each ends with on stock and on patched.
# shellcheck disable=SC2016,SC2154,SC2164 # what the played scripts expand; bats sets output

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

setup() {
	REPO=$BATS_TEST_TMPDIR
	variables
	top "$BATS_TEST_TMPDIR/top"
	cd "$BATS_TEST_TMPDIR/top"
	echo 'SELFTEST=x86/own_test' >>bases/9.9
	export PLAY=$BATS_TEST_TMPDIR/play
	mkdir "$PLAY"
	script kernel 'exit 0'
	script kselftests 'for name; do cp /bin/true "$PLAY/${name##*/}"; echo "$PLAY/${name##*/}"; done'
	# $PLAY/VARIANT has lines TEST RESULT; LOST costs the VM, a word of p and f is a result a run.
	script vm '
		echo "KTAP version 1"
		n=0
		for word in $CMD; do
			case $word in ./*) ;; *) continue ;; esac
			n=$((n + 1))
			test=${word#./}
			[ -e "$BUILD/suite/9.9/$test" ] || exit 125
			result=$(sed -n "s/^$test //p" "$PLAY/$VARIANT")
			case $result in
			[pf]*[pf])
				echo >>"$PLAY/$VARIANT-$test"
				result=${result:$(($(wc -l <"$PLAY/$VARIANT-$test") - 1)):1}
				;;
			esac
			case $result in
			LOST) exit 125 ;;
			f*) echo "not ok $n $test # exit=254" ;;
			skip) echo "ok $n $test # SKIP" ;;
			*) echo "ok $n $test" ;;
			esac
		done'
	unset KVM_UNIT_TESTS
	: >"$PLAY/stock"
	: >"$PLAY/patched"
}

script() { printf '#!/usr/bin/env bash\n%s\n' "$2" >"rig/$1"; }

@test "the same on both is no new failure, whatever it is; what fails, is lost or skipped on patched alone is new" {
	printf '%s\n' 'a fail' 'b skip' 'c LOST' 'h fail' >"$PLAY/stock"
	printf '%s\n' 'a fail' 'b skip' 'c LOST' 'e fail' 'f LOST' 'g skip' >"$PLAY/patched"
	run -1 --separate-stderr prove/suite/check-suite x86/{a,b,c,d,e,f,g,h}
	[ "$(tr -s " " <<<"$output")" = 'a fail fail
b skip skip
c lost lost
d pass pass
e pass fail NEW
f pass lost NEW
g pass skip NEW
h fail pass
4 passed, 3 failed, 1 skipped' ]
}

@test "where it comes and goes, more often on patched than on stock in three more is new, else it is none" {
	printf '%s\n' 'a pppp' 'b pfpp' 'c pppp' 'd pffp' >"$PLAY/stock"
	printf '%s\n' 'a ffpf' 'b fpff' 'c fppf' 'd ffpf' 'e fppp' >"$PLAY/patched"
	BATCH=1 run -1 --separate-stderr prove/suite/check-suite x86/{a,b,c,d,e}
	[ "$(tr -s " " <<<"$output")" = 'a pass fail NEW
b pass fail NEW
c pass pass
d pass pass
e pass pass
3 passed, 2 failed, 0 skipped' ]
	[[ $stderr == *"a: not pass in 0 of three more on stock, 2 on patched"* ]]
}

@test "all: what the makefile of the suite names, but the series's own" {
	dir=$BUILD/tree/9.9/tools/testing/selftests/kvm
	mkdir -p "$dir"
	printf 'TEST_GEN_PROGS := $(OUTPUT)/x86/a $(OUTPUT)/x86/own_test $(OUTPUT)/b\nall:\n' >"$dir/Makefile"
	run -0 --separate-stderr prove/suite/check-suite
	[ "${lines[-1]}" = "2 passed, 0 failed, 0 skipped" ]
}

@test "kvm-unit-tests: built in a copy of the checkout, each by the VM's QEMU; a difference fails" {
	export KVM_UNIT_TESTS=$BATS_TEST_TMPDIR/kut
	mkdir -p "$KVM_UNIT_TESTS/x86"
	touch "$KVM_UNIT_TESTS/x86/kvmclock_test.c"
	printf '#!/bin/sh\n' >"$KVM_UNIT_TESTS/configure"
	printf 'x86/%%.flat:\n\techo >$@\n' >"$KVM_UNIT_TESTS/Makefile"
	chmod +x "$KVM_UNIT_TESTS/configure"
	git -C "$KVM_UNIT_TESTS" init -q
	git -C "$KVM_UNIT_TESTS" add .
	echo 'tsc fail' >"$PLAY/patched"
	echo 'svm_tsc skip' | tee -a "$PLAY/patched" >"$PLAY/stock"
	run -1 --separate-stderr prove/suite/check-suite
	grep -q '^tsc  *pass *fail *NEW$' <<<"$output"
	[ "${lines[-1]}" = "8 passed, 1 failed, 1 skipped" ]
	grep -q -- '-cpu host,-xsave,hv_passthrough -smp 2 .*' "$BUILD/suite/9.9/hyperv_clock"
	grep -q -- '-kernel /tests/svm.flat -append "[*]tsc[*]"' "$BUILD/suite/9.9/svm_tsc"
	[ -e "$BUILD/unit-tests/root/tests/vmx.flat" ]
	[ ! -e "$KVM_UNIT_TESTS/x86/vmx.flat" ]
	run -2 prove/suite/check-suite nonsense
	[[ $output == *"TEST=nonsense is unknown"* ]]
}
