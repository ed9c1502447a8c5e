# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck graph``: the state graph as a file."""

from __future__ import annotations

import sys
from pathlib import Path

from checker.cli import page
from checker.cli.describe import configured
from checker.errors import InputError
from checker.export_graph import state_graph, to_dot, to_graphml
from checker.files import check_writable, write_atomically


def run(
    argument: str,
    output: Path,
    form: str,
    max_states: int,
    without: tuple[str, ...],
    as_json: bool,
) -> int:
    """Write the graph to ``output`` ('-': standard output)."""
    if as_json and str(output) == "-":
        raise InputError("--format json needs --output FILE for the graph")
    machine = configured(argument, without).machine()
    if str(output) != "-":
        check_writable(output)
    graph = state_graph(machine, max_states)
    text = to_dot(graph) if form == "dot" else to_graphml(graph)
    if str(output) == "-":
        sys.stdout.write(text)
        return 0
    write_atomically(output, text)
    states, steps = graph.number_of_nodes(), graph.number_of_edges()
    if as_json:
        page.as_json(
            {"file": str(output), "states": states, "transitions": steps}
        )
    else:
        page.line(
            f"{page.number(states)} states, {page.number(steps)} "
            f"transitions written to {output}"
        )
    return 0
