# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts that try to do something else on a larger disk.

Each was meant to be proved and to break a disk that is larger than those that
a proof looks at.  Most are refused, by the command in one line; what is not
refused means the same for every disk, so a proof and a check agree.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.proof import prove as proving
from checker.proof.prove import plan
from model.texts import sources
from model.texts.allowed import why_refused
from model.texts.sources import Sources, shipped
from tests.command import Result
from tests.designs import one_in
from tests.schema.twin import (
    DESIGN,
    TWIN,
    broken,
    configuration,
    in_place,
)

Command = Callable[..., Result]
OFFERS = "is asked for more than the language offers"
PLACES = ("model/designs/", "action ", "property ", "the text made")
NO_SIZE = "the model is made before there is a size"


def test_the_twin_is_proved_and_holds(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with in_place(TWIN, monkeypatch):
        for chunks, granules in ((1, 1), (5, 1), (2, 4), (1, 7)):
            at = configuration(tmp_path, chunks, granules)
            assert dbmcheck("check", at).code == 0
        assert dbmcheck("prove", DESIGN).code == 0


REFUSED = {
    "a local name, counted": (
        {"before": "some = chunks\nif len(some) > 4:\n    sound = NO"},
        OFFERS,
    ),
    "a loop over the granules": (
        {"before": "for one in granules:\n    sound &= ~bits.contains(one)"},
        OFFERS,
    ),
    "a loop over the chunks": (
        {"before": "sound = any_of(*(cursor.at(c) for c in chunks))"},
        OFFERS,
    ),
    "enumerate": (
        {"before": "for number, one in enumerate(iterable=chunks):\n    pass"},
        OFFERS,
    ),
    "star unpacking": ({"before": "first, *rest = chunks"}, OFFERS),
    "a list": ({"before": "some = [*granules]"}, OFFERS),
    "a subscript": ({"before": "last = chunks[-1]"}, OFFERS),
    "a truth value": (
        {"before": "if chunks:\n    sound = NO"},
        OFFERS,
    ),
    "counting four dirty granules of a chunk": (
        {
            "send": "many = [NO] * 4\n"
            "for one in granules:\n"
            "    dirt = bits.contains(one)\n"
            "    many = [dirt, *(m & dirt for m in many[:-1])]\n"
            "good = ~many[-1]"
        },
        OFFERS,
    ),
    "the chunk as a text": (
        {"send": 'if str(chunk) == "4":\n    good = NO'},
        OFFERS,
    ),
    "the chunk in a text": (
        {"send": 'if f"{chunk}" > "3":\n    good = NO'},
        OFFERS,
    ),
    "the chunk's number": (
        {"send": "if int(chunk) > 3:\n    good = NO"},
        OFFERS,
    ),
    "the chunk compared": ({"send": "if chunk == 4:\n    good = NO"}, OFFERS),
    "the chunk in a set": ({"send": "seen = {chunk}"}, OFFERS),
    "the chunk's index": (
        {"send": "if chunk.index > 3:\n    good = NO"},
        NO_SIZE,
    ),
    "the chunk's label": (
        {"send": 'if chunk.label == "4":\n    good = NO'},
        NO_SIZE,
    ),
    "a limit compared": (
        {"before": 'if options.limit("channel") > 6:\n    sound = NO'},
        OFFERS,
    ),
    "a limit counted with": (
        {"before": 'for _ in range(options.limit("downtime")):\n    pass'},
        OFFERS,
    ),
    "the capacity": (
        {"before": "if stream.capacity > 6:\n    sound = NO"},
        "looks at .capacity",
    ),
    "the width of a type": (
        {"before": "if bits.type.width > 6:\n    sound = NO"},
        "looks at .width",
    ),
    "the width of a set": (
        {"before": "if options.domain.set_width > 6:\n    sound = NO"},
        "looks at .set_width",
    ),
    "the last position": (
        {"before": "if options.domain.position_limit > 4:\n    sound = NO"},
        "looks at .position_limit",
    ),
    "an operator of the engines": (
        {"before": "size = bits.expression"},
        "looks at .expression",
    ),
    "the bounds": (
        {"before": "if options.bounds.chunks > 4:\n    sound = NO"},
        "looks at .bounds",
    ),
    "a property of the options": (
        {"before": "if options.sends_sparse:\n    sound = NO"},
        "AttributeError: 'Variant' object has no attribute 'sends_sparse'",
    ),
    "a part of the language": (
        {"imports": "from model.language.types import CounterType"},
        "imports from model.language.types; a text may import from",
    ),
    "what is not public": (
        {"imports": "from model.language import expression"},
        "imports expression from model.language, which is not public",
    ),
    "the options": (
        {"imports": "from model.options import Options"},
        "imports from model.options; a text may import from",
    ),
    "arguments": ({"imports": "import sys"}, "imports sys; a text may"),
    "arguments, through a module": (
        {"before": "if enum.sys.argv[1:]:\n    sound = NO"},
        "uses enum.sys, which is not public",
    ),
    "a module as a value": ({"before": "e = enum"}, "is used as a value"),
    "objects in memory": ({"imports": "import gc"}, "imports gc; a text may"),
    "the process's files": (
        {"before": 'text = open("/proc/self/cmdline").read()'},
        "uses open, which a text has no use for",
    ),
    "an identity": ({"send": "n = id(chunk)"}, "uses id, which a text has"),
    "an import by name": (
        {"before": 'os = __import__("os")'},
        "uses __import__, which a text has no use for",
    ),
    "code in a text": ({"before": 'eval("1")'}, "uses eval, which a text"),
    "a frame": (
        {
            "before": "try:\n    raise ValueError\n"
            "except ValueError as error:\n"
            "    frame = error.__traceback__"
        },
        "looks at .__traceback__",
    ),
    "an attribute by name": (
        {"before": 'getattr(chunks, "index")'},
        "uses getattr, which a text has no use for",
    ),
    "a pattern that looks inside": (
        {
            "before": "match chunks:\n    case object(__class__=kind):\n"
            "        pass"
        },
        "looks at .__class__",
    ),
    "a changed class": (
        {"before": "Disk.domain = None"},
        "sets .domain of what is defined elsewhere",
    ),
    "a tally in an effect": (
        {
            "before": 'left = build.tally("left", options.limit("downtime"))',
            "send": "good = left.any_left()",
        },
        "'left' decides more than whether an action may happen",
    ),
    "a tally the other way round": (
        {
            "before": 'left = build.tally("left", options.limit("downtime"))',
            "actions": '@build.action("guest")\n'
            "def clear() -> Step:\n"
            "    return Step(\n"
            "        when=[~left.is_full()], then=[whole.becomes(True)]\n"
            "    )",
        },
        "'left' decides more than whether an action may happen",
    ),
    "a tally in a property": (
        {
            "before": 'left = build.tally("left", options.limit("downtime"))',
            "properties": 'build.always("Left", "", "", '
            "when=[left.any_left()], then=[whole])",
        },
        "'left' decides more than whether an action may happen",
    ),
    "the parameter of another action": (
        {
            "before": "seen: list[Granule] = []",
            "actions": '@build.action("guest", over=granules)\n'
            "def look(granule: Granule) -> Step:\n"
            "    seen.append(granule)\n"
            "    return Step(when=[running], then=[])\n"
            '@build.action("guest", over=chunks)\n'
            "def forget(chunk: Chunk) -> Step:\n"
            "    one = single(disk, seen[0])\n"
            "    return Step(when=[running], then=[bits.becomes(bits - one)])",
        },
        "is not the action's own parameter",
    ),
    "a choice of positions": (
        {
            "actions": '@build.action("source")\n'
            "def again() -> Step:\n"
            "    back = choose(ended, cursor, 0)\n"
            "    return Step(when=[running], then=[cursor.becomes(back)])"
        },
        "of the disk's position does not mean the same on every disk",
    ),
    "a granule in place of a chunk": (
        {
            "actions": '@build.action("guest", over=granules)\n'
            "def wrong(granule: Granule) -> Step:\n"
            "    return Step(when=[cursor.at(granule)], then=[])"
        },
        "GranuleToken is no chunk of the disk",
    ),
    "a need that nobody declared": (
        {
            "actions": '@build.action("guest", needs=["luck"])\n'
            "def lucky() -> Step:\n"
            "    return Step(when=[], then=[])"
        },
        "no budget 'luck'",
    ),
    "everything of another module": (
        {"before": "from model.vocabulary import *"},
        "imports * from model.vocabulary, which is not public",
    ),
    "a string that is evaluated": (
        {
            "before": "import typing\n"
            "class H:\n"
            "    x: \"open('/proc/self/stat')\"\n"
            "typing.get_type_hints(H)"
        },
        "uses typing.get_type_hints, which is not public",
    ),
    "another string that is evaluated": (
        {"before": "from attrs import resolve_types"},
        "imports resolve_types from attrs, which is not public",
    ),
    "no machine": (
        {"properties": "return None"},
        "the text made None, no machine",
    ),
    "a mistake of Python": ({"before": "1 / 0"}, "ZeroDivisionError"),
    "no Python": ({"before": "if"}, "invalid syntax"),
}


@pytest.mark.parametrize("trick", REFUSED)
def test_a_refused_text(
    trick: str,
    dbmcheck: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    marks, reason = REFUSED[trick]
    with in_place(broken(**marks), monkeypatch):
        for command in (
            ("check", configuration(tmp_path, 2, 1)),
            ("prove", DESIGN),
        ):
            found = dbmcheck(*command)
            assert found.code == 151
            assert reason in found.err
            assert found.err.count("\n") == 1
            assert any(place in found.err for place in PLACES)


def test_the_line_is_named(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = broken(before="some = len(chunks)")
    (line,) = (
        number
        for number, each in enumerate(text.splitlines(), 1)
        if "len(chunks)" in each
    )
    with in_place(text, monkeypatch):
        said = dbmcheck("prove", DESIGN).err
    assert f"model/designs/stop_copy.py:{line}: " in said


# -- what means the same on every disk -----------------------------------

SENT = 'sent = build.counter("sent", 5)'
COUNTS = """
@build.action("source", over=chunks)
def count(chunk: Chunk) -> Step:
    return Step(
        when=[~running, cursor.at(chunk), stream.has_room(), sent < 4],
        then=[
            *stream.put(
                Message.BITS, chunk=chunk, contents=bits.contents(chunk)
            ),
            cursor.becomes(cursor.past(chunk)),
            sent.becomes((sent + 1).capped(5)),
        ],
    )
"""
BREAKS = {
    "from the fifth chunk on": (
        {"before": SENT, "send": "good = sent < 4", "actions": COUNTS},
        (5, 1),
    ),
    "more than four granules": (
        {"send": "good = bits.at_most(4)"},
        (1, 7),
    ),
    "as much as the channel holds": (
        {
            "before": 'full = build.tally("full", options.limit("channel"))',
            "actions": '@build.action("source")\n'
            "def drop() -> Step:\n"
            "    return Step(\n"
            "        when=[full.is_full()],\n"
            "        then=[here.becomes(frozenset()), *full.emptied()],\n"
            "    )\n"
            '@build.action("source")\n'
            "def fill() -> Step:\n"
            "    return Step(when=[running], then=[*full.one_more()])",
        },
        (1, 1),
    ),
}


@pytest.mark.parametrize(
    "trick",
    [
        pytest.param(
            trick,
            marks=pytest.mark.full if "granules" in trick else (),
        )
        for trick in BREAKS
    ],
)
def test_what_a_disk_violates_is_not_proved(
    trick: str,
    dbmcheck: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    marks, (chunks, granules) = BREAKS[trick]
    with in_place(broken(**marks), monkeypatch):
        at = configuration(tmp_path, chunks, granules)
        assert dbmcheck("check", at).code == 12
        assert dbmcheck("prove", DESIGN).code in (12, 20)


def test_what_is_caught_is_the_same_for_every_disk(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Asking is in vain, and so the answer depends on no size."""
    before = (
        "try:\n    large = len(chunks) > 4\nexcept Exception:\n"
        "    large = False\nif large:\n    sound = NO"
    )
    with in_place(broken(before=before), monkeypatch):
        for chunks in (1, 5):
            at = configuration(tmp_path, chunks, 1)
            assert dbmcheck("check", at).code == 0
        assert dbmcheck("prove", DESIGN).code == 0


def test_a_text_that_differs_from_run_to_run_is_not_proved(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ", ".join(f'"flag{n}"' for n in range(20))
    before = f"for name in {{{names}}}:\n    build.flag(name)"
    with in_place(broken(before=before), monkeypatch):
        found = dbmcheck("prove", DESIGN)
    assert found.code == 20
    assert "run again, the text makes another term" in " ".join(
        found.out.replace("|", " ").split()
    )


# -- nothing happens, nothing is asked -----------------------------------

STOPS = "when=[running], then=[running.becomes(False)]"
VACUOUS = {
    "never begins": (
        TWIN.replace(STOPS, STOPS.replace("[running]", "[running, quiet]")),
        "action stop never happens",
    ),
    "a premise that is never met": (
        broken(
            properties='build.always("Quiet", "S2", "", when=[quiet], '
            "then=[whole])"
        ),
        "the premise of Quiet is never met",
    ),
    "a premise in the conclusion": (
        broken(
            properties='build.always("Quiet", "S2", "", '
            "then=[(~quiet) | whole])"
        ),
        "Quiet: a case of",
    ),
    "a premise deep in the conclusion": (
        broken(
            properties='build.always("Quiet", "S2", "", '
            "then=[((~quiet) | whole) & (running | ~running | whole)])"
        ),
        "Quiet: a case of",
    ),
    "an empty set in the conclusion": (
        broken(
            properties='build.always("Quiet", "S2", "", '
            "then=[bits.only_if(quiet) <= here])"
        ),
        "Quiet: a case of",
    ),
    "what nobody writes": (
        broken(
            properties='build.always("Quiet", "S2", "", '
            "then=[(~quiet).named('it is loud')])"
        ),
        "reads only what no action writes",
    ),
    "only an action that never fires writes it": (
        broken(
            actions='@build.action("guest", silent="there is no guest")\n'
            "def never() -> Step:\n"
            "    return Step(when=[quiet], then=[quiet.becomes(True)])",
            properties='build.always("Quiet", "S2", "", '
            "then=[(~quiet).named('it is loud')])",
        ),
        "reads only what never changes",
    ),
    "it is written, with what it is": (
        broken(
            actions='@build.action("guest")\n'
            "def quieten() -> Step:\n"
            "    return Step(when=[running], then=[quiet.becomes(False)])",
            properties='build.always("Quiet", "S2", "", '
            "then=[(~quiet).named('it is loud')])",
        ),
        "reads only what never changes",
    ),
    "a tautology": (
        broken(
            properties='build.always("Both", "S2", "", then=[whole | ~whole])'
        ),
        "Both: no state could violate it",
    ),
    "a tautology of sets": (
        broken(
            properties='build.always("Both", "S2", "", '
            "then=[(bits - bits) <= here])"
        ),
        "Both: ",
    ),
    "a set within itself": (
        broken(
            properties='build.always("Both", "S2", "", '
            "then=[(bits & here) <= (bits | dirty)])"
        ),
        "Both: no state could violate it",
    ),
    "an action that may not be silent": (
        broken(
            actions='@build.action("guest")\ndef never() -> Step:\n'
            "    return Step(when=[quiet], then=[whole.becomes(True)])"
        ),
        "action never never happens",
    ),
}


WHOLE = "never begins"


@pytest.mark.parametrize("trick", one_in(3, VACUOUS, WHOLE))
def test_a_vacuous_text(
    trick: str,
    dbmcheck: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    text, reason = VACUOUS[trick]
    assert text != TWIN
    if trick != WHOLE:
        # one is proved in whole; of the others only what they are about
        monkeypatch.setattr(
            proving,
            "plan",
            lambda *given: [
                step for step in plan(*given) if step[0] == proving.VACUOUS
            ],
        )
    with in_place(text, monkeypatch):
        at = configuration(tmp_path, 2, 1)
        said = {}
        for engine in ("explicit", "interpreter"):
            found = dbmcheck(
                "check", at, "--engine", engine, "--format", "json"
            )
            assert found.code == 10
            said[engine] = json.loads(found.out)["properties"]
        assert said["explicit"] == said["interpreter"]
        found = dbmcheck("prove", DESIGN, "--format", "json")
    assert found.code == 10
    table = json.loads(found.out)
    assert table["verdict"] == "VACUOUS"
    assert reason in table["vacuous"]


def test_a_reason_excuses_an_action(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    actions = (
        '@build.action("guest", silent="there is no guest")\n'
        "def never() -> Step:\n"
        "    return Step(when=[quiet], then=[whole.becomes(True)])"
    )
    with in_place(broken(actions=actions), monkeypatch):
        assert dbmcheck("check", configuration(tmp_path, 2, 1)).code == 0
        assert dbmcheck("prove", DESIGN).code == 0


# -- what is kept --------------------------------------------------------


def test_a_certificate_is_of_the_text_as_it_was(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "certificate.json"
    with in_place(TWIN, monkeypatch):
        found = dbmcheck("prove", DESIGN, "--certificate", str(path))
        assert found.code == 0
    changed = broken(send="good = ~ended")
    with in_place(changed, monkeypatch):
        found = dbmcheck("prove", "--verify", str(path))
    assert found.code == 2
    assert "is about another version of the model" in found.err


def test_a_trace_says_that_the_model_has_changed(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "trace.json"
    wrong = broken(send="good = bits.is_empty()")
    said = "The model has changed since this trace was written."
    with in_place(wrong, monkeypatch):
        at = configuration(tmp_path, 1, 1)
        assert dbmcheck("check", at, "--trace", str(path)).code == 12
        assert said not in dbmcheck("replay", str(path)).out
    other = broken(
        send="good = bits.is_empty()",
        properties='build.reachable("Loud", "", then=[~running])',
    )
    with in_place(other, monkeypatch):
        found = dbmcheck("replay", str(path))
        assert found.code == 0
        assert said in found.out
    with in_place(TWIN, monkeypatch):
        found = dbmcheck("replay", str(path))
        assert found.code == 75
        assert "(the model has changed since)" in found.err


# -- which files are text ------------------------------------------------


def test_the_shipped_text_keeps_the_rules() -> None:
    assert why_refused(shipped()) == ""


def test_what_the_checker_imports_changes_nothing_elsewhere(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    vocabulary = shipped().files["model.vocabulary"]
    patched = f"{vocabulary}\nfrom model.language import Concrete\n"
    for line, reason in (
        ("Concrete.chunks_with = None", "sets .chunks_with of what is"),
        ("setattr(Concrete, 'chunks', 1)", "uses setattr, which a text"),
        ("vars(Concrete)", "uses vars, which a text has no use for"),
        ("Concrete.__dict__", "looks at .__dict__, which is not the lang"),
    ):
        with in_place(TWIN, monkeypatch, vocabulary=f"{patched}{line}\n"):
            found = dbmcheck("prove", DESIGN)
        assert found.code == 151
        assert reason in found.err
        assert "model/vocabulary.py:" in found.err


def test_no_file_is_skipped_because_of_where_it_lies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A checkout below a folder of any name is read like any other."""
    root = tmp_path / "language" / "texts" / "model"
    for name in ("protocol/guest.py", "designs/live.py", "language/sets.py"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("import sys\n")
    monkeypatch.setattr(sources, "ROOT", root)
    found = shipped()
    assert set(found.files) == {"model.protocol.guest", "model.designs.live"}
    assert "imports sys" in why_refused(found)


def test_every_change_of_a_file_is_another_model() -> None:
    here = shipped()
    names = [*here.files]
    digests = {here.digest}
    for name in names:
        changed = {**here.files, name: here.files[name] + "\n"}
        digests.add(Sources(changed, here.readers).digest)
    digests.add(Sources(here.files, "other").digest)
    assert len(digests) == len(names) + 2
