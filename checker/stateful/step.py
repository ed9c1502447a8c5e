# SPDX-License-Identifier: GPL-2.0-or-later
"""A rule of the machine: counted, and ended where a guarantee breaks.

The rule: a step that is part of another one counts as that one.  Whether a
broken guarantee fails the run is for the machine's ``excuse`` to say; if it
does not, nothing more is done in this run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from checker.stateful.machine_state import MachineState

Machine = TypeVar("Machine", bound=MachineState)
Given = ParamSpec("Given")


def step(
    function: Callable[Concatenate[Machine, Given], None],
) -> Callable[Concatenate[Machine, Given], None]:
    """The function as a step that the machine takes."""

    @functools.wraps(function)
    def taken(
        machine: Machine, /, *args: Given.args, **kwargs: Given.kwargs
    ) -> None:
        machine.note(function.__name__, kwargs)
        machine.take(
            function.__name__, lambda: function(machine, *args, **kwargs)
        )

    return taken
