# SPDX-License-Identifier: GPL-2.0-or-later
"""The mail in at most 30 lines: what breaks, what it costs, how to see it.

The whole mail has the configuration in full, every step with its changes,
what QMP shows, and what is assumed.
"""

from __future__ import annotations

from itertools import groupby

from checker.citing.consequence import consequence
from checker.citing.mail import made_by
from checker.citing.wording import disk_in_words, failures_in_words, taken_out
from checker.engines.exploration import TYPE_INVARIANT
from checker.engines.verdict import DEADLOCK
from checker.text import (
    command_lines,
    joined,
    plural,
    shortened,
    text_of,
    wrapped,
)
from checker.traces.trace import Trace
from model.guarantees import GUARANTEES
from model.language.machine import Machine

MOST = 30
#: lines that the steps get at least, and that any other paragraph may have
FEWEST, PARAGRAPH = 2, 5


def short_mail(
    machine: Machine, trace: Trace, *, reproduce: str, needs: str = ""
) -> str:
    """Return the short form, at most 30 lines of at most 72 columns.

    ``reproduce``: the command that shows this trace.  ``needs``: the file
    that the reader has to be sent for it, or ''.
    """
    head = [
        f"dbmcheck counterexample {trace.id}",
        *_paragraph(_variant(trace)),
        *made_by(),
        "",
        *_paragraph(_broken(machine, trace)),
        "",
        *_paragraph(consequence(machine, trace)),
        "",
        *_paragraph(_bounds(trace)),
        "",
    ]
    attached = f", with the attached file {needs}" if needs else ""
    tail = ["", *wrapped(f"Reproduce{attached}:", whole=True)]
    tail += command_lines(reproduce)[:PARAGRAPH]
    room = max(FEWEST, MOST - len(head) - len(tail))
    return text_of([*head, *_steps(trace, room), *tail])


def _paragraph(text: str) -> list[str]:
    """``text`` in no more lines than a paragraph may have."""
    lines = wrapped(text)
    if len(lines) <= PARAGRAPH:
        return lines
    last = shortened(f"{lines[PARAGRAPH - 1]} ...", len(lines[0]))
    return [*lines[: PARAGRAPH - 1], last]


def _broken(machine: Machine, trace: Trace) -> str:
    name = trace.property_name
    if name in (DEADLOCK, TYPE_INVARIANT):
        return f"Broken: {name}, in the last state."
    prop = machine.property(name)
    guarantee = GUARANTEES.get(prop.guarantee)
    of = f" ({guarantee.name}, {guarantee.short})" if guarantee else ""
    return f"Broken: {name}{of}: {prop.doc}"


def _variant(trace: Trace) -> str:
    lacking = taken_out(trace.options)
    if not lacking:
        return f"{trace.options.design}, with every mechanism in place"
    names = joined([f"'{m.name}'" for m in lacking])
    were = "was" if len(lacking) == 1 else "were"
    return f"{trace.options.design}, from which {names} {were} taken out"


def _bounds(trace: Trace) -> str:
    options = trace.options
    return (
        f"Disk: {disk_in_words(options.bounds)}. "
        f"Failures: {failures_in_words(options.failures)}."
    )


def _steps(trace: Trace, room: int) -> list[str]:
    """The steps as running text, the middle left out where it is long."""
    title = f"Trace, {plural(len(trace.moves), 'step')}"
    if trace.loop is not None:
        again = trace.loop < len(trace.moves)
        title += ", then for ever "
        title += f"from step {trace.loop + 1} on" if again else "like this"
    parts = [
        f"{actor}: {', '.join(move.label for move in moves)}"
        for actor, moves in groupby(trace.moves, key=lambda move: move.actor)
    ]
    lines = wrapped(f"{title}. {'; '.join(parts)}.")
    if len(lines) <= room:
        return lines
    for left in range(len(parts) // 2, 0, -1):
        some = [*parts[:left], "...", *parts[-left:]]
        lines = wrapped(f"{title}. {'; '.join(some)}.")
        if len(lines) <= room:
            return lines
    return lines[:room]
