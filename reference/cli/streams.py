# SPDX-License-Identifier: GPL-2.0-or-later
"""Standard streams that are closed or full.

The rule: an answer that did not arrive is an error; a word on standard error
that did not is none.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TextIO, cast

_REFUSALS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EBADF,
)


def say(text: str) -> None:
    """Write one line on standard error that begins with our name."""
    try:
        sys.stderr.write(f"reference: {text}\n")
        sys.stderr.flush()
    except OSError:
        abandon(2)


def opened() -> bool:
    """Give every closed stream a place; whether output has one of its own.

    A descriptor that stays closed would be taken by the next file or socket,
    and our words would end in it.
    """
    answered = sys.stdout is not None
    if sys.stdin is None:
        sys.stdin = _nowhere(0, "r")
    if sys.stdout is None:
        sys.stdout = _nowhere(1, "w")
    if sys.stderr is None:
        sys.stderr = _nowhere(2, "w")
    return answered


def refused(error: Exception) -> bool:
    """Whether ``error`` says that standard output takes no more.

    What is said of a file that we write names the file.
    """
    return (
        isinstance(error, OSError)
        and error.filename is None
        and error.errno in _REFUSALS
    )


def abandon(descriptor: int) -> None:
    """Lead a stream nowhere: at its end Python would complain of it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _nowhere(descriptor: int, mode: str) -> TextIO:
    """A stream that leads nowhere, at ``descriptor`` if that is closed."""
    flags = os.O_RDONLY if mode == "r" else os.O_WRONLY
    try:
        os.fstat(descriptor)
    except OSError:
        nowhere = os.open(os.devnull, flags)
        if nowhere != descriptor:
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
        os.set_inheritable(descriptor, True)
    file = os.fdopen(descriptor, mode, encoding="utf-8", closefd=False)
    return cast(TextIO, file)
