# SPDX-License-Identifier: GPL-2.0-only
# The steps of prove/check/check on the tree as it is after a patch: check_STEP NUMBER PATCH. Those that look for what
# is new first run with NUMBER 0000, on the plain base.
# Usage: . "$(dirname "$0")/check-code.sh" (by prove/check/check and ci/test)
# shellcheck shell=bash disable=SC2034,SC2154,SC2317 # the caller's variables; it calls the functions by name

# What a patch has to change for a step to be about it.
kernel_code='^(arch|virt|include|kernel)/.*\.[chS]$'
declare -gA about=(
	[build]='\.[chS]$|Makefile|Kbuild|Kconfig' [w1]=$kernel_code [sparse]=$kernel_code [i386]=$kernel_code
	[guest]='/asm/pvclock\.h$' [sphinx]='^Documentation/.*\.rst$' [cocci]=$kernel_code
)

# warnings LOG: what a compiler, sparse, Sphinx or a semantic patch objects to there, without line numbers, sorted.
warnings() {
	grep -aE ':[0-9]+(:[0-9]+|-[0-9]+)?:|(WARNING|warning|error|ERROR|Error):' "$1" |
		grep -aivE ': (note|info):|In function|In file included' |
		sed -E "s,$tree/,,g; s,^(\.\./)+,,; s/:[0-9]+([:-][0-9]+)*:/:/g; s/line [0-9]+/line/g" | LC_ALL=C sort
}

# compared NUMBER STEP COMMAND...: runs it; nothing new against what it says on the base, where NUMBER is 0000.
compared() {
	local said=$log/$1-$2.said
	LC_ALL=C "${@:3}" >"$said" 2>&1 || { tail -n 15 "$said"; return 1; }
	! LC_ALL=C comm -23 <(warnings "$said") <(warnings "$log/0000-$2.said") | sed 's/^/new: /' | grep .
}

# check_prefix NUMBER PATCH: the tree up to it. Status 3, as this checks nothing.
check_prefix() {
	cut_series "${patches[@]:0:$(place "$2")}" && rig tree && return 3
}

# changed PATHSPEC...: the files that the whole series changes.
changed() { git -C "$tree" diff --name-only base "$tip" -- "$@"; }

# sources: what the series compiles in arch/x86 and of KVM's generic code, as far as it is there. A header is compiled
# by those.
sources() {
	local file
	for file in $(changed 'arch/x86/*.c' 'virt/kvm/*.c'); do
		[ ! -e "$tree/$file" ] || echo "$file"
	done
	[ -z "$(changed arch/x86/include/asm/pvclock.h)" ] || echo arch/x86/kernel/pvclock.c
}

# make_in OUT ARGUMENT...
make_in() { (. "$TOP/rig/kbuild.sh" && kmake "$tree" O="$tree/$1" LOCALVERSION= "${@:2}"); }

# objects OUT ARGUMENT...: those of the sources alone. The generic code is built from the folder of the architecture's.
objects() {
	local all
	mapfile -t all < <(sources | sed 's,^virt/,arch/x86/kvm/../../../virt/,; s/c$/o/')
	make_in "$@" "${all[@]}"
}

