# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a log of a real run a run of the model?

The lines of each log must be taken in their order; between two logs any
order is tried.  After its last line a process may have taken one more step: a
step is logged when it was taken, and a process may be killed in between.
What no process logs (a cut, a kill, a time-out) and what the process without
a log did may happen in between.  The disk of the model has the chunks of the
real one and, of each chunk, the granules that the guest wrote: no other
granule ever plays a part.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from attrs import frozen

from checker.conformance.log_file import Log, LoggedBitmap, LoggedEvent
from checker.engines.evaluate import Evaluator
from checker.input.errors import InputError
from model.design import LIVE, STOP_COPY, STOP_COPY_BULK
from model.designs import build
from model.language import ModelError
from model.language.machine import Instance, Machine, State
from model.options import UNLIMITED, Bounds, Budget, Failures, Options

NETWORK = "network"  # the actor of cuts, kills and time-outs
#: those in which a chunk that changes is sent again
SENT_AGAIN = (LIVE, STOP_COPY_BULK)
WRITES = ("_write_data", "_set_dirty")
CHANNEL = 16
MOST_STATES = 2_000_000
Positions = tuple[int, ...]


@frozen
class Judgement:
    """Whether the logs are a run of the model of ``options``.

    ``accepted`` lines fit.  Otherwise ``where`` is the line, ``reason`` says
    what is wrong with it and ``possible`` what could happen there instead.
    """

    accepted: bool
    bitmap: str
    lines: int
    states: int
    options: Options | None = None
    where: str = ""
    reason: str = ""
    possible: tuple[str, ...] = ()


def judge(logs: list[Log], bitmap: str = "") -> Judgement:
    """Check ``logs`` of one run, for one of their bitmaps.

    ``bitmap`` may be '' if there is only one.  Raises InputError if the logs
    do not belong together or are too large for the model.
    """
    first = logs[0]
    for log in logs[1:]:
        if log.design != first.design:
            raise InputError(
                f"{log.name}: design is {log.design}, but {first.name} has "
                f"{first.design}"
            )
    roles = [log.role for log in logs]
    if len(set(roles)) != len(roles) or ("both" in roles and len(roles) > 1):
        raise InputError(
            f"roles of the logs are {', '.join(roles)}: one log for each "
            "side, or one of both"
        )
    chosen = _bitmap(logs, bitmap)
    return _Check(logs, chosen).run()


def _bitmap(logs: list[Log], wanted: str) -> LoggedBitmap:
    # the source's header comes last: it knows what was dirty at first
    ordered = sorted(logs, key=lambda log: log.role != "destination")
    known: dict[str, LoggedBitmap] = {}
    for log in ordered:
        for found in log.bitmaps:
            other = known.get(found.label, found)
            if found.form != other.form:
                raise InputError(
                    f"{log.name}: {found.label} has granularity, granules of "
                    f"a chunk and chunks {found.form}, the other log has "
                    f"{other.form}"
                )
            known[found.label] = found
    for log in logs:
        if not log.events:
            raise InputError(f"{log.name}: no events, nothing to judge")
        for event in log.events:
            node, _, name = event.bitmap.partition("/")
            if name and event.bitmap not in known:
                raise InputError(
                    f"{log.name}: line {event.line}: no header knows the "
                    f"bitmap '{event.bitmap}' of node '{node}'"
                )
    if wanted:
        if wanted not in known:
            raise InputError(
                f"no bitmap '{wanted}' in the logs; there is "
                f"{', '.join(known) or 'none'}"
            )
        return known[wanted]
    if not known:
        raise InputError("the logs' headers name no bitmap")
    if len(known) > 1:
        raise InputError(
            f"several bitmaps, choose one with --bitmap: {', '.join(known)}"
        )
    return next(iter(known.values()))


