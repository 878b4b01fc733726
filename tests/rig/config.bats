#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# rig/config on a toy kernel whose Kconfig knows a few symbols and drops the others.

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

setup_file() {
	export REPO=$BATS_FILE_TMPDIR/repo
}

setup() {
	variables
	top "$BATS_TEST_TMPDIR/top"
	cd "$BATS_TEST_TMPDIR/top" || exit
	tree=$BATS_TEST_TMPDIR/tree
	out=$tree/out-rig
	kernel "$tree"
	toy_kconfig
	printf 'CONFIG_KVM=m\n# CONFIG_VT is not set\n' >rig/kconfig/base.config
}

# toy_kconfig: tinyconfig has all known symbols off; olddefconfig leaves out what is unknown, and KVM_XEN without KVM.
toy_kconfig() {
	mkdir -p "$tree/scripts/kconfig"
	echo 'config KVM' >"$tree/Kconfig"
	cat >"$tree/Makefile" <<-'EOF'
		.RECIPEPREFIX = >
		tinyconfig:
		>@echo run >>$(O)/runs
		>@printf '# CONFIG_%s is not set\n' KVM KVM_XEN VT >$(O)/.config
		olddefconfig:
		>@grep -E '^(# )?CONFIG_(KVM|KVM_XEN|VT|NAME)[= ]' $(O)/.config >$(O)/.config.sane
		>@grep -q '^CONFIG_KVM=' $(O)/.config.sane || sed -i '/KVM_XEN/d' $(O)/.config.sane
		>@mv $(O)/.config.sane $(O)/.config
	EOF
	cat >"$tree/scripts/kconfig/merge_config.sh" <<-'EOF'
		#!/bin/sh
		out=$3
		shift 3
		awk '{ n = $0; sub(/^# /, "", n); sub(/[= ].*/, "", n) } !(n in v) { o[++c] = n } { v[n] = $0 }
			END { for (i = 1; i <= c; i++) print v[o[i]] }' "$@" >"$out/.merged"
		mv "$out/.merged" "$out/.config"
	EOF
	chmod 755 "$tree/scripts/kconfig/merge_config.sh"
}

# refused FRAGMENT_TEXT LINE: the fragment is an error that names the line.
refused() {
	printf '%s\n' "$1" >rig/kconfig/more.config
	run rig/config "$out" base more
	[ "$status" = 2 ]
	says "Kconfig dropped $2"
}

@test "config: every requested line is in the result" {
	printf 'CONFIG_KVM_XEN=y\nCONFIG_NAME="a name"\n# CONFIG_UNKNOWN is not set\n' >rig/kconfig/more.config
	rig/config "$out" base more
	grep -qx 'CONFIG_KVM=m' "$out/.config"
	grep -qx 'CONFIG_KVM_XEN=y' "$out/.config"
	grep -qx 'CONFIG_NAME="a name"' "$out/.config"
	[ "$(ls -A "$out")" = $'.config\n.rig-config\nruns' ]
}

@test "config: a dropped CONFIG is named" {
	refused CONFIG_UNKNOWN=y CONFIG_UNKNOWN=y
	[ ! -e "$out/.config" ]
	refused CONFIG_NAME=y$'\n'CONFIG_OTHER=5 CONFIG_OTHER=5
	# A symbol that is known, but lacks what it depends on.
	echo CONFIG_KVM_XEN=y >rig/kconfig/base.config
	refused CONFIG_VT=y CONFIG_KVM_XEN=y
}

@test "config: a symbol that comes out with another value, or on although it was to be off" {
	# shellcheck disable=SC2016 # for make
	sed -i 's|mv \$(O)/.config.sane|sed -i -e s/KVM=m/KVM=y/ $(O)/.config.sane; mv $(O)/.config.sane|' "$tree/Makefile"
	refused CONFIG_KVM_XEN=y CONFIG_KVM=m
	sed -i 's|s/KVM=m/KVM=y/|"s/.*_VT .*/CONFIG_VT=y/"|' "$tree/Makefile"
	refused CONFIG_KVM_XEN=y "# CONFIG_VT is not set"
}

@test "config: a later fragment counts" {
	echo CONFIG_KVM=y >rig/kconfig/more.config
	rig/config "$out" base more
	grep -qx 'CONFIG_KVM=y' "$out/.config"
}

@test "config: nothing is done when nothing changed, and all of it when something has" {
	rig/config "$out" base
	touch -d 2001-01-01 "$out/.config"
	rig/config "$out" base
	[ "$(wc -l <"$out/runs")" = 1 ]
	touch -d 'now + 1 minute' "$tree/Kconfig"
	rig/config "$out" base
	[ "$(wc -l <"$out/runs")" = 2 ]
	# The same result keeps its date: nothing is built anew for it.
	[ "$(stat -c %Y "$out/.config")" = "$(date -d 2001-01-01 +%s)" ]
	touch -d 2001-01-01 "$tree/Kconfig"
	echo CONFIG_KVM_XEN=y >>rig/kconfig/base.config
	rig/config "$out" base
	[ "$(wc -l <"$out/runs")" = 3 ]
	grep -qx 'CONFIG_KVM_XEN=y' "$out/.config"
	echo CONFIG_VT=y >>"$out/.config"
	rig/config "$out" base
	run ! grep -q 'CONFIG_VT=y' "$out/.config"
}

@test "config: an error leaves the former configuration, and is an error again" {
	rig/config "$out" base
	before=$(cat "$out/.config")
	refused CONFIG_UNKNOWN=y CONFIG_UNKNOWN=y
	[ "$(cat "$out/.config")" = "$before" ]
	refused CONFIG_UNKNOWN=y CONFIG_UNKNOWN=y
}

@test "config: no such fragment, no tree, a Kconfig that fails" {
	run rig/config "$out" nothing
	[ "$status" = 2 ]
	says "fragment nothing does not exist: use one of base.config"
	run rig/config "$BATS_TEST_TMPDIR/none/out-rig" base
	[ "$status" = 2 ]
	says "is no kernel tree: make tree first"
	sed -i 's/^olddefconfig:/&\n>false/' "$tree/Makefile"
	run rig/config "$out" base
	[ "$status" != 0 ]
	says "the whole log is"
}
