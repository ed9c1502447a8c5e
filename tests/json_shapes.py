# SPDX-License-Identifier: GPL-2.0-or-later
"""The keys of every answer in JSON, in their order.

Programs read them, so none is renamed, moved or left out by chance.  A shape
names the keys of an object, with what each holds: ``[]`` is a list, ``()`` an
object, ``{}`` an object whose own keys are names of the model or of QEMU.
"""

from __future__ import annotations

from typing import Any

#: keys of objects whose own keys are names
NAMED = frozenset(
    {
        "arguments",
        "broken",
        "changes",
        "configurations",
        "counts",
        "derived",
        "designs",
        "fired",
        "guarantees",
        "killers",
        "kinds",
        "mechanisms",
        "missing",
        "not_covered",
        "not_promised",
        "promises",
        "proved_costs",
        "reached",
        "rules",
        "sides",
        "violated",
        "whole_runs",
        "without_two",
        "words",
    }
)
#: what an object with names of its own becomes: one of its values
ANY = "*"


def merged(data: Any, name: str = "") -> Any:
    """The nested keys of ``data``: dicts of dicts, None for a value.

    All elements of a list, and all values of an object whose keys are names,
    become one.
    """
    if isinstance(data, dict) and name in NAMED:
        return {"{}": _union(data.values())}
    if isinstance(data, dict):
        return {key: merged(value, key) for key, value in data.items()}
    if isinstance(data, list):
        return {"[]": _union(data)}
    return None


def _union(values: Any) -> Any:
    found: Any = None
    for value in map(merged, values):
        found = _both(found, value)
    return found


