# SPDX-License-Identifier: GPL-2.0-or-later
"""A configuration in words, and as the command that checks it."""

from __future__ import annotations

import shlex
from pathlib import Path

from attrs import evolve, frozen

from checker.input.configuration import (
    Configuration,
    ConfigurationError,
    Expectation,
    load,
    shipped,
)
from checker.input.errors import InputError
from checker.input.nearest import meant
from checker.input.own_properties import from_command_line
from checker.text import plural
from model.design import DESIGNS, STOP_THEMSELVES
from model.lookup import mechanisms_of
from model.options import Failures, Options


def size(options: Options) -> str:
    """Return the bounds in words, for a line of a table."""
    bounds = options.bounds
    writes = bounds.writes
    guest = (
        f"{plural(writes, 'write')}"
        if isinstance(writes, int)
        else f"{writes} writes"
    )
    words = [
        f"{plural(bounds.chunks, 'chunk')} of "
        f"{plural(bounds.granules, 'granule')}",
        f"{plural(bounds.channel, 'message')} in flight",
        guest,
    ]
    if options.design in STOP_THEMSELVES:
        words.append(f"stops at {plural(bounds.downtime, 'chunk')} pending")
    if bounds.in_flight > 1:
        words.append(f"{bounds.in_flight} writes at a time")
    if bounds.edits:
        number = bounds.edits
        words.append(
            plural(number, "edit")
            if isinstance(number, int)
            else f"{number} edits"
        )
    if options.bitmaps != "one":
        words.append(f"bitmaps: {options.bitmaps}")
    if options.source != "own":
        words.append(f"source: {options.source}")
    if options.connections != "one":
        words.append(f"connections: {options.connections}")
    if options.busy_bitmap != "wait":
        words.append(f"busy bitmap: {options.busy_bitmap}")
    return ", ".join(words)


def guest(options: Options) -> str:
    """Return in words what the guest of a proof does."""
    writes = plural(options.bounds.in_flight, "write")
    return f"never stops; {writes} in flight on each host at a time"


def failures(options: Options) -> str:
    """Return the failure budgets by name: 'cut 1, retry 1'."""
    found = []
    for name in Failures.names():
        budget = getattr(options.failures, name)
        if budget != 0:
            found.append(f"{name.replace('_', ' ')} {budget}")
    return ", ".join(found) if found else "none"


@frozen
class Asked:
    """Conditions of the command line: own properties, by kind."""

    always: tuple[str, ...] = ()
    reachable: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.always or self.reachable)


NOTHING = Asked()


def configured(
    argument: str,
    without: tuple[str, ...],
    complete: bool = False,
    asked: Asked = NOTHING,
) -> Configuration:
    """Load a configuration and take more mechanisms out of it.

    ``complete``: put all back that it lacks, first.  ``asked``: own
    properties beside those of the file.  What is expected of the
    configuration says nothing about the variant, and no verdict about what is
    asked as well.
    """
    configuration = _varied(load(argument), without, complete)
    if not asked:
        return configuration
    own = from_command_line(asked.always, asked.reachable, configuration.own)
    expect = evolve(configuration.expect, verdict=None)
    return evolve(configuration, own=(*configuration.own, *own), expect=expect)


def _varied(
    configuration: Configuration, without: tuple[str, ...], complete: bool
) -> Configuration:
    design = configuration.options.design
    known = [mechanism.name for mechanism in mechanisms_of(design)]
    for name in without:
        if name not in known:
            raise ConfigurationError(
                f"--without: {design} has no mechanism '{name}'; it has "
                f"{', '.join(known)}{meant(name, known)}"
            )
    lacks = frozenset() if complete else configuration.options.without
    removed = lacks | frozenset(without)
    if removed == configuration.options.without:
        return configuration
    options = evolve(configuration.options, without=removed)
    return evolve(configuration, options=options, expect=Expectation())


def design_of(argument: str, without: tuple[str, ...] = ()) -> Options | None:
    """Return the options of a configuration; None for a design's name.

    Raises InputError if it is neither, ConfigurationError if the
    configuration is none.
    """
    if argument in DESIGNS:
        return None
    if argument not in shipped() and not Path(argument).exists():
        known = (*DESIGNS, *shipped())
        raise InputError(
            f"no design and no configuration '{argument}'; designs are "
            f"{', '.join(DESIGNS)}{meant(argument, known)}"
        )
    found = configured(argument, without)
    if found.own:
        raise InputError(
            f"{argument}: only check, simulate, show, cite and explain ask "
            "own properties; take [always] and [reachable] out of the file"
        )
    return found.options


def command(
    verb: str,
    argument: str,
    without: tuple[str, ...] = (),
    complete: bool = False,
    minimise: bool = False,
    asked: Asked = NOTHING,
) -> str:
    """Return the command line of ``verb`` with the same configuration."""
    words = ["dbmcheck", verb, shlex.quote(argument)]
    words += [f"--without {name}" for name in without]
    words += ["--complete"] if complete else []
    words += ["--minimise"] if minimise else []
    for kind in ("always", "reachable"):
        for text in getattr(asked, kind):
            words.append(f"--{kind} {shlex.quote(text)}")
    return " ".join(words)
