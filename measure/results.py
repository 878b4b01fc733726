# SPDX-License-Identifier: GPL-2.0-only
# Reads what measure/bench/bench or measure/run left: the documents of kvm-clock-bench and the selftest's results of each kernel.
# Usage: import results (by measure/measured, measure/report, rows.py)
import json
import os
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
# The bound of an exact epoch: realtime and clock are cut to whole ns, in each of the two readings that are compared.
EXACT_NS = 2


class Bad(Exception):
    """What is wrong with the input, in one line."""


class Peer:
    """One kernel: the documents of each job, the selftest's results, and the environment."""

    def __init__(self, folder):
        self.jobs, self.cases, self.env = {}, {}, {"peer": folder.name}
        for file in sorted(folder.glob("*.json")):
            documents = read_documents(file)
            if file.name == "environment.json":
                self.env.update(documents[0].get("environment", {}))
            else:
                self.jobs[file.stem] = documents
        ktap = folder / "selftest.ktap"
        if ktap.exists():
            self.cases = read_ktap(ktap)
        self.name = self.env["peer"]
        # The clocksource that the kernel chose, which is not the TSC everywhere.
        self.native = next((d.get("clocksource") for documents in self.jobs.values() for d in documents), None)
        if "kernel" not in self.env:
            self.env["kernel"] = next((d["release"] for d in self.documents(clocksource=None)), "unknown")

    def documents(self, *jobs, clocksource="native", loaded=None):
        """The documents of these jobs (default: all but those whose CPU counts instructions); None is any clocksource, any load."""
        if clocksource == "native":
            clocksource = self.native
        for job, documents in self.jobs.items():
            if (jobs and job not in jobs) or (not jobs and job == "cost"):
                continue
            for document in documents:
                if loaded not in (None, document.get("busy", 0) > 0):
                    continue
                if clocksource in (None, document.get("clocksource")):
                    yield document

    def values(self, case, metric, *jobs, **options):
        for document in self.documents(*jobs, **options):
            value = document["cases"].get(case, {}).get(metric)
            if value is not None:
                yield value

    def worst(self, case, metric, *jobs, **options):
        """The value farthest from 0 in all documents, or None if none has it."""
        return max(self.values(case, metric, *jobs, **options), key=abs, default=None)

    def first(self, case, metric, *jobs, **options):
        return next(self.values(case, metric, *jobs, **options), None)

    def added(self, case, series, *jobs, **options):
        """Histograms, summed."""
        columns = list(self.values(case, series, *jobs, **options))
        return [sum(column) for column in zip(*columns)]


def read_documents(file):
    decoder, text, at, documents = json.JSONDecoder(), file.read_text(), 0, []
    try:
        while text[at:].strip():
            at += len(text[at:]) - len(text[at:].lstrip())
            document, at = decoder.raw_decode(text, at)
            if not isinstance(document, dict) or not ("cases" in document or "environment" in document):
                raise Bad(f"{file} holds something that is no document of kvm-clock-bench")
            documents.append(document)
    except json.JSONDecodeError as error:
        raise Bad(f"{file} is no JSON: {error}") from None
    if not documents:
        raise Bad(f"{file} is empty")
    return documents


def read_ktap(file):
    """The selftest's cases: name -> pass, fail or skip."""
    cases = {}
    for line in file.read_text().splitlines():
        match = re.match(r"  (not ok|ok) \d+ (\S+)( # SKIP)?", line)
        if match:
            cases[match[2]] = "fail" if match[1] == "not ok" else "skip" if match[3] else "pass"
    return cases


def load(folder):
    """The peers in the order of their kernels, stock first, the machine itself last."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise Bad(f"no folder {folder}: make bench, or make run, makes it")
    peers = [Peer(sub) for sub in folder.iterdir() if sub.is_dir() and any(sub.glob("*.json"))]
    peers = [peer for peer in peers if peer.jobs]
    if not peers:
        raise Bad(f"{folder} holds no results: make bench, or make run, makes some")
    return sorted(peers, key=lambda peer: order(peer.name))


def order(name):
    numbers = [int(word) for word in re.findall(r"\d+", name.split("-")[0])]
    return (not numbers, numbers, "patched" in name, name)


def run(main):
    """main(), with bad input told in one line."""
    try:
        main()
    except Bad as bad:
        print(f"{pathlib.Path(sys.argv[0]).name}: error: {bad}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # Who reads has seen enough; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
