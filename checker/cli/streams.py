# SPDX-License-Identifier: GPL-2.0-or-later
"""Standard input, output and error, also where they are closed or full.

The rule: what cannot be said never hides how a command ended.  An answer that
did not arrive is an error; a word on standard error that did not is none.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TextIO, cast

USAGE = 2
INTERRUPTED = 130
BROKEN_PIPE = 141
_REFUSALS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EBADF,
)


def say(text: str) -> None:
    """Write ``text`` to standard error now, if it takes it."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _abandon(2)


def complain(text: str) -> None:
    """Write one line on standard error that begins with our name."""
    say(f"dbmcheck: {text}\n")


def opened() -> bool:
    """Give every closed stream a place; whether output has one of its own.

    A descriptor that stays closed would be taken by the next file that is
    opened, and our words would end in it.
    """
    answered = sys.stdout is not None
    if sys.stdin is None:
        sys.stdin = _nowhere(0, "r")
    if sys.stdout is None:
        sys.stdout = _nowhere(1, "w")
    if sys.stderr is None:
        sys.stderr = _nowhere(2, "w")
    return answered


def arrived(code: int) -> int:
    """``code`` if all that was printed has arrived, else what is true."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon(1)
        return BROKEN_PIPE
    except OSError as error:
        return give_up(error)
    return code


def refused(error: OSError) -> bool:
    """Whether ``error`` says that standard output takes no more.

    What is said of a file that we write names the file.
    """
    return error.filename is None and error.errno in _REFUSALS


def give_up(error: OSError) -> int:
    """Say that standard output takes no more; returns the exit code."""
    complain(f"standard output: {error.strerror}")
    _abandon(1)
    return USAGE


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


def _abandon(descriptor: int) -> None:
    """Lead a stream nowhere: at its end Python would complain of it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
