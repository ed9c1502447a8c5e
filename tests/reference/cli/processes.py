# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m reference`` as processes; what it has written, as values."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from attrs import define, frozen

from reference.bitmap import DirtyBitmap, load, save
from reference.protocol.tables import Design

LONG = 60  # seconds; only so that nothing hangs for ever
SIZE = 64 << 20
GRANULARITY = 512
ROOT = Path(__file__).resolve().parents[3]


@frozen
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def shown(self) -> dict[str, Any]:
        """What ``--format json`` has printed."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def lines(self) -> list[str]:
        """Of standard error, without where it has listened."""
        return [
            line
            for line in self.err.splitlines()
            if not line.startswith("reference: listening on ")
        ]


@define
class Running:
    """A process under way."""

    process: subprocess.Popen[str]

    def end(self) -> Ended:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=LONG)
        return Ended(self.process.returncode, out, err)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


def start(place: Path, *arguments: object) -> Running:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    process = subprocess.Popen(
        [sys.executable, "-m", "reference", *map(str, arguments)],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return Running(process)


@define
class Server:
    """A destination that listens."""

    running: Running
    address: str
    said: str

    @classmethod
    def start(
        cls, place: Path, *arguments: object, at: str = "unix:s"
    ) -> Server:
        (place / "out").mkdir(exist_ok=True)
        node = f"d:{SIZE}"
        running = start(
            place,
            *("serve", "--listen", at, "--node", node, "--out", "out"),
            *("--record", "there", "--format", "json"),
            *arguments,
        )
        assert running.process.stderr is not None
        said = running.process.stderr.readline()
        assert said.startswith("reference: listening on "), said
        return cls(running, said.split()[-1], said)

    def end(self) -> Ended:
        return self.running.end()


def source(place: Path, at: str, *arguments: object) -> Running:
    (place / "kept").mkdir(exist_ok=True)
    return start(
        place,
        *("send", "--to", at, "b.json", "--record", "here", "--save", "kept"),
        *("--format", "json", "--log", "log"),
        *arguments,
    )


DESIGNS = pytest.mark.parametrize("design", [each.value for each in Design])


def make_bitmap(place: Path, **flags: bool) -> DirtyBitmap:
    """``b.json``: a bitmap with dirty granules in each of its 16 chunks."""
    bitmap = DirtyBitmap.create("b", SIZE, GRANULARITY, **flags)
    for chunk in range(16):
        bitmap.mark(chunk * 8192 + chunk * 3, 2 * chunk + 1)
    save(bitmap, place / "b.json", "d")
    return bitmap


def little(design: str, chunks: int) -> tuple[str, int]:
    """The downtime limit of live; stop-copy's has to allow all 16.

    With a pass it has to allow what a guest changes after it.
    """
    if design == "stop-copy-bulk" and chunks:
        return "--downtime-chunks", 16
    return "--downtime-chunks", 16 if design == "stop-copy" else chunks


def wait_for_lines(path: Path, count: int, running: Running) -> None:
    """Until a log has so many lines, or its process has ended."""
    while running.process.poll() is None:
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.002)


def missing(
    place: Path, bitmap: DirtyBitmap, before: DirtyBitmap, *records: str
) -> int:
    """Granules that were written and are not set in ``bitmap``."""
    truth = before.bits.copy()
    for name in records:
        if not (place / name).exists():
            continue
        for line in (place / name).read_text().splitlines():
            write = json.loads(line)
            first = write["offset"] // GRANULARITY
            truth.set(first, -(-write["length"] // GRANULARITY))
    return int((truth.words & ~bitmap.bits.words).any())


def arrived(place: Path) -> DirtyBitmap | None:
    path = place / "out" / "d+b.json"
    return load(path) if path.exists() else None


def kept(place: Path) -> DirtyBitmap | None:
    path = place / "kept" / "d+b.json"
    return load(path) if path.exists() else None
