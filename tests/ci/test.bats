#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The parts of `make test` that decide: what the scripts' own tests see of the environment, and that a broken one
# counts; which kernels are built ahead, and that they end with it; the verdict of newer_selftest. Bats, kernels and
# the VM are played.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154,SC2317 # each test is a shell of its own; steps use what is set here

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"
. "$PROJECT/rig/rig.sh"
. "$PROJECT/ci/test"

setup() {
	TOP=$BATS_TEST_TMPDIR/top
	BUILD=$TOP/build
	work=$BATS_TEST_TMPDIR/work
	log=$work/log
	results=$work/results
	passed=0
	failed=0
	skipped=0
	declare -gA lanes=()
	base_steps="plain i386 selftest"
	BASE=6.1
	mkdir -p "$TOP"/{rig,bases,patches,tests/rig} "$BATS_TEST_TMPDIR/bin" "$log" "$results"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

say() { echo "$*"; }
count() { echo "count $1: $2"; }
fail() { echo "FAIL $*"; }
again_if_lost() { "$@"; }

# fixtures LINE...: the step, with bats played.
fixtures() {
	rig() { echo a-tree; }
	cp "$PROJECT/Makefile" "$TOP/"
	touch "$TOP/tests/one.bats" "$TOP/tests/rig/boot.bats"
	played "$BATS_TEST_TMPDIR/bin/bats" "$@"
	run -0 step_fixtures
}

@test "fixtures: nothing that make was told reaches them" {
	# shellcheck disable=SC2016 # the played program expands it
	SEEN=$work/seen BASE=7.3 VARIANT=stock CASE=x PARTS=vm COPY=a MAKEFLAGS=e \
		fixtures 'env | sed "s/=.*//" >"$SEEN"' 'echo 1..1; echo ok 1 a'
	[ "$output" = "count one.bats: 1 passed, 0 failed, 0 skipped" ]
	grep -qx KUNIT_TREE "$work/seen"
	run -1 grep -xE 'BASE|VARIANT|CASE|PARTS|COPY' "$work/seen"
}

@test "fixtures: one that fails, or ends before its plan, counts" {
	fixtures 'echo 1..2; echo ok 1 a; echo not ok 2 b; exit 1'
	[ "$output" = "count one.bats: 1 passed, 1 failed, 0 skipped" ]
	fixtures 'echo 1..2; echo ok 1 a'
	[[ $output == "FAIL one.bats: 1 of 2 tests gave a result"* ]]
}

@test "fixtures: several are run, each has its time, and those that need a kernel or a series are for other steps" {
	touch "$TOP/tests/rig"/{two,put-back,bench-vm,mail-series}.bats
	echo larger >"$TOP/tests/three.bats"
	J=1 fixtures 'echo 1..1; echo ok 1 a'
	[ "${lines[0]}" = "count three.bats: 1 passed, 0 failed, 0 skipped" ]
	[ "$(sort <<<"$output")" = "$(printf 'count %s.bats: 1 passed, 0 failed, 0 skipped\n' one three two)" ]
	[ "$(cut -d' ' -f1 "$results/fixture-times" | sort | paste -sd' ')" = "one.bats three.bats two.bats" ]
	grep -qE '^one.bats [0-9.]+ [0-9.]+ [0-9.]+$' "$results/fixture-times"
}

@test "a step has its time, and the system its share of it" {
	step_busy() { passed=1; bash -c 'for ((i = 0; i < 100000; i++)); do :; done'; }
	run_step busy 6.1
	[[ $(cat "$results/times") =~ ^busy$'\t'6\.1$'\t'[0-9]+$'\t'[1-9][0-9]*$'\t'[0-9]+$ ]]
	printf '%s\t%s\t%s\t%s\t%s\n' a - 5 1000 3000 b 6.1 70 90 10 c 6.12 6 0 0 d 7.3 6 1 1 e 7.3 6 3 1 \
		f 7.3 1 0 0 >"$results/times"
	run -0 longest
	[ "$output" = "longest: 6.1 b 70 s (system 10 %), 6.12 c 6 s (system 0 %), 7.3 d 6 s (system 50 %),\
 7.3 e 6 s (system 25 %), a 5 s (system 75 %); all steps 94 s (system 73 %)" ]
}

@test "on_mutant: its tree is that of its command alone" {
	unmutated() { :; }
	git() { :; }
	mkdir -p "$work/top/rig"
	played "$work/top/rig/kernel" "echo $work/boot/bzImage"
	KUNIT_TREE=mine
	# shellcheck disable=SC2016 # the command expands it
	on_mutant a bash -c 'echo "$KUNIT_TREE $BOOT" >"$0"' "$work/seen"
	[ "$KUNIT_TREE $BUILD $(cat "$work/seen")" = "mine $TOP/build $work/tree/6.1 $work/boot" ]
}

@test "lanes: side by side, what each counted is added up, and one that ends early is a failure" {
	. "$PROJECT/ci/test"
	say() { :; }
	failures=() own=()
	passed=3
	meets() { # each waits for the other
		touch "$work/$1"
		until [ -e "$work/$2" ]; do sleep 0.05; done
		[ "$(copy)" = "$work/$1" ] && [ -d "$(copy)/rig" ] && pass "$1"
	}
	dies() { pass x && exit 1; }
	other() { meets b a && skipped=2 && fail "c (a reason)"; }
	lane a meets a b
	lane b other
	join
	[ "$passed $failed $skipped ${failures[*]}" = "5 1 2 c (a reason)" ]
	[ "$(printf '%s\n' "${own[@]}" | sort | paste -sd,)" = "# c (a reason),not ok - c,ok - a,ok - b" ]
	lane d dies
	join
	[ "${failures[-1]}" = "lane d: it ended before its last step" ]
}

# kernels: those to build ahead are played.
kernels() {
	# shellcheck disable=SC2016 # for the script that is written here
	played "$TOP/rig/kernel" 'echo "$BASE $VARIANT ${FRAGMENTS:-none} $BUILD $(ps -o ni= -p $$)" >>"$BUILD/built"' \
		'[ ! -e "$BUILD/slow" ] || sleep 300 & wait' '[ "$BASE" != 2 ]'
	echo 'TEST_STEPS="plain i386"' >"$TOP/bases/1"
	echo 'TEST_STEPS="plain selftest"' >"$TOP/bases/2"
}

@test "ahead: what is built, in the order of need" {
	kernels
	run -0 ahead_jobs 1 2
	[ "$output" = $'1 stock\n1 patched\n1 stock i386\n2 stock\n2 patched' ]
	: >"$TOP/bases/2"
	run -0 ahead_jobs 2
	[ "$output" = $'2 stock\n2 patched\n2 stock i386' ]
}

@test "ahead: each is built, at nice 5, one that fails does not end it, and it goes on while scripts are copied anew" {
	kernels
	copy_series "$work/top"
	start_ahead 1 2
	trap - EXIT
	rm -rf "$work/top"
	while pgrep -r R,S,D -g "$ahead_pid" >/dev/null; do sleep 0.1; done
	sed 's/  */ /g' "$work/built" >"$work/built.once"
	diff - "$work/built.once" <<-EOF
		1 stock none $work 5
		1 patched none $work 5
		1 stock i386 $work 5
		2 stock none $work 5
		2 patched none $work 5
	EOF
}

@test "ahead: it ends with who started it, its compilers too" {
	kernels
	touch "$work/slow"
	(
		start_ahead 1 2 3>&-
		echo "$ahead_pid" >"$work/pid"
		until pgrep -r R,S,D -g "$ahead_pid" sleep; do sleep 0.1; done
	)
	for ((i = 0; i < 300; i++)); do
		pgrep -r R,S,D -g "$(cat "$work/pid")" || break # a zombie has ended
		sleep 0.1
	done
	[ "$i" -lt 300 ]
	[ "$(wc -l <"$work/built")" = 1 ]
}

# ran STATUS LINE...: what the VM says of two cases, a and b, and of the test; the kernel's own parser judges it.
ran() {
	echo 'SELFTEST=x86/new_test' | tee "$TOP/bases/6.1" >"$TOP/bases/7.3"
	export KUNIT_TREE=${KUNIT_TREE:-$(cd "$PROJECT" && bash -c '. rig/lib.sh && load_base && tree_dir')}
	bases() { (cd "$TOP/bases" && ls); }
	rig() {
		case $1 in
		kselftests) echo "$BASE" >"$TOP/built"; echo "$TOP/new_test" ;;
		vm) printf '%s\n' "$stream"; return "$vm_status" ;;
		ktap) "$PROJECT/rig/ktap" "$2" ;;
		esac
	}
	eval "$(grep -E '^in_vm\(\)' "$PROJECT/rig/lib.sh")"
	vm_status=$1
	stream=$(printf '%s\n' 'KTAP version 1' '1..1' '  KTAP version 1' '  # Subtest: new_test' '  1..2' \
		"  $2" "  $3" "$4")
	run step_newer_selftest
	[ "$(cat "$TOP/built")" = 7.3 ]
}

