# SPDX-License-Identifier: GPL-2.0-or-later
"""A trace as a sequence chart in plain text.

Three lifelines: management, source, destination; the channel is the space
between the hosts.  A message leaves the source with one arrow and reaches the
destination with another, because other things happen in between.  Guest and
client act on the side where the VM runs.  A lifeline shows where the guest
runs, and it ends with its process.  Below a step stands, in brackets, what it
does to the bitmaps.
"""

from __future__ import annotations

from attrs import frozen

from checker.citing.second import is_of_second, one
from checker.citing.wording import told
from checker.text import WIDTH, shortened, text_of, wrapped
from checker.traces.changes import Change, changes
from checker.traces.messages import Traffic, traffic_along
from checker.traces.trace import Move, Trace
from model.language.machine import Machine, State
from model.options import Options
from model.vocabulary import DestinationVm, SourceVm

MANAGEMENT, SOURCE, DESTINATION = 3, 28, WIDTH - 1
LANES = {
    "management": MANAGEMENT,
    "source": SOURCE,
    "destination": DESTINATION,
}
RUNS, WAITS, GONE = "#", "|", " "
LEGEND = (
    f"{RUNS} the guest runs here   {WAITS} it does not   * a step   "
    "X a failure"
)
_CHANNEL = DESTINATION - SOURCE - 1
_STREAM = "stream"
_NOTED = {
    "source.bits": "bits",
    "source.successor": "successor",
    "source.meta": "meta",
    "destination.bits": "bits",
    "destination.successor": "successor",
    "destination.bitmap": "bitmap",
    "ghost_true_dirty": "true dirty",
    "ghost_would_miss": "the backup will miss",
    "ghost_missed": "missed by a backup",
}


def render_sequence(machine: Machine, trace: Trace) -> str:
    """The chart, at most 72 columns wide, with a legend."""
    lines = [_title()]
    before = trace.initial
    traffic = traffic_along(machine, trace)
    for number, (move, flows) in enumerate(
        zip(trace.moves, traffic, strict=True), 1
    ):
        if trace.loop == number - 1:
            lines.append(_across(machine, before, "from here on, for ever"))
        lines += _step(machine, trace.options, number, before, move, flows)
        before = move.state
    if trace.loop is not None:
        ending = (
            "and stays like this, for ever"
            if trace.loop == len(trace.moves)
            else f"and again from step {trace.loop + 1}"
        )
        lines.append(_across(machine, before, ending))
    lines += [_blank(machine, before).text, "", LEGEND]
    return text_of(lines)


def _title() -> str:
    row = _Row(" " * WIDTH)
    row = row.put(MANAGEMENT, "management").put(SOURCE - 2, "source")
    return row.put(WIDTH - len("destination"), "destination").text


@frozen
class _Row:
    """One line of the chart; ``put`` writes over it."""

    text: str

    def put(self, column: int, text: str) -> _Row:
        end = column + len(text)
        return _Row((self.text[:column] + text + self.text[end:])[:WIDTH])


def _blank(machine: Machine, state: State) -> _Row:
    source = _value(machine, state, "source.vm")
    destination = _value(machine, state, "destination.vm")
    ended = (DestinationVm.KILLED.value, DestinationVm.DIED.value)
    left, right = WAITS, WAITS
    if source == SourceVm.RUNNING.value:
        left = RUNS
    elif source == SourceVm.GONE.value:
        left = GONE
    if destination == DestinationVm.RUNNING.value:
        right = RUNS
    elif destination in ended:
        right = GONE
    row = _Row(" " * WIDTH).put(MANAGEMENT, WAITS)
    return row.put(SOURCE, left).put(DESTINATION, right)


def _value(machine: Machine, state: State, name: str) -> str:
    for variable in machine.variables:
        if variable.name == name:
            return machine.show(variable, state)
    return ""


def _step(
    machine: Machine,
    options: Options,
    number: int,
    before: State,
    move: Move,
    flows: tuple[Traffic, ...],
) -> list[str]:
    rows = _action(machine, before, move)
    rows[0] = rows[0].put(0, f"{number:2}"[:MANAGEMENT])
    blank = _blank(machine, move.state)
    for flow in flows:
        rows += _arrows(blank, flow)
    for change in changes(machine, before, move.state):
        rows += _note(blank, options, move, change)
    return [row.text for row in rows]


def _lane(move: Move) -> int | None:
    """Column of the lifeline at which ``move`` happens; None: channel."""
    if move.actor in LANES:
        return LANES[move.actor]
    for side in ("source", "destination"):
        if move.action.startswith(side):
            return LANES[side]
    return None


def _action(machine: Machine, before: State, move: Move) -> list[_Row]:
    """The action at its lifeline, in as many rows as it needs."""
    blank = _blank(machine, before)
    lane = _lane(move)
    text = move.label
    if move.actor in ("guest", "client"):
        text = f"{move.actor}: {text}"
    mark = "X" if machine.action(move.action).fault else "*"
    if lane is None:
        return [_on_channel(blank, text, mark)]
    rows = _beside(blank, lane, text)
    rows[0] = rows[0].put(lane, mark)
    return rows


def _beside(blank: _Row, lane: int, text: str) -> list[_Row]:
    """``text`` next to a lifeline: left of the destination's, else right."""
    rows = []
    for piece in wrapped(text, width=_CHANNEL - 2):
        column = lane + 2
        if lane == DESTINATION:
            column = lane - 1 - len(piece)
        rows.append(blank.put(column, piece))
    return rows


def _note(
    blank: _Row, options: Options, move: Move, change: Change
) -> list[_Row]:
    """What a step does to a bitmap, on the side of that bitmap."""
    noted = _NOTED.get(one(change.name))
    if noted is None:
        return []
    if is_of_second(change.name):
        noted = f"{noted} of second"
    lane = LANES.get(change.name.partition(".")[0], _lane(move))
    text = told(f"[{noted} {change.old} -> {change.new}]", options)
    return _beside(blank, lane or SOURCE, text)


def _on_channel(blank: _Row, text: str, mark: str) -> _Row:
    """What happens to the channel, all across it."""
    text = f" {shortened(text, _CHANNEL - 4)} "
    left = (_CHANNEL - len(text)) // 2
    right = _CHANNEL - len(text) - left
    before, after = f" {mark}" * _CHANNEL, f"{mark} " * _CHANNEL
    across = before[-left:] + text + after[:right]
    return blank.put(SOURCE + 1, across)


def _arrows(blank: _Row, flow: Traffic) -> list[_Row]:
    forward = flow.channel == _STREAM
    rows = [
        _arrow(blank, text, forward, at_source=not forward)
        for text in flow.received
    ]
    rows += [
        _arrow(blank, text, forward, at_source=forward) for text in flow.sent
    ]
    for text in flow.lost:
        lost = f"x {shortened(text, _CHANNEL - 12)} is lost x"
        middle = SOURCE + 1 + (_CHANNEL - len(lost)) // 2
        rows.append(blank.put(middle, lost))
    return rows


def _arrow(blank: _Row, text: str, forward: bool, at_source: bool) -> _Row:
    text = shortened(text, _CHANNEL - 10)
    arrow = f"--- {text} -->" if forward else f"<-- {text} ---"
    column = SOURCE + 1 if at_source else DESTINATION - len(arrow)
    return blank.put(column, arrow)


def _across(machine: Machine, state: State, text: str) -> str:
    row = _blank(machine, state)
    return row.put(SOURCE + 2, f"~~~ {text} ~~~").text
