# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a mistake in a model an error that names the place?

Each test writes one wrong line of a model and reads the one line of the error.
"""

import enum
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from model.language import (
    Concrete,
    ContentsType,
    Disk,
    Flag,
    MachineBuilder,
    ModelError,
    NameType,
    Step,
    Update,
    choose,
)
from model.language.domain import MAX_GRANULES
from tests.unit.meaning import builder

ONE, OTHER = Disk("one", Concrete(2, 2)), Disk("other", Concrete(2, 2))


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Fruit(enum.Enum):
    APPLE = "apple"
    PEAR = "pear"


class Word(enum.Enum):
    HELLO = "HELLO"
    DATA = "DATA"


def complaint(wrong: Callable[[], Any]) -> str:
    """The error of a wrong model text: one line."""
    with pytest.raises(ModelError) as raised:
        wrong()
    said = str(raised.value)
    assert "\n" not in said
    return said


def act(
    build: MachineBuilder,
    then: Callable[[], Sequence[Update | tuple[Update, ...]]],
    when: Callable[[], Sequence[Flag]] = lambda: (),
) -> None:
    """Declare an action called ``mistaken``."""

    @build.action("somebody")
    def mistaken() -> Step:
        return Step(when=when(), then=then())


# -- types that do not fit ---------------------------------------------------


def test_sets_of_two_disks_never_mix() -> None:
    build = builder()
    mine = build.granules("mine", ONE)
    theirs = build.granules("theirs", OTHER)
    said = complaint(lambda: act(build, lambda: [mine.becomes(theirs)]))
    assert said == (
        "action mistaken: 'mine' is a set of granules of one but 'theirs' "
        "is a set of granules of other"
    )
    for mixed in (
        lambda: mine | theirs,
        lambda: mine & theirs,
        lambda: mine - theirs,
        lambda: mine <= theirs,
    ):
        assert "'mine' is a set of granules of one" in complaint(mixed)


def test_chunk_sets_of_two_disks_never_mix() -> None:
    build = builder()
    mine = build.chunk_set("mine", ONE)
    theirs = build.chunk_set("theirs", OTHER)
    said = complaint(lambda: mine | theirs)
    assert said == (
        "'mine' is a set of chunks of one but 'theirs' is a set of chunks "
        "of other"
    )


def test_contents_of_another_disk_are_refused() -> None:
    build = builder()
    mine = build.granules("mine", ONE)
    part = build.granules("theirs", OTHER).contents(OTHER.domain.chunks[0])
    chunk = ONE.domain.chunks[0]
    said = complaint(lambda: mine.with_contents(chunk, part))
    assert said.endswith("sets of different disks")
    assert "'mine' is of disk one" in said
    assert "of disk other" in said


def test_a_set_of_granules_is_no_set_of_chunks() -> None:
    build = builder()
    granules = build.granules("granules", ONE)
    chunks = build.chunk_set("chunks", ONE)
    said = complaint(lambda: act(build, lambda: [granules.becomes(chunks)]))
    assert said == (
        "action mistaken: 'granules' is a set of granules of one but "
        "'chunks' is a set of chunks of one"
    )


def test_a_member_of_another_enumeration() -> None:
    build = builder()
    colour = build.enum("colour", Colour.RED)
    said = complaint(lambda: act(build, lambda: [colour.becomes(Fruit.PEAR)]))
    assert said == (
        "action mistaken: 'colour' is a Colour: Fruit.PEAR is not "
        "a member of Colour"
    )
    assert "'colour' is a Colour" in complaint(lambda: colour.is_(Fruit.PEAR))
    assert "'colour' is a Colour" in complaint(
        lambda: colour.is_not(Fruit.PEAR)
    )


def test_a_field_of_another_enumeration() -> None:
    build = builder()
    colour = build.enum("colour", Colour.RED)
    fruit = build.enum("fruit", Fruit.APPLE)
    said = complaint(lambda: act(build, lambda: [colour.becomes(fruit)]))
    assert said == (
        "action mistaken: 'colour' is a Colour but 'fruit' is a Fruit"
    )


def test_a_choice_between_two_types() -> None:
    build = builder()
    which = build.flag("which")
    colour = build.enum("colour", Colour.RED)
    said = complaint(lambda: choose(which, colour, Fruit.PEAR))
    assert said.startswith("'colour' is a Colour")


@pytest.mark.parametrize("wrong", [1, 0, "yes", None])
def test_a_flag_takes_true_or_false_only(wrong: object) -> None:
    build = builder()
    flag = build.flag("flag")
    said = complaint(lambda: act(build, lambda: [flag.becomes(wrong)]))
    assert said == (
        f"action mistaken: 'flag' is a flag: {wrong!r} is not True or False"
    )


def test_a_cursor_is_set_to_the_start_or_to_a_position() -> None:
    build = builder()
    cursor = build.cursor("cursor", ONE)
    said = complaint(lambda: act(build, lambda: [cursor.becomes(1)]))
    assert said == (
        "action mistaken: 'cursor' is a cursor over one: 1 is not 0, the start"
    )


def test_a_set_is_set_to_a_set() -> None:
    build = builder()
    mine = build.granules("mine", ONE)
    said = complaint(
        lambda: act(build, lambda: [mine.becomes(frozenset({1}))])
    )
    assert said.startswith("action mistaken: 'mine' is a set of granules")


def test_a_name_names_a_chunk() -> None:
    build = builder()
    name = build.chunk_name("name", ONE)
    said = complaint(lambda: act(build, lambda: [name.becomes(1)]))
    assert said == (
        "action mistaken: 'name' is the name of a chunk of one: 1 is not a "
        "chunk or None"
    )


# -- counters out of range ---------------------------------------------------


@pytest.mark.parametrize("wrong", [4, -1, True, "2"])
def test_a_literal_out_of_range(wrong: object) -> None:
    build = builder()
    count = build.counter("count", 3)
    said = complaint(lambda: act(build, lambda: [count.becomes(wrong)]))
    assert said == (
        f"action mistaken: 'count' is a counter from 0 to 3: {wrong!r} is "
        "not in range"
    )


def test_a_sum_out_of_range() -> None:
    build = builder()
    count = build.counter("count", 3)
    said = complaint(lambda: act(build, lambda: [count.becomes(count + 1)]))
    assert said == (
        "action mistaken: field count holds 0 to 3, but 'count + 1' may be "
        "4: a counter out of range; narrow it with .capped(3)"
    )


def test_a_wider_counter() -> None:
    build = builder()
    count, wide = build.counter("count", 3), build.counter("wide", 9)
    said = complaint(lambda: act(build, lambda: [count.becomes(wide)]))
    assert "'wide' may be 9" in said


@pytest.mark.parametrize("limit", [0, -1, (1 << 32) + 1])
def test_a_limit_out_of_range(limit: int) -> None:
    said = complaint(lambda: builder().counter("count", limit))
    assert said == (
        f"a counter's limit is {limit}, allowed are 1 to 4294967296"
    )


def test_an_initial_count_out_of_range() -> None:
    said = complaint(lambda: builder().counter("count", 3, initial=4))
    assert said == ("field count is a counter from 0 to 3: 4 is not in range")


@pytest.mark.parametrize("wrong", [-1, True, "1", None])
def test_a_counter_counts_with_counts(wrong: Any) -> None:
    count = builder().counter("count", 3)
    for mixed in (
        lambda: count + wrong,
        lambda: count - wrong,
        lambda: count < wrong,
        lambda: count.is_(wrong),
    ):
        assert repr(wrong) in complaint(mixed)


# -- fields ------------------------------------------------------------------


def test_an_update_of_an_undeclared_field() -> None:
    build = builder()
    build.flag("mine")
    stranger = builder().flag("stranger")
    said = complaint(lambda: act(build, lambda: [stranger.becomes(True)]))
    assert said == "action mistaken: field stranger is not declared"


def test_an_update_that_reads_an_undeclared_field() -> None:
    build = builder()
    mine = build.flag("mine")
    stranger = builder().flag("stranger")
    said = complaint(lambda: act(build, lambda: [mine.becomes(stranger)]))
    assert said == "action mistaken: field stranger is not declared"


def test_a_guard_that_reads_an_undeclared_field() -> None:
    build = builder()
    build.flag("mine")
    stranger = builder().flag("stranger")
    said = complaint(lambda: act(build, lambda: [], lambda: [stranger]))
    assert said == "action mistaken: field stranger is not declared"


def test_a_property_that_reads_an_undeclared_field() -> None:
    build = builder()
    build.flag("mine")
    stranger = builder().flag("stranger")
    said = complaint(lambda: build.always("P", "S1", "", then=[stranger]))
    assert said == "property P: field stranger is not declared"


def test_a_field_of_the_same_name_but_another_type() -> None:
    build = builder()
    build.enum("field", Colour.RED)
    stranger = builder().flag("field")
    said = complaint(lambda: act(build, lambda: [stranger.becomes(True)]))
    assert said == "action mistaken: field field is not declared"


def test_a_field_set_twice() -> None:
    build = builder()
    flag = build.flag("flag")
    twice = [flag.becomes(True), flag.becomes(False)]
    said = complaint(lambda: act(build, lambda: twice))
    assert said == "action mistaken: field flag is set twice"


def test_a_channel_that_is_written_twice() -> None:
    build = builder()
    wire = build.channel("wire", 2, {word: {} for word in Word})
    twice = [wire.put(Word.HELLO), wire.take()]
    said = complaint(lambda: act(build, lambda: twice))
    assert said == "action mistaken: field wire[0].kind is set twice"


def test_what_is_no_field_cannot_be_set() -> None:
    build = builder()
    flag = build.flag("flag")
    said = complaint(lambda: act(build, lambda: [(~flag).becomes(True)]))
    assert said == (
        "action mistaken: 'not flag' is no field, it cannot be set"
    )


def test_a_field_declared_twice() -> None:
    build = builder()
    build.flag("field")
    said = complaint(lambda: build.enum("field", Colour.RED))
    assert said == "field field is declared twice"


# -- expressions are not Python ----------------------------------------------


def test_a_value_has_no_truth() -> None:
    build = builder()
    flag, other = build.flag("flag"), build.flag("other")
    for wrong in (
        lambda: bool(flag),
        lambda: 1 if flag else 0,
        lambda: flag and other,
        lambda: flag or other,
        lambda: not flag,
    ):
        said = complaint(wrong)
        assert said.startswith("'flag' is used as a truth value")
        assert "choose()" in said


def test_values_are_not_compared_with_python() -> None:
    build = builder()
    colour = build.enum("colour", Colour.RED)
    for wrong in (
        lambda: colour == Colour.RED,
        lambda: colour != Colour.RED,
        lambda: colour in (Colour.RED,),
    ):
        said = complaint(wrong)
        assert said == (
            "'colour' is compared with ==; write .is_(...) instead"
        )


def test_a_branch_inside_an_action_names_the_action() -> None:
    build = builder()
    flag = build.flag("flag")
    said = complaint(
        lambda: act(build, lambda: [flag.becomes(True)] if flag else [])
    )
    assert said.startswith("action mistaken: 'flag' is used as a truth")


def test_what_is_no_flag_is_no_guard() -> None:
    build = builder()
    colour = build.enum("colour", Colour.RED)
    wrong: list[Any] = [colour]
    said = complaint(lambda: act(build, lambda: [], lambda: wrong))
    assert said == "action mistaken: the value 'colour' is no flag"


# -- ghosts ------------------------------------------------------------------


def test_a_guard_never_reads_a_ghost() -> None:
    build = builder()
    ghost = build.flag("ghost_seen", ghost=True)
    said = complaint(
        lambda: act(build, lambda: [], lambda: [(~ghost).named("free")])
    )
    assert said == (
        "action mistaken: guard 'free' reads ghost field ghost_seen"
    )


def test_a_real_field_never_reads_a_ghost() -> None:
    build = builder()
    real = build.flag("real")
    ghost = build.flag("ghost_seen", ghost=True)
    said = complaint(lambda: act(build, lambda: [real.becomes(ghost)]))
    assert said == (
        "action mistaken: field real is real but its new value reads ghost "
        "field ghost_seen"
    )


def test_a_message_never_carries_a_ghost() -> None:
    build = builder()
    ghost = build.granules("ghost_dirty", ONE, ghost=True)
    parts = {"contents": ContentsType(ONE)}
    wire = build.channel("wire", 1, {Word.DATA: parts, Word.HELLO: {}})
    part = ghost.contents(ONE.domain.chunks[0])
    said = complaint(
        lambda: act(build, lambda: [wire.put(Word.DATA, contents=part)])
    )
    assert said == (
        "action mistaken: field wire[0].contents is real but its new value "
        "reads ghost field ghost_dirty"
    )


def test_a_ghost_may_read_everything() -> None:
    build = builder()
    real = build.flag("real")
    ghost = build.flag("ghost_seen", ghost=True)
    act(build, lambda: [ghost.becomes(ghost | real)])
    (instance,) = build.machine().action("mistaken").instances
    assert [name for name, _ in instance.effect] == ["ghost_seen"]


# -- messages ----------------------------------------------------------------


def wire_of(build: MachineBuilder) -> Any:
    return build.channel(
        "wire",
        2,
        {
            Word.HELLO: {},
            Word.DATA: {
                "chunk": NameType(ONE),
                "contents": ContentsType(ONE),
            },
        },
    )


def test_a_message_carries_what_was_declared() -> None:
    build = builder()
    wire = wire_of(build)
    chunk = ONE.domain.chunks[0]
    assert complaint(
        lambda: act(build, lambda: [wire.put(Word.DATA, chunk=chunk)])
    ) == (
        "action mistaken: message DATA of wire carries ['chunk', "
        "'contents'], not ['chunk']"
    )
    assert complaint(lambda: wire.put(Word.HELLO, chunk=chunk)) == (
        "message HELLO of wire carries [], not ['chunk']"
    )


def test_a_part_of_a_message_has_its_type() -> None:
    build = builder()
    wire = wire_of(build)
    chunk = ONE.domain.chunks[0]
    theirs = build.contents("theirs", OTHER)
    said = complaint(lambda: wire.put(Word.DATA, chunk=chunk, contents=theirs))
    assert said == (
        "part 'contents' of DATA is the contents of a chunk of one, "
        "'theirs' is not"
    )
    said = complaint(
        lambda: wire.put(Word.DATA, chunk=0, contents=frozenset())
    )
    assert said == (
        "part 'chunk' of DATA is the name of a chunk of one: 0 is not a "
        "chunk or None"
    )


def test_the_head_is_a_message_of_this_channel() -> None:
    wire = wire_of(builder())
    for asked in (wire.head_is, wire.holds):
        said = complaint(lambda asked=asked: asked(Colour.RED))
        assert said == (
            "channel wire carries Word: Colour.RED is not a member of Word"
        )


def test_a_part_that_is_no_contents() -> None:
    wire = wire_of(builder())
    said = complaint(lambda: wire.head_contents("chunk"))
    assert said == "channel wire carries no contents 'chunk'"


@pytest.mark.parametrize("capacity", [0, -1])
def test_a_channel_without_room(capacity: int) -> None:
    said = complaint(
        lambda: builder().channel("wire", capacity, {Word.HELLO: {}})
    )
    assert said == f"channel wire: capacity {capacity} is below 1"


def test_a_part_with_two_types() -> None:
    parts = {
        Word.HELLO: {"what": NameType(ONE)},
        Word.DATA: {"what": ContentsType(ONE)},
    }
    said = complaint(lambda: builder().channel("wire", 1, parts))
    assert said == "channel wire: part 'what' of DATA has two types"


# -- actions and properties --------------------------------------------------


def test_an_action_declared_twice() -> None:
    build = builder()
    flag = build.flag("flag")
    act(build, lambda: [flag.becomes(True)])
    said = complaint(lambda: act(build, lambda: [flag.becomes(False)]))
    assert said == "action mistaken is declared twice"


def test_a_fault_that_is_fair() -> None:
    build = builder()
    flag = build.flag("flag")

    def declare() -> None:
        @build.action("who", fair=True, fault=True)
        def fails() -> Step:
            return Step(when=(~flag,), then=(flag.becomes(True),))

    assert complaint(declare) == (
        "action fails is fair and a fault: what fails owes nothing"
    )


def test_an_action_over_nothing() -> None:
    build = builder()
    flag = build.flag("flag")

    def wrong() -> None:
        @build.action("somebody", over=())
        def idle(number: int) -> Step:
            return Step(when=[], then=[flag.becomes(number > 0)])

    assert complaint(wrong) == "action idle has no instance"


def test_an_action_whose_parameter_has_no_values() -> None:
    build = builder()

    def wrong() -> None:
        @build.action("somebody")
        def idle(number: int) -> Step:
            return Step(when=[], then=[])

    assert complaint(wrong) == (
        "action idle: its parameters are number, 'over' gives none"
    )


def test_values_without_a_parameter() -> None:
    build = builder()

    def wrong() -> None:
        @build.action("somebody", over=(1, 2))
        def idle() -> Step:
            return Step(when=[], then=[])

    assert complaint(wrong) == (
        "action idle: its parameters are none, 'over' gives one"
    )


def test_a_property_that_could_never_fail() -> None:
    build = builder()
    flag = build.flag("flag")
    build.always("Empty", "S1", "", then=[flag], when=[flag & ~flag & False])
    assert complaint(build.machine) == (
        "property Empty could never fail: it says nothing at this size; if "
        "it does at another one, give the reason in 'trivial='"
    )
    build = builder()
    build.flag("flag")
    build.always("Nothing", "S1", "", then=[])
    assert complaint(build.machine) == (
        "property Nothing could never fail: it says nothing at this size; if "
        "it does at another one, give the reason in 'trivial='"
    )


def test_a_property_that_could_not_fail_at_this_size() -> None:
    """A larger disk has sets of more than four, this one has none."""
    for granules, trivial in ((1, ""), (1, "a small disk"), (5, "")):
        build = builder()
        disk = Disk("disk", Concrete(1, granules))
        few = build.granules("few", disk).at_most(4)
        build.always("Few", "S1", "", then=[few], trivial=trivial)
        if granules == 1 and not trivial:
            said = complaint(build.machine)
            assert "at this size" in said and "'trivial='" in said
        else:
            names = [p.name for p in build.machine().properties]
            assert names == ([] if trivial else ["Few"])


def test_a_property_declared_twice() -> None:
    build = builder()
    flag = build.flag("flag")
    build.always("P", "S1", "", then=[flag])
    said = complaint(lambda: build.reachable("P", "", then=[flag]))
    assert said == "property P is declared twice"


def test_a_property_by_an_unknown_action() -> None:
    build = builder()
    build.flag("flag")
    build.reachable("Met", "", by=["nobody"])
    assert complaint(build.machine) == "property Met: no action 'nobody'"


def test_a_reachable_property_is_about_states_or_about_steps() -> None:
    build = builder()
    flag = build.flag("flag")
    expected = "property Met: give either 'then' or 'by'"
    assert complaint(lambda: build.reachable("Met", "")) == expected
    both = complaint(
        lambda: build.reachable("Met", "", then=[flag], by=["act"])
    )
    assert both == expected


def test_an_initial_state_is_made_of_constants() -> None:
    build = builder()
    flag, other = build.flag("flag"), build.flag("other")
    said = complaint(lambda: build.start(flag.becomes(~other)))
    assert said == (
        "initial state: field flag needs a constant, not 'not other'"
    )


def test_a_machine_has_fields() -> None:
    assert complaint(builder().machine) == "a test's model has no fields"


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((0, 1), "chunks is 0, allowed are 1 to 4096"),
        ((1, 0), "granules per chunk is 0, allowed are 1 to 4096"),
        ((-1, 1), "chunks is -1, allowed are 1 to 4096"),
        ((2, 4096), "the number of granules is 8192, allowed are 1 to 4096"),
    ],
)
def test_a_disk_out_of_range(shape: tuple[int, int], said: str) -> None:
    assert complaint(lambda: Concrete(*shape)) == said
    assert MAX_GRANULES == 4096
