# SPDX-License-Identifier: GPL-2.0-only
# What every script shares: the variables of the verbs with their checks, the folders, one way to speak and to give up.
# Usage: . "$(dirname "$0")/lib.sh"
# shellcheck shell=bash

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${BUILD:-$TOP/build}
CACHE=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kvm-wall-clock}
BASE=${BASE:-6.1}
VARIANT=${VARIANT:-patched}
ACCEL=${ACCEL:-tcg}
EMULATOR=${EMULATOR:-qemu}
KERNEL=${KERNEL:-rig}
FRAGMENTS=${FRAGMENTS:-}
LINUX=${LINUX:-}
TOPIC=${TOPIC:-}
J=${J:-$(nproc)}
V=${V:-}
me=$(basename "$0")

# say TEXT: progress, for people, on stderr; stdout is for the result.
say() { printf '%s: %s\n' "$me" "$*" >&2; }

# die TEXT: one line that names the thing and the mend, then status 2.
die() {
	printf '%s: error: %s\n' "$me" "$*" >&2
	exit 2
}

# usage: prints the header of the calling script, whose answer to -h that is.
usage() { sed -n '/^# SPDX/d; /^# shellcheck/d; 2,/^[^#]/s/^# \{0,1\}//p' "$0"; }
case ${1:-} in -h | --help) usage; exit 0 ;; esac

# lock FILE: one at a time; the lock goes with the process.
lock() {
	mkdir -p "$(dirname "$1")"
	exec {lock_fd}>"$1"
	flock -w 1 "$lock_fd" && return 0
	say "waiting for another run that holds $1"
	flock "$lock_fd"
}

# logged LOG COMMAND...: runs COMMAND with its output in LOG; when it fails, shows the end of LOG and names it.
logged() {
	local log=$1 status=0
	shift
	mkdir -p "$(dirname "$log")"
	if [ -n "$V" ]; then
		"$@" 2>&1 | tee "$log" >&2 || status=$?
	else
		"$@" >"$log" 2>&1 || status=$?
	fi
	[ "$status" = 0 ] && return 0
	tail -n 15 "$log" >&2
	say "failed with status $status: $1; the whole log is $log"
	return "$status"
}

# again_if_lost COMMAND...: once more if the VM was lost (status 124 or 125), as long as fewer than LOST_BUDGET were:
# where the machine below QEMU stops or jumps for a minute, about one VM in a hundred does not survive it. Each loss is
# written to LOST_FILE, its logs stay, and the verdict is that of the second run alone.
LOST_BUDGET=${LOST_BUDGET:-0}
LOST_FILE=${LOST_FILE:-$BUILD/log/lost}
again_if_lost() {
	local status=0
	"$@" || status=$?
	[[ $status =~ ^12[45]$ ]] || return "$status"
	mkdir -p "$(dirname "$LOST_FILE")"
	touch "$LOST_FILE"
	[ "$(wc -l <"$LOST_FILE")" -lt "$LOST_BUDGET" ] || return "$status"
	echo "status $status: $*" >>"$LOST_FILE"
	say "the VM was lost with status $status: once more ($LOST_FILE)"
	"$@"
}

# have_kvm: whether this machine has a /dev/kvm that can be opened. Where there is none, opening alone would make an
# empty file.
have_kvm() { [ -c /dev/kvm ] && : <>/dev/kvm; } 2>/dev/null

# need_space FOLDER MEGABYTES WHAT
need_space() {
	local free
	free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$2" ] || die "$3 needs $2 MB in $1, only $free MB are free there:" \
		"free some, or set ${4:-BUILD}= to a folder with room"
}

# apt_state FOLDER OPTION...: apt_opts is then apt with a state of its own, so that it needs no root, and the machine's
# own lists stay as they are. Which suites there are is the machine's to say, or FOLDER/sources.list.
apt_state() {
	mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
	apt_opts=(-q -o "Dir::State=$1" -o "Dir::Cache=$1/cache" -o Dir::State::status=/var/lib/dpkg/status
		-o Dir::Cache::pkgcache=pkgcache.bin -o Dir::Cache::srcpkgcache=srcpkgcache.bin
		-o APT::Sandbox::User= -o Acquire::Languages=none -o Acquire::Retries=2 "${@:2}")
	[ ! -e "$1/sources.list" ] ||
		apt_opts+=(-o "Dir::Etc::sourcelist=$1/sources.list" -o Dir::Etc::sourceparts=/dev/null)
}

