# SPDX-License-Identifier: GPL-2.0-or-later
"""The abstraction function: what the reference's state is in the model.

One function, ``abstract``: it reads the real objects (bitmaps, pipes, phases)
and says for each visible field of the model which code it must hold.  Bytes
in flight are decoded with a copy of the destination's own reader, from where
that reader stands.  Budgets and most ghosts are not here: no host has them.
The true dirty set is: the observer sees the disk and the backup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from checker.conformance.rig import (
    BITMAP,
    GRANULARITY,
    NODE,
    WORD,
    Rig,
    Stands,
)
from checker.conformance.snapshot import freeze, thaw
from model.language.domain import NO_CHUNK
from model.language.machine import Machine
from model.vocabulary import (
    DestinationVm,
    Link,
    Message,
    Outgoing,
    Reply,
    SourceVm,
    Stage,
)
from model.vocabulary import Incoming as BitmapState
from reference.bitmap import Bits, DirtyBitmap
from reference.host import Host, RunState
from reference.loopback import Connection
from reference.protocol.tables import Arrival, Design, Phase
from reference.wire import geometry
from reference.wire.bits import BitsRun
from reference.wire.chunks import Complete, Start
from reference.wire.return_path import Shut
from reference.wire.stream import (
    ChunkItem,
    Command,
    CommandKind,
    EndOfStream,
    Item,
)

Codes = dict[str, int]

_SOURCE_VM = {
    RunState.RUNNING: SourceVm.RUNNING,
    RunState.STOPPING: SourceVm.PAUSED,
    RunState.STOPPED: SourceVm.STOPPED,
    RunState.GONE: SourceVm.GONE,
}
_OUTGOING = {
    Phase.NONE: Outgoing.NONE,
    Phase.SETUP: Outgoing.SETUP,
    Phase.ACTIVE: Outgoing.ACTIVE,
    Phase.SWITCHOVER: Outgoing.POSTCOPY_REQUESTED,
    Phase.DEVICE: Outgoing.DEVICE,
    Phase.BITMAPS_SENT: Outgoing.BITMAP_SENT,
    Phase.HANDED_OVER: Outgoing.RUN_SENT,
    Phase.COMPLETED: Outgoing.COMPLETED,
    Phase.FAILED: Outgoing.FAILED,
    Phase.IN_DOUBT: Outgoing.UNCERTAIN,
    Phase.GONE: Outgoing.NONE,
}
# the source stores its persistent bitmaps, as no other process has them
_STORES = (Phase.NONE, Phase.SETUP, Phase.FAILED, Phase.GONE)
_ITERATES = (Phase.ACTIVE, Phase.DEVICE)
_ARRIVAL = {
    Arrival.WAITING: DestinationVm.INMIGRATE,
    Arrival.TAKEN_OVER: DestinationVm.RUN_RECEIVED,
    Arrival.PRELAUNCH: DestinationVm.PRELAUNCH,
    Arrival.RUNNING: DestinationVm.RUNNING,
}
_LINK = {
    Connection.DOWN: Link.DOWN,
    Connection.UP: Link.UP,
    Connection.BROKEN: Link.BROKEN,
    Connection.SILENT: Link.SILENT,
}
#: ghosts that the rig's observer sees
_OBSERVED = (
    "ghost_true_dirty",
    "ghost_since",
    "ghost_would_miss",
    "ghost_missed",
)


class AbstractionError(Exception):
    """The reference is in a state that no state of the model stands for."""


def visible(machine: Machine) -> tuple[str, ...]:
    """The fields of ``machine`` that ``abstract`` speaks of."""
    return tuple(
        f.name
        for f in machine.fields
        if f.name in _OBSERVED
        or not (
            f.ghost
            or f.name.endswith("_left")
            or f.name.startswith("throttle.")
        )
    )


def abstract(rig: Rig) -> Codes:
    """The model's visible fields, by name, for this state of the reference.

    Raises AbstractionError if the model has no word for it.
    """
    codes: Codes = {}
    _source(rig, codes)
    if rig.loopback.source.design is Design.LIVE:
        _pass(rig, codes)
    _destination(rig, codes)
    codes["link"] = _code(_LINK[rig.loopback.connection])
    _stream(rig, codes)
    observer = rig.observer
    if (observer.job is None) == bool(rig.loopback.source_host.jobs):
        raise AbstractionError("a job without a backup, or the reverse")
    codes["ghost_true_dirty"] = _mask(observer.differs)
    codes["ghost_missed"] = _mask(observer.missed)
    job = observer.job
    codes["ghost_since"] = _mask(job.since) if job else 0
    codes["ghost_would_miss"] = _mask(job.would_miss) if job else 0
    return codes


def _code(member: Enum) -> int:
    return list(type(member)).index(member)


def _name(chunk: int) -> int:
    """Code of the name of a chunk: 0 is no chunk."""
    return chunk + 1


def _mask(granules: Iterable[int]) -> int:
    """Code of a set of the model's granules."""
    return sum(1 << granule for granule in granules)


