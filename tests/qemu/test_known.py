# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the file of expected deviations tell known from new?"""

from __future__ import annotations

import asyncio
from typing import Final

import attrs
import pytest

from checker.input.errors import InputError
from checker.qemu.campaign.campaign import run_case
from checker.qemu.campaign.case import GRANULARITY, Case
from checker.qemu.campaign.guest_writes import SIZE
from checker.qemu.campaign.known import Deviation, Known, read, shipped
from checker.qemu.campaign.result import Result
from checker.qemu.campaign.summary import summarise
from checker.qemu.campaign.violation import Violation
from checker.qemu.harness.binary import Build
from checker.qemu.harness.builds import Builds
from checker.qemu.harness.faults import parse_fault
from checker.qemu.harness.scenario import Mode, Storage, Then
from tests.qemu.under_test import known_of_it

#: the rarest is a race, seen in one run of five on a busy machine
TRIES: Final = 10
AT_ONCE: Final = 4
OLD = Build(("qemu",), (7, 2, 22))
NEW = Build(("qemu",), (10, 0, 2))
ENTRY = """
[[deviation]]
id = "both"
guarantees = ["S6"]
since = "7.2"
until = "8.0"
seen = ["7.2.22"]
faults = ["cut", "stall"]
modes = ["precopy"]
return_path = true
places = ["eof:*", "shut:*"]
text = "^the guest runs"
what = "both run"
command = "dbmcheck qemu scenario --mode precopy"
severity = "critical"
label = "without bitmaps as well"
"""
S6 = Violation("S6", "both, end", "the guest runs on both")
CASE = Case(return_path=True, fault=parse_fault("cut@shut:0+before"))


def result(case: Case = CASE, *violations: Violation) -> Result:
    struck = case.fault is not None
    return Result(case, "nowhere", struck, violations or (S6,))


def known(build: Build = OLD) -> Known:
    return Known(read(ENTRY), Builds(build, build))


def test_known() -> None:
    entry = known().of(result(), S6)
    assert entry is not None and entry.id == "both"
    assert known().new(result()) == []


@pytest.mark.parametrize(
    ("case", "violation"),
    [
        (attrs.evolve(CASE, mode=Mode.POSTCOPY), S6),
        (attrs.evolve(CASE, return_path=False), S6),
        (CASE.at(parse_fault("cancel@shut:0+before")), S6),
        (CASE.at(parse_fault("cut@bits:0+before")), S6),
        (CASE.at(None), S6),
        (CASE, attrs.evolve(S6, guarantee="S1")),
        (CASE, attrs.evolve(S6, text="something else")),
    ],
)
def test_new(case: Case, violation: Violation) -> None:
    assert known().of(result(case), violation) is None


