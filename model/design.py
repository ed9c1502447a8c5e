# SPDX-License-Identifier: GPL-2.0-or-later
"""The designs: their names, and what is said of each in one place.

A new design has an entry here and a page of text in ``designs``.
"""

from __future__ import annotations

from attrs import frozen

LIVE = "live"
POSTCOPY = "postcopy"
STOP_COPY = "stop-copy"
POSTCOPY_ONES = "postcopy-ones"
STOP_COPY_BULK = "stop-copy-bulk"
DROP = "drop"


@frozen(kw_only=True)
class Described:
    """What readers of the text are told of a design.

    ``words``: the design in one clause.  ``stages``: the source's migration
    while an attempt is under way, in order.  ``migrates``: the bitmap is
    migrated.  ``several``: it is modelled with a second bitmap as well.
    ``stops_itself``: the source stops the VM when what is pending fits the
    downtime limit; else management, or nothing, decides.  ``in_qemu``: QEMU
    can run it.  ``from_bulk``: it is modelled with a source that makes a pass
    before the stop as well.
    """

    words: str
    stages: tuple[str, ...]
    migrates: bool = True
    several: bool = False
    stops_itself: bool = False
    in_qemu: bool = False
    from_bulk: bool = False


TABLE: dict[str, Described] = {
    LIVE: Described(
        words="the bitmap is sent while the guest runs, chunks that change "
        "are sent again, the rest goes with the VM stopped (posted in 2015, "
        "never merged)",
        stages=("setup", "active", "device", "bitmap-sent", "run-sent"),
        stops_itself=True,
    ),
    POSTCOPY: Described(
        words="the destination's VM starts first, then the whole bitmap is "
        "sent once (in QEMU since 2.12)",
        stages=("setup", "active", "postcopy-requested", "device", "run-sent"),
        several=True,
        in_qemu=True,
        from_bulk=True,
    ),
    POSTCOPY_ONES: Described(
        words="as postcopy, but the destination creates the bitmap with "
        "every bit set and keeps it where the stream breaks (never posted)",
        stages=("setup", "active", "postcopy-requested", "device", "run-sent"),
        several=True,
        from_bulk=True,
    ),
    STOP_COPY: Described(
        words="the whole bitmap is sent while the VM is stopped (QEMU "
        "without postcopy)",
        stages=("setup", "active", "device", "bitmap-sent", "run-sent"),
        several=True,
        stops_itself=True,
        in_qemu=True,
    ),
    STOP_COPY_BULK: Described(
        words="the bitmap is frozen and sent while the guest runs, and what "
        "has changed is sent again while the VM is stopped (never posted)",
        stages=("setup", "active", "device", "bitmap-sent", "run-sent"),
        several=True,
        stops_itself=True,
    ),
    DROP: Described(
        words="the bitmap is not migrated, and the next backup is a full one",
        stages=("setup", "active", "bitmap-sent", "run-sent"),
        migrates=False,
    ),
}
DESIGNS = tuple(TABLE)
#: those that migrate the bitmap
MIGRATE = tuple(name for name, one in TABLE.items() if one.migrates)
#: those that are modelled with a second bitmap as well
SEVERAL = tuple(name for name, one in TABLE.items() if one.several)
#: those that are modelled with a source that makes a pass before the stop
FROM_BULK = tuple(name for name, one in TABLE.items() if one.from_bulk)
#: those whose VM may run on the destination before the bitmap has come
RUN_FIRST = tuple(
    name for name, one in TABLE.items() if "postcopy-requested" in one.stages
)
#: those whose source stops the VM when little is pending
STOP_THEMSELVES = tuple(n for n, one in TABLE.items() if one.stops_itself)

#: what each design lacks as it was posted or built: a label, the mechanisms
#: (``docs/history.md``, and what a real QEMU has shown:
#: ``checker/qemu/FINDINGS.md``)
AS_BUILT: dict[str, tuple[str, frozenset[str]]] = {
    LIVE: (
        "with the meta bitmap of 2.8, as posted",
        frozenset(
            {"meta-sees-clear", "meta-sees-merge", "stop-waits-for-job"}
        ),
    ),
    # without a return path, and before 10.0, the source does not resume
    POSTCOPY: (
        "as built in 10.0 (11.1: with separate storage), with a return path",
        frozenset(
            {
                "name-is-free",
                "consistent-at-setup",
                "bitmaps-asked-anew",
                "complete-is-kept",
                "no-resume-after-run",
            }
        ),
    ),
    STOP_COPY: (
        "as built, 5.2 to 10.0 (11.1: with separate storage)",
        frozenset(
            {
                "name-is-free",
                "consistent-at-setup",
                "bitmaps-asked-anew",
                "complete-is-kept",
                "no-resume-after-run",
            }
        ),
    ),
}
