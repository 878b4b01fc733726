#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# prove/mutants/mutants with a toy kernel of one file: what its lines say is what the toy selftest does on it. Nothing
# is compiled or booted.

# shellcheck disable=SC2016,SC2154 # what expands in the toy scripts only; bats sets stderr and stderr_lines

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

setup() {
	REPO=$BATS_TEST_TMPDIR
	variables
	top "$BATS_TEST_TMPDIR/top"
	cd "$BATS_TEST_TMPDIR/top" || return
	mkdir -p prove/mutants/9.9/with patches/9.9/0{1-one,2-two}
	echo 'SELFTEST=x86_64/toy_test' >>bases/9.9
	export MADE=$BATS_TEST_TMPDIR/made
	script kernel '
		. rig/lib.sh
		tree=$(tree_dir)
		if [ ! -e "$tree/.git/rig-series" ]; then
			mkdir -p "$tree"
			git init -q "$tree"
			seq 1 9 | sed "s/.*/line &/" >"$tree/file"
			git -C "$tree" add file
			git -C "$tree" -c user.name=toy -c user.email=toy commit -qm toy
			echo "/out-*/" >>"$tree/.git/info/exclude"
			touch "$tree/.git/rig-series"
		fi
		if grep -q "syntax error" "$tree/file"; then echo "file: syntax error" >&2; exit 2; fi
		mkdir -p "$(out_dir)/boot"
		cp "$tree/file" "$(out_dir)/boot/bzImage"'
	script kselftests 'echo "$MADE"/toy_test'
	script vm '
		echo "CPU=$CPU APPEND=$APPEND SMP=$SMP" >>"$MADE/vm"
		if grep -q panic "$BOOT/bzImage"; then echo "vm: LOST (panic), log toy" >&2; exit 125; fi
		cd "$MADE" && IMAGE=$BOOT/bzImage sh -c "$CMD"'
	mkdir "$MADE"
	cat >"$MADE/toy_test" <<-'END'
		#!/bin/sh
		[ "$1" != -h ] || { printf 'usage\n  adds\n  counts\n'; exit 0; }
		! grep -q "^$2 fails" "$IMAGE" || exit 1
		! grep -q "^$2 skips" "$IMAGE" || exit 4
		! grep -q "^$2 hangs" "$IMAGE" || exit 124
		! grep -q "^$2 crashes" "$IMAGE" || kill -SEGV $$
		exit 0
	END
	chmod +x "$MADE/toy_test"
}

# script NAME TEXT: a stand-in for rig/NAME.
script() { printf '#!/usr/bin/env bash\n%s\n' "$2" >"rig/$1"; }

# mutant NAME FIELDS OLD NEW: line OLD of the file becomes NEW.
mutant() {
	{
		printf 'A toy.\n\n%s\n%s\n---\n' "$2" "${topic-Topic: one}"
		diff_of "$3" "$4"
	} >"prove/mutants/9.9/$1.patch"
}

# diff_of LINE TEXT: a patch of the toy kernel.
diff_of() {
	seq 1 9 | sed 's/.*/line &/' >"$BATS_TEST_TMPDIR/old"
	sed "$1s/.*/$2/" "$BATS_TEST_TMPDIR/old" >"$BATS_TEST_TMPDIR/new"
	diff -U1 --label a/file --label b/file "$BATS_TEST_TMPDIR/old" "$BATS_TEST_TMPDIR/new" || true
}

# refused TEXT: one line that says so, status 2, and nothing was built.
refused() {
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
	says "error: "
	says "$1"
	[ ! -e "$MADE/vm" ]
}

@test "caught: each case that is named fails, in several programs; TOPIC picks the mutants of a topic, a NAME one" {
	sed 's/adds/subtracts/; s/counts/divides/; s/^exit 0/[ "$2" = subtracts ] || exit 3/' "$MADE/toy_test" \
		>"$MADE/two_test"
	chmod +x "$MADE/two_test"
	script kselftests 'printf "%s\n" "$MADE/toy_test" "$MADE/two_test"'
	mutant one 'Kills: adds, subtracts' 2 'adds fails\nsubtracts fails'
	topic='Topic: two' mutant two 'Kills: adds' 2 'adds fails'
	run -0 --separate-stderr prove/mutants/mutants
	[[ ${lines[0]} =~ ^one\ +one\ +[0-9]+\ s\ \ caught\ by\ adds,\ subtracts$ ]]
	[[ ${lines[1]} =~ ^two\ +two\ +[0-9]+\ s\ \ caught\ by\ adds$ ]]
	[ "${lines[2]}" = "2 passed, 0 failed, 0 skipped" ]
	TOPIC=two run -0 --separate-stderr prove/mutants/mutants
	[[ ${lines[0]} = two\ * ]]
	[ "${lines[1]}" = "1 passed, 0 failed, 0 skipped" ]
	run -0 prove/mutants/mutants -l
	[ "$output" = $'one\ntwo' ]
	run -0 --separate-stderr prove/mutants/mutants one
	[[ ${lines[0]} = one\ * ]]
	[ "${lines[1]}" = "1 passed, 0 failed, 0 skipped" ]
}

