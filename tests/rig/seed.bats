#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats: each test is a shell of its own, and sets output, stderr
# rig/seed.sh on a toy kernel: build output of stock serves a tree of the same base, and make builds what differs and no more.

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

# One stock tree with output, and a series of one; each test gets a copy, dates and all.
setup_file() {
	export REPO=$BATS_FILE_TMPDIR/repo
	packages 9.9.7-1
	suite
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	variables
	top "$BATS_FILE_TMPDIR/top"
	cd "$BATS_FILE_TMPDIR/top"
	rig/tree
	sed -i '10s/.*/int ten;/' "$BUILD/tree/9.9/arch/x86/kvm/x86.c"
	git -C "$BUILD/tree/9.9" -c user.name=A -c user.email=a@localhost commit -qam 'KVM: x86: Make ten'
	git -C "$BUILD/tree/9.9" branch ten
	rig/refresh
	rm -rf "$BUILD/tree"
	VARIANT=stock rig/tree
	compile "$BUILD/stock/9.9"
	mkdir "$BUILD/stock/9.9/out-rig/boot"
	touch "$BUILD/stock/9.9/out-rig/boot/release"
}

setup() {
	variables
	cp -a "$BATS_FILE_TMPDIR"/{top,build,cache} "$BATS_TEST_TMPDIR/"
	cd "$BATS_TEST_TMPDIR/top"
	tree=$BUILD/tree/9.9
	stock=$BUILD/stock/9.9
	echo "dep := $stock/Makefile" >"$stock/out-rig/tools/.objtool.cmd"
	touch "$stock/out-rig/boot/release"
}

# compile TREE: one object for each C file, in out-rig; prints what it builds.
compile() {
	mkdir -p "$1/out-rig/tools"
	touch "$1/out-rig/.config"
	cat >"$BATS_TEST_TMPDIR/rules" <<-'EOF'
		.RECIPEPREFIX = >
		objects := $(patsubst %.c,out-rig/%.o,$(shell find . -name '*.c' -printf '%P\n'))
		out-rig/image: $(objects)
		>@cat $^ >$@
		out-rig/%.o: %.c
		>@echo built $<
		>@mkdir -p $(@D) && cp $< $@
	EOF
	make -s -C "$1" -f "$BATS_TEST_TMPDIR/rules"
}

# seed: what rig/kernel does before it configures.
seed() {
	rig/tree
	bash -euo pipefail -c '. rig/lib.sh; . rig/git.sh; . rig/seed.sh; seed_output "$@"' rig/kernel "$tree" "$tree/out-rig"
}

@test "what the series changes is built, and nothing else" {
	run seed
	[ "$status" = 0 ]
	says "starting from the output of $stock/out-rig"
	[ ! -e "$tree/out-rig/boot" ]
	[ "$(cat "$tree/out-rig/tools/.objtool.cmd")" = "dep := $tree/Makefile" ]
	[ "$(cat "$stock/out-rig/tools/.objtool.cmd")" = "dep := $stock/Makefile" ]
	run compile "$tree"
	[ "$output" = "built arch/x86/kvm/x86.c" ]
	grep -q 'int ten;' "$tree/out-rig/image"
	run compile "$tree"
	[ "$output" = "" ]
}

@test "an edit that is not committed is built, and so is a file that goes back to what the base has" {
	rig/tree
	long=$(cd "$tree" && find drivers -name file.c)
	echo 'int mine;' >>"$tree/$long"
	seed
	run compile "$tree"
	[ "$(sort <<<"$output")" = "$(printf 'built %s\n' arch/x86/kvm/x86.c "$long" | sort)" ]
	git -C "$tree" checkout -q "$long"
	rm -r "$PWD/patches/9.9/01-ten"
	rig/tree
	run compile "$tree"
	[ "$(sort <<<"$output")" = "$(printf 'built %s\n' arch/x86/kvm/x86.c "$long" | sort)" ]
	cmp "$tree/out-rig/image" "$stock/out-rig/image"
}

@test "output that is there is left alone" {
	rig/tree
	mkdir "$tree/out-rig"
	echo mine >"$tree/out-rig/.config"
	run seed
	[ "$status" = 0 ]
	[ "$output" = "$tree" ]
	[ "$(find "$tree/out-rig" -type f)" = "$tree/out-rig/.config" ]
}

@test "a stock tree that is not finished, was edited, is newer than its output, or is of another base, does not serve" {
	rm "$stock/out-rig/boot/release"
	run seed
	[ ! -e "$tree/out-rig" ]
	touch "$stock/out-rig/boot/release"
	echo >>"$stock/arch/x86/kvm/x86.c"
	touch -d 2001-01-01 "$stock/arch/x86/kvm/x86.c"
	run seed
	[ ! -e "$tree/out-rig" ]
	git -C "$stock" checkout -q .
	run seed
	[ ! -e "$tree/out-rig" ]
	touch "$stock/out-rig/boot/release"
	git -C "$stock" tag -f base "$(git -C "$stock" -c user.name=a -c user.email=b commit-tree -m other 'HEAD^{tree}' </dev/null)"
	run seed
	[ "$status" = 0 ]
	[ ! -e "$tree/out-rig" ]
}

@test "who builds stock right now is waited for" {
	rm "$stock/out-rig/boot/release"
	exec 9>"$stock.out-rig.lock"
	flock 9
	seed >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- 9>&- &
	until grep -qF "waiting for another run that holds $stock.out-rig.lock" "$BATS_TEST_TMPDIR/said"; do
		kill -0 $!
		sleep 0.05
	done
	# The build of stock is over.
	touch "$stock/out-rig/boot/release"
	exec 9>&-
	wait $!
	[ "$(compile "$tree")" = "built arch/x86/kvm/x86.c" ]
}

@test "a tree in a build folder inside that of stock is served; other output of stock does not count as newer" {
	mkdir "$stock/out-rig-debug"
	touch -d '1 minute' "$stock/out-rig-debug" "$stock"
	export BUILD=$BUILD/mutants
	tree=$BUILD/tree/9.9
	seed
	[ -e "$tree/out-rig/.config" ]
	[ "$(compile "$tree")" = "built arch/x86/kvm/x86.c" ]
}

@test "a copy that fails is an error, and leaves nothing that could be taken for output" {
	program cp 'echo "cp: no space" >&2; exit 1'
	run seed
	[ "$status" = 1 ]
	says "cp: no space"
	[ ! -e "$tree/out-rig" ]
}
