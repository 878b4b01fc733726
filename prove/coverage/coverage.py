#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# Lines and branches taken of some functions, by what gcov says of one or several runs.
# Usage: prove/coverage/coverage.py TREE TOUCHED LISTED CHANGES JSON...
#   TREE     the kernel's source    TOUCHED  `FILE FUNCTION` a line    JSON  of gcov --json-format, packed by gzip
#   LISTED   functions that cannot be entered, `FUNCTION # reason` a line
#   CHANGES  of git diff -U0: branches in the lines that it writes are named first, and counted by themselves
# stdout: see prove/coverage/coverage.
# Status: 0; 1 a function was never entered and is not listed, or is listed and was; 2 bad input.
import argparse
import collections
import gzip
import json
import pathlib
import posixpath
import re
import sys


def bad_input(text):
    print(f"coverage: error: {text}", file=sys.stderr)
    sys.exit(2)


def definition(text, name):
    """The lines of a function in a source text, from 1; None if it is not defined there."""
    found = re.search(rf"^(?:[a-z].*[ *])?{name}\([^;{{]*\n\{{(?s:.*?)\n\}}", text, re.MULTILINE)
    return found and range(text.count("\n", 0, found.start()) + 1, text.count("\n", 0, found.end()) + 2)


def changed_lines(diff):
    """The lines that a diff without context writes, of each file."""
    changed, file = collections.defaultdict(set), None
    for line in diff.splitlines():
        if line.startswith("+++ b/"):
            file = line[6:]
        elif found := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            start = int(found[1])
            changed[file].update(range(start, start + int(found[2] or 1)))
    return changed


def read_listed(path):
    listed = {}
    for line in path.read_text().splitlines():
        name, _, reason = (part.strip() for part in line.partition("#"))
        if name and not reason:
            bad_input(f"{path}: {name} has no reason: write it behind a #")
        if name:
            listed[name] = reason
    return listed


def read_counts(paths):
    """
    What all runs have counted: how often each function was executed; and of each line, by the number of its branches,
    the line and each branch. A line of an inlined function is there once for each copy: copies with the same branches
    are one, and one that the compiler has changed stays beside them.
    """
    entered, lines = collections.Counter(), collections.defaultdict(dict)
    for path in paths:
        try:
            with gzip.open(path) as stream:
                data = json.load(stream)
        except (OSError, EOFError, ValueError) as error:
            bad_input(f"{path} is not what gcov writes: {error}")
        for source in data["files"]:
            file = re.sub(r"^(.*/)?(?=(?:arch/x86|virt/kvm)/)", "", posixpath.normpath(source["file"]))
            for function in source["functions"]:
                entered[file, function["name"]] += function["execution_count"]
            for line in source["lines"]:
                counts = [line["count"], *(branch["count"] for branch in line["branches"])]
                copies = lines[file, line["line_number"]]
                copies[len(counts)] = [a + b for a, b in zip(counts, copies.get(len(counts), [0] * len(counts)))]
    return entered, lines


def main():
    parser = argparse.ArgumentParser(description="Lines and branches taken of some functions, see this file.")
    for name in "tree", "touched", "listed", "changes":
        parser.add_argument(name, metavar=name.upper(), type=pathlib.Path)
    parser.add_argument("json", metavar="JSON", nargs="+")
    given = parser.parse_args()
    listed = read_listed(given.listed)
    changed = changed_lines(given.changes.read_text(errors="replace"))
    functions_entered, counts = read_counts(given.json)
    total, known, wrong, untaken = collections.Counter(), set(), [], {True: [], False: []}
    rows = [("function", "at", "entered", "lines", "branches", "")]
    for entry in given.touched.read_text().splitlines():
        file, name = entry.split()
        text = (given.tree / file).read_text()
        where = definition(text, name)
        if not where:
            continue
        known.add(name)
        lines = {number: counts[file, number].values() for number in where if (file, number) in counts}
        executed = {number: sum(copy[0] for copy in copies) for number, copies in lines.items()}
        entered = functions_entered[file, name] or max(executed.values(), default=0)
        row = collections.Counter(lines=len(lines), lines_taken=sum(map(bool, executed.values())))
        for number, copies in lines.items():
            branches = [count for copy in copies for count in copy[1:]]
            missing = [str(n) for n, count in enumerate(branches, 1) if not count]
            ours = number in changed[file]
            row.update(branches=len(branches), branches_taken=len(branches) - len(missing))
            if ours:
                row.update(ours=len(branches), ours_taken=len(branches) - len(missing))
            if missing and entered:
                never = f"branch {','.join(missing)} of {len(branches)}" if executed[number] else "never came here"
                source = text.splitlines()[number - 1].strip()
                untaken[ours].append(f"{file}:{number}: {name}(): {never}: {source}")
        total.update(row)
        total["passed" if entered else "skipped" if name in listed else "failed"] += 1
        if entered and name in listed:
            wrong.append(f"{name} was entered: take it off {given.listed}")
        elif not entered and name not in listed:
            wrong.append(f"{name} of {file} was never entered")
        rows.append((name, f"{posixpath.basename(file)}:{where[0]}", str(entered),
                     f"{row['lines_taken']}/{row['lines']}", f"{row['branches_taken']}/{row['branches']}",
                     "" if entered else listed.get(name, "")))
    wrong += [f"{given.listed}: the series touches no function {name}" for name in listed if name not in known]
    if not known:
        bad_input(f"{given.touched} names no function that is in {given.tree}")

    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    for ours, where in (True, "in lines that the series writes"), (False, "in other lines of these functions"):
        print(f"\nnever taken {where}:")
        print("\n".join(untaken[ours]) or "nothing")
    print(f"\nlines {total['lines_taken']} of {total['lines']},"
          f" branches {total['branches_taken']} of {total['branches']},"
          f" of the series' own {total['ours_taken']} of {total['ours']}")
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    for line in wrong:
        print(f"coverage: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
