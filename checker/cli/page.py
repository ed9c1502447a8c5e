# SPDX-License-Identifier: GPL-2.0-or-later
"""Printing: tables with rich, everything at most 72 columns wide.

What is printed may be quoted in a mail, so a terminal gets colour but no
more columns than a mail has.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from checker.text import WIDTH, command_lines, wrapped
from checker.text import bullets as bulleted

_COLOURS = {
    "HOLDS": "green",
    "VIOLATED": "bold red",
    "INCONCLUSIVE": "yellow",
    "NOT PROMISED": "dim",
    "NO PROMISE": "dim",
    "PROVED": "green",
    "REFUTED": "bold red",
}


def as_json(data: Any) -> None:
    """Print plain data as JSON."""
    json.dump(data, sys.stdout, indent=2, ensure_ascii=True)
    sys.stdout.write("\n")


def line(text: str = "") -> None:
    """Print one line as it is."""
    sys.stdout.write(text + "\n")


def paragraph(text: str, indent: str = "", first: str | None = None) -> None:
    """Print running text, wrapped; a word that is too long stays whole."""
    first = indent if first is None else first
    for part in wrapped(text, first, indent, whole=True):
        line(part)


def bullets(texts: Iterable[str]) -> None:
    """Print a list, one bullet for each text."""
    for part in bulleted(texts):
        line(part)


def command(heading: str, text: str) -> None:
    """Print a command that can be pasted, after ``heading`` if it fits."""
    if len(heading + text) <= WIDTH:
        line(heading + text)
        return
    line(heading.rstrip())
    for part in command_lines(text):
        line(part)


def fact(name: str, text: str) -> None:
    """Print a line such as 'design    postcopy', wrapped."""
    paragraph(text, indent=" " * 12, first=f"  {name:10}")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Sequence[int] = (),
    first: int | None = None,
) -> None:
    """Print a table; ``right``: columns that are aligned to the right.

    The last column wraps if the table would be too wide.  If ``first`` is
    given, the first one wraps at this width, and the cells have no padding.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(
        box=box.SIMPLE_HEAD if sys.stdout.isatty() else box.ASCII2,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0) if first is None else (0, 0, 0, 0),
        header_style="",
    )
    last = len(columns) - 1
    for number, title in enumerate(columns):
        made.add_column(
            title,
            justify="right" if number in right else "left",
            no_wrap=number != last and (number > 0 or first is None),
            max_width=first if number == 0 else None,
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(Text(c, style=_COLOURS.get(c, "")) for c in row))
    console = Console(width=WIDTH, highlight=False, soft_wrap=False)
    with console.capture() as captured:
        console.print(made)
    for shown in captured.get().splitlines():
        line(shown.rstrip())


def number(value: int) -> str:
    """A count with separators."""
    return f"{value:,}"


def rate(states_per_second: float) -> str:
    """States per second as people read them."""
    if states_per_second >= 1e6:
        return f"{states_per_second / 1e6:.1f} M states/s"
    return f"{states_per_second / 1e3:.0f} k states/s"
