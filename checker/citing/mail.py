# SPDX-License-Identifier: GPL-2.0-or-later
"""A counterexample as a block of text to paste into a mail.

Self-contained and at most 72 columns wide, so that it survives quoting.  All
of it is made from the data: the trace, the model's own texts, the numbers of
the search.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

from checker.citing.consequence import consequence
from checker.citing.glossary import glossary
from checker.citing.provenance import provenance
from checker.citing.short_steps import short_steps
from checker.citing.status import Status, status_at_end
from checker.citing.wording import (
    BITMAPS_IN_WORDS,
    BUSY_IN_WORDS,
    history,
    in_words,
    taken_out,
)
from checker.engines.exploration import TYPE_INVARIANT
from checker.engines.verdict import DEADLOCK
from checker.input.errors import NothingToShowError
from checker.text import (
    UNBROKEN,
    bullets,
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
from model.design import AS_BUILT
from model.guarantees import GUARANTEES
from model.language.machine import Machine
from model.lookup import mechanisms_of
from model.mechanism import Mechanism
from model.scope import ASSUMED, NOT_MODELLED

_INDENT = 2
_FALSE = "After the last step this is false."
_AGAIN = (
    "a further attempt goes to a new destination process; the source's is "
    "the same"
)
#: an environment of its own, for a reader who wants to reproduce
ACTIVATE = "python3 -m venv .venv && . .venv/bin/activate"
_PUT_OFF = (
    "hosts and management sooner or later take a step that stays possible"
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
        "The design is complete as modelled and cannot give this guarantee."
    ),
    Label.TOO_STRONG: (
        "The run is acceptable; the guarantee should be a weaker one."
    ),
    Label.UNJUDGED: (
        "The design is complete as modelled. It is a defect of the design, a "
        "limit of it, or a guarantee that asks too much: a person has to "
        "judge."
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
    head = [*_head(machine, trace), "", *_broken(machine, trace), ""]
    head += _section("Effect on a backup")
    head += [*_text(consequence(machine, trace)), ""]
    lines = _section("Kind of finding")
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
    terms = glossary("\n".join([*head, *lines]))
    head += [*wrapped(terms), ""] if terms else []
    lines.append("")
    lines += [*_assumptions(machine, trace), ""]
    lines += _section("Reproduce, in a minute")
    lines += _installation()
    if file is not None:
        lines += _text(f"with {file[0]}:")
        lines += [f"    {line}" for line in file[1].splitlines()]
    lines += _commands(trace, reproduce, complete, attached)
    if states is not None:
        lines += ["", *_explored(states, transitions)]
    return text_of([*head, *lines])


def _section(title: str) -> list[str]:
    return [f"{title}:"]


def _text(text: str, indent: int = _INDENT) -> list[str]:
    return wrapped(text, " " * indent)


def _broken(machine: Machine, trace: Trace) -> list[str]:
    name = trace.property_name
    if name == TYPE_INVARIANT:
        return wrapped("Broken: the model's own type invariant.")
    if name == DEADLOCK:
        return wrapped(
            f"Broken: {GUARANTEES['L1'].long} (L1, {DEADLOCK}). After the "
            "last step nothing can happen any more, and a run may not end "
            "there."
        )
    prop = machine.property(name)
    guarantee = GUARANTEES.get(prop.guarantee)
    if guarantee is None:
        return wrapped(f"Broken: {name}: {prop.doc} {_FALSE}")
    lines = wrapped(f"Broken: {guarantee.long} ({guarantee.name}).")
    end = "This never comes." if prop.kind == "eventually" else _FALSE
    return [*lines, "", *wrapped(f"{name}: {prop.doc} {end}")]


def _head(machine: Machine, trace: Trace) -> list[str]:
    lines = [f"dbmcheck counterexample {trace.id}", *wrapped(machine.name)]
    lines.append("=" * max(len(line) for line in lines))
    return [*lines, *made_by()]


def made_by() -> list[str]:
    """Return the lines with version, commit and address."""
    return wrapped(f"Made by {provenance()}", whole=True)


def _installation() -> list[str]:
    """How the reader gets what made the mail."""
    here, where = provenance(), "in a checkout of dbmcheck, once:"
    commands = [ACTIVATE, "pip install ."]
    if here.address:
        where = "once:"
        commands.insert(0, f"git clone {here.address} dbmcheck")
        commands.insert(1, "cd dbmcheck")
        if here.commit and not here.changed:
            commands.insert(2, f"git checkout {here.commit}")
    return [*_text(where), *(f"    $ {command}" for command in commands)]


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
            text += " The last command below checks the complete design."
        text = text.strip()
    lines = _text(f"{label.value}. {text}")
    for mechanism in lacking:
        if mechanism.history:
            lines += _text(
                f"History of '{mechanism.name}': {history(mechanism)}."
            )
    return lines


def _on_purpose(trace: Trace, lacking: Sequence[Mechanism]) -> str:
    names = joined([f"'{m.name}'" for m in lacking])
    were = "was" if len(lacking) == 1 else "were"
    return f"{names} {were} taken out on purpose{_as_built(trace)}."


def _as_built(trace: Trace) -> str:
    """Say so if the variant is the design as it was posted or built."""
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
        return f"Trace, {steps}, then for ever (* no host can see it)"
    word = "Shortest trace" if shortest else "Trace"
    return f"{word}, {steps} (* no host can see it)"


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
    lines = ["Assumed:", *bullets(assumed), ""]
    return [*lines, *wrapped(f"Not modelled: {'; '.join(NOT_MODELLED)}.")]


def _commands(
    trace: Trace, reproduce: str, complete: str, attached: str
) -> list[str]:
    what = "this trace"
    if attached:
        what += f", from the file {attached} (attach it to the mail)"
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
