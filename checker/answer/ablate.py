# SPDX-License-Identifier: GPL-2.0-or-later
"""Take out one mechanism after the other and see what breaks.

A design is explored without each of its mechanisms, at the size of its
smallest shipped configuration with every failure, and asked for everything
that the complete design keeps there.  Where the guarantee that the mechanism
protects does not break, a larger disk is asked as well.  If nothing breaks at
either size, the mechanism is redundant here: a finding, with its reason.
Where something never happens at the smallest size with every mechanism in
place, to take one out would show nothing, and nothing is taken out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import evolve, frozen

from checker.checking.check import check
from checker.checking.kept import Kept, Question, kept_by
from checker.checking.variants import (
    Explore,
    InterruptedSearchError,
    Variant,
    lacking,
)
from checker.engines.exploration import INTERRUPTED, Limits
from checker.engines.verdict import Finding, Verdict
from checker.input.configuration import Configuration, load
from checker.input.exit_codes import ExitCode
from model.lookup import mechanisms_of
from model.mechanism import (
    Mechanism,
)
from model.options import Bounds, Options


@frozen(kw_only=True)
class Break:
    """Something that is broken, and with which bounds it was asked."""

    finding: Finding
    question: Question

    @property
    def real(self) -> bool:
        """Whether a run shows it; else something can no longer happen."""
        return self.finding.exit_code is not ExitCode.UNREACHED

    @property
    def promise(self) -> str:
        """The guarantee that is broken, or else the finding's own name."""
        return self.finding.guarantee or self.finding.name


@frozen(kw_only=True)
class Removal:
    """What happened without one mechanism.

    ``protects``: the guarantee that the design has it for.
    ``breaks``: all that broke, at the smallest size where anything did.
    ``missing``: what was not asked because the variant does not promise it.
    ``stopped``: why it was not decided, or ''.  ``states`` and ``seconds``:
    of all searches, a share of the seconds that several variants took.
    """

    mechanism: Mechanism
    protects: str
    breaks: tuple[Break, ...] = ()
    missing: tuple[str, ...] = ()
    stopped: str = ""
    states: int = 0
    seconds: float = 0.0

    @property
    def shown(self) -> Break | None:
        """The shortest violation of what the mechanism protects."""
        mine = [
            b for b in self.breaks if b.real and b.promise == self.protects
        ]
        return min(mine, key=lambda b: b.finding.steps or 0, default=None)

    @property
    def also(self) -> tuple[str, ...]:
        """What else is broken: guarantees, or names of what has none."""
        broken = {b.promise for b in self.breaks if b.real}
        return tuple(sorted(broken - {self.protects}))

    @property
    def nameless(self) -> tuple[str, ...]:
        """What is broken and has no guarantee, by name."""
        broken = (b.finding for b in self.breaks if b.real)
        return tuple(sorted({f.name for f in broken if not f.guarantee}))

    @property
    def idle(self) -> tuple[str, ...]:
        """What can no longer happen."""
        return tuple(b.finding.name for b in self.breaks if not b.real)

    @property
    def redundant(self) -> bool:
        """Whether nothing at all broke."""
        return not self.breaks and not self.stopped


@frozen(kw_only=True)
class Ablation:
    """Every mechanism of a design taken out, one at a time.

    ``smallest``: what was asked of all variants; ``larger``: what was asked
    of those that did not break what they should, None if there are none.
    ``removals``: none where the complete design is vacuous.
    """

    design: str
    smallest: Kept
    larger: Kept | None
    removals: tuple[Removal, ...]

    @property
    def stopped(self) -> str:
        """Why something was not decided, or ''."""
        stopped = [self.smallest.stopped]
        if self.larger is not None:
            stopped.append(self.larger.stopped)
        stopped += [removal.stopped for removal in self.removals]
        return next(filter(None, stopped), "")

    @property
    def vacuous(self) -> tuple[Finding, ...]:
        """What never happens with every mechanism, where all should."""
        return self.smallest.vacuous


def smallest_of(design: str) -> Options:
    """The design's smallest shipped configuration with every failure."""
    return load(f"{design}-small").options


def larger_than(options: Options) -> Options:
    """The same with a disk of several chunks.

    Its downtime limit is that of the design's main configuration: a design
    that stops only if all is sent would else never stop.
    """
    downtime = load(options.design).options.bounds.downtime
    return evolve(options, bounds=Bounds(downtime=downtime))


