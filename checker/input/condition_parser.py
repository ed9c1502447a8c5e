# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading a condition: by recursive descent, one function a rule.

    statement  = ["if" condition "then"] condition
    condition  = part {"and" part} | part {"or" part}
    part       = "not" part | "(" condition ")" | leaf
    leaf       = NAME                                    a flag, a property
               | '"' name '"'
               | NUMBER "in" NAME
               | NAME "is" ["not"] VALUE {"or" VALUE}
               | NAME "within" NAME
               | NAME "holds" VALUE
               | NAME ("<" | "<=" | ">" | ">=") NUMBER

Behind "or", a word that names a field begins a part of its own.  A word that
could be both is refused, and so is all that is not in these rules: nothing is
guessed and nothing is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from attrs import define, frozen

from checker.input.condition import (
    Both,
    Compared,
    Condition,
    Either,
    Holds,
    Is,
    Member,
    Named,
    Not,
    Statement,
    Within,
    Yes,
)
from checker.input.errors import DbmcheckError
from checker.input.nearest import meant

#: of a set, and of a channel
EMPTY = "empty"
MOST_CHARACTERS = 4000
DEEPEST = 40
SIGNS = ("<", "<=", ">", ">=")
KEYWORDS = ("if", "then", "and", "or", "not", "is", "in", "within", "holds")
_TOKEN = re.compile(
    r"(?P<word>[A-Za-z_](?:[\w.\[\]-]*[\w\]])?|-(?![^\s)]))|(?P<number>\d+(?!\w))"
    r'|(?P<quoted>"[^"]*")|(?P<sign><=|>=|[<>()])',
    re.ASCII,
)
#: what other languages write
_INSTEAD = {
    "=": "is",
    "==": "is",
    "!=": "is not",
    "&": "and",
    "&&": "and",
    "|": "or",
    "||": "or",
    "!": "not",
    "~": "not",
    "->": "if A then B",
    "=>": "if A then B",
}
_SPACES = " \t\r\n"
_MIXED = "'and' beside 'or'; write parentheses around what belongs together"
_STRANGE = re.compile(r"[=!&|~>-]+")


class ConditionError(DbmcheckError):
    """What is wrong with a condition, and where; one line."""

    def __init__(self, message: str, at: int = 0, word: str = "") -> None:
        place = f"character {at}" if at else ""
        quoted = f"'{word}'" if word else ""
        where = ", ".join(filter(None, (place, quoted)))
        super().__init__(f"{where}: {message}" if where else message)


@frozen
class Token:
    """A word of a condition; ``at``: its first character, from 1.

    ``sort``: word, number, quoted, sign or end.
    """

    sort: str
    text: str
    at: int


@frozen
class Words:
    """What may be named.

    ``fields``: each field with the values that can be written for it, and
    each channel with its kinds of messages.  ``properties``: by name.
    ``absent``: numbers that are not counted in this configuration.
    """

    fields: Mapping[str, Collection[str]]
    properties: Collection[str] = ()
    absent: Collection[str] = ()


def parse(text: str, words: Words) -> Statement:
    """The statement that ``text`` is; ConditionError if it is none."""
    if len(text) > MOST_CHARACTERS:
        raise ConditionError(
            f"{len(text)} characters, allowed are {MOST_CHARACTERS}"
        )
    for place, letter in enumerate(text):
        if not letter.isprintable() and letter not in _SPACES:
            raise _stranger(text, place)
    return _Parser(_tokens(text), words).statement()


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    place = 0
    while True:
        while place < len(text) and text[place] in _SPACES:
            place += 1
        if place == len(text):
            return [*found, Token("end", "", place + 1)]
        match = _TOKEN.match(text, place)
        if match is None:
            raise _stranger(text, place)
        found.append(
            Token(str(match.lastgroup), match.group(), match.start() + 1)
        )
        place = match.end()


def _stranger(text: str, place: int) -> ConditionError:
    strange = _STRANGE.match(text, place)
    word = strange.group() if strange else text[place]
    if word == '"':
        reason = "this quotation mark is never closed"
    elif word in _INSTEAD:
        reason = f"write '{_INSTEAD[word]}' instead"
    else:
        word = word if word.isprintable() else ascii(word)[1:-1]
        reason = (
            "nothing begins like that; allowed are names, numbers, names in "
            f"double quotes, parentheses, {', '.join((*SIGNS, *KEYWORDS))}"
        )
    return ConditionError(reason, place + 1, word)


