# SPDX-License-Identifier: GPL-2.0-only
"""The reader: the documents of kvm-clock-bench, and the selftest's KTAP, of each kernel."""
import functools
import json
import pathlib
import re
import subprocess

from . import TOP, die


class Peer:
    """One kernel: the documents of each job, what the cases of the selftest gave, and the environment."""

    def __init__(self, folder):
        self.folder = folder
        self.jobs = {file.stem: read_documents(file) for file in sorted(folder.glob("*.json"))}
        environment = self.jobs.pop("environment", [{"environment": {}}])[0].get("environment", {})
        self.env = {"peer": folder.name, "kernel": "unknown", **environment}
        self.name = self.env["peer"]
        self.cases = read_ktap(folder / "selftest.ktap")
        # The clocksource that the kernel chose, which is not the TSC everywhere.
        self.native = next((d.get("clocksource") for documents in self.jobs.values() for d in documents), None)

    def documents(self, *jobs, clocksource="native", loaded=None):
        """Of these jobs (default: all); None is any clocksource, any load."""
        if clocksource == "native":
            clocksource = self.native
        for job, documents in self.jobs.items():
            if jobs and job not in jobs:
                continue
            for document in documents:
                if loaded in (None, document.get("busy", 0) > 0) and clocksource in (None, document.get("clocksource")):
                    yield document

    def values(self, case, metric, *jobs, **options):
        found = (document["cases"].get(case, {}).get(metric) for document in self.documents(*jobs, **options))
        return [value for value in found if value is not None]

    def worst(self, case, metric, *jobs, **options):
        """The value farthest from 0 in all documents, or None if none has it."""
        return max(self.values(case, metric, *jobs, **options), key=abs, default=None)

    def first(self, case, metric, *jobs, **options):
        return next(iter(self.values(case, metric, *jobs, **options)), None)

    @functools.cached_property
    def selftest(self):
        """Whether it passed, and how many cases did, by the kernel's own parser, whose report lies beside the KTAP."""
        if not self.cases:
            return None, None
        with (self.folder / "selftest.txt").open("w") as report:
            got = subprocess.run([TOP / "rig/ktap", self.folder / "selftest.ktap"], check=False, text=True,
                                 stdout=subprocess.PIPE, stderr=report)
        return got.returncode == 0, got.stdout.strip() or None


def read_documents(file):
    text, found = file.read_text().strip(), []
    while text:
        try:
            document, end = json.JSONDecoder().raw_decode(text)
        except json.JSONDecodeError as error:
            die(f"{file} is no JSON: {error}")
        if not isinstance(document, dict) or not document.keys() & {"cases", "environment"}:
            die(f"{file} holds something that is no document of kvm-clock-bench")
        found.append(document)
        text = text[end:].lstrip()
    return found or die(f"{file} is empty")


def read_ktap(file):
    """{case: pass, fail or skip}; whether the whole passed is rig/ktap's to say."""
    lines = re.findall(r"^  (not )?ok \d+ (\S+)( # SKIP)?", file.read_text(), re.M) if file.exists() else []
    return {case: "fail" if bad else "skip" if skipped else "pass" for bad, case, skipped in lines}


def load(folder):
    """The peers in the order of their kernels, stock first, the machine itself last."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        die(f"no folder {folder}: make bench, or make run, makes it")
    peers = [peer for peer in map(Peer, filter(pathlib.Path.is_dir, folder.iterdir())) if peer.jobs]
    if not peers:
        die(f"{folder} holds no results: make bench, or make run, makes some")
    return sorted(peers, key=lambda peer: order(peer.name))


def order(name):
    numbers = [int(word) for word in re.findall(r"\d+", name.split("-")[0])]
    return (not numbers, numbers, "patched" in name, name)
