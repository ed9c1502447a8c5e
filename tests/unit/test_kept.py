# SPDX-License-Identifier: GPL-2.0-or-later
"""Ablation with made-up findings: what is asked, and what is said of it?"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext

import pytest
from attrs import evolve

from checker.answer.ablate import Ablation, Break, Removal, ablate
from checker.answer.mechanism_sets import Set
from checker.answer.removed_together import EVERYTHING, removed_together
from checker.checking.kept import Kept, Question, kept_by, what_breaks
from checker.checking.variants import EVERY_PROPERTY, Choice, Variant
from checker.cli import ablate_view
from checker.cli.ablate_view import exit_code
from checker.engines.exploration import INTERRUPTED, Limits
from checker.engines.verdict import DEADLOCK, FIRES, Finding, Verdict
from checker.input.exit_codes import ExitCode
from model.design import DESIGNS
from model.designs import build
from model.language import Property
from model.lookup import mechanisms_of
from model.options import Bounds, Options

DESIGN = DESIGNS[0]
NAMES = [m.name for m in mechanisms_of(DESIGN)]
SMALL = Options(design=DESIGN, bounds=Bounds(chunks=3, downtime=0))
SAFE = Finding(
    name="Safe", kind="always", guarantee="S1", verdict=Verdict.HOLDS
)
ENDS = Finding(
    name="Ends", kind="eventually", guarantee="L1", verdict=Verdict.HOLDS
)
SEEN = Finding(
    name="Seen", kind="reachable", guarantee="", verdict=Verdict.HOLDS
)
STUCK = Finding(
    name=DEADLOCK,
    kind="deadlock",
    guarantee="L1",
    verdict=Verdict.VIOLATED,
    steps=4,
)
SILENT = Finding(
    name=f"act {FIRES}",
    kind="reachable",
    guarantee="",
    verdict=Verdict.VIOLATED,
    reason="this action never fires",
)


def broken(finding: Finding, steps: int | None = 5) -> Finding:
    return evolve(finding, verdict=Verdict.VIOLATED, steps=steps)


def unknown(finding: Finding) -> Finding:
    return evolve(finding, verdict=Verdict.INCONCLUSIVE, reason="too much")


def chosen(choice: Choice, finding: Finding) -> bool:
    """What is no ``always`` or ``eventually`` is found whoever asks."""
    if finding.kind not in ("always", "eventually"):
        return True
    prop = Property(finding.name, finding.kind, finding.guarantee, "")
    return choice.chooses(prop)


class Explorer:
    """Answers from a table; remembers what it was asked."""

    def __init__(
        self,
        find: Callable[[Options], Sequence[Finding]],
        states: int = 10,
    ) -> None:
        self.find, self.states = find, states
        self.asked: list[Options] = []

    def __call__(
        self, options: Sequence[Options], choice: Choice, title: str
    ) -> list[Variant]:
        self.asked += options
        return [
            Variant(
                options=o,
                findings=tuple(f for f in self.find(o) if chosen(choice, f)),
                states=self.states,
                stopped="",
                seconds=0.1,
            )
            for o in options
        ]


# -- what the complete design keeps ------------------------------------------


def test_what_holds_is_asked_at_the_same_size() -> None:
    explore = Explorer(lambda _: [SAFE, ENDS, SEEN])
    kept = kept_by(SMALL, explore, "")
    (question,) = kept.questions
    assert set(explore.asked) == {SMALL}
    assert {f.name for f in question.kept} == {"Safe", "Ends", "Seen"}
    assert question.choice == Choice()
    assert kept.unasked == () and kept.stopped == ""


@pytest.mark.parametrize(
    ("keeps", "bounds", "words"),
    [
        (
            lambda b: b.writes == 2,
            evolve(SMALL.bounds, writes=2),
            "a guest that writes at most twice",
        ),
        (
            lambda b: b.downtime == 3,
            evolve(SMALL.bounds, downtime=3),
            "a downtime limit of the whole disk",
        ),
        (
            lambda b: b.writes == 2 and b.downtime == 3,
            evolve(SMALL.bounds, writes=2, downtime=3),
            "a guest that writes at most twice, and a downtime limit of the "
            "whole disk",
        ),
    ],
)
def test_what_holds_with_easier_bounds_is_asked_with_these(
    keeps: Callable[[Bounds], bool], bounds: Bounds, words: str
) -> None:
    explore = Explorer(
        lambda o: [SAFE, ENDS if keeps(o.bounds) else broken(ENDS)]
    )
    kept = kept_by(SMALL, explore, "")
    first, easier = kept.questions
    assert [f.name for f in first.kept] == ["Safe"]
    assert [f.name for f in easier.kept] == ["Ends"]
    assert easier.options.bounds == bounds and easier.easier == words
    assert kept.unasked == ()
    bad = [broken(SAFE), broken(ENDS)]
    (variant,) = Explorer(lambda _: bad)([SMALL], EVERY_PROPERTY, "")
    assert first.of(variant).findings == (bad[0],)
    assert easier.of(variant).findings == (bad[1],)


def test_what_never_holds_is_not_asked_and_said_to_be() -> None:
    explore = Explorer(lambda _: [broken(SAFE), ENDS, STUCK, SILENT])
    kept = kept_by(SMALL, explore, "")
    (question,) = kept.questions
    assert {f.name for f in kept.unasked} == {
        "Safe",
        DEADLOCK,
        f"act {FIRES}",
    }
    (variant,) = explore([SMALL], EVERY_PROPERTY, "")
    assert question.of(variant).findings == ()


def test_everything_else_that_comes_up_is_asked() -> None:
    """A deadlock, an action that never fires: nobody names them before."""
    kept = kept_by(SMALL, Explorer(lambda _: [SAFE, ENDS, SEEN]), "")
    worse = [SAFE, broken(ENDS), broken(SEEN, None), STUCK, SILENT]
    (variant,) = Explorer(lambda _: worse)([SMALL], EVERY_PROPERTY, "")
    found = kept.questions[0].of(variant).findings
    assert {f.name for f in found} == {f.name for f in worse} - {"Safe"}


def test_what_a_variant_does_not_promise_is_missing() -> None:
    kept = kept_by(SMALL, Explorer(lambda _: [SAFE, ENDS]), "")
    (variant,) = Explorer(lambda _: [ENDS])([SMALL], EVERY_PROPERTY, "")
    assert kept.questions[0].of(variant).missing == (SAFE,)


def test_what_is_not_decided_is_not_kept() -> None:
    kept = kept_by(SMALL, Explorer(lambda _: [SAFE, unknown(ENDS)]), "")
    assert kept.stopped == "too much"


def test_whole_runs_of_too_many_states_are_not_looked_at() -> None:
    """No limit was given, so this is no reason to be inconclusive."""
    kept = kept_by(SMALL, Explorer(lambda _: [SAFE, ENDS], 10**7), "")
    (question,) = kept.questions
    assert [f.name for f in question.kept] == ["Safe"]
    unasked = {f.name: f.reason for f in kept.unasked}
    assert set(unasked.values()) == {
        "10,000,000 states are too many for whole runs"
    }
    assert set(unasked) == {
        p.name for p in build(SMALL).properties if p.kind == "eventually"
    }
    assert unasked.keys() <= question.unkept
    assert kept.stopped == ""


def test_what_breaks_in_words() -> None:
    assert what_breaks([]) == "nothing breaks"
    assert what_breaks(["L1"]) == "L1 breaks"
    assert what_breaks(["L1", "S1", "Seen"]) == "S1 and L1 break"
    assert what_breaks(["Seen"]) == "not everything stays possible (Seen)"


# -- one at a time -----------------------------------------------------------


def table(breaks: Mapping[str, Sequence[Finding]]) -> Explorer:
    """Without each of these mechanisms, this is what is found."""

    def find(options: Options) -> list[Finding]:
        found = {f.name: f for f in (SAFE, ENDS, SEEN)}
        for name in options.without:
            found.update({f.name: f for f in breaks.get(name, ())})
        return list(found.values())

    return Explorer(find)


def removals(**breaks: Sequence[Finding]) -> dict[str, Removal]:
    """The first mechanisms, by what is found without them."""
    mechanisms = mechanisms_of(DESIGN)[: len(breaks)]
    by_name = {
        m.name: found
        for m, found in zip(mechanisms, breaks.values(), strict=True)
    }
    chosen = [evolve(m, protects="S1", redundant=()) for m in mechanisms]
    done = ablate(DESIGN, table(by_name), mechanisms=chosen)
    return dict(zip(breaks, done.removals, strict=True))


def test_the_protected_guarantee_comes_first() -> None:
    found = removals(
        first=[broken(SAFE), STUCK], second=[STUCK], third=[SILENT], fourth=[]
    )
    shown = found["first"].shown
    assert shown is not None and shown.finding.name == "Safe"
    assert found["first"].also == ("L1",)
    assert found["second"].shown is None and found["second"].also == ("L1",)
    assert found["third"].also == () and not found["third"].redundant
    assert found["third"].idle == (f"act {FIRES}",)
    assert found["fourth"].redundant


def test_a_vacuous_property_is_not_a_violation() -> None:
    vacuous = evolve(broken(SAFE, None), reason="its premise is never met")
    removal = removals(first=[vacuous])["first"]
    assert removal.shown is None
    assert removal.idle == ("Safe",) and not removal.redundant


def test_what_does_not_break_is_asked_on_a_larger_disk() -> None:
    explore = table({NAMES[0]: [broken(SAFE)]})
    chosen = [evolve(m, protects="S1") for m in mechanisms_of(DESIGN)[:2]]
    found = ablate(DESIGN, explore, mechanisms=chosen)
    assert found.larger is not None
    larger = {o.without for o in explore.asked if o.bounds.chunks > 1}
    assert larger == {frozenset(), frozenset({NAMES[1]})}


def test_of_a_vacuous_design_nothing_is_taken_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a mechanism it would do as little as with it."""
    never = evolve(broken(SEEN, None), reason="it is never reached")
    explore = Explorer(lambda _: [SAFE, ENDS, never, SILENT])
    monkeypatch.setattr(
        ablate_view, "explorer", lambda *_: nullcontext(explore)
    )
    for singles in (True, False):
        code = ablate_view.run(DESIGN, Limits(), 1, singles, False)
        assert code == ExitCode.UNREACHED
        said = capsys.readouterr().out
        assert "The complete design itself has findings" in " ".join(
            said.split()
        )
        assert "it is never reached: Seen" in said
        assert "this action never fires: act" in said
        assert "redundant" not in said
    assert all(not options.without for options in explore.asked)
    ablate_view.run(DESIGN, Limits(), 1, True, True)
    data = json.loads(capsys.readouterr().out)
    assert [one["property"] for one in data["vacuous"]] == [
        "Seen",
        f"act {FIRES}",
    ]
    assert data["exit_code"] == ExitCode.UNREACHED


