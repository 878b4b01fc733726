#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# rig/touched, prove/coverage/coverage.py, and prove/coverage/coverage without a boot.
# shellcheck disable=SC2016,SC2154 # the fake expands its own variables; bats sets stderr_lines

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	unset RUNS TIMEOUT FRAGMENTS BOOT
	export BUILD=$BATS_TEST_TMPDIR/build
	dir=$BATS_TEST_TMPDIR
	touch "$dir/listed" "$dir/changes"
}

# source_tree: a function that is entered, one that is not, a declaration of two lines before the definition.
source_tree() {
	mkdir -p "$dir/tree/arch/x86/kvm"
	printf '%s\n' 'static u64 later(struct kvm *kvm,' '		u64 tsc);' '' \
		'static u64 often(int a)' '{' '	if (a)' '		return 1;' \
		'	return later(NULL, 0);' '}' '' \
		'static u64 later(struct kvm *kvm,' '		u64 tsc)' '{' \
		'	return tsc;' '}' >"$dir/tree/arch/x86/kvm/x86.c"
	printf 'arch/x86/kvm/x86.c %s\n' later often dropped >"$dir/touched"
}

# coverage_of JSON...: of that tree
coverage_of() { prove/coverage/coverage.py "$dir/tree" "$dir/touched" "$dir/listed" "$dir/changes" "$@"; }

# gcov_says NAME OFTEN LATER TAKEN NOT: a file of gcov's: how often these were entered, and what the branch did.
gcov_says() {
	jq -n --argjson often "$2" --argjson later "$3" --argjson taken "$4" --argjson not "$5" '
		def line(n; c): { line_number: n, count: c, branches: [] };
		{ files: [{ file: "../arch/x86/kvm/x86.c",
			functions: [{ name: "often", execution_count: $often },
				{ name: "later", execution_count: $later }],
			lines: [line(4; $often), line(6; $often) + { branches: [{ count: $taken }, { count: $not }] },
				line(7; $taken), line(8; $not), line(14; $later)] }] }' | gzip >"$dir/$1"
}

@test "touched: the function that a line is added to or taken from, and no neighbour" {
	mkdir -p "$dir/top/patches/6.1/01-one"
	cp -a rig prove measure deliver ci bases "$dir/top/"
	cat >"$dir/top/patches/6.1/01-one/0001-one.patch" <<'END'
diff --git a/arch/x86/kvm/x86.c b/arch/x86/kvm/x86.c
--- a/arch/x86/kvm/x86.c
+++ b/arch/x86/kvm/x86.c
@@ -1,3 +1,4 @@ static int in_the_middle(struct kvm *kvm)
 	int ret;
 
+	ret = 1;
@@ -20,9 +21,9 @@ static int neighbour(struct kvm *kvm)
 }
 
+/* A comment of the next. */
 static int *after_a_context_line(struct kvm *kvm,
 		int b)
 {
-	return NULL;
+	return b;
 }
-static int removed(void)
-{
-}
 
+static u64 added(void)
+{
+label:
+	return 1;
+}
+u64 declared(void);
+int data = 1;
diff --git a/arch/x86/kvm/x86.h b/arch/x86/kvm/x86.h
--- a/arch/x86/kvm/x86.h
+++ b/arch/x86/kvm/x86.h
@@ -1,3 +1,4 @@
+u64 declared(void);
diff --git a/virt/kvm/kvm_main.c b/virt/kvm/kvm_main.c
--- a/virt/kvm/kvm_main.c
+++ b/virt/kvm/kvm_main.c
@@ -1,3 +1,4 @@ type_on_the_line_before(struct kvm *kvm)
+	return 2;
diff --git a/kernel/time/time.c b/kernel/time/time.c
--- a/kernel/time/time.c
+++ b/kernel/time/time.c
@@ -1,3 +1,4 @@ static int elsewhere(void)
+	return 2;
END
	run -0 "$dir/top/rig/touched"
	[ "$output" = "arch/x86/kvm/x86.c added
arch/x86/kvm/x86.c after_a_context_line
arch/x86/kvm/x86.c in_the_middle
virt/kvm/kvm_main.c type_on_the_line_before" ]
	: >"$dir/top/patches/6.1/01-one/0001-one.patch"
	run -2 "$dir/top/rig/touched"
	[ "$output" = "touched: error: patches/6.1 names no function" ]
}

@test "touched: in each series what it is about" {
	for base in 6.1 6.12 7.3; do
		BASE=$base run -0 rig/touched
		[[ $output == *"x86.c get_kvmclock"$'\n'* ]]
		[[ $output == *" kvm_write_wall_clock"* ]]
		[[ $output == *"include/asm/pvclock.h pvclock_"* ]]
	done
}

