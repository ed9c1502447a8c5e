# SPDX-License-Identifier: GPL-2.0-or-later
"""The compiled code of a machine, for searches from any initial states.

To compile takes longer than to search a small machine, so machines that
differ in nothing but where they begin share one program.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from checker.engines.exploration import Watch, watches
from checker.engines.native.compile import NativeCode, native_code
from checker.engines.native.kernel import block_successors, search_module
from checker.engines.native.layout import layout_of
from checker.engines.native.steps import steps_module
from model.language.machine import Machine

_FUNCTIONS = {"advance": "p", "take": "ppii", "rebuild": "p", "find": "pp"}


class Program:
    """Code that explores ``machine``, on so many threads.

    ``watched``: the predicates whose first levels a search records; those
    that decide the machine's properties unless given.
    """

    def __init__(
        self,
        machine: Machine,
        threads: int = 1,
        watched: Sequence[Watch] | None = None,
    ) -> None:
        self._machine = machine
        self.threads = threads
        self.watches = tuple(watches(machine) if watched is None else watched)
        self.layout = layout_of(machine)
        #: most successors that one block of states can have
        self.block = block_successors(machine)
        module = search_module(machine, self.layout, self.watches, threads)
        self.search = native_code(module, _FUNCTIONS)

    @cached_property
    def steps(self) -> NativeCode:
        """Code that lists steps; compiled when it is first asked for."""
        module = steps_module(self._machine, self.layout)
        return native_code(module, {"steps": "ppiippp"})
