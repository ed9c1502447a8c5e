# SPDX-License-Identifier: GPL-2.0-or-later
"""Two real processes write their logs; the model knows their run."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.conformance.log_check import judge
from checker.conformance.log_file import load
from reference.protocol.tables import Design
from tests.reference.cli.processes import (
    Server,
    little,
    make_bitmap,
    source,
)

DESIGNS = tuple(design.value for design in Design)
#: what has changed after a pass may be pending
LIMITS = {"stop-copy-bulk": 16}
WRITES = ("--writes", "400", "--write-size", "512", "--write-count", "12")


@pytest.mark.parametrize("design", DESIGNS)
def test_logs_of_two_processes(tmp_path: Path, design: str) -> None:
    make_bitmap(tmp_path)
    server = Server.start(
        tmp_path, "--once", "--design", design, "--log", "log-there", *WRITES
    )
    sent = source(
        tmp_path,
        server.address,
        *("--design", design, *little(design, LIMITS.get(design, 0))),
        *("--switchover-after", "0.02", *WRITES),
    ).end()
    assert sent.code == 0, sent.err
    assert server.end().code == 0
    logs = [load(tmp_path / name) for name in ("log", "log-there")]
    assert {log.role for log in logs} == {"source", "destination"}
    found = judge(logs)
    assert found.accepted, (found.where, found.reason, found.possible)
    assert found.lines > 40
