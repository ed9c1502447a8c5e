# SPDX-License-Identifier: GPL-2.0-or-later
"""Prove that every run ends, for every disk and failures without end.

For each form of the design (``forms``) the count is made and explored, and a
measure is searched for each of its ``eventually`` properties.  A measure that
passes its check, with every obligation of the form met, is a proof.  Where
there is none, small disks are searched for a run that never ends; if that
finds none either, the property is not decided.

What is shown is that every attempt ends.  That a migration ever succeeds is
not claimed: with failures without end it need not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import define, evolve, field, frozen

from checker.engines.exploration import (
    INTERRUPTED,
    TYPE_INVARIANT,
    Limits,
    Search,
    violated,
)
from checker.engines.graphs.graph import (
    GraphTooLargeError,
    StateGraph,
    graph_of,
)
from checker.engines.native.explicit import explore
from checker.input.exit_codes import ExitCode
from checker.input.memory import OUT_OF_MEMORY, is_out_of_memory
from checker.proof.judgement import NOT_ALL_MET, Provability
from checker.proof.kept import kept_for
from checker.proof.obligation import Obligation, Outcome, Shown, timed
from checker.proof.termination import on_disks
from checker.proof.termination.at_a_chunk import labels_at_a_chunk
from checker.proof.termination.failures import why_lacking
from checker.proof.termination.forms import Form, forms
from checker.proof.termination.happens import something_happens
from checker.proof.termination.labels import Label, labels, usable_ranks
from checker.proof.termination.lasso import lasso
from checker.proof.termination.lemmas import prove_lemmas
from checker.proof.termination.measure import Value, why_no_measure
from checker.proof.termination.ranking import Ranking
from checker.proof.termination.runs import Outside, outside
from checker.proof.termination.structure import structure
from checker.traces.trace import Trace
from model.designs import schema
from model.language.counted_view import CountedView, Reading, counted_view
from model.language.errors import ModelError
from model.language.machine import Property, Rank
from model.options import Options

Report = Callable[[str], None]
Labels = Mapping[str, Sequence[Label]]

EXPLORED: Final = "the count is explored to its fixed point"
MEANT: Final = "the count reads the text as it is meant"
STEPS: Final = "every step of a disk is one of the count"
STARTS: Final = "every start of a disk is one of the count"
NAMES: Final = "a message that may name a chunk names one"
SURE: Final = "what the count is sure of can happen on the disk"
RANKS: Final = "ranks move as said, at any chunk of any disk"
COUNTED: Final = "ranks move as said, counted on disks"
FALLS: Final = "the measure falls with every step, until the goal"
LACKING: Final = "what helps is there, whatever else may fail"
LEMMAS: Final = "lemmas of the count for all sizes"
HAPPENS: Final = "every action happens in the count, every goal is reached"

CLAIM: Final = (
    "Every attempt ends, with failures and retries without end. That a "
    "migration ever succeeds is not claimed."
)


@frozen(kw_only=True)
class Ending:
    """The answer to one ``eventually`` property in one form.

    ``form``: the name of the form, '' where the guest never stops; ``says``:
    in words.  ``states``, ``steps``: how many lie between premise and goal in
    the count.  ``ranks``: those that the measure uses.  ``values``: the
    measure, by state.  ``trace``: a run of a small disk that never ends.
    """

    name: str
    guarantee: str
    form: str
    says: str
    answer: Provability
    reason: str = ""
    states: int = 0
    steps: int = 0
    ranks: tuple[str, ...] = ()
    values: Mapping[int, Value] = field(factory=dict, repr=False)
    trace: Trace | None = None
    seconds: float = 0.0

    @property
    def row(self) -> str:
        """The guarantee with the form: 'L1', 'L1 D >= M'."""
        return f"{self.guarantee} {self.form}".strip()


@frozen(kw_only=True)
class InForm:
    """What was shown in one form: obligations met, and the answers."""

    form: Form
    view: CountedView
    states: int
    transitions: int
    obligations: tuple[Obligation, ...]
    endings: tuple[Ending, ...]


@frozen(kw_only=True)
class Termination:
    """All that was shown of the runs of one design.

    ``unread``: why the count cannot be made of the design's text, or ''.
    """

    options: Options
    forms: tuple[InForm, ...]
    seconds: float
    unread: str = ""

    @property
    def endings(self) -> tuple[Ending, ...]:
        """Every answer: first those on guarantees, each with its forms."""
        found = [e for one in self.forms for e in one.endings]
        names = list(dict.fromkeys(e.name for e in found))
        order = {name: number for number, name in enumerate(names)}
        return tuple(
            sorted(found, key=lambda e: (e.guarantee == "", order[e.name]))
        )

    @property
    def trace(self) -> Trace | None:
        """The first run that never ends."""
        traces = (e.trace for e in self.endings if e.trace is not None)
        return next(traces, None)

    @property
    def obligations(self) -> tuple[Obligation, ...]:
        """Each obligation once, of all forms together."""
        found: dict[str, Obligation] = {}
        for one in self.forms:
            for obligation in one.obligations:
                name = obligation.name
                before = found.get(name)
                found[name] = (
                    _joined(before, obligation) if before else obligation
                )
        return tuple(found.values())

    @property
    def answers(self) -> Mapping[str, Provability]:
        """The answer to each property: PROVED if it is so in some form."""
        found: dict[str, set[Provability]] = {}
        for ending in self.endings:
            found.setdefault(ending.name, set()).add(ending.answer)
        order = (Provability.PROVED, Provability.VIOLATED)
        return {
            name: next(
                (a for a in order if a in answers), min(answers, key=str)
            )
            for name, answers in found.items()
        }

    @property
    def exit_code(self) -> ExitCode:
        """What the process should return.

        A design that ends in some form only is as it is meant to be: where
        it ends is what the forms say.
        """
        answers = set(self.answers.values())
        if Provability.VIOLATED in answers:
            return ExitCode.EVENTUALLY_VIOLATED
        decided = (Provability.PROVED, Provability.VIOLATED)
        if any(e.answer not in decided for e in self.endings):
            return ExitCode.INCONCLUSIVE
        return ExitCode.AS_EXPECTED


def _joined(one: Obligation, other: Obligation) -> Obligation:
    """Return two obligations of one name as one."""
    worst = one if not one.proved else other
    return evolve(
        worst,
        seconds=one.seconds + other.seconds,
        queries=one.queries + other.queries,
    )


def silent(step: str) -> None:
    """Report nothing."""


def termination(
    options: Options,
    limits: Limits | None = None,
    report: Report = silent,
    sizes: Sequence[on_disks.Sized] = on_disks.SIZES,
    asked: Sequence[Form] | None = None,
    keep: bool = False,
    reading: Reading | None = None,
) -> Termination:
    """Try to prove that every run of the design of ``options`` ends.

    Of ``options``, the size, the writes and how often something may fail do
    not matter.  ``sizes``: the disks that z3 is asked about.  ``asked``: the
    forms, where not all.  ``keep``: take what z3 has shown to the same
    program before as shown, and keep what it shows now; see ``kept``.
    ``reading``: another count than the shipped one, for tests.
    """
    started = time.perf_counter()
    term = schema(options).term
    found: list[InForm] = []
    lemmas: list[Obligation] = []
    unread = ""
    for form in forms(term) if asked is None else asked:
        work = _Work(
            options,
            form,
            limits or Limits(),
            report,
            sizes,
            keep,
            lemmas,
            reading,
        )
        try:
            found.append(work.done())
        except ModelError as error:
            unread = str(error)
            break
    return Termination(
        options=options,
        forms=tuple(found),
        seconds=time.perf_counter() - started,
        unread=unread,
    )


@define
class _Work:
    """The work on one form of one design."""

    options: Options
    form: Form
    limits: Limits
    report: Report
    sizes: Sequence[on_disks.Sized]
    keep: bool
    lemmas: list[Obligation]
    reading: Reading | None
    view: CountedView = field(init=False)
    ranks: tuple[Rank, ...] = field(init=False)
    labels: dict[str, Sequence[Label]] = field(factory=dict, init=False)
    found: dict[str, Outside] = field(factory=dict, init=False)
    rankings: dict[str, Ranking] = field(factory=dict, init=False)

    def done(self) -> InForm:
        """Do all of it."""
        title = f"{self.options.name} {self.form.name}".strip()
        self.report(f"{title}: exploring the count")
        term = schema(self.options).term
        self.view = counted_view(term, self.form.numbers, self.reading)
        self.ranks = usable_ranks(self.view)
        self.labels = {r.name: labels(self.view, r) for r in self.ranks}
        search = explore(self.view.machine, self.limits)
        explored = _explored(search)
        obligations = [explored]
        if explored.proved:
            self.report(f"{title}: looking for measures")
            obligations += self._measured(search)
        kept = kept_for(self.view.machine, title) if self.keep else None
        planned = len(obligations)
        for name, work in self._plan(title):
            asked = kept.met(name, work) if kept else work
            obligations.append(self._met(name, asked, obligations[-1]))
        if kept:
            kept.keep(obligations[planned:])
        endings = tuple(self._endings(obligations, title))
        return InForm(
            form=self.form,
            view=self.view,
            states=search.coverage.states,
            transitions=search.coverage.transitions,
            obligations=tuple(obligations),
            endings=endings,
        )

    def _measured(self, search: Search) -> list[Obligation]:
        """Search a measure for each property, and check what is found."""
        try:
            graph = graph_of(search, self.limits)
        except GraphTooLargeError as error:
            return [_open(FALLS, str(error))]
        for prop in self._asked():
            runs = outside(self.view, graph, prop, self.labels)
            ranking = Ranking(runs.sure, [r.name for r in self.ranks])
            ranking.run(runs.edges)
            self.found[prop.name] = runs
            self.rankings[prop.name] = ranking
        happens = partial(
            something_happens,
            self.view,
            search.coverage,
            graph,
            self.found,
        )
        falls = timed(FALLS, self._falls)
        lacking = timed(LACKING, partial(self._lacking, graph))
        return [falls, lacking, timed(HAPPENS, happens)]

    def _asked(self) -> Iterator[Property]:
        for prop in self.view.machine.properties:
            if prop.kind == "eventually":
                yield prop

    def _falls(self) -> Shown:
        """Show that each measure that was found is one."""
        steps = 0
        names = frozenset(r.name for r in self.ranks)
        for name, ranking in self.rankings.items():
            if ranking.stuck:
                continue
            runs = self.found[name]
            steps += len(runs.edges)
            why = why_no_measure(ranking.values, runs.sure, runs.edges, names)
            if why:
                return Shown(Outcome.REFUTED, steps, f"{name}: {why}")
        return Shown(Outcome.PROVED, steps)

    def _lacking(self, graph: StateGraph) -> Shown:
        tried = 0
        for name, ranking in self.rankings.items():
            more, why = why_lacking(self.view, graph, ranking.values)
            tried += more
            if why and not ranking.stuck:
                return Shown(Outcome.REFUTED, tried, f"{name}: {why}")
        return Shown(Outcome.PROVED, tried)

    def _plan(
        self, title: str
    ) -> Iterator[tuple[str, Callable[[], Obligation]]]:
        """Yield what is shown of disks and of the text: name, work."""
        term = schema(self.options).term
        used = {n for r in self.rankings.values() for n in r.used}
        ranks = [rank for rank in self.ranks if rank.name in used]
        told = {rank.name: self.labels[rank.name] for rank in ranks}
        many = tuple(
            on_disks.disks(
                self.options, self.form, self.view, ranks, self.sizes
            )
        )
        of_disks: dict[str, Callable[[on_disks.Disk], Shown]] = {
            STEPS: on_disks.steps_are_counted,
            STARTS: on_disks.starts_are_counted,
            NAMES: on_disks.names_stay,
            SURE: on_disks.sure_is_possible,
            COUNTED: partial(on_disks.labels_hold, ranks=told),
        }
        meant = partial(structure, term, self.view)
        at_chunk = partial(labels_at_a_chunk, self.view, ranks, told)
        yield MEANT, partial(timed, MEANT, meant)
        for name, show in of_disks.items():
            self.report(f"{title}: {name}")
            yield name, partial(on_disks.over_all, name, many, show)
        yield RANKS, partial(timed, RANKS, at_chunk)
        yield LEMMAS, self._lemmas

    def _lemmas(self) -> Obligation:
        """Prove the lemmas; they are the same in every form."""
        if self.lemmas:
            return evolve(self.lemmas[0], seconds=0.0, queries=0)
        found = timed(LEMMAS, partial(prove_lemmas, self.view))
        self.lemmas.append(found)
        return found

    def _met(
        self, name: str, work: Callable[[], Obligation], before: Obligation
    ) -> Obligation:
        """Return the obligation; left open after Ctrl-C or without memory."""
        if before.detail == INTERRUPTED:
            return _open(name, INTERRUPTED)
        try:
            return work()
        except KeyboardInterrupt:
            return _open(name, INTERRUPTED)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return _open(name, OUT_OF_MEMORY)

    def _endings(
        self, obligations: Sequence[Obligation], title: str
    ) -> Iterator[Ending]:
        lacking = [o for o in obligations if not o.proved]
        for prop in self._asked():
            started = time.perf_counter()
            ending = Ending(
                name=prop.name,
                guarantee=prop.guarantee,
                form=self.form.name,
                says=self.form.says,
                answer=Provability.PROVED,
            )
            if prop.name not in self.found:
                reason = obligations[0].detail or NOT_ALL_MET
                yield evolve(
                    ending, answer=Provability.INCONCLUSIVE, reason=reason
                )
                continue
            runs, ranking = self.found[prop.name], self.rankings[prop.name]
            ending = evolve(
                ending, states=len(runs.states), steps=len(runs.edges)
            )
            if ranking.stuck:
                ending = self._refuted(ending, lacking)
            elif lacking:
                ending = evolve(
                    ending,
                    answer=Provability.INCONCLUSIVE,
                    reason=f"'{lacking[0].name}' is "
                    f"{lacking[0].outcome.value}",
                )
            else:
                ending = evolve(
                    ending,
                    ranks=tuple(ranking.used),
                    values=ranking.values,
                )
            yield evolve(ending, seconds=time.perf_counter() - started)

    def _refuted(
        self, ending: Ending, lacking: Sequence[Obligation]
    ) -> Ending:
        """Return that a run never ends, or that no disk was found to."""
        try:
            trace = None
            if not any(o.detail == INTERRUPTED for o in lacking):
                trace = lasso(
                    self.options, self.form, ending.name, self.report
                )
        except KeyboardInterrupt:
            return evolve(
                ending,
                answer=Provability.INCONCLUSIVE,
                reason=INTERRUPTED,
            )
        if trace is not None:
            return evolve(ending, answer=Provability.VIOLATED, trace=trace)
        return evolve(
            ending,
            answer=Provability.SPURIOUS,
            reason="a run of the count may never end, and no small disk was "
            "found to have one",
        )


def _open(name: str, detail: str) -> Obligation:
    return Obligation(
        name=name, outcome=Outcome.OPEN, seconds=0.0, detail=detail
    )


def _explored(search: Search) -> Obligation:
    """Show that the exploration reached its end and that the slots suffice."""
    coverage = search.coverage
    outcome, detail = Outcome.PROVED, ""
    if coverage.stopped:
        outcome, detail = Outcome.OPEN, coverage.stopped
    elif violated(TYPE_INVARIANT) in coverage.first_level:
        outcome, detail = Outcome.REFUTED, "the type invariant is violated"
    for prop in search.machine.properties:
        if prop.kind == "always" and violated(prop.name) in (
            coverage.first_level
        ):
            outcome, detail = Outcome.REFUTED, f"{prop.name} is violated"
    return Obligation(
        name=EXPLORED,
        outcome=outcome,
        seconds=coverage.seconds,
        detail=detail,
    )
