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

import ctypes
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from attrs import define, evolve, field

from checker.engines.exploration import (
    INTERRUPTED,
    TYPE_INVARIANT,
    Limits,
    Search,
    violated,
)
from checker.engines.graphs.graph import GraphTooLargeError, graph_of
from checker.engines.native.explicit import explore
from checker.input.memory import OUT_OF_MEMORY, is_out_of_memory
from checker.proof.judgement import NOT_ALL_MET, Provability
from checker.proof.kept import kept_for
from checker.proof.obligation import Obligation, Outcome, timed
from checker.proof.termination import on_disks
from checker.proof.termination.answers import Ending, InForm, Termination
from checker.proof.termination.bounds import Bound, bounds, least
from checker.proof.termination.forms import Form, forms
from checker.proof.termination.happens import something_happens
from checker.proof.termination.lasso import lasso, never_succeeds
from checker.proof.termination.obligations import (
    EXPLORED,
    FALLS,
    HAPPENS,
    LACKING,
    Ranked,
    falls,
    left_open,
    nothing_lacking,
    of_every_disk,
)
from checker.proof.termination.ranking import Ranking
from checker.proof.termination.runs import Outside, outside
from checker.proof.termination.success import SUCCEEDS, with_success
from model.designs import schema
from model.language.counted_view import CountedView, Reading, counted_view
from model.language.errors import ModelError
from model.language.machine import Property, State
from model.options import Options

Report = Callable[[str], None]

