# SPDX-License-Identifier: GPL-2.0-or-later
"""Which name was meant by one that there is not."""

from __future__ import annotations

from collections.abc import Iterable

MOST_NAMED = 3
#: how much alike, from 0 to 1, a name has to be to be named
ALIKE = 0.6
#: and how much less alike than the most alike it may be
NEARLY = 0.05


def meant(word: str, known: Iterable[str]) -> str:
    """A clause that asks: "; did you mean 'live'?"; '' if none is alike."""
    from difflib import SequenceMatcher

    asked = SequenceMatcher(b=word.lower())
    found: list[tuple[float, str]] = []
    for name in dict.fromkeys(known):
        asked.set_seq1(name.lower())
        if asked.ratio() >= ALIKE:
            found.append((asked.ratio(), name))
    best = max((alike for alike, _ in found), default=0.0)
    near = [name for alike, name in found if alike >= best - NEARLY]
    if not near:
        return ""
    names = " or ".join(f"'{name}'" for name in near[:MOST_NAMED])
    return f"; did you mean {names}?"
