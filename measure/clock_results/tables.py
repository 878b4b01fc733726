# SPDX-License-Identifier: GPL-2.0-only
"""The tables: a row for each number and each K, a column for each kernel."""
from . import TOP


def worst(case, metric, *jobs, **options):
    return lambda peer: peer.worst(case, metric, *jobs, **options)


def size(case, metric, **options):
    def value(peer):
        found = peer.worst(case, metric, **options)
        return found and abs(found)
    return value


def ticks(case, path, **options):
    """Instructions: the emulated CPUs' only, as elsewhere a tick is none."""
    return lambda peer: None if peer.name == "host" else peer.first(case, f"{path}_ticks", "cost", **options)


def realtime_modes(peer):
    found = {(case, document.get("clocksource")): document["cases"][case]["realtime"]
             for document in peer.documents(clocksource=None) for case in ("msr", "noclock", "old_time", "before")
             if "realtime" in document["cases"].get(case, {})}
    return f"{sum(found.values())} of {len(found)}" if found else None


def yes_no(case):
    def value(peer):
        given = peer.first(case, "realtime", "bench")
        return given if given is None else "yes" if given else "no"
    return value


def versions_lost(peer):
    lost, writes = (peer.worst("versions", metric) for metric in ("lost", "writes"))
    return None if lost is None else f"{lost:,} of {writes:,}"


# (key, title, value of a peer: a number, a text, or None where nothing was measured)
ROWS = [
    ("kernel", "kernel", lambda peer: peer.env["kernel"]),
    ("error", "epoch error, worst (ns)", size("msr", "worst_ns", loaded=False)),
    ("error_loaded", "... with more busy loops than CPUs", size("msr", "worst_ns", loaded=True)),
    ("error_xen", "Xen page, epoch error, worst (ns)", size("xen", "worst_ns")),
    ("step_noclock", "largest step, vCPUs with unequal TSC offsets (ns)", size("noclock", "step_ns")),
    ("step_old_time", "largest step, boot vCPU on the old MSR (ns)", size("old_time", "step_ns")),
    ("step_before", "largest step, before the first KVM_RUN (ns)", size("before", "step_ns")),
    ("step_hpet", "largest step, clocksource hpet (ns)", size("msr", "step_ns", clocksource="hpet")),
    ("step_acpi_pm", "largest step, clocksource acpi_pm (ns)", size("msr", "step_ns", clocksource="acpi_pm")),
    ("realtime", "clock modes in which KVM_GET_CLOCK gives realtime", realtime_modes),
    ("guest", "what the guest reads, off by at most (ns)", size("guest", "worst_ns")),
    ("guest_noclock", "what the guest reads, unequal TSC offsets (ns)", size("guest_noclock", "worst_ns")),
    ("spread", "spread of MSRs, KVM_GET_CLOCK and Xen page (ns)", size("spread", "worst_ns")),
    ("spread_noclock", "that spread, unequal TSC offsets (ns)", size("spread_noclock", "worst_ns")),
    ("trips", "1000 GET->SET->GET trips move the epoch (ns)", worst("trips", "drift_ns")),
    ("jump", "jump at a new snapshot, per second of its age (ns)", worst("resnapshot", "jump_ns_per_s")),
    ("pairs", "10,000 pairs of master clock off and on move (ns)", worst("pairs", "moved_ns")),
    ("same_rate", "master clock updates, same rate again on 16 vCPUs", worst("same_rate", "updates")),
    ("scaling", "KVM_GET_CLOCK behind a scaled guest (ns/s)", worst("scaling", "lag_ns_per_s")),
    ("rate", "kvmclock against CLOCK_MONOTONIC_RAW (ppb)", worst("rate", "rate_ppb")),
    ("lost", "two writers, versions lost", worst("versions", "lost")),
    ("future", "clock set past real time, guest wrong by (s)", worst("future", "error_s")),
    ("cost_msr", "write of the MSR (instructions)", ticks("cost", "msr")),
    ("cost_get_clock", "KVM_GET_CLOCK (instructions)", ticks("cost", "get_clock")),
    ("cost_set_clock", "KVM_SET_CLOCK, one vCPU (instructions)", ticks("cost", "set_clock")),
    ("cost_noclock_msr", "write of the MSR, unequal TSC offsets (instructions)", ticks("cost_noclock", "msr")),
    ("cost_hpet_msr", "write of the MSR, clocksource hpet (instructions)", ticks("cost", "msr", clocksource="hpet")),
]
# What make run measures, which has two jobs: the TSC's rate per CPU, and constant.
RUN_ROWS = [
    ("kernel", "kernel", lambda peer: peer.env["kernel"]),
    ("selftest", "selftest", lambda peer: peer.selftest[1]),
    ("median", "epoch error, median (ns)", worst("msr", "median_ns", "bench", loaded=False)),
    ("error", "epoch error, worst (ns)", worst("msr", "worst_ns", "bench", loaded=False)),
    ("error_loaded", "... with more busy loops than CPUs", worst("msr", "worst_ns", "bench", loaded=True)),
    ("error_constant", "... constant TSC", worst("msr", "worst_ns", "constant", loaded=False)),
    ("error_constant_loaded", "... constant TSC, busy loops", worst("msr", "worst_ns", "constant", loaded=True)),
    ("step", "largest step between epochs, busy loops or not (ns)", worst("msr", "step_ns")),
    ("step_noclock", "largest step without the master clock (ns)", worst("noclock", "step_ns")),
    ("realtime", "KVM_GET_CLOCK gives realtime", yes_no("msr")),
    ("realtime_noclock", "KVM_GET_CLOCK gives realtime there", yes_no("noclock")),
    ("realtime_before", "KVM_GET_CLOCK gives realtime before KVM_RUN", yes_no("before")),
    ("error_xen", "Xen page, epoch error, worst (ns)", worst("xen", "worst_ns")),
    ("trips", "1000 GET->SET->GET trips move the epoch (ns)", worst("trips", "drift_ns")),
    ("jump", "jump at a new snapshot, 1 s old (ns)", worst("resnapshot", "jump_ns")),
    ("lost", "two writers, versions lost", versions_lost),
    ("guest", "KVM_GET_CLOCK off the guest's own view (ns)", worst("instant", "guest_worst_ns")),
    ("future", "clock set past real time, guest wrong by (s)", worst("future", "error_s")),
    ("scaling", "KVM_GET_CLOCK behind a scaled guest (ns/s)", worst("scaling", "lag_ns_per_s")),
]


