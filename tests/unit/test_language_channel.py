# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a channel a bounded queue, in one form for each content?"""

import enum
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.language import (
    Channel,
    Concrete,
    ContentsType,
    Disk,
    ModelError,
    NameType,
)
from model.language.domain import NO_CHUNK
from model.language.expression import field_value
from tests.unit.meaning import after, builder, nothing_sent, number, worth

DISK = Disk("disk", Concrete(2, 2))


class Word(enum.Enum):
    HELLO = "HELLO"
    DATA = "DATA"
    BYE = "BYE"


def channel(capacity: int) -> Channel:
    return builder().channel(
        "wire",
        capacity,
        {
            Word.HELLO: {},
            Word.DATA: {
                "chunk": NameType(DISK),
                "contents": ContentsType(DISK),
            },
            Word.BYE: {},
        },
    )


def sent(
    wire: Channel, state: dict[str, int], word: Word, chunk: int, data: int
) -> dict[str, int]:
    """``state`` after one message was put at the back."""
    if word is not Word.DATA:
        return after(state, *wire.put(word))
    build = builder()
    part = build.contents("part", DISK)
    message = wire.put(word, chunk=DISK.domain.chunks[chunk], contents=part)
    new = after({**state, "part": data}, *message)
    del new["part"]
    return new


messages = st.tuples(
    st.sampled_from(Word), st.integers(0, 1), st.integers(0, 3)
)
#: None: take the oldest message
moves = st.lists(st.one_of(st.none(), messages), max_size=12)


@given(st.integers(1, 5), moves)
def test_messages_leave_in_the_order_in_which_they_came(
    capacity: int, todo: list[tuple[Word, int, int] | None]
) -> None:
    wire = channel(capacity)
    state = nothing_sent(wire)
    queue: deque[tuple[Word, int, int]] = deque()
    for move in todo:
        if move is None and queue:
            queue.popleft()
            state = after(state, *wire.take())
        elif move is not None and len(queue) < capacity:
            word, chunk, data = move
            if word is not Word.DATA:
                chunk = data = 0
            queue.append((word, chunk, data))
            state = sent(wire, state, word, chunk, data)
        check(wire, state, queue)


def check(
    wire: Channel,
    state: dict[str, int],
    queue: deque[tuple[Word, int, int]],
) -> None:
    """What the channel answers about itself is true of ``queue``."""
    assert number(wire.is_empty().expression, state) == (not queue)
    room = len(queue) < wire.capacity
    assert number(wire.has_room().expression, state) == room
    for word in Word:
        is_next = bool(queue) and queue[0][0] is word
        assert number(wire.head_is(word).expression, state) == is_next
        inside = any(word is other for other, _, _ in queue)
        assert number(wire.holds(word).expression, state) == inside
    for one in DISK.domain.chunks:
        inside = any(w is Word.DATA and n == one.index for w, n, _ in queue)
        assert number(wire.holds_chunk(one).expression, state) == inside
    if queue:
        word, chunk, data = queue[0]
        assert number(wire.head_contents().expression, state) == data
        for other in DISK.domain.chunks:
            named = number(wire.head_chunk().is_(other).expression, state)
            assert named == (word is Word.DATA and other.index == chunk)
    assert list(state.values()) == canonical(wire, queue)


def canonical(wire: Channel, queue: deque[tuple[Word, int, int]]) -> list[int]:
    """The one form of this content: in front, without gaps, then zeros."""
    codes = []
    for word, chunk, data in queue:
        name = chunk + 1 if word is Word.DATA else NO_CHUNK
        codes += [list(Word).index(word) + 1, name, data]
    return codes + [0] * (3 * (wire.capacity - len(queue)))


@given(st.integers(1, 5), st.lists(messages, max_size=5))
def test_all_is_lost_at_once(
    capacity: int, words: list[tuple[Word, int, int]]
) -> None:
    wire = channel(capacity)
    state = nothing_sent(wire)
    for word, chunk, data in words[:capacity]:
        state = sent(wire, state, word, chunk, data)
    assert after(state, *wire.lose_all()) == nothing_sent(wire)


@pytest.mark.parametrize("capacity", [1, 2, 3])
def test_a_full_channel_keeps_what_it_has(capacity: int) -> None:
    wire = channel(capacity)
    state = nothing_sent(wire)
    for _ in range(capacity):
        state = sent(wire, state, Word.DATA, 1, 3)
    assert worth(wire.has_room(), **state) == 0
    assert sent(wire, state, Word.BYE, 0, 0) == state


def test_people_read_the_messages_oldest_first() -> None:
    wire = channel(3)
    state = nothing_sent(wire)
    assert wire.show(tuple(state.values())) == "empty"
    state = sent(wire, state, Word.HELLO, 0, 0)
    state = sent(wire, state, Word.DATA, 1, 2)
    assert wire.show(tuple(state.values())) == "HELLO DATA(1: {3})"


def test_a_message_can_be_made_of_literals() -> None:
    wire = channel(1)
    message = wire.put(
        Word.DATA, chunk=DISK.domain.chunks[1], contents=frozenset()
    )
    state = after(nothing_sent(wire), *message)
    assert list(state.values()) == [2, 2, 0]


def test_an_empty_channel_stays_empty_when_it_is_read() -> None:
    wire = channel(2)
    state = nothing_sent(wire)
    assert after(state, *wire.take()) == state


def test_only_the_words_and_no_message_have_a_code() -> None:
    name, kind = channel(1).fields()[0]
    valid = kind.is_valid(field_value(name, kind.width))
    shown = {}
    for code in range(1 << kind.width):
        if number(valid, {name: code}):
            shown[code] = kind.show(code)
    assert shown == {0: "-", 1: "HELLO", 2: "DATA", 3: "BYE"}


def test_a_fourth_word_leaves_codes_unused() -> None:
    class Four(enum.Enum):
        A = "A"
        B = "B"
        C = "C"
        D = "D"

    wire = builder().channel("wire", 1, {word: {} for word in Four})
    name, kind = wire.fields()[0]
    valid = kind.is_valid(field_value(name, kind.width))
    found = [number(valid, {name: code}) for code in range(8)]
    assert found == [1, 1, 1, 1, 1, 0, 0, 0]


def test_a_channel_without_chunks_holds_none() -> None:
    wire = builder().channel("wire", 1, {Word.HELLO: {}, Word.BYE: {}})
    with pytest.raises(ModelError, match="channel wire carries no chunk"):
        wire.holds_chunk(DISK.domain.chunks[0])