@test "two runs are added up; a branch that neither took is named with its text" {
	source_tree
	gcov_says 1.gz 3 3 0 3
	gcov_says 2.gz 2 2 0 2
	run -0 coverage_of "$dir/1.gz" "$dir/2.gz"
	[[ ${lines[1]} =~ ^later\ +x86.c:11\ +5\ +1/1\ +0/0$ ]]
	[[ ${lines[2]} =~ ^often\ +x86.c:4\ +5\ +3/4\ +1/2$ ]]
	[[ $output == *"never taken in other lines of these functions:
arch/x86/kvm/x86.c:6: often(): branch 1 of 2: if (a)"* ]]
	[[ $output == *$'\nlines 4 of 5, branches 1 of 2, of the series\' own 0 of 0\n'* ]]
	[ "${lines[-1]}" = "2 passed, 0 failed, 0 skipped" ]
	printf '%s\n' '+++ b/arch/x86/kvm/x86.c' '@@ -5,0 +6,2 @@ int a(void)' >"$dir/changes"
	run -0 coverage_of "$dir/1.gz" "$dir/2.gz"
	[[ $output == *"never taken in lines that the series writes:
arch/x86/kvm/x86.c:6: often(): branch 1 of 2: if (a)"* ]]
	[[ $output == *"of the series' own 1 of 2"* ]]
	gcov_says 2.gz 2 0 2 0
	run -0 coverage_of "$dir/1.gz" "$dir/2.gz"
	[[ $output == *$'these functions:\nnothing'* ]]
}

@test "KVM's generic code, compiled by a path through arch/; a type on the line before the name" {
	mkdir -p "$dir/tree/virt/kvm"
	printf '%s\n' 'static unsigned long' 'scan(int a)' '{' '	return a;' '}' >"$dir/tree/virt/kvm/kvm_main.c"
	echo 'virt/kvm/kvm_main.c scan' >"$dir/touched"
	jq -n '{ files: [{ file: "../arch/x86/kvm/../../../virt/kvm/kvm_main.c",
		functions: [{ name: "scan", execution_count: 7 }],
		lines: [{ line_number: 4, count: 7, branches: [] }] }] }' | gzip >"$dir/1.gz"
	run -0 coverage_of "$dir/1.gz"
	[[ ${lines[1]} =~ ^scan\ +kvm_main.c:2\ +7\ +1/1\ +0/0$ ]]
}

@test "a function that was never entered fails, unless it is listed with a reason; so does a list that is not true" {
	source_tree
	gcov_says 1.gz 3 0 3 0
	run -1 --separate-stderr coverage_of "$dir/1.gz"
	[ "${lines[-1]}" = "1 passed, 1 failed, 0 skipped" ]
	[ "${stderr_lines[0]}" = "coverage: later of arch/x86/kvm/x86.c was never entered" ]
	echo 'later # needs another machine' >"$dir/listed"
	run -0 --separate-stderr coverage_of "$dir/1.gz"
	[ "${lines[-1]}" = "1 passed, 0 failed, 1 skipped" ]
	[[ ${lines[1]} == later*"needs another machine" ]]
	echo later >"$dir/listed"
	run -2 --separate-stderr coverage_of "$dir/1.gz"
	[[ ${stderr_lines[0]} == *"later has no reason: write it behind a #" ]]
	gcov_says 1.gz 3 3 3 3
	printf '%s\n' '# comment' 'later # never' 'dropped # by a later patch' >"$dir/listed"
	run -1 --separate-stderr coverage_of "$dir/1.gz"
	[[ ${stderr_lines[0]} == *"later was entered: take it off "* ]]
	[[ ${stderr_lines[1]} == *"the series touches no function dropped" ]]
}

@test "what gcov did not write, and a tree without the functions: status 2" {
	source_tree
	echo no >"$dir/1.gz"
	run -2 --separate-stderr coverage_of "$dir/1.gz"
	[[ ${stderr_lines[0]} == *"1.gz is not what gcov writes"* ]]
	gcov_says 1.gz 1 1 1 1
	: >"$dir/tree/arch/x86/kvm/x86.c"
	run -2 --separate-stderr coverage_of "$dir/1.gz"
	[[ ${stderr_lines[0]} == *"names no function that is in"* ]]
}

@test "coverage: bad arguments: one line that names the thing, status 2" {
	run -2 --separate-stderr prove/coverage/coverage now
	[ "${#stderr_lines[@]}" = 1 ]
	RUNS="plain other" run -2 --separate-stderr prove/coverage/coverage
	[[ ${stderr_lines[0]} == *"RUNS=other is unknown"* ]]
	KERNEL=distro run -2 --separate-stderr prove/coverage/coverage
	[ "${#stderr_lines[@]}" = 1 ]
	VARIANT=stock run -2 --separate-stderr prove/coverage/coverage
	[ "${#stderr_lines[@]}" = 1 ]
}

# fake: a copy of the project with what builds and boots played: the VM's stdout is $dir/out, its status $1.
fake() {
	top=$dir/top
	rm -rf "$top"
	mkdir -p "$top" "$BUILD"
	cp -a rig prove measure deliver ci bases patches tests "$top/"
	printf '#!/bin/sh\necho "$CMD" >"$LOGDIR.cmd"\ncat %s\nexit %s\n' "$dir/out" "$1" >"$top/rig/vm"
	printf '#!/bin/sh\necho %s/boot/bzImage\n' "$dir" >"$top/rig/kernel"
	printf '#!/bin/sh\necho %s/a_test\n' "$dir" >"$top/rig/kselftests"
}

@test "coverage: a run that fails, or that is lost, or that counts nothing is no coverage" {
	: >"$dir/out"
	fake 1
	RUNS=plain run -1 --separate-stderr "$top/prove/coverage/coverage"
	[[ ${stderr_lines[-1]} == *"the run plain ended with status 1"* ]]
	[ -z "$output" ]
	fake 125
	RUNS=plain run -125 "$top/prove/coverage/coverage"
	fake 0
	(cd "$dir" && mkdir gcda && tar -cf - gcda | gzip | base64 >out)
	RUNS=plain run -2 --separate-stderr "$top/prove/coverage/coverage"
	[[ ${stderr_lines[-1]} == *"the run plain counted nothing"* ]]
}
