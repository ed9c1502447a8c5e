# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a question that reads alike about the same thing on the disk?

The lemmas give each operation of the domain its own true answer.  An action
asks several, and one unknown stands for all questions that read alike.  That
is right as long as they mean the same on a disk of known size.  It depends on
the model text, so it is asked of every configuration: the text is built twice
and the operations are compared one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from checker.input.configuration import load, shipped
from checker.proof.obligation import Outcome
from checker.proof.prove import without_end
from checker.proof.questions import (
    OPERATIONS,
    confused,
    noted,
    questions_alike,
)
from model.designs import build
from model.language import (
    Disk,
    Domain,
    MachineBuilder,
    ModelError,
    Projected,
)
from model.language import expression as ex
from model.language.expression import Expression
from model.language.projected import NEIGHBOUR
from model.language.sets import GranuleSet, single
from model.language.types import GranuleSetType
from model.lookup import mechanisms_of
from model.options import Options
from tests.designs import each_design

#: where a message carries chunks and nothing else
ONE = ("one", "appears")


@pytest.mark.parametrize("name", sorted(shipped()))
def test_questions_that_read_alike_are_alike(name: str) -> None:
    options = without_end(load(name).options)
    if options.bitmaps in ONE:
        assert confused(lambda domain: build(options, domain)) == {}
        return
    with pytest.raises(ModelError, match="one granule does not see of which"):
        build(options, Projected())


@pytest.mark.parametrize("design", each_design())
def test_they_are_alike_without_each_mechanism(design: str) -> None:
    for mechanism in mechanisms_of(design):
        lacks = frozenset({mechanism.name})
        options = without_end(Options(design=design, without=lacks))
        assert questions_alike(options).outcome is Outcome.PROVED


def test_two_sets_that_look_alike_at_c_would_be_found() -> None:
    def text(domain: Domain) -> Sequence[Expression]:
        disk = Disk("disk", domain)
        neighbour = domain.granules[NEIGHBOUR.index]
        nothing = ex.constant(0, domain.set_width)
        none = GranuleSet(GranuleSetType(disk), nothing, "none")
        alone = single(disk, neighbour)
        return [none.is_empty().expression, alone.is_empty().expression]

    (found,) = confused(text).values()
    assert len(found) == 2


def test_every_operation_is_noted() -> None:
    view, log = noted(Projected())
    disk = Disk("disk", view)
    MachineBuilder("m").granules("a", disk).contains(NEIGHBOUR)
    assert [a.operation for a in log] == ["has_granule"]
    assert len(OPERATIONS) == 16
