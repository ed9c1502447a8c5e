# SPDX-License-Identifier: GPL-2.0-or-later
"""What a migration costs at most, as formulas that explored points obey.

A cost is known at points: small instances without failures.  A formula is a
sum of multiples of the bounds, perhaps never more than the number of chunks.
It is laid through a base point and one point in each direction; all others
are its test.  What is not known is said to be unknown, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import evolve, fields_dict, frozen

from model.options import Bounds

#: of a cost at a point: a run can pay for ever; no search has found it out;
#: there is no run to pay, as no migration gets to its end
UNLIMITED, UNKNOWN, NEVER = "unlimited", "unknown", "never"
Most = int | str
Point = tuple[int, ...]
Points = Mapping[Point, Most]
#: chunks, guest writes, chunks pending when the VM stops, writes in flight
CHUNKS, WRITES, DOWNTIME, IN_FLIGHT = "M", "W", "D", "F"
#: the points at which the whole bitmap fits the downtime limit
FITS = "D >= M"
SENT, STOPPED = "chunks sent", "chunks sent while stopped"


@frozen(kw_only=True)
class Plane:
    """The sum of ``factors`` times ``names``, plus ``constant``.

    ``capped``: never more than the first of ``names``.  ``over``: so much
    more than the first of ``names``.
    """

    names: tuple[str, ...]
    factors: tuple[int, ...]
    constant: int
    capped: bool = False
    over: bool = False

    def at(self, *point: int) -> int:
        """The value at a point."""
        pairs = zip(self.factors, point, strict=True)
        value = sum(factor * number for factor, number in pairs)
        value += self.constant
        value = min(point[0], value) if self.capped else value
        return point[0] + value if self.over else value

    @property
    def is_zero(self) -> bool:
        """Whether it is 0 everywhere."""
        return not (any(self.factors) or self.constant or self.over)

    def __str__(self) -> str:
        terms = [
            f"{factor} {name}" if factor != 1 else name
            for factor, name in zip(self.factors, self.names, strict=True)
            if factor
        ]
        if self.constant or not terms:
            terms.append(str(self.constant))
        text = " + ".join(terms)
        text = f"min({self.names[0]}, {text})" if self.capped else text
        return f"{self.names[0]} + {text}" if self.over else text


@frozen
class Frame:
    """Points that a plane is laid through: one, and one in each direction.

    ``where``: the only points at which a migration gets to its end, in
    words, where these are not all.
    """

    base: Point
    beside: tuple[Point, ...]
    where: str = ""


@frozen(kw_only=True)
class Cost:
    """One cost: the most that a run pays, at points and as a formula.

    ``names``: what the numbers of a point are called.  ``plane``: None if no
    formula fits, or if the most is not known at some point, or is no number.
    ``where``: the only points at which a migration gets to its end, ''
    where these are all.
    """

    names: tuple[str, ...]
    points: Points
    plane: Plane | None = None
    where: str = ""

    def __str__(self) -> str:
        if self.plane is not None:
            where = f" ({self.where})" if self.where else ""
            return f"{self.plane}{where}"
        values = set(self.points.values())
        for word in (UNKNOWN, UNLIMITED):
            if word in values:
                return word
        return "no formula" if values - {NEVER} else NEVER


def cost(
    names: Sequence[str], points: Points, frames: Sequence[Frame]
) -> Cost:
    """The cost with these ``points``: by the first of ``frames`` that fits.

    A frame fits if its plane goes through all points at which a migration
    gets to its end, and if those at which it does not are the others.
    """
    plain = Cost(names=tuple(names), points=dict(points))
    if UNKNOWN in points.values() or UNLIMITED in points.values():
        return plain
    known = {key: v for key, v in points.items() if isinstance(v, int)}
    for frame in frames:
        ends = {p for p in points if not frame.where or _fits(names, p)}
        if ends == set(known):
            plane = _plane(tuple(names), known, frame)
            if plane is not None:
                return evolve(plain, plane=plane, where=frame.where)
    return plain


def _fits(names: Sequence[str], point: Point) -> bool:
    """Whether all chunks fit the downtime limit."""
    named = dict(zip(names, point, strict=True))
    return named[DOWNTIME] >= named[CHUNKS]


def _plane(
    names: tuple[str, ...], values: Mapping[Point, int], frame: Frame
) -> Plane | None:
    """The plane through all points, or None if there is none."""
    for over in (False, True):
        more = {key: v - over * key[0] for key, v in values.items()}
        plane = _flat(names, more, frame)
        if plane is not None:
            return evolve(plane, over=over)
    return None


def _flat(
    names: tuple[str, ...], values: Mapping[Point, int], frame: Frame
) -> Plane | None:
    base, factors = frame.base, []
    for place, point in enumerate(frame.beside):
        rise = values[point] - values[base]
        way = point[place] - base[place]
        if rise % way:
            return None
        factors.append(rise // way)
    bare = Plane(names=names, factors=tuple(factors), constant=0)
    plane = evolve(bare, constant=values[base] - bare.at(*base))
    for candidate in (plane, evolve(plane, capped=True)):
        if all(candidate.at(*key) == value for key, value in values.items()):
            return candidate
    return None


@frozen(kw_only=True)
class Costs:
    """What a migration costs at most, without failures.

    ``sent``: chunks sent, with a guest that writes so often and stops.
    ``sent_never_stops``: chunks sent with two chunks and a guest that never
    stops.  ``stopped``: chunks sent while no host runs the guest, with such a
    guest. ``at_risk``: states, of all states in which a migration is under way
    and nothing has failed, in which one break or the death of the source may
    lose the bitmap; None: not known.  ``degrading``: the same of states in
    which it may leave a bitmap that is not exact; None: not known, or there
    is no such thing.  ``always_lost``: whether every migration
    loses the bitmap although nothing fails; None: not known.
    """

    sent: Cost
    sent_never_stops: Most
    stopped: Cost
    at_risk: tuple[int, int] | None
    degrading: tuple[int, int] | None
    always_lost: bool | None

    @property
    def share_at_risk(self) -> float | None:
        """``at_risk`` as a fraction; None if it is not known."""
        return _share(self.at_risk)

    @property
    def share_degrading(self) -> float | None:
        """``degrading`` as a fraction; None if it is not known."""
        return _share(self.degrading)


def _share(counted: tuple[int, int] | None) -> float | None:
    if counted is None or not counted[1]:
        return None
    some, of = counted
    return some / of


def flights() -> tuple[str, ...]:
    """The name of the writes in flight, if the model's bounds have them."""
    return (IN_FLIGHT,) if "in_flight" in fields_dict(Bounds) else ()


