# SPDX-License-Identifier: GPL-2.0-or-later
"""Mistakes of the input, each with the exit code that it leads to.

``str()`` of each is one line: what, where, what is allowed.
"""

from __future__ import annotations

from checker.input.exit_codes import ExitCode


class DbmcheckError(Exception):
    """A mistake that the user can mend; ``exit_code`` is what is returned."""

    exit_code = ExitCode.USAGE


class InputError(DbmcheckError):
    """Something that was given on the command line cannot be used."""


class BadFileError(Exception):
    """What is wrong with a file or with its content; one line."""


class UndecidedError(DbmcheckError):
    """What was asked could not be decided."""

    exit_code = ExitCode.INCONCLUSIVE


class NothingToShowError(DbmcheckError):
    """What was asked for shows no violation.

    ``exit_code``: as the command says it.
    """

    def __init__(
        self, message: str, exit_code: ExitCode = ExitCode.USAGE
    ) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def exit_code_of(error: Exception) -> ExitCode | None:
    """The exit code for a mistake of the input; None if it is our bug."""
    if isinstance(error, DbmcheckError):
        return error.exit_code
    if isinstance(error, OSError):
        return ExitCode.USAGE
    from model.language import ModelError

    return ExitCode.CONFIGURATION if isinstance(error, ModelError) else None
