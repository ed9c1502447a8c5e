# SPDX-License-Identifier: GPL-2.0-or-later
"""Writing output files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from checker.errors import InputError


def check_writable(path: Path) -> None:
    """Raise InputError now if ``path`` could not be written later.

    So that nobody waits for a long search to learn of a mistyped name.
    """
    if str(path) == "-":
        raise InputError(
            "-: here standard output is no place to write to; name a file"
        )
    if path.is_dir():
        raise InputError(f"{path}: is a directory, name a file")
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is no regular file")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no directory {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: no permission to write there")


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
