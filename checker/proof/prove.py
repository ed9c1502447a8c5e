# SPDX-License-Identifier: GPL-2.0-or-later
"""Prove a design for every disk, every channel and failures without end.

The machine that follows one granule is explored to its fixed point.  What
holds there holds of every disk if the obligations are met: the disk's steps
and initial states are that machine's, seen from any granule, and a violation
of a property shows at one granule.  What does not hold there is replayed on
a small disk before it is called a violation.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Sequence
from functools import partial

from attrs import evolve, field, frozen

from checker.engines.exploration import (
    INTERRUPTED,
    TYPE_INVARIANT,
    Coverage,
    Limits,
    Search,
    violated,
)
from checker.engines.native.explicit import explore
from checker.input.errors import UndecidedError
from checker.input.exit_codes import ExitCode
from checker.input.memory import OUT_OF_MEMORY, is_out_of_memory
from checker.proof.confirm import Confirmation
from checker.proof.judgement import (
    Judgement,
    Provability,
    any_channels,
    lacking,
    supported,
)
from checker.proof.kept import kept_for
from checker.proof.lemmas.all import NAME as LEMMAS
from checker.proof.lemmas.all import prove_lemmas
from checker.proof.obligation import Obligation, Outcome, over_all, timed
from checker.proof.one_term import (
    LIMITS,
    TERM,
    limits_only_forbid,
    one_term,
)
from checker.proof.questions import questions_alike
from checker.proof.simulation import (
    disks,
    properties_show,
    start_simulation,
    step_simulation,
)
from checker.proof.vacuous import NAME as VACUOUS
from checker.proof.vacuous import nothing_vacuous
from checker.traces.shortest import shortest_to
from model.designs import build
from model.language import Machine, Projected, Property
from model.language.projected_channel import (
    slots_suffice,
)
from model.options import UNLIMITED, Budget, Failures, Options

Report = Callable[[str], None]
_ENDLESS: dict[str, Budget] = dict.fromkeys(Failures.names(), UNLIMITED)
WITHOUT_END = Failures(**_ENDLESS)


@frozen(kw_only=True)
class Proof:
    """All that was shown of one design.

    ``left``: properties that need whole runs of a disk of known size, each
    with the reason; ``in_part``: guarantees that such a property speaks of.
    ``kept``: how many obligations were met in an earlier run, not in this.
    """

    options: Options
    machine: Machine
    coverage: Coverage
    obligations: tuple[Obligation, ...]
    judgements: tuple[Judgement, ...]
    left: dict[str, str] = field(factory=dict)
    in_part: frozenset[str] = frozenset()
    kept: int = 0
    seconds: float

    @property
    def verdict(self) -> Provability:
        """Of all together: PROVED only if nothing is left open."""
        answers = {j.answer for j in self.judgements}
        if Provability.VIOLATED in answers:
            return Provability.VIOLATED
        if self.vacuous:
            return Provability.VACUOUS
        if not self.open and answers == {Provability.PROVED}:
            return Provability.PROVED
        return Provability.INCONCLUSIVE

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C came before everything was tried."""
        details = {o.detail for o in self.obligations}
        reasons = {j.reason for j in self.judgements}
        return INTERRUPTED in details | reasons

    @property
    def vacuous(self) -> str:
        """The first thing that is spoken of and never happens, or ''."""
        for one in self.obligations:
            if one.name == VACUOUS and one.outcome is Outcome.REFUTED:
                return one.detail
        return ""

    @property
    def open(self) -> str:
        """The first thing that keeps every property from being proved."""
        return lacking(self.machine, self.obligations, self.judgements)

    @property
    def exit_code(self) -> ExitCode:
        """What the process should return."""
        return {
            Provability.VACUOUS: ExitCode.UNREACHED,
            Provability.PROVED: ExitCode.AS_EXPECTED,
            Provability.VIOLATED: ExitCode.ALWAYS_VIOLATED,
        }.get(self.verdict, ExitCode.INCONCLUSIVE)

    @property
    def proved_guarantees(self) -> frozenset[str]:
        """Guarantees all of whose properties are proved here."""
        return self._shown - self.in_part

    @property
    def proved_in_part(self) -> frozenset[str]:
        """Guarantees that need whole runs too; all else is proved here."""
        return self._shown & self.in_part

    @property
    def _shown(self) -> frozenset[str]:
        named = {j.guarantee for j in self.judgements if j.guarantee}
        open_ = {
            j.guarantee
            for j in self.judgements
            if j.answer is not Provability.PROVED
        }
        return frozenset(named - open_)


