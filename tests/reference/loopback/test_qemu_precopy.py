# SPDX-License-Identifier: GPL-2.0-or-later
"""A stop-copy destination takes what QEMU sends in precopy."""

from __future__ import annotations

import pytest

from reference.host import Host, RunState
from reference.protocol.destination import Destination
from reference.protocol.tables import Design
from tests.reference.wire.captures import CAPTURES, Capture


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda c: c.name)
@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_a_captured_stream_is_loaded(capture: Capture, size: int) -> None:
    truth = capture.truth
    design = Design.POSTCOPY if truth["mode"] == "post" else Design.STOP_COPY
    host = Host(RunState.INMIGRATE)
    for disk in truth["disks"]:
        host.add_node(disk["node"], disk["size"])
    core = Destination(design)
    data = capture.forward
    for start in range(0, len(data), size):
        core.receive(data[start : start + size], host)
        assert core.error == ""
    assert core.ended
    while work := [r for r in core.work(host) if "shut" not in r.event]:
        core.do(work[0].event, host)
    for bitmap in truth["bitmaps"]:
        loaded = host.bitmap(bitmap["node"], bitmap["name"])
        assert loaded.bits.sha256() == bitmap["sha256_last_level"]
        assert loaded.recording == bitmap["enabled"]
        assert loaded.persistent == bitmap["persistent"]
        assert not loaded.busy and loaded.successor is None
