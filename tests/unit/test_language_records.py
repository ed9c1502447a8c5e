# SPDX-License-Identifier: GPL-2.0-or-later
"""Does a field begin anew when what it lives for ends, and only then?"""

from __future__ import annotations

import pytest
from attrs import frozen

from model.language import (
    Concrete,
    Disk,
    Flag,
    GranuleSet,
    MachineBuilder,
    ModelError,
    anew,
    another,
    declare,
    flag_field,
    given,
    granules_field,
)


@frozen(eq=False)
class Lamp:
    lit: Flag = flag_field("it shines", initial=True, ended=False)
    asked: Flag = flag_field("it was asked to", survives="", of="switch")
    burnt: Flag = flag_field("it is broken", survives="process")
    dust: GranuleSet = granules_field("where dust lies", survives="")
    spare: Flag = flag_field("there is another", only="two")


def lamp(*words: str) -> tuple[MachineBuilder, Lamp]:
    build, disk = MachineBuilder("lamp"), Disk("disk", Concrete(1, 2))
    return build, Lamp(**declare(Lamp, build, disk, "lamp.", words))


def written(*updates: object) -> dict[str, str]:
    return dict(str(update).split(" := ") for update in updates)


def test_each_field_is_declared_with_its_meaning() -> None:
    build, held = lamp()
    assert held.spare.absent
    found = {name: one.doc for name, one in build._fields.items()}
    assert found == {
        "lamp.lit": "it shines",
        "lamp.asked": "it was asked to",
        "lamp.burnt": "it is broken",
        "lamp.dust": "where dust lies",
    }
    assert not lamp("two")[1].spare.absent


def test_the_end_of_an_attempt() -> None:
    assert written(*anew(lamp()[1], "attempt")) == {
        "lamp.asked": "no",
        "lamp.dust": "{}",
    }


def test_the_end_of_a_process() -> None:
    assert written(*anew(lamp("two")[1], "process")) == {
        "lamp.lit": "no",
        "lamp.asked": "no",
        "lamp.dust": "{}",
        "lamp.spare": "no",
    }


def test_only_of_some_things() -> None:
    held = lamp()[1]
    assert written(*anew(held, "process", of=["switch"])) == {
        "lamp.asked": "no"
    }


def test_a_word_that_is_none() -> None:
    with pytest.raises(ModelError, match="survives is 'ever', allowed are"):
        flag_field("it shines", survives="ever")


def test_a_field_that_is_not_there_is_a_constant() -> None:
    _, held = lamp()
    assert (str(held.spare.text), str((~held.spare).text)) == ("no", "yes")
    step = given(held.lit, ~held.spare).then(held.spare.becomes(True))
    assert [flag.text for flag in step.when] == ["lamp.lit"]
    assert not step.then


def test_another_shares_what_there_is_one_of() -> None:
    build, disk = MachineBuilder("lamps"), Disk("disk", Concrete(1, 2))
    first = Lamp(**declare(Lamp, build, disk, "lamp."))
    second = another(first, build, disk, "lamp.second.", of=["switch"])
    assert second.asked.field_name() == "lamp.second.asked"
    assert second.lit is first.lit
    assert [f for f in build._fields if "second" in f] == ["lamp.second.asked"]
