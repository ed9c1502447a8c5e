# SPDX-License-Identifier: GPL-2.0-or-later
"""The state graph as a networkx graph, as GraphML, dot and JSON.

Nodes are numbered in breadth-first order and carry their level, every
variable as people read it, and the properties that they violate.  Edges carry
the action.  Dot is written here: it is a few lines, and networkx would want
another library for it.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from checker.engines.evaluate import Evaluator
from checker.engines.interpreter import successors
from checker.input.errors import InputError
from checker.text import plural
from model.language.machine import Machine, State

if TYPE_CHECKING:
    import networkx as nx


def state_graph(machine: Machine, max_states: int) -> nx.MultiDiGraph:
    """The reachable states and steps.

    Raises InputError if there are more than ``max_states`` states.
    """
    import networkx as nx

    graph = nx.MultiDiGraph(name=machine.name)
    numbers: dict[State, int] = {}
    frontier: list[State] = []

    def add(state: State, level: int) -> None:
        if state in numbers:
            return
        if len(numbers) >= max_states:
            raise InputError(
                f"{machine.name}: more than "
                f"{plural(max_states, 'state')}; raise "
                "--max-states, or use a smaller configuration"
            )
        numbers[state] = len(numbers)
        frontier.append(state)
        graph.add_node(
            numbers[state], level=level, **_attributes(machine, state)
        )

    for state in machine.initials:
        add(state, 0)
    level = 0
    while frontier:
        level += 1
        expanding, frontier[:] = list(frontier), []
        for state in expanding:
            for number, successor in successors(machine, state):
                add(successor, level)
                instance = machine.instances[number]
                graph.add_edge(
                    numbers[state],
                    numbers[successor],
                    action=instance.label,
                    actor=instance.actor,
                )
    return graph


def _attributes(machine: Machine, state: State) -> dict[str, str]:
    shown = {
        variable.name: machine.show(variable, state)
        for variable in machine.variables
    }
    here = Evaluator(machine, state)
    broken = [
        p.name
        for p in machine.properties
        if p.kind == "always" and here.holds(p.violated)
    ]
    return {**shown, "violates": " ".join(broken)}


def to_graphml(graph: nx.MultiDiGraph) -> str:
    """The graph as GraphML text."""
    import networkx as nx

    buffer = io.BytesIO()
    nx.write_graphml(graph, buffer)
    return buffer.getvalue().decode("utf-8")


def to_json(graph: nx.MultiDiGraph) -> str:
    """The graph as JSON: nodes and edges, as networkx reads node-link data."""
    data = {
        "directed": True,
        "multigraph": True,
        "graph": dict(graph.graph),
        "nodes": [{"id": node, **d} for node, d in graph.nodes(data=True)],
        "edges": [
            {"source": start, "target": end, "key": key, **d}
            for start, end, key, d in graph.edges(keys=True, data=True)
        ],
    }
    return json.dumps(data, indent=1) + "\n"


def to_dot(graph: nx.MultiDiGraph) -> str:
    """The graph as text for Graphviz; violating states are red."""
    lines = [f"digraph {_quoted(graph.name)} {{", "  node [shape=box];"]
    for node, data in graph.nodes(data=True):
        shown = "\\l".join(
            f"{key} {value}"
            for key, value in data.items()
            if key not in ("level", "violates")
        )
        label = _quoted(f"{node}: level {data['level']}\\l{shown}\\l")
        colour = " color=red" if data["violates"] else ""
        lines.append(f"  {node} [label={label}{colour}];")
    for start, end, data in graph.edges(data=True):
        lines.append(f"  {start} -> {end} [label={_quoted(data['action'])}];")
    lines.append("}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'