def silent(step: str) -> None:
    """Report nothing."""


def without_end(options: Options) -> Options:
    """Return ``options`` with every budget unlimited, edits as well."""
    bounds = evolve(options.bounds, writes="unbounded", edits=UNLIMITED)
    return evolve(options, failures=WITHOUT_END, bounds=bounds)


def prove(
    options: Options,
    limits: Limits | None = None,
    report: Report = silent,
    view: Projected | None = None,
    keep: bool = False,
) -> Proof:
    """Try to prove the design of ``options``, whatever its size.

    Of ``options``, the size and how often something may fail do not matter.
    ``view``: another view of the disk than the shipped one, for tests.
    ``keep``: take obligations that the same program has met before as met,
    and keep those that it meets now; see ``kept``.
    """
    started = time.perf_counter()
    options, view = without_end(options), view or Projected()
    machine = build(options, view)
    report("exploring the machine of one granule")
    search = _exploration(options, machine, limits or Limits())
    obligations = [_explored(search)]
    kept = kept_for(machine, options.name) if keep else None
    for name, work in plan(options, machine, view, search):
        report(name)
        asked = kept.met(name, work) if kept else work
        obligations.append(_met(name, asked, obligations[-1]))
    if kept:
        kept.keep(obligations[1:])
    report("judging the properties")
    ended = any(o.detail == INTERRUPTED for o in obligations)
    judgements = judged(options, search, report, ended)
    left = [p for p in build(options).properties if p.kind != "always"]
    return Proof(
        options=options,
        machine=machine,
        coverage=search.coverage,
        obligations=tuple(obligations),
        judgements=supported(machine, obligations, judgements),
        left=_left(machine, [p.name for p in left], judgements),
        in_part=frozenset(p.guarantee for p in left if p.guarantee),
        kept=kept.used if kept else 0,
        seconds=time.perf_counter() - started,
    )


def _left(
    machine: Machine, runs: Sequence[str], judgements: Sequence[Judgement]
) -> dict[str, str]:
    """Return what this machine cannot be asked, with the reasons.

    ``runs``: what takes whole runs.  A property that says nothing at the
    size at hand is not judged, and may say something at others.
    """
    judged_here = {j.name for j in judgements}
    others = [n for n in machine.undecided if n not in (*runs, *judged_here)]
    return {name: machine.undecided[name] for name in (*runs, *others)}


def _exploration(options: Options, machine: Machine, limits: Limits) -> Search:
    try:
        return explore(machine, limits)
    except (MemoryError, OSError) as error:
        if not is_out_of_memory(error):
            raise
        raise UndecidedError(
            f"{options.name}: INCONCLUSIVE: {OUT_OF_MEMORY} before the "
            "first state"
        ) from None


def plan(
    options: Options,
    machine: Machine,
    view: Projected,
    search: Search | None = None,
) -> list[tuple[str, Callable[[], Obligation]]]:
    """Return what shows that ``machine`` speaks of every disk: name, work.

    ``search``: of ``machine``, if there was one.
    """
    many = tuple(disks(options, machine))
    shows = {
        "every step of a disk is one of the projection": step_simulation,
        "every start of a disk is one of the projection": start_simulation,
        "every violation shows at one granule": properties_show,
    }
    simulated: list[tuple[str, Callable[[], Obligation]]] = [
        (name, partial(over_all, name, many, show))
        for name, show in shows.items()
    ]
    alike = "one unknown never stands for two different questions"
    ask = partial(questions_alike, options, view)
    channels = any_channels(machine)
    show_all = partial(prove_lemmas, view, channels=channels)
    term = partial(one_term, options, view)
    limits = partial(limits_only_forbid, options)
    happens = partial(nothing_vacuous, options, search)
    return [
        (TERM, partial(timed, TERM, term)),
        (LIMITS, partial(timed, LIMITS, limits)),
        *simulated,
        (alike, partial(timed, alike, ask)),
        (VACUOUS, partial(timed, VACUOUS, happens)),
        (LEMMAS, show_all),
    ]


