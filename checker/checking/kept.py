# SPDX-License-Identifier: GPL-2.0-or-later
"""What a complete design keeps, and so what may be asked of its variants.

Everything is asked that the complete design keeps at the same size.  What it
keeps only with easier bounds (that a migration ends though the guest never
stops, say) is asked with these.  What it does not keep at all is not asked,
nor what is too large to be decided; both are said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import evolve, frozen

from checker.checking.variants import (
    AT_ONCE,
    LASTING,
    Choice,
    Explore,
    Variant,
)
from checker.engines.verdict import Finding, Verdict
from checker.input.exit_codes import ExitCode
from checker.text import joined
from model.designs import build
from model.guarantees import MODELLED
from model.options import Bounds, Options


def _writes_end(bounds: Bounds) -> Bounds:
    return evolve(bounds, writes=2)


def _stops_at_once(bounds: Bounds) -> Bounds:
    return evolve(bounds, downtime=bounds.chunks)


#: whole runs of a complete design with more states are not looked at: the
#: graph would take gigabytes
MOST_STATES = 1 << 20
#: easier bounds, in words, the first to be tried first
EASIER: tuple[tuple[str, Callable[[Bounds], Bounds]], ...] = (
    ("a guest that writes at most twice", _writes_end),
    ("a downtime limit of the whole disk", _stops_at_once),
    (
        "a guest that writes at most twice, and a downtime limit of the "
        "whole disk",
        lambda bounds: _stops_at_once(_writes_end(bounds)),
    ),
)


def what_breaks(promises: Iterable[str]) -> str:
    """A clause: 'P1 and S2 break', 'nothing breaks'.

    ``promises``: guarantees, and names of findings that have none.
    """
    broken = set(promises)
    known = [name for name in MODELLED if name in broken]
    if known:
        return f"{joined(known)} {'breaks' if len(known) == 1 else 'break'}"
    if broken:
        return f"not everything stays possible ({joined(sorted(broken))})"
    return "nothing breaks"


@frozen(kw_only=True)
class Broken:
    """What a variant breaks of what it was asked.

    ``undecided``: findings that a limit was in the way of.  ``missing``:
    promises of the complete design that the variant does not even make.
    """

    findings: tuple[Finding, ...] = ()
    undecided: tuple[Finding, ...] = ()
    missing: tuple[Finding, ...] = ()


@frozen(kw_only=True)
class Question:
    """Bounds with which variants are asked, and for what.

    ``options``: the complete design.  ``easier``: what makes the bounds
    easier, in words, or ''.  ``kept``: what holds of it and is asked.
    ``choice``: the properties that are looked at; with names, nothing else
    is asked.  ``unkept``: names of what is not asked.
    """

    options: Options
    easier: str
    kept: tuple[Finding, ...]
    choice: Choice
    unkept: frozenset[str]

    @property
    def kept_names(self) -> frozenset[str]:
        """The names of what holds and is asked."""
        return frozenset(f.name for f in self.kept)

    def of(self, variant: Variant) -> Broken:
        """What ``variant`` breaks."""
        asked = [f for f in variant.findings if self._asks(f.name)]
        there = {f.name for f in variant.findings}
        return Broken(
            findings=tuple(f for f in asked if f.verdict is Verdict.VIOLATED),
            undecided=tuple(
                f for f in asked if f.verdict is Verdict.INCONCLUSIVE
            ),
            missing=tuple(f for f in self.kept if f.name not in there),
        )

    def _asks(self, name: str) -> bool:
        if self.choice.names is not None:
            return name in self.choice.names
        return name not in self.unkept


@frozen(kw_only=True)
class Kept:
    """All questions about the variants of one design at one size.

    ``unasked``: what the complete design does not keep, or what was not
    found out, as findings.  ``stopped``: why that was not, where a limit was
    given, or ''.
    """

    questions: tuple[Question, ...]
    unasked: tuple[Finding, ...]
    stopped: str

    @property
    def vacuous(self) -> tuple[Finding, ...]:
        """What never happens in the complete design, or is never met."""
        return tuple(
            f for f in self.unasked if f.exit_code is ExitCode.UNREACHED
        )


def kept_by(
    options: Options, explore: Explore, title: str, ease: bool = True
) -> Kept:
    """What the complete design ``options`` keeps, if need be with ``ease``.

    The first question has the bounds of ``options``.
    """
    found, stopped = _findings(options, explore, title)
    held = tuple(f for f in found if f.verdict is Verdict.HOLDS)
    unkept = tuple(f for f in found if f.verdict is not Verdict.HOLDS)
    names = frozenset(f.name for f in unkept)
    questions = [
        Question(
            options=options,
            easier="",
            kept=held,
            choice=Choice(but=names),
            unkept=names,
        )
    ]
    for words, easier_than in EASIER if ease else ():
        left = frozenset(
            f.name
            for f in unkept
            if f.kind in LASTING and f.verdict is Verdict.VIOLATED
        )
        easier = evolve(options, bounds=easier_than(options.bounds))
        if not left or stopped or easier == options:
            continue
        (complete,) = explore([easier], Choice(names=left), title)
        stopped = _undecided(complete)
        kept = tuple(
            f
            for f in complete.findings
            if f.name in left and f.verdict is Verdict.HOLDS
        )
        names = frozenset(f.name for f in kept)
        if kept:
            questions.append(
                Question(
                    options=easier,
                    easier=words,
                    kept=kept,
                    choice=Choice(names=names),
                    unkept=frozenset(),
                )
            )
            unkept = tuple(f for f in unkept if f.name not in names)
    return Kept(questions=tuple(questions), unasked=unkept, stopped=stopped)


def _findings(
    options: Options, explore: Explore, title: str
) -> tuple[list[Finding], str]:
    """The findings on the complete design, and why they are not decided.

    Whole runs are not looked at where there are too many states.
    """
    (complete,) = explore([options], Choice(kinds=AT_ONCE), title)
    found, stopped = list(complete.findings), _undecided(complete)
    if complete.states <= MOST_STATES and not stopped:
        (complete,) = explore([options], Choice(kinds=LASTING), title)
        whole = [f for f in complete.findings if f.kind in LASTING]
        return found + whole, _undecided(complete)
    reason = f"{complete.states:,} states are too many for whole runs"
    found += [
        Finding(
            name=prop.name,
            kind=prop.kind,
            guarantee=prop.guarantee,
            verdict=Verdict.INCONCLUSIVE,
            reason=stopped or reason,
        )
        for prop in build(options).properties
        if prop.kind in LASTING
    ]
    return found, stopped


def _undecided(complete: Variant) -> str:
    """Why something was not decided, or ''."""
    undecided = Verdict.INCONCLUSIVE
    reasons = [f.reason for f in complete.findings if f.verdict is undecided]
    return complete.stopped or next(iter(reasons), "")
