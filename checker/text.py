# SPDX-License-Identifier: GPL-2.0-or-later
"""Words for people: numbers with their noun, and lines that survive a mail.

Lines have at most 72 columns and are broken where it reads well.

Text is broken at spaces; a word that is too long for a line (the set of all
granules of a disk, say) is broken after a comma, before a bracket, after an
underscore, or where it must be.  Where
``UNBROKEN`` stands, a space is printed and no line ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

WIDTH = 72
UNBROKEN = "\N{NO-BREAK SPACE}"
SHOWN = 6


def wrapped(
    text: str, first: str = "", rest: str | None = None, width: int = WIDTH
) -> list[str]:
    """``text`` in lines of at most ``width`` columns.

    The first line begins with ``first``, the others with ``rest`` (if not
    given: as many spaces as ``first`` is long).
    """
    rest = " " * len(first) if rest is None else rest
    lines, line, empty = [], first, True
    room = max(1, width - max(len(first), len(rest)))
    for word in filter(None, text.split(" ")):
        for piece, continued in _pieces(word, room):
            gap = "" if empty or continued else " "
            if not empty and len(line + gap + piece) > width:
                lines.append(line)
                line, gap = rest, ""
            line, empty = line + gap + piece, False
    lines.append(line.rstrip() if empty else line)
    return [found.replace(UNBROKEN, " ") for found in lines]


def _pieces(word: str, room: int) -> Iterator[tuple[str, bool]]:
    """``word`` in pieces that fit, and whether one continues the last."""
    continued = False
    while len(word) > room:
        cut = _cut(word, room)
        yield word[:cut], continued
        word, continued = word[cut:], True
    yield word, continued


def _cut(word: str, room: int) -> int:
    """After how many of the first ``room`` characters to break ``word``."""
    for after in (
        word.rfind(",", 0, room) + 1,
        word.rfind("(", 1, room + 1),
        word.rfind("_", 0, room) + 1,
    ):
        if after > 0:
            return after
    return room


def paragraph(text: str, indent: int = 0) -> list[str]:
    """``text`` in lines, all of them indented by ``indent`` columns."""
    return wrapped(text, " " * indent)


def command_lines(command: str, indent: int = 4) -> list[str]:
    """A shell command to paste, continued with backslashes where long.

    A long argument in quotes that is made of words goes over several lines.
    """
    lines, line, quoted = [], " " * indent + "$", False
    for word in command.split():
        if len(f"{line} {word} \\") > WIDTH:
            # within quotes a shell keeps a backslash, and the end of a line
            lines.append(line if quoted else f"{line} \\")
            line = " " * (indent + 3)
        quoted = _quoted_after(word, quoted)
        line = f"{line} {word}"
    return [part for full in [*lines, line] for part in _continued(full)]


def _quoted_after(word: str, quoted: bool) -> bool:
    """Whether a single quote is open behind ``word`` of a command."""
    within = "'" if quoted else ""
    for letter in word:
        if letter == within:
            within = ""
        elif not within and letter in "'\"":
            within = letter
    return within == "'"


def _continued(line: str) -> Iterator[str]:
    """``line`` in parts that a shell puts together again."""
    while len(line) > WIDTH:
        yield line[: WIDTH - 1] + "\\"
        line = line[WIDTH - 1 :]
    yield line


def shortened(text: str, room: int) -> str:
    """``text`` in at most ``room`` columns, an ellipsis for the rest."""
    return text if len(text) <= room else text[: max(0, room - 3)] + "..."


def listed(items: Sequence[str], shown: int = SHOWN) -> str:
    """The first of ``items`` with commas, and how many more there are."""
    if not items:
        return "none"
    text = ", ".join(items[:shown])
    more = len(items) - shown
    return f"{text} and {more} more" if more > 0 else text


def joined(items: Sequence[str]) -> str:
    """``items`` as an enumeration in a sentence: 'a, b and c'."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def place(moves: int) -> str:
    """Where a run is after so many moves: 'after step 3'."""
    return f"after step {moves}" if moves else "in the initial state"


def text_of(lines: Iterable[str]) -> str:
    """The lines as one text without trailing spaces, newline at the end."""
    return "\n".join(line.rstrip() for line in lines) + "\n"


def plural(number: int, noun: str) -> str:
    """'1 granule', '2000 granules'."""
    return f"{number} {_of(number, noun)}"


def counted(number: int, noun: str) -> str:
    """The same with separators: '2,000 granules'."""
    return f"{number:,} {_of(number, noun)}"


def _of(number: int, noun: str) -> str:
    if number == 1:
        return noun
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}s"
