# SPDX-License-Identifier: GPL-2.0-or-later
"""A world in which nothing has happened yet: its fields, its channels."""

from __future__ import annotations

from typing import TypeVar

from attrs import evolve

from model.language import (
    ContentsType,
    Disk,
    EnumType,
    MachineBuilder,
    NameType,
    Projected,
    Type,
    another,
    declare,
)
from model.protocol.design import Design
from model.protocol.hosts import (
    APPEARS,
    BITMAP,
    NODE,
    SEVERAL,
    Destination,
    Ghost,
    Source,
)
from model.protocol.world import World
from model.variant import FAILURES, Variant
from model.vocabulary import (
    Link,
    Message,
    Name,
    Reply,
)

Made = TypeVar("Made", bound=World)


def create(
    kind: type[Made],
    options: Variant,
    design: Design,
    source: type[Source] = Source,
) -> Made:
    """A world in which nothing has happened yet.

    The source runs a guest that has written nothing since the last backup;
    the destination waits for a migration.  ``kind``, ``source``: what the
    world and the source of this design hold.
    """
    build = MachineBuilder(options.name, isinstance(options.domain, Projected))
    disk = Disk("disk", options.domain)
    words = design.words(options)
    held = source(
        **declare(
            source,
            build,
            disk,
            "source.",
            words,
            initial={"has_bitmap": APPEARS not in words},
        )
    )
    destination = Destination(
        **declare(Destination, build, disk, "destination.", words)
    )
    chunk, contents = NameType(disk), ContentsType(disk)
    name: dict[str, Type] = {}
    if SEVERAL in words:
        name["name"] = EnumType(Name)
    apart = {Message.BITS: {**name, "chunk": chunk, "contents": contents}}
    stream = build.channel(
        "stream",
        options.limit("channel"),
        {
            Message.START: {**name},
            **apart,
            Message.COMPLETE: {**name},
            Message.RUN: {},
        },
        doc="what the source has sent and the destination has not read",
    )
    connections = tuple(
        build.channel(
            called,
            1,
            apart,
            doc="a chunk that travels on a connection of its own",
        )
        for called in ("chunks", "chunks_on_other")
        if options.connections == "several"
    )
    replies = None
    if design.run_is_last:
        replies = build.channel(
            "return_path",
            1,
            {Reply.SHUT: {}},
            doc="what the destination has sent back",
        )
    for spent in (*FAILURES, "writes", "edits"):
        build.budget(spent, options.budget(spent))
    ghost = Ghost(**declare(Ghost, build, disk, "ghost_", words, ghost=True))
    link = build.enum(
        "link", Link.DOWN, doc="the connection between the hosts"
    )
    world = kind(
        options=options,
        design=design,
        build=build,
        disk=disk,
        source=held,
        destination=destination,
        link=link,
        stream=stream,
        return_path=replies,
        ghost=ghost,
        connections=connections,
    )
    world = evolve(world, **world.beside(build))
    world.bitmaps.append(world)
    if SEVERAL in words:
        world.bitmaps.append(_second(world))
    return world


def _second(world: Made) -> Made:
    """The same world with a second bitmap in hand."""
    kind = world.options.bitmaps
    of = [BITMAP, NODE] if kind == "two-nodes" else [BITMAP]

    build, disk = world.build, world.disk
    words = world.design.words(world.options)
    return evolve(
        world,
        source=another(
            world.source, build, disk, "source.second.", words, of=of
        ),
        destination=another(
            world.destination, build, disk, "destination.second.", words, of=of
        ),
        ghost=another(
            world.ghost,
            build,
            disk,
            "ghost_second_",
            words,
            of=of,
            ghost=True,
        ),
        this=Name.SECOND,
        suffix="_of_second",
        enabled=kind != "one-disabled",
    )
