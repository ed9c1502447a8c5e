# SPDX-License-Identifier: GPL-2.0-or-later
"""A run that never ends, on the smallest disk that has one.

Where the count is stuck it may still be that no disk is: it can do more than
any disk does.  So small disks are searched, smallest first, without failures
and then with all of them; what is found is a lasso that can be cited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import evolve

from checker.checking import check
from checker.engines.exploration import INTERRUPTED, Limits
from checker.engines.graphs.graph import GraphTooLargeError, graph_of
from checker.engines.graphs.liveness import find_lasso
from checker.engines.native.explicit import explore
from checker.engines.verdict import Verdict
from checker.input.configuration import Configuration
from checker.proof.termination.forms import WITHOUT_END, Form
from checker.proof.termination.success import with_success
from checker.text import plural
from checker.traces.trace import Trace
from model.designs import build
from model.language.machine import Property
from model.options import Failures, Options

#: the sizes that are tried; on two chunks some faults do not show yet
CHUNKS = (1, 2, 3, 4)
CHANNEL = 2
#: states looked at on one disk, so that a search ends in some seconds
MAX_STATES = 300_000


def lasso(
    options: Options,
    form: Form,
    name: str,
    report: Callable[[str], None] = lambda _: None,
) -> Trace | None:
    """Return a fair run that breaks the ``eventually`` property ``name``.

    None: no small disk of this form was found to have one.  Raises
    KeyboardInterrupt if a search was interrupted.
    """
    for sized in _candidates(options, form):
        bounds = sized.bounds
        report(
            f"{name}: looking for a run without end on "
            f"{plural(bounds.chunks, 'chunk')}"
        )
        search = explore(build(sized), Limits(max_states=MAX_STATES))
        if search.coverage.stopped == INTERRUPTED:
            raise KeyboardInterrupt
        if search.coverage.stopped:
            continue
        try:
            answer = check.answer(
                Configuration(name=options.name, options=sized),
                search,
                Limits(),
            )
        except GraphTooLargeError:
            continue
        for finding in answer.findings:
            if finding.name == name and finding.verdict is Verdict.VIOLATED:
                return answer.traces[name]
    return None


def never_succeeds(options: Options, form: Form, prop: Property) -> str:
    """Return a disk on which an attempt without failures need not succeed.

    In a phrase, or '' if none was found.  ``prop``: its name is that of the
    property; what it asks is read of the disk's own.
    """
    for sized in _candidates(options, form):
        machine = with_success(build(sized))
        if sized.failures != Failures() or all(
            p.name != prop.name for p in machine.properties
        ):
            continue
        search = explore(machine, Limits(max_states=MAX_STATES))
        if search.coverage.stopped:
            continue
        graph = graph_of(search, Limits())
        if find_lasso(machine, graph, machine.property(prop.name)):
            chunks = plural(sized.bounds.chunks, "chunk")
            return f"without failures on a disk of {chunks}"
    return ""


def _candidates(options: Options, form: Form) -> Iterator[Options]:
    """Yield ever larger disks of the form, each without failures first."""
    for chunks in CHUNKS:
        bounds = evolve(options.bounds, chunks=chunks, channel=CHANNEL)
        sized = evolve(options, bounds=bounds)
        for failures in (Failures(), WITHOUT_END):
            seen = set()
            for downtime in (0, 1):
                made = form.of(sized, failures, downtime=downtime)
                made = evolve(made, bounds=evolve(made.bounds, edits=0))
                if made not in seen:
                    seen.add(made)
                    yield made