one_of() {
	local name=$1 value=$2 choice
	shift 2
	for choice; do
		[ "$value" = "$choice" ] && return 0
	done
	die "$name=$value is unknown; use one of: $*"
}

bases() { (cd "$TOP/bases" && ls); }

# topics: the stack of BASE: the folders NN-NAME of patches/$BASE, each with a cover and patches, in the order of their
# names.
topics() {
	[ ! -d "$TOP/patches/$BASE" ] ||
		find "$TOP/patches/$BASE" -mindepth 1 -maxdepth 1 ! -name '.*' -printf '%f\n' | LC_ALL=C sort
}

# series_patches [FOLDER...]: the patches of patches/$BASE, or of these of its topics, as FOLDER/NAME, in their order.
series_patches() {
	[ ! -d "$TOP/patches/$BASE" ] ||
		(cd "$TOP/patches/$BASE" && find "${@:-.}" -name '*.patch' | sed 's,^\./,,' | LC_ALL=C sort)
}

# load_base: checks the variables and reads bases/$BASE. BASE=all is for the scripts that loop themselves.
load_base() {
	local topic names=()
	# shellcheck disable=SC2046 # one word a base is meant
	one_of BASE "$BASE" $(bases)
	one_of VARIANT "$VARIANT" patched stock
	one_of ACCEL "$ACCEL" tcg kvm
	one_of EMULATOR "$EMULATOR" qemu bochs
	one_of KERNEL "$KERNEL" rig distro
	for topic in $(topics); do
		[[ -d $TOP/patches/$BASE/$topic && $topic =~ ^[0-9]{2}-[a-z0-9]+(-[a-z0-9]+)*$ ]] ||
			die "patches/$BASE/$topic is no topic, a folder NN-NAME of small letters:" \
				"give it such a name, or move it away"
		[[ " series base ${names[*]} " != *" ${topic#*-} "* ]] || die "patches/$BASE/$topic:" \
			"${topic#*-} is taken: give that topic another name"
		names+=("${topic#*-}")
	done
	[ "$TOPIC" != all ] || TOPIC=
	for topic in $TOPIC; do
		one_of TOPIC "$topic" "${names[@]}" all
	done
	# shellcheck source=/dev/null
	. "$TOP/bases/$BASE"
}

# tests_topics: `PROGRAM TOPIC` of each test program that a topic brings, of any base.
tests_topics() {
	find "$TOP/patches" -name '*.patch' -exec grep -H '^+++ b/tools/testing/selftests/.*_test\.c$' {} + |
		sed 's,.*/..-\([^/:]*\)/[^:]*:.*/\([^/]*\)\.c$,\2 \1,' | sort -u || true
}

# with_needed TOPIC...: the folders of these topics and of what they do not go on without, in the order of the stack:
# all below, or what an entry of ALONE (bases/BASE) has before them.
with_needed() {
	local topic entry
	for topic; do
		# shellcheck disable=SC2086 # a list
		entry=$(printf '%s\n' ${ALONE:-} | grep -m 1 -xE "(.*[+])?$topic") || entry=
		topics | if [ -n "$entry" ]; then grep -xE "..-(${entry//+/|})"; else sed "/^..-$topic$/q"; fi
	done | LC_ALL=C sort -u
}

# one_topic: TOPIC, for whom more than one is none.
one_topic() {
	[ "$(wc -w <<<"$TOPIC")" -le 1 ] || die "TOPIC=\"$TOPIC\" names several topics: name one"
	echo "$TOPIC"
}

# The tree that the user edits is VARIANT=patched; stock is the plain base, never edited. LINUX= has trees of its own.
tree_dir() {
	local name=$BASE
	[ -z "$LINUX" ] || name=$BASE-linux
	if [ "$VARIANT" = patched ]; then echo "$BUILD/tree/$name"; else echo "$BUILD/stock/$name"; fi
}

