# SPDX-License-Identifier: GPL-2.0-or-later
"""Well-known small machines whose number of states is known.

``die_hard``: the two jugs of the TLA+ examples (DieHard.tla).
``two_phase_commit``: Gray and Lamport's protocol (TwoPhase.tla), which the
Stateright examples count as well.
"""

from __future__ import annotations

import enum

from model.language import Machine, MachineBuilder, Step, all_of

SMALL, BIG = 3, 5


def die_hard() -> Machine:
    """A jug of 3 and a jug of 5 gallons; 4 gallons are wanted."""
    build = MachineBuilder("die hard")
    small = build.counter("small", SMALL)
    big = build.counter("big", BIG)

    @build.action("hero")
    def fill_small() -> Step:
        return Step(when=[], then=[small.becomes(SMALL)])

    @build.action("hero")
    def fill_big() -> Step:
        return Step(when=[], then=[big.becomes(BIG)])

    @build.action("hero")
    def empty_small() -> Step:
        return Step(when=[], then=[small.becomes(0)])

    @build.action("hero")
    def empty_big() -> Step:
        return Step(when=[], then=[big.becomes(0)])

    @build.action("hero")
    def small_to_big() -> Step:
        total = small + big
        return Step(
            when=[],
            then=[
                big.becomes(total.capped(BIG)),
                small.becomes((total - BIG).capped(SMALL)),
            ],
        )

    @build.action("hero")
    def big_to_small() -> Step:
        total = small + big
        return Step(
            when=[],
            then=[
                small.becomes(total.capped(SMALL)),
                big.becomes((total - SMALL).capped(BIG)),
            ],
        )

    build.always("NotSolved", "", "4 gallons.", then=[~big.is_(4)])
    return build.machine()


class Resource(enum.Enum):
    """A resource manager's state."""

    WORKING = "working"
    PREPARED = "prepared"
    COMMITTED = "committed"
    ABORTED = "aborted"


class Manager(enum.Enum):
    """The transaction manager's state."""

    INIT = "init"
    COMMITTED = "committed"
    ABORTED = "aborted"


def two_phase_commit(resources: int) -> Machine:
    """``resources`` resource managers and one transaction manager.

    Messages are a set and are never removed: ``sent_prepared[r]``,
    ``sent_commit``, ``sent_abort``.
    """
    build = MachineBuilder("two-phase commit")
    everyone = range(resources)
    manager = build.enum("manager", Manager.INIT)
    state = [build.enum(f"rm[{r}]", Resource.WORKING) for r in everyone]
    prepared = [build.flag(f"prepared[{r}]") for r in everyone]
    sent_prepared = [build.flag(f"sent_prepared[{r}]") for r in everyone]
    sent_commit = build.flag("sent_commit")
    sent_abort = build.flag("sent_abort")
    undecided = manager.is_(Manager.INIT)

    @build.action("manager", over=everyone)
    def receive_prepared(r: int) -> Step:
        return Step(
            when=[undecided, sent_prepared[r]],
            then=[prepared[r].becomes(True)],
        )

    @build.action("manager")
    def commit() -> Step:
        return Step(
            when=[undecided, *prepared],
            then=[
                manager.becomes(Manager.COMMITTED),
                sent_commit.becomes(True),
            ],
        )

    @build.action("manager")
    def abort() -> Step:
        return Step(
            when=[undecided],
            then=[
                manager.becomes(Manager.ABORTED),
                sent_abort.becomes(True),
            ],
        )

    @build.action("resource", over=everyone)
    def prepare(r: int) -> Step:
        return Step(
            when=[state[r].is_(Resource.WORKING)],
            then=[
                state[r].becomes(Resource.PREPARED),
                sent_prepared[r].becomes(True),
            ],
        )

    @build.action("resource", over=everyone)
    def choose_to_abort(r: int) -> Step:
        return Step(
            when=[state[r].is_(Resource.WORKING)],
            then=[state[r].becomes(Resource.ABORTED)],
        )

    @build.action("resource", over=everyone)
    def receive_commit(r: int) -> Step:
        return Step(
            when=[sent_commit],
            then=[state[r].becomes(Resource.COMMITTED)],
        )

    @build.action("resource", over=everyone)
    def receive_abort(r: int) -> Step:
        return Step(
            when=[sent_abort],
            then=[state[r].becomes(Resource.ABORTED)],
        )

    for one in everyone:
        for other in everyone[one + 1 :]:
            build.always(
                f"Consistent{one}{other}",
                "safety",
                "No two resource managers decide differently.",
                then=[
                    ~(
                        state[one].is_(Resource.COMMITTED)
                        & state[other].is_(Resource.ABORTED)
                    ),
                    ~(
                        state[one].is_(Resource.ABORTED)
                        & state[other].is_(Resource.COMMITTED)
                    ),
                ],
            )
    build.reachable(
        "AllCommit",
        "The transaction can succeed.",
        then=[all_of(*(s.is_(Resource.COMMITTED) for s in state))],
    )
    return build.machine()
