# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck qemu known``: what is known to break in which QEMU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from checker.cli import page
from checker.input.errors import InputError
from checker.input.exit_codes import ExitCode
from checker.input.nearest import meant
from checker.qemu.campaign.expected import SEVERITIES
from checker.qemu.campaign.known import Deviation
from checker.qemu.campaign.known import shipped as deviations
from checker.qemu.campaign.violation import GUARANTEES
from checker.qemu.interop.known_streams import KnownStream
from checker.qemu.interop.known_streams import shipped as streams
from checker.text import command_lines

_INDENT: Final = "    "
_HEX: Final = 64  # digits of a stream in a line

Entry = Deviation | KnownStream


def run(name: str | None, *, as_json: bool) -> int:
    """Print all entries, or the one that is named, and return 0.

    Raises InputError if none has that name.
    """
    entries = by_gravity()
    if name is not None:
        entries = [_named(name, entries)]
    if as_json:
        page.as_json([as_data(each) for each in entries])
    elif name is not None:
        _print_whole(entries[0])
    else:
        _print_all(entries)
    return ExitCode.AS_EXPECTED


def by_gravity() -> list[Entry]:
    """Return all violations, the gravest first; then all streams so."""

    def gravity(entry: Entry) -> int:
        return SEVERITIES.index(entry.severity)

    return [
        *sorted(deviations(), key=gravity),
        *sorted(streams(), key=gravity),
    ]


def _named(name: str, entries: Sequence[Entry]) -> Entry:
    for each in entries:
        if each.id == name:
            return each
    near = meant(name, (each.id for each in entries))
    raise InputError(
        f"{name or repr(name)}: no known deviation has this name; "
        f"'dbmcheck qemu known' lists them{near}"
    )


def _print_all(entries: Sequence[Entry]) -> None:
    for heading, kind in (
        ("Violations", Deviation),
        ("Crashes and hangs by malformed streams", KnownStream),
    ):
        page.line(f"{heading}, the gravest first:")
        page.line()
        for each in entries:
            if isinstance(each, kind):
                page.line(f"{each.severity:8}  {each.id}")
                page.line(f"{'':8}  {each.breaks}; QEMU {each.versions}")
        page.line()
    page.line("'dbmcheck qemu known NAME' tells the rest of one.")


def _print_whole(entry: Entry) -> None:
    page.line(entry.id)
    page.line()
    if isinstance(entry, Deviation):
        for each in entry.guarantees:
            page.fact("breaks", f"{each}, {GUARANTEES[each]}")
    else:
        page.fact("ends", f"{entry.kind}: {entry.signature}")
    page.fact("severity", entry.severity)
    page.fact("expected", f"of QEMU {entry.versions}")
    page.fact("seen on", ", ".join(entry.seen))
    page.fact("where", entry.conditions)
    if isinstance(entry, Deviation):
        page.fact("bitmaps", entry.label)
    page.line()
    page.paragraph(entry.what.strip())
    page.line()
    if isinstance(entry, Deviation):
        page.line("again:")
        shown = command_lines(entry.command, prompt="")
    else:
        page.line(f"the stream, {len(entry.stream)} bytes:")
        text = entry.stream.hex()
        pieces = range(0, len(text), _HEX)
        shown = [_INDENT + text[at : at + _HEX] for at in pieces]
    for line in shown:
        page.line(line)


def as_data(entry: Entry) -> dict[str, Any]:
    """Return an entry as plain data, its fields by their names."""
    data = attrs.asdict(entry)
    data["since"], data["until"] = (
        ".".join(map(str, data[word])) for word in ("since", "until")
    )
    if isinstance(entry, KnownStream):
        data["stream"] = entry.stream.hex()
    return data
