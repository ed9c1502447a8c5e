# SPDX-License-Identifier: GPL-2.0-or-later
"""Do the lemmas hold, and does each fail for what it is there to find?

A lemma whose premise nothing satisfies proves nothing, and one that speaks of
something else than the disk's own domain proves nothing of disks: both are
asked here as well.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
import z3

from checker.proof.lemmas import sets as lemma_sets
from checker.proof.lemmas.all import Checked, check_lemma, lemmas, prove_lemmas
from checker.proof.lemmas.channel import channel_lemmas
from checker.proof.lemmas.runs import run_lemmas
from checker.proof.lemmas.terms import Lemma
from checker.proof.obligation import Outcome
from model.language import (
    ContentsType,
    Disk,
    MachineBuilder,
    ModelError,
    NameType,
    Projected,
)
from model.language import expression as ex
from model.language.projected_channel import ProjectedChannel
from model.language.sets import ChunkSet, Contents, GranuleSet
from tests.proof.broken_domains import BROKEN_CHANNELS, BROKEN_DOMAINS, like

ALL = lemmas()


def refuted(asked: Iterable[Lemma]) -> set[str]:
    """Names of the lemmas that are wrong; none may stay open."""
    found = [check_lemma(lemma) for lemma in asked]
    assert Outcome.OPEN not in {c.outcome for c in found}
    return {c.name for c in found if c.outcome is Outcome.REFUTED}


def operations(names: Iterable[str]) -> set[str]:
    return {name.split(":")[0] for name in names}


@cache
def missed(kind: type[ProjectedChannel]) -> set[str]:
    """The lemmas that are wrong of this kind of channel."""
    return refuted(about(like(kind)))


def about(channel: ProjectedChannel) -> list[Lemma]:
    return [*channel_lemmas(channel), *run_lemmas(channel)]


def test_every_lemma_is_proved() -> None:
    told: list[Checked] = []
    obligation = prove_lemmas(Projected(), report=told.append)
    assert obligation.proved, obligation.detail
    assert obligation.detail == ""
    assert obligation.queries == len(told) == len(ALL)
    assert {c.outcome for c in told} == {Outcome.PROVED}
    assert [c.name for c in told] == [lemma.name for lemma in ALL]
    assert all(c.text.endswith(".") and c.seconds >= 0 for c in told)


def test_the_first_lemma_that_is_wrong_is_named() -> None:
    domain, names = BROKEN_DOMAINS[0]
    obligation = prove_lemmas(domain, channels=[])
    assert obligation.outcome is Outcome.REFUTED
    assert operations([obligation.detail]) == names


def test_no_two_lemmas_have_one_name() -> None:
    assert len({lemma.name for lemma in ALL}) == len(ALL)


@pytest.mark.parametrize("lemma", ALL, ids=lambda lemma: lemma.name)
def test_something_satisfies_the_premise(lemma: Lemma) -> None:
    solver = z3.SimpleSolver()
    solver.add(lemma.premise)
    assert solver.check() == z3.sat


@pytest.mark.parametrize(
    ("domain", "names"),
    BROKEN_DOMAINS,
    ids=[f"{type(d).__name__}-{n}" for n, (d, _) in enumerate(BROKEN_DOMAINS)],
)
def test_a_wrong_domain_is_found(domain: Projected, names: set[str]) -> None:
    assert operations(refuted(lemmas(domain, channels=[]))) == names


def test_every_operation_of_the_domain_has_a_wrong_twin() -> None:
    caught = set().union(*(names for _, names in BROKEN_DOMAINS))
    operators = {"|", "&", "-", "only_if", "choose", "empty"}
    whole = {"every_granule", "every_chunk", "index"}
    known = operations(lemma.name for lemma in lemmas(channels=[]))
    assert known == caught | operators | whole


@pytest.mark.parametrize(
    ("kind", "names"),
    BROKEN_CHANNELS,
    ids=[kind.__name__ for kind, _ in BROKEN_CHANNELS],
)
def test_a_wrong_channel_is_found(
    kind: type[ProjectedChannel], names: set[str]
) -> None:
    assert names <= missed(kind)


def test_every_lemma_of_the_channel_has_a_wrong_twin() -> None:
    caught: set[str] = set()
    for kind, _ in BROKEN_CHANNELS:
        caught |= missed(kind)
    known = {lemma.name for lemma in about(like(ProjectedChannel))}
    assert operations(known) == operations(caught)


@pytest.mark.parametrize("kind", ["__or__", "__and__", "__sub__", "only_if"])
def test_a_wrong_operator_is_found(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"__or__": "|", "__and__": "&", "__sub__": "-"}.get(kind, kind)
    for class_ in (GranuleSet, ChunkSet, Contents):
        monkeypatch.setattr(class_, kind, lambda self, _: self)
    wrong = operations(refuted(lemmas(channels=[])))
    # what lies within another is what is left of it
    assert wrong == ({name, "<="} if name == "-" else {name})


def test_a_wrong_choice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def then(_: Any, value: Any, __: Any) -> Any:
        return value

    monkeypatch.setattr(lemma_sets, "choose", then)
    assert operations(refuted(lemmas(channels=[]))) == {"choose"}


@pytest.mark.parametrize("name", ["every_granule", "every_chunk"])
def test_a_wrong_set_of_all_is_found(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = getattr(lemma_sets, name)

    def nothing(disk: Disk) -> Any:
        found = right(disk)
        return found._with(ex.FALSE, found.text)

    monkeypatch.setattr(lemma_sets, name, nothing)
    assert operations(refuted(lemmas(channels=[]))) == {name}


def test_a_bounded_channel_needs_no_lemma() -> None:
    assert len(lemmas(Projected(any_channel=False))) == len(
        lemmas(channels=[])
    )


def test_two_kinds_that_name_a_chunk_are_refused() -> None:
    """A run is of one kind: which one it was would be forgotten."""

    class Two(enum.Enum):
        BITS = "BITS"
        MORE = "MORE"
        END = "END"

    disk = Disk("disk", Projected())
    parts = {"chunk": NameType(disk), "contents": ContentsType(disk)}
    messages = {Two.BITS: parts, Two.MORE: parts, Two.END: {}}
    with pytest.raises(ModelError, match="messages BITS and MORE name a"):
        MachineBuilder("two").channel("wire", 1, messages)
