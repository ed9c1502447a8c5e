# SPDX-License-Identifier: GPL-2.0-or-later
"""Two processes migrate a bitmap file while guests write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reference.bitmap import DirtyBitmap, load, save
from reference.disk import FileDisk
from tests.reference.cli.processes import (
    DESIGNS,
    GRANULARITY,
    SIZE,
    Server,
    arrived,
    kept,
    little,
    make_bitmap,
    missing,
    source,
    start,
)

TCP = "tcp:127.0.0.1:0"


@DESIGNS
def test_idle(design: str, tmp_path: Path) -> None:
    bitmap = make_bitmap(tmp_path, persistent=True)
    server = Server.start(tmp_path, "--design", design)
    sent = source(
        tmp_path,
        server.address,
        *("--design", design, *little(design, 0)),
    ).end()
    received = server.end()
    assert (sent.code, received.code) == (0, 0)
    assert sent.lines == received.lines == []
    (shown,) = sent.shown["bitmaps"]
    assert shown["bitmap"] == "d/b"
    assert shown["verdict"].startswith("sent")
    assert received.shown["bitmaps"] == [
        {"bitmap": "d/b", "verdict": "arrived", "file": "out/d+b.json"}
    ]
    assert sent.shown["bytes"] == received.shown["bytes"]
    found = arrived(tmp_path)
    assert found == bitmap
    assert kept(tmp_path) is None
    few = sent.shown["stopped_bytes"]
    assert (few > 10_000) == (design == "stop-copy")


@DESIGNS
@pytest.mark.parametrize("at", ["unix:s", TCP])
def test_writing(design: str, at: str, tmp_path: Path) -> None:
    before = make_bitmap(tmp_path)
    file = (tmp_path / "b.json").read_bytes()
    (tmp_path / "disk").write_bytes(b"")
    with (tmp_path / "disk").open("r+b") as disk:
        disk.truncate(SIZE)
    guest = ("--writes", "5000/s", "--disk", "d=disk", "--design", design)
    server = Server.start(tmp_path, *guest, "--write-count", 50, at=at)
    sent = source(
        tmp_path,
        server.address,
        *guest,
        *("--seed", 7, *little(design, 2), "--switchover-after", 0.1),
    ).end()
    received = server.end()
    assert (sent.code, received.code) == (0, 0)
    found = arrived(tmp_path)
    assert found is not None and found.recording and not found.busy
    assert missing(tmp_path, found, before, "here", "there") == 0
    records = [
        json.loads(line)
        for name in ("here", "there")
        for line in (tmp_path / name).read_text().splitlines()
    ]
    assert len(records) == sent.shown["writes"] + 50
    # exact: nothing is dirty that nobody has written
    truth = before.bits.copy()
    image = FileDisk(tmp_path / "disk")
    for write in records:
        truth.set(write["offset"] // GRANULARITY, 4096 // GRANULARITY)
        assert any(image.read(write["offset"], 4096))
    assert truth == found.bits
    # the source's file is not the source's business any more
    assert (tmp_path / "b.json").read_bytes() == file


@DESIGNS
def test_names_flags_raw_files_and_aliases(
    design: str, tmp_path: Path
) -> None:
    for name, node in (("x/y", "a"), ("ü", "a"), ("left", "b")):
        bitmap = DirtyBitmap.create(name, 5_000_001, 65536, recording=False)
        bitmap.mark(3, 9)
        save(bitmap, tmp_path / f"{ord(name[0])}.json", node)
    raw = DirtyBitmap.create("raw", SIZE, 4096)
    raw.mark(70, 1000)
    save(raw, tmp_path / "raw.bin")
    (tmp_path / "out").mkdir()
    server = Server.start(
        tmp_path,
        *("--node", "A:5000001", "--design", design, "--raw"),
        *("--alias", "A/x/y=1/2", "--alias", "A/z=1/3"),
        *("--alias", "d/raw=d/raw"),
    )
    sent = start(
        tmp_path,
        *("send", "--to", "unix:s", "120.json", "252.json", "108.json"),
        *("raw.bin", "--node", "d", "--disk-size", "64M"),
        *("--granularity", "4K", "--design", design),
        *("--alias", "a/x/y=1/2", "--alias", "a/ü=1/3"),
        *("--alias", "d/raw=d/raw"),
    ).end()
    received = server.end()
    assert sent.code == 0, sent.err
    assert received.code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "A+x%2Fy.bin",
        "A+z.bin",
        "d+raw.bin",
    ]
    assert load(tmp_path / "out" / "d+raw.bin", SIZE, 4096).bits == raw.bits
    found = load(tmp_path / "out" / "A+z.bin", 5_000_001, 65536)
    assert found.dirty_ranges() == [(3 * 65536, 9 * 65536)]


def test_text(tmp_path: Path) -> None:
    make_bitmap(tmp_path)
    (tmp_path / "out").mkdir()
    server = Server.start(tmp_path, "--format", "text", "--progress")
    sent = source(tmp_path, "unix:s", "--format", "text", "--progress").end()
    received = server.end()
    assert sent.out.splitlines()[:3] == [
        "source, postcopy: completed",
        "  d/b         sent, the destination knows whether it arrived",
        "  chunks      16 sent, of 16",
    ]
    assert received.out.splitlines()[:3] == [
        "destination, postcopy: completed",
        "  d/b         arrived, out/d+b.json",
        "  chunks      16",
    ]
    assert "16 of 16 chunks" in sent.err
    for text in (sent.out, received.out):
        assert all(len(line) < 80 for line in text.splitlines())


def test_serve_goes_on_after_a_failed_attempt(tmp_path: Path) -> None:
    before = make_bitmap(tmp_path)
    server = Server.start(tmp_path)
    other = source(
        tmp_path,
        server.address,
        *("--design", "live", "--switchover-after", 1000),
    ).end()
    assert other.code == 74
    assert other.shown["bitmaps"] == [
        {"bitmap": "d/b", "verdict": "kept", "file": "kept/d+b.json"}
    ]
    assert kept(tmp_path) == before
    again = source(tmp_path, server.address).end()
    received = server.end()
    assert (again.code, received.code) == (0, 0)
    assert received.lines == [
        "reference: StreamError: the source uses live or stop-copy, this "
        "destination waits for postcopy"
    ]
    assert received.shown["attempts"] == 2
    assert arrived(tmp_path) == before


def test_once(tmp_path: Path) -> None:
    make_bitmap(tmp_path)
    server = Server.start(tmp_path, "--once")
    failed = source(tmp_path, server.address, "--design", "stop-copy").end()
    received = server.end()
    assert failed.code in (71, 74)
    assert received.code == 74
    assert arrived(tmp_path) is None


@pytest.mark.parametrize(
    ("design", "codes"),
    [
        ("postcopy", (0, 70)),
        ("postcopy-ones", (0, 70)),
        ("stop-copy", (0, 70)),
        ("stop-copy-bulk", (0, 70)),
        ("live", (74, 74)),
    ],
)
def test_a_bitmap_of_another_disk(
    design: str, codes: tuple[int, int], tmp_path: Path
) -> None:
    save(DirtyBitmap.create("b", 1 << 30), tmp_path / "b.json", "d")
    server = Server.start(tmp_path, "--design", design, "--once")
    sent = source(
        tmp_path, server.address, "--design", design, "--rate", "1M"
    ).end()
    received = server.end()
    assert received.code == codes[1]
    assert len(received.lines) == 1
    assert arrived(tmp_path) is None
    if design != "live":
        assert sent.code == codes[0]
        assert received.shown["bitmaps"][0]["verdict"] == "lost"


def test_stop_copy_that_would_never_stop_is_refused(tmp_path: Path) -> None:
    make_bitmap(tmp_path)
    sent = source(
        tmp_path,
        "unix:nobody",
        *("--design", "stop-copy", "--downtime-chunks", 15),
    ).end()
    assert sent.code == 151
    assert sent.lines == [
        "reference: BitmapError: stop-copy sends 16 chunks while the VM is "
        "stopped, the downtime limit allows 15: the VM would never stop"
    ]
