# SPDX-License-Identifier: GPL-2.0-only
# The rows of what results.py has read: a number for each kernel, and a row for each K.
# Usage: import rows (by measure/measured, measure/readme, measure/report)
import json
import pathlib

from results import TOP, Bad, load


def rows(peers):
    """(key, title, {peer: value}); a value is a number, a text, or None where nothing was measured."""
    table = []

    def row(key, title, value):
        values = {peer.name: value(peer) for peer in peers}
        if any(v is not None for v in values.values()):
            table.append((key, title, values))

    def size(case, metric, *jobs, **options):
        def value(peer):
            worst = peer.worst(case, metric, *jobs, **options)
            return None if worst is None else abs(worst)
        return value

    row("kernel", "kernel", lambda peer: peer.env["kernel"])
    row("error", "epoch error, worst (ns)", size("msr", "worst_ns", loaded=False))
    row("error_loaded", "... with more busy loops than CPUs", size("msr", "worst_ns", loaded=True))
    row("error_xen", "Xen page, epoch error, worst (ns)", size("xen", "worst_ns"))
    row("step_noclock", "largest step, vCPUs with unequal TSC offsets (ns)", size("noclock", "step_ns"))
    row("step_old_time", "largest step, boot vCPU on the old MSR (ns)", size("old_time", "step_ns"))
    row("step_before", "largest step, before the first KVM_RUN (ns)", size("before", "step_ns"))
    for name in "hpet", "acpi_pm":
        row(f"step_{name}", f"largest step, clocksource {name} (ns)", size("msr", "step_ns", clocksource=name))
    row("realtime", "clock modes in which KVM_GET_CLOCK gives realtime", realtime_modes)
    row("guest", "what the guest reads, off by at most (ns)", size("guest", "worst_ns"))
    row("guest_noclock", "what the guest reads, unequal TSC offsets (ns)", size("guest_noclock", "worst_ns"))
    row("spread", "spread of MSRs, KVM_GET_CLOCK and Xen page (ns)", size("spread", "worst_ns"))
    row("spread_noclock", "that spread, unequal TSC offsets (ns)", size("spread_noclock", "worst_ns"))
    row("trips", "1000 GET->SET->GET trips move the epoch (ns)", lambda peer: peer.worst("trips", "drift_ns"))
    row("jump", "jump at a new snapshot, per second of its age (ns)", lambda peer: peer.worst("resnapshot", "jump_ns_per_s"))
    row("pairs", "10,000 pairs of master clock off and on move (ns)", lambda peer: peer.worst("pairs", "moved_ns"))
    row("same_rate", "master clock updates, same rate again on 16 vCPUs", lambda peer: peer.worst("same_rate", "updates"))
    row("scaling", "KVM_GET_CLOCK behind a scaled guest (ns/s)", lambda peer: peer.first("scaling", "lag_ns_per_s"))
    row("rate", "kvmclock against CLOCK_MONOTONIC_RAW (ppb)", lambda peer: peer.first("rate", "rate_ppb"))
    row("lost", "two writers, versions lost", lambda peer: peer.worst("versions", "lost"))
    row("future", "clock set past real time, guest wrong by (s)", lambda peer: peer.first("future", "error_s"))
    for path, title in ("msr", "write of the MSR"), ("get_clock", "KVM_GET_CLOCK"), ("set_clock", "KVM_SET_CLOCK, one vCPU"):
        row(f"cost_{path}", f"{title} (instructions)", ticks("cost", path))
    row("cost_noclock_msr", "write of the MSR, unequal TSC offsets (instructions)", ticks("cost_noclock", "msr"))
    row("cost_hpet_msr", "write of the MSR, clocksource hpet (instructions)", ticks("cost", "msr", clocksource="hpet"))
    return table


def ticks(case, path, **options):
    """Instructions: the emulated CPUs' only, as elsewhere a tick is none."""
    def value(peer):
        return None if peer.name == "host" else peer.first(case, f"{path}_ticks", "cost", **options)
    return value


def realtime_modes(peer):
    found = {}
    for document in peer.documents(clocksource=None):
        for case in "msr", "noclock", "old_time", "before":
            if "realtime" in document["cases"].get(case, {}):
                found[case, document.get("clocksource")] = document["cases"][case]["realtime"]
    return f"{sum(found.values())} of {len(found)}" if found else None


def k_rows(peers):
    """(K, what, {peer: (passed, failed, skipped)}) by measure/k-cases; None where the selftest did not run."""
    table = []
    for line in (TOP / "measure" / "k-cases").read_text().splitlines():
        line = line.split("#")[0]
        if not line.strip():
            continue
        k, what, names = (part.strip() for part in line.split("|"))
        values = {}
        for peer in peers:
            got = [peer.cases[name] for name in names.split() if name in peer.cases]
            values[peer.name] = tuple(got.count(word) for word in ("pass", "fail", "skip")) if got else None
        table.append((k, what, values))
    return table


def number(value):
    """For people: with thousands separated."""
    return f"{value:,}" if isinstance(value, int) else "not measured" if value is None else str(value)


def measured(path):
    """{environment, rows, k}, from a folder of results or from such a JSON."""
    path = pathlib.Path(path)
    if path.is_file():
        try:
            got = json.loads(path.read_text())
        except json.JSONDecodeError as error:
            raise Bad(f"{path} is no JSON: {error}") from None
        if not isinstance(got, dict) or not {"environment", "rows", "k"} <= got.keys():
            raise Bad(f"{path} is not what measure/measured -j writes")
        return got
    peers = load(path)
    return {"environment": {peer.name: peer.env for peer in peers}, "rows": rows(peers), "k": k_rows(peers)}


def passed(counts):
    if counts is None:
        return "not measured"
    good, bad, skipped = counts
    if not good + bad:
        return "not measured"
    return f"{good} of {good + bad} pass" + (f", {skipped} skipped" if skipped else "")


def cells(got, names):
    for _, title, values in got["rows"]:
        yield title, [number(values.get(name)) for name in names]
    for k, what, values in got["k"]:
        if any(values.get(name) for name in names):
            yield f"{k}: {what}", [passed(values.get(name)) for name in names]
