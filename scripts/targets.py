# SPDX-License-Identifier: GPL-2.0-only
# What patched has to reach, in one run beside stock, and what it does.
# Usage: import targets (by scripts/report)
from results import EXACT_NS

EPOCH_CASES = ("msr", "msr_old", "noclock", "old_time", "before", "xen")
TRIPS_NS, TRIPS_WISH_NS = 1000, 100
COST, COST_WISH = 90, 75
FLAT_PERCENT = 5
# The costs are held against those of the newest stock kernel.
REFERENCE = "7.3-stock"
# (case of the cost, clocksource or that of the kernel's own choice)
COST_MODES = (("cost", "native"), ("cost_noclock", "native"), ("cost_old_time", "native"), ("cost_before", "native"), ("cost", "hpet"))


def worst(peer, cases, *metrics):
    found = [abs(value) for case in cases for metric in metrics for value in peer.values(case, metric, clocksource=None)]
    return max(found, default=None)


def trips(peer):
    return worst(peer, ("trips", "trips_noclock"), "drift_ns")


def cost_percent(peer, reference):
    """The dearest of the MSR write in every mode and KVM_GET_CLOCK under the master clock, in percent of the reference."""
    found = []
    for path, modes in (("msr", COST_MODES), ("get_clock", COST_MODES[:1])):
        for case, clocksource in modes:
            mine, theirs = (p.first(case, f"{path}_ticks", "cost", clocksource=clocksource) for p in (peer, reference))
            if mine and theirs:
                found.append((round(100 * mine / theirs), f"{path}, {case}{'' if clocksource == 'native' else ' ' + clocksource}"))
    return max(found, default=None)


def flatness(peer):
    """How far the costs of both are apart over the numbers of vCPUs, in percent."""
    found = []
    for path in "msr", "get_clock":
        ticks = list({d["cases"]["cost"]["vcpus"]: d["cases"]["cost"][f"{path}_ticks"]
                      for d in peer.documents("cost") if "vcpus" in d["cases"].get("cost", {})
                      and d["cases"]["cost"]["vms"] == 1}.values())
        if len(ticks) > 1:
            found.append(round(100 * (max(ticks) - min(ticks)) / min(ticks), 1))
    return max(found, default=None)


def all_targets(peers):
    """(what, bound, wish, best of stock, {peer: (value, met)}), each as text; without what nobody measured."""
    stock = [peer for peer in peers if peer.name.endswith("stock")]
    patched = [peer for peer in peers if peer.name.endswith("patched")]
    reference = next((peer for peer in stock if peer.name == REFERENCE), None)
    table = []

    def target(what, unit, value, bound, wish=None):
        mine = {peer.name: value(peer) for peer in patched}
        if all(v is None for v in mine.values()):
            return
        theirs = [v for v in (value(peer) for peer in stock) if v is not None]
        table.append((what, f"{bound:,}{unit}", "" if wish is None else f"{wish:,}{unit}", f"{min(theirs):,}{unit}" if theirs else "not measured",
                      {name: ("not measured" if v is None else f"{v:,}{unit}", v is not None and v <= bound) for name, v in mine.items()}))

    # Stock gives no realtime without the master clock: there its steps stand for its error, and an exact epoch has none.
    target("worst epoch error or step, any clock mode", " ns", lambda peer: worst(peer, EPOCH_CASES, "worst_ns") if peer in patched
           else worst(peer, EPOCH_CASES, "worst_ns", "step_ns"), EXACT_NS)
    target("1000 GET->SET->GET trips move the epoch by", " ns", trips, TRIPS_NS, TRIPS_WISH_NS)
    target("jump at a new snapshot", " ns", lambda peer: worst(peer, ("resnapshot",), "jump_ns"), EXACT_NS)
    if reference:
        def percent(peer):
            got = cost_percent(peer, reference)
            return got and got[0]
        target(f"MSR write in any mode, KVM_GET_CLOCK: instructions, of {REFERENCE}", " %", percent, COST, COST_WISH)
    target("cost of both from 1 to 64 vCPUs, apart by", " %", flatness, FLAT_PERCENT)
    return table
