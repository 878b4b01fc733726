#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The cover letters' tables. A copy of the project is changed, never the project itself.

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	copy=$BATS_TEST_TMPDIR/top
	mkdir -p "$copy/docs" "$copy/patches/6.1/02-epoch"
	cp -r "$top/rig" "$top/measure" "$copy/"
	cat >"$copy/docs/measured.json" <<-'EOF'
		{"environment": {"6.1-stock": {"qemu": "7.2", "accel": "tcg", "cpus": 2}, "6.1-patched": {}},
		"rows": [["error", "epoch error, worst (ns)", {"6.1-stock": 12345, "6.1-patched": 2}],
		["kernel", "kernel", {"6.1-stock": "a", "6.1-patched": "b"}],
		["trips", "of another topic", {"6.1-stock": 1, "6.1-patched": 1}],
		["step_hpet", "nobody measured this", {}]], "k": []}
	EOF
	printf 'Subject: s\n\nWhat.\n\nMeasured by hand:\n\nold 1 2\n\nNot tested.\n' >"$copy/patches/6.1/02-epoch/cover"
}

@test "the cover letters say what docs/measured.json does" {
	run "$top/measure/covers" --check
	[ "$status" = 0 ] || { echo "$output"; false; }
}

@test "the table is put where the old one was, and the prose stays" {
	"$copy/measure/covers"
	run cat "$copy/patches/6.1/02-epoch/cover"
	[[ $output == *"What."*"Measured in turns with the whole stack, QEMU 7.2 (tcg), 2 CPUs"*"epoch error, worst (ns)"*12,345*2*"Not tested."* ]]
	[[ $output != *"old 1 2"* && $output != *"nobody measured"* && $output != *"of another"* && $output != *"kernel "* ]]
	run "$copy/measure/covers" --check
	[ "$status" = 0 ]
}

@test "the table may be the end, and a topic without numbers has none" {
	printf 'Subject: s\n\nWhat.\n\nMeasured now:\n\nold 1 2\n' >"$copy/patches/6.1/02-epoch/cover"
	mkdir "$copy/patches/6.1/01-cpu-online"
	printf 'Subject: s\n\nWhat.\n' >"$copy/patches/6.1/01-cpu-online/cover"
	"$copy/measure/covers"
	[[ "$(tail -n 1 "$copy/patches/6.1/02-epoch/cover")" == *12,345*2 ]]
	[ "$(cat "$copy/patches/6.1/01-cpu-online/cover")" = $'Subject: s\n\nWhat.' ]
	run "$copy/measure/covers" --check
	[ "$status" = 0 ]
}

@test "a number that was changed by hand is told" {
	"$copy/measure/covers"
	sed -i 's/12,345/1/' "$copy/patches/6.1/02-epoch/cover"
	run "$copy/measure/covers" --check
	[ "$status" = 1 ]
	[[ $output == *"patches/6.1/02-epoch/cover and docs/measured.json disagree"* ]]
}

@test "a cover without a table, data without the base, and data that are none, are one line each" {
	printf 'Subject: s\n\nWhat.\n' >"$copy/patches/6.1/02-epoch/cover"
	run "$copy/measure/covers"
	[ "$status" = 2 ]
	[[ $output == *"has no table"* ]]
	mkdir -p "$copy/patches/7.3/02-epoch"
	printf 'Subject: s\n\nMeasured now:\n\nx\n\nEnd.\n' >"$copy/patches/7.3/02-epoch/cover"
	rm "$copy/patches/6.1/02-epoch/cover"
	run "$copy/measure/covers"
	[ "$status" = 2 ]
	[[ $output == *"7.3-stock and 7.3-patched not measured"* ]]
	echo no >"$copy/docs/measured.json"
	run "$copy/measure/covers"
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
}