@test "what a script said of its failure is said again at the end" {
	. "$PROJECT/ci/test"
	rig() { printf '%s\n' "a-kernel FAILED: it moved" "0 passed, 1 failed, 0 skipped"; }
	failures=()
	judged storm prove/storm/stress
	[ "${failures[*]}" = "storm: 0 passed, 1 failed, 0 skipped a-kernel FAILED: it moved" ]
}

@test "boots: two at a time, each is counted by what itself said, and one that said nothing is lost" {
	# Each notes how many there are.
	rig() {
		touch "$work/$1" && sleep 0.5 && find "$work" -maxdepth 1 -name 'run-*' | wc -l >>"$work/n"
		rm "$work/$1"; echo "$2"
	}
	for name in run-{1,2,3}; do
		start "$name" "$name" "${name#run-} passed"
	done
	start run-4 run-4
	said run-{1,2,3,4} >"$work/said"
	[ "$(cat "$work/said")" = "$(printf 'count run-%s\n' '1: 1 passed' '2: 2 passed' '3: 3 passed' '4: lost')" ]
	[ "$(sort -n "$work/n" | tail -n 1)" = 2 ]
}

@test "newer_selftest: where it has to pass, what it says counts" {
	ran 0 'ok 1 a' 'ok 2 b' 'ok 1 new_test'
	says 'count 6.1-newer-selftest: 2 passed, 0 failed, 0 skipped'
	ran 1 'ok 1 a' 'not ok 2 b' 'not ok 1 new_test # exit=1'
	says 'count 6.1-newer-selftest: 1 passed, 1 failed, 0 skipped'
	ran 125 'ok 1 a'
	says 'count 6.1-newer-selftest: '
	run ! grep -q '[1-9][0-9]* passed, 0 failed' <<<"$output"
}

