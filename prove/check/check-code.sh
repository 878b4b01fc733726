# SPDX-License-Identifier: GPL-2.0-only
# The steps of prove/check/check on the tree as it is after a patch: check_STEP NUMBER PATCH. What is new is so against the plain base.
# Status 3: there is nothing in this patch that the step is about.
# Usage: . "$(dirname "$0")/check-code.sh" (by prove/check/check)
# shellcheck shell=bash disable=SC2154,SC2317 # the variables are those of prove/check/check, which calls the functions by name

# warnings LOG: what a compiler, sparse, Sphinx or a semantic patch objects to there, without line numbers, sorted.
warnings() {
	grep -aE ':[0-9]+(:[0-9]+|-[0-9]+)?:|(WARNING|warning|error|ERROR|Error):' "$1" | grep -aivE ': (note|info):|In function|In file included' |
		sed -E "s,$tree/,,g; s,^(\.\./)+,,; s/:[0-9]+([:-][0-9]+)*:/:/g; s/line [0-9]+/line/g" | LC_ALL=C sort
}

# nothing_new LOG BASE_LOG
nothing_new() {
	local new
	new=$(LC_ALL=C comm -23 <(warnings "$1") <(warnings "$2"))
	[ -z "$new" ] || { printf 'new: %s\n' "${new//$'\n'/$'\nnew: '}"; return 1; }
}

# compared NUMBER STEP COMMAND...: runs it; nothing new against what it says on the base, where NUMBER is 0000.
compared() {
	local said=$log/$1-$2.said
	LC_ALL=C "${@:3}" >"$said" 2>&1 || { tail -n 15 "$said"; return 1; }
	[ "$1" = 0000 ] || nothing_new "$said" "$log/0000-$2.said"
}

# prefix N: the tree with the first N patches.
prefix() {
	cut_series "${patches[@]:0:$1}"
	[ "$(rig tree)" = "$tree" ]
}

# sources: what the series compiles in arch/x86 and of KVM's generic code, as far as it is there. A header is compiled by those.
sources() {
	local file
	git -C "$tree" diff --name-only base "$tip" -- 'arch/x86/*.c' 'virt/kvm/*.c' | while read -r file; do
		[ ! -e "$tree/$file" ] || echo "$file"
	done
	[ -z "$(git -C "$tree" diff --name-only base "$tip" -- arch/x86/include/asm/pvclock.h)" ] || echo arch/x86/kernel/pvclock.c
}

# objects OUT ARGUMENT...: these alone. The generic code is built from the folder of the architecture's.
objects() {
	local all
	mapfile -t all < <(sources | sed 's,^virt/,arch/x86/kvm/../../../virt/,; s/c$/o/')
	(. "$TOP/rig/kbuild.sh" && kmake "$tree" O="$tree/$1" LOCALVERSION= "${@:2}" "${all[@]}")
}

# code PATCH: whether it changes any.
code() { touched "$1" | grep -qE '\.[chS]$|Makefile|Kbuild|Kconfig'; }
kernel_code() { touched "$1" | grep -qE '^(arch|virt|include|kernel)/.*\.[chS]$'; }

