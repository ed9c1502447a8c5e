# SPDX-License-Identifier: GPL-2.0-or-later
"""Words for people: numbers with their noun, and lines that survive a mail.

Lines have at most 72 columns and are broken where it reads well.

Text is broken at spaces; a word that is too long for a line (the set of all
granules of a disk, say) is broken after a comma, before a bracket, after an
underscore, or where it must be.  Where
``UNBROKEN`` stands, a space is printed and no line ends.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

WIDTH = 72
UNBROKEN = "\N{NO-BREAK SPACE}"
SHOWN = 6
#: how a shell reads an apostrophe within quotes
_APOSTROPHE = "'\"'\"'"


def wrapped(
    text: str,
    first: str = "",
    rest: str | None = None,
    width: int = WIDTH,
    whole: bool = False,
) -> list[str]:
    """Return ``text`` in lines of at most ``width`` columns.

    The first line begins with ``first``, the others with ``rest`` (if not
    given: as many spaces as ``first`` is long).  ``whole``: a word that is
    too long, such as a path, is not broken.
    """
    rest = " " * len(first) if rest is None else rest
    lines, line, empty = [], first, True
    room = max(1, width - max(len(first), len(rest)))
    for word in filter(None, text.replace("\n", " ").split(" ")):
        pieces = [(word, False)] if whole else _pieces(word, room)
        for piece, continued in pieces:
            gap = "" if empty or continued else " "
            if not empty and len(line + gap + piece) > width:
                lines.append(line)
                line, gap = rest, ""
            line, empty = line + gap + piece, False
    lines.append(line.rstrip() if empty else line)
    return [found.replace(UNBROKEN, " ") for found in lines]


def _pieces(word: str, room: int) -> Iterator[tuple[str, bool]]:
    """Yield ``word`` in pieces that fit; does one continue the last?"""
    continued = False
    while len(word) > room:
        cut = _cut(word, room)
        yield word[:cut], continued
        word, continued = word[cut:], True
    yield word, continued


def _cut(word: str, room: int) -> int:
    """Return after how many of the first ``room`` characters to break."""
    for after in (
        word.rfind(",", 0, room) + 1,
        word.rfind("(", 1, room + 1),
        word.rfind("_", 0, room) + 1,
    ):
        if after > 0:
            return after
    return room


def paragraph(text: str, indent: int = 0) -> list[str]:
    """Return ``text`` in lines, each indented by ``indent`` columns."""
    return wrapped(text, " " * indent)


def bullets(texts: Iterable[str]) -> list[str]:
    """Return the lines of a list, '  - ' before each of ``texts``."""
    return [line for text in texts for line in wrapped(text, "  - ")]


def command_lines(
    command: str, indent: int = 4, prompt: str = "$ "
) -> list[str]:
    """Return the lines of a shell command to paste, continued where long.

    An option stays with its value.  If the two are too long for a line they
    are broken at blanks: within quotes a line break is as good as a blank to
    the options that take several words.  A word without a blank that is too
    long is continued at the begin of the next line, or left whole where it
    is in quotes.
    """
    rest = " " * (indent + 4)
    lines, line, begun = [], " " * indent + prompt, False
    for group in _groups(shlex.split(command)):
        if begun and len(f"{line} {group} \\") > WIDTH:
            lines.append(f"{line} \\")
            line, begun = rest, False
        inside = False
        for word in group.split(" "):
            if begun and len(f"{line} {word} \\") > WIDTH:
                lines.append(line if inside else f"{line} \\")
                line, begun = rest, False
            line += f" {word}" if begun else word
            begun = True
            inside ^= word.replace(_APOSTROPHE, "").count("'") % 2 == 1
            if "'" not in group:
                *full, line = _continued(line)
                lines += full
    return [*lines, line]


def _groups(words: Sequence[str]) -> Iterator[str]:
    """Yield each option with its value, quoted; first what stands before."""
    group: list[str] = []
    for word in words:
        if word.startswith("--") and group:
            yield shlex.join(group)
            group = []
        group.append(word)
    yield shlex.join(group)


def _continued(line: str) -> Iterator[str]:
    """Yield ``line`` in parts that a shell puts together again."""
    while len(line) > WIDTH - len(" \\"):
        yield line[: WIDTH - 1] + "\\"
        line = line[WIDTH - 1 :]
    yield line


def shortened(text: str, room: int) -> str:
    """Return ``text`` in at most ``room`` columns, with an ellipsis."""
    return text if len(text) <= room else text[: max(0, room - 3)] + "..."


def listed(items: Sequence[str], shown: int = SHOWN) -> str:
    """Return the first of ``items``, and how many more there are."""
    if not items:
        return "none"
    text = ", ".join(items[:shown])
    more = len(items) - shown
    return f"{text} and {more} more" if more > 0 else text


def joined(items: Sequence[str], last: str = "and") -> str:
    """Return ``items`` as an enumeration in a sentence: 'a, b and c'."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def place(moves: int) -> str:
    """Return where a run is after so many moves: 'after step 3'."""
    return f"after step {moves}" if moves else "in the initial state"


def text_of(lines: Iterable[str]) -> str:
    """Return the lines as one text, without blanks at their ends."""
    return "\n".join(line.rstrip() for line in lines) + "\n"


def in_bytes(size: int) -> str:
    """Return a size in the largest unit of which it is a whole number.

    '16 TiB', '64 KiB', '1045 bytes'.
    """
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size and size % (1 << power) == 0:
            return f"{size >> power} {unit}"
    return plural(size, "byte")


def plural(number: int, noun: str) -> str:
    """Return a number with its noun: '1 granule', '2000 granules'."""
    return f"{number} {_of(number, noun)}"


def counted(number: int, noun: str) -> str:
    """Return the same with separators: '2,000 granules'."""
    return f"{number:,} {_of(number, noun)}"


def _of(number: int, noun: str) -> str:
    if number == 1:
        return noun
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}s"