# -- what the process returns ------------------------------------------------


def ablation(removal: Removal, redundant: bool = False) -> Ablation:
    why = ((DESIGN, "because"),) if redundant else ()
    mechanism = evolve(removal.mechanism, protects="S1", redundant=why)
    nothing = Kept(questions=(), unasked=(), stopped="")
    return Ablation(
        design=DESIGN,
        smallest=nothing,
        larger=None,
        removals=(evolve(removal, mechanism=mechanism),),
    )


def breaking(*findings: Finding, stopped: str = "") -> Removal:
    question = Question(
        options=SMALL,
        easier="",
        kept=(),
        choice=EVERY_PROPERTY,
        unkept=frozenset(),
    )
    mechanism = mechanisms_of(DESIGN)[0]
    return Removal(
        mechanism=mechanism,
        protects=mechanism.guards(DESIGN),
        breaks=tuple(Break(finding=f, question=question) for f in findings),
        stopped=stopped,
    )


@pytest.mark.parametrize(
    ("findings", "explained", "code"),
    [
        ((broken(SAFE),), False, ExitCode.AS_EXPECTED),
        ((broken(SAFE),), True, ExitCode.NOT_AS_EXPECTED),
        ((), True, ExitCode.AS_EXPECTED),
        ((), False, ExitCode.NOT_AS_EXPECTED),
        # said to be redundant, and something else is broken without it
        ((broken(ENDS),), True, ExitCode.NOT_AS_EXPECTED),
        ((SILENT,), True, ExitCode.NOT_AS_EXPECTED),
        ((broken(ENDS),), False, ExitCode.NOT_AS_EXPECTED),
    ],
)
def test_the_exit_code(
    findings: tuple[Finding, ...], explained: bool, code: ExitCode
) -> None:
    assert exit_code(ablation(breaking(*findings), explained), None) is code


