# SPDX-License-Identifier: GPL-2.0-or-later
"""The command ``python -m reference``.

``main`` turns every way a command can end into an exit code that tells the
truth and, for what went wrong, one line on standard error with the class of
the error.  Nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from reference.cli import streams
from reference.cli.exit_codes import ExitCode


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    if not streams.opened():
        streams.say("standard output is closed; the answer cannot be read")
        return ExitCode.BROKEN_PIPE
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        streams.say("interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # the reader of our output has gone; keep Python from complaining
        streams.abandon(1)
        return ExitCode.BROKEN_PIPE


def _run(arguments: Sequence[str] | None) -> int:
    from reference.cli.app import run

    try:
        code = run(arguments)
        sys.stdout.flush()
        return code
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:
        if streams.refused(error):
            streams.abandon(1)
        return _explain(error)


def _explain(error: Exception) -> int:
    from reference.cli.summary import say
    from reference.errors import DirtyBitmapError, FileError, TransportError

    if isinstance(error, OSError) and streams.refused(error):
        error = FileError(f"standard output: {error.strerror}")
    if isinstance(error, DirtyBitmapError):
        say(error)
        if isinstance(error, TransportError):
            return ExitCode.TRANSPORT
        return ExitCode.CONFIGURATION
    if os.environ.get("DBMCHECK_DEBUG"):
        raise error
    streams.say(
        f"this is our bug: {type(error).__name__}: {error}; "
        "set DBMCHECK_DEBUG=1 to see where"
    )
    return ExitCode.OUR_BUG
