#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What a person types behind a verb arrives as typed, in the Makefile as it is; the scripts of `make vm` are played.
# shellcheck disable=SC2016,SC2154 # what is typed is not this shell's; bats sets output

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

setup() {
	unset CMD FILES APPEND QEMU_ARGS CASE BASE MAKEFLAGS MAKEOVERRIDES
	mkdir -p "$BATS_TEST_TMPDIR/rig"
	cp "$BATS_TEST_DIRNAME/../../Makefile" "$BATS_TEST_TMPDIR/"
	cd "$BATS_TEST_TMPDIR" || return
	export SEEN=$BATS_TEST_TMPDIR/seen
	played rig/packages ':'
	played rig/kernel ':'
	# A make of its own in between, as where a script builds something.
	printf 'all:\n\t@printf "%%s|%%s|%%s|%%s" "$$CMD" "$$FILES" "$$APPEND" "$$QEMU_ARGS" >"$$SEEN"\n' >inner.mk
	played rig/vm 'printf "%s|%s|%s|%s" "$CMD" "$FILES" "$APPEND" "$QEMU_ARGS" >"$SEEN.vm"; make -s -f inner.mk all'
}

@test "a dollar, quotes, spaces, # and % in each, typed behind the verb or in the environment" {
	text=(
		'for x in a b; do echo $x; done'
		'echo "$(uname -r)" ${HOME} $$ $'
		'echo "a  b" '\''c d'\'' # e % \ `f`'
		'echo $(shell touch pwned) $('
		'100%'
	)
	for text in "${text[@]}"; do
		make -s vm CMD="$text" FILES="$text" APPEND="$text" QEMU_ARGS="$text"
		[ "$(cat "$SEEN.vm")" = "$text|$text|$text|$text" ]
		[ "$(cat "$SEEN")" = "$text|$text|$text|$text" ]
		CMD=$text FILES=$text APPEND=$text QEMU_ARGS=$text make -s vm
		[ "$(cat "$SEEN.vm")" = "$text|$text|$text|$text" ]
	done
	[ ! -e pwned ]
}

@test "an empty one is an unset one" {
	played rig/vm 'echo "${CMD-unset}"'
	run -0 make -s vm CMD=
	[ "$output" = unset ]
}
