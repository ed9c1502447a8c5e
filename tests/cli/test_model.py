# SPDX-License-Identifier: GPL-2.0-or-later
"""Does ``dbmcheck model`` print what is checked, and does it fit a page?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import evolve

from checker.citing import design_text
from model.design import DESIGNS, SEVERAL
from model.designs import build, schema
from model.lookup import mechanisms_of
from model.options import BITMAPS, BUSY_POLICIES, Options
from tests.command import Result, too_wide

Command = Callable[..., Result]
each_design = pytest.mark.parametrize("design", DESIGNS)


@each_design
@pytest.mark.parametrize("part", ["", "--properties", "--fields", "--words"])
def test_a_page(dbmcheck: Command, design: str, part: str) -> None:
    result = dbmcheck("model", design, *([part] if part else []))
    assert result.code == 0 and not too_wide(result.out)
    assert result.out.count("\n") <= 200


@each_design
def test_every_action_is_there_conjunct_by_conjunct(design: str) -> None:
    term = schema(Options(design=design)).term
    shown = design_text.actions(term)
    assert {a.name.split("(")[0] for a in shown} == {
        a.name for a in term.actions
    }
    for text in shown:
        instance = next(
            i
            for i in term.action(text.name.split("(")[0]).instances
            if all(
                f"{k}={v}" in text.name or v[0] == "<" for k, v in i.arguments
            )
        )
        assert len(text.when) == len(instance.guard)
        assert text.then, text.name
        assert "<" not in "".join((*text.when, *text.then, text.name))


@each_design
def test_every_field_and_property_says_what_it_means(design: str) -> None:
    term = schema(Options(design=design)).term
    assert all(one.what for one in design_text.fields(term))
    assert all(p.what and p.then for p in design_text.properties(term))


def variants() -> Iterator[Options]:
    for design in DESIGNS:
        plain = Options(design=design)
        for mechanism in mechanisms_of(design):
            yield evolve(plain, without=frozenset({mechanism.name}))
        for bitmaps in BITMAPS if design in SEVERAL else ("one",):
            for policy in BUSY_POLICIES:
                yield evolve(plain, bitmaps=bitmaps, busy_bitmap=policy)


def test_a_name_stands_for_one_thing() -> None:
    for options in variants():
        most = 1 if options.bitmaps in ("one", "appears") else 2
        for name, means in design_text.words(schema(options).term).items():
            assert len(means) <= most, (name, options)


def test_what_is_printed_tells_designs_apart() -> None:
    """If the machine of one granule is another, so is the text."""
    for options in variants():
        complete = evolve(
            options, without=frozenset(), bitmaps="one", busy_bitmap="wait"
        )
        if build(options).digest != build(complete).digest:
            assert everything(options) != everything(complete), options


def everything(options: Options) -> list[Any]:
    term = schema(options).term
    return [
        design_text.actions(term),
        design_text.properties(term),
        design_text.fields(term),
        design_text.words(term),
    ]


@each_design
def test_what_a_mechanism_is_shows_as_a_difference(
    dbmcheck: Command, design: str
) -> None:
    for mechanism in mechanisms_of(design):
        result = dbmcheck(
            "model", design, "--diff", "--without", mechanism.name
        )
        lines = result.out.splitlines()
        changed = [
            line
            for line in lines
            if line[:1] in "+-" and line[:3] not in ("+++", "---")
        ]
        options = Options(design=design, without=frozenset({mechanism.name}))
        same = schema(options).digest == schema(Options(design=design)).digest
        assert bool(changed) != same


def test_only_one_actor(dbmcheck: Command) -> None:
    whole = dbmcheck("model", "postcopy", "--actor", "management").out
    assert "fence_destination [management, fair" in whole
    assert "[source" not in whole and "[client" not in whole


def test_a_configuration_has_a_design(dbmcheck: Command) -> None:
    found = dbmcheck("model", "postcopy-two-nodes", "--fields").out
    assert "source.second.bits: " in found


def test_as_data(dbmcheck: Command) -> None:
    out = dbmcheck("model", "live", "--format", "json").out
    data = json.loads(out)
    assert data["design"] == "live" and len(data["model"]) == 64
    (sends,) = [
        a for a in data["actions"] if a["name"] == "send_bitmap_bits(chunk)"
    ]
    assert "stream + BITS(chunk, source.contents)" in sends["then"]
    assert sends["qemu"] == "send_bitmap_bits()"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["postcopie"], 151, "no such file"),
        (["postcopy", "--actor", "qemu"], 2, "--actor: 'qemu'"),
        (["postcopy", "--without", "magic"], 151, "no mechanism 'magic'"),
    ],
)
def test_what_is_wrong_is_told(
    dbmcheck: Command, arguments: list[str], code: int, said: str
) -> None:
    result = dbmcheck("model", *arguments)
    assert result.code == code and not result.out
    assert said in result.err and result.err.count("\n") == 1
