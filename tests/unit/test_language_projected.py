# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the view from one granule answer what any disk answers?

The lemmas prove it of disks of any size; here each operation is met by name,
and the channel is compared with a list of messages.
"""

from __future__ import annotations

import enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.engines.exploration import Limits, violated
from checker.engines.native.explicit import explore
from model.language import (
    Channel,
    Chunk,
    ChunkName,
    Concrete,
    Contents,
    ContentsType,
    Cursor,
    Disk,
    GranuleSet,
    Machine,
    MachineBuilder,
    ModelError,
    NameType,
    Projected,
    Step,
    Update,
    chunk_alone,
    every_chunk,
    every_granule,
    single,
)
from model.language import expression as ex
from model.language.expression import Expression
from model.language.projected import (
    AFTER,
    AT,
    BEFORE,
    ELSEWHERE,
    FOLLOWED,
    MINE,
    NAME_MINE,
    NAME_OTHER,
    NEIGHBOUR,
    OTHER,
)
from model.language.projected_channel import (
    EARLIER_WITH,
    EARLIER_WITHOUT,
    SLOTS,
    ProjectedChannel,
)
from model.language.unknown import combinations, replaced, unknowns
from model.language.values import Flag
from tests.unit.meaning import after, nothing_sent, number

VIEW = Projected()
DISK = Disk("disk", VIEW)


def values(expression: Expression, **state: int) -> set[int]:
    """All values that ``expression`` may have in ``state``."""
    return {
        number(replaced([expression], told)[0], state)
        for told in combinations(unknowns([expression]))
    }


# -- the operations ----------------------------------------------------------


def test_the_widths_and_the_greatest_codes() -> None:
    assert (VIEW.set_width, VIEW.chunk_set_width) == (1, 1)
    assert (VIEW.contents_width, VIEW.position_width) == (1, 2)
    assert (VIEW.position_limit, VIEW.chunk_limit) == (AFTER, NAME_OTHER)
    assert VIEW.chunk_width == 2
    assert VIEW.granules == (FOLLOWED, NEIGHBOUR, ELSEWHERE)
    assert VIEW.chunks == (MINE, OTHER)
    assert [g.chunk for g in VIEW.granules] == [MINE, MINE, OTHER]


def test_only_c_and_k_are_seen_of_a_set() -> None:
    assert values(single(DISK, FOLLOWED).expression) == {1}
    assert values(single(DISK, NEIGHBOUR).expression) == {0}
    assert values(single(DISK, ELSEWHERE).expression) == {0}
    assert values(chunk_alone(DISK, MINE).expression) == {1}
    assert values(chunk_alone(DISK, OTHER).expression) == {0}
    assert values(every_granule(DISK).expression) == {1}
    assert values(every_chunk(DISK).expression) == {1}


@pytest.mark.parametrize("here", [0, 1])
def test_what_a_set_tells(here: int) -> None:
    build = MachineBuilder("sets")
    a, b = build.granules("a", DISK), build.granules("b", DISK)
    d, part = build.chunk_set("d", DISK), build.contents("part", DISK)

    def may(value: Any, **more: int) -> set[int]:
        state = {"a": here, "b": 0, "d": here, "part": here, **more}
        return values(value.expression, **state)

    either, no_more = {0, 1}, {0}
    assert may(a.contains(FOLLOWED)) == {here}
    assert may(a.contains(NEIGHBOUR)) == either
    assert may(a.contains(ELSEWHERE)) == either
    assert may(a.is_empty()) == (no_more if here else either)
    assert may(a <= b) == (no_more if here else either)
    assert may(a <= b, b=1) == either
    assert may(a.chunks()) == ({1} if here else either)
    assert may(a.contents(MINE)) == {here}
    assert may(a.contents(OTHER)) == {0}
    assert may(b.with_contents(MINE, part)) == {here}
    assert may(b.with_contents(OTHER, part)) == {0}
    assert may(a | b) == may(a - b) == {here}
    assert may(a & b) == {0}
    assert may(d.contains(MINE)) == {here}
    assert may(d.contains(OTHER)) == either
    assert may(d.is_empty()) == (no_more if here else either)
    assert may(d.at_most(0)) == may(d.at_most(3)) == either


def test_where_a_cursor_may_be() -> None:
    cursor = MachineBuilder("cursor").cursor("p", DISK)
    assert isinstance(cursor, Cursor)
    for code, is_at, at_other, at_end, ahead in (
        (BEFORE, {0}, {0, 1}, {0}, {1}),
        (AT, {1}, {0}, {0}, {1}),
        (AFTER, {0}, {0, 1}, {0, 1}, {0}),
    ):
        assert values(cursor.at(MINE).expression, p=code) == is_at
        assert values(cursor.at(OTHER).expression, p=code) == at_other
        assert values(cursor.at_end().expression, p=code) == at_end
        assert values(cursor.ahead().expression, p=code) == ahead
        assert values(cursor.past(MINE).expression, p=code) == {AFTER}
        past = {BEFORE, AT} if code == BEFORE else {code}
        assert values(cursor.past(OTHER).expression, p=code) == past
    assert values(cursor.becomes(0).expression) == {BEFORE, AT}


def test_a_cursor_starts_before_k_or_at_it() -> None:
    build = MachineBuilder("two cursors", one_granule=True)
    build.cursor("p", DISK)
    build.cursor("q", DISK)
    done = build.flag("done")
    build.action("nobody")(lambda: Step([], [done.becomes(True)]))
    starts = {state[:2] for state in build.machine().initials}
    both = (BEFORE, AT)
    assert starts == {(p, q) for p in both for q in both}


def test_which_chunk_a_name_may_name() -> None:
    name = MachineBuilder("name").chunk_name("n", DISK)
    assert isinstance(name, ChunkName)
    for code, mine, other in (
        (0, {0}, {0}),
        (NAME_MINE, {1}, {0}),
        (NAME_OTHER, {0}, {0, 1}),
    ):
        assert values(name.is_(MINE).expression, n=code) == mine
        assert values(name.is_(OTHER).expression, n=code) == other
    assert values(name.becomes(MINE).expression) == {NAME_MINE}
    assert values(name.becomes(OTHER).expression) == {NAME_OTHER}
    assert values(name.becomes(None).expression) == {0}


def test_people_read_what_is_seen() -> None:
    assert [VIEW.show_set(n) for n in (0, 1)] == ["{}", "{c}"]
    assert [VIEW.show_chunks(n) for n in (0, 1)] == ["{}", "{k}"]
    assert VIEW.show_contents(1, NAME_MINE) == "{c}"
    assert VIEW.show_contents(0, NAME_MINE) == "{}"
    shown = [VIEW.show_position(n) for n in range(3)]
    assert shown == ["before k", "at k", "after k"]
    assert [VIEW.show_name(n) for n in range(3)] == ["-", "k", "other"]
    assert [str(p) for p in (FOLLOWED, NEIGHBOUR, ELSEWHERE, MINE, OTHER)] == [
        "c",
        "neighbour",
        "elsewhere",
        "k",
        "other",
    ]


# -- the channel -------------------------------------------------------------


class Word(enum.Enum):
    HELLO = "HELLO"
    DATA = "DATA"
    BYE = "BYE"


#: a word, whether it is of chunk k, and whether it carries c
Message = tuple[Word, bool, bool]


def declared(
    build: MachineBuilder, view: Projected = VIEW, capacity: int = 3
) -> ProjectedChannel:
    disk = DISK if view is VIEW else Disk("disk", view)
    made = build.channel(
        "wire",
        capacity,
        {
            Word.HELLO: {},
            Word.DATA: {
                "chunk": NameType(disk),
                "contents": ContentsType(disk),
            },
            Word.BYE: {},
        },
    )
    assert isinstance(made, ProjectedChannel)
    return made


WIRE = declared(MachineBuilder("wire"))
words = st.sampled_from(Word)
messages = st.tuples(words, st.booleans(), st.booleans()).map(
    lambda m: m if m[0] is Word.DATA else (m[0], False, False)
)
#: None: take the oldest message
moves = st.lists(st.one_of(st.none(), messages), max_size=14)


def put(
    wire: ProjectedChannel, state: dict[str, int], message: Message
) -> dict[str, int]:
    word, mine, carries = message
    if word is not Word.DATA:
        return after(state, wire.put(word))
    type_ = wire.parts["contents"]
    assert isinstance(type_, ContentsType)
    contents = Contents(type_, ex.constant(int(mine and carries), 1), "part")
    chunk: Chunk = MINE if mine else OTHER
    return after(state, wire.put(word, chunk=chunk, contents=contents))


def projection(
    wire: ProjectedChannel, queue: list[Message]
) -> list[tuple[int, ...]]:
    """Code of kind, last, earlier with, earlier without: of each slot.

    Written from the class's description, with Python's lists.
    """
    slots: list[tuple[Word, list[bool]]] = []
    for word, mine, carries in queue:
        if word is not Word.DATA:
            slots.append((word, []))
        elif mine:
            if not (slots and slots[-1][0] is Word.DATA):
                slots.append((word, []))
            slots[-1][1].append(carries)
    return [
        (
            list(Word).index(word) + 1,
            int(bool(run) and run[-1]),
            int(any(run[:-1])),
            int(not all(run[:-1])),
        )
        for word, run in slots
    ]


def codes(
    wire: ProjectedChannel, queue: list[Message]
) -> dict[str, int] | None:
    """The state of the slots; None if there are too few."""
    slots = projection(wire, queue)
    if len(slots) > wire.capacity:
        return None
    flat = [code for slot in slots for code in slot]
    names = [name for name, _ in wire.fields()]
    flat += [0] * (len(names) - len(flat))
    return dict(zip(names, flat, strict=True))


def what_may_be_told(
    wire: ProjectedChannel, state: dict[str, int], updates: tuple[Update, ...]
) -> list[tuple[list[int], dict[str, int]]]:
    """For each combination of answers: the front, and what is left."""
    front = [wire.head_is(word).expression for word in Word]
    front += [wire.head_chunk().expression, wire.head_contents().expression]
    roots = [*front, *(u.expression for u in updates)]
    found = []
    for told in combinations(unknowns(roots)):
        read = [number(e, state) for e in replaced(roots, told)]
        left = {
            u.field: n
            for u, n in zip(updates, read[len(front) :], strict=True)
        }
        found.append((read[: len(front)], {**state, **left}))
    return found


@given(moves)
def test_the_channel_follows_a_list_of_messages(
    todo: list[Message | None],
) -> None:
    queue: list[Message] = []
    state = nothing_sent(WIRE)
    for move in todo:
        longer = queue if move is None else [*queue, move]
        if codes(WIRE, longer) is None:
            return  # SlotsSuffice is what excludes this
        if move is not None:
            queue = longer
            state = put(WIRE, state, move)
        elif queue:
            told = what_may_be_told(WIRE, state, WIRE.take())
            (word, mine, carries), *queue = queue
            name = 0
            if word is Word.DATA:
                name = NAME_MINE if mine else NAME_OTHER
            front = [int(word is other) for other in Word]
            front += [name, int(mine and carries)]
            state = codes(WIRE, queue) or {}
            assert (front, state) in told
        assert state == codes(WIRE, queue)
        check(queue, state)


def check(queue: list[Message], state: dict[str, int]) -> None:
    """What else the channel tells may be true of ``queue``."""
    assert number(WIRE.canonical(), state) == 1
    assert int(not queue) in values(WIRE.is_empty().expression, **state)
    for word in Word:
        held = any(m[0] is word for m in queue)
        told = values(WIRE.holds(word).expression, **state)
        assert int(held) in told
        if word is not Word.DATA:
            assert told == {int(held)}
    mine, other = (
        any(w is Word.DATA and m is (chunk is MINE) for w, m, _ in queue)
        for chunk in (MINE, OTHER)
    )
    told = values(WIRE.holds_chunk(MINE).expression, **state)
    assert told == {int(mine)}
    assert int(other) in values(WIRE.holds_chunk(OTHER).expression, **state)
    if not any(w is not Word.DATA or mine for w, mine, _ in queue):
        assert state == nothing_sent(WIRE)
    fits = number(WIRE.fits().expression, state)
    assert fits == (len(projection(WIRE, queue)) < WIRE.capacity)
    assert after(state, WIRE.lose_all()) == nothing_sent(WIRE)


@given(moves, st.data())
def test_the_form_is_kept_whatever_is_answered(
    todo: list[Message | None], data: st.DataObject
) -> None:
    state = nothing_sent(WIRE)
    for move in todo:
        if move is None:
            told = what_may_be_told(WIRE, state, WIRE.take())
            state = data.draw(st.sampled_from(told))[1]
        elif number(WIRE.fits().expression, state):
            state = put(WIRE, state, move)
        assert number(WIRE.canonical(), state) == 1


def test_other_forms_are_not_canonical() -> None:
    for wrong in (
        {"wire[1].kind": 1},  # behind nothing
        {"wire[0].contents": 1},  # of no message
        {"wire[0].kind": 1, f"wire[0].{EARLIER_WITH}": 1},  # of no run
        {"wire[0].kind": 2, "wire[1].kind": 2},  # two runs side by side
    ):
        state = nothing_sent(WIRE) | wrong
        assert number(WIRE.canonical(), state) == 0, wrong


def test_a_slot_keeps_what_a_run_needs() -> None:
    assert WIRE.capacity == SLOTS
    assert list(WIRE.kept) == ["contents", EARLIER_WITH, EARLIER_WITHOUT]
    bounded = declared(MachineBuilder("b"), Projected(any_channel=False), 2)
    assert bounded.capacity == 2
    assert list(bounded.kept) == ["contents"]


def test_people_read_what_is_kept() -> None:
    state = nothing_sent(WIRE)
    assert WIRE.show(tuple(state.values())) == "empty"
    for message in (
        (Word.HELLO, False, False),
        (Word.DATA, True, False),
        (Word.DATA, False, True),
    ):
        state = put(WIRE, state, message)
    assert WIRE.show(tuple(state.values())) == "HELLO DATA(k: {})"
    state = put(WIRE, state, (Word.DATA, True, True))
    shown = WIRE.show(tuple(state.values()))
    assert shown == "HELLO DATA(k: {c} after others)"


def test_a_bounded_channel_leaves_room_for_others() -> None:
    wire = declared(MachineBuilder("b"), Projected(any_channel=False), 2)
    state = nothing_sent(wire)
    data = wire.head_is(Word.DATA).expression
    assert values(data, **state) == {0, 1}
    for _ in range(2):
        state = put(wire, state, (Word.HELLO, False, False))
    # it is full of what is kept: no message of another chunk is in it
    assert values(data, **state) == {0}
    state = put(wire, nothing_sent(wire), (Word.DATA, True, True))
    state = put(wire, state, (Word.DATA, True, False))
    assert [state[f"wire[{n}].contents"] for n in (0, 1)] == [1, 0]


def test_what_a_channel_does_not_carry_is_refused() -> None:
    class Other(enum.Enum):
        WORD = "WORD"

    with pytest.raises(ModelError, match="no chunk 'size'"):
        WIRE.head_chunk("size")
    with pytest.raises(ModelError, match="no contents 'chunk'"):
        WIRE.head_contents("chunk")
    with pytest.raises(ModelError, match="carries HELLO, DATA, BYE"):
        WIRE.put(Other.WORD)


def test_two_names_in_one_channel_are_refused() -> None:
    with pytest.raises(ModelError, match="one only"):
        MachineBuilder("two").channel(
            "wire",
            1,
            {Word.DATA: {"from": NameType(DISK), "to": NameType(DISK)}},
        )


def test_a_channel_without_chunks_stays_what_it_is() -> None:
    plain = MachineBuilder("plain").channel("back", 1, {Word.BYE: {}})
    assert type(plain) is Channel


# -- the slots have to suffice -----------------------------------------------


def chatter(view: Projected | Concrete, endless: bool) -> Machine:
    """Sends messages; with ``endless``, of two kinds in turn for ever."""
    build = MachineBuilder("chatter", isinstance(view, Projected))
    disk = Disk("disk", view)
    parts = {"chunk": NameType(disk), "contents": ContentsType(disk)}
    wire = build.channel(
        "wire", 3, {Word.HELLO: {}, Word.DATA: parts, Word.BYE: {}}
    )
    sent = build.granules("sent", disk)
    greeted = build.flag("greeted")

    @build.action("sender")
    def greet() -> Step:
        """Say hello, once or again."""
        first = [] if endless else [~greeted]
        return Step(
            when=[wire.has_room(), *first],
            then=[wire.put(Word.HELLO), greeted.becomes(True)],
        )

    @build.action("sender", over=view.chunks)
    def send(chunk: Chunk) -> Step:
        """Send a chunk."""
        message = wire.put(
            Word.DATA, chunk=chunk, contents=sent.contents(chunk)
        )
        return Step(when=[wire.has_room()], then=[*message])

    @build.action("receiver")
    def receive() -> Step:
        """Take what comes."""
        arrives = wire.head_is(Word.HELLO) | wire.head_is(Word.DATA)
        return Step(when=[arrives], then=[*wire.take()])

    return build.machine()


def explored(machine: Machine) -> dict[str, int]:
    found = explore(machine, Limits()).coverage
    assert not found.stopped
    return dict(found.first_level)


def test_that_the_slots_suffice_is_a_property() -> None:
    machine = chatter(VIEW, endless=False)
    (prop,) = machine.properties
    assert prop.name == "SlotsSuffice(wire)"
    assert violated(prop.name) not in explored(machine)


def test_a_machine_that_needs_more_slots_violates_it() -> None:
    machine = chatter(VIEW, endless=True)
    found = explored(machine)
    assert found[violated("SlotsSuffice(wire)")] == SLOTS


def test_only_a_channel_of_any_capacity_has_the_property() -> None:
    bounded = chatter(Projected(any_channel=False), endless=True)
    assert bounded.properties == ()
    assert chatter(Concrete(2, 1), endless=True).properties == ()


def test_a_set_of_another_disk_is_refused() -> None:
    mine = MachineBuilder("one").granules("a", DISK)
    theirs = MachineBuilder("two").granules("b", Disk("disk", VIEW))
    assert isinstance(mine, GranuleSet)
    with pytest.raises(ModelError, match="but 'b' is"):
        mine | theirs


def test_a_question_is_a_flag_like_any_other() -> None:
    a = MachineBuilder("flag").granules("a", DISK)
    asked = a.contains(NEIGHBOUR)
    assert isinstance(asked, Flag)
    assert values((asked & ~asked).expression) == {0}
    assert values((asked | ~asked).expression) == {1}
