# SPDX-License-Identifier: GPL-2.0-or-later
"""What a term may be made of, asked of terms that no text can write."""

from __future__ import annotations

import enum
from collections.abc import Callable

import pytest
from attrs import evolve

from model.language import (
    Concrete,
    ContentsType,
    Disk,
    Machine,
    MachineBuilder,
    ModelError,
    NameType,
    Projected,
    Schematic,
    Step,
    Update,
)
from model.language import expression as ex
from model.language.expression import Expression
from model.language.instance import instance
from model.language.schema import as_text, digest
from model.language.schema_reading import from_text
from model.language.schematic import Sort, ask
from model.language.terms import check_terms, limits_of
from model.language.tokens import Limit, budget_limit


class Word(enum.Enum):
    DATA = "data"
    END = "end"


class Small:
    """Numbers for ``schema``."""

    def __init__(self, writes: int | str = 2, most: int | None = 3) -> None:
        self.writes, self.most = writes, most

    def limit(self, name: str) -> int | None:
        return {"size": 2, "most": self.most}[name]

    def budget(self, name: str) -> int | str:
        return self.writes


Change = Callable[[Expression], Expression]


def schema(
    guard: Expression = ex.TRUE, bits: Expression | None = None
) -> Machine:
    """A schema with a guard, and what becomes of a set, of a test's own."""
    build = MachineBuilder("small")
    disk = Disk("disk", Schematic())
    build.budget("writes", budget_limit("writes"))
    members = build.granules("bits", disk)
    cursor = build.cursor("cursor", disk)
    tally = build.tally("tally", Limit("most"))
    wire = build.channel(
        "wire",
        Limit("size"),
        {
            Word.DATA: {
                "chunk": NameType(disk),
                "contents": ContentsType(disk),
            },
            Word.END: {},
        },
    )
    kind = members.type

    @build.action("guest", over=disk.domain.chunks, spends="writes")
    def send(chunk: object) -> Step:
        del chunk
        return Step(
            when=[wire.has_room(), tally.is_full()],
            then=[*wire.put(Word.END), *tally.emptied()],
        )

    @build.action("guest")
    def own() -> Step:
        from model.language.values import flag

        then = [] if bits is None else [Update("bits", kind, bits, "bits")]
        return Step(when=[flag(guard, "own")], then=then)

    build.reachable("Starts", "", then=[members.is_empty()])
    build.may_end(cursor.at_end())
    return build.machine()


def test_a_schema_may_be_instantiated() -> None:
    term = schema()
    check_terms(term)
    assert limits_of(term) == {"size", "most"}
    made = instance(term, Concrete(2, 2), Small())
    assert [f.name for f in made.fields if "wire" not in f.name] == [
        "writes_left",
        "bits",
        "cursor",
        "tally",
    ]
    assert [a.name for a in made.actions] == ["send", "own"]


def test_what_a_number_takes_away() -> None:
    """0: no action; a word or no limit: no field and no conjunct."""
    term = schema()
    none = instance(term, Concrete(1, 1), Small(writes=0))
    assert [a.name for a in none.actions] == ["own"]
    free = instance(term, Concrete(1, 1), Small("unlimited", None))
    assert {f.name.partition("[")[0] for f in free.fields} == {
        "bits",
        "cursor",
        "wire",
    }
    asked = {c.text for i in free.action("send").instances for c in i.guard}
    held = instance(term, Concrete(1, 1), Small())
    more = {c.text for i in held.action("send").instances for c in i.guard}
    assert more - asked == {"tally is 3", "writes_left > 0"} - asked


def test_the_view_of_one_granule_knows_no_limit() -> None:
    """Else a proof would be one of the limit that it happened to have."""
    views = [
        instance(schema(), Projected(), Small(writes, most)).digest
        for writes in (1, 7, "unlimited")
        for most in (1, 2, None)
    ]
    assert len(set(views)) == 1


