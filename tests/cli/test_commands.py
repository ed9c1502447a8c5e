# SPDX-License-Identifier: GPL-2.0-or-later
"""Do the commands do what their help says?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import pytest

from checker.input.configuration import load
from tests.command import Result, run_process, too_wide

Command = Callable[..., Result]


def test_the_same_seed_gives_the_same_runs(dbmcheck: Command) -> None:
    arguments = ("simulate", "live", "--runs", "5", "--depth", "50")
    first = dbmcheck(*arguments, "--seed", "7")
    assert dbmcheck(*arguments, "--seed", "7").out == first.out
    assert dbmcheck(*arguments, "--seed", "8").out != first.out


def test_simulate_finds_what_is_there_to_find(dbmcheck: Command) -> None:
    result = dbmcheck("simulate", "stop-copy-bit-after-ack", "--runs", "200")
    assert "A violation, not necessarily a shortest one" in result.out


def test_graphml_is_read_by_networkx(
    dbmcheck: Command, tmp_path: Path
) -> None:
    path = tmp_path / "graph.graphml"
    result = dbmcheck("graph", "postcopy-both-run", "-o", str(path))
    states = load("postcopy-both-run").expect.states
    assert result.out.startswith(f"{states:,} states, ")
    graph = nx.read_graphml(path)
    assert graph.number_of_nodes() == states
    assert any(d["violates"] for _, d in graph.nodes(data=True))


def drawn(text: str) -> str:
    """The form that a graph is written in."""
    if text.startswith("<?xml"):
        return "graphml"
    return "json" if text.startswith("{") else text.split(" ", maxsplit=1)[0]


@pytest.mark.parametrize(
    ("name", "options", "form"),
    [
        ("x.graphml", (), "graphml"),
        pytest.param(*("x.xml", (), "graphml"), marks=pytest.mark.full),
        ("x.dot", (), "digraph"),
        pytest.param(*("x.GV", (), "digraph"), marks=pytest.mark.full),
        ("x.json", (), "json"),
        pytest.param(*("x", (), "graphml"), marks=pytest.mark.full),
        ("x.txt", ("--as", "dot"), "digraph"),
        ("x.dot", ("--as", "json"), "json"),
        ("-", (), "graphml"),
        ("-", ("--as", "dot"), "digraph"),
    ],
)
def test_a_graph_is_what_its_name_says(
    dbmcheck: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    options: tuple[str, ...],
    form: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = dbmcheck("graph", "postcopy-both-run", "-o", name, *options)
    assert result.code == 0
    text = result.out if name == "-" else Path(name).read_text()
    assert drawn(text) == form
    if form == "json":
        data = json.loads(text)
        graph = nx.node_link_graph(data, edges="edges")
        assert graph.number_of_nodes() == len(data["nodes"]) > 1
        assert graph.number_of_edges() == len(data["edges"]) > 1


def test_no_form_of_a_graph(dbmcheck: Command, tmp_path: Path) -> None:
    path = str(tmp_path / "x.png")
    result = dbmcheck("graph", "postcopy-both-run", "-o", path)
    assert result.code == 2
    assert "allowed are .graphml, .dot, .json, or say --as" in result.err
    assert not list(tmp_path.iterdir())


def test_an_interrupted_search_is_inconclusive(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("checker.cli.progress.describe", interrupt)
    monkeypatch.setattr("checker.cli.progress._LOG_EVERY", 0.0)
    result = dbmcheck("check", "live")
    assert result.code == 20
    assert "INCONCLUSIVE (interrupted)" in result.out


def test_minimise_shrinks_a_large_configuration(dbmcheck: Command) -> None:
    result = dbmcheck(
        "check",
        "postcopy-unlimited",
        "--without",
        "successor",
        "--minimise",
    )
    assert result.code == 12
    assert "smallest configuration that still shows it" in result.out
    assert "1 chunk of 1 granule" in result.out
    assert "failures: none" in result.out


def test_every_trace_form_of_a_file(dbmcheck: Command, tmp_path: Path) -> None:
    path = str(tmp_path / "trace.json")
    dbmcheck("check", "live-read-then-clear", "--trace", path)
    for form in ("table", "states", "sequence", "mail"):
        result = dbmcheck("show", path, "--as", form)
        assert result.code == 0
        assert too_wide(result.out) == []
    for form in ("itf", "pytest"):
        assert dbmcheck("show", path, "--as", form).code == 0


def test_completion_for_a_shell() -> None:
    environment = {**os.environ, "_DBMCHECK_COMPLETE": "source_bash"}
    result = run_process([], environment=environment)
    assert "_DBMCHECK_COMPLETE=complete_bash" in result.out


def test_a_closed_pipe_is_no_traceback() -> None:
    command = f"{sys.executable} -m checker list | true"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""


def test_help_needs_nothing_heavy() -> None:
    """What is slow to import is imported where it is needed."""
    code = (
        "import sys, checker.cli.app\n"
        "heavy = {'numpy', 'scipy', 'z3', 'llvmlite', 'networkx'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