class _Check:
    def __init__(self, logs: list[Log], bitmap: LoggedBitmap) -> None:
        self.logs = logs
        self.bitmap = bitmap
        self.events = [
            tuple(e for e in log.events if e.bitmap in ("", bitmap.label))
            for log in logs
        ]
        self.places = self._granules()
        self.options = self._options()
        self.machine: Machine = build(self.options)
        self.by_label = {i.label: i for i in self.machine.instances}
        self.hidden = self._hidden()
        self.last_steps = [self._protocol(log.role) for log in logs]

    # -- the machine -------------------------------------------------------

    def _written(self, event: LoggedEvent) -> list[int]:
        """The real granules that a write covers."""
        first = event.offset // self.bitmap.granularity
        last = (event.offset + event.length - 1) // self.bitmap.granularity
        if last > first:
            raise InputError(
                f"line {event.line}: a write of {event.length} bytes at "
                f"{event.offset} covers several granules; the model's guest "
                "writes one at a time"
            )
        return [first]

    def _granules(self) -> dict[int, tuple[int, int]]:
        """Real granule -> chunk and place inside of the model's chunk."""
        used: dict[int, list[int]] = {}
        for events in self.events:
            for event in events:
                if event.offset < 0:
                    continue
                for granule in self._written(event):
                    chunk = granule // self.bitmap.chunk_granules
                    inside = used.setdefault(chunk, [])
                    if granule not in inside:
                        inside.append(granule)
        # a log tells no contents, and only where chunks are sent again do
        # steps depend on them (which bit changes): elsewhere one granule
        # stands for its chunk
        again = self.logs[0].design in SENT_AGAIN
        return {
            granule: (chunk, place if again else 0)
            for chunk, inside in used.items()
            for place, granule in enumerate(sorted(inside))
        }

    def _options(self) -> Options:
        granules = 1 + max((p for _, p in self.places.values()), default=0)
        log = self.logs[0]
        source = [x for x in self.logs if x.role != "destination"]
        # without a source's log stop-copy's limit is not known
        stop_copy = log.design in (STOP_COPY, STOP_COPY_BULK)
        downtime = self.bitmap.chunks if stop_copy else 1
        if source:
            downtime = source[0].downtime
        try:
            return Options(
                design=log.design,
                bounds=Bounds(
                    chunks=self.bitmap.chunks,
                    granules=granules,
                    channel=CHANNEL,
                    downtime=min(downtime, self.bitmap.chunks),
                ),
                failures=_any_failure(),
            )
        except ModelError as error:
            raise InputError(
                f"{log.name}: too large for the model: {error} (a larger "
                "granularity, or fewer writes, make it smaller)"
            ) from None

    def _hidden(self) -> list[Instance]:
        roles = {log.role for log in self.logs}
        silent: list[str] = []
        if "both" not in roles:
            silent = sorted({"source", "destination"} - roles)
        cuts = [i for i in self.machine.instances if i.actor == NETWORK]
        return [*cuts, *(i for side in silent for i in self._protocol(side))]

    def _protocol(self, role: str) -> list[Instance]:
        """What the process of ``role`` may do that its log would hold.

        Not the guest's writes, unless they decide what is sent, nor the
        client's backups.
        """
        # what the source sends again depends on its guest
        guest = role == "source" and self.options.design in SENT_AGAIN
        return [
            instance
            for instance in self.machine.instances
            if role in ("both", _side(instance))
            and instance.actor != NETWORK
            and (guest or not instance.action.endswith(WRITES))
            and instance.actor != "client"
        ]

    # -- events to instances -------------------------------------------------

    def _label(self, event: LoggedEvent) -> str:
        """The instance that the event stands for."""
        if event.offset >= 0:
            (granule,) = self._written(event)
            chunk, place = self.places[granule]
            number = chunk * self.options.bounds.granules + place
            return f"{event.action}(granule={number})"
        if event.chunk >= 0:
            return f"{event.action}(chunk={event.chunk})"
        return event.action

    def _initial(self) -> State:
        """The model's first state, with the bits that were set already."""
        bits = 0
        per_chunk = self.options.bounds.granules
        for granule, (chunk, place) in self.places.items():
            offset = granule * self.bitmap.granularity
            if any(o <= offset < o + n for o, n in self.bitmap.dirty):
                bits |= 1 << chunk * per_chunk + place
        state = list(self.machine.initials[0])
        for name in ("source.bits", "ghost_true_dirty"):
            state[self.machine.position[name]] = bits
        return tuple(state)

    # -- the search ----------------------------------------------------------

    def run(self) -> Judgement:
        """Over states and positions in the logs, the furthest first.

        Of equally far ones the first that was found, so the shortest.
        """
        ends = tuple(len(events) for events in self.events)
        start = (self._initial(), (0,) * len(ends))
        seen = {start}
        waiting = [(0, 0, start)]
        furthest = start
        while waiting:
            *_, here = heappop(waiting)
            if all(map(int.__ge__, here[1], ends)):
                return self._accepted(sum(ends), len(seen))
            for reached in self._after(*here):
                if reached in seen:
                    continue
                seen.add(reached)
                heappush(waiting, (-sum(reached[1]), len(seen), reached))
                if sum(reached[1]) > sum(furthest[1]):
                    furthest = reached
            if len(seen) > MOST_STATES:
                raise InputError(
                    f"{self.logs[0].name}: more than {MOST_STATES} states; "
                    "give the log of the other side as well"
                )
        return self._rejected(furthest, len(seen))

    def _after(
        self, state: State, positions: Positions
    ) -> Iterator[tuple[State, Positions]]:
        here = Evaluator(self.machine, state)
        for index, position in enumerate(positions):
            if position < len(self.events[index]):
                event = self.events[index][position]
                moved = list(positions)
                moved[index] += 1
                role = self.logs[index].role
                for reached in self._take(state, event, role):
                    yield reached, tuple(moved)
            elif position == len(self.events[index]):
                moved = list(positions)
                moved[index] += 1
                for instance in self.last_steps[index]:
                    if here.enabled(instance):
                        yield here.successor(instance), tuple(moved)
        for instance in self.hidden:
            if here.enabled(instance):
                yield here.successor(instance), positions

    def _take(
        self, state: State, event: LoggedEvent, role: str
    ) -> Iterator[State]:
        instance = self.by_label.get(self._label(event))
        if instance is not None and role in ("both", _side(instance)):
            here = Evaluator(self.machine, state)
            if here.enabled(instance):
                yield here.successor(instance)

    # -- the answer ----------------------------------------------------------

    def _accepted(self, lines: int, states: int) -> Judgement:
        return Judgement(True, self.bitmap.label, lines, states, self.options)

    def _rejected(
        self, furthest: tuple[State, Positions], states: int
    ) -> Judgement:
        state, positions = furthest
        here = Evaluator(self.machine, state)
        possible = [i.label for i in self.machine.instances if here.enabled(i)]
        where, reason = "the end of the logs", "is not reached"
        for index, position in enumerate(positions):
            if position < len(self.events[index]):
                event = self.events[index][position]
                where = f"{self.logs[index].name}: line {event.line}"
                label = self._label(event)
                known = label in self.by_label
                reason = (
                    f"{label} is not possible here"
                    if known
                    else f"{label} is not an action of this model"
                )
                break
        return Judgement(
            False,
            self.bitmap.label,
            sum(positions),
            states,
            self.options,
            where,
            reason,
            tuple(possible),
        )


def _any_failure() -> Failures:
    often: dict[str, Budget] = dict.fromkeys(Failures.names(), UNLIMITED)
    return Failures(**often)


def _side(instance: Instance) -> str:
    """Whose log an action would be in."""
    if instance.actor == "destination":
        return "destination"
    if instance.action.startswith("destination_"):
        return "destination"
    return "source"
