# SPDX-License-Identifier: GPL-2.0-or-later
"""Standard input, output and error, also where they are closed or full.

The rule: what cannot be said never hides how a command ended.  An answer that
did not arrive is an error; a word on standard error that did not is none.
"""

from __future__ import annotations

import sys

from reference.cli.streams import abandon, opened, refused

__all__ = ["arrived", "complain", "give_up", "opened", "refused", "say"]

USAGE = 2
INTERRUPTED = 130
BROKEN_PIPE = 141


def say(text: str) -> None:
    """Write ``text`` to standard error now, if it takes it."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        abandon(2)


def complain(text: str) -> None:
    """Write one line on standard error that begins with our name."""
    one_line = text.replace("\r", "\\r").replace("\n", "\\n")
    say(f"dbmcheck: {one_line}\n")


def arrived(code: int) -> int:
    """``code`` if all that was printed has arrived, else what is true."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        abandon(1)
        return BROKEN_PIPE
    except OSError as error:
        return give_up(error)
    return code


def give_up(error: OSError) -> int:
    """Say that standard output takes no more; returns the exit code."""
    complain(f"standard output: {error.strerror}")
    abandon(1)
    return USAGE
