# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck conform`` as a person meets it."""

from __future__ import annotations

import json
import re

import pytest

from reference.bitmap import DirtyBitmap
from tests.command import WIDTH, run
from tests.json_shapes import check_shape


@pytest.fixture
def dropped_successor(monkeypatch):
    """The reference forgets what the successor has recorded."""

    def reclaim(self):
        self.recording = self.successor.recording
        self.successor, self.busy = None, False

    monkeypatch.setattr(DirtyBitmap, "reclaim", reclaim)


TINY = """
title = "The smallest disk, one cut."
design = "{design}"
{more}
[bounds]
chunks = 1
writes = 1

[failures]
cut = 1
"""


@pytest.fixture
def tiny(tmp_path):
    """A file with a small configuration of a design."""

    def write(design, more=""):
        path = tmp_path / "tiny.toml"
        path.write_text(TINY.format(design=design, more=more))
        return str(path)

    return write


def test_it_conforms(capsys, tiny):
    found = run(["conform", tiny("stop-copy")], capsys)
    assert found.code == 0, found.err
    assert ": CONFORMS\n" in found.out
    said = " ".join(found.out.split())
    met = re.search(r"([\d,]+) of the model's ([\d,]+),", said)
    assert met is not None and met[1] == met[2]
    assert "one backup job" in said
    assert not found.err


@pytest.mark.parametrize(
    ("design", "more", "text"),
    [
        ("drop", "", "the reference has no design 'drop'"),
        (
            "postcopy",
            'busy_bitmap = "leave-out"',
            "cannot be told to do dirty_bitmap_save_setup_leaves_out",
        ),
    ],
)
def test_what_is_not_driven_is_refused(design, more, text, tiny, capsys):
    found = run(["conform", tiny(design, more)], capsys)
    assert found.code == 2
    assert text in found.err
    assert found.err.count("\n") == 1


def test_a_mismatch_is_a_trace_with_both_sides(
    capsys, dropped_successor, tiny, tmp_path
):
    path = tmp_path / "t.json"
    arguments = ["conform", tiny("postcopy"), "--trace", str(path)]
    found = run(arguments, capsys)
    assert found.code == 14
    assert found.out.startswith("tiny: DIFFERS\n")
    assert "destination.bits         |{0}       |{}        |differs" in (
        found.out
    )
    assert max(map(len, found.out.splitlines()[:-1])) <= WIDTH
    shown = run(["replay", str(path)], capsys)
    assert shown.code == 0
    assert "the reference parted from" in " ".join(shown.out.split())
    chart = run(["show", str(path), "--as", "sequence"], capsys)
    assert chart.code == 0
    for verb in ("cite", "explain"):
        refused = run([verb, str(path)], capsys)
        assert refused.code == 2
        assert "no violation" in refused.err


def test_a_mismatch_as_json(capsys, dropped_successor, tiny):
    arguments = ["conform", tiny("postcopy"), "--format", "json"]
    found = run(arguments, capsys)
    data = json.loads(found.out)
    check_shape("conform", data)
    assert data["verdict"] == "DIFFERS"
    sides = data["sides"]["destination.bits"]
    assert sides == {"model": "{0}", "reference": "{}"}
    last = data["trace"]["moves"][-1]
    assert last["action"] == "dirty_bitmap_load_complete_reclaim"


def test_a_search_that_does_not_finish_is_inconclusive(capsys, tiny):
    arguments = ["conform", tiny("postcopy"), "--max-pairs", "100"]
    found = run(arguments, capsys)
    assert found.code == 20
    assert "INCONCLUSIVE (more than 100 pairs)" in found.out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "CONFIG or --log FILE is missing"),
        (["live-small", "--log", "x"], "give CONFIG or --log, not both"),
        (["--log", "no-such-file"], "no-such-file: No such file"),
        (["postcopy-without-successor"], "the reference has every mechanism"),
        (["no-such-config"], "no-such-config"),
        (["live-small", "--bitmap", "a/b"], "--bitmap goes with --log"),
    ],
)
def test_bad_input_is_one_line(arguments, text, capsys):
    found = run(["conform", *arguments], capsys)
    assert found.code == (151 if arguments == ["no-such-config"] else 2)
    assert text in found.err
    assert found.err.count("\n") == 1
