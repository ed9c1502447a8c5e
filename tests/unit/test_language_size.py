# SPDX-License-Identifier: GPL-2.0-or-later
"""Are sizes and ranks what the text says, and do they decide nothing?"""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from model.designs import schema
from model.language import ModelError, size_of
from model.language.schema import as_text, digest
from model.language.schema_reading import from_text
from model.options import Options

TERM = schema(Options(design="live")).term


def test_a_schema_keeps_its_ranks() -> None:
    again = from_text(as_text(TERM))
    assert [
        (r.name, [w for w, _ in r.parts], r.at_least) for r in again.ranks
    ] == [(r.name, [w for w, _ in r.parts], r.at_least) for r in TERM.ranks]
    for one, other in zip(again.ranks, TERM.ranks, strict=True):
        assert all(
            a is b
            for (_, a), (_, b) in zip(one.parts, other.parts, strict=True)
        )


def test_a_rank_decides_nothing() -> None:
    assert digest(evolve(TERM, ranks=())) == digest(TERM)


def test_a_size_is_of_something() -> None:
    nothing: Any = 3
    with pytest.raises(ModelError, match="has no size"):
        size_of(nothing)