def _check_metadata(bitmap: DirtyBitmap, persistent: bool) -> None:
    """What no step may change (M1)."""
    found = (bitmap.name, bitmap.granularity, bitmap.persistent)
    wanted = (BITMAP, GRANULARITY, persistent)
    if found != wanted or bitmap.inconsistent:
        raise AbstractionError(f"the bitmap is {found}, expected {wanted}")


def _set(rig: Rig, bits: Bits, all_set: bool = False) -> int:
    """Code of the granules of a bitmap of the reference.

    ``all_set``: it began with every bit set, and not all of it has come.
    """
    found = []
    for first, length in bits.runs().tolist():
        for granule in range(first, first + length):
            known = rig.observer.shape.granule(granule * GRANULARITY)
            if known < 0 and all_set:
                continue
            if known < 0:
                raise AbstractionError(
                    f"granule {granule} is set, which was never written"
                )
            found.append(known)
    return _mask(found)


def _in_flight(rig: Rig, host: Host) -> int:
    return _mask(
        rig.observer.shape.granule(write.offset) for write in host.in_flight
    )


def _source(rig: Rig, codes: Codes) -> None:
    core, host = rig.loopback.source, rig.loopback.source_host
    there = host.has_bitmap(NODE, BITMAP)
    bits = busy = job = successor = frozen = 0
    if there:
        bitmap = host.bitmap(NODE, BITMAP)
        gone = core.phase is Phase.GONE
        bits = _set(rig, bitmap.bits)
        frozen = int(bitmap.frozen and core.is_frozen(host))
        if bitmap.successor is not None:
            job = 1 - frozen
            successor = _set(rig, bitmap.successor.bits)
        if not job:
            busy = int(bitmap.busy)
        _check_metadata(bitmap, persistent=True)
        if bool(job) != bool(host.jobs):
            raise AbstractionError("a successor without a job")
        if not bitmap.records and not gone:
            raise AbstractionError("the source's bitmap does not record")
        if bitmap.skip_store != (core.phase not in _STORES):
            raise AbstractionError(
                f"skip_store is {bitmap.skip_store} in phase "
                f"'{core.phase.value}'"
            )
        if bitmap.meta is not None and core.phase not in _ITERATES:
            raise AbstractionError("a meta bitmap outside of the passes")
    codes["source.vm"] = _code(_SOURCE_VM[host.vm])
    codes["source.migration"] = _code(_OUTGOING[core.phase])
    codes["source.in_flight"] = _in_flight(rig, host)
    codes["source.bits"] = bits
    codes["source.has_bitmap"] = int(there)
    codes["source.busy"] = busy
    codes["source.job"] = job
    codes["source.successor"] = successor
    codes["source.frozen"] = frozen
    codes["source.changed"] = _mask(
        chunk for sent in core.bitmaps for chunk in sent.changed
    )
    codes["source.cursor"] = core.bitmaps[0].cursor if core.bitmaps else 0


def _pass(rig: Rig, codes: Codes) -> None:
    """Where the live design is with its passes."""
    core, host = rig.loopback.source, rig.loopback.source_host
    meta = None
    if host.has_bitmap(NODE, BITMAP):
        meta = host.bitmap(NODE, BITMAP).meta
    stage, chunk, contents = Stage.IDLE, NO_CHUNK, 0
    if core.taken is not None:
        stage, chunk = Stage.FIRST_HALF, _name(core.taken.chunk)
    if core.part is not None:
        stage = Stage.READY
        contents = _contents(rig, core.part.data)
    codes["source.meta"] = _mask(meta.dirty_chunks()) if meta else 0
    codes["source.stage"] = _code(stage)
    codes["source.chunk"] = chunk
    codes["source.contents"] = contents


def _contents(rig: Rig, data: bytes) -> int:
    """Code of what one chunk carries."""
    code = int.from_bytes(data, "little")
    if code.bit_length() > rig.observer.shape.granules:
        raise AbstractionError(
            f"a chunk carries {data.hex()}, which was never written"
        )
    return code


def _destination(rig: Rig, codes: Codes) -> None:
    core, host = rig.loopback.destination, rig.loopback.destination_host
    gone = host.vm is RunState.GONE
    vm = _ARRIVAL[core.phase]
    if gone:
        ran = core.phase is Arrival.RUNNING
        vm = DestinationVm.DIED if ran else DestinationVm.KILLED
    bits = successor = degraded = 0
    if host.has_bitmap(NODE, BITMAP):
        bitmap = host.bitmap(NODE, BITMAP)
        loading = core.loader.ones and bitmap.busy
        bits = _set(rig, bitmap.bits, loading or bitmap.degraded)
        degraded = int(bitmap.degraded)
        _check_metadata(bitmap, rig.observer.stands is not Stands.ANEW)
        if bitmap.skip_store:
            raise AbstractionError("the destination would not store it")
        if bitmap.successor is not None:
            successor = _set(rig, bitmap.successor.bits)
    codes["destination.vm"] = _code(vm)
    codes["destination.bitmap"] = _code(_bitmap_state(rig))
    codes["destination.in_flight"] = _in_flight(rig, host)
    codes["destination.bits"] = bits
    codes["destination.successor"] = successor
    codes["destination.degraded"] = degraded
    codes["destination.early"] = int(bool(core.loader.early))
    codes["destination.stream_ended"] = int(core.ended)


