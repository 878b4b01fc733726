# SPDX-License-Identifier: GPL-2.0-only
"""The figures of the report, and the one of the README."""
from .plots import Figure

# What a clock mode is called, and how its error is found: where stock gives no realtime, steps show it.
MODES = {
    "error": "master\nclock", "error_loaded": "master,\nloaded", "step_noclock": "unequal\nTSCs",
    "step_old_time": "old\nMSR", "step_before": "before\nKVM_RUN", "step_hpet": "clock-\nsource\nhpet",
    "step_acpi_pm": "clock-\nsource\nacpi_pm", "guest_noclock": "guest,\nunequal\nTSCs",
}
PATHS = {"msr": "MSR", "msr_old": "old MSR", "get_clock": "GET_\nCLOCK", "set_clock": "SET_\nCLOCK", "xen": "Xen page"}


def overview(names, rows):
    """rows: those of tables.py"""
    values = {key: numbers for key, _, numbers in rows}
    drawn = [(title, [values[key].get(name) for name in names]) for key, title in MODES.items() if key in values]
    return Figure("Worst error of the guest's wall clock, by clock mode",
                  "Master clock: distance of the epoch from KVM_GET_CLOCK. Without it stock gives no real time to "
                  "compare with: the largest step between two adjacent epochs, which should be 0 or 1 ns.",
                  "bars", names, drawn, ylabel="ns")


def counts(peers, title, caption, case, series, xlabel="off by up to (ns)", **options):
    bounds = next((d["histogram_bounds_ns"] for peer in peers for d in peer.documents(clocksource=None)
                   if "histogram_bounds_ns" in d), [])
    columns = [[sum(numbers) for numbers in zip(*peer.values(case, series, **options))] for peer in peers]
    # An empty bucket is drawn up to the one behind the last that is not.
    ends = [max((i for i, value in enumerate(column) if value), default=-2) + 1 for column in columns]
    rows = [(bound, [column[i] if i <= end else None for column, end in zip(columns, ends)])
            for i, bound in enumerate(bounds)]
    return Figure(title, caption, "counts", [peer.name for peer in peers], rows, xlabel, "how often", "xy")


def series(peers, title, caption, case, metric, xlabel="part of the run (%)", scale=100, **options):
    columns = [peer.first(case, metric, **options) or [] for peer in peers]
    longest = max(map(len, columns), default=0)
    rows = [(round(i * scale / longest, 2), [column[i] if i < len(column) else None for column in columns])
            for i in range(longest)]
    return Figure(title, caption, "lines", [peer.name for peer in peers], rows, xlabel=xlabel, ylabel="ns")


def cost(peers, title, caption, case, unit="ticks", **options):
    rows = [(called, [peer.first(case, f"{path}_{unit}", "cost", **options) for peer in peers])
            for path, called in PATHS.items()]
    return Figure(title, caption, "bars", [peer.name for peer in peers], rows,
                  ylabel="instructions" if unit == "ticks" else "ns", log="")


def growth(peers, title, caption, case, metric, by, jobs, ylabel="ns", log="y"):
    """The worst for each number of vCPUs or VMs, where the other of the two is as it is by itself."""
    found = {}
    for peer in peers:
        for document in peer.documents(*jobs):
            got = document["cases"].get(case, {})
            if metric in got and by in got and got["vms" if by == "vcpus" else "vcpus"] <= 2:
                at = found.setdefault(got[by], {})
                at[peer.name] = max(at.get(peer.name, 0), abs(got[metric]))
    names = [peer.name for peer in peers]
    return Figure(title, caption, "growth", names, [(x, [found[x].get(name) for name in names]) for x in sorted(found)],
                  xlabel={"vcpus": "vCPUs", "vms": "VMs"}[by], ylabel=ylabel, log=log)


