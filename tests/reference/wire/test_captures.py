# SPDX-License-Identifier: GPL-2.0-or-later
"""Is what QEMU sent read as what QEMU had, and written as QEMU wrote it?"""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.wire.bits import BitsRun
from reference.wire.chunks import Complete, Start
from reference.wire.fold import Fold
from reference.wire.reader import StreamReader
from reference.wire.stream import (
    ChunkItem,
    Command,
    Configuration,
    EndOfStream,
    Header,
    Item,
    PackageBegin,
    SectionEnd,
    SectionKind,
    SectionPart,
    SectionStart,
    VmDescription,
)
from reference.wire.writer import StreamWriter
from tests.reference.wire.captures import CAPTURES, Capture, normal, read
from tests.reference.wire.captures import pieces as cut

KINDS: list[tuple[type[Any], str]] = [
    (Header, "header"),
    (Configuration, "config"),
    (Command, "cmd"),
    (PackageBegin, "pkg_hdr"),
    (SectionEnd, "sec_end"),
    (SectionPart, "sec_part"),
    (EndOfStream, "eof"),
    (VmDescription, "vmdesc"),
]
every_capture = pytest.mark.parametrize(
    "capture", CAPTURES, ids=lambda capture: capture.name
)


def test_the_captures_are_here() -> None:
    assert [capture.name[:2] for capture in CAPTURES] == (
        ["01", "02", "05", "06", "08", "11"]
    )
    for capture in CAPTURES:
        digest = hashlib.sha256(capture.forward).hexdigest()
        assert digest == capture.truth["sha256_forward"]


def cuts_of(step: int, size: int) -> list[int]:
    return list(range(step, size, step)) if step else []


@every_capture
@pytest.mark.parametrize("step", [0, 1, 2, 13, 1000])
def test_folds_into_the_truth(capture: Capture, step: int) -> None:
    fold = Fold()
    cuts = cuts_of(step, len(capture.forward))
    fold.add(read(cut(capture.forward, cuts)))
    assert fold.error is None
    assert fold.finished
    assert not fold.cancelled
    assert fold.running == (capture.truth["mode"] == "post")
    truth = {bitmap["name"]: bitmap for bitmap in capture.truth["bitmaps"]}
    assert {name for _, name in fold.bitmaps} == set(truth)
    for bitmap in fold.bitmaps.values():
        expected = truth[bitmap.name]
        assert bitmap.node == expected["node"]
        assert bitmap.granularity == expected["granularity"]
        assert bitmap.enabled == expected["enabled"]
        assert bitmap.persistent == expected["persistent"]
        assert bitmap.complete
        assert not bitmap.dropped
        assert bitmap.covered_bytes == expected["disk_size"]
        assert [list(extent) for extent in bitmap.dirty()] == expected["dirty"]
        assert bitmap.sha256() == expected["sha256_last_level"]
    order = [(fold["node"], fold["bitmap"]) for fold in seen(capture)]
    assert list(fold.bitmaps) == order


def seen(capture: Capture) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = capture.truth["stream_fold"]
    return found


def marker(item: Item) -> dict[str, Any] | None:
    kind = next((name for cls, name in KINDS if type(item) is cls), None)
    found: dict[str, Any] = {"start": item.offset, "end": item.end}
    match item:
        case SectionStart():
            full = item.kind is SectionKind.FULL
            kind = "sec_full" if full else "sec_start"
            found |= {"id": item.id, "idstr": item.idstr, "ver": item.version}
            found["instance"] = item.instance
        case SectionPart() | SectionEnd():
            found |= {"id": item.id, "idstr": item.idstr}
        case Configuration():
            found["name"] = item.machine
        case Header():
            found["version"] = item.version
        case Command():
            name = getattr(item.kind, "name", "unknown")
            found |= {"cmd": name, "data": item.data.hex()}
        case PackageBegin():
            found |= {"cmd": "PACKAGED", "length": item.length}
        case VmDescription():
            found["length"] = len(item.text)
    if item.packaged:
        found["pkg"] = True
    return {"kind": kind, **found} if kind else None


@every_capture
def test_everything_is_where_it_should_be(capture: Capture) -> None:
    items = read([capture.forward])
    markers = [
        found
        for item in items
        if (found := marker(item)) and found.get("idstr") != "ram"
    ]
    assert markers == capture.truth["markers"]
    at = 0
    for item in items:
        assert item.offset == at
        at = item.end
    assert at == len(capture.forward)


@every_capture
def test_every_chunk_is_what_and_where_it_should_be(capture: Capture) -> None:
    chunks = [
        item
        for item in normal(read([capture.forward]))
        if isinstance(item, ChunkItem)
    ]
    truth = capture.truth["dirty_bitmap_items"]
    for item, expected in zip(chunks, truth, strict=True):
        chunk = item.chunk
        assert (item.offset, item.end) == (expected["start"], expected["end"])
        assert item.flags == expected["flags"]
        assert isinstance(chunk, Start | BitsRun | Complete)
        assert chunk.node == expected["node"]
        assert chunk.bitmap == expected["bitmap"]
        if isinstance(chunk, Start):
            assert expected["kind"] == "db_start"
            assert chunk.granularity == expected["granularity"]
            assert chunk.enabled == expected["enabled"]
            assert chunk.persistent == expected["persistent"]
        elif isinstance(chunk, BitsRun):
            zeroes = chunk.data is None
            assert expected["kind"] == ("db_zeroes" if zeroes else "db_bits")
            assert chunk.first_sector == expected["sector"]
            assert chunk.sectors == expected["nr"]
            assert chunk.bytes_per_chunk == expected.get("bufsize", 0)
        else:
            assert expected["kind"] == "db_complete"


@every_capture
@pytest.mark.parametrize("step", [0, 1, 700])
def test_is_written_as_it_was(capture: Capture, step: int) -> None:
    cuts = cuts_of(step, len(capture.forward))
    writer = StreamWriter()
    again = [writer.item(item) for item in read(cut(capture.forward, cuts))]
    assert b"".join(again) == capture.forward


@given(st.sampled_from(CAPTURES), st.lists(st.integers(0, 7000), max_size=9))
def test_fragments_do_not_matter(capture: Capture, cuts: list[int]) -> None:
    whole = normal(read([capture.forward]))
    assert normal(read(cut(capture.forward, cuts))) == whole


@given(
    st.sampled_from(CAPTURES),
    st.integers(0, 7000),
    st.sampled_from([1, 50, 10000]),
)
def test_a_copied_reader_goes_on_alike(
    capture: Capture, place: int, step: int
) -> None:
    place %= len(capture.forward)
    reader = StreamReader()
    reader.receive(capture.forward[:place])
    other = copy.deepcopy(reader)
    rest = capture.forward[place:]
    found = []
    for one in (reader, other):
        items: list[Item] = []
        for fragment in cut(rest, cuts_of(step, len(rest))):
            items += one.receive(fragment)
        found.append(items + one.close())
        assert one.finished
    assert found[0] == found[1]


@every_capture
def test_truncated_anywhere(capture: Capture) -> None:
    """A cut is told from a clean end, wherever it is."""
    ends = {
        item.end
        for item in read([capture.forward])
        if isinstance(item, EndOfStream | VmDescription)
    }
    reader = StreamReader()
    for at, byte in enumerate(capture.forward):
        fold, rest = Fold(), copy.deepcopy(reader)
        fold.add(rest.close())
        assert (fold.error is None) == (at in ends) == reader.finished
        reader.receive(bytes([byte]))
    assert reader.finished
    assert reader.close() == []
    assert reader.receive(b"more") == []