@define
class _Parser:
    tokens: list[Token]
    words: Words
    place: int = 0
    depth: int = 0
    #: behind the last list of values that has no parentheses
    list_end: int = -1

    # -- the tokens ------------------------------------------------------

    @property
    def now(self) -> Token:
        return self.tokens[self.place]

    @property
    def following(self) -> Token:
        return self.tokens[min(self.place + 1, len(self.tokens) - 1)]

    def is_(self, *texts: str) -> bool:
        """Whether the next token is one of these keywords or signs."""
        return self.now.sort in ("word", "sign") and self.now.text in texts

    def taken(self) -> Token:
        token = self.now
        self.place += token.sort != "end"
        return token

    def error(self, message: str) -> ConditionError:
        ends = self.now.sort == "end"
        return ConditionError(
            message, self.now.at, "the end" if ends else self.now.text
        )

    # -- the rules -------------------------------------------------------

    def statement(self) -> Statement:
        when = None
        if self.is_("if"):
            self.taken()
            when = self.condition()
            if not self.is_("then"):
                raise self.error("expected 'then', 'and' or 'or'")
            self.taken()
        then = self.condition()
        if self.now.sort != "end":
            more = "" if when or not self.is_("then") else "'if' is missing; "
            raise self.error(f"{more}expected 'and', 'or' or the end")
        return Statement(then, when)

    def condition(self) -> Condition:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(f"nested deeper than {DEEPEST} times")
        parts, joint = [self.part()], ""
        listed = self.list_end == self.place
        while self.is_("and", "or"):
            joined = self.now.text
            mixed = joint not in ("", joined)
            if mixed or (listed and joined == "and"):
                raise self.error(_MIXED)
            joint = self.taken().text
            start = self.place
            parts.append(self.part())
            listed = self.list_end == self.place
            if listed and joint == "and":
                self.place = start
                raise self.error(_MIXED)
        self.depth -= 1
        if not joint:
            return parts[0]
        return (Both if joint == "and" else Either)(tuple(parts))

    def part(self) -> Condition:
        if self.is_("not"):
            self.taken()
            self.depth += 1
            if self.depth > DEEPEST:
                raise self.error(f"nested deeper than {DEEPEST} times")
            inside = self.part()
            self.depth -= 1
            return Not(inside)
        if self.is_("("):
            opened = self.taken()
            inside = self.condition()
            if not self.is_(")"):
                raise self.error(
                    "expected ')' for the '(' at character "
                    f"{opened.at}, 'and' or 'or'"
                )
            self.taken()
            return inside
        return self.leaf()

    def leaf(self) -> Condition:
        token = self.now
        if token.sort == "quoted":
            self.taken()
            return Named(token.text[1:-1], at=token.at)
        if token.sort == "number":
            return self.member()
        if self.is_("if", "then"):
            raise self.error("allowed in 'if A then B' only")
        if token.sort != "word" or token.text in KEYWORDS or self.is_("-"):
            raise self.error(
                "expected a condition: a field, a name in double quotes, "
                "'not' or '('"
            )
        name = token.text
        known = name in self.words.fields
        if not known and name in self.words.properties:
            self.taken()
            return Named(name, at=token.at)
        if not known:
            raise self.unknown_field()
        self.taken()
        return self.comparison(name, token.at)

    def comparison(self, name: str, at: int) -> Condition:
        if self.is_("is"):
            self.taken()
            negated = self.is_("not")
            if negated:
                self.taken()
            found = Is(name, tuple(self.values(name)), at=at)
            if len(found.values) > 1:
                self.list_end = self.place
            return Not(found) if negated else found
        if self.is_("within"):
            self.taken()
            return Within(name, self.field(), at=at)
        if self.is_("holds"):
            self.taken()
            return Holds(name, self.value(name, "holds"), at=at)
        if self.is_(*SIGNS):
            sign = self.taken().text
            return Compared(name, sign, self.number(), at=at)
        if self.now.sort in ("word", "number") and not self.is_(*KEYWORDS):
            raise self.error(
                "expected 'is', 'holds', 'within', a sign such as '<', 'and', "
                "'or' or the end"
            )
        return Yes(name, at=at)

    def values(self, name: str) -> list[str]:
        found = [self.value(name)]
        while self.is_("or") and self.following.sort in ("word", "number"):
            word, place = self.following.text, self.place
            after = self.tokens[min(place + 2, len(self.tokens) - 1)].text
            number = self.following.sort == "number"
            if word in ("not", "if") or (number and after == "in"):
                break
            if word in self.words.fields or word in self.words.properties:
                if word in self.words.fields.get(name, ()):
                    self.taken()
                    raise self.error(
                        f"a value of {name}, and a name too; write "
                        "parentheses, or 'is' once more"
                    )
                break
            if after in (*SIGNS, "is", "within", "holds"):
                self.taken()
                raise self.unknown_field()
            self.taken()
            found.append(self.value(name, "or"))
        return found

    def value(self, name: str, behind: str = "is") -> str:
        """A value of the field; ``behind``: the word before it."""
        token = self.now
        allowed = [
            one
            for one in self.words.fields[name]
            if behind != "holds" or one != EMPTY
        ]
        if token.sort in ("word", "number") and token.text in allowed:
            return self.taken().text
        near = ""
        if token.sort == "word":
            # behind 'or' it may be a field that was meant
            fields = self.words.fields if behind == "or" else ()
            near = meant(token.text, (*allowed, *fields))
        raise self.error(f"no value of {name}{_of(allowed)}{near}")

    def member(self) -> Condition:
        at = self.now.at
        number = self.number()
        if not self.is_("in"):
            raise self.error(f"expected 'in' behind the number {number}")
        self.taken()
        return Member(number, self.field(), at=at)

    def number(self) -> int:
        if self.now.sort != "number":
            raise self.error("expected a whole number")
        return int(self.taken().text)

    def field(self) -> str:
        if self.now.sort != "word" or self.now.text in KEYWORDS:
            raise self.error("expected the name of a field")
        if self.now.text not in self.words.fields:
            raise self.unknown_field()
        return self.taken().text

    def unknown_field(self) -> ConditionError:
        if self.now.text in self.words.absent:
            return self.error(
                "this configuration does not count it: there is no limit, or "
                "it never happens"
            )
        names = (*self.words.fields, *self.words.properties)
        return self.error(
            f"no field and no property{_of(self.words.fields, 'fields')}"
            f"{meant(self.now.text, names)}"
        )


def _of(allowed: Collection[str], what: str = "allowed") -> str:
    if not allowed:
        return ""
    return f"; {what} are {', '.join(allowed)}"
