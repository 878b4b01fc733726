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
	unset APPEND CPU EMULATOR FILES FRAGMENTS IPS MEM QEMU_ARGS SMP TIMEOUT ACCEL BASE VARIANT KERNEL LINUX
	mkdir -p "$BOOT" "$FAKE"
	echo kernel >"$BOOT/bzImage"
	echo 6.1.192 >"$BOOT/release"
	: >"$BOOT/modules.cpio"
	good
}

# good: the VM ends well, without output.
good() {
	echo exit >"$FAKE/end"
	console clean
	verdict "status 0" "stdout 0" "stderr 0" "tainted 0" end ""
}

# console CASE: the VM's console log is that of fixtures/splat/CASE.
console() { cp "tests/fixtures/splat/$1/console.log" "$FAKE/console"; }

# splat CASE: what is found in it, as a pattern.
splat() { sed 's/[][]/\\&/g' "tests/fixtures/splat/$1/expected-output"; }

# verdict LINE...: what the VM says after its start.
verdict() { printf '%s\n' "start 6.1.192" "$@" >"$FAKE/verdict"; }

# lost STATUS REASON: so ends a run. REASON is a pattern.
lost() {
	local start="vm: LOST (" end="), log $LOGDIR/console.log"
	run "-$1" --separate-stderr rig/vm
	echo "$stderr"
	# shellcheck disable=SC2027,SC2053 # a pattern between two texts
	[[ ${stderr_lines[-1]} == "$start"$2"$end" ]]
}