def test_another_version() -> None:
    assert known(NEW).of(result(), S6) is None
    mixed = Known(read(ENTRY), Builds(OLD, NEW))
    assert mixed.of(result(), S6) is not None
    (entry,) = read(ENTRY.replace("what =", 'side = "destination"\nwhat ='))
    assert Known((entry,), Builds(OLD, NEW)).of(result(), S6) is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('severity = "critical"', "", "key 'severity' is missing"),
        ('"critical"', '"awful"', 'severity is "awful", allowed are critical'),
        ('["S6"]', '["S66"]', 'guarantees[0] is "S66", allowed are S1'),
        (
            '"stall"',
            '"melt"',
            'faults is "melt", allowed are connection-ends, ',
        ),
        ('["precopy"]', '["hot"]', 'modes[0] is "hot", allowed are precopy'),
        ('"7.2"\n', '"7"\n', "no series like 7.2"),
        ('"^the', '"(the', "text: missing"),
        ("text =", "txt =", "unknown key 'txt'; allowed are id, "),
        ("text =", "text = =", "Invalid value"),
        ('["precopy"]', '"precopy"', "modes is"),
        ("return_path = true", "return_path = 1", "return_path is 1, allowed"),
    ],
)
def test_bad_entries(old: str, new: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        read(ENTRY.replace(old, new, 1))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_whom_it_is_said_of() -> None:
    (entry,) = read(ENTRY.replace("what =", 'where = "^source"\nwhat ='))
    theirs = attrs.evolve(S6, where="destination, end")
    ours = attrs.evolve(S6, where="source, end")
    assert entry.explains(result(), ours)
    assert not entry.explains(result(), theirs)
    with pytest.raises(InputError, match="where: "):
        read(ENTRY.replace("what =", 'where = "("\nwhat ='))


def test_twice() -> None:
    with pytest.raises(InputError, match="is there twice"):
        read(ENTRY + ENTRY)


RANDOM = "dbmcheck qemu random "
BY_SCENARIO = [e for e in shipped() if not e.command.startswith(RANDOM)]
BY_CHANCE = [e for e in shipped() if e.command.startswith(RANDOM)]


@pytest.mark.parametrize("entry", BY_CHANCE, ids=lambda entry: entry.id)
def test_shipped_by_chance(entry: Deviation) -> None:
    """What takes several attempts; only what is said tells it apart."""
    words = entry.command.removeprefix(RANDOM).split()
    assert words[::2] == ["--seed", "--examples", "--steps"]
    assert all(word.isdigit() for word in words[1::2])
    assert entry.text


def case_of(entry: Deviation) -> Case:
    """The case that the entry's command runs."""
    prefix = "dbmcheck qemu scenario "
    assert entry.command.startswith(prefix)
    words = iter(entry.command.removeprefix(prefix).split())
    values = {"fault": ""}
    flags = set()
    for word in words:
        if word in ("--return-path", "--persistent", "--full"):
            flags.add(word)
        else:
            values[word.removeprefix("--")] = next(words)
    return Case(
        mode=Mode(values["mode"]),
        return_path="--return-path" in flags,
        storage=Storage(values.get("storage", "separate")),
        bitmaps=int(values.get("bitmaps", "1")),
        nodes=int(values.get("nodes", "1")),
        persistent="--persistent" in flags,
        size=int(values.get("size", SIZE)),
        granularity=int(values.get("granularity", GRANULARITY)),
        full="--full" in flags,
        fault=parse_fault(values["fault"]) if values["fault"] else None,
        then=Then(values.get("then", "quit")),
    )


every_scenario = pytest.mark.parametrize(
    "entry", BY_SCENARIO, ids=lambda entry: entry.id
)


@every_scenario
def test_shipped(entry: Deviation) -> None:
    """Each says how it is seen again, and is met by just that."""
    case = case_of(entry)
    assert case.command == entry.command
    bare = attrs.evolve(entry, text="", where="")
    for guarantee in entry.guarantees:
        assert bare.explains(result(case), Violation(guarantee, "", ""))
    assert all(part.split(".")[:2] for part in entry.seen)


@pytest.mark.slow
@pytest.mark.parametrize(
    "entry", known_of_it(BY_SCENARIO), ids=lambda entry: entry.id
)
def test_shipped_is_seen_again(entry: Deviation, build: Build) -> None:
    """By the entry's own command; what is a race gets some tries."""
    builds = Builds(build, build)
    case = case_of(entry)

    async def some() -> list[Result]:
        return await asyncio.gather(
            *(run_case(case, builds) for _ in range(AT_ONCE))
        )

    for _ in range(TRIES):
        for seen in asyncio.run(some()):
            assert not seen.error
            if any(entry.explains(seen, each) for each in seen.violations):
                return
    pytest.fail(f"not seen again in {TRIES * AT_ONCE} runs")


def test_the_same_is_said_once() -> None:
    """By its known entry, and else by its wording; the shortest is shown."""
    long = attrs.evolve(CASE, bitmaps=2, storage=Storage.SHARED)
    lost = [
        Violation("S1", "source, end", f"bitmap 'b{n}' lacks {n} bytes")
        for n in (0, 1)
    ]
    clear = Result(CASE.twin, "nowhere", True)
    found = summarise(
        [result(long, *lost), result(CASE, S6, lost[0]), clear], known()
    )
    new, old = found.distinct
    assert new.known is None and new.violation == lost[0]
    assert new.count == 2 and len(new.shown) == 3
    assert new.result.case == CASE
    assert new.label == "a guarantee of bitmaps only"
    assert old.known is not None and old.known.id == "both"
    assert old.label == "only with bitmaps"
    assert found.runs["cut", "return"] == 3
    assert found.known["S6", "cut", "return"] == 1
    assert found.new["S1", "cut", "return"] == 2
    assert found.any_new and found.scenarios == 3


def test_the_same_without_bitmaps() -> None:
    twin = result(CASE.twin, S6)
    found = summarise([result(), twin], known())
    (each,) = found.distinct
    assert each.label.startswith("without bitmaps as well, 1 of 1")
    assert each.result.case == CASE and not found.any_new


def test_what_comes_from_two_running() -> None:
    shared = attrs.evolve(CASE, storage=Storage.SHARED)
    lost = Violation("S1", "source, end", "bitmap 'b0' lacks 1 bytes")
    found = summarise([result(shared, S6, lost)], known())
    labels = {each.violation.guarantee: each.label for each in found.distinct}
    assert labels == {
        "S1": "always together with S6",
        "S6": "no such place without bitmaps",
    }


def test_postcopy_has_no_twin() -> None:
    hot = attrs.evolve(CASE, mode=Mode.POSTCOPY)
    twin = Result(hot.twin, "nowhere", True)
    (each,) = summarise([result(hot), twin], known()).distinct
    assert each.label == "postcopy of bitmaps, nothing to compare it with"
