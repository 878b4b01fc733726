#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# prove/nested-host/nested-host without a boot, by a fake rig/vm and rig/selftest.
# shellcheck disable=SC2016,SC2154 # the fakes expand their own variables; bats sets output

bats_require_minimum_version 1.5.0

setup() {
	unset CASE TESTS FRAGMENTS LINUX VARIANT KERNEL BOOT QEMU TIMEOUT
	export BASE=7.3 BUILD=$BATS_TEST_TMPDIR/build
	cp -a "$BATS_TEST_DIRNAME/../../"{rig,prove,bases} "$BATS_TEST_TMPDIR/"
	cd "$BATS_TEST_TMPDIR" || return
}

fake() { printf '#!/usr/bin/env bash\n%s\n' "$2" >"rig/$1"; }

@test "bad arguments: one line that names the thing, status 2" {
	run -2 prove/nested-host/nested-host xen
	[ "${#lines[@]}" = 1 ]
	[[ $output == *"MODE=xen is unknown"* ]]
}

@test "the modes' counts add up; one that is lost has failed; all skipped is no pass" {
	fake selftest 'echo "$LOGDIR $CPU $APPEND $FRAGMENTS" >>"$BUILD/calls"
		[[ $LOGDIR = *tsc ]] || echo "Switched to clocksource kvm-clock" >>"$LOGDIR/console.log"
		case $LOGDIR in *tsc) exit 125 ;; *) echo "3 passed, 0 failed, 2 skipped" ;; esac'
	logs=$BUILD/log/nested/7.3-patched
	mkdir -p "$logs"-{kvm-clock,suspend,hyperv}
	run -1 --separate-stderr prove/nested-host/nested-host kvm-clock tsc hyperv
	[ "$output" = "3 passed, 2 failed, 2 skipped" ]
	[[ $stderr == *"hyperv: not on hyperv_clocksource_tsc_page"* ]]
	echo "Switched to clocksource hyperv_clocksource_tsc_page" >"$logs-hyperv/console.log"
	run -1 --separate-stderr prove/nested-host/nested-host kvm-clock tsc hyperv
	[ "$output" = "6 passed, 1 failed, 4 skipped" ]
	grep -q 'hyperv host,-xsave,kvm=off.*hv-time.* hyperv$' "$BUILD/calls"
	grep -q 'tsc host,-xsave clocksource=tsc ' "$BUILD/calls"
	fake selftest 'echo "0 passed, 0 failed, 2 skipped"'
	run -1 --separate-stderr prove/nested-host/nested-host kvm-clock
	fake kernel true
	fake vm 'echo "a: ok"; echo "b: FAILED"; echo "Switched to clocksource ${TSC:-tsc}" >"$LOGDIR/console.log"
		[ "$BUTTON $CMD" = "4 ./suspend" ] && exit 1'
	run -1 --separate-stderr prove/nested-host/nested-host suspend
	[ "$output" = "1 passed, 1 failed, 0 skipped" ]
	TSC=tsc-early run -1 --separate-stderr prove/nested-host/nested-host suspend
	[[ $stderr == *"suspend: not on tsc"* ]]
}

@test "as QEMU: its files go into a VM, in which KVM runs the same; what it wrote comes back, and its status" {
	mkdir logs
	echo kernel >kernel
	: >logs/console.log
	fake vm 'echo "$CMD" >"$BUILD/cmd"
		root=${FILES% *}
		cat "$root/$OLDPWD/kernel" "$root/../start" >"$BUILD/seen" || exit 9
		cd "$BUILD" && for file in console.log verdict stdout stderr; do echo "$file" >$file; done
		tar -c console.log verdict stdout stderr
		exit 3'
	mkdir build
	export OLDPWD=$PWD TIMEOUT=100
	run -3 prove/nested-host/nested-host -accel tcg,thread=single -kernel kernel \
		-chardev "file,id=console,path=$PWD/logs/console.log" -append "a  b"
	grep -q "^kernel$" build/seen
	grep -qF -- "-accel kvm -kernel $PWD/kernel" build/seen
	[ "$(cat logs/console.log logs/verdict)" = $'console.log\nverdict' ]
	grep -q 'timeout 70 sh ./start' build/cmd
}
