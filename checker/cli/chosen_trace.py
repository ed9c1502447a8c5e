# SPDX-License-Identifier: GPL-2.0-or-later
"""Which trace of an answer is shown, and a smaller one like it."""

from __future__ import annotations

from checker.checking.check import Answer, check
from checker.engines.exploration import Limits
from checker.input.configuration import Configuration
from checker.traces.trace import Trace
from model.options import Options


def minimised(trace: Trace, limits: Limits) -> Trace | None:
    """A trace of the smallest configuration that shows the same.

    None if Ctrl-C came before it was found.
    """
    from checker.checking.minimise import minimise
    from checker.engines.native.explicit import explore

    find = None if trace.loop is None else _find_lasso
    try:
        _, smaller = minimise(
            trace.options,
            trace.property_name,
            explore,
            limits,
            find,
            trace.own,
        )
    except KeyboardInterrupt:
        return None
    return smaller


def _find_lasso(
    options: Options, property_name: str, limits: Limits
) -> Trace | None:
    configuration = Configuration(
        name=options.name, options=options, properties=(property_name,)
    )
    answer = check(configuration, limits=limits)
    if answer.interrupted:
        raise KeyboardInterrupt
    return answer.traces.get(property_name)


def gravest_trace(answer: Answer) -> Trace | None:
    """The trace of the gravest finding, else of what was asked for and met."""
    worst = answer.gravest
    if worst is not None and worst.name in answer.traces:
        return answer.traces[worst.name]
    met = (t for t in answer.traces.values() if is_met(answer, t))
    return next(met, None)


def is_met(answer: Answer, trace: Trace) -> bool:
    """Whether a trace of ``answer`` shows that an own property is reached."""
    name = trace.property_name
    return any(
        f.name == name and f.kind == "reachable" for f in answer.findings
    )
