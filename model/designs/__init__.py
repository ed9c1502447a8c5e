# SPDX-License-Identifier: GPL-2.0-or-later
"""The designs, each in a file of its own, and the machines made of them."""

from __future__ import annotations

from functools import lru_cache

from model.language import Domain, Machine
from model.language.instance import instance
from model.options import Options
from model.texts import Schema, schema_of

#: how much of a schema's digest is shown to people
DIGITS = 16
#: how many machines a process keeps, of a third of a MiB each: a command
#: asks several times for each, and some ask for every shipped configuration
MACHINES = 192


def schema(options: Options) -> Schema:
    """The one term that every machine of the variant is an instance of."""
    return schema_of(options.variant)


def build(options: Options, domain: Domain | None = None) -> Machine:
    """The machine that ``options`` describe.

    ``domain``: what its disk is made of; a small disk of the size that
    ``options`` ask for unless given.
    """
    if domain is None:
        return _on_a_small_disk(options)
    return instance(schema(options).term, domain, options)


@lru_cache(maxsize=MACHINES)
def _on_a_small_disk(options: Options) -> Machine:
    return instance(schema(options).term, options.domain, options)
