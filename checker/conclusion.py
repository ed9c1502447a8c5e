# SPDX-License-Identifier: GPL-2.0-or-later
"""The answer in a few sentences, made from the results and nothing else.

Change a result, by taking a mechanism out of a design, and the sentences
change with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from checker.compare import (
    NOT_PROMISED,
    Comparison,
    Costs,
    DesignResult,
)
from checker.real_disks import (
    EXAMPLE,
    downtime_chunks,
    full_backup_seconds,
    send_seconds,
    show_seconds,
)
from checker.verdict import Verdict
from model.mechanisms import mechanisms_of

HOLDS = Verdict.HOLDS.value
VIOLATED = Verdict.VIOLATED.value
INCONCLUSIVE = Verdict.INCONCLUSIVE.value
#: rate that the sentences speak of, in Gbit/s
RATE = 10


def enumeration(words: Sequence[str], last: str = "and") -> str:
    """'a', 'a and b', 'a, b and c'."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def safe(result: DesignResult) -> bool:
    """Whether every promised safety guarantee holds, and was tested."""
    return not result.unmet and all(
        verdict in (HOLDS, NOT_PROMISED)
        for key, verdict in result.guarantees.items()
        if not key.startswith("L1")
    )


def tenable(result: DesignResult) -> bool:
    """Safe, and it ends whatever the guest does."""
    return safe(result) and result.converges


def undecided(result: DesignResult) -> bool:
    """Whether a search did not finish."""
    return INCONCLUSIVE in result.guarantees.values()


def sentences(comparison: Comparison) -> list[str]:
    """One paragraph a design, then the verdict, then the assumptions."""
    results = comparison.results
    said = [_about(result) for result in results]
    said.append(_verdict(results))
    said.append(_assumptions([r for r in results if tenable(r)]))
    return [s for s in said if s]


def _about(result: DesignResult) -> str:
    parts = [_safety(result), _ending(result), _price(result)]
    return " ".join(p for p in parts if p)


def _safety(result: DesignResult) -> str:
    name = result.design
    broken = [k for k, v in result.guarantees.items() if v == VIOLATED]
    broken = [k for k in broken if not k.startswith("L1")]
    if broken:
        return f"{name} breaks {enumeration(broken)}."
    if undecided(result):
        return f"{name}: the search did not finish; nothing is claimed."
    missing = [f.name for f in result.unmet]
    if missing:
        return f"{name}: {enumeration(missing)}: this run proves nothing."
    kept = [k for k, v in result.guarantees.items() if v == HOLDS]
    kept = [k for k in kept if not k.startswith("L1")]
    proved = [k for k in kept if k in result.proved]
    text = f"{name} keeps {enumeration(kept)} under every failure"
    if proved == kept:
        text += ", whatever the size of the disk"
    elif proved:
        text += f" explored; {enumeration(proved)} whatever the disk's size"
    else:
        text += " explored"
    if result.not_promised:
        text += (
            f" and does not promise {enumeration(list(result.not_promised))}"
        )
    return text + "."


def _ending(result: DesignResult) -> str:
    if result.converges:
        return "It ends whatever the guest does."
    kept = {
        "L1 D >= M": "if the whole bitmap fits the downtime limit (D >= M)",
        "L1 throttled": "if the guest is throttled to one write for every "
        f"{_throttle(result)} chunks sent",
        "L1 bounded": "if the guest stops writing",
    }
    ends = [kept[k] for k in kept if result.guarantees[k] == HOLDS]
    if result.guarantees["L1"] == INCONCLUSIVE:
        return "Whether it ends was not decided."
    text = "It need not end while the guest writes"
    if ends:
        text += f"; it ends {enumeration(ends, 'or')}"
    return text + "."


def _throttle(result: DesignResult) -> int:
    return result.ends.get("L1 throttled", result.options).bounds.throttle


