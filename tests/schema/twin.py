# SPDX-License-Identifier: GPL-2.0-or-later
"""A small design in the place of a shipped one, and ways to break it.

The source stops, sends its bitmap chunk by chunk and ends; the destination
stores what comes.  ``TWIN`` has marks where a test puts something else; as it
stands it is proved for every disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import model.designs
import model.texts
from model.design import STOP_COPY
from model.texts.child import module_of
from model.texts.sources import Sources, shipped

DESIGN = STOP_COPY
TWIN = """
import enum
from collections.abc import Sequence

from model.language import (
    NO, YES, Chunk, ContentsType, Counter, Disk, Flag, Granule, Machine,
    MachineBuilder, NameType, Projected, Step, any_of, choose, every_granule,
    single,
)
from model.variant import FAILURES, Variant
#imports


class Message(enum.Enum):
    BITS = "BITS"
    END = "END"


def build(options: Variant) -> Machine:
    build = MachineBuilder(
        options.name, isinstance(options.domain, Projected)
    )
    disk = Disk("disk", options.domain)
    chunks, granules = options.domain.chunks, options.domain.granules
    for name in (*FAILURES, "writes", "edits"):
        build.budget(name, options.budget(name))
    running = build.flag("source.running", initial=True)
    ended = build.flag("source.ended")
    bits = build.granules("source.bits", disk)
    cursor = build.cursor("source.cursor", disk)
    here = build.granules("destination.bits", disk)
    whole = build.flag("destination.whole")
    quiet = build.flag("quiet")
    dirty = build.granules("ghost_true_dirty", disk, ghost=True)
    contents = {"chunk": NameType(disk), "contents": ContentsType(disk)}
    stream = build.channel(
        "stream",
        options.limit("channel"),
        {Message.BITS: contents, Message.END: {}},
    )
    sound = YES
    #before

    @build.action("guest", over=granules, spends="writes")
    def write(granule: Granule) -> Step:
        one = single(disk, granule)
        return Step(
            when=[running],
            then=[bits.becomes(bits | one), dirty.becomes(dirty | one)],
        )

    @build.action("source", fair=True)
    def stop() -> Step:
        return Step(when=[running], then=[running.becomes(False)])

    @build.action("source", over=chunks, fair=True)
    def send(chunk: Chunk) -> Step:
        part = bits.contents(chunk)
        good = sound
        #send
        return Step(
            when=[~running, cursor.at(chunk), stream.has_room()],
            then=[
                *stream.put(
                    Message.BITS, chunk=chunk, contents=part.only_if(good)
                ),
                cursor.becomes(cursor.past(chunk)),
            ],
        )

    @build.action("source", fair=True)
    def end() -> Step:
        return Step(
            when=[~running, ~ended, cursor.at_end(), stream.has_room()],
            then=[*stream.put(Message.END), ended.becomes(True)],
        )

    @build.action("destination", over=chunks, fair=True)
    def load(chunk: Chunk) -> Step:
        part = stream.head_contents()
        return Step(
            when=[
                stream.head_is(Message.BITS),
                stream.head_chunk().is_(chunk),
            ],
            then=[
                *stream.take(),
                here.becomes(here.with_contents(chunk, part)),
            ],
        )

    @build.action("destination", fair=True)
    def load_end() -> Step:
        return Step(
            when=[stream.head_is(Message.END)],
            then=[*stream.take(), whole.becomes(True)],
        )

    #actions
    build.always(
        "NothingLost",
        "S1",
        "A bitmap that is whole has every bit.",
        when=[whole],
        then=[dirty <= here],
    )
    build.reachable("Arrives", "The bitmap arrives.", then=[whole])
    build.may_end(whole)
    build.may_end(running)
    #properties
    return build.machine()
"""


def broken(**marks: str) -> str:
    """``TWIN`` with something at some of its marks."""
    text = TWIN
    for mark, lines in marks.items():
        before = text.split(f"#{mark}\n")[0].rsplit("\n", 1)[-1]
        inside = f"\n{before}".join(lines.strip("\n").split("\n"))
        assert f"#{mark}\n" in text
        text = text.replace(f"#{mark}\n", f"{inside}\n")
    return text


@contextmanager
def in_place(
    text: str, monkeypatch: pytest.MonkeyPatch, **others: str
) -> Iterator[Sources]:
    """``text`` is the design; ``others``: further modules of the model."""
    files = {**shipped().files, module_of(DESIGN): text}
    files.update({f"model.{name}": other for name, other in others.items()})
    sources = Sources(files, "twin")
    with monkeypatch.context() as patch:
        patch.setattr(model.texts, "current", lambda: sources)
        _forget()
        try:
            yield sources
        finally:
            _forget()


def _forget() -> None:
    """No schema and no machine of another text is used."""
    model.texts.schema_of.cache_clear()
    model.designs._on_a_small_disk.cache_clear()


def configuration(
    folder: Path, chunks: int, granules: int, channel: int = 1, writes: int = 0
) -> str:
    """A configuration file for the twin at a size."""
    path = folder / f"c{chunks}x{granules}-{channel}.toml"
    path.write_text(
        f'design = "{DESIGN}"\n[bounds]\nchunks = {chunks}\n'
        f"granules = {granules}\nchannel = {channel}\n"
        f"writes = {writes or chunks * granules}\n"
    )
    return str(path)
