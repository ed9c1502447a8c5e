# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines made the other way: the text run in this process, for one size."""

from __future__ import annotations

import importlib
from typing import Any

from attrs import frozen

from model.language import Domain, Machine
from model.language.domain import Named
from model.mechanism import Mechanism
from model.options import Options
from model.texts.child import module_of


@frozen
class Told:
    """Options that a text may read numbers from, of a disk of ``domain``."""

    options: Options
    domain: Domain

    def limit(self, name: str) -> int | None:
        number = self.options.limit(name)
        return None if number is None else Named(number, name)

    def throttle(self) -> int | None:
        return self.options.limit("throttle")

    def has(self, mechanism: Mechanism) -> bool:
        return self.options.variant.has(mechanism)

    def __getattr__(self, name: str) -> Any:
        if hasattr(self.options, name):
            return getattr(self.options, name)
        return getattr(self.options.variant, name)


def direct(options: Options, domain: Domain | None = None) -> Machine:
    """What the text makes of ``options``, numbers and all."""
    module = importlib.import_module(module_of(options.design))
    made = module.build(Told(options, domain or options.domain))
    assert isinstance(made, Machine)
    return made
