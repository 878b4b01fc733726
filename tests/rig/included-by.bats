#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# rig/included-by.py on a toy: what the compiler would find, and nothing that only has the name of it.
# shellcheck disable=SC2154 # bats sets output, stderr

bats_require_minimum_version 1.5.0

setup() {
	tree=$BATS_TEST_TMPDIR
	file() {
		mkdir -p "$tree/$(dirname "$1")"
		printf '#include %s\n' "${@:2}" >"$tree/$1"
	}
	file arch/x86/include/asm/clock.h '<linux/types.h>'
	file include/linux/types.h
	file include/linux/vm.h '<asm/clock.h>'
	file include/asm-generic/vm.h '<linux/vm.h>'
	file arch/x86/kernel/direct.c '<asm/clock.h>'
	file lib/twice.c '<asm/vm.h>'
	file drivers/a/clock.h '<linux/types.h>'
	file drivers/a/own.c '"clock.h"'
	file drivers/b/flag.h '<linux/vm.h>'
	file drivers/c/flag.c '"b/flag.h"'
	file arch/arm/kernel/other.c '<asm/clock.h>'
	file tools/test.c '<asm/clock.h>'
	git -C "$tree" init -q
	git -C "$tree" add -A
}

@test "by several steps, generic headers and -I; not by name, not of another architecture" {
	run -0 --separate-stderr rig/included-by.py "$tree" arch/x86/include/asm/clock.h
	diff <(printf '%s\n' arch/x86/include/asm/clock.h arch/x86/kernel/direct.c drivers/b/flag.h drivers/c/flag.c \
		include/asm-generic/vm.h include/linux/vm.h lib/twice.c) <(echo "$output")
	run -0 --separate-stderr rig/included-by.py "$tree" drivers/a/clock.h
	diff <(printf '%s\n' drivers/a/clock.h drivers/a/own.c) <(echo "$output")
	# A header that includes itself comes to an end.
	file include/linux/types.h '<linux/vm.h>'
	run -0 --separate-stderr rig/included-by.py "$tree" include/linux/types.h
	[[ $output == *lib/twice.c* ]]
}

@test "bad arguments: one line, status 2" {
	run -2 --separate-stderr rig/included-by.py "$tree"
	[ "${#stderr_lines[@]}" = 1 ]
	run -2 --separate-stderr rig/included-by.py "$tree" none.h
	[[ ${stderr_lines[0]} == *"has no source file none.h" ]]
}
