# SPDX-License-Identifier: GPL-2.0-or-later
"""What is supposed of the numbers: the forms in which "it ends" is asked.

A guest that never stops, one that is held back, one that writes a bounded
number of times; a downtime limit of any size, or one that the whole bitmap
fits.  Which forms a design has is read off its text: whether it asks for the
downtime limit, and whether it can hold the guest back.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve, frozen

from checker.proof.termination.success import ENDS, is_calm
from model.language import Machine
from model.language.budgets import counted
from model.language.counted_slice import Supposed
from model.language.tally import TallyType
from model.language.terms import limits_of
from model.language.tokens import key_of
from model.options import UNLIMITED, Bounds, Budget, Failures, Options, Writes

DOWNTIME, THROTTLE = "downtime", "throttle"
_ENDLESS: dict[str, Budget] = dict.fromkeys(Failures.names(), UNLIMITED)
WITHOUT_END = Failures(**_ENDLESS)
#: the least throttle for which the throttled form is asked
LEAST_THROTTLE = 3


@frozen(kw_only=True)
class Form:
    """One form: ``name``, as the rows of L1 have it; ``says``: in words.

    ``numbers``: what the count supposes.  ``writes``, ``edits``: of a disk of
    this form, where any number stands for all.  ``fits``: the whole bitmap
    fits the downtime limit.
    """

    name: str
    says: str
    numbers: Supposed
    writes: Writes = "unbounded"
    edits: Budget = UNLIMITED
    fits: bool = False

    def of(
        self,
        options: Options,
        failures: Failures = WITHOUT_END,
        downtime: int = 1,
        throttle: int = LEAST_THROTTLE,
    ) -> Options:
        """Return ``options`` in this form, at their size.

        ``downtime``: the limit, where it is not that the bitmap fits.
        """
        bounds: Bounds = evolve(
            options.bounds,
            writes=self.writes,
            edits=self.edits,
            downtime=options.bounds.chunks if self.fits else downtime,
            throttle=throttle,
        )
        return evolve(options, bounds=bounds, failures=failures)


def forms(schema: Machine) -> Iterator[Form]:
    """Yield the forms in which the design of ``schema`` is asked.

    The first is about every ``eventually`` property, the others about L1.
    """
    yield Form(name="", says="the guest never stops", numbers=Supposed())
    if DOWNTIME not in limits_of(schema):
        return
    ends = frozenset(
        p.name
        for p in schema.properties
        if p.kind == "eventually" and (p.guarantee == ENDS or is_calm(p))
    )
    yield Form(
        name="D >= M",
        says="the guest never stops, and the whole bitmap fits the downtime "
        "limit",
        numbers=Supposed(kept=frozenset({DOWNTIME}), properties=ends),
        fits=True,
    )
    throttled = [
        f.name
        for f in schema.fields
        if isinstance(f.type, TallyType) and key_of(f.type.limit) == THROTTLE
    ]
    edits = counted("edits")
    if throttled:
        yield Form(
            name="throttled",
            says="the guest never stops, but writes once for every T chunks "
            f"sent, T at least {LEAST_THROTTLE}; the user edits the bitmap a "
            "bounded number of times",
            numbers=Supposed(
                limited=frozenset({*throttled, edits}), properties=ends
            ),
            writes="throttled",
            edits=2,
        )
    yield Form(
        name="bounded",
        says="the guest writes, and the user edits the bitmap, a bounded "
        "number of times",
        numbers=Supposed(
            limited=frozenset({counted("writes"), edits}), properties=ends
        ),
        writes=2,
        edits=2,
    )
