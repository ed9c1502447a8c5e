# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck conform`` as a person meets it."""

from __future__ import annotations

import json

import pytest

from reference.bitmap import DirtyBitmap
from tests.command import WIDTH, run


@pytest.fixture
def dropped_successor(monkeypatch):
    """The reference forgets what the successor has recorded."""

    def reclaim(self):
        self.recording = self.successor.recording
        self.successor, self.busy = None, False

    monkeypatch.setattr(DirtyBitmap, "reclaim", reclaim)


def test_it_conforms(capsys):
    found = run(["conform", "stop-copy-small"], capsys)
    assert found.code == 0
    assert found.out.startswith("stop-copy-small: CONFORMS\n")
    assert "2,088 of the model's 2,088" in found.out
    assert not found.err


def test_a_mismatch_is_a_trace_with_both_sides(
    capsys, dropped_successor, tmp_path
):
    path = tmp_path / "t.json"
    arguments = ["conform", "postcopy-small", "--trace", str(path)]
    found = run(arguments, capsys)
    assert found.code == 14
    assert found.out.startswith("postcopy-small: DIFFERS\n")
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


def test_a_mismatch_as_json(capsys, dropped_successor):
    arguments = ["conform", "postcopy-small", "--format", "json"]
    found = run(arguments, capsys)
    data = json.loads(found.out)
    assert data["verdict"] == "DIFFERS"
    sides = data["sides"]["destination.bits"]
    assert sides == {"model": "{0}", "reference": "{}"}
    last = data["trace"]["moves"][-1]
    assert last["action"] == "dirty_bitmap_load_complete_reclaim"


def test_a_search_that_does_not_finish_is_inconclusive(capsys):
    arguments = ["conform", "postcopy-small", "--max-pairs", "100"]
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
