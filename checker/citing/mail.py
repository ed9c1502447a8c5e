# SPDX-License-Identifier: GPL-2.0-or-later
"""A counterexample as a block of text to paste into a mail.

Self-contained and at most 72 columns wide, so that it survives quoting.  All
of it is made from the data: the trace, the model's own texts, the numbers of
the search.  DOMAIN.md, section 9, says what reviewers expect.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

from checker.citing.consequence import consequence
from checker.citing.short_steps import short_steps
from checker.citing.status import Status, status_at_end
from checker.citing.wording import (
    BITMAPS_IN_WORDS,
    BUSY_IN_WORDS,
    in_words,
    taken_out,
)
from checker.engines.exploration import TYPE_INVARIANT
from checker.engines.verdict import DEADLOCK
from checker.input.errors import NothingToShowError
from checker.text import (
    UNBROKEN,
    command_lines,
    joined,
    place,
    plural,
    text_of,
    wrapped,
)
from checker.traces.claim import Claim, claim_of, first_met
from checker.traces.fairness import in_words as loop_in_words
from checker.traces.fairness import loop_of
from checker.traces.trace import Trace
from model.guarantees import GUARANTEES
from model.language.machine import Machine
from model.lookup import mechanisms_of
from model.mechanism import (
    AS_BUILT,
    Mechanism,
)

_INDENT = 2
ASSUMED = (
    "a write is two steps, the data and its bit",
    "messages arrive in order and unchanged, or not at all; of a break each "
    "host learns in its own time, and until then it reads what has come",
    "a client starts a backup whenever a query shows the bitmap there and "
    "not busy, on the host where the VM runs; on the source it is a job that "
    "takes its time and may fail, on the destination it is one step",
    "management knows what QMP shows it and what it has done itself",
)
_FALSE = "After the last step this is false."
_AGAIN = (
    "a further attempt goes to a new destination process; the source's is "
    "the same"
)
_PUT_OFF = "hosts and management do not put off for ever what stays possible"
NOT_MODELLED = (
    "more than two bitmaps; one that is disabled or enabled on the way; "
    "resize",
    "persistence in the image file; separate storage; snapshots",
    "RAM, and with it postcopy's pause and recovery; migrating back; the end "
    "of a whole host",
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
    alternative: str = "",
    states: int | None = None,
    transitions: int | None = None,
    file: tuple[str, str] | None = None,
    attached: str = "",
) -> str:
    """The block of text; NothingToShowError if nothing is violated.

    ``reproduce``: the command that shows this trace; ``complete``: the one
    that checks the complete design, '' where that is what fails.  ``label``:
    if not given, a defect of the variant where mechanisms were taken out,
    else not judged.  ``alternative``: what could be taken out as well so
    that the promise holds again, as a sentence.  ``states`` and
    ``transitions``: what the search that found the trace explored; with
    them, the trace counts as a shortest one.
    ``file``: name and content of a configuration that the reader has not.
    ``attached``: the name of a trace file that must go with the mail.
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
    lines += _label(trace, label, bool(complete))
    lines += [*(_text(alternative) if alternative else []), ""]
    lines += _section("Configuration")
    lines += [*_configuration(trace), ""]
    lines += _section(_title(trace, shortest=found))
    lines += [*short_steps(machine, trace), ""]
    loop = loop_of(machine, trace)
    if loop is not None:
        lines += [*_section(loop.place), *loop_in_words(loop), ""]
    lines += _section("QMP after the last step (count in granules)")
    for status in status_at_end(machine, trace):
        lines += _status(status)
    lines.append("")
    lines += [*_assumptions(machine, trace), ""]
    lines += _section("Reproduce")
    if file is not None:
        lines += _text(f"with {file[0]}:")
        lines += [f"    {line}" for line in file[1].splitlines()]
    lines += _commands(trace, reproduce, complete, attached)
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
        return wrapped(f"Broken: {name}: {prop.doc} {_FALSE}")
    lines = wrapped(f"Broken: {promise} ({prop.guarantee}).")
    end = "This is put off for ever." if prop.kind == "eventually" else _FALSE
    return [*lines, "", *wrapped(f"{name}: {prop.doc} {end}")]


def _head(machine: Machine, trace: Trace) -> list[str]:
    lines = [f"dbmcheck counterexample {trace.id}", *wrapped(machine.name)]
    return [*lines, "=" * max(len(line) for line in lines)]


def _label(trace: Trace, label: Label | None, compared: bool) -> list[str]:
    lacking = taken_out(trace.options)
    busy = trace.options.busy_bitmap
    chosen = "" if busy == "wait" else BUSY_IN_WORDS[busy]
    if label is None:
        label = Label.VARIANT if lacking or chosen else Label.UNJUDGED
    text = _KINDS[label]
    if label is Label.VARIANT:
        text = _on_purpose(trace, lacking) if lacking else ""
        if chosen:
            text += f" At setup it was chosen that {chosen}."
        if lacking and compared:
            text += " The second command below checks the complete design."
        text = text.strip()
    lines = _text(f"{label.value}. {text}")
    for mechanism in lacking:
        if mechanism.history:
            lines += _text(
                f"History of '{mechanism.name}': {mechanism.history}."
            )
    return lines


def _on_purpose(trace: Trace, lacking: Sequence[Mechanism]) -> str:
    names = joined([f"'{m.name}'" for m in lacking])
    were = "was" if len(lacking) == 1 else "were"
    return f"{names} {were} taken out on purpose{_as_built(trace)}."


def _as_built(trace: Trace) -> str:
    """Whether the variant is the design as somebody has really made it."""
    label, lacks = AS_BUILT.get(trace.options.design, ("", frozenset()))
    if trace.options.without != lacks or not lacks:
        return ""
    return f": this is the design {label}"


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
        text = shown.replace("count ", f"count{UNBROKEN}")
        lines += wrapped(text, f"  {host:11}  {query:13}  ")
    return lines


def _assumptions(machine: Machine, trace: Trace) -> list[str]:
    prop = next(
        (p for p in machine.properties if p.name == trace.property_name), None
    )
    assumed = [
        BITMAPS_IN_WORDS[trace.options.bitmaps],
        *ASSUMED,
        *(
            m.assumes
            for m in mechanisms_of(trace.options.design)
            if m.assumes and trace.options.has(m.name)
        ),
    ]
    if trace.options.failures.retry != 0:
        assumed.append(_AGAIN)
    if prop is not None and prop.assumes:
        assumed.append(prop.assumes)
    if prop is not None and prop.kind == "eventually":
        assumed.append(_PUT_OFF)
    lines = ["Assumed:", *_bullets(assumed)]
    lines += ["", "Not modelled:", *_bullets(NOT_MODELLED)]
    return lines


def _commands(
    trace: Trace, reproduce: str, complete: str, attached: str
) -> list[str]:
    what = "this trace"
    if attached:
        what += f", which is in the file {attached} (attach it to the mail)"
    lines = [*_text(f"{what}:"), *command_lines(reproduce)]
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
