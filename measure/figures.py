# SPDX-License-Identifier: GPL-2.0-only
# The figures of the report, and the one of the README, from what results.py has read.
# Usage: import figures (by measure/report, measure/measured)
from plots import Figure

# What a clock mode is called, and how its error is found: where stock gives no realtime, steps show it.
MODES = [
    ("error", "master\nclock"), ("error_loaded", "master,\nloaded"), ("step_noclock", "unequal\nTSCs"),
    ("step_old_time", "old\nMSR"), ("step_before", "before\nKVM_RUN"), ("step_hpet", "clock-\nsource\nhpet"),
    ("step_acpi_pm", "clock-\nsource\nacpi_pm"), ("guest_noclock", "guest,\nunequal\nTSCs"),
]
PATHS = [("msr", "MSR"), ("msr_old", "old MSR"), ("get_clock", "GET_\nCLOCK"), ("set_clock", "SET_\nCLOCK"), ("xen", "Xen page")]
IDLE = ("idle", "plain", "vcpus", "vms", "full", "bench", "constant")


def overview(names, values):
    """values: {row key: {peer: number}}"""
    rows = [(title, [values[key].get(name) for name in names]) for key, title in MODES if key in values]
    return Figure("Worst error of the guest's wall clock, by clock mode",
                  "Master clock: distance of the epoch from KVM_GET_CLOCK. Without it stock gives no real time to compare with: the largest "
                  "step between two adjacent epochs, which should be 0 or 1 ns.", "bars", names, rows, ylabel="ns")


def counts(peers, title, caption, case, series, *jobs, xlabel="off by up to (ns)", **options):
    names = [peer.name for peer in peers]
    bounds = next((d["histogram_bounds_ns"] for peer in peers for d in peer.documents(clocksource=None) if "histogram_bounds_ns" in d), [])
    columns = [peer.added(case, series, *jobs, **options) for peer in peers]
    # An empty bucket is drawn up to the one behind the last that is not.
    ends = [max((i for i, value in enumerate(column) if value), default=-2) + 1 for column in columns]
    rows = [(bound, [column[i] if i <= end else None for column, end in zip(columns, ends)]) for i, bound in enumerate(bounds)]
    return Figure(title, caption, "counts", names, rows, xlabel=xlabel, ylabel="how often", log="xy")


def series(peers, title, caption, case, metric, *jobs, xlabel="part of the run (%)", scale=None, **options):
    names = [peer.name for peer in peers]
    columns = [next(peer.values(case, metric, *jobs, **options), []) for peer in peers]
    longest = max((len(column) for column in columns), default=0)
    rows = [(round(i * (scale or 100) / longest, 2), [column[i] if i < len(column) else None for column in columns])
            for i in range(longest)]
    return Figure(title, caption, "lines", names, rows, xlabel=xlabel, ylabel="ns")


def cost(peers, title, caption, case, unit="ticks", **options):
    names = [peer.name for peer in peers]
    rows = [(title_, [peer.first(case, f"{path}_{unit}", "cost", **options) for peer in peers]) for path, title_ in PATHS]
    return Figure(title, caption, "bars", names, rows, ylabel="instructions" if unit == "ticks" else "ns", log="")


def growth(peers, title, caption, value, by, ylabel, log=""):
    names = [peer.name for peer in peers]
    found = {}
    for peer in peers:
        for x, y in value(peer):
            at = found.setdefault(x, {})
            at[peer.name] = y if peer.name not in at else max(at[peer.name], y)
    rows = [(x, [found[x].get(name) for name in names]) for x in sorted(found)]
    return Figure(title, caption, "growth", names, rows, xlabel=by, ylabel=ylabel, log=log)


def points(case, metric, by, *jobs):
    """(number of vCPUs or VMs, value), where the other of the two is as it is by itself."""
    other = "vms" if by == "vcpus" else "vcpus"

    def of(peer):
        for document in peer.documents(*jobs):
            got = document["cases"].get(case, {})
            if metric in got and by in got and got[other] <= 2:
                yield got[by], abs(got[metric])
    return of


