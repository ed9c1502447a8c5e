# SPDX-License-Identifier: GPL-2.0-or-later
"""The mutation score of a design: how many mutants are noticed.

    score = killed / (all mutants - equivalent ones)

Equivalent are the survivors that the table explains.  A mutant that the table
leaves open, that was not decided, or not tried, counts as one that was not
noticed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from attrs import field, frozen

from checker.input.exit_codes import ExitCode
from checker.mutation.bench import Bench
from checker.mutation.table import Entry, reasons
from checker.mutation.trial import Fate, Outcome

Report = Callable[[int, int, int], None]


@frozen(kw_only=True)
class Score:
    """All mutants of a design and what became of them.

    ``mutants``: how many there are; fewer ``outcomes`` if ``interrupted``.
    ``alike``: how many more say the same as another, or as the design.
    ``table``: why each mutant that is known to be equivalent is so.
    ``open_table``: what would notice each that is known to be open.
    """

    design: str
    configurations: tuple[str, ...]
    variants: tuple[str, ...]
    actions: tuple[str, ...]
    properties: tuple[str, ...]
    mutants: int
    alike: int
    outcomes: tuple[Outcome, ...]
    table: dict[str, str]
    interrupted: bool
    open_table: dict[str, str] = field(factory=dict)

    def with_fate(self, fate: Fate) -> tuple[Outcome, ...]:
        """The mutants of which this became."""
        return tuple(o for o in self.outcomes if o.fate is fate)

    @property
    def equivalent(self) -> tuple[Outcome, ...]:
        """The survivors that the table explains."""
        survivors = self.with_fate(Fate.SURVIVED)
        return tuple(o for o in survivors if o.name in self.table)

    @property
    def open(self) -> tuple[Outcome, ...]:
        """The survivors for which the table wants a property."""
        survivors = self.with_fate(Fate.SURVIVED)
        return tuple(o for o in survivors if o.name in self.open_table)

    @property
    def unexplained(self) -> tuple[Outcome, ...]:
        """The survivors that it does not name: a property is missing."""
        survivors = self.with_fate(Fate.SURVIVED)
        known = self.table.keys() | self.open_table.keys()
        return tuple(o for o in survivors if o.name not in known)

    @property
    def stale(self) -> tuple[str, ...]:
        """What the table names although it does not survive.

        Nothing is known of that before all were tried.
        """
        if self.interrupted:
            return ()
        names = {o.name for o in self.outcomes if o.fate is not Fate.KILLED}
        known = {**self.table, **self.open_table}
        return tuple(name for name in known if name not in names)

    @property
    def noticeable(self) -> int:
        """How many mutants can be noticed."""
        return self.mutants - len(self.equivalent)

    @property
    def score(self) -> float:
        """The share of them that is noticed; 1 if there are none."""
        if not self.noticeable:
            return 1.0
        return len(self.with_fate(Fate.KILLED)) / self.noticeable

    @property
    def killers(self) -> Counter[str]:
        """How many mutants each property killed."""
        return Counter(name for o in self.outcomes for name in o.killers)

    @property
    def idle(self) -> tuple[str, ...]:
        """The properties by which no mutant was first found out."""
        killers = self.killers
        return tuple(name for name in self.properties if not killers[name])

    @property
    def exit_code(self) -> ExitCode:
        """0 if all were tried and the survivors are those of the table."""
        if self.interrupted:
            return ExitCode.INCONCLUSIVE
        if self.unexplained or self.stale:
            return ExitCode.NOT_AS_EXPECTED
        if self.with_fate(Fate.UNDECIDED):
            return ExitCode.INCONCLUSIVE
        return ExitCode.AS_EXPECTED


def score(
    bench: Bench,
    entries: tuple[Entry, ...],
    jobs: int = 1,
    report: Report = lambda done, of, surviving: None,
) -> Score:
    """Try every mutant of ``bench``; Ctrl-C ends it with what is known.

    ``report`` is told how many were tried, of how many, and how many of
    them survive.
    """
    found: dict[int, Outcome] = {}
    surviving = 0
    interrupted = False
    try:
        for number, outcome in bench.outcomes(jobs):
            found[number] = outcome
            surviving += outcome.fate is Fate.SURVIVED
            report(len(found), len(bench), surviving)
    except KeyboardInterrupt:
        interrupted = True
    mine = f"{bench.only}: " if bench.only else ""
    table, open_table = (
        {
            name: why
            for name, why in reasons(bench.design, entries, is_open).items()
            if name.startswith(mine)
        }
        for is_open in (False, True)
    )
    asked = bench.questions
    return Score(
        design=bench.design,
        configurations=tuple(c.name for c in asked.complete),
        variants=tuple(c.name for c in asked.variants),
        actions=bench.actions,
        properties=bench.properties,
        mutants=len(bench),
        alike=bench.catalogue.alike,
        outcomes=tuple(found[number] for number in sorted(found)),
        table=table,
        open_table=open_table,
        interrupted=interrupted,
    )
