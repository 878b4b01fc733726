#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What docs/ names exists: verbs, variables, scripts, files. ci/docs runs the commands themselves (make test-long).
# shellcheck disable=SC2001,SC2013,SC2016,SC2154 # words of a line; not to expand; bats sets output

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	docs=(docs/backporting.md docs/debian.md docs/fleet.md docs/real-guest.md docs/testing.md docs/submitting.md)
	faults=0
}

fault() {
	echo "$*"
	faults=$((faults + 1))
}

# typed: each line of the documents' blocks of commands, behind the document's name; what a here document says is none.
typed() {
	awk 'FNR == 1 { inside = 0 }
		/^```/ { inside = !inside; next }
		inside && end != "" { if ($0 == end) end = ""; next }
		inside { print FILENAME, $0; if (match($0, /<<.?END/)) end = "END" }' "${docs[@]}"
}

@test "every verb, variable and script that is to be typed exists" {
	verbs=$(sed -n 's/^\([a-z-]*\):.*## .*/\1/p' Makefile)
	variables="$(sed -n '/^VARIABLES := /,/[^\\]$/p' Makefile) NAMES"
	n=0
	while read -r doc line; do
		n=$((n + 1))
		if [[ $line =~ (^|[[:space:]])make\ (-C\ ([^ ]+)\ ?)?([a-z-]*) ]]; then
			# From a tree below build/ it is the project's, too.
			if [[ ${BASH_REMATCH[3]} == [!.]* ]]; then
				[ -e "${BASH_REMATCH[3]}/Makefile" ] || fault "$doc: $line: no Makefile there"
				continue
			fi
			verb=${BASH_REMATCH[4]}
			grep -qx -- "$verb" <<<"$verbs" || fault "$doc: make $verb: no such verb"
			for word in $(sed "s/'[^']*'//g" <<<"${line#*make }" | grep -oE '(^| )[A-Z_]+=' | tr -d =); do
				grep -qw "$word" <<<"$variables" || fault "$doc: $line: no variable $word"
			done
		fi
		for script in $(grep -oE '(^| )(rig|prove|measure|deliver|ci)/[a-z0-9/-]+' <<<"$line"); do
			[ -x "$script" ] || fault "$doc: $line: no $script"
		done
	done < <(typed)
	[ "$n" -gt 20 ]
	[ "$faults" = 0 ]
}

@test "every file of the project that a document names exists" {
	for doc in docs/*.md README.md; do
		# A name with an upper-case word in it stands for many.
		for file in $(sed '/^```/,/^```/d' "$doc" | grep -oE '`[a-z]+/[a-zA-Z0-9_./-]*`' | tr -d '`' |
			grep -E '^(bases|ci|deliver|docs|measure|patches|prove|rig|tests)/' | sort -u); do
			# Nor has the line that backporting.md is worked on.
			[[ $file =~ [A-Z]{3}|7\.2 ]] || [ -e "$file" ] || fault "$doc: $file does not exist"
		done
	done
	[ "$faults" = 0 ]
}

@test "no document is long" {
	for doc in docs/*.md; do
		[ "$(wc -l <"$doc")" -le 120 ] || fault "$doc has $(wc -l <"$doc") lines"
	done
	[ "$faults" = 0 ]
}

@test "docs: blocks run in their order, the first failing line of one ends it, and is named" {
	mkdir -p "$BATS_TEST_TMPDIR/top/docs"
	cp -r rig prove measure deliver ci bases "$BATS_TEST_TMPDIR/top/"
	cd "$BATS_TEST_TMPDIR/top"
	git init -q .
	printf '%s\n' text '```' 'echo one >>out' '```' text '```' "cat >>out <<'END'" two END 'false' \
		'echo three >>out' '```' '```' '[ "$(cat out)" = "$(printf "one\ntwo")" ]' '```' >docs/try.md
	BUILD=$BATS_TEST_TMPDIR/build BASE=7.3 run --separate-stderr ci/docs try
	[ "$status" = 1 ]
	[ "$output" = "2 passed, 1 failed, 0 skipped" ]
	[[ $stderr == *"FAIL: try: "*"try.02.log"* ]]
	BUILD=$BATS_TEST_TMPDIR/build run -2 ci/docs none
	[[ $output == *"docs/none.md does not exist" ]]
}