def all_figures(peers, values):
    """(section, [figure, ...]), without what nobody measured."""
    rig = [peer for peer in peers if peer.name != "host"]
    host = [peer for peer in peers if peer.name == "host"]
    sections = [
        ("Overview", [overview([peer.name for peer in peers], values)]),
        ("How far off", [
            counts(peers, "Epoch error, master clock, idle", "Distance of the epoch from realtime - clock of KVM_GET_CLOCK before and after it.",
                   "msr", "error_histogram", *IDLE, loaded=False),
            counts(peers, "Epoch error, master clock, more busy loops than CPUs", "The same while busy loops take the CPUs away.",
                   "msr", "error_histogram", "loaded", "bench", "constant", "full_loaded", loaded=True),
            counts(peers, "Steps, vCPUs with unequal TSC offsets", "Change between two adjacent epochs, no master clock.",
                   "noclock", "step_histogram", *IDLE, loaded=False, xlabel="step of up to (ns)"),
            counts(peers, "Steps, clocksource hpet", "The host's own clocksource is not the TSC.",
                   "msr", "step_histogram", clocksource="hpet", xlabel="step of up to (ns)"),
            counts(peers, "What the guest reads, unequal TSC offsets", "Epoch + kvmclock, as the guest computes it, against CLOCK_REALTIME at the same TSC.",
                   "guest_noclock", "error_histogram", *IDLE, loaded=False),
            counts(peers, "Xen page, idle", "The wall clock in the Xen shared info page.", "xen", "error_histogram", *IDLE, loaded=False),
        ]),
        ("Over time", [
            series(peers, "Epoch error, master clock, idle", "The largest in each of 200 slices of one run; 0 has a line of its own.",
                   "msr", "error_series_ns", *IDLE, loaded=False),
            series(peers, "Epoch error, master clock, loaded", "The same with busy loops.", "msr", "error_series_ns", "loaded", "bench", loaded=True),
            series(peers, "Steps, vCPUs with unequal TSC offsets", "The largest step in each slice.", "noclock", "step_series_ns", *IDLE, loaded=False),
            series(peers, "GET->SET->GET trips move the epoch", "By how much 1000 trips have moved it, either way.",
                   "trips", "moved_series_ns", *IDLE, loaded=False, xlabel="trips", scale=1000),
        ]),
        ("Cost in instructions", [
            cost(rig, "Master clock", "Instructions of the kernel, net of an ioctl with nothing to do.", "cost"),
            cost(rig, "vCPUs with unequal TSC offsets", "No master clock; two vCPUs.", "cost_noclock"),
            cost(rig, "Clocksource hpet", "No master clock; the time is read from the hpet, in QEMU.", "cost", clocksource="hpet"),
            cost(rig, "Before the first KVM_RUN", "No master clock yet.", "cost_before"),
        ]),
        ("Growth", [growth(rig, f"{title} by {what}", f"Instructions, {note}", points(case, f"{path}_ticks", by, "cost"), what, "instructions", log)
                    for by, what in (("vcpus", "vCPUs"), ("vms", "VMs"))
                    for case, path, title, note, log in (
                        ("cost", "msr", "Write of the MSR", "master clock.", ""), ("cost", "get_clock", "KVM_GET_CLOCK", "master clock.", ""),
                        ("cost", "set_clock", "KVM_SET_CLOCK", "all of the VM's vCPUs get a new time.", "y"))] + [
            growth(peers, "Epoch error by vCPUs", "Master clock, worst.", points("msr", "worst_ns", "vcpus", "vcpus", "full"), "vCPUs", "ns", "y"),
            growth(peers, "Epoch error by VMs", "Master clock, worst; the VMs take turns.", points("msr", "worst_ns", "vms", "vms", "full"), "VMs", "ns", "y"),
            growth(peers, "Steps without master clock by vCPUs", "Unequal TSC offsets, largest.", points("noclock", "step_ns", "vcpus", "vcpus", "full"), "vCPUs", "ns", "y"),
        ]),
        ("This machine's own /dev/kvm", [
            cost(host, "Master clock, in ns", "Median, net of an ioctl with nothing to do in the same run.", "cost", "ns"),
            cost(host, "Unequal TSC offsets, in ns", "No master clock.", "cost_noclock", "ns"),
        ]),
    ]
    kept = ((section, [figure for figure in figures if figure.rows and figure.names]) for section, figures in sections)
    return [(section, figures) for section, figures in kept if figures]
