# SPDX-License-Identifier: GPL-2.0-or-later
"""The machines that a comparison explores, and what it asks of each.

Each is explored and judged as ``check`` does it.  What is asked beside is
asked of the graph of its states: costs, and what a failure would destroy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from attrs import evolve, frozen

from checker.answer.costs import (
    NEVER,
    SENT,
    STOPPED,
    UNKNOWN,
    UNLIMITED,
    Costs,
    Most,
    sent_cost,
    stopped_cost,
)
from checker.answer.standing import (
    BOUNDED,
    ENDS,
    FEW,
    FITS,
    THROTTLED,
    Explored,
    Standing,
    is_endless,
    standing_of,
)
from checker.checking import check
from checker.engines.exploration import (
    INTERRUPTED,
    Limits,
    Report,
    Search,
)
from checker.engines.graphs import costs
from checker.engines.graphs.graph import (
    GraphTooLargeError,
    StateGraph,
    graph_of,
)
from checker.engines.interpreter import interpret
from checker.engines.native.explicit import explore
from checker.engines.verdict import judge
from checker.input.configuration import Configuration
from checker.text import plural
from model import designs
from model.language import Machine, ModelError
from model.options import Bounds, Failures, Options

#: two chunks and a guest that never stops; not all fits the downtime limit
NEVER_STOPS = Bounds(chunks=2, downtime=1)
#: the bounds of each row of L1
ASKED: dict[str, Bounds] = {
    ENDS: NEVER_STOPS,
    FITS: evolve(NEVER_STOPS, downtime=2),
    THROTTLED: evolve(NEVER_STOPS, writes="throttled"),
    BOUNDED: evolve(NEVER_STOPS, writes=2),
    FEW: evolve(NEVER_STOPS, writes=1),
}
#: failures for the question "would one now lose it?": the connection breaks
#: or the source dies; the death of the side that runs takes the VM with it
LOSING = Failures(cut=1, source_killed=1)
#: the interpreter has explored so many states before code is compiled
INTERPRETED = 400


@frozen(eq=False, slots=False)
class Searched:
    """A search, and its graph if that is asked for."""

    search: Search
    limits: Limits

    @cached_property
    def graph(self) -> StateGraph | None:
        """The graph; None if the search or a limit is in the way."""
        if self.search.coverage.stopped:
            return None
        try:
            return graph_of(self.search, self.limits, sort=False)
        except (GraphTooLargeError, MemoryError):
            return None


@frozen(eq=False)
class Exploration:
    """The design with ``options``, explored.

    Options that make the same machine share what was ``searched``.
    """

    options: Options
    searched: Searched

    @property
    def search(self) -> Search:
        """The states."""
        return self.searched.search

    @property
    def machine(self) -> Machine:
        """What was explored."""
        return self.search.machine

    @property
    def graph(self) -> StateGraph | None:
        """The graph; None if the search or a limit is in the way."""
        return self.searched.graph

    def _graph(self) -> StateGraph:
        if self.graph is None:
            raise GraphTooLargeError("the graph does not fit the memory")
        return self.graph

    def explored(self, title: str, ends: bool = True) -> Explored:
        """All findings, as ``check`` has them.

        ``ends``: whether the ``eventually`` properties are asked as well.
        If not, they still are where something never happens: it may be
        because a migration never ends.
        """
        plain = [
            f
            for f in judge(self.machine, self.search.coverage)
            if f.kind != "eventually"
        ]
        tested = all(standing_of(f) is not Standing.VACUOUS for f in plain)
        answer = check.Answer(
            configuration=Configuration(name=title, options=self.options),
            machine=self.machine,
            engine="explicit",
            coverage=self.search.coverage,
            findings=tuple(plain),
            traces={},
        )
        if ends or not tested:
            answer = check.answer(
                answer.configuration,
                self.search,
                self.searched.limits,
                traces=False,
                graph=self._graph,
            )
            if answer.interrupted:
                raise KeyboardInterrupt
        return explored(title, answer)

    def most(self, name: str) -> Most:
        """The most that a run costs; a word if that is no number."""
        machine, graph = self.machine, self.graph
        if graph is None:
            return UNKNOWN
        under_way = machine.notes["migration under way"]
        if not costs.leaves(graph, under_way):
            return NEVER
        asked = [c for c in machine.costs if c.name == name]
        if not asked:
            return 0  # the design has no step that costs this
        found = costs.most(machine, graph, asked[0])
        return UNLIMITED if found is None else found


def explored(title: str, answer: check.Answer) -> Explored:
    """What a comparison keeps of an answer."""
    return Explored(
        title=title,
        options=answer.configuration.options,
        coverage=answer.coverage,
        findings=answer.findings,
        assumes={
            p.name: p.assumes for p in answer.machine.properties if p.assumes
        },
    )


class Explorer:
    """Explores machines of one design; each of them once."""

    def __init__(
        self,
        main: Options,
        limits: Limits,
        report: Callable[[str], Report],
    ) -> None:
        self._main = main
        self._limits = limits
        self._report = report
        self._known: dict[str, Searched] = {}

    def at(
        self, bounds: Bounds, failures: Failures | None = None
    ) -> Exploration:
        """The design at ``bounds``; with all failures unless given."""
        options = evolve(self._main, bounds=bounds)
        if failures is not None:
            options = evolve(options, failures=failures)
        machine = designs.build(options)
        if machine.digest not in self._known:
            title = f"{options.name}, {plural(bounds.chunks, 'chunk')}"
            search = self._search(machine, self._report(title))
            if search.coverage.stopped == INTERRUPTED:
                raise KeyboardInterrupt
            self._known[machine.digest] = Searched(search, self._limits)
        return Exploration(options, self._known[machine.digest])

    def _search(self, machine: Machine, report: Report) -> Search:
        """By the interpreter if it is small: compiling takes longer."""
        most = self._limits.max_states
        small = evolve(self._limits, max_states=INTERPRETED)
        if not most or most > INTERPRETED:
            search = interpret(machine, small, report)
            if not search.coverage.stopped:
                return search
        return explore(machine, self._limits, report)

    # -- what is asked ---------------------------------------------------

    def ends(self, row: str) -> Explored | str:
        """The exploration of one row of L1; a reason if there is none."""
        try:
            return self.at(ASKED[row]).explored(row)
        except ModelError as error:
            return str(error)

    def never_stops(self) -> list[Explored]:
        """Whether it ends with a guest that never stops.

        Without failures first: where it need not end like that, no failure
        is needed to show it.
        """
        calm = self.at(ASKED[ENDS], Failures())
        found = [calm.explored(f"{ENDS}, no failures")]
        if not any(map(is_endless, found[0].findings)):
            found.append(self.at(ASKED[ENDS]).explored(ENDS))
        return found

    def costs(self) -> tuple[Costs, list[Explored]]:
        """What it costs, and what was explored for that."""
        calm = self.at(ASKED[ENDS], Failures())
        used: dict[Bounds, Exploration] = {ASKED[ENDS]: calm}

        def most(name: str, bounds: Bounds) -> Most:
            found = self.at(bounds, Failures())
            used.setdefault(bounds, found)
            return found.most(name)

        never_stops = calm.most(SENT)
        where = ENDS if never_stops != NEVER else FITS
        risky = self.at(ASKED[where], LOSING)
        found = Costs(
            sent=sent_cost(
                lambda bounds: most(SENT, bounds), isinstance(never_stops, int)
            ),
            sent_never_stops=never_stops,
            stopped=stopped_cost(lambda bounds: most(STOPPED, bounds)),
            at_risk=_at_risk(risky, "bitmap lost"),
            degrading=_at_risk(risky, "bitmap degraded"),
            always_lost=_always_lost(self.at(ASKED[where], Failures())),
        )
        titled = [
            one.explored(f"costs, {_point(one.options.bounds)}", ends=False)
            for one in used.values()
            if one is not calm
        ]
        return found, titled

    def lost_if_refused(self) -> bool | None:
        """Whether a refusal alone can make a loss; None: not known."""
        bounds = Bounds(chunks=1, downtime=1)
        search = self.at(bounds, Failures(refuse=1)).search
        lost = search.machine.notes["bitmap lost"]
        levels = range(search.coverage.levels)
        if any(len(search.meeting(level, lost)) for level in levels):
            return True
        return None if search.coverage.stopped else False


def _point(bounds: Bounds) -> str:
    """The bounds of a cost in a few words."""
    writes: Any = bounds.writes
    number = writes if isinstance(writes, int) else "any number of"
    return f"M = {bounds.chunks}, D = {bounds.downtime}, {number} writes"


def _at_risk(found: Exploration, note: str) -> tuple[int, int] | None:
    """In how many states a failure may lead to ``note``; of how many."""
    machine, graph = found.machine, found.graph
    if graph is None or note not in machine.notes:
        return None
    return costs.share_at_risk(
        machine,
        graph,
        machine.notes["migration under way"],
        machine.notes[note],
        {action.name for action in machine.actions if action.fault},
    )


def _always_lost(calm: Exploration) -> bool | None:
    machine, graph = calm.machine, calm.graph
    if graph is None:
        return None
    return costs.always_passes(
        graph,
        machine.notes["migration under way"],
        machine.notes["bitmap lost"],
    )
