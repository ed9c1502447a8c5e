# SPDX-License-Identifier: GPL-2.0-or-later
"""Which mistakes of the input give which exit code.

All of them are one line: what, where, what is allowed.
"""

from __future__ import annotations

from checker.engines.verdict import ExitCode


class InputError(Exception):
    """Something that was given on the command line cannot be used."""


class UndecidedError(Exception):
    """What was asked could not be decided; ``str()`` is one line."""


class NothingToShowError(Exception):
    """What was asked for shows no violation; ``str()`` is one line.

    ``code``: what the process should return.
    """

    def __init__(self, message: str, code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.code = code


def exit_code_of(error: Exception) -> ExitCode | None:
    """The exit code for a mistake of the input; None if it is our bug."""
    from checker.input.configuration import ConfigurationError
    from checker.traces.replay import CannotReplayError
    from checker.traces.storage import TraceError
    from model.language import ModelError

    if isinstance(error, (ConfigurationError, ModelError)):
        return ExitCode.CONFIGURATION
    if isinstance(error, (CannotReplayError, TraceError)):
        return ExitCode.CANNOT_REPLAY
    if isinstance(error, NothingToShowError):
        return error.code
    if isinstance(error, UndecidedError):
        return ExitCode.INCONCLUSIVE
    if isinstance(error, (InputError, OSError)):
        return ExitCode.USAGE
    return None
