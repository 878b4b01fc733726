#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# Lines and branches taken of some functions, by what gcov says of one or several runs.
# Usage: prove/coverage/coverage.py [--listed FILE] [--changes DIFF] TREE TOUCHED JSON...
#   TREE     the kernel's source    TOUCHED  `FILE FUNCTION` a line    JSON  of gcov --json-format, packed by gzip
#   FILE     functions that cannot be entered, `FUNCTION # reason` a line
#   DIFF     of git diff -U0: branches in the lines that it writes are named first, and counted by themselves
# stdout: see prove/coverage/coverage. Status: 0; 1 a function was never entered and is not listed, or is listed and was; 2 bad input.
import argparse
import collections
import gzip
import json
import pathlib
import posixpath
import re
import sys


class Bad(Exception):
    pass


def definition(text, name):
    """First and last line of a function in a source text, from 1; None if it is not defined there."""
    start = None
    for number, line in enumerate(text, 1):
        if start is None:
            if re.match(r"(?:[a-z].*[ *])?" + re.escape(name) + r"\(", line) and not line.endswith(";"):
                start = number
        elif line.startswith("}"):
            return start, number
        elif line.rstrip().endswith(");") and line.startswith((" ", "\t")) and "{" not in "".join(text[start - 1:number]):
            start = None  # a declaration of several lines
    return None


def changed_lines(path):
    """The lines that a diff without context writes, of each file."""
    changed, file = collections.defaultdict(set), None
    for line in path.read_text(errors="replace").splitlines() if path else ():
        if line.startswith("+++ b/"):
            file = line[6:]
        elif found := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            start = int(found[1])
            changed[file].update(range(start, start + int(found[2] or 1)))
    return changed


def add(old, new):
    return [a + b for a, b in zip(old, new)]


class Counts:
    """What all runs have counted: per file and line. A line of an inlined function is there once for each copy."""

    def __init__(self):
        self.lines = collections.defaultdict(lambda: collections.defaultdict(dict))
        self.entered = collections.Counter()

    def read(self, path):
        try:
            with gzip.open(path) as stream:
                data = json.load(stream)
        except (OSError, EOFError, ValueError) as error:
            raise Bad(f"{path} is not what gcov writes: {error}") from error
        for source in data["files"]:
            name = re.sub(r"^(.*/)?(?=(?:arch/x86|virt/kvm)/)", "", posixpath.normpath(source["file"]))
            for function in source["functions"]:
                self.entered[name, function["name"]] += function["execution_count"]
            for line in source["lines"]:
                copies = self.lines[name][line["line_number"]]
                # A copy is told by the unit it is compiled in, and the function it ended up in.
                key = data["data_file"].rsplit("/", 1)[-1], line.get("function_name")
                count, branches = line["count"], [branch["count"] for branch in line["branches"]]
                if key in copies:
                    count += copies[key][0]
                    branches = add(copies[key][1], branches)
                copies[key] = count, branches

    def line(self, name, number):
        """How often a line was executed, and how often each of its branches was taken; None if it holds no code."""
        copies = self.lines[name].get(number)
        if not copies:
            return None
        branches = []
        # Copies with the same branches are one; one that the compiler has changed stays beside them.
        merged = {}
        for _, taken in copies.values():
            merged[len(taken)] = add(merged[len(taken)], taken) if len(taken) in merged else taken
        for taken in merged.values():
            branches += taken
        return sum(count for count, _ in copies.values()), branches


def read_listed(path):
    listed = {}
    if path and path.exists():
        for line in path.read_text().splitlines():
            if not line or line.startswith("#"):
                continue
            name, _, reason = line.partition("#")
            if not reason.strip():
                raise Bad(f"{path}: {name.strip()} has no reason: write it behind a #")
            listed[name.strip()] = reason.strip()
    return listed


def main():
    parser = argparse.ArgumentParser(prog="coverage.py", description="Lines and branches taken of some functions.")
    parser.add_argument("--listed", metavar="FILE", type=pathlib.Path, help="functions that cannot be entered, with reasons")
    parser.add_argument("--changes", metavar="DIFF", type=pathlib.Path, help="what the series changes, by git diff -U0")
    parser.add_argument("tree", metavar="TREE", type=pathlib.Path)
    parser.add_argument("touched", metavar="TOUCHED", type=pathlib.Path)
    parser.add_argument("json", metavar="JSON", nargs="+")
    arguments = parser.parse_args()
    listed = read_listed(arguments.listed)
    counts = Counts()
    for path in arguments.json:
        counts.read(path)

    changed = changed_lines(arguments.changes)

    total = collections.Counter()
    untaken, wrong, rows, known = {True: [], False: []}, [], [], set()
    for entry in arguments.touched.read_text().splitlines():
        file, name = entry.split()
        try:
            text = (arguments.tree / file).read_text().splitlines()
        except OSError as error:
            raise Bad(f"{file} cannot be read in {arguments.tree}: {error.strerror}") from error
        where = definition(text, name)
        if not where:
            total["gone"] += 1
            continue
        known.add(name)
        lines = {number: got for number in range(where[0], where[1] + 1) if (got := counts.line(file, number))}
        entered = counts.entered[file, name] or max((count for count, _ in lines.values()), default=0)
        row = collections.Counter(lines=len(lines), lines_taken=sum(count > 0 for count, _ in lines.values()))
        for number, (count, branches) in lines.items():
            ours = number in changed[file]
            taken = sum(count > 0 for count in branches)
            row += collections.Counter(branches=len(branches), branches_taken=taken, ours=ours * len(branches), ours_taken=ours * taken)
            missing = [str(n) for n, taken in enumerate(branches, 1) if not taken]
            if missing and entered:
                never = "never came here" if not count else f"branch {','.join(missing)} of {len(branches)}"
                untaken[ours].append(f"{file}:{number}: {name}(): {never}: {text[number - 1].strip()}")
        total += row
        rows.append((name, f"{file.rsplit('/', 1)[-1]}:{where[0]}", str(entered), f"{row['lines_taken']}/{row['lines']}",
                     f"{row['branches_taken']}/{row['branches']}"))
        if entered:
            total["passed"] += 1
            if name in listed:
                wrong.append(f"{name} was entered: take it off {arguments.listed}")
        elif name in listed:
            total["skipped"] += 1
            rows[-1] += (listed[name],)
        else:
            total["failed"] += 1
            wrong.append(f"{name} of {file} was never entered")
    wrong += [f"{arguments.listed}: the series touches no function {name}" for name in listed if name not in known]
    if not rows:
        raise Bad(f"{arguments.touched} names no function that is in {arguments.tree}")

    rows.insert(0, ("function", "at", "entered", "lines", "branches"))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        print("  ".join([text.ljust(width) for text, width in zip(row, widths)] + list(row[5:])).rstrip())
    for ours, where in (True, "in lines that the series writes"), (False, "in other lines of these functions"):
        print(f"\nnever taken {where}:")
        print("\n".join(untaken[ours]) or "nothing")
    print(f"\nlines {total['lines_taken']} of {total['lines']}, branches {total['branches_taken']} of {total['branches']},"
          f" of the series' own {total['ours_taken']} of {total['ours']}")
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    for line in wrong:
        print(f"coverage: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Bad as bad:
        print(f"coverage: error: {bad}", file=sys.stderr)
        sys.exit(2)
