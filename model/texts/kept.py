# SPDX-License-Identifier: GPL-2.0-or-later
"""Schemas that were made before, in the cache directory.

A file is a checksum and a schema; one that does not fit its checksum, or that
cannot be read, is as if it were not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

_CHECKSUM = 64


def directory() -> Path:
    """Where schemas are kept: $XDG_CACHE_HOME or ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base else Path.home() / ".cache"
    return root / "dbmcheck"


def _path(key: str) -> Path:
    return directory() / f"schema-{key}.json"


def _checksum(key: str, text: bytes) -> bytes:
    """Of the key as well: a file under another's name is not used."""
    return hashlib.sha256(key.encode() + b"\n" + text).hexdigest().encode()


def find(key: str) -> bytes | None:
    """The schema that is kept under ``key``."""
    try:
        data = _path(key).read_bytes()
    except (OSError, RuntimeError):
        return None
    checksum, text = data[:_CHECKSUM], data[_CHECKSUM + 1 :]
    return text if checksum == _checksum(key, text) else None


def store(key: str, text: str) -> None:
    """Keep ``text``, whole or not at all; it is no matter if that fails."""
    data = text.encode()
    with contextlib.suppress(OSError, RuntimeError):
        path = _path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_checksum(key, data) + b"\n" + data)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