def _bitmap_state(rig: Rig) -> BitmapState:
    """What stands under the bitmap's name on the destination."""
    host = rig.loopback.destination_host
    loader = rig.loopback.destination.loader
    if not host.has_bitmap(NODE, BITMAP):
        if (
            rig.observer.stands is Stands.REMOVED
            and host.vm is not RunState.GONE
        ):
            return BitmapState.REMOVED
        lost = loader.cancelled and loader.names
        return BitmapState.LOST if lost else BitmapState.ABSENT
    bitmap = host.bitmap(NODE, BITMAP)
    incoming = loader.bitmaps.get((NODE, BITMAP))
    if incoming is not None and not incoming.complete:
        if not bitmap.busy:
            return BitmapState.PARTIAL
        records = bitmap.successor is not None and bitmap.successor.recording
        return BitmapState.SUCCESSOR if records else BitmapState.LOADING
    if bitmap.busy:
        raise AbstractionError("a whole bitmap is busy")
    return BitmapState.VALID if bitmap.recording else BitmapState.COMPLETE


def _stream(rig: Rig, codes: Codes) -> None:
    """Both directions, message by message."""
    messages = [
        found
        for item in items_in_flight(rig)
        if (found := _message(rig, item)) is not None
    ]
    if len(messages) != len(rig.loopback.forward.messages):
        raise AbstractionError(
            f"{len(rig.loopback.forward.messages)} messages are in flight "
            f"and {len(messages)} of them mean something"
        )
    for slot in range(rig.loopback.forward.capacity):
        kind, chunk, contents = 0, NO_CHUNK, 0
        if slot < len(messages):
            kind, chunk, contents = messages[slot]
        codes[f"stream[{slot}].kind"] = kind
        codes[f"stream[{slot}].chunk"] = chunk
        codes[f"stream[{slot}].contents"] = contents
    if rig.loopback.source.design.is_postcopy:
        if rig.loopback.backward.messages:
            raise AbstractionError("postcopy has no return path")
    else:
        back = []
        pipe = rig.loopback.backward
        if pipe.messages:
            replies = thaw(freeze(rig.loopback.source.replies))
            first, *rest = pipe.messages
            data = b"".join([first[pipe.delivered :], *rest])
            back = replies.receive(data)
        if back not in ([], [Shut(0)]):
            raise AbstractionError(f"the return path carries {back}")
        code = _code(Reply.SHUT) + 1 if back else 0
        codes["return_path[0].kind"] = code


def items_in_flight(rig: Rig) -> list[Item]:
    """What the destination will read of the messages that are on their way."""
    pipe = rig.loopback.forward
    if not pipe.messages:
        return []
    reader = thaw(freeze(rig.loopback.destination.reader))
    first, *rest = pipe.messages
    # one after the other: of what comes at once the reader makes one run
    return [
        item
        for data in (first[pipe.delivered :], *rest)
        for item in reader.receive(data)
    ]


def _message(rig: Rig, item: Item) -> tuple[int, int, int] | None:
    """Kind, chunk and contents; None for framing."""
    postcopy = rig.loopback.source.design.is_postcopy
    match item:
        case ChunkItem(chunk=Start()):
            return _code(Message.START) + 1, NO_CHUNK, 0
        case ChunkItem(chunk=BitsRun() as run):
            first, granules = geometry.granule_range(
                run.first_sector, run.sectors, GRANULARITY
            )
            if granules > WORD:
                raise AbstractionError("a message of several chunks")
            data = b"" if run.data is None else run.rows.tobytes()
            contents = _contents(rig, data)
            return _code(Message.BITS) + 1, _name(first // WORD), contents
        case ChunkItem(chunk=Complete()):
            return _code(Message.COMPLETE) + 1, NO_CHUNK, 0
        case Command(kind=CommandKind.POSTCOPY_RUN):
            return _code(Message.RUN) + 1, NO_CHUNK, 0
        case EndOfStream() if not postcopy:
            return _code(Message.RUN) + 1, NO_CHUNK, 0
    return None


def show(machine: Machine, codes: Mapping[str, int]) -> dict[str, str]:
    """Codes as people read them, by variable."""
    shown = {}
    for variable in machine.variables:
        if all(name in codes for name in variable.fields):
            values = tuple(codes[name] for name in variable.fields)
            shown[variable.name] = variable.show(values)
    return shown
