# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's disk, which both hosts reach.

Only what a dirty bitmap is about: data are written, and a backup reads them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from attrs import define, frozen

from reference.errors import FileError


class Disk(Protocol):
    """Something with data at byte offsets."""

    def read(self, offset: int, length: int) -> bytes:
        """``length`` bytes from ``offset``."""
        ...

    def write(self, offset: int, data: bytes) -> None:
        """Put ``data`` at ``offset``."""
        ...


@frozen
class NoDisk:
    """A disk whose data are not looked at: zeroes, and writes vanish."""

    def read(self, offset: int, length: int) -> bytes:
        return bytes(length)

    def write(self, offset: int, data: bytes) -> None:
        return


@define
class MemoryDisk:
    """A disk in memory, all zero at first."""

    data: bytearray

    @classmethod
    def create(cls, size: int) -> MemoryDisk:
        """A disk of ``size`` bytes."""
        return cls(bytearray(size))

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self.data[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        self.data[offset : offset + len(data)] = data


@frozen
class FileDisk:
    """A raw image in a file; may be shared by several processes."""

    path: Path

    def read(self, offset: int, length: int) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError as error:
            raise FileError(f"{self.path}: {error.strerror}") from error

    def write(self, offset: int, data: bytes) -> None:
        try:
            with self.path.open("r+b") as file:
                file.seek(offset)
                file.write(data)
        except OSError as error:
            raise FileError(f"{self.path}: {error.strerror}") from error
