# SPDX-License-Identifier: GPL-2.0-or-later
"""Can a program read every answer?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checker.input.configuration import load
from model.design import DESIGNS
from model.lookup import mechanisms_of
from tests.command import Result
from tests.json_shapes import check_shape

Command = Callable[..., Result]


def answer(dbmcheck: Command, *arguments: str) -> Any:
    return json.loads(dbmcheck(*arguments, "--format", "json").out)


def test_check(dbmcheck: Command) -> None:
    data = answer(dbmcheck, "check", "postcopy-without-successor")
    assert data["verdict"] == "VIOLATED"
    assert data["property"] == "NoLostDirtyBitOnDestination"
    assert data["states"] > 0 and data["transitions"] > data["states"]
    assert data["levels"] > len(data["trace"]["moves"])
    for key in ("seconds", "states_per_second", "bytes_per_state"):
        assert data[key] > 0
    assert data["trace"]["moves"][0]["action"] == "migrate"
    assert data["exit_code"] == 12
    check_shape("check", data)


def test_check_that_holds(dbmcheck: Command) -> None:
    data = answer(dbmcheck, "check", "stop-copy-small")
    assert data["verdict"] == "HOLDS"
    assert data["property"] is None and data["trace"] is None
    assert all(data["fired"].values())


@pytest.mark.full
def test_ablate(dbmcheck: Command) -> None:
    data = answer(dbmcheck, "ablate", "stop-copy", "--singles")
    names = [m.name for m in mechanisms_of("stop-copy")]
    assert list(data["mechanisms"]) == names
    drain = data["mechanisms"]["drain-at-stop"]
    assert drain["property"] == "NoLostDirtyBitOnDestination"
    assert drain["steps"] > 5 and drain["seconds"] > 0
    assert data["mechanisms"]["successor"]["redundant"]


@pytest.mark.usefixtures("worked_out_once")
def test_compare(dbmcheck: Command) -> None:
    data = answer(dbmcheck, "compare")
    assert set(data["designs"]) == set(DESIGNS)
    for result in data["designs"].values():
        assert result["guarantees"]["S1"] == "HOLDS"
        assert result["guarantees"]["S6"] == "HOLDS"
        assert result["findings"] == [] and result["missing"] == {}
        assert result["states"] == result["explored"][0]["states"]
    live, postcopy = data["designs"]["live"], data["designs"]["postcopy"]
    assert live["guarantees"]["L1"] == "VIOLATED"
    assert live["guarantees"]["L1 bounded"] == "HOLDS"
    assert live["guarantees"]["L1 throttled"] == "HOLDS"
    assert live["costs"]["share_at_risk"] == 0
    assert not live["costs"]["converges"] and not live["tenable"]
    assert postcopy["guarantees"]["L1"] == "HOLDS"
    assert postcopy["costs"]["chunks_sent_while_stopped"] == "0"
    assert postcopy["costs"]["share_at_risk"] > 0
    assert postcopy["tenable"]
    stop_copy, drop = data["designs"]["stop-copy"], data["designs"]["drop"]
    # it stops the VM only where all fits the downtime limit
    assert stop_copy["guarantees"]["L1"] == "VIOLATED"
    assert stop_copy["guarantees"]["L1 bounded"] == "VIOLATED"
    assert stop_copy["guarantees"]["L1 D >= M"] == "HOLDS"
    assert stop_copy["costs"]["chunks_sent_while_stopped"] == "M (D >= M)"
    assert drop["costs"]["always_lost"]
    assert live["as_built"]["broken"]["S1"]
    assert any("tenable" in text for text in data["answer"])
    assert len(set(data["assumes"])) == len(data["assumes"]) > 3


def test_the_others(dbmcheck: Command, tmp_path: Path) -> None:
    listed = answer(dbmcheck, "list")
    assert len(listed["configurations"]) >= 25
    assert set(listed["designs"]) == set(DESIGNS)
    for mechanisms in listed["designs"].values():
        check_shape("list", {**listed, "designs": mechanisms})
    check_shape("model", answer(dbmcheck, "model", "live"))
    shown = answer(dbmcheck, "show", "postcopy-both-run")
    assert shown["trace"]["steps"] == len(shown["trace"]["moves"])
    check_shape("show", shown)
    cited = answer(dbmcheck, "cite", "postcopy-both-run")
    assert "OneSideRuns" in cited["text"]
    check_shape("show", cited)
    explained = answer(dbmcheck, "explain", "postcopy-both-run")
    assert explained["text"]
    check_shape("explain", explained)
    simulated = answer(dbmcheck, "simulate", "live-small", "--runs", "3")
    assert simulated["verdict"] == "INCONCLUSIVE"
    config = "stop-copy-bit-after-ack"
    simulated = answer(dbmcheck, "simulate", config, "--runs", "50")
    check_shape("simulate", simulated)
    trace = str(tmp_path / "trace.json")
    dbmcheck("check", "postcopy-both-run", "--trace", trace)
    replayed = answer(dbmcheck, "replay", trace)
    assert replayed["fits"]
    check_shape("replay", replayed)
    graph = str(tmp_path / "graph.graphml")
    written = answer(dbmcheck, "graph", "postcopy-both-run", "-o", graph)
    expected = load("postcopy-both-run").expect.states
    assert written["states"] == expected
    check_shape("graph", written)
