# SPDX-License-Identifier: GPL-2.0-or-later
"""Does ``inspect`` show what a stream holds, whole or not?"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from reference.errors import FileError
from reference.inspect_stream import inspect
from reference.wire.chunks import Start
from reference.wire.writer import StreamWriter
from tests.reference.wire.captures import CAPTURES, Capture

every_capture = pytest.mark.parametrize(
    "capture", CAPTURES, ids=lambda capture: capture.name
)


def as_text(path: Path, code: int = 0) -> str:
    out = io.StringIO()
    assert inspect(path, False, out) == code
    return out.getvalue()


def as_json(path: Path, code: int = 0) -> dict[str, Any]:
    out = io.StringIO()
    assert inspect(path, True, out) == code
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


@every_capture
def test_json_is_the_truth(capture: Capture) -> None:
    found = as_json(capture.path)
    assert found["error"] is None
    truth = {bitmap["name"]: bitmap for bitmap in capture.truth["bitmaps"]}
    for bitmap in found["bitmaps"]:
        expected = truth.pop(bitmap["name"])
        for name in ("node", "granularity", "enabled", "persistent", "dirty"):
            assert bitmap[name] == expected[name]
        assert bitmap["complete"] is True
        assert bitmap["dropped"] is None
        assert bitmap["covered"] == expected["disk_size"]
    assert not truth
    chunks = [
        (f"db_{item['kind']}", item["start"], item["end"], item["flags"])
        for item in found["items"]
        if "node" in item
    ]
    assert chunks == [
        (item["kind"], item["start"], item["end"], item["flags"])
        for item in capture.truth["dirty_bitmap_items"]
    ]
    ends = [0, *(item["end"] for item in found["items"])]
    assert [item["start"] for item in found["items"]] == ends[:-1]
    assert ends[-1] == len(capture.forward)


@every_capture
def test_text_is_narrow_and_whole(capture: Capture) -> None:
    text = as_text(capture.path)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 72
    items, table = text.split("\n\n")
    shown = as_json(capture.path)
    offsets = {int(line.split()[0]) for line in items.splitlines()}
    chunks = {"start", "bits", "zeroes", "complete", "command"}
    for item in shown["items"]:
        if item["kind"] in chunks:
            assert item["start"] in offsets
    together = [line for line in items.splitlines() if " of ram, " in line]
    hidden = sum(3 * int(line.split()[2]) - 1 for line in together)
    assert len(items.splitlines()) + hidden == len(shown["items"])
    rows = table.splitlines()[1:-1]
    for row, bitmap in zip(rows, shown["bitmaps"], strict=True):
        name, granularity, flags, covered, dirty = row.split()
        assert name == f"{bitmap['node']}/{bitmap['name']}"
        assert int(granularity) == bitmap["granularity"]
        assert ("e" in flags) == bitmap["enabled"]
        assert ("p" in flags) == bitmap["persistent"]
        assert ("c" in flags) == bitmap["complete"]
        assert int(covered) == bitmap["covered"]
        assert int(dirty) == sum(length for _, length in bitmap["dirty"])


def test_text_of_a_postcopy_stream() -> None:
    text = as_text(CAPTURES[1].path)
    for line in (
        "        0  header         version 3",
        "     2039  package-begin  bytes 192",
        "     2235    command        POSTCOPY_RUN",
        "     2245  bits           drive0/b0, sectors 0+131072, bytes 128",
        "drive0/b0                      65536    e-c      67108864"
        "        262144",
    ):
        assert line in text.splitlines()


def test_a_cut_stream_is_shown_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    path.write_bytes(CAPTURES[1].forward[:2300])
    found = as_json(path, 75)
    assert found["error"] == {
        "class": "TruncatedError",
        "text": "the stream ends in: chunks of a dirty-bitmap section",
        "offset": 2245,
    }
    assert found["items"][-1]["end"] == 2245
    (bitmap,) = found["bitmaps"]
    assert bitmap["complete"] is False
    assert "broken stream" in bitmap["dropped"]
    text = as_text(path, 75)
    assert "\n  lost: broken stream" in text
    assert text.splitlines()[-1].startswith("TruncatedError at 2245: ")


def test_a_corrupt_stream(tmp_path: Path) -> None:
    path = tmp_path / "corrupt"
    path.write_bytes(b"not a stream")
    assert as_json(path, 75)["error"]["class"] == "CorruptError"
    assert as_text(path, 75).startswith("\nCorruptError at 0: magic")
    path.write_bytes(b"")
    assert as_json(path, 75)["error"]["class"] == "TruncatedError"


def test_names_cannot_command_the_terminal(tmp_path: Path) -> None:
    writer = StreamWriter()
    path = tmp_path / "stream"
    path.write_bytes(
        writer.header()
        + writer.command(77, bytes(60000))
        + writer.section_start("dirty-bitmap")
        + writer.chunk(Start("n\x1b[2J", "b" * 255, 512))
        + writer.end_of_section()
        + writer.footer()
        + writer.section_full("evil\x1b\n", 0, 1, b"")
        + writer.footer()
        + writer.end_of_stream()
    )
    text = as_text(path)
    assert "\x1b" not in text
    assert "n\\x1b[2J/bbb" in text
    assert max(map(len, text.split("\n\n")[0].splitlines())) < 100
    assert as_json(path)["bitmaps"][0]["node"] == "n\x1b[2J"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file"):
        as_text(tmp_path / "missing")
    with pytest.raises(FileError, match="Is a directory"):
        as_text(tmp_path)
