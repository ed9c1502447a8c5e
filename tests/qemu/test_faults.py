# SPDX-License-Identifier: GPL-2.0-or-later
"""Is every kind of fault told of in one line, and named in one way?

``--regenerate`` rewrites the table of the kinds in the room's README.
"""

from __future__ import annotations

import pytest

from checker.input.errors import InputError
from checker.qemu.campaign.matrix import KINDS
from checker.qemu.harness.faults import (
    CONNECTION_ENDS,
    KIND_WORDS,
    NO_FAULT,
    Fault,
    FaultKind,
    fault_text,
    kind_word,
    parse_fault,
    words_of_kinds,
)
from checker.qemu.harness.places import Place, Within
from checker.stateful.adapter import Side
from tests.command import ROOT

README = ROOT / "checker" / "qemu" / "README.md"
CUT = Fault(FaultKind.CUT, Place("bits", 0, Within.MIDDLE))


def test_a_fault_for_people() -> None:
    fault = Fault(FaultKind.KILL_SOURCE, Place("run"))
    assert str(fault) == "kill-source at run:0+before"


def test_faults_as_text() -> None:
    assert parse_fault(fault_text(CUT)) == CUT
    assert fault_text(None) == ""
    assert (kind_word(CUT), kind_word(None)) == ("cut", NO_FAULT)
    bad = ("cut", "melt@eof", "cut@", "cut@bits:x", "cut@bits+nowhere")
    for text in (*bad, "drop@bits:0+after"):
        with pytest.raises(InputError):
            parse_fault(text)


def test_kinds_and_groups_have_words_of_their_own() -> None:
    words = [kind.value for kind in FaultKind]
    groups = {kind.group for kind in FaultKind} - {""}
    assert set(KIND_WORDS) == {*words, *groups}
    assert len(KIND_WORDS) == len(words) + len(groups)
    assert NO_FAULT not in KIND_WORDS


def test_a_group_is_its_kinds() -> None:
    found = words_of_kinds([CONNECTION_ENDS, "cancel", "cut"])
    assert found == ("cut", "half-close", "stall", "cancel")
    assert words_of_kinds([NO_FAULT]) == (NO_FAULT,)


@pytest.mark.parametrize("side", Side)
def test_each_side_can_be_killed(side: Side) -> None:
    kind = FaultKind.that_kills(side)
    assert kind.kills is side and kind.value == f"kill-{side.value}"


def test_a_campaign_tries_what_can_happen() -> None:
    assert set(FaultKind) - set(KINDS) == {FaultKind.DROP}


def kinds_table() -> str:
    lines = ["| kind | what happens |", "| --- | --- |"]
    for kind in FaultKind:
        only = "" if kind.natural else " (to test the tests; in no campaign)"
        lines.append(f"| `{kind.value}` | {kind.what}{only} |")
    return "\n".join(lines) + "\n"


def test_the_readme_lists_them(request: pytest.FixtureRequest) -> None:
    before, mark, rest = README.read_text("utf-8").partition(
        "<!-- kinds -->\n"
    )
    table, end, after = rest.partition("<!-- end -->\n")
    assert mark and end
    if request.config.getoption("--regenerate"):
        README.write_text(before + mark + kinds_table() + end + after, "utf-8")
        return
    assert table == kinds_table()
