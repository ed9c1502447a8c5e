# SPDX-License-Identifier: GPL-2.0-or-later
"""The file that keeps what a campaign has found so far.

The rule: a result is written down the moment it is known, one line each, so
that a campaign that is stopped loses nothing and goes on later.  A line that
names two builds says whose results follow, so that one file holds those of
several.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self, TextIO

import attrs

from checker.input.errors import BadFileError, InputError
from checker.qemu.campaign.result import Result
from checker.qemu.harness.binary import Build
from checker.qemu.harness.builds import Builds

_FORMAT: Final = 1


def _heading(builds: Builds) -> dict[str, Any]:
    """Return the line that stands before the results of these builds."""
    return {
        "record": _FORMAT,
        "source": _identity(builds.source),
        "destination": _identity(builds.destination),
    }


def _identity(build: Build) -> dict[str, Any]:
    size = Path(build.program[-1]).stat().st_size
    return {"version": build.label, "bytes": size}


@attrs.define
class Record:
    """A file with a line for each finished case, or no file at all.

    ``results``: those of the builds that it was opened for, by the case's id.
    """

    path: Path | None = None
    results: dict[str, Result] = attrs.field(factory=dict)
    _last: object = None
    _file: TextIO | None = None

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: Path | None, builds: Builds) -> Iterator[Self]:
        """Yield the record at ``path``, which need not exist.

        Raises InputError if the file is something else.
        """
        record = cls(path)
        if path is None:
            yield record
            return
        record._load(path, builds)
        with path.open("a", encoding="utf-8") as file:
            record._file = file
            if record._last != _heading(builds):
                record._write(_heading(builds))
            yield record

    def _load(self, path: Path, builds: Builds) -> None:
        if not path.exists():
            return
        text = path.read_bytes()
        whole, _, rest = text.rpartition(b"\n")
        for number, line in enumerate(whole.splitlines(), 1):
            self._take(path, builds, number, line)
        if rest:
            if not whole:
                raise InputError(f"{path}: is no record of dbmcheck")
            # the end of a campaign that was killed while it wrote
            with path.open("r+b") as file:
                file.truncate(len(whole) + 1)

    def _take(
        self, path: Path, builds: Builds, number: int, line: bytes
    ) -> None:
        try:
            data = json.loads(line)
            if isinstance(data, dict) and "record" in data:
                self._last = data
                return
            result = Result.of(data) if number > 1 else None
        except (ValueError, TypeError, BadFileError, InputError):
            raise InputError(
                f"{path}: line {number} is no line of a record"
            ) from None
        if result is None:
            raise InputError(f"{path}: is no record of dbmcheck")
        if self._last == _heading(builds):
            self.results[result.case.id] = result

    def add(self, result: Result) -> None:
        """Add a result; a case that could not be run may be tried again."""
        self.results[result.case.id] = result
        if not result.error:
            self._write(result.data)

    def _write(self, data: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(data) + "\n")
            self._file.flush()