NO_DISK = (
    "a run of the count may never get there, and no small disk was found to "
    "have one"
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
    term = with_success(schema(options).term)
    found: list[InForm] = []
    lemmas: list[Obligation] = []
    unread = ""
    every = tuple(forms(term))
    for form in every if asked is None else asked:
        work = _Work(
            options,
            form,
            limits or Limits(),
            report,
            # other numbers, the same text: half of the disks will do
            sizes if form in every[:1] else sizes[1::2],
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
    ranked: Ranked = field(init=False)
    found: dict[str, Outside] = field(factory=dict, init=False)
    rankings: dict[str, Ranking] = field(factory=dict, init=False)
    bounds: tuple[Bound, ...] = field(default=(), init=False)

    def done(self) -> InForm:
        """Do all of it.  ModelError if the text cannot be counted."""
        started = time.perf_counter()
        title = f"{self.options.name} {self.form.name}".strip()
        self.report(f"{title}: exploring the count")
        term = with_success(schema(self.options).term)
        self.view = counted_view(term, self.form.numbers, self.reading)
        self.ranked = Ranked.of(self.view)
        search = explore(self.view.machine, self.limits)
        obligations = [_explored(search)]
        if obligations[0].proved:
            self.report(f"{title}: looking for measures")
            obligations += self._measured(search)
        obligations += self._carried(title, obligations[-1])
        endings = tuple(self._endings(obligations))
        return InForm(
            form=self.form,
            view=self.view,
            states=partial(self._states, search),
            explored=search.coverage.states,
            transitions=search.coverage.transitions,
            obligations=tuple(obligations),
            endings=endings,
            bounds=self.bounds if all(o.proved for o in obligations) else (),
            seconds=time.perf_counter() - started,
        )

    def _states(self, search: Search) -> tuple[State, ...]:
        graph = graph_of(search, self.limits)
        return tuple(graph.state(number) for number in range(len(graph)))

    def _measured(self, search: Search) -> list[Obligation]:
        """Search a measure for each property, and check what is found."""
        try:
            graph = graph_of(search, self.limits)
        except GraphTooLargeError as error:
            return [left_open(FALLS, str(error))]
        for prop in self._asked():
            runs = outside(self.view, graph, prop, self.ranked.labels)
            ranking = Ranking(runs.sure, [r.name for r in self.ranked.ranks])
            ranking.run(runs.edges)
            self.found[prop.name] = runs
            self.rankings[prop.name] = ranking
        term = schema(self.options).term
        self.bounds = least([*bounds(term, self.view, graph, self.ranked)])
        measures = {
            name: ranking.values
            for name, ranking in self.rankings.items()
            if not ranking.stuck
        }
        shown = {
            FALLS: partial(falls, self.found, measures, self.ranked),
            LACKING: partial(nothing_lacking, self.view, graph, measures),
            HAPPENS: partial(
                something_happens,
                self.view,
                search.coverage,
                graph,
                self.found,
            ),
        }
        return [timed(name, work) for name, work in shown.items()]

    def _asked(self) -> Iterator[Property]:
        for prop in self.view.machine.properties:
            if prop.kind == "eventually":
                yield prop

    def _carried(self, title: str, last: Obligation) -> list[Obligation]:
        """Show what carries the count to every disk."""
        kept = kept_for(self.view.machine, title) if self.keep else None
        used = {n for r in self.rankings.values() for n in r.used}
        used |= {bound.rank for bound in self.bounds}
        found: list[Obligation] = []
        for name, work in of_every_disk(
            self.options,
            self.form,
            self.view,
            self.ranked.only(frozenset(used)),
            self.sizes,
            self.lemmas,
        ):
            self.report(f"{title}: {name}")
            asked = kept.met(name, work) if kept else work
            last = _met(name, asked, last)
            found.append(last)
        if kept:
            kept.keep(found)
        return found

    def _endings(self, obligations: Sequence[Obligation]) -> Iterator[Ending]:
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
                ending = _undecided(ending, obligations[0].detail)
            else:
                ending = self._answered(ending, lacking)
            yield evolve(ending, seconds=time.perf_counter() - started)

    def _answered(
        self, ending: Ending, lacking: Sequence[Obligation]
    ) -> Ending:
        runs, ranking = self.found[ending.name], self.rankings[ending.name]
        ending = evolve(ending, states=len(runs.states), steps=len(runs.edges))
        if ranking.stuck:
            return self._refuted(ending, lacking)
        if lacking:
            first = lacking[0]
            reason = f"'{first.name}' is {first.outcome.value}"
            return _undecided(ending, reason)
        return evolve(ending, ranks=tuple(ranking.used), values=ranking.values)

    def _refuted(
        self, ending: Ending, lacking: Sequence[Obligation]
    ) -> Ending:
        """Return that a run never ends, or that no disk was found to."""
        if any(o.detail == INTERRUPTED for o in lacking):
            return _undecided(ending, INTERRUPTED)
        if ending.name == SUCCEEDS:
            return self._no_success(ending)
        try:
            trace = lasso(self.options, self.form, ending.name, self.report)
        except KeyboardInterrupt:
            return _undecided(ending, INTERRUPTED)
        if trace is not None:
            return evolve(ending, answer=Provability.VIOLATED, trace=trace)
        return evolve(ending, answer=Provability.SPURIOUS, reason=NO_DISK)

    def _no_success(self, ending: Ending) -> Ending:
        """Return where an attempt need not succeed, though nothing fails."""
        prop = self.view.machine.property(ending.name)
        try:
            where = never_succeeds(self.options, self.form, prop)
        except KeyboardInterrupt:
            return _undecided(ending, INTERRUPTED)
        if where:
            return evolve(ending, answer=Provability.VIOLATED, reason=where)
        return evolve(ending, answer=Provability.SPURIOUS, reason=NO_DISK)


def _undecided(ending: Ending, reason: str) -> Ending:
    return evolve(
        ending,
        answer=Provability.INCONCLUSIVE,
        reason=reason or NOT_ALL_MET,
    )


def _met(
    name: str, work: Callable[[], Obligation], before: Obligation
) -> Obligation:
    """Return the obligation; left open after Ctrl-C or without memory."""
    if before.detail == INTERRUPTED:
        return left_open(name, INTERRUPTED)
    try:
        return work()
    except KeyboardInterrupt:
        return left_open(name, INTERRUPTED)
    except ctypes.ArgumentError as error:
        # Ctrl-C while an argument is handed to z3 comes out as this
        if "KeyboardInterrupt" not in str(error):
            raise
        return left_open(name, INTERRUPTED)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return left_open(name, OUT_OF_MEMORY)


def _explored(search: Search) -> Obligation:
    """Show that the exploration reached its end and that the slots suffice."""
    coverage = search.coverage
    outcome, detail = Outcome.PROVED, ""
    if coverage.stopped:
        outcome, detail = Outcome.OPEN, coverage.stopped
    broken = [
        TYPE_INVARIANT,
        *(p.name for p in search.machine.properties if p.kind == "always"),
    ]
    for name in broken:
        if violated(name) in coverage.first_level:
            outcome, detail = Outcome.REFUTED, f"{name} is violated"
    return Obligation(
        name=EXPLORED,
        outcome=outcome,
        seconds=coverage.seconds,
        detail=detail,
    )
