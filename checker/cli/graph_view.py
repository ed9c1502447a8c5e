# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck graph``: the state graph as a file."""

from __future__ import annotations

import sys
from pathlib import Path

from checker.checking.export_graph import (
    state_graph,
    to_dot,
    to_graphml,
    to_json,
)
from checker.cli import page
from checker.cli.describe import configured
from checker.input.errors import InputError
from checker.input.files import check_writable, write_atomically
from checker.text import counted

FORMS = {"graphml": to_graphml, "dot": to_dot, "json": to_json}
#: what else a file's name may end in
_ENDINGS = {"gv": "dot", "xml": "graphml"}


def run(
    argument: str,
    output: Path,
    form: str,
    max_states: int,
    without: tuple[str, ...],
    as_json: bool,
) -> int:
    """Write the graph to ``output`` ('-': standard output).

    ``form``: one of FORMS; '' for what the name of ``output`` says.
    """
    form = form or _form_of(output)
    if as_json and str(output) == "-":
        raise InputError("--format json needs --output FILE for the graph")
    machine = configured(argument, without).machine()
    if str(output) != "-":
        check_writable(output)
    graph = state_graph(machine, max_states)
    text = FORMS[form](graph)
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
            f"{counted(states, 'state')}, "
            f"{counted(steps, 'transition')} written to {output}"
        )
    return 0


def _form_of(output: Path) -> str:
    """The form that a file's name stands for."""
    ending = output.suffix.lower().removeprefix(".")
    if not ending:
        return "graphml"
    form = _ENDINGS.get(ending, ending)
    if form not in FORMS:
        raise InputError(
            f"{output}: no form of a graph ends in '.{ending}'; allowed are "
            f".{', .'.join(FORMS)}, or say --as"
        )
    return form