def _both(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return one or other
    return {
        key: _both(one.get(key), other.get(key)) for key in {**one, **other}
    }


def text(shape: Any) -> str:
    """A shape as SHAPES writes it."""
    if shape is None:
        return ""
    for first in ("[]", "{}"):
        if first in shape:
            return first[0] + text(shape[first]) + first[1]
    inner = " ".join(key + text(value) for key, value in shape.items())
    return f"({inner})"


_BOUNDS = "chunks granules channel writes throttle in_flight downtime edits"
_FAILURES = (
    "cut source_killed destination_killed refuse cancel retry backup_fails"
)
_OPTIONS = (
    "configuration(design without[] busy_bitmap bitmaps "
    f"source connections bounds({_BOUNDS}) failures({_FAILURES}))"
)
_TRACE = (
    f"trace(id {_OPTIONS} property actions[(action arguments{{}})] loop "
    "steps fairness moves[(action actor arguments{} changes{[]})])"
)
_LASSO = _TRACE.replace(
    "fairness",
    "fairness(first last fair_taken[] fair_at_times[] fair_never_enabled[] "
    "taken[] put_off[] at_times[])",
)
_FINDING = "property kind guarantee verdict steps reason"
_OBLIGATIONS = "obligations[(name verdict seconds queries detail)]"
_DISTINCT = (
    "distinct[(guarantee where text known severity scenarios label "
    "seen_again id command)]"
)
_STREAM = "name mode kind exit_code signature message"

SHAPES = {
    "check": f"""(configuration design without[] schema engine verdict
        property depth states transitions levels stopped seconds
        states_per_second bytes_per_state properties[({_FINDING})]
        own() not_promised{{}} fired{{}} coverage unexpected[] exit_code
        {_TRACE})""",
    "show": f"({_TRACE} form text)",
    "explain": f"({_TRACE} text)",
    "replay": f"(fits shows model_changed {_TRACE})",
    "simulate": f"""(configuration verdict property runs steps states seed
        stopped never_fired[] met() {_TRACE})""",
    "graph": "(file states transitions)",
    "list": """(configurations{(title design without[] slow verdict property
        states)} designs{(protects doc history assumes redundant)}
        guarantees{} assumed[] not_modelled[])""",
    "model": """(design without[] model actions[(name actor notes[] what qemu
        when[] then[])] properties[(name kind guarantee what when[] then[])]
        fields[(name ghost what values[])] words{[]})""",
    "mutate": """(design configurations[] variants[] mutants tried alike
        killed equivalent open not_decided score interrupted
        kinds{(killed survived not decided)} killers{} idle[] survivors[]
        undecided[] unexplained[] stale[] exit_code)""",
    "compare": f"""(seconds designs{{(guarantees{{}} not_promised{{}} states
        transitions levels states_per_second seconds
        explored[(title {_OPTIONS} states transitions stopped)]
        never_happens[] findings[(in {_FINDING})] missing{{}} derived{{}}
        proved_for_every_size[] proof(verdict open violated{{}}
        abstract_states obligations_met_before seconds)
        whole_runs{{(verdict open)}} as_built(label
        without[] broken{{[]}} not_tested[] undecided) costs(chunks_sent
        chunks_sent_guest_never_stops chunks_sent_while_stopped
        states_at_risk states_under_way share_at_risk share_degrading
        always_lost
        lost_if_refused converges explored(chunks_sent[(M D F most)]
        chunks_sent_while_stopped[(M D F most)])) proved_costs{{}}
        tenable)}} answer[]
        assumes[] not_modelled[])""",
    "ablate": """(design asked[(bounds easier properties[])] not_asked[]
        mechanisms{(protects property steps seconds states also_breaks[]
        breaks[(property kind guarantee steps reason chunks easier)]
        not_asked[] redundant reason stopped)} vacuous[]
        sets(promises{(healing[[]] covering[[]] may_go_together[[]]
        enough[[]] pairs_more_tried all_grown)} without_two{[]} variants
        stopped) stopped exit_code)""",
    "prove": f"""(design without[] schema verdict vacuous trusted
        abstract_states abstract_transitions abstract_levels {_OBLIGATIONS}
        properties[(property guarantee verdict steps reason trace)]
        endings(claim unread {_OBLIGATIONS}
        bounds[(cost form most rank)] rows[(property guarantee form
        says verdict reason states steps ranks[] {_LASSO})] seconds)
        not_covered{{}} not_promised{{}} seconds exit_code
        invariant(clauses[] longest seconds {_OBLIGATIONS}))""",
    "verify": f"""(certificate design without[] verdict properties[]
        clauses[] {_OBLIGATIONS} seconds)""",
    "conform": f"""(configuration verdict pairs steps model_states
        model_states_met reference_states stopped seconds reason
        sides{{(model reference)}} {_TRACE})""",
    "logs": "(verdict bitmap events states where reason possible[])",
    "faults": f"""(source destination verdict complete scenarios planned
        run_now missed seconds errors[] table[(guarantee fault place
        scenarios known new)] {_DISTINCT})""",
    "scenario": f"""(source destination id scenario(mode return_path storage
        bitmaps nodes persistent disabled size granularity fault) outcome
        struck violations[(guarantee where text known)] seconds last[]
        recovery sequel spots[] error command {_DISTINCT})""",
    "random": """(qemu hypothesis verdict complete stopped seed examples
        steps runs begun tries shrunk digest seconds reached{} missing[]
        rules{} violations[(guarantee text known severity runs seen_again
        steps[] sides[])] command)""",
    "run": """(complete runs[(trace property configuration qemu[] agrees
        steps[(step action means agrees rows[(side what model qemu
        agrees)])])])""",
    "interop": f"""(qemu verdict complete runs[(shape mode return_path
        reference agrees as_expected chunks differences[] exit_code)]
        passes[(shape mode design agrees as_expected sent_again differences[]
        exit_code)] cuts[(shape fault agrees arrived degraded exact
        granules_too_many differences[])]
        malformed(streams counts{{(refused accepted accepted, other bits
        accepted, bitmaps dropped crashed hung)}} bad[({_STREAM})]
        shortest[({_STREAM} known stream)]))""",
}


def check_shape(command: str, data: Any) -> None:
    """That the answer of a command has the keys that it always had."""
    found, known = text(merged(data)), " ".join(SHAPES[command].split())
    assert found == known, found