def ablate(
    design: str,
    explore: Explore,
    limits: Limits | None = None,
    mechanisms: Sequence[Mechanism] | None = None,
    options: Options | None = None,
) -> Ablation:
    """Each of ``mechanisms`` taken out of ``design``; None: all it has.

    ``options``: a variant of the design to take them out of, with the bounds
    and failures to ask at, and no others.

    After Ctrl-C it has what was known by then, and says what is not known;
    KeyboardInterrupt if that is nothing.

    ``limits``: of the searches that show how long a run is.
    """
    chosen = mechanisms_of(design) if mechanisms is None else mechanisms
    alone = options is not None
    options = options or smallest_of(design)
    chosen = [m for m in chosen if options.has(m.name)]
    smallest = kept_by(options, explore, f"{design}, complete")
    if smallest.vacuous:
        return Ablation(
            design=design, smallest=smallest, larger=None, removals=()
        )
    removals = [
        Removal(mechanism=m, protects=m.guards(design)) for m in chosen
    ]
    removals = _asked(removals, smallest, explore, limits or Limits())
    left = [r for r in removals if r.shown is None and not r.stopped]
    left = [] if alone else left
    larger = None
    if left and any(r.stopped == INTERRUPTED for r in removals):
        removals = _instead(removals, _cut_short(left))
    elif left:
        try:
            larger = kept_by(
                larger_than(options), explore, f"{design}, complete"
            )
        except KeyboardInterrupt:
            left = _cut_short(left)
        else:
            left = _asked(left, larger, explore, limits or Limits())
        removals = _instead(removals, left)
    return Ablation(
        design=design,
        smallest=smallest,
        larger=larger,
        removals=tuple(removals),
    )


def _asked(
    removals: Sequence[Removal], kept: Kept, explore: Explore, limits: Limits
) -> list[Removal]:
    """The removals, with what the questions of ``kept`` say of each."""
    found = list(removals)
    decided: set[int] = set()
    try:
        for question in kept.questions:
            for number, variant in _variants(found, question, explore):
                old = found[number]
                found[number] = _with(old, question, variant, limits)
                if question is kept.questions[-1]:
                    decided.add(number)
    except KeyboardInterrupt:
        left = [r for number, r in enumerate(found) if number not in decided]
        return _instead(found, _cut_short(left))
    return found


def _variants(
    removals: Sequence[Removal], question: Question, explore: Explore
) -> Iterator[tuple[int, Variant]]:
    """The variants and their numbers; after Ctrl-C those that are known."""
    try:
        yield from enumerate(
            explore(
                [
                    lacking(question.options, [r.mechanism.name])
                    for r in removals
                ],
                question.choice,
                f"{question.options.design}, one at a time",
            )
        )
    except InterruptedSearchError as stopped:
        yield from stopped.found.items()
        raise


def _cut_short(removals: Iterable[Removal]) -> list[Removal]:
    return [evolve(r, stopped=r.stopped or INTERRUPTED) for r in removals]


def _instead(
    removals: Sequence[Removal], others: Iterable[Removal]
) -> list[Removal]:
    """The removals, with the others in place of those of their mechanism."""
    by_name = {r.mechanism.name: r for r in others}
    return [by_name.get(r.mechanism.name, r) for r in removals]


def _with(
    removal: Removal, question: Question, variant: Variant, limits: Limits
) -> Removal:
    """The removal, with what one question says of its variant."""
    broken = question.of(variant)
    known = {b.finding.name for b in removal.breaks}
    new = [
        Break(finding=_timed(f, variant.options, limits), question=question)
        for f in broken.findings
        if f.name not in known
    ]
    missing = [f.name for f in broken.missing]
    undecided = next((f.reason for f in broken.undecided), "")
    return evolve(
        removal,
        breaks=(*removal.breaks, *new),
        missing=tuple(dict.fromkeys((*removal.missing, *missing))),
        stopped=removal.stopped or variant.stopped or undecided,
        states=removal.states + variant.states,
        seconds=removal.seconds + variant.seconds,
    )


def _timed(finding: Finding, options: Options, limits: Limits) -> Finding:
    """The finding; of a run that never ends, with its number of steps."""
    if finding.kind != "eventually" or finding.reason:
        return finding
    configuration = Configuration(
        name=options.name, options=options, properties=(finding.name,)
    )
    answer = check(configuration, limits=limits)
    if answer.interrupted:
        raise KeyboardInterrupt
    broken = [
        f
        for f in answer.findings
        if f.name == finding.name and f.verdict is Verdict.VIOLATED
    ]
    return broken[0] if broken else finding