def test_what_is_not_decided_decides_the_exit_code() -> None:
    found = ablation(breaking(broken(SAFE), stopped="too much"))
    assert exit_code(found, None) is ExitCode.INCONCLUSIVE


# -- several at once ---------------------------------------------------------


def kept() -> Kept:
    return kept_by(SMALL, table({}), "")


def healing(options: Options) -> list[Finding]:
    """The second mechanism's absence heals what the first one's breaks."""
    first, second, third, *rest = NAMES
    gone = options.without
    safe = first not in gone or second in gone
    ends = third not in gone and not gone & set(rest)
    return [
        SAFE if safe else broken(SAFE),
        ENDS if ends else broken(ENDS),
        SEEN,
    ]


def test_pairs_and_sets_of_each_guarantee_and_of_all() -> None:
    first, second, _, *rest = NAMES
    explore = Explorer(healing)
    found = removed_together(DESIGN, kept(), explore)
    assert found.promises == ("S1", "L1", EVERYTHING)
    both = frozenset({first, second})
    assert found.pairs[EVERYTHING].healing == (both,)
    assert found.together[EVERYTHING].sets == (both,)
    assert found.together["S1"].sets == (frozenset(NAMES),)
    assert found.together["L1"].sets == (both,)
    assert found.broken[frozenset({first})] == {"S1"}
    assert found.broken[both] == frozenset()
    assert found.stopped == ""
    assert found.variants == len({o.without for o in explore.asked})
    assert len(rest) > 2


