#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# rig/config on a toy kernel whose Kconfig knows a few symbols and drops the others.

bats_require_minimum_version 1.5.0
. "$BATS_TEST_DIRNAME/../synthetic.bash"

setup() {
	variables
	mkdir -p "$BATS_TEST_TMPDIR/top/rig/kconfig"
	cp "$PROJECT"/rig/{config,lib.sh,kbuild.sh} "$BATS_TEST_TMPDIR/top/rig/"
	cd "$BATS_TEST_TMPDIR/top" || exit
	tree=$BATS_TEST_TMPDIR/tree
	out=$tree/out-rig
	toy_kconfig
	printf 'CONFIG_KVM=m\n# CONFIG_VT is not set\n' >rig/kconfig/base.config
}

# toy_kconfig: tinyconfig has all known symbols off; olddefconfig takes the last of two, leaves out what is unknown, and
# KVM_XEN without KVM.
toy_kconfig() {
	mkdir "$tree"
	echo 'config KVM' >"$tree/Kconfig"
	cat >"$tree/Makefile" <<-'EOT'
		.RECIPEPREFIX = >
		tinyconfig:
		>@echo run >>$(O)/runs
		>@printf '# CONFIG_%s is not set\n' KVM KVM_XEN VT >$(O)/.config
		olddefconfig:
		>@tac $(O)/.config | grep -E '^(# )?CONFIG_(KVM|KVM_XEN|VT|NAME)[= ]' | \
		> awk '{ n = $$0; sub(/^# /, "", n); sub(/[= ].*/, "", n) } !seen[n]++' >$(O)/.sane
		>@grep -q '^CONFIG_KVM=' $(O)/.sane || sed -i '/KVM_XEN/d' $(O)/.sane
		>@mv $(O)/.sane $(O)/.config
	EOT
}

# refused FRAGMENT_TEXT LINE: the fragment is an error that names the line.
refused() {
	printf '%s\n' "$1" >rig/kconfig/more.config
	run -2 rig/config "$out" base more
	says "Kconfig dropped $2: "
}

@test "every requested line is in the result; of two fragments, and of those of the kernel line, the later counts" {
	printf 'CONFIG_KVM_XEN=y\nCONFIG_NAME="a name"\n# CONFIG_UNKNOWN is not set\n' >rig/kconfig/more.config
	echo '# CONFIG_KVM_XEN is not set' >rig/kconfig/more-9.9.config
	rig/config "$out" base more
	diff - <(LC_ALL=C sort "$out/.config") <<-'END'
		# CONFIG_KVM_XEN is not set
		# CONFIG_VT is not set
		CONFIG_KVM=m
		CONFIG_NAME="a name"
	END
}

@test "a dropped CONFIG is named, each time" {
	rig/config "$out" base
	refused CONFIG_UNKNOWN=y CONFIG_UNKNOWN=y
	refused CONFIG_UNKNOWN=y CONFIG_UNKNOWN=y
	refused CONFIG_NAME=y$'\n'CONFIG_OTHER=5 CONFIG_OTHER=5
	# A symbol that is known, but lacks what it depends on.
	echo CONFIG_KVM_XEN=y >rig/kconfig/base.config
	refused CONFIG_VT=y CONFIG_KVM_XEN=y
}

@test "a symbol that comes out with another value, or on although it was to be off" {
	# shellcheck disable=SC2016 # for make
	sed -i 's|mv \$(O)/.sane|sed -i s/KVM=m/KVM=y/ $(O)/.sane; &|' "$tree/Makefile"
	refused CONFIG_KVM_XEN=y CONFIG_KVM=m
	sed -i 's|s/KVM=m/KVM=y/|"s/.*_VT .*/CONFIG_VT=y/"|' "$tree/Makefile"
	refused CONFIG_KVM_XEN=y "# CONFIG_VT is not set"
}

@test "nothing is done when nothing changed, and all of it when something has" {
	runs() {
		rig/config "$out" base
		[ "$(wc -l <"$out/runs")" = "$1" ]
	}
	runs 1
	touch -d 2001-01-01 "$out/.config"
	runs 1
	touch -d 'now + 1 minute' "$tree/Kconfig"
	runs 2
	touch -d 2001-01-01 "$tree/Kconfig"
	echo CONFIG_KVM_XEN=y >>rig/kconfig/base.config
	runs 3
	grep -qx 'CONFIG_KVM_XEN=y' "$out/.config"
	echo CONFIG_VT=y >>"$out/.config"
	runs 4
	run ! grep -q 'CONFIG_VT=y' "$out/.config"
}

@test "no such fragment, no tree, a Kconfig that fails" {
	run -2 rig/config "$out" nothing
	says "fragment nothing does not exist: use one of base.config"
	run -2 rig/config "$BATS_TEST_TMPDIR/none/out-rig" base
	says "is no kernel tree: make tree first"
	sed -i 's/^olddefconfig:/&\n>false/' "$tree/Makefile"
	run -2 rig/config "$out" base
	says "the whole log is"
}
