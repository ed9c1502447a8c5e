# SPDX-License-Identifier: GPL-2.0-or-later
"""What of the next message had arrived when an end notices that all is over.

To the model a message that did not arrive whole did not arrive.  The bytes
that did come are another state of the reference's readers, so such a step is
taken in several ways: nothing more has come, or a part of the next message.
Only parts that have no consequence are taken: one that can be acted on is,
to the model, the message itself.  What such a part leaves out (the footer
after a chunk) is cut at every byte by the tests of the loopback.
"""

from __future__ import annotations

from checker.conformance.rig import Rig
from checker.conformance.snapshot import freeze, thaw
from model.language.machine import Instance
from reference.protocol.tables import DESTINATION, SOURCE

#: how the ends notice
_THERE = {
    row.event
    for rows in DESTINATION.values()
    for row in rows
    if row.needs == "lost"
}
_HERE = {
    row.event for rows in SOURCE.values() for row in rows if row.needs == "lost"
}


def variants(rig: Rig, instance: Instance) -> list[Rig]:
    """The reference before this step, in every way that the step allows.

    One, unless an end notices that the connection is over: of the message
    that comes next its first byte may have arrived, half of it, or all that
    is not yet the message.
    """
    found = [rig]
    loopback = rig.loopback
    if instance.action in _THERE and not loopback.forward.is_empty:
        whole = _bytes_before_event(thaw(freeze(rig)))
        for prefix in sorted({1, whole // 2, whole} - {0}):
            if prefix <= whole:
                partly: Rig = thaw(freeze(rig))
                partly.loopback.deliver(prefix)
                found.append(partly)
    if instance.action in _HERE and not loopback.backward.is_empty:
        size = len(loopback.backward.messages[0])
        for prefix in sorted({1, size // 2, size - 1}):
            partly = thaw(freeze(rig))
            partly.loopback.shut_arrives(prefix)
            found.append(partly)
    return found


def _bytes_before_event(rig: Rig) -> int:
    """How much of the next message may arrive without any consequence."""
    size = len(rig.loopback.forward.messages[0])
    arrived = 0
    while arrived < size - 1 and not rig.loopback.deliver(1):
        if rig.loopback.destination.error:
            break
        arrived += 1
    return arrived
