# SPDX-License-Identifier: GPL-2.0-only
# What patched has to reach, in one run beside stock, and what it does.
# Usage: import targets (by measure/report)
from results import EXACT_NS

EPOCH_CASES = ("msr", "msr_old", "noclock", "old_time", "before", "xen")
TRIPS_NS, TRIPS_WISH_NS = 1000, 100
PAIRS_NS = 200
FLAT_PERCENT = 5
# In percent of stock of the same line, the most that a path may cost: on the newest line, and on those that keep KVM's own copy of
# the timekeeper. KVM_GET_CLOCK is called once a migration, and gives more than it did.
NEWEST = "7.3"
COST = {"msr": ("write of the MSR in any mode", 110, 105), "get_clock": ("KVM_GET_CLOCK", 150, 125)}
# (case of the cost, clocksource or that of the kernel's own choice)
COST_MODES = (("cost", "native"), ("cost_noclock", "native"), ("cost_old_time", "native"), ("cost_before", "native"), ("cost", "hpet"))


def worst(peer, cases, *metrics):
    found = [abs(value) for case in cases for metric in metrics for value in peer.values(case, metric, clocksource=None)]
    return max(found, default=None)


def trips(peer):
    return worst(peer, ("trips", "trips_noclock"), "drift_ns")


def cost_percent(peer, peers, path):
    """The dearest of the modes, in percent of stock of the same line; KVM_GET_CLOCK gives the same under the master clock alone."""
    stock = next((p for p in peers if p.name == peer.name.replace("patched", "stock")), None)
    found = []
    for case, clocksource in COST_MODES if path == "msr" else COST_MODES[:1]:
        mine, theirs = (p and p.first(case, f"{path}_ticks", "cost", clocksource=clocksource) for p in (peer, stock))
        if mine and theirs:
            found.append(round(100 * mine / theirs))
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
    table = []

    def target(what, unit, value, bound, wish=None, patched=patched):
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
    target("10,000 pairs of master clock off and on move the clock by", " ns", lambda peer: worst(peer, ("pairs",), "moved_ns"), PAIRS_NS)
    target("master clock updates, same TSC rate again on 16 vCPUs", "", lambda peer: worst(peer, ("same_rate",), "updates"), 0)
    for path, (title, newest, older) in COST.items():
        for bound, line, mine in ((newest, f"of stock on {NEWEST}", [p for p in patched if p.name.startswith(NEWEST)]),
                                  (older, "of stock on the others", [p for p in patched if not p.name.startswith(NEWEST)])):
            target(f"{title}: instructions, {line}", " %", lambda peer, path=path: cost_percent(peer, peers, path), bound, patched=mine)
    target("cost of both from 1 to 64 vCPUs, apart by", " %", flatness, FLAT_PERCENT)
    return table
