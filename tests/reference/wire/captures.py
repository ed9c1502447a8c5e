# SPDX-License-Identifier: GPL-2.0-or-later
"""The captured streams, and what to compare of items."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from reference.wire.reader import MAX_BUFFER, StreamReader
from reference.wire.stream import ChunkItem, DevicePayload, Item

FOLDER = Path(__file__).resolve().parents[2] / "captures"


@attrs.frozen
class Capture:
    name: str
    path: Path
    forward: bytes
    truth: dict[str, Any]


def load(path: Path) -> Capture:
    name = path.name.removesuffix(".fwd.bin")
    truth = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return Capture(name, path, path.read_bytes(), truth)


CAPTURES = [load(path) for path in sorted(FOLDER.glob("*.fwd.bin"))]


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(edges)]


def read(
    fragments: Sequence[bytes | bytearray], limit: int = MAX_BUFFER
) -> list[Item]:
    reader = StreamReader(limit=limit)
    items: list[Item] = []
    for fragment in fragments:
        items += reader.receive(fragment)
        assert len(reader.kept) <= limit
    return items + reader.close()


def normal(items: list[Item]) -> list[Item]:
    """The same however the stream was cut: no runs, no split payloads."""
    found: list[Item] = []
    for item in items:
        last = found[-1] if found else None
        if isinstance(item, ChunkItem):
            found += item.split()
        elif isinstance(item, DevicePayload) and isinstance(
            last, DevicePayload
        ):
            raw = last.raw + item.raw
            found[-1] = attrs.evolve(last, raw=raw, end=item.end)
        else:
            found.append(item)
    return found