# unpacked: what the VM got, in $FAKE/root.
unpacked() {
	mkdir "$FAKE/root"
	(cd "$FAKE/root" && cpio -i --quiet --no-absolute-filenames <"$LOGDIR/initrd")
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

@test "CMD's own status is handed through, also one that looks like a lost VM" {
	for status in 7 125; do
		verdict "status $status" "stdout 0" "stderr 0" "tainted 0" end ""
		run -$status --separate-stderr rig/vm
		[ "${stderr_lines[-1]}" = "vm: status $status" ]
	done
}

@test "lost: panic, splat, taint, an empty console, although CMD's status is 0" {
	console warning
	lost 125 "$(splat warning)"
	[ -s "$LOGDIR/initrd" ]
	rm "$FAKE/console"
	lost 125 "the console log is empty"
	good
	verdict "status 0" "stdout 0" "stderr 0" "tainted 512" end ""
	lost 125 "the kernel is tainted: 512"
	verdict
	console panic
	lost 125 "*Kernel panic - not syncing: Fatal exception in interrupt"
}

@test "lost: no verdict, or one that is cut off anywhere" {
	whole=$(cat "$FAKE/verdict")
	for ((length = 1; length < ${#whole}; length += 13)); do
		printf '%s' "${whole:0:length}" >"$FAKE/verdict"
		lost 125 "died without a verdict; the last it said was: *"
	done
	verdict "error the TSC is not in use after 30 s" end ""
	lost 125 "the VM could not run CMD: the TSC is not in use after 30 s"
	rm "$FAKE/verdict"
	lost 125 "died before it could run CMD: no verdict"
	echo "init: error: no virtio-serial ports" >>"$FAKE/console"
	lost 125 "died before it could run CMD: no virtio-serial ports"
}

@test "lost: output that did not arrive, another kernel than the one asked for, a QEMU that fails" {
	echo half >"$FAKE/stdout"
	verdict "status 0" "stdout 10" "stderr 0" "tainted 0" end ""
	lost 125 "CMD wrote 10 bytes to stdout, 5 arrived"
	rm "$FAKE/stdout"
	good
	echo 6.1.193 >"$BOOT/release"
	lost 125 "release 6.1.192 was booted, not 6.1.193"
	echo 'echo "invalid accelerator" >&2; exit 1' >"$FAKE/end"
	lost 125 "$QEMU ended with status 1: invalid accelerator"
}

@test "hung, with a splat; and deaf to TERM" {
	verdict
	console rcu-stall
	echo 'exec sleep 100' >"$FAKE/end"
	TIMEOUT=1 lost 124 "hung: not ended after 1 s; $(splat rcu-stall)"
	console clean
	echo 'trap "" TERM; while :; do sleep 0.1; done' >"$FAKE/end"
	TIMEOUT=1 lost 124 "hung: not ended after 1 s"
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

@test "no QEMU is left behind by Ctrl-C, TERM or KILL" {
	echo 'echo $$ >"$FAKE/pid"; exec sleep 100' >"$FAKE/end"
	for signal in INT:130 TERM:143 KILL:137; do
		rm -f "$FAKE/pid"
		env --default-signal=INT rig/vm >/dev/null 2>&1 3>&- &
		until [ -s "$FAKE/pid" ]; do sleep 0.02; done
		kill -"${signal%:*}" $!
		status=0
		wait $! || status=$?
		[ "$status" = "${signal#*:}" ]
		timeout 2 tail -f --pid="$(cat "$FAKE/pid")" /dev/null
	done
}

@test "QEMU's command line: printed, kept, with what was asked for" {
	APPEND='clocksource=hpet kvm.x=1' QEMU_ARGS='-icount shift=0,sleep=off' CPU=max,+invtsc SMP=1 MEM=512M \
		run -0 --separate-stderr rig/vm
	grep -F -- "-cpu max,+invtsc -smp 1 -m 512M " "$LOGDIR/qemu.cmd"
	grep -F -- "panic_on_warn=1 clocksource=hpet kvm.x=1'" "$LOGDIR/qemu.cmd"
	grep -F -- "-icount shift=0,sleep=off" "$LOGDIR/qemu.cmd"
	grep -F -- "-nodefaults -no-user-config -no-reboot" "$LOGDIR/qemu.cmd"
	[[ $stderr == *"$(cat "$LOGDIR/qemu.cmd")"* ]]
	ACCEL=kvm run -0 --separate-stderr rig/vm
	grep -F -- "-accel kvm -cpu host,migratable=off " "$LOGDIR/qemu.cmd"
}

@test "a log folder of its own for every run, a comma in its name; FRAGMENTS name it, and the boot folder" {
	unset BOOT LOGDIR
	export BUILD=$BATS_TEST_TMPDIR/build,1 FRAGMENTS=" i386  debug"
	complaint "vm: error: no $BUILD/tree/6.1/out-rig-i386-debug/boot/bzImage; \
make it by: make kernel BASE=6.1 VARIANT=patched KERNEL=rig FRAGMENTS=\" i386  debug\""
	mkdir -p "$BUILD/tree/6.1/out-rig-i386-debug"
	mv "$BATS_TEST_TMPDIR/boot" "$BUILD/tree/6.1/out-rig-i386-debug/"
	for n in 1 2; do
		run -0 --separate-stderr rig/vm
		[ -s "$BUILD/log/vm/6.1-patched-rig-i386-debug-$n/console.log" ]
	done
}

@test "FILES are in the VM's folder, executable bits kept, beside CMD" {
	printf '#!/bin/sh\n' >"$FAKE/program"
	chmod 755 "$FAKE/program"
	echo text >"$FAKE/text"
	echo exit 1 >"$FAKE/end"
	CMD='./program "$HOME"' FILES="$FAKE/program $FAKE/text" run -125 --separate-stderr rig/vm
	unpacked
	[ "$(cat "$FAKE/root/work/.cmd")" = './program "$HOME"' ]
	[ "$(stat -c %A "$FAKE/root/work/program" "$FAKE/root/work/text")" = $'-rwxr-xr-x\n-rw-r--r--' ]
	[ -x "$FAKE/root/usr/bin/timeout" ]
}

@test "a kernel with a BusyBox of its own gets that, and no program of the machine" {
	echo 32-bit >"$BOOT/busybox"
	echo exit 1 >"$FAKE/end"
	run -125 --separate-stderr rig/vm
	unpacked
	[ "$(cat "$FAKE/root/usr/bin/busybox")" = 32-bit ]
	diff - <(cd "$FAKE/root" && find . -type f -perm /1 | sort) <<-'END'
		./init
		./usr/bin/busybox
		./usr/bin/ktap-run
	END
}

# complaint TEXT: vm ends with one line, TEXT.
complaint() {
	run -2 --separate-stderr rig/vm
	echo "$stderr"
	[ "$stderr" = "$1" ]
}

@test "one clear line: no QEMU, no number, FILES that are not there, or collide" {
	QEMU=no-qemu complaint "vm: error: no program no-qemu; rig/packages vm installs it"
	BUTTON=0 complaint "vm: error: BUTTON=0 is no number of seconds"
	CMD='' BUTTON=3 complaint "vm: error: BUTTON= is for a VM with a CMD;\
 at the shell it is system_powerdown in QEMU's monitor"
	TIMEOUT=2m complaint "vm: error: TIMEOUT=2m is no number of seconds"
	FILES=none complaint "initramfs: error: cannot read none"
	mkdir "$FAKE/a" "$FAKE/b"
	touch "$FAKE/a/x" "$FAKE/b/x"
	FILES="$FAKE/a/x $FAKE/b/x" complaint "initramfs: error: two files named x would lie in /work; rename one"
}

in_bochs() { export EMULATOR=bochs BOCHS=$QEMU; }

@test "Bochs: the same verdict, when it ends by the triple fault that a reboot is, and only then" {
	in_bochs
	rebooted="echo Bochs is exiting with the following message: >&2
		echo '[CPU0  ] exception(): 3rd (13) exception with no resolution' >&2; exit 1"
	echo "$rebooted" >"$FAKE/end"
	printf 'to stdout\nno newline' >"$FAKE/stdout"
	verdict "status 7" "stdout 20" "stderr 0" "tainted 0" end ""
	APPEND=clocksource=hpet IPS=100003000 MEM=512M run -7 --separate-stderr rig/vm
	[ "$output" = $'to stdout\nno newline' ]
	grep -q "^megs: 512$" "$LOGDIR/bochsrc"
	grep -q "ips=100003000," "$LOGDIR/bochsrc"
	verdict "status 7"
	lost 125 "died without a verdict; the last it said was: status 7"
	good
	echo "${rebooted/3rd*resolution/bad}" >"$FAKE/end"
	lost 125 "$BOCHS ended with status 1: [[]CPU0  []] exception(): bad"
	echo 'exec sleep 100' >"$FAKE/end"
	TIMEOUT=1 lost 124 "hung: not ended after 1 s"
}

@test "Bochs: what is for QEMU alone is refused" {
	in_bochs
	for words in ACCEL=kvm SMP=2 CPU=max QEMU_ARGS=-s BUTTON=3; do
		(export "${words?}" && complaint "vm: error: ACCEL=kvm, SMP=, CPU=, QEMU_ARGS= and BUTTON= are for \
QEMU: leave them out, or EMULATOR=bochs")
	done
	CMD='' complaint "vm: error: EMULATOR=bochs has no shell: give it a CMD="
	EMULATOR=simics complaint "vm: error: EMULATOR=simics is unknown; use one of: qemu bochs"
}