# prepare_code: what the steps need of the whole series; then what they say on the base.
prepare_code() {
	local step
	tip=$(git -C "$tree" rev-parse refs/rig/exported)
	if wants boot alone; then
		rig kselftests >"$log/selftests" && rig kselftests "$(dirname "${SELFTEST##* }")/kvm_clock_test" >"$log/kvm_clock_test" || return
		cat "$log/selftests" "$log/kvm_clock_test" | xargs -d '\n' cp -t "$work"
		mapfile -t programs < <(sed "s,.*/,$work/," "$log/selftests")
	fi
	[ "${*:-}" != programs ] || return 0
	prefix 0 || return
	! wants w1 sparse guest || rig config "$tree/out-check" base || return
	! wants i386 || rig config "$tree/out-check-i386" base i386 || return
	for step in w1 sparse i386 guest sphinx cocci; do
		wants $step || continue
		say "what $step says on the plain $BASE (at $SECONDS s)"
		"run_$step" || { say "$step fails on the plain base"; return 1; }
	done
}

# built: the kernel of the tree as it is, without a warning; for selftests, these and those of the series that are there, likewise.
built() { rig kernel && ! grep -ai 'warning:' "$work/log/kernel-$BASE-patched-rig.log"; }

check_build() {
	local tests
	code "$2" || return 3
	built || return 1
	touched "$2" | grep -q '^tools/testing/selftests/kvm/' || return 0
	mapfile -t tests < <({ tr ' ' '\n' <<<"$SELFTEST" && touched "$2" | sed -n 's,^tools/testing/selftests/kvm/\(x86.*\)\.c$,\1,p'; } | sort -u |
		while read -r test; do [ ! -e "$tree/tools/testing/selftests/kvm/$test.c" ] || echo "$test"; done)
	[ ${#tests[@]} = 0 ] || { rig kselftests "${tests[@]}" && ! grep -ai 'warning:' "$work/log/kselftests-$BASE.log"; }
}

run_w1() { compared "${1:-0000}" w1 objects out-check W=1; }
check_w1() { kernel_code "$2" || return 3; run_w1 "$1"; }

# C=2: also what was compiled before. Debian's sparse does not know __typeof_unqual__, without which newer kernels do not call it at
# all; qualifiers that it would take off are nothing that sparse objects to.
run_sparse() {
	local source
	compared "${1:-0000}" sparse objects out-check C=2 CHECK='sparse -D__typeof_unqual__=__typeof__' || return
	for source in $(sources); do
		grep -q "CHECK .*$source" "$log/${1:-0000}-sparse.said" || { echo "sparse was not run on $source"; return 1; }
	done
}
check_sparse() { kernel_code "$2" || return 3; run_sparse "$1"; }

run_i386() { compared "${1:-0000}" i386 objects out-check-i386 W=1; }
check_i386() { kernel_code "$2" || return 3; run_i386 "$1"; }

# asm/pvclock.h is of guests and the vDSO, too: what they compile of it stays as it is, instruction by instruction.
guest_objects() { (. "$TOP/rig/kbuild.sh" && kmake "$tree" O="$tree/out-check" LOCALVERSION= "$@"); }
run_guest() {
	local vdso=arch/x86/entry/vdso code=$log/${1:-0000}-guest.code objects
	[ ! -d "$tree/$vdso/vdso64" ] || vdso+=/vdso64
	objects=(arch/x86/kernel/{pvclock,kvmclock}.o "$vdso/vclock_gettime.o")
	guest_objects "${objects[@]}" || return
	(cd "$tree/out-check" && printf '%s\n' "${objects[@]}" | xargs -n 1 objdump -d) >"$code" || return
	grep -q '<pvclock_clocksource_read.*>:' "$code" || { echo "the clock of guests is not in $code"; return 1; }
	[ -z "${1:-}" ] || diff -U3 "$log/0000-guest.code" "$code"
}
check_guest() { touched "$2" | grep -q '/asm/pvclock\.h$' || return 3; run_guest "$1"; }

# docs: the folders of the documentation that the series touches, two levels deep.
docs() {
	git -C "$tree" diff --name-only base "$tip" -- 'Documentation/*.rst' | sed 's,/[^/]*$,,' | cut -d/ -f2,3 | sort -u
}
run_sphinx() {
	local folders
	folders=$(docs | paste -sd' ')
	[ -n "$folders" ] || return 0
	html() (rm -rf "$tree/out-docs" && . "$TOP/rig/kbuild.sh" && with_debian_python kmake "$tree" O="$tree/out-docs" SPHINXDIRS="$folders" htmldocs)
	compared "${1:-0000}" sphinx html || return
	find "$tree/out-docs" -name index.html | grep -q . || { echo "Sphinx made no HTML"; return 1; }
}
check_sphinx() { touched "$2" | grep -q '^Documentation/.*\.rst$' || return 3; run_sphinx "$1"; }

# One semantic patch and one file at a time: scripts/coccicheck stops at the first that spatch cannot run. Those are reports, too,
# which the base has as well. What was said of a file is kept by the file's content.
semantic() {
	local file=$1 kept=$work/cocci/$2
	[ ! -e "$kept" ] || { cat "$kept"; return; }
	mkdir -p "$work/cocci"
	# shellcheck disable=SC2016 # the shell that xargs starts expands it
	find "$tree/scripts/coccinelle" -name '*.cocci' | LC_ALL=C sort | (
		cd "$tree" && srctree=. C=2 MODE=report DEBUG_FILE=/dev/null LINUXINCLUDE='-I./arch/x86/include -I./include' V='' \
			xargs -P "$J" -I{} sh -c 'COCCI=$1 bash scripts/coccicheck "$2" && echo "ran $1" || echo "$1: error: does not run"' sh {} "$file"
	) >"$kept.new" 2>&1 || true
	grep -q '^ran ' "$kept.new" || { cat "$kept.new"; return 1; }
	grep -E ':[0-9]+:[0-9]+-[0-9]+: |: error: does not run$' "$kept.new" | LC_ALL=C sort >"$kept" || true
	cat "$kept"
}
all_semantic() {
	local file
	for file in $(sources); do
		semantic "$file" "$BASE-$(git -C "$tree" hash-object "$tree/$file")-$(basename "$file")" || return
	done
}
run_cocci() { compared "${1:-0000}" cocci all_semantic; }
check_cocci() { kernel_code "$2" || return 3; run_cocci "$1"; }

# cure CASE: the topic that cures it by prove/expect/BASE-cured; nothing where every kernel has to pass it.
cure() { awk -v name="$1" '{ sub(/^\?/, "", $1) } $1 == name { print $2 }' "$TOP/prove/expect/$BASE-cured"; }

# booted KTAP NEXT TOPIC...: boots the kernel of the tree, which has these topics. The base's kvm_clock_test passes. Of the tests of the
# whole stack a case passes if one of the topics cures it, or if none of the stack does; one that NEXT cures fails, but with ? it may be lucky.
booted() {
	local ktap=$1 next=$2 has=" ${*:3} " status=0 result case skip by bad=0 want program
	boot() {
		TIMEOUT=500 CMD="ktap-run -l 240$(in_vm "${programs[@]}") ./kvm_clock_test" FILES="${programs[*]} $work/kvm_clock_test" rig vm >"$ktap"
	}
	again_if_lost boot || status=$?
	[[ $status =~ ^[014]$ ]] || { echo "the VM was lost, status $status"; return 1; }
	want=$(for program in "${programs[@]}"; do "$program" -h; done | grep -c '^  [a-z0-9_]*$')
	[ "$(cases "$ktap" | wc -l)" = "$want" ] || { echo "$(cases "$ktap" | wc -l) cases of $want gave a result ($ktap)"; return 1; }
	grep -q '^ok [0-9]* kvm_clock_test$' "$ktap" || { echo "kvm_clock_test did not pass ($ktap)"; return 1; }
	while read -r result case skip; do
		[ "$result" != not ] || { result='not ok' case=$skip skip=; }
		by=$(cure "$case")
		[ -z "$by" ] || topics | grep -qx "..-$by" || { echo "prove/expect/$BASE-cured: $case is cured by $by, a topic that the stack does not have"; return 1; }
		if [ "$result" = 'not ok' ] && [[ -z $by || $has = *" $by "* ]]; then
			echo "$case fails, though $([ -n "$by" ] && echo "$by has cured it" || echo "the plain base passes it") ($ktap)"
			bad=1
		elif [ "$result$skip" = ok ] && [ "$by" = "$next" ] && [ -n "$by" ] && ! grep -q "^?$case " "$TOP/prove/expect/$BASE-cured"; then
			echo "$case passes without $by, which is to cure it ($ktap)"
			bad=1
		fi
	done < <(cases "$ktap")
	return $bad
}

# After the last patch of each topic.
check_boot() {
	local folder=${2%/*} names next
	[ "$(series_patches "$folder" | tail -n 1)" = "$2" ] || return 3
	names=$(topics | sed "/^$folder$/q" | sed 's/^..-//' | paste -sd' ')
	next=$(topics | sed "1,/^$folder$/d" | sed -n '1s/^..-//p')
	rig kernel >/dev/null || return
	# shellcheck disable=SC2086 # a list
	booted "$results/check-$BASE-$folder.ktap" "$next" $names
}

# On the plain base, without the others: by git am, no fuzz; the tree that the rig makes of them is that one.
check_alone() {
	local entry list status=0 result=4
	prepare_code programs || return
	for entry in $ALONE; do
		list=$(alone "$entry") || { echo "$list"; continue; }
		result=0
		echo "== $entry"
		# shellcheck disable=SC2086 # lists
		{
			tree_id=$(plain_am $list) && cut_series $list && rig tree && built &&
				[ "$(git -C "$tree" rev-parse 'HEAD^{tree}')" = "$tree_id" ] && booted "$results/check-$BASE-alone-$entry.ktap" '' ${entry//+/ }
		} || { echo "$entry does not stand alone"; status=1; }
	done
	copy_series "$work/top"
	[ "$result$status" != 40 ] || return 4
	return $status
}

# The KVM selftests of the base, all of them.
check_suite() { rig prove/suite/check-suite; }