@test "a survivor fails, so does a half of it; a skip, a hang, a crash are no failure; nor a lost VM, if not wanted" {
	mutant nothing 'Kills: adds' 2 'nothing'
	mutant half 'Kills: adds,counts' 2 'counts fails'
	mutant skip 'Kills: adds' 2 'adds skips'
	mutant hang 'Kills: adds' 2 'adds hangs'
	mutant crash 'Kills: adds' 2 'adds crashes'
	mutant lost 'Kills: adds' 2 'panic'
	mutant good 'Kills: LOST,adds' 2 'panic'
	mutant lives 'Kills: LOST,adds' 2 'adds fails'
	run -1 --separate-stderr prove/mutants/mutants
	says "caught, the VM was lost"
	says "SURVIVED, the VM was not lost"
	says "SURVIVED, adds passed (log $BUILD/log/mutants/9.9/nothing)"
	says "SURVIVED, adds passed (log $BUILD/log/mutants/9.9/half)"
	says "SURVIVED, adds was skipped"
	says "SURVIVED, adds hung"
	says "SURVIVED, adds ended with 139"
	says "lost: vm: LOST (panic), log toy"
	[ "${lines[-1]}" = "1 passed, 7 failed, 0 skipped" ]
}

@test "one that does not apply or build fails, the others go on" {
	mutant apply 'Kills: adds' 2 'adds fails'
	sed -i 's/^-line 2/-line 22/' prove/mutants/9.9/apply.patch
	mutant build 'Kills: adds' 2 'syntax error'
	mutant good 'Kills: adds' 2 'adds fails'
	mutant with $'Kills: adds\nWith: nosuch' 2 'adds fails'
	run -1 --separate-stderr prove/mutants/mutants
	says "apply.patch does not apply (log $BUILD/log/mutants/9.9/apply/apply.log)"
	says "does not build (log $BUILD/log/mutants/9.9/build/build.log)"
	says "with/nosuch.patch does not apply"
	grep -q "file: syntax error" "$BUILD/log/mutants/9.9/build/build.log"
	[ "${lines[-1]}" = "1 passed, 3 failed, 0 skipped" ]
}

@test "a case that fails without the defect proves nothing" {
	diff_of 8 'adds fails' >prove/mutants/9.9/with/ground.patch
	mutant one $'Kills: adds\nWith: ground' 2 'adds fails'
	mutant two 'Kills: adds' 2 'adds fails'
	run -1 --separate-stderr prove/mutants/mutants
	grep -q 'ground-1: not good without a defect, adds failed' <<<"$stderr"
	says "not judged, its ground-1 is not good"
	[ "${lines[-1]}" = "1 passed, 1 failed, 0 skipped" ]
}

@test "With and Boot make the ground, which is tried once for all on it" {
	diff_of 8 'slow' >prove/mutants/9.9/with/ground.patch
	mutant one $'Kills: adds\nWith: ground\nBoot: SMP=4 APPEND=a=b' 2 'adds fails'
	mutant two $'Kills: counts\nWith: ground\nBoot: SMP=4 APPEND=a=b' 2 'counts fails'
	APPEND=mine SMP=7 run -0 --separate-stderr prove/mutants/mutants
	[ "$(sort -u "$MADE/vm")" = "CPU= APPEND=a=b SMP=4" ]
	[ "$(wc -l <"$MADE/vm")" = 3 ]
	grep -q '2 mutants on 1 grounds' <<<"$stderr"
}

@test "what a killed run left is gone, no other tree is touched; what is edited during a run does not reach it" {
	mutant one 'Kills: adds' 2 'adds fails'
	prove/mutants/mutants
	echo 'adds fails' >>"$BUILD/mutants/tree/9.9/file"
	# The stand-in runs in the copy, whose rig/vm is the one in use: it spoils the original.
	script kselftests "echo exit 9 >'$PWD/rig/vm'; rm '$PWD/prove/mutants/9.9/one.patch'; echo \"\$MADE\"/toy_test"
	run -0 prove/mutants/mutants
	[ ! -e "$BUILD/tree" ]
}

@test "what is not for mutants, and a header that says nothing, or something unknown, is one line" {
	# header TEXT FIELDS [TOPIC]: a mutant with such a header is refused.
	header() {
		topic=${3-Topic: one} mutant one "$2" 2 'adds fails'
		run prove/mutants/mutants
		refused "$1"
	}
	header "one.patch: Topic: three is no topic of patches/9.9" 'Kills: adds' 'Topic: three'
	header "one.patch: Topic:  is no topic of patches/9.9" 'Kills: adds' ''
	header "one.patch names no case: give it a line Kills: CASE" ''
	header "Boot: NOSUCH=1 is unknown" $'Kills: adds\nBoot: NOSUCH=1'
	header "mutant one: Kills: subtracts, which is no case of the series' tests" 'Kills: subtracts'
	run prove/mutants/mutants one nosuch
	refused "mutant nosuch does not exist for BASE=9.9; prove/mutants/mutants -l lists them"
	KERNEL=distro run prove/mutants/mutants
	refused "KERNEL=distro is not for mutants"
	VARIANT=stock run prove/mutants/mutants
	refused "VARIANT=stock is not for mutants"
	rm -r prove/mutants/9.9
	run prove/mutants/mutants
	refused "there is no mutant for BASE=9.9"
}

@test "each mutant of the series is caught by a case of the topic that it breaks; upstream's fixes came without" {
	cd "$BATS_TEST_DIRNAME/../.."
	for mutant in prove/mutants/*/*.patch; do
		base=${mutant#prove/mutants/}
		topic=$(sed -n 's/^Topic: //p' "$mutant")
		cases=$(sed -n 's/^Kills: //p' "$mutant" | tr -d ' ' | tr , '|')
		[ "$topic" = upstream ] ||
			grep -qE "^\+.*(CASE|VARIANT)\(($cases)[,)]" patches/"${base%/*}"/??-"$topic"/*.patch ||
			{ echo "$mutant: none of $cases is a case of $topic"; false; }
	done
}
