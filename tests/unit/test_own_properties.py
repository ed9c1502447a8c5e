# SPDX-License-Identifier: GPL-2.0-or-later
"""Own properties: what a machine is asked, and what a trace keeps of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve

from checker.checking.check import Answer, check
from checker.checking.minimise import minimise
from checker.engines.exploration import TYPE_INVARIANT
from checker.engines.interpreter import interpret
from checker.engines.verdict import CONFORMANCE, DEADLOCK, RUN, Verdict
from checker.input.configuration import (
    Configuration,
    ConfigurationError,
    as_toml,
    parse,
)
from checker.input.own_properties import (
    MOST,
    MOST_CONJUNCTS,
    OWN,
    TAKEN,
    Own,
    OwnPropertyError,
    from_command_line,
    machine_with,
)
from checker.traces.claim import Claim, claim_of
from checker.traces.replay import replay
from checker.traces.storage import TraceError, as_text
from checker.traces.storage import parse as parse_trace
from checker.traces.trace import Trace, trace_id
from model.designs import build
from model.language.machine import Property
from model.options import Bounds, Failures, Options

OPTIONS = Options(
    design="postcopy",
    bounds=Bounds(chunks=1, channel=2, writes=1),
    failures=Failures(refuse=1),
)
LOST = "destination.bitmap is lost and link is up"
NEVER = Own("NeverLost", "always", f"not ({LOST})")
ONCE = Own("LostOnce", "reachable", LOST)


def answer(*own: Own) -> Answer:
    configuration = Configuration(
        name="mine", options=OPTIONS, properties=("OneSideRuns",), own=own
    )
    return check(configuration, "interpreter")


def asked(own: Own) -> Property:
    return machine_with(OPTIONS, [own]).property(own.name)


def complaint(own: Own) -> str:
    with pytest.raises(OwnPropertyError) as caught:
        machine_with(OPTIONS, [own])
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module")
def traces() -> dict[str, Trace]:
    return answer(NEVER, ONCE).traces


# -- the property ------------------------------------------------------------


def test_a_property_has_a_column_for_each_conjunct() -> None:
    text = "if source.busy and link is up then source.has_bitmap"
    found = asked(Own("A", "always", text))
    assert [c.text for c in found.when] == ["source.busy", "link is up"]
    assert [c.text for c in found.then] == ["source.has_bitmap"]
    assert found.guarantee == OWN
    assert found.doc == f"In every state, {text}."


def test_of_many_conjuncts_there_is_one_column() -> None:
    text = " and ".join(["link is up"] * (MOST_CONJUNCTS + 1))
    assert [c.text for c in asked(Own("A", "always", text)).then] == [text]


def test_a_name_may_be_as_the_model_prints_it() -> None:
    printed = '"source.in_flight has at most writes_beside granules"'
    as_it_is = '"source.in_flight has at most 0 granules"'
    found = [asked(Own("A", "always", t)) for t in (printed, as_it_is)]
    assert found[0].violated is found[1].violated


def test_the_design_is_asked_as_before() -> None:
    before = build(OPTIONS)
    after = machine_with(OPTIONS, [NEVER])
    assert after.digest != before.digest
    kept = evolve(after, properties=after.properties[:-1])
    assert kept.digest == before.digest
    with_it, without_it = answer(NEVER).coverage, answer().coverage
    assert with_it.level_sizes == without_it.level_sizes
    assert with_it.fired == without_it.fired


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (Own("MigrationEnds", "always", "link is up"), "this name already"),
        (Own("always", "always", "link is up"), "this name already"),
        (Own("own", "always", "link is up"), "this name already"),
        (Own("S1", "always", "link is up"), "this name already"),
        (Own("NoDeadlock", "always", "link is up"), "this name already"),
        (Own("a b", "always", "link is up"), "letters, digits"),
        (Own("a\nb", "always", "link is up"), "letters, digits"),
        (Own("", "always", "link is up"), "letters, digits"),
        (Own("A", "always", "link is upp"), "did you mean 'up'?"),
        (Own("A", "always", "cut_left > 0"), "does not count"),
        (
            Own("A", "reachable", "if source.busy then link is up"),
            "write 'A and B'",
        ),
    ],
)
def test_what_cannot_be_asked_is_told(own: Own, said: str) -> None:
    assert said in complaint(own)


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(OwnPropertyError, match="two of this name"):
        machine_with(OPTIONS, [NEVER, NEVER])


def test_too_many_are_refused() -> None:
    many = [Own(f"A{n}", "always", "link is up") for n in range(MOST + 1)]
    with pytest.raises(OwnPropertyError, match="allowed are"):
        machine_with(OPTIONS, many)


def test_the_names_that_a_search_gives_are_taken() -> None:
    assert TAKEN == (DEADLOCK, CONFORMANCE, RUN, TYPE_INVARIANT)


def test_conditions_of_the_command_line_get_free_names() -> None:
    other = [Own("Always1", "always", "link is up")]
    found = from_command_line(["link  is\nup", "source.busy"], ["x"], other)
    assert found == (
        Own("Always2", "always", "link is up"),
        Own("Always3", "always", "source.busy"),
        Own("Reachable1", "reachable", "x"),
    )


# -- the answer --------------------------------------------------------------


def test_it_is_judged_like_any_other() -> None:
    findings = {f.name: f for f in answer(NEVER, ONCE).findings}
    assert findings["NeverLost"].verdict is Verdict.VIOLATED
    assert findings["NeverLost"].steps == 3
    assert findings["LostOnce"].verdict is Verdict.HOLDS
    assert findings["LostOnce"].steps == 3


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("always", "source.busy or not source.busy", "no state could"),
        ("always", "link is up or link is not up", "no state could violate"),
        ("always", "source.migration is not postcopy-requested or link is "
         "up or (source.migration is postcopy-requested and link is not up)",
         "no state could violate"),
        ("always", "if link is up and link is down then source.busy",
         "no state could violate"),
        ("always", "ghost_retried is no", "reads only what no action writes"),
        ("always", "if source.vm is gone and source.busy then link is up",
         "its premise is never met"),
        ("always", "link is up or not (source.vm is gone and source.busy)",
         "a case of"),
        ("reachable", "link is up or link is not up", "no state could"),
        ("reachable", "source.vm is gone and source.busy", "never reached"),
    ],
)  # fmt: skip
def test_what_says_nothing_never_holds(
    kind: Any, text: str, reason: str
) -> None:
    (found,) = (
        f for f in answer(Own("A", kind, text)).findings if f.name == "A"
    )
    assert found.verdict is Verdict.VIOLATED
    assert found.exit_code == 10
    assert reason in found.reason


# -- its trace ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "claim"),
    [("NeverLost", Claim.VIOLATED), ("LostOnce", Claim.MET)],
)
def test_a_trace_keeps_its_property(
    traces: dict[str, Trace], name: str, claim: Claim
) -> None:
    trace = traces[name]
    assert trace.own is not None and trace.own.name == name
    again = parse_trace(as_text(trace).encode(), "t.json")
    assert again == trace
    assert claim_of(again.machine(), again) is claim


def test_the_text_is_part_of_the_id(traces: dict[str, Trace]) -> None:
    trace = traces["NeverLost"]
    calls = [move.label for move in trace.moves]
    other = Own("NeverLost", "always", f"not ({LOST} and source.has_bitmap)")
    assert replay(OPTIONS, "NeverLost", calls, None, NEVER).id == trace.id
    assert replay(OPTIONS, "NeverLost", calls, None, other).id != trace.id


@pytest.mark.parametrize(
    "own",
    [
        {"kind": "always", "text": "link is upp"},
        {"kind": "always", "text": "link is up and"},
        {"kind": "always", "text": 7},
        {"kind": "eventually", "text": LOST},
        {"kind": "always"},
        {"kind": "always", "text": LOST, "more": 1},
        [],
        "x",
    ],
)
def test_a_trace_with_a_bad_property_is_told(
    traces: dict[str, Trace], own: Any
) -> None:
    table = json.loads(as_text(traces["NeverLost"]))
    table["own"] = own
    identity = traces["NeverLost"].identity() | {"own": own}
    table["id"] = trace_id(identity)
    with pytest.raises(TraceError) as caught:
        parse_trace(json.dumps(table).encode(), "t.json")
    assert str(caught.value).startswith("t.json: ")
    assert "\n" not in str(caught.value)


def test_a_property_that_was_changed_is_found(
    traces: dict[str, Trace],
) -> None:
    text = as_text(traces["NeverLost"]).replace("link is up", "link is down")
    with pytest.raises(TraceError, match="the file was changed"):
        parse_trace(text.encode(), "t.json")


@pytest.mark.parametrize("own", [NEVER, ONCE])
def test_the_smallest_configuration_that_shows_it(own: Own) -> None:
    options, trace = minimise(OPTIONS, own.name, interpret, own=own)
    assert options.bounds.channel == 1
    assert trace.own == own
    assert len(trace.moves) == 3


def test_a_size_at_which_it_cannot_be_asked_does_not_show_it() -> None:
    larger = Options(design="postcopy", bounds=Bounds(chunks=2, writes=2))
    own = Own("Written", "reachable", "1 in ghost_true_dirty")
    options, _ = minimise(larger, own.name, interpret, own=own)
    assert options.bounds.chunks * options.bounds.granules == 2


# -- a file ------------------------------------------------------------------

FILE = """
design = "postcopy"
properties = ["OneSideRuns"]
[bounds]
chunks = 1
[always]
Busy = 'if source.busy then "a migration is in progress"'
[reachable]
Lost = "destination.bitmap is lost"
"""


def test_a_file_has_tables_of_them() -> None:
    found = parse(FILE, "mine", "mine.toml")
    assert [one.name for one in found.own] == ["Busy", "Lost"]
    names = [p.name for p in found.machine().properties]
    assert names == ["OneSideRuns", "Busy", "Lost"]


def test_a_file_is_written_as_it_is_read() -> None:
    found = parse(FILE, "mine", "mine.toml")
    again = parse(as_toml(found.options, found.own), "mine", "mine.toml")
    assert again.own == found.own
    assert again.options == found.options


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[always]", "[alwys]", "did you mean 'always'?"),
        ("[reachable]", "[eventually]", "unknown key 'eventually'"),
        ("is lost", "is lots", "did you mean 'lost'?"),
        ('"destination.bitmap is lost"', "true", "not a string"),
        ("Lost =", '"a\\nb" =', "letters, digits"),
        ("Lost =", "Busy =", "two of this name"),
        ("Lost =", "UsableIsWhole =", "this name already"),
    ],
)
def test_a_mistake_in_a_file_is_told(old: str, new: str, said: str) -> None:
    assert old in FILE
    with pytest.raises(ConfigurationError) as caught:
        parse(FILE.replace(old, new), "mine", "mine.toml")
    assert str(caught.value).startswith("mine.toml: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_condition_without_a_name_is_told() -> None:
    text = 'design = "postcopy"\nalways = "link is up"\n'
    with pytest.raises(ConfigurationError, match="not a table; write"):
        parse(text, "mine", "mine.toml")