@pytest.mark.parametrize("larger", [False, True])
def test_ctrl_c_leaves_what_is_known(larger: bool) -> None:
    def find(options: Options) -> list[Finding]:
        if len(options.without) > (2 if larger else 1):
            raise KeyboardInterrupt
        return healing(options)

    found = removed_together(DESIGN, kept(), Explorer(find))
    assert found.stopped == INTERRUPTED
    assert found.together == {}
    assert bool(found.pairs) == larger == bool(found.broken)
    done = ablation(breaking(broken(SAFE)))
    assert exit_code(done, found) is ExitCode.INCONCLUSIVE


def test_what_is_not_decided_counts_as_broken_and_is_said() -> None:
    first = NAMES[0]

    def find(options: Options) -> list[Finding]:
        limited = first in options.without
        return [unknown(SAFE) if limited else SAFE, ENDS, SEEN]

    found = removed_together(DESIGN, kept(), Explorer(find))
    assert found.stopped == "too much"
    others: Set = frozenset(NAMES[1:])
    assert found.together["S1"].sets == (others,)
    assert found.together["L1"].sets == (frozenset(NAMES),)


def test_what_is_not_promised_is_not_kept() -> None:
    """A variant of which nobody asks S1 does not keep it."""
    first = NAMES[0]

    def find(options: Options) -> list[Finding]:
        return [ENDS, SEEN] if first in options.without else [SAFE, ENDS, SEEN]

    found = removed_together(DESIGN, kept(), Explorer(find))
    others: Set = frozenset(NAMES[1:])
    assert found.broken[frozenset({first})] == {"S1"}
    assert found.together["S1"].sets == (others,)
    assert found.together["L1"].sets == (frozenset(NAMES),)
    assert found.together[EVERYTHING].sets == (others,)