# in_vm FILE...: how these programs are called in the VM.
# shellcheck disable=SC2046 # a name a word
in_vm() { printf ' ./%s' $(basename -a "$@"); }

# add_program ROOT PROGRAM [NAME]: into ROOT/usr/bin, with the libraries that it needs, if any.
add_program() {
	local program library
	program=$(command -v "$2") || die "no program $2; rig/packages vm installs it"
	install -D "$program" "$1/usr/bin/${3:-$(basename "$2")}"
	{ ldd "$program" 2>/dev/null || true; } | sed -n 's,^[^/]*\(/[^ ]*\) .*,\1,p' | while read -r library; do
		install -D "$library" "$1$library"
	done
}

# add_qemu ROOT [PROGRAM]: QEMU and its firmware, in a folder named root that goes to the VM as one of FILES. CMD then
# begins by $enter_root, and calls by chroot.
add_qemu() {
	local file
	mkdir -p "$1"/{dev,proc,run,sys,tmp,usr/bin,usr/share/qemu}
	add_program "$1" "${2:-qemu-system-x86_64}" qemu-system-x86_64
	for file in bios-256k.bin kvmvapic.bin linuxboot_dma.bin multiboot_dma.bin; do
		find /usr/share/{seabios,qemu} -name $file -exec install -m 644 {} "$1/usr/share/qemu/" \; -quit
	done
}
# shellcheck disable=SC2016,SC2034 # the VM's shell expands it
enter_root='for dir in dev proc sys; do mount --bind /$dir root/$dir || exit 9; done
	mount -t tmpfs tmpfs root/run || exit 9
	'

# ktap_results SECONDS [SUFFIX]: TIMEOUT, by default SECONDS; RESULTS, the file for the KTAP, which is not there as yet.
ktap_results() {
	export TIMEOUT=${TIMEOUT:-$1}
	[[ $TIMEOUT =~ ^[1-9][0-9]*$ ]] || die "TIMEOUT=$TIMEOUT is no number of seconds"
	RESULTS=${RESULTS:-$BUILD/results/$BASE-$VARIANT-$(vm_name)${2:-}.ktap}
	mkdir -p "$(dirname "$RESULTS")"
	rm -f "$RESULTS"
}

# ktap_in_vm PROGRAM...: boots, and runs these by ktap-run, each for three quarters of TIMEOUT; CASE picks. Their KTAP
# is RESULTS, counts and status are what it is worth. A VM that is lost ends the script with that status.
ktap_in_vm() {
	local vm_status=0
	CMD="ktap-run -l $((TIMEOUT * 3 / 4))"
	[ -z "${CASE:-}" ] || CMD+=" -c '${CASE//\'/\'\\\'\'}'"
	CMD+=$(in_vm "$@")
	export CMD FILES="${FILES:-} $*"
	say "running$(in_vm "$@" | sed 's,\./,,g') on $BASE, $VARIANT, $(vm_name)"
	"$TOP/rig/vm" >"$RESULTS.tmp" || vm_status=$?
	status=0
	counts=$("$TOP/rig/ktap" "$RESULTS.tmp") || status=$?
	if [[ ! $vm_status =~ ^[014]$ ]]; then
		say "the VM was lost with status $vm_status (see above); what had come until then: ${counts:-nothing}"
		exit "$vm_status"
	fi
	mv "$RESULTS.tmp" "$RESULTS"
	if [ "$status" != "$vm_status" ]; then
		say "ktap-run ended with status $vm_status, but its stream is worth status $status: $RESULTS"
		status=1
	fi
}

# kernel_name: KERNEL and the fragments of rig/kconfig/ it has beside base: rig, rig-i386.
kernel_name() {
	# shellcheck disable=SC2086 # a list
	printf '%s\n' "$KERNEL" $FRAGMENTS | paste -sd-
}

# vm_name: that and the emulator, unless it is QEMU.
vm_name() { echo "$(kernel_name)$([ "$EMULATOR" = qemu ] || echo "-$EMULATOR")"; }

# Build output lies one level below its tree: Kbuild then names the source "..", and ccache serves every tree alike.
out_dir() { echo "$(tree_dir)/out-$(kernel_name)"; }