def k_rows(peers):
    """(K, what, {peer: (passed, failed, skipped)}) by measure/k-cases; None where the selftest did not run."""
    table = []
    for line in (TOP / "measure/k-cases").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        k, what, names = (part.strip() for part in line.split("|"))
        values = {}
        for peer in peers:
            got = [peer.cases[name] for name in names.split() if name in peer.cases]
            values[peer.name] = tuple(got.count(word) for word in ("pass", "fail", "skip")) if got else None
        table.append((k, what, values))
    return table


def table(peers, specs=ROWS):
    """{environment, rows, k}, without what nobody measured."""
    rows = [(key, title, {peer.name: value(peer) for peer in peers}) for key, title, value in specs]
    rows = [row for row in rows if any(value is not None for value in row[2].values())]
    return {"environment": {peer.name: peer.env for peer in peers}, "rows": rows, "k": k_rows(peers)}


def number(value):
    """For people: with thousands separated."""
    return f"{value:,}" if isinstance(value, int) else "not measured" if value is None else str(value)


def passed(counts):
    good, bad, skipped = counts or (0, 0, 0)
    if not good + bad:
        return "not measured"
    return f"{good} of {good + bad} pass" + (f", {skipped} skipped" if skipped else "")


def cells(got, names):
    """(title, [text of each of these peers])"""
    for _, title, values in got["rows"]:
        yield title, [number(values.get(name)) for name in names]
    for k, what, values in got["k"]:
        if any(values.get(name) for name in names):
            yield f"{k}: {what}", [passed(values.get(name)) for name in names]


def text(head, body):
    lines = [head, *([title, *row] for title, row in body)]
    first, *widths = (max(map(len, column)) for column in zip(*lines))
    return "\n".join(" ".join([line[0].ljust(first), *map(str.rjust, line[1:], widths)]) for line in lines)


def markdown(names, body):
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join([title, *row]) + " |" for title, row in body])
