# SPDX-License-Identifier: GPL-2.0-or-later
"""One text, one term, every disk.

The model text is run before there is a size (``model.texts``), so it makes
one schema.  The machine of a disk of any size, and the machine that follows
one granule, are that schema read in a domain (``model.language.instance``).
What is left to show of the text is shown of the schema, a finite term:

* it is made of questions about which there is a lemma, of operators that are
  pointwise on sets, of what has no size, and of the action's own parameter;
* what the options' numbers do to it can only keep an action from happening.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import evolve

from checker.proof.lemmas.all import lemmas
from checker.proof.obligation import Outcome, Shown
from model.designs import build, schema
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Action, Instance, Machine
from model.language.projected import Projected
from model.language.projected_channel import ProjectedChannel
from model.language.schematic import SORTS, Sort, asked
from model.language.terms import check_terms, roots
from model.options import Bounds, Failures, Options
from model.scope import BELIEVED
from model.texts import run

TERM = "every disk's machine is an instance of one term"
LIMITS = "a budget or a limit only keeps actions from happening"
#: what is left to believe, once every obligation is met
TRUSTED = f"Believed, not proved: that {'; that '.join(BELIEVED)}."
#: the lemma about a question; ``{}`` is the message it is about
QUESTIONS: Mapping[str, str] = {
    "granule_member": "granule_member: c",
    "chunk_member": "chunk_member: k",
    "has_granule": "has_granule: c",
    "has_chunk": "has_chunk: k",
    "is_empty of granules": "is_empty: granules",
    "is_empty of chunks": "is_empty: chunks",
    "is_empty of contents": "<=: contents",
    "at_most of granules": "at_most: 0 granules",
    "at_most of chunks": "at_most: 0",
    "contents": "contents: k",
    "with_contents": "with_contents: k",
    "chunks_with": "chunks_with",
    "position_at": "position_at: k",
    "position_start": "position_start",
    "position_past": "position_past: k",
    "position_at_end": "position_at_end",
    "chunks_ahead": "chunks_ahead",
    "chunk_code": "chunk_code: k",
    "names_chunk": "names_chunk: k",
    "has_room": "has_room",
    "no_message": "is_empty: channel",
    "head_is": "take: {} alone",
    "holds": "holds: {}",
    "holds_chunk": "holds_chunk: k",
    "head_chunk": "take: form",
    "head_contents": "take: form",
    "put": "put: slots",
    "take": "take: form",
    "lose_all": "lose_all",
}
#: questions about a tally: see ``limits_only_forbid``
_TALLIES = frozenset({"any_left", "is_full", "one_more", "one_less"})
_MESSAGES = frozenset({"head_is", "holds"})
_ONCE = Failures(**dict.fromkeys(Failures.names(), 1))


def one_term(options: Options, view: Projected) -> Shown:
    """Show that the text makes one term, and that there are lemmas about it.

    The text is run twice more, whatever is kept of earlier runs.
    """
    term = schema(options)
    for made in run(options.variant, times=2):
        if made.digest != term.digest:
            return Shown(
                Outcome.REFUTED, 0, "run again, the text makes another term"
            )
    number, reason = why_open(term.term, known_lemmas(options, view))
    if reason:
        return Shown(Outcome.REFUTED, number, reason)
    return Shown(Outcome.PROVED, number)


def known_lemmas(options: Options, view: Projected) -> frozenset[str]:
    """Return the lemmas' names, about ``view`` and the design's channels."""
    machine = build(options, view)
    channels = [
        c
        for c in machine.channels
        if isinstance(c, ProjectedChannel) and c.any_capacity
    ]
    return frozenset(one.name for one in lemmas(view, channels))


def why_open(term: Machine, known: frozenset[str]) -> tuple[int, str]:
    """Return how many nodes there are, and one without a lemma, or ''."""
    check_terms(term)
    kinds = {
        channel.name: {m.name: str(m.value) for m in channel.kinds.members}
        for channel in term.channels
    }
    seen: set[Expression] = set()
    for place, _, root in roots(term):
        for node in ex.walk([root]):
            if node in seen:
                continue
            seen.add(node)
            if node.operator == "ask" and not _has_lemma(node, kinds, known):
                return len(seen), f"{place}: no lemma is about '{node.name}'"
    return len(seen), ""


def _has_lemma(
    node: Expression,
    kinds: Mapping[str, Mapping[str, str]],
    known: frozenset[str],
) -> bool:
    name, of = asked(node)
    if name in (*_TALLIES, "emptied"):
        return True
    sort = SORTS.get(node.operands[0].width) if node.operands else None
    if name in ("is_empty", "at_most") and isinstance(sort, Sort):
        name += f" of {sort.name.lower()}"
    if name in _MESSAGES:
        of = kinds[node.operands[0].name][of]
    return QUESTIONS.get(name, "").format(of) in known


# -- limits ------------------------------------------------------------------


def limits_only_forbid(options: Options) -> Shown:
    """Show that with smaller numbers a machine does a part of what it does.

    The schema asks tallies in guards alone, never the other way round
    (``terms``); the rest is how ``instance`` reads it, so it is looked at
    once, on one disk: each failure once and a few writes, against all of it
    without end.
    """
    check_terms(schema(options).term)
    bounds = Bounds(chunks=2, granules=1, channel=2)
    most = build(evolve(options, bounds=bounds))
    number = 0
    for less in _held_back(options, bounds):
        machine = build(less)
        number += len(machine.instances)
        reason = why_more(machine, most)
        if reason:
            return Shown(Outcome.REFUTED, number, reason)
    return Shown(Outcome.PROVED, number)


def _held_back(options: Options, bounds: Bounds) -> Iterator[Options]:
    once = evolve(options, bounds=evolve(bounds, writes=2), failures=_ONCE)
    yield once
    yield evolve(once, failures=Failures())


def why_more(less: Machine, most: Machine) -> str:
    """Return what ``less`` does that ``most`` does not, or ''."""
    tallies = {f.name for f in less.fields} - {f.name for f in most.fields}
    actions = {a.name: a for a in most.actions}
    for action in less.actions:
        known = actions.get(action.name)
        if known is None:
            return f"action {action.name} is new"
        if not all(_is_part(one, known, tallies) for one in action.instances):
            return f"action {action.name} does something else"
    asked_of = {p.name: p for p in most.properties}
    for prop in less.properties:
        known_one = asked_of.get(prop.name)
        if known_one is None or known_one.violated is not prop.violated:
            return f"property {prop.name} says something else"
    return ""


def _is_part(one: Instance, known: Action, tallies: set[str]) -> bool:
    """Return whether an instance of ``known`` does the same or more."""
    asks = {c.expression for c in one.guard}
    does = {n: value for n, value in one.effect if n not in tallies}
    return any(
        other.arguments == one.arguments
        and dict(other.effect) == does
        and {c.expression for c in other.guard} - {ex.TRUE} <= asks
        for other in known.instances
    )
