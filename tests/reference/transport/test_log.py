# SPDX-License-Identifier: GPL-2.0-or-later
"""The log: one JSON object a line, complete, in order, in the file at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reference.errors import FileError
from reference.protocol.tables import Design
from reference.transport import Log
from tests.reference.transport.ends import CHUNK, SIZE, Ends, guest, run, unix

Fields = dict[str, Any]


def lines_of(path: Path) -> list[Fields]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def both_logs(
    design: Design, place: Path
) -> tuple[list[Fields], list[Fields]]:
    ends = Ends(design)
    ends.source_guest = guest(ends.source_host, 5, 1, 0)
    ends.destination_guest = guest(ends.destination_host, 5, 1, 0)
    paths = place / "source", place / "destination"
    logs = [Log.create(path) for path in paths]

    async def work() -> None:
        async with ends.listening(unix(place), log=logs[1]) as address:
            await ends.send(address, log=logs[0])
            await ends.received()

    run(work())
    for log in logs:
        log.close()
        assert not log.failure
    return lines_of(paths[0]), lines_of(paths[1])


BITMAP = {
    "bitmap": "d/b",
    "granularity": 512,
    "disk_size": SIZE,
    "granules": -(-SIZE // 512),
    "chunk_granules": CHUNK * 8,
    "chunks": 4,
}


def test_postcopy(tmp_path: Path) -> None:
    source, destination = both_logs(Design.POSTCOPY, tmp_path)
    assert source[0]["bitmaps"][0].pop("dirty")
    destination[1].pop("dirty")
    assert source[0] == {
        "event": "header",
        "version": 1,
        "role": "source",
        "design": "postcopy",
        "bitmaps": [BITMAP],
        "downtime": 4,
    }
    assert destination[0]["role"] == "destination"
    assert destination[0]["nodes"] == {"d": SIZE}
    assert destination[1] == {"event": "bitmap", **BITMAP}
    own = [e["action"] for e in source[1:] if e["actor"] != "guest"]
    assert own == [
        "migrate",
        "dirty_bitmap_save_setup",
        "migrate_start_postcopy",
        "postcopy_start",
        "bdrv_drain_all",
        "send_postcopy_run",
        *["send_bitmap_bits"] * 4,
        "send_bitmap_complete",
    ]
    others = [e["action"] for e in destination[2:] if e["actor"] != "guest"]
    assert others[0] == "dirty_bitmap_load_start"
    assert others[1:4] == [
        "loadvm_run",
        "dirty_bitmap_mig_before_vm_start",
        "vm_start",
    ] or set(others) >= {"loadvm_run", "vm_start"}
    covered = sum(
        e.get("chunks", 1)
        for e in destination
        if e.get("action") == "dirty_bitmap_load_bits"
    )
    assert covered == 4
    guests = [e["action"] for e in destination if e.get("actor") == "guest"]
    assert guests[:2] == ["destination_write_data", "destination_set_dirty"]


@pytest.mark.parametrize("design", [Design.LIVE, Design.STOP_COPY])
def test_the_others(design: Design, tmp_path: Path) -> None:
    source, destination = both_logs(design, tmp_path)
    assert source[-1]["action"] == "close_return_path_on_source"
    told = [e for e in destination if e.get("actor") == "destination"]
    assert told[-1]["action"] == "migrate_send_rp_shut"


def test_every_line_is_in_the_file_at_once(tmp_path: Path) -> None:
    log = Log.create(tmp_path / "log")
    for number in range(3):
        log.line({"n": number})
        assert lines_of(tmp_path / "log")[-1] == {"n": number}
    log.close()


def test_no_log_there(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file"):
        Log.create(tmp_path / "no" / "log")


def test_a_full_disk_ends_the_log_only(tmp_path: Path) -> None:
    ends = Ends(Design.LIVE)
    log = Log.create(Path("/dev/full"))

    async def work() -> None:
        async with ends.listening(unix(tmp_path)) as address:
            sent = await ends.send(address, log=log)
            await ends.received()
        assert sent.acknowledged

    run(work())
    log.close()
    assert log.failure == "No space left on device"
