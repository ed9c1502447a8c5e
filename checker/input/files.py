# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading input files, writing output files whole or not at all."""

from __future__ import annotations

import os
import select
import stat
import tempfile
from io import FileIO
from pathlib import Path

from checker.input.errors import InputError


def check_writable(path: Path) -> None:
    """Raise InputError now if ``path`` could not be written later.

    So that a mistyped name is told before a long search, not after it.
    """
    if str(path) == "-":
        raise InputError("-: standard output cannot be used here; name a file")
    if path.is_dir():
        raise InputError(f"{path}: is a directory, name a file")
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is not a regular file")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no directory {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: no permission to write there")


def read_limited(path: Path, most: int) -> bytes:
    """What a file or a pipe holds: ``most`` bytes, and at most one more.

    Never waits for somebody to open the other end of a pipe.  Raises
    InputError in one line that names the file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as file:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISDIR(mode):
                raise InputError(f"{path}: is a directory, not a file")
            if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
                raise InputError(f"{path}: is neither a file nor a pipe")
            data = _read(file, most + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{str(path)!r}: {error}") from None
    if not data and stat.S_ISFIFO(mode):
        raise InputError(f"{path}: is a pipe without a writer")
    return data


def _read(file: FileIO, most: int) -> bytes:
    data = bytearray()
    while len(data) < most:
        piece = file.read(most - len(data))
        if piece is None:  # somebody has the pipe open, and is not done
            select.select([file], [], [])
        elif piece:
            data += piece
        else:
            break
    return bytes(data)


def write_atomically(path: Path, text: str) -> None:
    """Put ``text`` into ``path``; it is never seen half written.

    Raises InputError in one line if that is not possible.
    """
    check_writable(path)
    try:
        handle, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}."
        )
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise InputError(f"{path}: {error.strerror}") from None
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
