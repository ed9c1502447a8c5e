# SPDX-License-Identifier: GPL-2.0-or-later
"""The command ``dbmcheck``.

``main`` turns every way a command can end into an exit code that tells the
truth and, for mistakes in the input, one line on standard error.  Nothing
heavy is imported before it is needed, so that ``--help`` is instant.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

from checker.cli import streams
from checker.cli.streams import BROKEN_PIPE, INTERRUPTED
from checker.input.memory import OUT_OF_MEMORY, is_out_of_memory

#: as ``ExitCode`` has it; nothing may be imported where memory is short
INCONCLUSIVE = 20
_ENDING = (signal.SIGTERM, signal.SIGHUP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    if arguments is None:
        # such an end asks for the same as Ctrl-C: nothing left behind
        for number in _ENDING:
            # nohup has it ignored, and so it stays
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.default_int_handler)
        lose_no_interrupt()
    if not streams.opened():
        streams.complain(
            "standard output is closed; the answer cannot be printed"
        )
        return BROKEN_PIPE
    try:
        code = _run(arguments)
    except KeyboardInterrupt:
        streams.complain("interrupted")
        code = INTERRUPTED
    except BrokenPipeError:
        # the reader of our output has gone
        code = BROKEN_PIPE
    return streams.arrived(code)


def lose_no_interrupt() -> None:
    """A Ctrl-C that cannot be raised comes again, a moment later.

    One that hits while an object is taken away (z3 has thousands) or while C
    calls us is only reported by the interpreter, and then forgotten.
    """
    report = sys.unraisablehook

    def hook(lost: Any) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            report(lost)
            return
        again = threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT))
        again.daemon = True
        again.start()

    sys.unraisablehook = hook


def _run(arguments: Sequence[str] | None) -> int:
    from checker.cli.app import run

    try:
        return run(arguments)
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and streams.refused(error):
            return streams.give_up(error)
        return _explain(error)


def _explain(error: Exception) -> int:
    try:
        if is_out_of_memory(error):
            raise MemoryError
        from checker.input.errors import exit_code_of
    except (MemoryError, SystemError, ImportError):
        # an import that gets no memory says so in one of these ways
        streams.complain(f"INCONCLUSIVE: {OUT_OF_MEMORY}")
        return INCONCLUSIVE
    code = exit_code_of(error)
    if code is not None:
        streams.complain(str(error))
        return code
    if os.environ.get("DBMCHECK_DEBUG"):
        raise error
    streams.complain(
        f"this is our bug: {type(error).__name__}: {error}; "
        "set DBMCHECK_DEBUG=1 to see where"
    )
    from checker.input.exit_codes import ExitCode

    return ExitCode.OUR_BUG
