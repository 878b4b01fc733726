#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# The files of an x86 kernel that include one of some files, by however many steps, as the compiler finds them: the
# folders in which Kbuild looks, and "quoted" ones beside the file that includes them. Conditions are not looked at:
# rather a file too many.
# Usage: rig/included-by.py TREE FILE...   (from TREE's top, as git names them)
# stdout: these files and all that include them, one a line. Status: 0; 2 bad input.
import collections
import pathlib
import posixpath
import re
import subprocess
import sys

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
# LINUXINCLUDE in the top Makefile, for x86.
FOLDERS = ["arch/x86/include", "include", "arch/x86/include/uapi", "include/uapi"]
# What does not go into the kernel.
ELSEWHERE = ("Documentation/", "samples/", "scripts/", "tools/", "usr/")


def sources(tree):
    git = ["git", "-C", tree, "ls-files", "-z", "*.c", "*.h", "*.S"]
    for name in subprocess.run(git, check=True, text=True, stdout=subprocess.PIPE).stdout.split("\0"):
        if name and not name.startswith(ELSEWHERE) and (not name.startswith("arch/") or name.startswith("arch/x86/")):
            yield name


def targets(name, quote, included, known, ends):
    """The files that an include may mean."""
    if quote == '"':
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(name), included))
        if beside in known:
            return [beside]
    found = [path for folder in FOLDERS if (path := folder + "/" + included) in known]
    # A header that the architecture has not itself is made by Kbuild, and includes the generic one.
    generic = "include/asm-generic/" + included[len("asm/") :]
    if not found and included.startswith("asm/") and generic in known:
        return [generic]
    # Found by -I of a Makefile.
    return found or [path for path in ends[posixpath.basename(included)] if path.endswith("/" + included)]


def main():
    if len(sys.argv) < 3:
        print("included-by: error: a tree and at least one file are needed", file=sys.stderr)
        return 2
    tree, wanted = sys.argv[1], sys.argv[2:]
    known = set(sources(tree))
    for name in wanted:
        if name not in known:
            print(f"included-by: error: {tree} has no source file {name}", file=sys.stderr)
            return 2
    ends = collections.defaultdict(list)
    for name in known:
        ends[posixpath.basename(name)].append(name)
    including = collections.defaultdict(set)
    for name in known:
        for quote, included in INCLUDE.findall((pathlib.Path(tree) / name).read_text(errors="replace")):
            for target in targets(name, quote, included, known, ends):
                including[target].add(name)
    seen = set(wanted)
    while wanted:
        new = including[wanted.pop()] - seen
        seen |= new
        wanted += new
    print("\n".join(sorted(seen)))
    return 0


sys.exit(main())
