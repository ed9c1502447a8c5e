# SPDX-License-Identifier: GPL-2.0-or-later
"""Do bitmap files come back as they were, and are others refused?"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.bitmap import DirtyBitmap, load, load_with_node, save
from reference.errors import FileError
from tests.reference.bitmap.oracle import ranges, words_of

DISKS = (0, 1, 512 * 64, 512 * 64 + 1, 512 * 8192 * 2 + 99)
GOOD: dict[str, Any] = {
    "node": "drive0",
    "name": "b0",
    "disk_size": 200_000,
    "granularity": 65536,
    "enabled": False,
    "persistent": True,
    "dirty": [[0, 65536], [131072, 68928]],
}


def refuse(path: Path, *arguments: Any) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(FileError) as caught:
        load(path, *arguments)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < len(str(path)) + 250
    return text


@given(
    st.sampled_from(DISKS),
    st.booleans(),
    st.booleans(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.data(),
)
def test_json_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    disk: int,
    recording: bool,
    persistent: bool,
    node: str,
    data: st.DataObject,
) -> None:
    bitmap = DirtyBitmap.create(
        node or "b", disk, 512, recording=recording, persistent=persistent
    )
    for first, count in data.draw(st.lists(ranges(bitmap.granules))):
        bitmap.mark(first, count)
    path = tmp_path_factory.getbasetemp() / "round.json"
    save(bitmap, path, node)
    assert load_with_node(path) == (node, bitmap)
    assert load(path, disk, 512, bitmap.name) == bitmap


@given(st.sampled_from(DISKS), st.data())
def test_raw_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    disk: int,
    data: st.DataObject,
) -> None:
    bitmap = DirtyBitmap.create("round", disk, 512)
    dirty = set[int]()
    for first, count in data.draw(st.lists(ranges(bitmap.granules))):
        bitmap.mark(first, count)
        dirty |= set(range(first, first + count))
    path = tmp_path_factory.getbasetemp() / "round.bin"
    save(bitmap, path)
    assert path.read_bytes() == words_of(dirty, bitmap.granules)
    assert load(path, disk, 512) == bitmap
    assert load_with_node(path, disk, 512, "x")[0] == ""
    assert load(path, disk, 512, "x").name == "x"


def test_json_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "b.JSON"
    path.write_text(json.dumps(GOOD))
    node, bitmap = load_with_node(path)
    assert node == "drive0"
    assert bitmap.query() == {
        "name": "b0",
        "granularity": 65536,
        "count": 3 * 65536,
        "recording": False,
        "busy": False,
        "persistent": True,
        "inconsistent": False,
        "degraded": False,
    }
    assert bitmap.dirty_ranges() == [(0, 65536), (131072, 68928)]


def test_what_may_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    optional = {"node", "enabled", "persistent"}
    path.write_text(
        json.dumps({k: v for k, v in GOOD.items() if k not in optional})
    )
    node, bitmap = load_with_node(path)
    assert (node, bitmap.recording, bitmap.persistent) == ("", True, False)


def test_json_as_written(tmp_path: Path) -> None:
    bitmap = DirtyBitmap.create("b0", 200_000)
    save(bitmap, tmp_path / "clean.json")
    bitmap.record(0, 1)
    bitmap.record(199_999, 1)
    save(bitmap, tmp_path / "b.json", "drive0")
    assert (tmp_path / "b.json").read_text() == (
        '{\n  "node": "drive0",\n  "name": "b0",\n  "disk_size": 200000,\n'
        '  "granularity": 65536,\n  "enabled": true,\n'
        '  "persistent": false,\n  "dirty": [\n    [0, 65536],\n'
        "    [196608, 3392]\n  ]\n}\n"
    )
    assert '  "dirty": []\n}\n' in (tmp_path / "clean.json").read_text()


def test_many_ranges(tmp_path: Path) -> None:
    bitmap = DirtyBitmap.create("b", 512 * 20_000, 512)
    bitmap.load(0, 20_000, b"\x55" * 2504)
    save(bitmap, tmp_path / "b.json")
    assert load(tmp_path / "b.json") == bitmap


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"other": 1}, 'unknown key "other"; allowed are name, disk_size'),
        ({"name": None}, "'name' is null; it must be a string"),
        ({"name": ""}, "the bitmap name '' has 0 bytes"),
        ({"name": "x" * 9999}, "has 9999 bytes; a migration carries 1 to 255"),
        ({"name": "\ud800"}, "cannot be written as UTF-8"),
        ({"node": "\ud800"}, "cannot be written as UTF-8"),
        ({"node": "x" * 256}, "the node name has 256 bytes"),
        ({"node": 3}, "'node' is 3; it must be a string"),
        ({"enabled": 1}, "'enabled' is 1; it must be true or false"),
        ({"persistent": "no"}, "it must be true or false"),
        ({"disk_size": True}, "'disk_size' is true; it must be an integer"),
        ({"disk_size": 2e5}, "'disk_size' is 200000.0; it must be an integer"),
        ({"disk_size": -1}, "a disk of -1 bytes"),
        ({"disk_size": 10**4000}, "; at most 9223372036854775807 is possible"),
        ({"granularity": 0}, "granularity 0; a power of two"),
        ({"granularity": 1000}, "granularity 1000; a power of two"),
        ({"disk_size": 1 << 62, "granularity": 512}, "granules; 0 to"),
        ({"dirty": {}}, "'dirty' is {}; it must be a list of ranges"),
        ({"dirty": [3]}, "range 0, 3, is not [offset, length] in bytes"),
        ({"dirty": [[0]]}, "range 0, [0], is not [offset, length]"),
        ({"dirty": [[0, True]]}, "is not [offset, length]"),
        ({"dirty": [[0, 65536.0]]}, "is not [offset, length]"),
        ({"dirty": [[-65536, 65536]]}, "needs an offset of at least 0"),
        ({"dirty": [[0, 0]]}, "a length of at least 1"),
        ({"dirty": [[0, 200_001]]}, "beyond the disk's 200000 bytes"),
        ({"dirty": [[1 << 80, 65536]]}, "beyond the disk's 200000 bytes"),
        ({"dirty": [[512, 65024]]}, "not made of whole granules of 65536"),
        ({"dirty": [[0, 512]]}, "not made of whole granules of 65536"),
        ({"dirty": [[0, 65536], [0, 65536]]}, "range 1, [0, 65536], overlaps"),
        ({"dirty": [[65536, 65536], [0, 65536]]}, "is out of order"),
    ],
)
def test_bad_values(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    path = tmp_path / "b.json"
    path.write_text(json.dumps({**GOOD, **change}))
    assert reason in refuse(path)


@pytest.mark.parametrize("key", ["name", "disk_size", "granularity", "dirty"])
def test_missing_keys(tmp_path: Path, key: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(json.dumps({k: v for k, v in GOOD.items() if k != key}))
    assert f"the key '{key}' is missing" in refuse(path)


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "is not valid JSON: Expecting value"),
        (b"{", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON: nested too deep"),
        (b"\xff\xfe\xff", "is not valid JSON"),
        (b"\x80", "is not valid JSON"),
        (b'{"name": %s}' % (b"9" * 9999), "is not valid JSON"),
        (b"[]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b'{"name": "a", "name": "b"}', 'has the key "name" twice'),
        (b'{"\\n": 1}', 'unknown key "\\n"'),
    ],
)
def test_not_the_json_of_a_bitmap(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(content)
    assert reason in refuse(path)


@given(st.binary(max_size=80))
def test_any_bytes_as_json(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(content)
    refuse(path)


values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([0, 512, 65536, 200_000]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "other"]), values))
def test_any_values(
    tmp_path_factory: pytest.TempPathFactory, change: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "values.json"
    path.write_text(json.dumps({**GOOD, **change}))
    try:
        load(path)
    except FileError as error:
        assert str(error).isprintable()


@pytest.mark.parametrize(
    "arguments, reason",
    [
        ((200_001, None, None), "'disk_size' is 200000, but 200001 was asked"),
        ((None, 512, None), "'granularity' is 65536, but 512 was asked for"),
        ((None, None, "b1"), '\'name\' is "b0", but "b1" was asked for'),
    ],
)
def test_contradictions(
    tmp_path: Path, arguments: tuple[Any, ...], reason: str
) -> None:
    path = tmp_path / "b.json"
    path.write_text(json.dumps(GOOD))
    assert reason in refuse(path, *arguments)


@pytest.mark.parametrize(
    "size, reason",
    [
        (0, "has 0 bytes; the bitmap's 100 granules take 16"),
        (15, "has 15 bytes"),
        (17, "has more than 16 bytes"),
        (1 << 20, "has more than 16 bytes"),
    ],
)
def test_raw_files_of_another_size(
    tmp_path: Path, size: int, reason: str
) -> None:
    path = tmp_path / "b.bin"
    path.write_bytes(bytes(size))
    assert reason in refuse(path, 100 * 512, 512)


@pytest.mark.parametrize("granules", [0, 100])
def test_raw_files_with_bits_past_the_end(
    tmp_path: Path, granules: int
) -> None:
    path = tmp_path / "b.bin"
    content = bytearray(words_of(set(), granules))
    content[-1] = 0x80
    path.write_bytes(content)
    assert "must be zero" in refuse(path, granules * 512, 512)


def test_raw_files_need_sizes(tmp_path: Path) -> None:
    path = tmp_path / "b.bin"
    path.write_bytes(bytes(8))
    assert "both must be given" in refuse(path)
    assert "both must be given" in refuse(path, 512)
    assert "both must be given" in refuse(path, None, 512)
    assert "a power of two" in refuse(path, 512, 513)
    assert "has 0 bytes" in refuse(path, 512, 512, "")


@pytest.mark.parametrize("suffix", [".json", ".bin"])
def test_what_cannot_be_opened(tmp_path: Path, suffix: str) -> None:
    sizes = (512, 512, "b")
    missing = tmp_path / f"b{suffix}"
    assert "cannot be read: No such file" in refuse(missing, *sizes)
    missing.mkdir()
    refuse(missing, *sizes)
    with pytest.raises(FileError, match="exists and is not a regular file"):
        save(DirtyBitmap.create("b", 512), missing)
    pipe = tmp_path / f"pipe{suffix}"
    os.mkfifo(pipe)
    assert "is not a regular file" in refuse(pipe, *sizes)
    with pytest.raises(FileError, match="exists and is not a regular file"):
        save(DirtyBitmap.create("b", 512), pipe)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    loop = tmp_path / f"loop{suffix}"
    loop.symlink_to(loop)
    refuse(loop, *sizes)
    with pytest.raises(FileError):
        save(DirtyBitmap.create("b", 512), loop)
    nowhere = tmp_path / "none" / f"b{suffix}"
    with pytest.raises(FileError, match="cannot be written: No such file"):
        save(DirtyBitmap.create("b", 512), nowhere)
    odd = tmp_path / f"\0\n{suffix}"
    refuse(odd, *sizes)
    with pytest.raises(FileError, match="cannot be written") as caught:
        save(DirtyBitmap.create("b", 512), odd)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("suffix", [".json", ".bin"])
def test_save_replaces_as_a_whole(tmp_path: Path, suffix: str) -> None:
    target, link = tmp_path / f"b{suffix}", tmp_path / f"link{suffix}"
    link.symlink_to(target)
    bitmap = DirtyBitmap.create("b", 1 << 20)
    save(bitmap, link)
    bitmap.record(0, 1)
    opened = target.open("rb")
    with opened:
        save(bitmap, link)
        old = opened.read()
    assert link.is_symlink()
    assert load(target, 1 << 20, 65536, "b") == bitmap
    assert old != target.read_bytes()
    assert sorted(tmp_path.iterdir()) == sorted([target, link])


def test_nothing_is_left_behind_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    target = tmp_path / "b.json"
    target.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="No space left on device"):
        save(DirtyBitmap.create("b", 512), target)
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_text() == "old"


@pytest.mark.parametrize("suffix", [".json", ".bin"])
def test_what_is_not_all_that_is_dirty_is_not_saved(
    tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"b{suffix}"
    bitmap = DirtyBitmap.create("b", 512)
    bitmap.create_successor()
    with pytest.raises(FileError, match="has a successor"):
        save(bitmap, target)
    bitmap.reclaim()
    bitmap.inconsistent = True
    with pytest.raises(FileError, match="is inconsistent"):
        save(bitmap, target)
    assert not target.exists()


def test_nameless_bitmaps_are_not_saved_as_json(tmp_path: Path) -> None:
    bitmap = DirtyBitmap.create("b", 512)
    bitmap.name = ""
    with pytest.raises(FileError, match="has 0 bytes"):
        save(bitmap, tmp_path / "b.json")
    save(bitmap, tmp_path / "b.bin")
    assert [path.name for path in tmp_path.iterdir()] == ["b.bin"]


def test_bad_node_names_are_not_saved(tmp_path: Path) -> None:
    for node in ("\ud800", "x" * 256):
        with pytest.raises(FileError, match="the node name"):
            save(DirtyBitmap.create("b", 512), tmp_path / "b.json", node)
    assert not list(tmp_path.iterdir())