def _price(result: DesignResult) -> str:
    costs, disk = result.costs, EXAMPLE
    if costs.stopped is None:
        return ""
    sent = "nothing"
    if str(costs.stopped) != "0":
        sent = f"at most {costs.stopped} chunks"
    text = (
        f"While the guest stands still it sends {sent}: "
        f"{_downtime(costs)} for 16 TiB at 64 KiB and {RATE} Gbit/s."
    )
    if costs.at_risk[0]:
        window = show_seconds(send_seconds(disk.chunks, RATE))
        price = show_seconds(full_backup_seconds(disk, RATE))
        text += (
            f" In {costs.share_at_risk:.0%} of the states on the way (states, "
            "not time) a cut or the source's death may lose the bitmap; the "
            f"window is {window} and the price a full backup ({price})."
        )
    else:
        text += (
            " No cut loses the bitmap; the source's death does only where it "
            "ends the VM as well."
        )
    if result.loses_when_refused:
        text += " A refused START loses it by design."
    return text


def _downtime(costs: Costs) -> str:
    assert costs.stopped is not None
    chunks = costs.stopped.at(EXAMPLE.chunks, downtime_chunks(RATE))
    if chunks == 0:
        return "no downtime"
    return show_seconds(send_seconds(chunks, RATE))


def _verdict(results: Sequence[DesignResult]) -> str:
    if any(undecided(r) for r in results):
        return "Answer: none; a search did not finish."
    good = [r.design for r in results if tenable(r)]
    conditional = [
        r.design
        for r in results
        if safe(r) and not r.converges and _ends_somehow(r)
    ]
    bad = [
        r.design
        for r in results
        if r.design not in good and r.design not in conditional
    ]
    text = "Answer: "
    if good:
        verb = "is" if len(good) == 1 else "are"
        text += f"{enumeration(good)} {verb} tenable"
    else:
        text += "no design is tenable as it stands"
    if conditional:
        verb = "is" if len(conditional) == 1 else "are"
        text += (
            f"; {enumeration(conditional)} {verb} safe, but tenable only "
            f"{_conditions(results)}"
        )
    if bad:
        verb = "is" if len(bad) == 1 else "are"
        text += f"; {enumeration(bad)} {verb} not tenable"
    return text + _preferred(results) + "."


_CONDITIONS = {
    "L1 D >= M": "where the bitmap fits the downtime limit",
    "L1 throttled": "for guests that can be held back",
    "L1 bounded": "for guests that stop writing",
}


def _ends_somehow(result: DesignResult) -> bool:
    return any(result.guarantees[key] == HOLDS for key in _CONDITIONS)


def _conditions(results: Sequence[DesignResult]) -> str:
    """Under which conditions those end that need not end."""
    found = [
        text
        for key, text in _CONDITIONS.items()
        if all(r.guarantees[key] == HOLDS for r in results if not r.converges)
    ]
    return enumeration(found[:2], "or")


def _preferred(results: Sequence[DesignResult]) -> str:
    """Among the tenable, the one with the least downtime."""
    good = [r for r in results if tenable(r) and r.costs.stopped is not None]
    if len(good) < 2:
        return ""

    def downtime(result: DesignResult) -> int:
        assert result.costs.stopped is not None
        return result.costs.stopped.at(EXAMPLE.chunks, downtime_chunks(RATE))

    best = min(good, key=downtime)
    others = [r.design for r in good if downtime(r) > downtime(best)]
    if not others:
        return ""
    gain = f"; {best.design} is preferable to {enumeration(others)}"
    if best.costs.at_risk[0]:
        return gain + (
            " where downtime matters more than an occasional full backup"
        )
    return gain


def _assumptions(good: Sequence[DesignResult]) -> str:
    clauses = dict.fromkeys(
        m.assumes for r in good for m in mechanisms_of(r.design) if m.assumes
    )
    if not clauses:
        return ""
    return f"This assumes that {enumeration(list(clauses))}."
