#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# rig/vm against a program that plays QEMU: it puts into the files it finds in its arguments what a VM would have sent.
# shellcheck disable=SC2016,SC2154 # text for the program that plays QEMU is no code here; bats sets stderr

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	export BUILD=$BATS_TEST_TMPDIR/build BOOT=$BATS_TEST_TMPDIR/boot LOGDIR=$BATS_TEST_TMPDIR/log
	export FAKE=$BATS_TEST_TMPDIR/fake QEMU=$BATS_TEST_DIRNAME/../fixtures/fake-qemu
	export CMD=true
	unset APPEND CPU FILES FRAGMENTS MEM QEMU_ARGS SMP TIMEOUT ACCEL BASE VARIANT KERNEL LINUX
	# What all VMs have in common is made once.
	mkdir -p "$BOOT" "$FAKE" "$BUILD" "$BATS_FILE_TMPDIR/initramfs"
	ln -s "$BATS_FILE_TMPDIR/initramfs" "$BUILD/initramfs"
	echo kernel >"$BOOT/bzImage"
	echo 6.1.192 >"$BOOT/release"
	: >"$BOOT/modules.cpio"
	echo exit >"$FAKE/end"
	console clean
	verdict "status 0" "stdout 0" "stderr 0" "tainted 0" end ""
}

# console CASE: the VM's console log is that of fixtures/splat/CASE.
console() { cp "tests/fixtures/splat/$1/console.log" "$FAKE/console"; }

# verdict LINE...: what the VM says after its start.
verdict() { printf '%s\n' "start 6.1.192" "$@" >"$FAKE/verdict"; }

# lost TEXT: TEXT is the reason that vm gave at its end.
lost() {
	echo "$stderr"
	[ "${stderr_lines[-1]}" = "vm: LOST ($1), log $LOGDIR/console.log" ]
}

@test "status 0 and the output are handed through" {
	printf 'to stdout\nno newline' >"$FAKE/stdout"
	printf 'to stderr\n' >"$FAKE/stderr"
	verdict "status 0" "stdout 20" "stderr 10" "tainted 12288" end ""
	run -0 --separate-stderr rig/vm
	[ "$output" = $'to stdout\nno newline' ]
	[ "${stderr_lines[-2]}" = "to stderr" ]
	[ "${stderr_lines[-1]}" = "vm: status 0" ]
	[ ! -e "$LOGDIR/initrd" ]
}

@test "CMD's own status is handed through" {
	for status in 7 124 125 255; do
		verdict "status $status" "stdout 0" "stderr 0" "tainted 0" end ""
		run -$status --separate-stderr rig/vm
		[ "${stderr_lines[-1]}" = "vm: status $status" ]
	done
}

@test "lost: panic in mid-run" {
	console panic
	verdict
	run -125 --separate-stderr rig/vm
	lost "[    5.311873] Kernel panic - not syncing: Fatal exception in interrupt"
	[ -s "$LOGDIR/initrd" ]
}

@test "lost: a splat, although CMD's status is 0" {
	console warning
	run -125 --separate-stderr rig/vm
	lost "$(cat tests/fixtures/splat/warning/expected-output)"
}

@test "lost: a splat that left only its taint" {
	verdict "status 0" "stdout 0" "stderr 0" "tainted 512" end ""
	run -125 --separate-stderr rig/vm
	lost "the kernel is tainted: 512"
}

@test "lost: died without any verdict" {
	rm "$FAKE/verdict"
	run -125 --separate-stderr rig/vm
	lost "died before it could run CMD: no verdict"
}

@test "lost: no verdict, but a reason on the console" {
	rm "$FAKE/verdict"
	echo "init: error: no virtio-serial ports" >>"$FAKE/console"
	run -125 --separate-stderr rig/vm
	lost "died before it could run CMD: no virtio-serial ports"
}

@test "lost: died while CMD ran" {
	verdict
	run -125 --separate-stderr rig/vm
	lost "died without a verdict; the last it said was: start 6.1.192"
}

