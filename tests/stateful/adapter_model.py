# SPDX-License-Identifier: GPL-2.0-or-later
"""The model, stepped by the interpreter; the bytes are simulated outside.

The model knows which granules are written, not what: this adapter keeps the
disk, and copies for a backup the granules whose bit is set in the model's
state.  One disk, one bitmap, a few writes in flight at a time.  Every step is
an enabled instance of the machine; an operation without one is refused.

A backup is one operation here: on the source its job begins and succeeds at
once.  Where the model lets none begin, the bitmap shows as busy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from checker.engines.evaluate import Evaluator
from checker.stateful.adapter import (
    DESIGNS,
    DROP,
    Adapter,
    BitmapView,
    Capabilities,
    Key,
    RefusedError,
    Side,
    SideView,
    Vm,
)
from model.design import STOP_COPY, STOP_COPY_BULK
from model.designs import build
from model.language import Machine
from model.language.machine import Instance
from model.options import UNLIMITED, Bounds, Failures, Options
from model.vocabulary import Break, DestinationVm, Incoming, SourceVm

GRANULARITY = 512
CHUNKS, GRANULES = 2, 3
SIZE = CHUNKS * GRANULES * GRANULARITY - 100
KEY = ("drive0", "bitmap0")
IN_FLIGHT = 2  # writes at a time
ENDLESS = 10_000

SOURCE_VMS = {
    SourceVm.RUNNING: Vm.RUNNING,
    SourceVm.PAUSED: Vm.STOPPED,
    SourceVm.STOPPED: Vm.STOPPED,
    SourceVm.GONE: Vm.GONE,
}
DESTINATION_VMS = {
    DestinationVm.INMIGRATE: Vm.WAITING,
    DestinationVm.RUN_RECEIVED: Vm.WAITING,
    DestinationVm.PRELAUNCH: Vm.WAITING,
    DestinationVm.RUNNING: Vm.RUNNING,
    DestinationVm.KILLED: Vm.GONE,
    DestinationVm.DIED: Vm.GONE,
}
ABSENT = (Incoming.ABSENT, Incoming.LOST, Incoming.REMOVED)
BUSY = (Incoming.LOADING, Incoming.SUCCESSOR, Incoming.MERGED)
#: not the migration's own steps: other methods of the adapter ask for them
MANAGEMENT = {
    *("migrate", "migrate_again", "migrate_cancel"),
    *("resume_source", "fence_destination", "quit_source"),
}


@cache
def machine_of(design: str) -> Machine:
    """The design, with all that may fail as often as it likes."""
    failures = Failures(
        cut=UNLIMITED,
        source_killed=UNLIMITED,
        destination_killed=UNLIMITED,
        cancel=UNLIMITED,
        retry=UNLIMITED,
    )
    bounds = Bounds(
        chunks=CHUNKS,
        granules=GRANULES,
        in_flight=IN_FLIGHT,
        # stop-copy stops only where the whole bitmap may be pending, and
        # with a pass only where all that has changed may be
        downtime=CHUNKS if design in (STOP_COPY, STOP_COPY_BULK) else 1,
    )
    return build(Options(design=design, bounds=bounds, failures=failures))


class ModelAdapter(Adapter):
    """One machine in the state that it has reached."""

    capabilities = Capabilities(
        disks={KEY[0]: SIZE},
        granularities=(GRANULARITY,),
        designs=(*DESIGNS, DROP),
        manages_bitmaps=False,
        mixes_designs=False,
    )

    def reset(self, design: str) -> None:
        self.machine = machine_of(design)
        self.state = self.machine.initials[0]
        self.disk = bytearray(SIZE)
        self.breaks = 0

    def close(self) -> None:
        return

    # -- the machine -------------------------------------------------------

    def enabled(self, wanted: Callable[[Instance], bool]) -> list[Instance]:
        """The instances that could happen now."""
        here = Evaluator(self.machine, self.state)
        return [
            instance
            for instance in self.machine.instances
            if wanted(instance) and here.enabled(instance)
        ]

    def take(self, instance: Instance) -> None:
        """Let it happen."""
        here = Evaluator(self.machine, self.state)
        self.state = here.successor(instance)

    def do(self, action: str, argument: object = None) -> None:
        """Let the instance of this name happen; refused if it cannot."""

        def wanted(instance: Instance) -> bool:
            if instance.action != action:
                return False
            texts = [text for _, text in instance.arguments]
            return argument is None or texts == [str(argument)]

        found = self.enabled(wanted)
        if not found:
            raise RefusedError(f"{action} is not possible now")
        self.take(found[0])

    def value(self, name: str) -> int:
        """The code that a field holds."""
        return self.state[self.machine.position[name]]

    @property
    def source_vm(self) -> SourceVm:
        return list(SourceVm)[self.value("source.vm")]

    @property
    def destination_vm(self) -> DestinationVm:
        return list(DestinationVm)[self.value("destination.vm")]

    def _side(self) -> str:
        """The side that runs the guest, as the model's names begin."""
        if self.source_vm is SourceVm.RUNNING:
            return "source"
        if self.destination_vm is DestinationVm.RUNNING:
            return "destination"
        raise RefusedError("no guest runs")

    # -- the guest ---------------------------------------------------------

    def write(self, node: str, offset: int, data: bytes) -> None:
        side, end = self._side(), offset + len(data)
        flying = self.value(f"{side}.in_flight")
        touched = range(offset // GRANULARITY, (end - 1) // GRANULARITY + 1)
        if flying.bit_count() == IN_FLIGHT or any(
            flying >> granule & 1 for granule in touched
        ):
            raise RefusedError("a write is in flight")
        for granule in touched:
            start = max(offset, granule * GRANULARITY)
            stop = min(end, (granule + 1) * GRANULARITY)
            self.do(f"{side}_write_data", granule)
            self.disk[start:stop] = data[start - offset : stop - offset]
            self.do(f"{side}_set_dirty", granule)

    def discard(self, node: str, offset: int, length: int) -> None:
        self.write(node, offset, bytes(length))

    def begin_write(self, node: str, offset: int, data: bytes) -> None:
        granule, end = offset // GRANULARITY, offset + len(data)
        if (end - 1) // GRANULARITY != granule:
            raise RefusedError("only one granule at a time")
        self.do(f"{self._side()}_write_data", granule)
        self.disk[offset:end] = data

    def finish_writes(self) -> None:
        for side in ("source", "destination"):
            while self.value(f"{side}.in_flight"):
                self.do(f"{side}_set_dirty")

    # -- the client --------------------------------------------------------

    def full_backup(
        self, key: Key, granularity: int, image: bytearray
    ) -> None:
        self.do("destination_full_backup")
        image[:] = self.disk

    def incremental_backup(self, key: Key, image: bytearray) -> None:
        side = self._side()
        bits = self.value(f"{side}.bits")
        if side == "source":
            self.do("source_backup_begins")
            self.do("source_backup_succeeds")
        else:
            self.do("destination_backup")
        for granule in range(CHUNKS * GRANULES):
            if bits >> granule & 1:
                start = granule * GRANULARITY
                end = start + GRANULARITY
                image[start:end] = self.disk[start:end]

    def remove_bitmap(self, key: Key) -> None:
        raise RefusedError("the model's bitmap stays")

    def enable(self, key: Key) -> None:
        raise RefusedError("the model's bitmap always records")

    def disable(self, key: Key) -> None:
        raise RefusedError("the model's bitmap always records")

    # -- management --------------------------------------------------------

    def begin_migration(self, design: str) -> None:
        found = self.enabled(
            lambda i: i.action in ("migrate", "migrate_again")
        )
        if not found:
            raise RefusedError("no migration can begin now")
        self.take(found[0])

    def steps(self) -> list[Instance]:
        """What the migration could do next."""
        actors = ("source", "destination", "management")
        return self.enabled(
            lambda i: (
                (i.actor in actors and i.action not in MANAGEMENT)
                or i.action == "connection_times_out"
            )
        )

    def advance(self, picks: Sequence[int]) -> None:
        for pick in picks:
            steps = self.steps()
            if not steps:
                return
            self.take(steps[pick % len(steps)])

    def cancel(self) -> None:
        self.do("migrate_cancel")

    def resume(self) -> None:
        self.do("resume_source")

    def settle(self) -> None:
        self.finish_writes()
        last = ("resume_source", "fence_destination", "quit_source")
        for _ in range(ENDLESS):
            steps = self.steps() or self.enabled(lambda i: i.action in last)
            if not steps:
                return
            self.take(steps[0])
        raise RuntimeError("the migration does not end")

    def renew(self) -> None:
        """Begin at the machine's first state, with the bitmap that is."""
        side = self._side()
        shown = self.query(Side(side))
        if KEY not in shown.bitmaps:
            raise RefusedError("the source has its bitmap in the beginning")
        position, first = self.machine.position, self.machine.initials[0]
        state = list(first)
        state[position["source.bits"]] = self.value(f"{side}.bits")
        ghost = position["ghost_true_dirty"]
        state[ghost] = self.state[ghost]
        self.state = tuple(state)

    # -- failures ----------------------------------------------------------

    def cut(self) -> None:
        """Now it is closed, now nothing comes any more."""
        ways = list(Break)
        self.do("channel_cut", ways[self.breaks % len(ways)].value)
        self.breaks += 1

    def kill(self, side: Side) -> None:
        self.do(f"{side.value}_killed")

    # -- what can be seen --------------------------------------------------

    def query(self, side: Side) -> SideView:
        if side is Side.SOURCE:
            vm = SOURCE_VMS[self.source_vm]
            there = bool(self.value("source.has_bitmap"))
            busy, recording = self._source_is_busy(), True
            degraded = False
        else:
            vm = DESTINATION_VMS[self.destination_vm]
            incoming = list(Incoming)[self.value("destination.bitmap")]
            there, busy = incoming not in ABSENT, incoming in BUSY
            degraded = self._is_degraded()
            recording = incoming in (
                Incoming.SUCCESSOR,
                Incoming.MERGED,
                Incoming.VALID,
                Incoming.PARTIAL,
            )
        if not there or vm is Vm.GONE:
            return SideView(vm)
        bits = self.value(f"{side.value}.bits")
        seen = BitmapView(
            granularity=GRANULARITY,
            count=bits.bit_count() * GRANULARITY,
            recording=recording,
            busy=busy,
            degraded=degraded,
        )
        return SideView(vm, {KEY: seen})

    def _is_degraded(self) -> bool:
        """Whether the destination's bitmap shows so, where it can."""
        name = "destination.degraded"
        return name in self.machine.position and bool(self.value(name))

    def _source_is_busy(self) -> bool:
        """Whether no backup can begin, whatever is in flight."""
        if self.source_vm is not SourceVm.RUNNING:
            return bool(self.value("source.busy"))
        drained = list(self.state)
        drained[self.machine.position["source.in_flight"]] = 0
        here = Evaluator(self.machine, tuple(drained))
        (begins,) = self.machine.action("source_backup_begins").instances
        return not here.enabled(begins)

    def read_disk(self, node: str) -> bytes:
        return bytes(self.disk)
