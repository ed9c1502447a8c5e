# SPDX-License-Identifier: GPL-2.0-or-later
"""The designs, each in a file of its own."""

from __future__ import annotations

from model.designs import drop, live, postcopy, stop_copy
from model.language import Domain, Machine
from model.mechanisms import DROP, LIVE, POSTCOPY, STOP_COPY
from model.options import Options

BUILDERS = {
    LIVE: live.build,
    POSTCOPY: postcopy.build,
    STOP_COPY: stop_copy.build,
    DROP: drop.build,
}


def build(options: Options, domain: Domain | None = None) -> Machine:
    """The machine that ``options`` describe.

    ``domain``: what its disk is made of; a small disk of the size that
    ``options`` ask for unless given.
    """
    return BUILDERS[options.design](options, domain)