@test "lost: a verdict cut off anywhere" {
	whole=$(cat "$FAKE/verdict")
	for ((length = 1; length < ${#whole}; length += 6)); do
		printf '%s' "${whole:0:length}" >"$FAKE/verdict"
		run -125 --separate-stderr rig/vm
		[[ ${stderr_lines[-1]} == "vm: LOST (died without a verdict; "* ]]
	done
}

@test "lost: the VM says that it could not run CMD" {
	verdict "error the TSC is not in use after 30 s" end ""
	run -125 --separate-stderr rig/vm
	lost "the VM could not run CMD: the TSC is not in use after 30 s"
}

@test "lost: an empty console log, although the verdict is there" {
	rm "$FAKE/console"
	run -125 --separate-stderr rig/vm
	lost "the console log is empty"
}

@test "lost: output that did not arrive" {
	echo half >"$FAKE/stdout"
	verdict "status 0" "stdout 10" "stderr 0" "tainted 0" end ""
	run -125 --separate-stderr rig/vm
	lost "CMD wrote 10 bytes to stdout, 5 arrived"
}

@test "lost: another kernel than the one asked for" {
	echo 6.1.193 >"$BOOT/release"
	run -125 --separate-stderr rig/vm
	lost "release 6.1.192 was booted, not 6.1.193"
}

@test "lost: QEMU fails, and says why" {
	echo 'echo "invalid accelerator" >&2; exit 1' >"$FAKE/end"
	run -125 --separate-stderr rig/vm
	lost "$QEMU ended with status 1: invalid accelerator"
}

@test "hung" {
	verdict
	echo 'exec sleep 100' >"$FAKE/end"
	TIMEOUT=1 run -124 --separate-stderr rig/vm
	lost "hung: not ended after 1 s"
}

@test "hung, with a splat" {
	verdict
	console rcu-stall
	echo 'exec sleep 100' >"$FAKE/end"
	TIMEOUT=1 run -124 --separate-stderr rig/vm
	lost "hung: not ended after 1 s; $(cat tests/fixtures/splat/rcu-stall/expected-output)"
}

@test "hung, and deaf to TERM" {
	echo 'trap "" TERM; while :; do sleep 0.1; done' >"$FAKE/end"
	TIMEOUT=1 run -124 --separate-stderr rig/vm
	lost "hung: not ended after 1 s"
}

@test "output comes when it is written" {
	echo first >"$FAKE/stdout"
	verdict "status 0" "stdout 6" "stderr 0" "tainted 0" end ""
	echo 'until [ -e "$FAKE/seen" ]; do sleep 0.02; done' >"$FAKE/end"
	TIMEOUT=20 rig/vm >"$FAKE/out" 2>/dev/null 3>&- &
	until grep -q first "$FAKE/out" || ! kill -0 $!; do sleep 0.02; done
	touch "$FAKE/seen"
	wait $!
}

@test "nothing of much output is lost" {
	seq 1000000 >"$FAKE/stdout"
	verdict "status 0" "stdout $(stat -c %s "$FAKE/stdout")" "stderr 0" "tainted 0" end ""
	rig/vm 2>/dev/null | cmp - "$FAKE/stdout"
}

# ended_by SIGNAL: vm, ended by SIGNAL, leaves no QEMU behind.
ended_by() {
	echo 'echo $$ >"$FAKE/pid"; exec sleep 100' >"$FAKE/end"
	env --default-signal=INT rig/vm >/dev/null 2>&1 3>&- &
	until [ -s "$FAKE/pid" ]; do sleep 0.02; done
	kill -"$1" $!
	status=0
	wait $! || status=$?
	for _ in {1..100}; do
		kill -0 "$(cat "$FAKE/pid")" 2>/dev/null || return 0
		sleep 0.02
	done
	return 1
}

@test "no QEMU is left behind by Ctrl-C" {
	ended_by INT
	[ "$status" = 130 ]
}

@test "no QEMU is left behind by TERM" {
	ended_by TERM
	[ "$status" = 143 ]
}

@test "no QEMU is left behind by KILL" {
	ended_by KILL
	[ "$status" = 137 ]
}

@test "QEMU's command line: printed, kept, with what was asked for" {
	APPEND='clocksource=hpet kvm.x=1' QEMU_ARGS='-icount shift=0,sleep=off' CPU=max,+invtsc SMP=1 MEM=512M \
		run -0 --separate-stderr rig/vm
	grep -F -- "-cpu max,+invtsc -smp 1 -m 512M " "$LOGDIR/qemu.cmd"
	grep -F -- "panic_on_warn=1 clocksource=hpet kvm.x=1'" "$LOGDIR/qemu.cmd"
	grep -F -- "-icount shift=0,sleep=off" "$LOGDIR/qemu.cmd"
	grep -F -- "-nodefaults -no-user-config -no-reboot" "$LOGDIR/qemu.cmd"
	[[ $stderr == *"$(cat "$LOGDIR/qemu.cmd")"* ]]
}

@test "ACCEL=kvm takes the host's CPU" {
	ACCEL=kvm run -0 --separate-stderr rig/vm
	grep -F -- "-accel kvm -cpu host,migratable=off " "$LOGDIR/qemu.cmd"
}

@test "a log folder of its own for every run, a comma in its name" {
	unset LOGDIR
	export BUILD=$BATS_TEST_TMPDIR/build,1
	for _ in 1 2; do run -0 --separate-stderr rig/vm; done
	[ -s "$BUILD/log/vm/6.1-patched-rig-1/console.log" ]
	[ -s "$BUILD/log/vm/6.1-patched-rig-2/console.log" ]
}

@test "FILES are in the VM's folder, executable bits kept, beside CMD" {
	printf '#!/bin/sh\n' >"$FAKE/program"
	chmod 755 "$FAKE/program"
	echo text >"$FAKE/text"
	echo exit 1 >"$FAKE/end"
	CMD='./program "$HOME"' FILES="$FAKE/program $FAKE/text" run -125 --separate-stderr rig/vm
	mkdir "$FAKE/root"
	(cd "$FAKE/root" && cpio -i --quiet --no-absolute-filenames <"$LOGDIR/initrd")
	[ "$(cat "$FAKE/root/work/.cmd")" = './program "$HOME"' ]
	[ "$(stat -c %A "$FAKE/root/work/program" "$FAKE/root/work/text")" = $'-rwxr-xr-x\n-rw-r--r--' ]
}

@test "a kernel with a BusyBox of its own gets that, and no program of the machine" {
	echo 32-bit >"$BOOT/busybox"
	echo exit 1 >"$FAKE/end"
	run -125 --separate-stderr rig/vm
	mkdir "$FAKE/root"
	(cd "$FAKE/root" && cpio -i --quiet --no-absolute-filenames <"$LOGDIR/initrd")
	[ "$(readlink "$FAKE/root/bin/sh" "$FAKE/root/bin/timeout")" = $'/usr/bin/busybox\n/usr/bin/busybox' ]
	[ "$(cat "$FAKE/root/usr/bin/busybox")" = 32-bit ]
	[ "$(cd "$FAKE/root" && find . -type f -perm /1 | sort | paste -sd' ')" = "./init ./usr/bin/busybox ./usr/bin/ktap-run" ]
}

# complaint STATUS TEXT: vm ends with one line, TEXT.
complaint() {
	run -2 --separate-stderr rig/vm
	echo "$stderr"
	[ "$stderr" = "$1" ]
}

@test "one clear line: no boot folder" {
	rm "$BOOT/bzImage"
	complaint "vm: error: no $BOOT/bzImage; make it by: make kernel BASE=6.1 VARIANT=patched KERNEL=rig"
}

@test "FRAGMENTS name the boot folder, and the logs" {
	unset BOOT LOGDIR
	build=$BATS_TEST_TMPDIR/build
	FRAGMENTS=" i386  debug" complaint "vm: error: no $build/tree/6.1/out-rig-i386-debug/boot/bzImage; make it by: make kernel BASE=6.1 VARIANT=patched KERNEL=rig FRAGMENTS=\" i386  debug\""
	mkdir -p "$build/tree/6.1/out-rig-i386"
	mv "$BATS_TEST_TMPDIR/boot" "$build/tree/6.1/out-rig-i386/"
	FRAGMENTS=i386 run -0 --separate-stderr rig/vm
	[ -s "$build/log/vm/6.1-patched-rig-i386-1/console.log" ]
}

@test "one clear line: no QEMU" {
	QEMU=no-qemu complaint "vm: error: no program no-qemu; rig/packages vm installs it"
}

@test "one clear line: a BUTTON that is no number, and one without a CMD" {
	BUTTON=0 complaint "vm: error: BUTTON=0 is no number of seconds"
	CMD='' BUTTON=3 complaint "vm: error: BUTTON= is for a VM with a CMD; at the shell it is system_powerdown in QEMU's monitor"
}

@test "one clear line: a TIMEOUT that is no number" {
	TIMEOUT=2m complaint "vm: error: TIMEOUT=2m is no number of seconds"
}

@test "one clear line: FILES that are not there, or collide" {
	FILES=none complaint "initramfs: error: cannot read none"
	mkdir "$FAKE/a" "$FAKE/b"
	touch "$FAKE/a/x" "$FAKE/b/x"
	FILES="$FAKE/a/x $FAKE/b/x" complaint "initramfs: error: two files named x would lie in /work; rename one"
}
