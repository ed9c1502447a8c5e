# SPDX-License-Identifier: GPL-2.0-or-later
"""Does a class say what a table may hold, and is all else one line?"""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

import pytest
from attrs import field, frozen

from checker.input.errors import BadFileError
from checker.input.strict import (
    JSON,
    KEY,
    TOML,
    Reader,
    one_of,
    only,
    shown,
    string,
    structured,
    whole,
)
from model.language.errors import ModelError


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


def halves(text: Any) -> tuple[str, ...]:
    parts = tuple(string(text).split("-"))
    if len(parts) != 2:
        raise ValueError(f"{text!r} has no two halves")
    return parts


@frozen
class Wheel:
    spokes: int
    size: Annotated[int, whole(1, 9)] = 1

    def __attrs_post_init__(self) -> None:
        if self.spokes > 99:
            raise ModelError(f"{self.spokes} spokes are too many")


@frozen(kw_only=True)
class Cart:
    name: str
    made_in: str = field(metadata={KEY: "made-in"}, default="")
    colour: Colour = Colour.RED
    sort: Literal["hand", "horse"] = "hand"
    load: float = 0.0
    sold: bool = False
    owner: Annotated[str, one_of(("ann", "bob"))] | None = None
    even: Annotated[int, only("even numbers", lambda n: n % 2 == 0)] = 0
    place: Annotated[tuple[str, ...], Reader(halves)] = ()
    tags: frozenset[str] = frozenset()
    notes: dict[str, str] = field(factory=dict)
    wheel: Wheel | None = None
    wheels: tuple[Wheel, ...] = ()
    rest: list[Any] = field(factory=list)


def refused(where: str = "", **table: Any) -> str:
    with pytest.raises(BadFileError) as caught:
        structured(Cart, table, JSON, where)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_allowed_is_read() -> None:
    given = {
        "name": "c",
        "made-in": "here",
        "colour": "blue",
        "sort": "horse",
        "load": 2,
        "sold": True,
        "owner": None,
        "even": 4,
        "place": "a-b",
        "tags": ["x", "y", "x"],
        "notes": {"k": "v"},
        "wheel": {"spokes": 12},
        "wheels": [{"spokes": 1, "size": 9}],
        "rest": [{}, 1],
    }
    assert structured(Cart, given) == Cart(
        name="c",
        made_in="here",
        colour=Colour.BLUE,
        sort="horse",
        load=2,
        sold=True,
        even=4,
        place=("a", "b"),
        tags=frozenset({"x", "y"}),
        notes={"k": "v"},
        wheel=Wheel(12),
        wheels=(Wheel(1, 9),),
        rest=[{}, 1],
    )
    assert structured(Cart, {"name": "c"}) == Cart(name="c")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": 3}, "name is 3, not a string"),
        ({"name": None}, "name is null, not a string"),
        ({"sold": 1}, "sold is 1, allowed are true and false"),
        ({"load": True}, "load is true, allowed are numbers"),
        ({"load": "2"}, 'load is "2", allowed are numbers'),
        ({"colour": "green"}, 'colour is "green", allowed are red, blue'),
        ({"sort": []}, "sort is [], allowed are hand, horse"),
        ({"owner": "cy"}, 'owner is "cy", allowed are ann, bob'),
        ({"even": 3}, "even is 3, allowed are even numbers"),
        ({"place": "a"}, "place: 'a' has no two halves"),
        ({"place": 1}, "place is 1, not a string"),
        ({"tags": "x"}, 'tags is "x", not a list of strings'),
        ({"tags": ["x", 1]}, "tags[1] is 1, not a string"),
        ({"notes": []}, "notes is [], not an object"),
        ({"notes": {"k": 1}}, "notes['k'] is 1, not a string"),
        ({"wheel": 1}, "wheel is 1, not an object"),
        ({"wheel": {}}, "key 'spokes' is missing in wheel"),
        ({"wheels": [{"spokes": True}]}, "wheels[0].spokes is true, allowed"),
        ({"wheel": {"spokes": 100}}, "100 spokes are too many"),
        (
            {"wheels": [{"spokes": 1}, {"spokes": 1, "size": 10}]},
            "wheels[1].size is 10, allowed are whole numbers from 1 to 9",
        ),
        (
            {"made_in": "x"},
            "unknown key 'made_in' at the top; allowed are name, made-in,",
        ),
        (
            {"wheels": [{"spoke": 1}]},
            "unknown key 'spoke' in wheels[0]; allowed are spokes, size; "
            "did you mean 'spokes'?",
        ),
    ],
)
def test_all_else_is_one_line(changes: dict[str, Any], said: str) -> None:
    assert refused(**{"name": "c", **changes}).startswith(said)
    where = "f: line 2"
    assert refused(where, **{"name": "c", **changes}).startswith(
        f"{where}: {said.replace(' at the top', '')}"
    )


def test_the_table_itself() -> None:
    for table in (None, 3, [], "name"):
        with pytest.raises(BadFileError, match=r"^the content is .*, not a t"):
            structured(Cart, table, TOML)
        with pytest.raises(BadFileError, match=r"^step 1 is .*, not an obj"):
            structured(Cart, table, where="step 1")
    assert refused() == "key 'name' is missing at the top"
    assert refused("here") == "here: key 'name' is missing"


def test_a_mistyped_key_is_named_before_the_one_that_it_stands_for() -> None:
    assert refused(nam="c").startswith("unknown key 'nam' at the top; ")


def test_other_keys_are_passed_over_if_they_may_be_there() -> None:
    table = {"name": "c", "more": 1, "wheel": {"spokes": 1, "more": 1}}
    assert structured(Cart, table, more=True).wheel == Wheel(1)
    assert "unknown key 'more'" in refused(**table)


def test_a_mistake_of_ours_is_none_of_the_file() -> None:
    with pytest.raises(ZeroDivisionError):
        structured(Broken, {"name": "c"})


@frozen
class Broken:
    name: str

    def __attrs_post_init__(self) -> None:
        raise ZeroDivisionError


def test_a_value_is_shown_on_a_short_line() -> None:
    assert shown("a\n") == '"a\\n"'
    assert len(shown(["x" * 100])) == 40
    assert len(refused(**{"name": "c", "y" * 99: 1}).split(";")[0]) < 70
