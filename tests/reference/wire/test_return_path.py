# SPDX-License-Identifier: GPL-2.0-or-later
"""Is the return path read and written as QEMU's is?"""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.errors import CorruptError, TruncatedError
from reference.wire.return_path import (
    BrokenReturn,
    OtherMessage,
    Pong,
    ReturnMessage,
    ReturnReader,
    Shut,
    encode_return,
)
from tests.reference.wire.captures import FOLDER, pieces

values = st.integers(0, 2**32 - 1)
messages: st.SearchStrategy[list[ReturnMessage]] = st.lists(
    st.one_of(
        st.builds(Shut, values),
        st.builds(Pong, values),
        st.builds(
            OtherMessage, st.integers(3, 0xFFFF), st.binary(max_size=40)
        ),
    ),
    max_size=6,
)


def test_the_capture() -> None:
    data = (FOLDER / "11-postcopy-full-7.2.rev.bin").read_bytes()
    reader = ReturnReader()
    found = reader.receive(data)
    assert found == [Pong(1), Shut(0)]
    assert reader.close() == []
    assert b"".join(map(encode_return, found)) == data


@given(messages, st.lists(st.integers(0, 400), max_size=5))
def test_round_trip(sent: list[ReturnMessage], cuts: list[int]) -> None:
    data = b"".join(map(encode_return, sent))
    reader = ReturnReader()
    found = []
    for fragment in pieces(data, cuts):
        reader = copy.deepcopy(reader)
        found += reader.receive(fragment)
    assert found == sent
    assert reader.close() == []
    assert reader.offset == len(data)


def test_wrong_length() -> None:
    reader = ReturnReader()
    good = encode_return(Pong(7))
    found = reader.receive(good + b"\0\2\0\3abc" + good)
    assert found[0] == Pong(7)
    assert len(found) == 2
    last = found[-1]
    assert isinstance(last, BrokenReturn)
    assert isinstance(last.error, CorruptError)
    assert last.error.offset == len(good)
    assert reader.receive(good) == []
    assert reader.close() == []
    with pytest.raises(ValueError, match="cannot be sent"):
        encode_return(last)


def test_truncated() -> None:
    reader = ReturnReader()
    assert reader.receive(encode_return(Shut())[:-1]) == []
    (last,) = reader.close()
    assert isinstance(last, BrokenReturn)
    assert isinstance(last.error, TruncatedError)
    assert reader.receive(b"x") == []
