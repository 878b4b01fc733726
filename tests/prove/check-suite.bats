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
	script kselftests 'for name; do cp /bin/true "$PLAY/$(basename "$name")"; echo "$PLAY/$(basename "$name")"; done'
	# $PLAY/VARIANT has lines TEST RESULT; LOST costs the VM, ONCE is a failure the first time, a word of p and f is a result a run.
	script vm '
		echo "KTAP version 1"
		n=0
		for word in $CMD; do
			case $word in ./*) ;; *) continue ;; esac
			n=$((n + 1))
			test=${word#./}
			[ -e "$BUILD/suite/9.9/$test" ] || exit 125
			case $(sed -n "s/^$test //p" "$PLAY/$VARIANT") in
			LOST) exit 125 ;;
			fail) echo "not ok $n $test # exit=254" ;;
			skip) echo "ok $n $test # SKIP" ;;
			[pf]*[pf])
				results=$(sed -n "s/^$test //p" "$PLAY/$VARIANT")
				echo >>"$PLAY/$VARIANT-$test"
				case ${results:$(($(wc -l <"$PLAY/$VARIANT-$test") - 1)):1} in p) echo "ok $n $test" ;; *) echo "not ok $n $test" ;; esac ;;
			ONCE) if [ -e "$PLAY/once" ]; then echo "ok $n $test"; else touch "$PLAY/once"; echo "not ok $n $test"; fi ;;
			*) echo "ok $n $test" ;;
			esac
		done'
	: >"$PLAY/stock"
	: >"$PLAY/patched"
}

script() { printf '#!/usr/bin/env bash\n%s\n' "$2" >"rig/$1"; }

@test "the same on both is no new failure, whatever it is" {
	printf '%s\n' 'a fail' 'b skip' 'c LOST' | tee "$PLAY/stock" >"$PLAY/patched"
	run -0 --separate-stderr prove/suite/check-suite x86/a x86/b x86/c x86/d
	[[ ${lines[0]} =~ ^a\ +fail\ +fail$ ]]
	[[ ${lines[1]} =~ ^b\ +skip\ +skip$ ]]
	[[ ${lines[2]} =~ ^c\ +lost\ +lost$ ]]
	[[ ${lines[3]} =~ ^d\ +pass\ +pass$ ]]
	[ "${lines[-1]}" = "3 passed, 0 failed, 1 skipped" ]
}

@test "what fails, is lost or skipped on patched alone is new" {
	printf '%s\n' 'a fail' 'c LOST' 'd skip' >"$PLAY/patched"
	run -1 --separate-stderr prove/suite/check-suite x86/a x86/b x86/c x86/d
	[[ ${lines[0]} =~ ^a\ +pass\ +fail\ +NEW$ ]]
	[[ ${lines[2]} =~ ^c\ +pass\ +lost\ +NEW$ ]]
	[[ ${lines[3]} =~ ^d\ +pass\ +skip\ +NEW$ ]]
	[ "${lines[-1]}" = "1 passed, 3 failed, 0 skipped" ]
}

@test "a failure that does not come again is none; one less than on stock is none" {
	echo 'a ONCE' >"$PLAY/patched"
	echo 'b fail' >"$PLAY/stock"
	BATCH=1 run -0 --separate-stderr prove/suite/check-suite x86/a x86/b
	[ "${lines[-1]}" = "2 passed, 0 failed, 0 skipped" ]
}

@test "where it comes and goes, the more often on patched in three more is new, as often as on stock is none" {
	printf '%s\n' 'a pppp' 'b pfpp' 'c pppp' 'd pffp' >"$PLAY/stock"
	printf '%s\n' 'a ffpf' 'b fpff' 'c fppf' 'd ffpf' >"$PLAY/patched"
	run -1 --separate-stderr prove/suite/check-suite x86/a x86/b x86/c x86/d
	[[ ${lines[0]} =~ ^a\ +pass\ +fail\ +NEW$ ]]
	[[ ${lines[1]} =~ ^b\ +pass\ +fail\ +NEW$ ]]
	[[ ${lines[2]} =~ ^c\ +pass\ +pass$ ]]
	[[ ${lines[3]} =~ ^d\ +pass\ +pass$ ]]
	[[ $stderr == *"a: not pass in 0 of three more on stock, 2 on patched"* ]]
}

@test "all: what the makefile of the suite names, but the series's own" {
	dir=$BUILD/tree/9.9/tools/testing/selftests/kvm
	mkdir -p "$dir"
	printf 'TEST_GEN_PROGS := $(OUTPUT)/x86/a $(OUTPUT)/x86/own_test $(OUTPUT)/b\nall:\n' >"$dir/Makefile"
	run -0 --separate-stderr prove/suite/check-suite
	[ "${lines[-1]}" = "2 passed, 0 failed, 0 skipped" ]
}