def sent_cost(at: Callable[[Bounds], Most], whatever: bool) -> Cost:
    """The cost of a whole migration; ``at``: what it is at these bounds.

    ``whatever``: it is a number whatever the guest does; then with any limit,
    and a guest that never stops.  Else with D = 0, the worst case, and so
    many writes; if no migration gets to its end like that, with D = M.
    """
    if whatever:
        return _with_a_limit(at)
    names = (CHUNKS, WRITES, *flights())
    one = (1,) * len(names)
    beside = _beside(one)
    points = [one, *beside, (2, 2, *one[2:])]
    values = {p: at(_bounds(names, p, downtime=0)) for p in points}
    if set(values.values()) != {NEVER}:
        return cost(names, values, [Frame(one, beside)])
    values = {p: at(_bounds(names, p, downtime=p[0])) for p in points}
    found = cost(names, values, [Frame(one, beside)])
    return evolve(found, where=FITS if found.plane else "")


def stopped_cost(at: Callable[[Bounds], Most]) -> Cost:
    """The cost of the time in which no host runs the guest."""
    return _with_a_limit(at)


def _with_a_limit(at: Callable[[Bounds], Most]) -> Cost:
    """A cost for a guest that never stops, at several limits."""
    names = (CHUNKS, DOWNTIME, *flights())
    more = (1,) * len(flights())
    # no cap touches these, whatever the limit; or all fits the limit
    open_, fits = (2, 0, *more), (2, 2, *more)
    frames = [
        Frame(open_, _beside(open_)),
        Frame(fits, ((1, 2, *more), *_beside(fits)[1:]), FITS),
    ]
    found = [p for f in frames for p in (f.base, *f.beside)]
    found += [(1, 1, *more), (3, 3, *more)]
    found += [(2, 1, 2)] * len(more)
    points = dict.fromkeys(found)
    return cost(names, {p: at(_bounds(names, p)) for p in points}, frames)


def _beside(base: Point) -> tuple[Point, ...]:
    """The points one further in each direction."""
    return tuple(
        tuple(n + (i == place) for i, n in enumerate(base))
        for place in range(len(base))
    )


def _bounds(names: Sequence[str], point: Point, **more: Any) -> Bounds:
    """The bounds that a point stands for."""
    keys = {
        CHUNKS: "chunks",
        WRITES: "writes",
        DOWNTIME: "downtime",
        IN_FLIGHT: "in_flight",
    }
    named = dict(zip((keys[name] for name in names), point, strict=True))
    return Bounds(**{**more, **named})