# prepare_programs: the tests of the whole series, and the base's own clock test.
prepare_programs() {
	rig kselftests >"$log/programs" || return
	rig kselftests "$(dirname "${SELFTEST##* }")/kvm_clock_test" >"$log/kvm_clock_test" || return
	cat "$log/programs" "$log/kvm_clock_test" | xargs -d '\n' cp -t "$work"
	mapfile -t programs < <(sed "s,.*/,$work/," "$log/programs")
}

# check_base: what the steps need, of the whole series and then of the plain base.
check_base() {
	local step
	! wants boot || prepare_programs || return 1
	cut_series && rig tree || return 1
	! wants w1 sparse guest || rig config "$tree/out-check" base || return 1
	! wants i386 || rig config "$tree/out-check-i386" base i386 || return 1
	for step in w1 sparse i386 guest sphinx cocci; do
		! wants $step || "check_$step" 0000 || { echo "$step fails on the plain base"; return 1; }
	done
	return 3
}

# built: the kernel of the tree as it is, without a warning.
built() { rig kernel && ! grep -ai 'warning:' "$work/log/kernel-$BASE-patched-rig.log"; }

# For a selftest those of the series that are there, likewise.
check_build() {
	local test tests=()
	built || return
	touched "$2" | grep -q '^tools/testing/selftests/kvm/' || return 0
	for test in $SELFTEST $(touched "$2" | sed -n 's,^tools/testing/selftests/kvm/\(x86.*\)\.c$,\1,p'); do
		[ ! -e "$tree/tools/testing/selftests/kvm/$test.c" ] || tests+=("$test")
	done
	[ ${#tests[@]} -gt 0 ] || return 0
	rig kselftests "${tests[@]}" && ! grep -ai 'warning:' "$work/log/kselftests-$BASE.log"
}

check_w1() { compared "$1" w1 objects out-check W=1; }
check_i386() { compared "$1" i386 objects out-check-i386 W=1; }

# C=2: also what was compiled before. Debian's sparse does not know __typeof_unqual__, without which newer kernels do
# not call it at all; qualifiers that it would take off are nothing that sparse objects to.
check_sparse() {
	local source
	compared "$1" sparse objects out-check C=2 CHECK='sparse -D__typeof_unqual__=__typeof__' || return
	for source in $(sources); do
		grep -q "CHECK .*$source" "$log/$1-sparse.said" || { echo "sparse was not run on $source"; return 1; }
	done
}

# asm/pvclock.h is of guests and the vDSO, too: what they compile of it stays as it is, instruction by instruction.
check_guest() {
	local vdso=arch/x86/entry/vdso code=$log/$1-guest.code objects
	[ ! -d "$tree/$vdso/vdso64" ] || vdso+=/vdso64
	objects=(arch/x86/kernel/{pvclock,kvmclock}.o "$vdso/vclock_gettime.o")
	make_in out-check "${objects[@]}" || return
	(cd "$tree/out-check" && printf '%s\n' "${objects[@]}" | xargs -n 1 objdump -d) >"$code" || return
	grep -q '<pvclock_clocksource_read.*>:' "$code" || { echo "the clock of guests is not in $code"; return 1; }
	diff -U3 "$log/0000-guest.code" "$code"
}

# The folders of the documents that the series changes, two levels deep.
html() {
	rm -rf "$tree/out-docs"
	with_debian_python make_in out-docs SPHINXDIRS="$1" htmldocs
}
check_sphinx() {
	local folders
	folders=$(changed 'Documentation/*.rst' | sed 's,/[^/]*$,,' | cut -d/ -f2,3 | sort -u | paste -sd' ')
	[ -n "$folders" ] || return 0
	compared "$1" sphinx html "$folders" || return
	find "$tree/out-docs" -name index.html | grep -q . || { echo "Sphinx made no HTML"; return 1; }
}

# semantic FILE: one semantic patch at a time, as scripts/coccicheck stops at the first that spatch cannot run. Those
# are reports, too, which the base has as well.
semantic() (
	cd "$tree" || return
	export srctree=. C=2 MODE=report DEBUG_FILE=/dev/null LINUXINCLUDE='-I./arch/x86/include -I./include' V=''
	# shellcheck disable=SC2016 # the shell that xargs starts expands it
	find scripts/coccinelle -name '*.cocci' | LC_ALL=C sort | FILE=$1 xargs -P "$J" -I{} sh -c \
		'COCCI=$1 bash scripts/coccicheck "$FILE" && echo "ran $1" || echo "$1: error: does not run"' sh {} 2>&1
)

# What was said of a file is kept by the file's content.
all_semantic() {
	local file kept
	mkdir -p "$work/cocci"
	for file in $(sources); do
		kept=$work/cocci/$BASE-$(git -C "$tree" hash-object "$tree/$file")-$(basename "$file")
		if [ ! -e "$kept" ]; then
			semantic "$file" >"$kept.new" || true
			grep -q '^ran ' "$kept.new" || { cat "$kept.new"; return 1; }
			grep -E ':[0-9]+:[0-9]+-[0-9]+: |: error: does not' "$kept.new" | LC_ALL=C sort >"$kept" || true
		fi
		cat "$kept"
	done
}
check_cocci() { compared "$1" cocci all_semantic; }

# booted KTAP NEXT TOPIC...: boots the kernel of the tree, which has these topics. The base's kvm_clock_test passes. Of
# the tests of the whole stack a case passes, but for those that prove/expect/BASE-cured has another topic for; one that
# NEXT cures fails, but with ? it may be lucky.
booted() {
	local ktap=$1 status=0 want got program
	boot() (
		export TIMEOUT=500 FILES="${programs[*]} $work/kvm_clock_test"
		CMD="ktap-run -l 240$(in_vm "${programs[@]}") ./kvm_clock_test" rig vm >"$ktap"
	)
	again_if_lost boot || status=$?
	[[ $status =~ ^[014]$ ]] || { echo "the VM was lost, status $status"; return 1; }
	want=$(for program in "${programs[@]}"; do "$program" -h; done | grep -c '^  [a-z0-9_]*$')
	got=$(cases "$ktap" | wc -l)
	[ "$got" = "$want" ] || { echo "$got cases of $want gave a result ($ktap)"; return 1; }
	grep -q '^ok [0-9]* kvm_clock_test$' "$ktap" || { echo "kvm_clock_test did not pass ($ktap)"; return 1; }
	cases "$ktap" | awk -v coming="$2" -v has=" ${*:3} " -v stack=" $(topics | sed 's/^..-//' | paste -sd' ') " '
		function wrong(text) { print text; bad = 1 }
		!results { lucky = sub(/^\?/, ""); cure[$1] = $2; sure[$1] = !lucky; next }
		{ failed = sub(/^not /, ""); by = cure[$2] }
		by && !index(stack, " " by " ") {
			wrong($2 " is cured by " by ", a topic that the stack does not have")
		}
		failed && !by { wrong($2 " fails, though the plain base passes it") }
		failed && by && index(has, " " by " ") { wrong($2 " fails, though " by " has cured it") }
		!failed && !$3 && by && by == coming && sure[$2] {
			wrong($2 " passes without " by ", which is to cure it")
		}
		END { exit bad }' "$TOP/prove/expect/$BASE-cured" results=1 -
}

# After the last patch of each topic.
check_boot() {
	local folder=${2%/*}
	[ "$(series_patches "$folder" | tail -n 1)" = "$2" ] || return 3
	rig kernel >/dev/null || return
	# shellcheck disable=SC2046 # lists
	booted "$results/check-$BASE-$folder.ktap" "$(topics | sed "1,/^$folder$/d" | sed -n '1s/^..-//p')" \
		$(topics | sed "s/^..-//; /^${folder#??-}$/q")
}

# On the plain base, without the others: by git am, no fuzz; the tree that the rig makes of them is that one.
check_alone() {
	local entry list status=4
	prepare_programs || return
	for entry in $ALONE; do
		list=$(alone "$entry") || { echo "$list"; continue; }
		[ $status != 4 ] || status=0
		echo "== $entry"
		# shellcheck disable=SC2086 # lists
		{
			tree_id=$(plain_am $list) && cut_series $list && rig tree && built &&
				[ "$(git -C "$tree" rev-parse 'HEAD^{tree}')" = "$tree_id" ] &&
				booted "$results/check-$BASE-alone-$entry.ktap" '' ${entry//+/ }
		} || { echo "$entry does not stand alone"; status=1; }
	done
	copy_series "$(copy)"
	return $status
}