def _explored(search: Search) -> Obligation:
    """Show that the exploration reached its fixed point, slots included."""
    coverage, machine = search.coverage, search.machine
    outcome, detail = Outcome.PROVED, ""
    asked = {p.name for p in machine.properties}
    missing = {slots_suffice(c.name) for c in any_channels(machine)} - asked
    if missing:
        outcome, detail = Outcome.REFUTED, f"{min(missing)} is not asked"
    elif coverage.stopped:
        outcome, detail = Outcome.OPEN, coverage.stopped
    elif violated(TYPE_INVARIANT) in coverage.first_level:
        outcome, detail = Outcome.REFUTED, "the type invariant is violated"
    return Obligation(
        name="the projection is explored to its fixed point",
        outcome=outcome,
        seconds=coverage.seconds,
        detail=detail,
    )


def _met(
    name: str, work: Callable[[], Obligation], before: Obligation
) -> Obligation:
    """Return the obligation, or that it was left open because of Ctrl-C."""
    if before.detail != INTERRUPTED:
        try:
            return work()
        except KeyboardInterrupt:
            pass
        except ctypes.ArgumentError as error:
            # Ctrl-C while an argument is handed to z3 comes out as this
            if "KeyboardInterrupt" not in str(error):
                raise
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return Obligation(
                name=name,
                outcome=Outcome.OPEN,
                seconds=0.0,
                detail=OUT_OF_MEMORY,
            )
    return Obligation(
        name=name, outcome=Outcome.OPEN, seconds=0.0, detail=INTERRUPTED
    )


# -- properties --------------------------------------------------------------


def judged(
    options: Options,
    search: Search,
    report: Report = silent,
    ended: bool = False,
) -> tuple[Judgement, ...]:
    """Return the answer to each ``always`` property of the design.

    ``search``: of the machine that follows one granule, with ``options``.
    ``ended``: Ctrl-C has come, no disk is to be looked at.
    """
    machine = search.machine
    confirmation = Confirmation(options, machine, report, ended)
    found = []
    for prop in build(options).properties:
        if prop.kind != "always":
            continue
        if prop.name in machine.undecided:
            found.append(
                Judgement(
                    name=prop.name,
                    guarantee=prop.guarantee,
                    answer=Provability.NOT_PROVABLE,
                    reason=machine.undecided[prop.name],
                )
            )
        else:
            found.append(_judged(search, prop, confirmation))
    known = {j.name for j in found}
    for prop in machine.properties:
        if prop.name not in known:
            found.append(_judged(search, prop, None))
    return tuple(found)


def _judged(
    search: Search, prop: Property, confirmation: Confirmation | None
) -> Judgement:
    """Return what the exploration says; ``confirmation``: if disks show it."""
    level = search.coverage.first_level.get(violated(prop.name))
    judgement = Judgement(
        name=prop.name,
        guarantee=prop.guarantee,
        answer=Provability.PROVED,
        steps=level,
    )
    if all(p.name != prop.name for p in search.machine.properties):
        return evolve(
            judgement,
            answer=Provability.INCONCLUSIVE,
            reason="the projected machine does not ask it",
        )
    if level is None:
        if search.coverage.stopped:
            return evolve(
                judgement,
                answer=Provability.INCONCLUSIVE,
                reason=search.coverage.stopped,
            )
        return judgement
    predicate = search.machine.property(prop.name).violated
    _, moves = shortest_to(search, level, predicate)
    if confirmation is None:
        return evolve(
            judgement,
            answer=Provability.INCONCLUSIVE,
            reason="the projection of the channel is too small",
            abstract=moves,
        )
    try:
        confirmed = confirmation.of(prop.name, moves)
    except KeyboardInterrupt:
        return evolve(
            judgement,
            answer=Provability.INCONCLUSIVE,
            reason=INTERRUPTED,
            abstract=moves,
        )
    except (MemoryError, OSError) as error:
        if not is_out_of_memory(error):
            raise
        return evolve(
            judgement,
            answer=Provability.INCONCLUSIVE,
            reason=OUT_OF_MEMORY,
            abstract=moves,
        )
    if confirmed is None:
        return evolve(
            judgement,
            answer=Provability.SPURIOUS,
            reason="no small disk was found to do what the projection did",
            abstract=moves,
        )
    return evolve(
        judgement, answer=Provability.VIOLATED, trace=confirmed.trace
    )
