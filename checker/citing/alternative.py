# SPDX-License-Identifier: GPL-2.0-or-later
"""What else could be taken out of a variant so that a promise holds again.

A reviewer who reads what breaks without one mechanism may answer that another
one is to blame.  So each other mechanism is taken out as well, one at a time,
with the same bounds.  Where the same run still shows the violation that is
settled; the rest is explored.
"""

from __future__ import annotations

from attrs import evolve, frozen

from checker.checking.kept import Kept, kept_by, what_breaks
from checker.checking.variants import EVERY_PROPERTY, explorer, lacking
from checker.engines.exploration import TYPE_INVARIANT, Limits
from checker.engines.verdict import CONFORMANCE, DEADLOCK
from checker.text import plural
from checker.traces.replay import CannotReplayError, replay
from checker.traces.trace import Trace
from model.lookup import mechanisms_of
from model.options import Options

#: in the place of the sentence, after Ctrl-C
NOT_LOOKED_FOR = (
    "Whether it heals to take out another mechanism as well was not found "
    "out: interrupted."
)
#: variants with more states are not explored: a mail should not take long
MOST_STATES = 100_000
_SHOWN = 3


@frozen(kw_only=True)
class Alternative:
    """A mechanism whose absence heals; ``price``: the ids that then break."""

    mechanism: str
    price: tuple[str, ...]

    def __str__(self) -> str:
        then = "and nothing else breaks"
        if self.price:
            then = f"but then {what_breaks(self.price)}"
        return f"if '{self.mechanism}' is taken out as well, {then}"


@frozen(kw_only=True)
class Alternatives:
    """The mechanisms that heal, cheapest first, and how many were tried."""

    healing: tuple[Alternative, ...]
    tried: int

    def __str__(self) -> str:
        """A sentence for people."""
        if not self.healing:
            return (
                f"Of the other {plural(self.tried, 'mechanism')} none heals "
                "it if it is taken out as well."
            )
        parts = [str(a) for a in self.healing[:_SHOWN]]
        more = len(self.healing) - _SHOWN
        if more > 0:
            parts.append(f"and with {more} more")
        return f"It holds again {'; '.join(parts)}."


def alternatives(trace: Trace) -> Alternatives | None:
    """Return what heals the violation that ``trace`` shows.

    None if nothing was taken out, if the complete design does not keep the
    promise with these bounds, or if something is too large to ask.
    """
    options = trace.options
    complete = evolve(options, without=frozenset())
    if not options.without or trace.property_name == CONFORMANCE:
        return None
    others = [
        m.name for m in mechanisms_of(options.design) if options.has(m.name)
    ]
    left = [n for n in others if not _shows(trace, lacking(options, [n]))]
    with explorer(Limits(max_states=MOST_STATES)) as explore:
        kept = kept_by(complete, explore, options.name, ease=False)
        promise = _promise(kept, trace.property_name)
        if kept.stopped or not promise:
            return None
        variants = explore(
            [lacking(options, [name]) for name in left],
            EVERY_PROPERTY,
            options.name,
        )
    healing = []
    for name, variant in zip(left, variants, strict=True):
        broken = kept.questions[0].of(variant)
        if broken.undecided:
            return None
        bad = (*broken.findings, *broken.missing)
        promises = {f.guarantee or f.name for f in bad}
        if promise not in promises:
            price = tuple(sorted(promises))
            healing.append(Alternative(mechanism=name, price=price))
    healing.sort(key=lambda a: len(a.price))
    return Alternatives(healing=tuple(healing), tried=len(others))


def _shows(trace: Trace, options: Options) -> bool:
    """Whether the same run shows the same violation of ``options``."""
    actions = trace.identity()["actions"]
    try:
        replay(options, trace.property_name, actions, trace.loop)
    except CannotReplayError:
        return False
    return True


def _promise(kept: Kept, name: str) -> str:
    """What a violation of ``name`` breaks, '' if that is not kept."""
    question = kept.questions[0]
    if name in question.unkept:
        return ""
    if name == DEADLOCK:
        return "L1"
    if name == TYPE_INVARIANT:
        return name
    found = [f for f in question.kept if f.name == name]
    return found[0].guarantee or name if found else ""
