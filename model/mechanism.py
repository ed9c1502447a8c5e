# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known of a safety device; ``mechanisms`` has the table of them."""

from __future__ import annotations

from attrs import frozen


@frozen
class Mechanism:
    """One safety device.

    ``protects`` is the guarantee it is there for; ``doc`` says what it does
    and what happens in its absence; ``history`` names the bug of QEMU that
    was its absence; ``redundant`` maps a design to the reason why nothing
    breaks there without it.  ``assumes``: what the design asks of others than
    the migration code (block layer, management, client), as a clause.
    ``elsewhere``: why an implementation of the protocol with one bitmap
    cannot lack it, as a clause, or ''.  ``instead`` maps a design to the
    guarantee that it is there for in that one.
    """

    name: str
    designs: tuple[str, ...]
    protects: str
    doc: str
    history: str = ""
    redundant: tuple[tuple[str, str], ...] = ()
    assumes: str = ""
    elsewhere: str = ""
    instead: tuple[tuple[str, str], ...] = ()

    def guards(self, design: str) -> str:
        """The guarantee that ``design`` has it for."""
        return dict(self.instead).get(design, self.protects)

    def why_redundant(self, design: str) -> str:
        """The reason why ``design`` can do without it, or ''."""
        return dict(self.redundant).get(design, "")

    @property
    def takes_several(self) -> bool:
        """Whether only another bitmap, or one that appears, shows it."""
        reasons = {reason for _, reason in self.redundant}
        return bool(reasons) and reasons <= {APPEARS, ONE_BITMAP}

    @property
    def takes_bulk_source(self) -> bool:
        """Whether only a source that sends before the stop shows it."""
        reasons = {reason for _, reason in self.redundant}
        return reasons == {NOTHING_EARLY}

    @property
    def takes_connections(self) -> bool:
        """Whether only chunks that travel apart from the stream show it."""
        reasons = {reason for _, reason in self.redundant}
        apart = {ONE_CONNECTION, EARLY_AND_APART}
        return bool(reasons & apart) and reasons <= {*apart, SENT_ONCE}


COVERED_BY_DRAIN = (
    "every reader of the bitmap drains first, so no reader falls between "
    "the data and the bit, whichever comes first"
)
COMPLETE_FIRST = (
    "here the VM starts only after COMPLETE, so a bitmap that is still being "
    "loaded is neither written to nor backed up"
)
STARTS_EMPTY = (
    "here every chunk is sent once, into a bitmap that START has just "
    "created empty: storing and OR-ing are the same"
)
SENT_BY_THEN = (
    "here the VM runs on the destination only after everything was sent"
)
APPEARS = "it takes a bitmap that appears between attempts to show it"
ONE_BITMAP = "it takes two bitmaps to show it"
ERROR_FAILS = "here any bitmap error fails the migration, by design"
ONLY_GROWS = (
    "here a chunk that comes again has at least the bits that it had: "
    "storing and OR-ing are the same"
)
NOTHING_EARLY = (
    "it takes a source that sends chunks before the stop to show it"
)
ONE_CONNECTION = "it takes several connections to show it"
EARLY_AND_APART = (
    "it takes several connections, and a source that sends chunks before the "
    "stop, to show it"
)
SENT_ONCE = "here no chunk is sent twice, so none can be older than another"
NOT_SENT = "here nothing of the source's bitmap is sent at all"
