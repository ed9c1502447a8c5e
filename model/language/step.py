# SPDX-License-Identifier: GPL-2.0-or-later
"""What one action does: given this, then that.

    return given(
        source.migration.is_(Outgoing.SETUP),
        ~source.job,
    ).then(
        sends(Message.START),
        source.busy.becomes(True),
    )

The guard is the flags of ``given``, the effect is the updates of ``then``.  A
``Part`` brings both, wherever it stands: a message can be sent only where the
channel has room, and one that is received is gone from it.  A condition that
is asked twice is asked once; one that is always true in this variant, and the
setting of a field that it does not have, are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from attrs import frozen

from model.language.errors import ModelError, described
from model.language.values import Flag, Update


@frozen(eq=False)
class Part:
    """What belongs together: a condition and what is then done."""

    when: Sequence[Flag] = ()
    then: Sequence[Update] = ()

    def __attrs_post_init__(self) -> None:
        """Raise ModelError unless it is made of flags and of updates."""
        for what, kind, given in (
            ("condition", Flag, self.when),
            ("effect", Update, self.then),
        ):
            sequence = isinstance(given, (list, tuple))
            wrong = (
                [one for one in given if not isinstance(one, kind)]
                if (sequence)
                else [given]
            )
            if wrong:
                raise ModelError(
                    f"the {what} of a part has {described(wrong[0])}, allowed "
                    f"is a sequence of {kind.__name__.lower()}s"
                )


@frozen(eq=False)
class Step:
    """What an action does: a guard and an effect."""

    when: Sequence[Flag]
    then: Sequence[Update | tuple[Update, ...]]


#: what ``given`` and ``then`` take; of several at once a sequence
Guard: TypeAlias = "Flag | Part | Sequence[Guard]"
Effect: TypeAlias = "Update | Part | Sequence[Effect]"


@frozen(eq=False)
class Given:
    """A guard that waits for its effect."""

    when: tuple[Flag, ...]
    does: tuple[Update, ...]

    def then(self, *effects: Effect) -> Step:
        """The step: where the guard is true, all of ``effects`` at once."""
        when, does = list(self.when), list(self.does)
        for one in _each(effects):
            if isinstance(one, Part):
                when += one.when
                does += one.then
            elif isinstance(one, Update):
                does.append(one)
            else:
                raise ModelError(
                    f"'then' has {described(one)}: an effect is updates, as "
                    "of field.becomes(value)"
                )
        asked = {(one.expression, one.text): one for one in when}
        return Step(
            [flag for flag in asked.values() if not plain(flag)],
            [update for update in does if update.field],
        )


def given(*guards: Guard) -> Given:
    """A step's guard: every flag has to be true.

    Raises ModelError if something else than flags and parts is given.
    """
    when: list[Flag] = []
    does: list[Update] = []
    for one in _each(guards):
        if isinstance(one, Part):
            when += one.when
            does += one.then
        elif isinstance(one, Flag):
            when.append(one)
        else:
            raise ModelError(
                f"'given' has {described(one)}: a guard is flags, as of "
                "field.is_(value)"
            )
    return Given(tuple(when), tuple(does))


def plain(condition: object) -> bool:
    """Whether a condition is the constant 'yes', which needs no line."""
    return isinstance(condition, Flag) and condition.is_said(True)


def _each(given: Iterable[object]) -> Iterator[object]:
    for one in given:
        if isinstance(one, (list, tuple)):
            yield from _each(one)
        else:
            yield one
