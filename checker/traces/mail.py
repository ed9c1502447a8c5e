# SPDX-License-Identifier: GPL-2.0-or-later
"""A counterexample as a block of text to paste into a mail.

Self-contained and at most 72 columns wide, so that it survives quoting.  All
of it is made from the data: the trace, the model's own texts, the numbers of
the search.  DOMAIN.md, section 9, says what reviewers expect.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from checker.engines.exploration import TYPE_INVARIANT
from checker.errors import NothingToShowError
from checker.traces.claim import Claim, claim_of, first_met
from checker.traces.consequence import consequence
from checker.traces.lines import (
    command_lines,
    joined,
    place,
    plural,
    text_of,
    wrapped,
)
from checker.traces.short_steps import short_steps
from checker.traces.status import Status, status_at_end
from checker.traces.trace import Trace
from checker.traces.wording import in_words, taken_out
from checker.verdict import DEADLOCK
from model.language.machine import Machine
from model.mechanisms import Mechanism, mechanisms_of
from model.properties import GUARANTEES

_INDENT = 2
ASSUMED = (
    "one disk that both hosts reach, and one bitmap of it, known by its name",
    "at most one write in flight on each host; a write is two steps, the "
    "data and then the bit",
    "messages arrive in order and unchanged, or not at all",
    "a client starts a backup whenever a query shows the bitmap there and "
    "not busy, on the host where the VM runs",
)
NOT_MODELLED = (
    "several disks or bitmaps; disabled or inconsistent bitmaps",
    "persistence in the image file; separate storage",
    "writers other than the guest and the backup (NBD exports, block jobs, "
    "merge, clear); resize",
    "a backup that fails; a bitmap error after START; migrating back",
    "the bytes on the wire; time",
)


class Label(enum.Enum):
    """What kind of finding this is."""

    VARIANT = "A defect of this variant"
    DESIGN = "A limit of the design"
    TOO_STRONG = "The property asks too much"
    UNJUDGED = "Not judged yet"


_KINDS = {
    Label.VARIANT: "",
    Label.DESIGN: (
        "The design is complete as modelled and cannot keep this promise."
    ),
    Label.TOO_STRONG: (
        "The run is acceptable; the promise should be a weaker one."
    ),
    Label.UNJUDGED: (
        "The design is complete as modelled. A defect of it, a limit of it, "
        "or a promise that asks too much: a person has to say."
    ),
}


def mail_block(
    machine: Machine,
    trace: Trace,
    *,
    reproduce: str,
    complete: str = "",
    label: Label | None = None,
    states: int | None = None,
    transitions: int | None = None,
    file: tuple[str, str] | None = None,
) -> str:
    """The block of text; NothingToShowError if nothing is violated.

    ``reproduce``: the command that shows this trace; ``complete``: the one
    that checks the complete design, '' where that is what fails.  ``label``:
    if not given, a defect of the variant where mechanisms were taken out,
    else not judged.  ``states`` and ``transitions``: what the search that
    found the trace explored; with them, the trace counts as a shortest one.
    ``file``: name and content of a configuration that the reader has not.
    """
    if claim_of(machine, trace) is Claim.MET:
        raise NothingToShowError(
            f"{trace.property_name} is met "
            f"{place(first_met(machine, trace))}: there is nothing to cite"
        )
    found = states is not None
    lines = [*_head(machine, trace), ""]
    lines += [*_broken(machine, trace), ""]
    lines += _section("What it does to a backup")
    lines += [*_text(consequence(machine, trace)), ""]
    lines += _section("What kind of finding this is")
    lines += [*_label(trace, label, bool(complete)), ""]
    lines += _section("Configuration")
    lines += [*_configuration(trace), ""]
    lines += _section(_title(trace, shortest=found))
    lines += [*short_steps(machine, trace), ""]
    lines += _section("QMP after the last step (count in granules)")
    for status in status_at_end(machine, trace):
        lines += _status(status)
    lines.append("")
    lines += [*_assumptions(machine, trace), ""]
    lines += _section("Reproduce")
    if file is not None:
        lines += _text(f"with {file[0]}:")
        lines += [f"    {line}" for line in file[1].splitlines()]
    lines += _commands(trace, reproduce, complete)
    if states is not None:
        lines += ["", *_explored(states, transitions)]
    return text_of(lines)


def _section(title: str) -> list[str]:
    return [f"{title}:"]


def _text(text: str, indent: int = _INDENT) -> list[str]:
    return wrapped(text, " " * indent)


def _bullets(texts: Iterable[str]) -> list[str]:
    return [line for text in texts for line in wrapped(text, "  - ")]


def _broken(machine: Machine, trace: Trace) -> list[str]:
    name = trace.property_name
    if name == TYPE_INVARIANT:
        return wrapped("Broken: the model's own type invariant.")
    if name == DEADLOCK:
        return wrapped(
            f"Broken: {GUARANTEES['L1']} (L1, {DEADLOCK}). After the last "
            "step nothing can happen any more, and that is no place to end."
        )
    prop = machine.property(name)
    promise = GUARANTEES.get(prop.guarantee)
    if promise is None:
        return wrapped(f"Shown: {prop.doc} ({name})")
    lines = wrapped(f"Broken: {promise} ({prop.guarantee}).")
    end = (
        "This is put off for ever."
        if prop.kind == "eventually"
        else "After the last step this is false."
    )
    return [*lines, "", *wrapped(f"{name}: {prop.doc} {end}")]


def _head(machine: Machine, trace: Trace) -> list[str]:
    lines = [f"dbmcheck counterexample {trace.id}", *wrapped(machine.name)]
    return [*lines, "=" * max(len(line) for line in lines)]


def _label(trace: Trace, label: Label | None, compared: bool) -> list[str]:
    lacking = taken_out(trace.options)
    if label is None:
        label = Label.VARIANT if lacking else Label.UNJUDGED
    text = _KINDS[label]
    if label is Label.VARIANT:
        names = joined([f"'{m.name}'" for m in lacking])
        were = "was" if len(lacking) == 1 else "were"
        text = f"{names} {were} taken out on purpose."
        if compared:
            text += " The second command below checks the complete design."
    lines = _text(f"{label.value}. {text}")
    for mechanism in lacking:
        if mechanism.history:
            lines += _text(
                f"History of '{mechanism.name}': {mechanism.history}."
            )
    return lines


def _configuration(trace: Trace) -> list[str]:
    lines: list[str] = []
    for heading, text in in_words(trace.options):
        lines += wrapped(text, f"  {heading:10}  ")
    lacking = taken_out(trace.options)
    if not lacking:
        lines += wrapped("nothing", f"  {'taken out':10}  ")
    for number, mechanism in enumerate(lacking):
        heading = "" if number else "taken out"
        lines += wrapped(_mechanism(mechanism), f"  {heading:10}  ")
    return lines


def _mechanism(mechanism: Mechanism) -> str:
    return f"'{mechanism.name}': {mechanism.doc}"


def _title(trace: Trace, shortest: bool) -> str:
    steps = plural(len(trace.moves), "step")
    if trace.loop is not None:
        return f"Trace, {steps}, then for ever (* what no host can see)"
    word = "Shortest trace" if shortest else "Trace"
    return f"{word}, {steps} (* what no host can see)"


def _status(status: Status) -> list[str]:
    if status.gone:
        return wrapped(status.gone, f"  {status.host:11}  ")
    lines = []
    for number, (query, shown) in enumerate(status.queries):
        host = "" if number else status.host
        lines += wrapped(shown, f"  {host:11}  {query:13}  ")
    return lines


def _assumptions(machine: Machine, trace: Trace) -> list[str]:
    prop = next(
        (p for p in machine.properties if p.name == trace.property_name), None
    )
    assumed = [
        *ASSUMED,
        *(
            m.assumes
            for m in mechanisms_of(trace.options.design)
            if m.assumes and trace.options.has(m.name)
        ),
    ]
    if trace.options.failures.retry != 0:
        assumed.append(
            "a failed attempt may be followed by another one in the same "
            "processes (QEMU's destination, as built, ends with the first)"
        )
    if prop is not None and prop.assumes:
        assumed.append(prop.assumes)
    if prop is not None and prop.kind == "eventually":
        assumed.append(
            "hosts and management do not put off for ever what stays possible"
        )
    lines = ["Assumed:", *_bullets(assumed)]
    lines += ["", "Not modelled:", *_bullets(NOT_MODELLED)]
    return lines


def _commands(trace: Trace, reproduce: str, complete: str) -> list[str]:
    lines = [*_text("this trace:"), *command_lines(reproduce)]
    if complete:
        what = "the complete design" if trace.options.without else "to compare"
        lines += _text(f"{what}, expected to hold:")
        lines += command_lines(complete)
    return lines


def _explored(states: int, transitions: int | None) -> list[str]:
    numbers = plural(states, "state")
    if transitions is not None:
        numbers += f" and {plural(transitions, 'transition')}"
    return wrapped(
        f"Explored breadth first: {numbers}, every state stored exactly."
    )
