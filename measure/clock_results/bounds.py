# SPDX-License-Identifier: GPL-2.0-only
"""What patched has to reach beside stock: the targets of the report, the verdict of make run."""
import json

from . import EXACT_NS

EPOCH_CASES = ("msr", "msr_old", "noclock", "old_time", "before", "xen")
# What the bench of make run has to measure on a 32-bit host.
NARROW_CASES = ("msr", "msr_old", "noclock", "before", "xen", "trips", "versions", "future", "instant")
# In percent of stock of the same line, the most that a path may cost: where KVM keeps its own copy of the timekeeper,
# and on the newest line, where it does not. KVM_GET_CLOCK is called once a migration, and gives more than it did.
NEWEST = "7.3"
COST = {"msr": ("write of the MSR in any mode", 105, 110), "get_clock": ("KVM_GET_CLOCK", 125, 150)}
# (case of the cost, clocksource); KVM_GET_CLOCK gives the same under the master clock alone.
COST_MODES = {
    "msr": (("cost", "native"), ("cost_noclock", "native"), ("cost_old_time", "native"), ("cost_before", "native"),
            ("cost", "hpet")),
    "get_clock": (("cost", "native"),),
}


def worst(peer, cases, *metrics):
    found = [peer.worst(case, metric, clocksource=None) for case in cases for metric in metrics]
    return max((abs(value) for value in found if value is not None), default=None)


def cost_percent(peers, path):
    """The dearest of the modes, in percent of stock of the same line."""
    def value(peer):
        stock = peer.name.replace("patched", "stock")
        pairs = [[p.first(case, f"{path}_ticks", "cost", clocksource=clocksource) for p in (peer, other)]
                 for other in peers if other.name == stock for case, clocksource in COST_MODES[path]]
        return max((round(100 * mine / theirs) for mine, theirs in pairs if mine and theirs), default=None)
    return value


def flatness(peer):
    """How far the costs of both paths are apart over the numbers of vCPUs, in percent."""
    costs = [document["cases"]["cost"] for document in peer.documents("cost") if "cost" in document["cases"]]
    found = []
    for path in COST:
        ticks = [cost[f"{path}_ticks"] for cost in costs if cost.get("vms") == 1]
        if len(ticks) > 1:
            found.append(round(100 * (max(ticks) - min(ticks)) / min(ticks), 1))
    return max(found, default=None)


def targets(peers):
    """(what, best of stock, bound, [(value, met), ... of each patched peer]), as text; without what nobody measured."""
    stock = [peer for peer in peers if peer.name.endswith("stock")]
    patched = [peer for peer in peers if peer.name.endswith("patched")]

    def epoch(peer):
        # Stock gives no realtime without the master clock: its steps stand for its error there; an exact one has none.
        return worst(peer, EPOCH_CASES, "worst_ns", *(["step_ns"] if peer in stock else []))

    def most(metric, *cases):
        return lambda peer: worst(peer, cases, metric)

    # (what, unit, value, bound, bound on the newest line)
    rows = [
        ("worst epoch error or step, any clock mode", " ns", epoch, EXACT_NS, EXACT_NS),
        ("1000 GET->SET->GET trips move the epoch by (wished: 100 ns)", " ns",
         most("drift_ns", "trips", "trips_noclock"), 1000, 1000),
        ("jump at a new snapshot", " ns", most("jump_ns", "resnapshot"), EXACT_NS, EXACT_NS),
        ("10,000 pairs of master clock off and on move the clock by", " ns", most("moved_ns", "pairs"), 200, 200),
        ("master clock updates, same TSC rate again on 16 vCPUs", "", most("updates", "same_rate"), 0, 0),
        *((f"{title}: instructions, of stock", " %", cost_percent(peers, path), bound, newest)
          for path, (title, bound, newest) in COST.items()),
        ("cost of both from 1 to 64 vCPUs, apart by", " %", flatness, 5, 5),
    ]
    for what, unit, value, bound, newest in rows:
        def shown(number):
            return "not measured" if number is None else f"{number:,}{unit}"
        got = [(value(peer), newest if peer.name.startswith(NEWEST) else bound) for peer in patched]
        if any(number is not None for number, _ in got):
            best = min((number for number in map(value, stock) if number is not None), default=None)
            yield (what, shown(best), shown(bound) if bound == newest else f"{shown(bound)}; {NEWEST}: {shown(newest)}",
                   [(shown(number), number is not None and number <= limit) for number, limit in got])


def faults(stock, patched):
    """What patched has not reached in make run, or stock has."""
    documents = list(patched.documents(clocksource=None))
    # A 32-bit host, where the bench has to do what the selftest does elsewhere, and there is no master clock.
    narrow = documents[0].get("program_bits") == 32
    if narrow:
        yield from (f"patched: {finding}" for document in documents for finding in document["affected"])
    elif not patched.selftest[0]:
        yield f"the selftest does not pass on patched: {patched.folder}/selftest.txt"
    elif stock.selftest[0]:
        yield "the selftest passes on stock: it proves nothing"
    for case in NARROW_CASES if narrow else ("msr", "noclock", "before"):
        got = documents[0]["cases"].get(case, {})
        if not got.get("measured"):
            yield f"patched: {case} was not measured: {got.get('reason') or got.get('failed')}"
    # Steps of patched are not judged: real time and kvmclock run at rates of their own between two writes.
    for case, got in epochs(patched):
        wanted = {"realtime": 1, "bracketed": got["tries"]}
        if narrow:
            wanted.update(host_tsc=0, master_clock=0)
        seen = {key: got.get(key) for key in (*wanted, "worst_ns")}
        if not wanted.items() <= seen.items() or abs(seen["worst_ns"] or 0) > EXACT_NS:
            yield f"patched: {case} {json.dumps(seen)}"
    # CLOCK_BOOTTIME and real time differ by whole ns, so that without a master clock not even a trip cuts anything.
    moved = patched.worst("trips", "drift_ns") or 0
    if narrow and abs(moved) > EXACT_NS:
        yield f"patched: 1000 trips moved the epoch by {moved} ns"
    # Where stock gives no realtime, by which an error could be measured, steps tell.
    runs = list(epochs(stock))
    exact = [case for case, got in runs if max(abs(got.get("worst_ns") or 0), got["step_ns"]) <= EXACT_NS]
    if exact and narrow or len(exact) == len(runs):
        yield f"stock is exact in {' '.join(sorted(set(exact)))}: nothing to cure was seen"


def epochs(peer):
    """(case, what it gave) of those that write epochs"""
    for document in peer.documents(clocksource=None):
        yield from ((case, got) for case, got in document["cases"].items() if "tries" in got)


def verdict(stock, patched):
    """(whether patched is exact where stock is not, that in one line)"""
    wrong = sorted(set(faults(stock, patched)))

    def amount(peer):
        off, step = (worst(peer, EPOCH_CASES, metric) for metric in ("worst_ns", "step_ns"))
        return f"{'gives no realtime' if off is None else f'is up to {off:,} ns off'} and steps by up to {step:,} ns"
    return not wrong, "; ".join(wrong) or f"stock {amount(stock)}, patched {amount(patched)}"
