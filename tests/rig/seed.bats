#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats: each test is a shell of its own, and sets output, stderr
# rig/seed.sh on a toy kernel: build output of stock serves a tree of the same base, and make builds what differs and no
# more.

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

# One stock tree with output, and a series of one; each test gets a copy, dates and all.
setup_file() {
	toy_suite 9.9.7-1
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	variables
	top_of_links "$BATS_FILE_TMPDIR/top"
	cd "$BATS_FILE_TMPDIR/top"
	rig/tree
	sed -i '10s/.*/int ten;/' "$BUILD/tree/9.9/arch/x86/kvm/x86.c"
	git -C "$BUILD/tree/9.9" -c user.name=A -c user.email=a@localhost commit -qam 'KVM: x86: Make ten'
	git -C "$BUILD/tree/9.9" branch ten
	rig/refresh
	rm -rf "$BUILD/tree"
	rig/tree
	VARIANT=stock rig/tree
	compile "$BUILD/stock/9.9"
	mkdir "$BUILD/stock/9.9/out-rig/boot"
}

setup() {
	variables
	CACHE=$BATS_FILE_TMPDIR/cache
	cp -a "$BATS_FILE_TMPDIR"/{top,build} "$BATS_TEST_TMPDIR/"
	cd "$BATS_TEST_TMPDIR/top"
	tree=$BUILD/tree/9.9
	stock=$BUILD/stock/9.9
	long=$(cd "$tree" && find drivers -name file.c)
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
	bash -euo pipefail -c '. rig/lib.sh; . rig/git.sh; . rig/seed.sh; seed_output "$@"' \
		rig/kernel "$tree" "$tree/out-rig"
}

# builds FILE...: make builds these in the tree, and nothing else.
builds() {
	[ "$(compile "$tree" | sort)" = "$(printf 'built %s\n' "$@" | sort)" ]
}

@test "what the series changes is built, and nothing else; output that is there is left alone" {
	run -0 seed
	says "starting from the output of $stock/out-rig"
	[ ! -e "$tree/out-rig/boot" ]
	[ "$(cat "$tree/out-rig/tools/.objtool.cmd")" = "dep := $tree/Makefile" ]
	[ "$(cat "$stock/out-rig/tools/.objtool.cmd")" = "dep := $stock/Makefile" ]
	builds arch/x86/kvm/x86.c
	grep -q 'int ten;' "$tree/out-rig/image"
	[ "$(compile "$tree")" = "" ]
	echo mine >"$tree/out-rig/.config"
	run -0 seed
	[ "$output" = "" ]
	[ "$(cat "$tree/out-rig/.config")" = mine ]
}

@test "an edit that is not committed is built, and so is a file that goes back to what the base has" {
	echo 'int mine;' >>"$tree/$long"
	seed
	builds arch/x86/kvm/x86.c "$long"
	git -C "$tree" checkout -q "$long"
	rm -r "$PWD/patches/9.9/01-ten"
	rig/tree
	builds arch/x86/kvm/x86.c "$long"
	cmp "$tree/out-rig/image" "$stock/out-rig/image"
}

@test "a stock tree that is not finished, was edited, is newer than its output, or is of another base, does not serve" {
	unserved() {
		run -0 seed
		[ ! -e "$tree/out-rig" ]
	}
	rm "$stock/out-rig/boot/release"
	unserved
	touch "$stock/out-rig/boot/release"
	echo >>"$stock/arch/x86/kvm/x86.c"
	touch -d 2001-01-01 "$stock/arch/x86/kvm/x86.c"
	unserved
	git -C "$stock" checkout -q .
	unserved
	touch "$stock/out-rig/boot/release"
	git -C "$stock" tag -f base \
		"$(git -C "$stock" -c user.name=a -c user.email=b commit-tree -m other 'HEAD^{tree}' </dev/null)"
	unserved
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
	builds arch/x86/kvm/x86.c
}

@test "a tree in a build folder inside that of stock is served; other output of stock does not count as newer" {
	mkdir "$stock/out-rig-debug" "$BUILD/mutants"
	touch -d '1 minute' "$stock/out-rig-debug" "$stock"
	mv "$BUILD/tree" "$BUILD/mutants/"
	export BUILD=$BUILD/mutants
	tree=$BUILD/tree/9.9
	seed
	[ -e "$tree/out-rig/.config" ]
	builds arch/x86/kvm/x86.c
}

@test "a copy that fails is an error, and leaves nothing that could be taken for output" {
	program cp 'echo "cp: no space" >&2; exit 1'
	run -1 seed
	says "cp: no space"
	[ ! -e "$tree/out-rig" ]
}