def all_figures(peers, rows):
    """(section, [figure, ...]), without what nobody measured."""
    rig = [peer for peer in peers if peer.name != "host"]
    host = [peer for peer in peers if peer.name == "host"]
    unequal = "vCPUs with unequal TSC offsets"
    step = {"xlabel": "step of up to (ns)"}
    sections = {
        "Overview": [overview([peer.name for peer in peers], rows)],
        "How far off": [
            counts(peers, "Epoch error, master clock, idle",
                   "Distance of the epoch from realtime - clock of KVM_GET_CLOCK before and after it.",
                   "msr", "error_histogram", loaded=False),
            counts(peers, "Epoch error, master clock, more busy loops than CPUs",
                   "The same while busy loops take the CPUs away.", "msr", "error_histogram", loaded=True),
            counts(peers, f"Steps, {unequal}", "Change between two adjacent epochs, no master clock.",
                   "noclock", "step_histogram", loaded=False, **step),
            counts(peers, "Steps, clocksource hpet", "The host's own clocksource is not the TSC.",
                   "msr", "step_histogram", clocksource="hpet", **step),
            counts(peers, "What the guest reads, unequal TSC offsets",
                   "Epoch + kvmclock, as the guest computes it, against CLOCK_REALTIME at the same TSC.",
                   "guest_noclock", "error_histogram", loaded=False),
            counts(peers, "Xen page, idle", "The wall clock in the Xen shared info page.",
                   "xen", "error_histogram", loaded=False),
        ],
        "Over time": [
            series(peers, "Epoch error, master clock, idle",
                   "The largest in each of 200 slices of one run; 0 has a line of its own.",
                   "msr", "error_series_ns", loaded=False),
            series(peers, "Epoch error, master clock, loaded", "The same with busy loops.",
                   "msr", "error_series_ns", loaded=True),
            series(peers, f"Steps, {unequal}", "The largest step in each slice.",
                   "noclock", "step_series_ns", loaded=False),
            series(peers, "GET->SET->GET trips move the epoch", "By how much 1000 trips have moved it, either way.",
                   "trips", "moved_series_ns", loaded=False, xlabel="trips", scale=1000),
        ],
        "Cost in instructions": [
            cost(rig, "Master clock", "Instructions of the kernel, net of an ioctl with nothing to do.", "cost"),
            cost(rig, unequal, "No master clock; two vCPUs.", "cost_noclock"),
            cost(rig, "Clocksource hpet", "No master clock; the time is read from the hpet, in QEMU.",
                 "cost", clocksource="hpet"),
            cost(rig, "Before the first KVM_RUN", "No master clock yet.", "cost_before"),
        ],
        "Growth": [
            growth(rig, f"{title} by {what}", f"Instructions, {note}",
                   "cost", f"{path}_ticks", by, ["cost"], "instructions", log)
            for by, what in (("vcpus", "vCPUs"), ("vms", "VMs"))
            for path, title, note, log in (
                ("msr", "Write of the MSR", "master clock.", ""), ("get_clock", "KVM_GET_CLOCK", "master clock.", ""),
                ("set_clock", "KVM_SET_CLOCK", "all of the VM's vCPUs get a new time.", "y"))
        ] + [
            growth(peers, "Epoch error by vCPUs", "Master clock, worst.",
                   "msr", "worst_ns", "vcpus", ["vcpus"]),
            growth(peers, "Epoch error by VMs", "Master clock, worst; the VMs take turns.",
                   "msr", "worst_ns", "vms", ["vms"]),
            growth(peers, "Steps without master clock by vCPUs", "Unequal TSC offsets, largest.",
                   "noclock", "step_ns", "vcpus", ["vcpus"]),
        ],
        "This machine's own /dev/kvm": [
            cost(host, "Master clock, in ns", "Median, net of an ioctl with nothing to do in the same run.",
                 "cost", "ns"),
            cost(host, "Unequal TSC offsets, in ns", "No master clock.", "cost_noclock", "ns"),
        ],
    }
    kept = {section: [figure for figure in figures if figure.rows] for section, figures in sections.items()}
    return [(section, figures) for section, figures in kept.items() if figures]