GRANULES, CHUNKS = int(Sort.GRANULES), int(Sort.CHUNKS)
BITS = ex.field_value("bits", GRANULES)
CURSOR = ex.field_value("cursor", int(Sort.POSITION))
WIRE = ex.field_value("wire", int(Sort.CHANNEL))
MEANINGLESS = {
    "a count": ex.less(ex.count(BITS), ex.constant(3, ex.count(BITS).width)),
    "a bit": ex.bits_of(BITS, 7, 1),
    "a comparison": ex.less(BITS, ex.complement(BITS)),
    "the third granule": ex.equal(
        ex.conjunction(BITS, ex.constant(8, GRANULES)),
        ex.constant(0, GRANULES),
    ),
    "equal sets": ex.equal(BITS, ex.constant(0, GRANULES)),
    "a position": ex.equal(CURSOR, ex.constant(4, int(Sort.POSITION))),
    "a sum": ex.equal(
        ex.add(CURSOR, ex.constant(1, int(Sort.POSITION))), CURSOR
    ),
    "no question": ask("how_many", 1, BITS),
    "of something else": ask("is_empty", 1, CURSOR),
    "no operand": ask("is_empty", 1),
    "of no parameter": ask("has_granule", 1, BITS, of="granule in send"),
    "of a part": ask("has_granule", 1, BITS, of="chunk of granule in own"),
    "of no limit": ask("at_most", 1, BITS, of=""),
    "of no message": ask("head_is", 1, WIRE, of="HELLO"),
    "of a chunk elsewhere": ask("holds_chunk", 1, WIRE, of="chunk in send"),
    "of another field": ask("head_is", 1, BITS, of="DATA"),
    "a field of another sort": ask(
        "is_empty", 1, ex.field_value("cursor", GRANULES)
    ),
}


@pytest.mark.parametrize("name", MEANINGLESS)
def test_what_does_not_mean_the_same_on_every_disk(name: str) -> None:
    with pytest.raises(ModelError, match=r"^action own: "):
        check_terms(schema(guard=MEANINGLESS[name]))


def test_an_effect_is_looked_at_like_a_guard() -> None:
    every = ex.constant(ex.ones(GRANULES), GRANULES)
    check_terms(schema(bits=every))
    check_terms(schema(bits=ex.complement(BITS)))
    with pytest.raises(ModelError, match="of the disk's granules"):
        check_terms(schema(bits=ex.subtract(every, BITS)))


@pytest.mark.parametrize(
    "moved",
    [
        ask("take", int(Sort.CHANNEL), ex.field_value("other", 10_067)),
        ask("put", int(Sort.CHANNEL), WIRE, of="DATA"),
        ask("put", int(Sort.CHANNEL), WIRE, of="HELLO"),
        ask("grow", int(Sort.CHANNEL), WIRE),
        ex.choice(ex.TRUE, WIRE, WIRE),
    ],
)
def test_a_channel_moves_by_its_operations(moved: Expression) -> None:
    whole = schema()
    (one,) = whole.action("own").instances
    wrong = evolve(one, effect=(("wire", moved),))
    actions = tuple(
        evolve(a, instances=(wrong,)) if a.name == "own" else a
        for a in whole.actions
    )
    with pytest.raises(ModelError, match=r"^action own: .*wire"):
        check_terms(evolve(whole, actions=actions))


# -- the file form ---------------------------------------------------------


def test_a_schema_is_written_and_read() -> None:
    term = schema(guard=ask("is_empty", 1, BITS))
    read = from_text(as_text(term))
    assert as_text(read) == as_text(term)
    assert digest(read) == digest(term)
    for domain in (Concrete(2, 3), Projected()):
        here, there = (
            instance(t, domain, Small()).digest for t in (term, read)
        )
        assert here == there


def test_what_a_digest_is_of() -> None:
    """Of the meaning: each term and number counts, no wording does."""
    term = schema()
    assert digest(schema(guard=ask("is_empty", 1, BITS))) != digest(term)
    assert digest(evolve(term, budgets=())) != digest(term)
    for change in (
        {"spends": ""},
        {"needs": ("writes",)},
        {"fair": True},
        {"fault": True},
    ):
        actions = tuple(evolve(a, **change) for a in term.actions)
        assert digest(evolve(term, actions=actions)) != digest(term)
    told = tuple(evolve(a, doc="else", silent="why") for a in term.actions)
    assert digest(evolve(term, actions=told)) == digest(term)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"dbmcheck-schema": 2}',
        '{"dbmcheck-schema": 1}',
        "[" * 100_000,
    ],
)
def test_no_schema(text: str) -> None:
    with pytest.raises(ModelError, match=r"^this is no schema: "):
        from_text(text)


def test_a_damaged_schema() -> None:
    """Whatever is cut out or put in, it is refused or it is a schema."""
    text = as_text(schema())
    for place in range(0, len(text), 37):
        for damaged in (
            text[:place] + text[place + 1 :],
            text[:place] + "9" + text[place:],
        ):
            try:
                check_terms(from_text(damaged))
            except ModelError as error:
                assert "\n" not in str(error)
