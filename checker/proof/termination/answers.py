# SPDX-License-Identifier: GPL-2.0-or-later
"""What was shown of the runs of a design, form by form."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import field, frozen

from checker.input.exit_codes import ExitCode
from checker.proof.judgement import Provability
from checker.proof.obligation import Obligation
from checker.proof.termination.bounds import Bound
from checker.proof.termination.forms import Form
from checker.proof.termination.measure import Value
from checker.proof.termination.obligations import joined
from checker.proof.termination.success import SUCCEEDS
from checker.traces.trace import Trace
from model.language.counted_view import CountedView
from model.language.machine import State
from model.options import Options

CLAIM = (
    "Every attempt ends, with failures and retries without end. That a "
    "migration ever succeeds is not claimed."
)


@frozen(kw_only=True)
class Ending:
    """The answer to one ``eventually`` property in one form.

    ``form``: the name of the form, '' where the guest never stops; ``says``:
    in words.  ``states``, ``steps``: how many lie between premise and goal in
    the count.  ``ranks``: those that the measure uses.  ``values``: the
    measure, by the number of the state.  ``trace``: a run of a small disk
    that never ends.
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
    """What was shown in one form: obligations met, and the answers.

    ``states``: of the count, the initial ones first.  ``bounds``: what a run
    costs at most; none unless every obligation is met.
    """

    form: Form
    view: CountedView
    states: Callable[[], tuple[State, ...]] = field(repr=False)
    explored: int
    transitions: int
    obligations: tuple[Obligation, ...]
    endings: tuple[Ending, ...]
    bounds: tuple[Bound, ...]
    seconds: float


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
        return joined([o for one in self.forms for o in one.obligations])

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
        it ends is what the forms say.  That an attempt succeeds if nothing
        fails is said, and decides nothing.
        """
        answers = {a for name, a in self.answers.items() if name != SUCCEEDS}
        if Provability.VIOLATED in answers:
            return ExitCode.EVENTUALLY_VIOLATED
        decided = (Provability.PROVED, Provability.VIOLATED)
        asked = [e for e in self.endings if e.name != SUCCEEDS]
        if any(e.answer not in decided for e in asked):
            return ExitCode.INCONCLUSIVE
        return ExitCode.AS_EXPECTED
