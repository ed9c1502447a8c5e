# SPDX-License-Identifier: GPL-2.0-or-later
"""How an attempt ended, for people and as JSON.

The rule: results on standard output, everything else on standard error, one
line each.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import typer

from reference.cli import streams
from reference.errors import DirtyBitmapError

Fields = dict[str, Any]
WIDTH = 79


def plain(text: str) -> str:
    """The text without anything that a terminal would obey."""
    return "".join(
        char if char.isprintable() else repr(char)[1:-1] for char in text
    )


def say(message: str | DirtyBitmapError) -> None:
    """One line on standard error; of an error its class comes first."""
    text = str(message)
    if isinstance(message, DirtyBitmapError):
        text = f"{type(message).__name__}: {text}"
    streams.say(plain(text))


def show(fields: Fields, as_json: bool) -> None:
    """Print a result: its title, its bitmaps, then one line a figure."""
    if as_json:
        typer.echo(json.dumps(fields, indent=1))
        return
    typer.echo(f"{fields['role']}, {fields['design']}: {fields['outcome']}")
    for bitmap in fields["bitmaps"]:
        verdict = bitmap["verdict"]
        if bitmap.get("file"):
            verdict += f", {plain(bitmap['file'])}"
        typer.echo(f"  {plain(bitmap['bitmap']):<11} {verdict}")
    for name, text in _figures(fields):
        typer.echo(f"  {name:<11} {text}")


def _figures(fields: Fields) -> list[tuple[str, str]]:
    chunks = f"{fields['chunks']}"
    if fields["role"] == "source":
        chunks = f"{fields['chunks_sent']} sent, of {chunks}"
    found = [
        ("chunks", chunks),
        ("on the wire", f"{fields['bytes']} bytes"),
        ("total", f"{fields['seconds']:.3f} s"),
    ]
    if "stopped_seconds" in fields:
        stopped = fields["stopped_seconds"]
        found.append(
            ("downtime", f"{stopped:.4f} s, {fields['stopped_bytes']} bytes")
        )
    if fields["writes"] is not None:
        found.append(("writes", f"{fields['writes']}"))
    return found


class ProgressLine:
    """One line on standard error that is written over and over."""

    def __init__(self, shown: bool) -> None:
        self.shown = shown
        self.length = 0
        self.last = ""

    def show(self, text: str) -> None:
        """Replace the line."""
        if not self.shown or text == self.last:
            return
        self.last = text
        sys.stderr.write("\r" + text.ljust(self.length))
        sys.stderr.flush()
        self.length = len(text)

    def clear(self) -> None:
        """Remove the line, so that another can be written."""
        if self.shown and self.length:
            sys.stderr.write("\r" + " " * self.length + "\r")
            sys.stderr.flush()
            self.length = 0