@test "newer_selftest: where it cannot run, it skips for that reason, and for no other" {
	NEWER_SELFTEST_SKIPS='needs a newer kernel'
	ran 4 'ok 1 a # SKIP needs a newer kernel' 'ok 2 b # SKIP needs a newer kernel' 'ok 1 new_test # SKIP'
	says 'skip: 6.1-newer-selftest: as expected, needs a newer kernel'
	run ! says FAIL
	ran 4 'ok 1 a # SKIP needs a newer kernel' 'ok 2 b # SKIP no /dev/kvm' 'ok 1 new_test # SKIP'
	says 'FAIL 6.1-newer-selftest: 0 passed, 0 failed, 2 skipped, but all of it should be skipped'
	ran 0 'ok 1 a' 'ok 2 b # SKIP needs a newer kernel' 'ok 1 new_test'
	says 'FAIL 6.1-newer-selftest: 1 passed'
	ran 1 'not ok 1 a' 'ok 2 b # SKIP needs a newer kernel' 'not ok 1 new_test # exit=1'
	says 'FAIL 6.1-newer-selftest: 0 passed, 1 failed'
	ran 4 'ok 1 a # SKIP' 'ok 2 b # SKIP' 'ok 1 new_test # SKIP'
	says 'FAIL 6.1-newer-selftest'
	ran 125 'ok 1 a # SKIP needs a newer kernel'
	says 'FAIL 6.1-newer-selftest'
}

@test "newer_selftest: the newest base has no newer one" {
	bases() { printf '%s\n' 6.1 7.3; }
	BASE=7.3
	run step_newer_selftest
	says 'skip: 7.3-newer-selftest: 7.3 is the newest'
}
