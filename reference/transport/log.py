# SPDX-License-Identifier: GPL-2.0-or-later
"""What happened, one JSON object a line.

The rule: the first line says who writes and about what; a line is in the
file before the next step is taken, so that a killed process leaves all but
its last.  A log that cannot be written ends, the migration goes on.  QEMU's
counterpart: its trace events.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any, Self

from attrs import define

from reference.bitmap import DirtyBitmap
from reference.errors import FileError
from reference.events import Event
from reference.protocol.tables import Design
from reference.wire import geometry

VERSION = 1
MOST_DIRTY = 100_000  # granules; of more a header says nothing


def bitmap_fields(
    label: str, bitmap: DirtyBitmap, chunk_bytes: int
) -> dict[str, Any]:
    """What a log says of a bitmap; sizes in bytes unless they say granules."""
    each = geometry.granules_per_chunk(bitmap.granularity, chunk_bytes)
    chunks = geometry.chunk_count(
        bitmap.disk_size, bitmap.granularity, chunk_bytes
    )
    few = bitmap.bits.count() <= MOST_DIRTY
    return {
        "bitmap": label,
        "granularity": bitmap.granularity,
        "disk_size": bitmap.disk_size,
        "granules": bitmap.granules,
        "chunk_granules": each,
        "chunks": chunks,
        "dirty": bitmap.dirty_ranges() if few else None,
    }


@define
class Log:
    """An NDJSON file; ``failure`` says why it has ended early, or ''."""

    file: IO[str]
    failure: str = ""

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new log; FileError if there cannot be one."""
        try:
            return cls(path.open("w", buffering=1, encoding="utf-8"))
        except OSError as error:
            raise FileError(f"{path}: {error.strerror}") from error

    def header(
        self,
        role: str,
        design: Design,
        bitmaps: list[dict[str, Any]],
        **more: Any,
    ) -> None:
        """The first line of an attempt."""
        self.line(
            {
                "event": "header",
                "version": VERSION,
                "role": role,
                "design": design.value,
                "bitmaps": bitmaps,
                **more,
            }
        )

    def event(self, event: Event) -> None:
        """A step that was taken."""
        self.line(event.as_dict())

    def line(self, fields: dict[str, Any]) -> None:
        """Any other line."""
        if self.failure:
            return
        try:
            self.file.write(json.dumps(fields) + "\n")
        except OSError as error:
            self.failure = error.strerror or str(error)

    def close(self) -> None:
        """Nothing more is logged."""
        try:
            self.file.close()
        except OSError as error:
            self.failure = self.failure or error.strerror or str(error)
