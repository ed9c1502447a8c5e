# SPDX-License-Identifier: GPL-2.0-or-later
"""The designs, each in a file of its own."""

from __future__ import annotations

from functools import cache
from model.designs import live, postcopy, stop_copy
from model.language import Domain, Machine
from model.language.instance import instance
from model.language.terms import check_terms
from model.mechanisms import LIVE, POSTCOPY, STOP_COPY
from model.options import Options
from model.variant import Variant

BUILDERS = {
    LIVE: live.build,
    POSTCOPY: postcopy.build,
    STOP_COPY: stop_copy.build,
}

@cache
def schema_of(variant: Variant) -> Machine:
    found = BUILDERS[variant.design](variant)
    check_terms(found)
    return found

def build(options: Options, domain: Domain | None = None) -> Machine:
    """The machine that ``options`` describe.

    ``domain``: what its disk is made of; a small disk of the size that
    ``options`` ask for unless given.
    """
    return instance(schema_of(options.variant), domain or options.domain, options)
