# SPDX-License-Identifier: GPL-2.0-or-later
"""What taking out several mechanisms does, as text and as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from checker.answer.mechanism_sets import Pairs, Set
from checker.answer.removed_together import EVERYTHING, Sets
from checker.checking.kept import what_breaks
from checker.cli import page
from checker.text import joined, plural

#: so many sets for one guarantee are printed; all are in the data
MOST_SHOWN = 3
MOST_LINES = 8


def show(sets: Sets, where: str) -> None:
    """Print it, what surprises first.  ``where``: the size, in words."""
    if sets.pairs:
        _healing(sets)
        _exchanged(sets)
        _covering(sets)
    if sets.together:
        _together(sets)
        _enough(sets)
    _searched(sets, where)


def _ordered(sets: Sets, chosen: Iterable[str]) -> list[str]:
    """The mechanisms in the order of the table."""
    inside = set(chosen)
    return [name for name in sets.names if name in inside]


def _item(text: str) -> None:
    page.paragraph(text, indent="    ", first="  ")


def _listed(heading: str, lines: Sequence[str]) -> None:
    if lines:
        page.line()
        page.line(heading)
    for line in lines[:MOST_LINES]:
        _item(line)
    if len(lines) > MOST_LINES:
        page.line(f"  and {len(lines) - MOST_LINES} more")


def _guarantees(sets: Sets) -> list[str]:
    return [p for p in sets.promises if p != EVERYTHING]


def _healing(sets: Sets) -> None:
    """Pairs without which nothing breaks, though it does without one."""
    pairs = sets.pairs[EVERYTHING].healing
    page.line()
    if not pairs:
        page.paragraph(
            "No two mechanisms heal each other: where one is missed, "
            "something also breaks without it and any second one."
        )
        return
    page.line("Pairs that heal each other: without both, nothing breaks.")
    for pair in pairs:
        names = _ordered(sets, pair)
        alone = [
            f"without {name} alone {what_breaks(broken)}"
            for name in names
            if (broken := sets.broken[frozenset({name})])
        ]
        _item(f"{' and '.join(names)}: {'; '.join(alone)}.")


def _exchanged(sets: Sets) -> None:
    """Who heals one guarantee at the price of another."""
    lines = []
    for promise in _guarantees(sets):
        for healer, healed in _healers(sets, sets.pairs[promise]).items():
            price = {
                broken
                for name in healed
                for broken in sets.broken[frozenset({healer, name})]
            }
            lines.append(
                f"{promise} breaks without {_either(healed)}; without "
                f"{healer} as well it is kept, but {what_breaks(price)}."
            )
    _listed("One guarantee healed at the price of another:", lines)


def _healers(sets: Sets, pairs: Pairs) -> dict[str, list[str]]:
    """What each mechanism heals by its absence, at a price."""
    found: dict[str, list[str]] = {}
    for pair in pairs.healing:
        if pair in sets.pairs[EVERYTHING].healing:
            continue
        one, other = _ordered(sets, pair)
        # where neither may go alone, each heals the other
        healer = one if one in pairs.alone else other
        found.setdefault(healer, []).append(other if healer == one else one)
    return found


def _either(names: Sequence[str]) -> str:
    return joined(names).replace(" and ", " or ")


def _covering(sets: Sets) -> None:
    """Pairs of which either may go, but not both."""
    lines = []
    for promise in _guarantees(sets):
        lines += [
            f"{promise}: {' or '.join(_ordered(sets, pair))}"
            for pair in sets.pairs[promise].covering
        ]
    _listed("Pairs that cover for each other: one of them is enough.", lines)


def _together(sets: Sets) -> None:
    chosen = sets.together[EVERYTHING].sets
    page.line()
    if not any(chosen):
        page.line(
            "None is redundant: something breaks without any set of them."
        )
        return
    page.line("Redundant together; with one or two more something breaks:")
    for chosen_set in chosen:
        names = _ordered(sets, chosen_set)
        _item(f"{', '.join(names)} ({len(names)} of {len(sets.names)})")


def _enough(sets: Sets) -> None:
    page.line()
    page.line("Enough for one guarantee, all others taken out; not one fewer:")
    for promise in _guarantees(sets):
        enough = enough_for(sets, promise)
        for number, names in enumerate(enough[:MOST_SHOWN]):
            heading = "or" if number else promise
            text = ", ".join(names) or "nothing"
            page.paragraph(text, indent=" " * 6, first=f"  {heading:4}")
        more = len(enough) - MOST_SHOWN
        if more > 0:
            page.line(f"      or {plural(more, 'other set')}")


def enough_for(sets: Sets, promise: str) -> list[list[str]]:
    """What is enough to keep one promise, the fewest first."""
    return [
        _ordered(sets, set(sets.names) - chosen)
        for chosen in sets.together[promise].sets
    ]


def _searched(sets: Sets, where: str) -> None:
    """What was looked at, and so what may be concluded."""
    page.line()
    if sets.stopped:
        page.paragraph(f"INCONCLUSIVE ({sets.stopped}): {_left_out(sets)}.")
    if not sets.together:
        return
    few = len(sets.broken)
    page.paragraph(
        f"Searched at {where}: all {few} sets of one or two mechanisms; "
        f"larger sets, {sets.variants - few}, grown from these as far as "
        "they go. Each was explored. There may be others. Larger disks were "
        "not explored."
    )
    if not all(t.all_grown for t in sets.together.values()):
        page.paragraph("There were too many sets to grow them all.")
    if not all(t.pairs for t in sets.together.values()):
        page.paragraph("To some sets it was not tried to add two more.")


def _left_out(sets: Sets) -> str:
    if sets.together:
        return "a set that was not decided counts as broken"
    if sets.pairs:
        return "all pairs are above, larger sets are not"
    return "neither pairs nor larger sets were all asked"


# -- data --------------------------------------------------------------------


def to_json(sets: Sets) -> dict[str, Any]:
    """Everything that was found out, as plain data."""
    return {
        "promises": {
            promise: _promise_json(sets, promise) for promise in sets.promises
        },
        "without_two": {
            " ".join(_ordered(sets, pair)): sorted(broken)
            for pair, broken in sets.broken.items()
            if len(pair) > 1
        },
        "variants": sets.variants,
        "stopped": sets.stopped or None,
    }


def _promise_json(sets: Sets, promise: str) -> dict[str, Any]:
    pairs = sets.pairs.get(promise)
    grown = sets.together.get(promise)
    return {
        "healing": _lists(sets, pairs.healing) if pairs else None,
        "covering": _lists(sets, pairs.covering) if pairs else None,
        "may_go_together": _lists(sets, grown.sets) if grown else None,
        "enough": enough_for(sets, promise) if grown else None,
        "pairs_more_tried": grown.pairs if grown else None,
        "all_grown": grown.all_grown if grown else None,
    }


def _lists(sets: Sets, chosen: Iterable[Set]) -> list[list[str]]:
    return [_ordered(sets, names) for names in chosen]
