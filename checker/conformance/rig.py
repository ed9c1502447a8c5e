# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference, rigged up so that the checker can drive it.

One disk with one bitmap, a loopback, and an observer who knows which granules
differ from the last backup.  Every action of the model is one method call on
the real code: ``can`` asks the reference whether it would, ``perform`` lets
it.  A model granule is one granule of the reference; as chunks begin at whole
words, a chunk has room for 64 of them and only the first few are ever used.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field, frozen

from checker.conformance.snapshot import freeze, thaw
from model.language.machine import Instance
from model.options import Options
from reference.backup import full_backup, incremental_backup
from reference.errors import DirtyBitmapError
from reference.events import Event
from reference.host import Host, RunState
from reference.loopback import Connection, Loopback
from reference.protocol.tables import Arrival, Design

NODE, BITMAP = "drive0", "bitmap0"
GRANULARITY = 512  # bytes
CHUNK_BYTES = 8  # the smallest chunk: one word
REFUSED = "dirty_bitmap_load_start_refused"
WORD = 64


@frozen
class Shape:
    """The model's disk: ``chunks`` of ``granules``."""

    chunks: int
    granules: int

    @property
    def disk_size(self) -> int:
        """Of the reference's disk, in bytes."""
        last = (self.chunks - 1) * WORD + self.granules
        return last * GRANULARITY

    def offset(self, granule: int) -> int:
        """Byte offset of a granule of the model."""
        chunk, inside = divmod(granule, self.granules)
        return (chunk * WORD + inside) * GRANULARITY

    def granule(self, offset: int) -> int:
        """The model's granule at a byte offset; -1 for an unused one."""
        chunk, inside = divmod(offset // GRANULARITY, WORD)
        return chunk * self.granules + inside if inside < self.granules else -1


@define
class Observer:
    """Knows what no host can see: which granules differ from the backup.

    It is the disk and the backup's image at once.  ``copied``: what the
    backup under way has copied.
    """

    shape: Shape
    differs: list[int] = field(factory=list)
    chain_broken: bool = False

    def read(self, offset: int, length: int) -> bytes:
        return bytes(length)

    def write(self, offset: int, data: bytes) -> None:
        granule = self.shape.granule(offset)
        if granule not in self.differs:
            self.differs = sorted([*self.differs, granule])


@define
class Image:
    """The backup's image: what is copied differs no more."""

    observer: Observer

    def read(self, offset: int, length: int) -> bytes:
        return bytes(length)

    def write(self, offset: int, data: bytes) -> None:
        observer = self.observer
        covered = range(offset, offset + len(data), GRANULARITY)
        gone = {observer.shape.granule(at) for at in covered}
        observer.differs = [g for g in observer.differs if g not in gone]


class RefusedStepError(Exception):
    """The reference did not do what the model does."""


@define
class Rig:
    """The reference in the state that it has reached."""

    loopback: Loopback
    observer: Observer

    def can(self, instance: Instance) -> bool:
        """Whether the reference would take this step now.

        Of what only the model limits (budgets) the reference knows nothing.
        """
        return _ASK[instance.action](self, _argument(instance))

    def perform(self, instance: Instance) -> None:
        """Let the reference take this step.

        Raises RefusedStepError, or what the reference raises.
        """
        try:
            _DO[instance.action](self, _argument(instance))
        except DirtyBitmapError as error:
            raise RefusedStepError(
                f"the reference refuses: {error}"
            ) from error


def build(options: Options) -> Rig:
    """The reference at the size that ``options`` asks for."""
    bounds = options.bounds
    shape = Shape(bounds.chunks, bounds.granules)
    loopback = Loopback.create(
        Design(options.design),
        {NODE: shape.disk_size},
        CHUNK_BYTES,
        bounds.channel,
        bounds.downtime,
    )
    loopback.source_host.add_bitmap(NODE, BITMAP, GRANULARITY)
    return Rig(loopback, Observer(shape))


def _argument(instance: Instance) -> int:
    """The number of the instance's chunk or granule; -1 if it has none."""
    for _, text in instance.arguments:
        if text in ("True", "yes"):
            return 1
        if text in ("False", "no"):
            return 0
        return int(text)
    return -1


Ask = Callable[[Rig, int], bool]
Do = Callable[[Rig, int], object]


# -- the guest and the backup client ----------------------------------------


def _writes(host: Host) -> bool:
    return host.vm is RunState.RUNNING and not host.in_flight


def _begin(rig: Rig, host: Host, granule: int) -> None:
    data = bytes([1])
    offset = rig.observer.shape.offset(granule)
    host.begin_write(rig.observer, NODE, offset, data)


def _in_flight(rig: Rig, host: Host, granule: int) -> bool:
    offset = rig.observer.shape.offset(granule)
    return any(write.offset == offset for write in host.in_flight)


def _finish(rig: Rig, host: Host, granule: int) -> None:
    offset = rig.observer.shape.offset(granule)
    for write in list(host.in_flight):
        if write.offset == offset:
            host.finish_write(write)


def _usable(host: Host) -> bool:
    if host.vm is not RunState.RUNNING or host.in_flight:
        return False
    if not host.has_bitmap(NODE, BITMAP):
        return False
    shown = host.bitmap(NODE, BITMAP).query()
    return not shown["busy"] and not shown["inconsistent"]


def _backup(rig: Rig, host: Host) -> None:
    observer = rig.observer
    before = list(observer.differs)
    copied = incremental_backup(host, NODE, BITMAP, observer, Image(observer))
    taken = {
        observer.shape.granule(at)
        for offset, length in copied
        for at in range(offset, offset + length, GRANULARITY)
    }
    if not taken.issuperset(before):
        observer.chain_broken = True


def _lost(rig: Rig) -> bool:
    host, core = rig.loopback.destination_host, rig.loopback.destination
    return (
        host.vm is RunState.RUNNING
        and not host.in_flight
        and core.ended
        and not host.has_bitmap(NODE, BITMAP)
    )


def _full(rig: Rig) -> None:
    observer = rig.observer
    full_backup(
        rig.loopback.destination_host,
        NODE,
        BITMAP,
        GRANULARITY,
        observer,
        Image(observer),
    )


# -- messages ----------------------------------------------------------------


def _deliver(rig: Rig, refuse: bool = False) -> list[Event]:
    host = rig.loopback.destination_host
    if not refuse:
        return rig.loopback.deliver()
    # the destination has no such node when START comes
    nodes, host.nodes = host.nodes, {}
    try:
        return rig.loopback.deliver()
    finally:
        host.nodes = nodes


def _means(rig: Rig, events: list[Event], action: str, argument: int) -> bool:
    """Whether the message that was delivered is the step ``action``."""
    if action == REFUSED and rig.loopback.destination.error:
        return True
    return any(
        event.action == action and argument in (-1, event.chunk)
        for event in events
    )


def _receives(action: str) -> tuple[Ask, Do]:
    refuse = action == REFUSED

    def ask(rig: Rig, argument: int) -> bool:
        loopback = rig.loopback
        if loopback.forward.is_empty or (
            loopback.destination_host.vm is RunState.GONE
        ):
            return False
        if refuse and loopback.destination.loader.names:
            return False
        trial: Rig = thaw(freeze(rig))
        return _means(trial, _deliver(trial, refuse), action, argument)

    def do(rig: Rig, argument: int) -> None:
        events = _deliver(rig, refuse)
        if not _means(rig, events, action, argument):
            said = ", ".join(e.action for e in events) or "nothing"
            error = rig.loopback.destination.error
            raise RefusedStepError(
                f"the message leads to: {said}"
                + (f"; error: {error}" if error else "")
            )

    return ask, do


# -- everything by name -------------------------------------------------------


def _source(event: str) -> tuple[Ask, Do]:
    def ask(rig: Rig, chunk: int) -> bool:
        core, host = rig.loopback.source, rig.loopback.source_host
        if not rig.loopback.source_can(event):
            return False
        if event == "dirty_phase":
            return (0, chunk) in core.changed(host)
        if event == "bulk_phase":
            return core.bitmaps[0].cursor == chunk
        if event == "serialize_chunk":
            return core.taken is not None and core.taken.chunk == chunk
        if event == "send_bitmap_bits":
            if core.taken is not None:
                return core.taken.chunk == chunk
            return core.bitmaps[0].cursor == chunk
        return True

    def do(rig: Rig, chunk: int) -> None:
        done = rig.loopback.source_does(event, chunk)
        if done.action != event or (chunk >= 0 and done.chunk != chunk):
            raise RefusedStepError(f"the reference did {done}")

    return ask, do


def _destination(event: str) -> tuple[Ask, Do]:
    return (
        lambda rig, _: rig.loopback.destination_can(event),
        lambda rig, _: rig.loopback.destination_does(event),
    )


def _moved(rig: Rig) -> bool:
    return rig.loopback.destination.phase is Arrival.RUNNING


def _in_doubt(rig: Rig) -> bool:
    """RUN was sent, the link is gone, no RESUME was ever seen."""
    loopback = rig.loopback
    gone = loopback.destination_host.vm is RunState.GONE
    waiting = loopback.destination.phase is Arrival.WAITING
    return (
        (waiting or (gone and not _moved(rig)))
        and loopback.connection is not Connection.UP
        and loopback.source_can("fence_destination")
    )


def _killable(rig: Rig, after_start: int) -> bool:
    loopback = rig.loopback
    if loopback.destination_host.vm is RunState.GONE:
        return False
    between = loopback.destination.phase in (
        Arrival.TAKEN_OVER,
        Arrival.PRELAUNCH,
    )
    if loopback.connection is Connection.DOWN and not between:
        return False
    return _moved(rig) == bool(after_start)


def _table() -> tuple[dict[str, Ask], dict[str, Do]]:
    pairs: dict[str, tuple[Ask, Do]] = {}
    for side in ("source", "destination"):

        def host(rig: Rig, side: str = side) -> Host:
            found = getattr(rig.loopback, f"{side}_host")
            assert isinstance(found, Host)
            return found

        pairs[f"{side}_write_data"] = (
            lambda rig, _, host=host: _writes(host(rig)),
            lambda rig, g, host=host: _begin(rig, host(rig), g),
        )
        pairs[f"{side}_set_dirty"] = (
            lambda rig, g, host=host: _in_flight(rig, host(rig), g),
            lambda rig, g, host=host: _finish(rig, host(rig), g),
        )
        pairs[f"{side}_backup"] = (
            lambda rig, _, host=host: _usable(host(rig)),
            lambda rig, _, host=host: _backup(rig, host(rig)),
        )
    pairs["destination_full_backup"] = (
        lambda rig, _: _lost(rig),
        lambda rig, _: _full(rig),
    )
    for event in (
        "migrate",
        "migrate_again",
        "migrate_cancel",
        "migrate_start_postcopy",
        "resume_source",
        "dirty_bitmap_save_setup",
        "bulk_phase",
        "dirty_phase",
        "serialize_chunk",
        "send_bitmap_bits",
        "migration_completion",
        "postcopy_start",
        "bdrv_drain_all",
        "send_postcopy_run",
        "send_bitmap_complete",
        "send_device_state",
        "migration_fails",
        "migration_fails_after_run",
    ):
        pairs[event] = _source(event)
    for event in (
        "dirty_bitmap_mig_before_vm_start",
        "vm_start",
        "migrate_send_rp_shut",
        "incoming_fails",
        "dirty_bitmap_mig_cancel_incoming",
    ):
        pairs[event] = _destination(event)
    for action in (
        "dirty_bitmap_load_start",
        "dirty_bitmap_load_start_refused",
        "dirty_bitmap_load_bits",
        "dirty_bitmap_load_complete",
        "dirty_bitmap_load_complete_reclaim",
        "skip_bits",
        "skip_complete",
        "loadvm_run",
    ):
        pairs[action] = _receives(action)
    pairs["close_return_path_on_source"] = (
        lambda rig, _: not rig.loopback.backward.is_empty
        and rig.loopback.source_host.vm is not RunState.GONE,
        lambda rig, _: rig.loopback.shut_arrives(),
    )
    pairs["fence_destination"] = (
        lambda rig, _: _in_doubt(rig),
        lambda rig, _: rig.loopback.fence(),
    )
    pairs["quit_source"] = (
        lambda rig, _: _moved(rig) and rig.loopback.source_can("quit_source"),
        lambda rig, _: rig.loopback.source_does("quit_source"),
    )
    pairs["channel_cut"] = (
        lambda rig, _: rig.loopback.connection is Connection.UP,
        lambda rig, _: rig.loopback.cut(),
    )
    pairs["source_killed"] = (
        lambda rig, _: rig.loopback.source_host.vm is not RunState.GONE,
        lambda rig, _: rig.loopback.kill_source(),
    )
    pairs["destination_killed"] = (
        lambda rig, after: _killable(rig, after),
        lambda rig, _: rig.loopback.kill_destination(),
    )
    asks = {name: pair[0] for name, pair in pairs.items()}
    does = {name: pair[1] for name, pair in pairs.items()}
    return asks, does


_ASK, _DO = _table()
