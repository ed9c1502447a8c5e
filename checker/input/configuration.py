# SPDX-License-Identifier: GPL-2.0-or-later
"""Configurations: TOML files that say what to check.

The keys are strict: what is not known here is an error that names the file,
the key, and what is allowed.  The shipped ones lie in ``model/configs``; a
user's own file works the same way.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from attrs import asdict, evolve, field, fields_dict, frozen

from checker.input import own_properties
from checker.input.errors import BadFileError, DbmcheckError, InputError
from checker.input.exit_codes import ExitCode
from checker.input.files import read_limited
from checker.input.nearest import meant
from checker.input.own_properties import Own, OwnPropertyError
from checker.input.strict import (
    TOML,
    only,
    structured,
    whole,
)
from model.designs import build
from model.language import Machine, ModelError
from model.language.machine import Property
from model.options import Bounds, Failures, Options

MAX_FILE = 1 << 20
MAX_NUMBER = 1 << 64
TOO_LONG = "a number is too large, allowed are numbers below 2^64"
KINDS = ("always", "reachable", "eventually")
Count = Annotated[int, whole(1)]


class ConfigurationError(DbmcheckError):
    """A configuration that cannot be used; ``str()`` is one line."""

    exit_code = ExitCode.CONFIGURATION


@frozen(kw_only=True)
class Expectation:
    """What a check of the configuration must give; None: not said.

    ``steps``: the fewest that lead to a violation of ``property``.
    """

    verdict: Literal["HOLDS", "VIOLATED", "INCONCLUSIVE"] | None = None
    property: str | None = None
    steps: Count | None = None
    states: Count | None = None
    transitions: Count | None = None
    levels: Count | None = None


@frozen(kw_only=True)
class Configuration:
    """One bounded instance, what to ask of it, and what to expect.

    ``properties`` selects by name, guarantee or kind; empty: all.  ``own``
    properties are asked in any case.  ``slow`` marks what takes more than a
    few seconds.
    """

    name: str
    options: Options
    title: str = ""
    properties: tuple[str, ...] = ()
    own: tuple[Own, ...] = ()
    slow: bool = False
    expect: Expectation = field(factory=Expectation)

    def own_named(self, name: str) -> Own | None:
        """The own property called ``name``, if it is one."""
        return next((one for one in self.own if one.name == name), None)

    def machine(self) -> Machine:
        """The machine to explore, with the selected properties only.

        Raises OwnPropertyError if an own property cannot be asked of it.
        """
        machine = own_properties.asked_of(
            build(self.options), self.options, self.own
        )
        if not self.properties:
            return machine
        chosen = tuple(
            p
            for p in machine.properties
            if selects((*self.properties, own_properties.OWN), p)
        )
        for word in self.properties:
            if not any(selects((word,), p) for p in machine.properties):
                allowed = [*KINDS, *guarantees(machine)]
                allowed += [p.name for p in machine.properties]
                raise ConfigurationError(
                    f"{self.name}: properties: '{word}' selects nothing; "
                    f"allowed are {', '.join(allowed)}"
                    f"{meant(word, allowed)}"
                )
        return evolve(machine, properties=chosen)


Title = Annotated[
    str,
    only(
        "strings without control characters",
        lambda value: isinstance(value, str) and value.isprintable(),
    ),
]


@frozen(kw_only=True)
class _Keys:
    """What a file may say, in the order in which it is usual."""

    title: Title = ""
    design: str
    without: frozenset[str] = frozenset()
    busy_bitmap: str = "wait"
    bitmaps: str = "one"
    source: str = "own"
    connections: str = "one"
    properties: tuple[str, ...] = ()
    slow: bool = False
    bounds: Bounds = field(factory=Bounds)
    failures: Failures = field(factory=Failures)
    expect: Expectation = field(factory=Expectation)
    # what these may hold is told by ``own_properties``
    always: Any = field(factory=dict)
    reachable: Any = field(factory=dict)


def selects(words: tuple[str, ...], prop: Property) -> bool:
    """Whether one of ``words`` is its name, guarantee or kind."""
    return any(w in (prop.name, prop.guarantee, prop.kind) for w in words)


def guarantees(machine: Machine) -> list[str]:
    """The guarantees that the machine's properties speak of."""
    return sorted({p.guarantee for p in machine.properties if p.guarantee})


def shipped() -> dict[str, Path]:
    """The shipped configurations, by name, in order."""
    folder = Path(str(resources.files("model").joinpath("configs")))
    return {p.stem: p for p in sorted(folder.glob("*.toml"), key=_stem)}


def _stem(path: Path) -> str:
    return path.stem


def find(argument: str) -> Path:
    """The file that a command line argument means: a path or a name."""
    named = shipped().get(argument)
    return Path(argument) if named is None else named


def load(argument: str) -> Configuration:
    """Read a configuration by path or by the name of a shipped one.

    Raises ConfigurationError with one line that says what, where, and what
    is allowed.
    """
    if not argument.strip():
        raise ConfigurationError(
            f"'{argument}' is no configuration; 'dbmcheck list' shows those "
            "that are shipped"
        )
    path = find(argument)
    if not path.exists():
        raise ConfigurationError(
            f"{argument}: no such file, and no shipped configuration of that "
            "name; 'dbmcheck list' shows them"
            f"{meant(argument.removesuffix('.toml'), shipped())}"
        )
    return parse(read_text(path), path.stem, str(path))


def read_text(path: Path) -> str:
    """The text of a small UTF-8 file; ConfigurationError if it is none."""
    try:
        data = read_limited(path, MAX_FILE)
    except InputError as error:
        raise ConfigurationError(str(error)) from None
    if len(data) > MAX_FILE:
        raise ConfigurationError(
            f"{path}: larger than {MAX_FILE} bytes, no configuration"
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not a UTF-8 text file") from None


def parse(text: str, name: str, where: str) -> Configuration:
    """A configuration from TOML text; ``where`` names it in errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{where}: not TOML: {error}") from None
    except RecursionError:
        raise ConfigurationError(f"{where}: nested too deeply") from None
    except ValueError:
        # Python reads no number of more than some thousand digits
        raise ConfigurationError(f"{where}: {TOO_LONG}") from None
    if any(abs(number) > MAX_NUMBER for number in _numbers(table)):
        raise ConfigurationError(f"{where}: {TOO_LONG}")
    try:
        return from_table(table, name)
    except (ModelError, ConfigurationError, OwnPropertyError) as error:
        raise ConfigurationError(f"{where}: {error}") from None


def from_table(table: Mapping[str, Any], name: str) -> Configuration:
    """A configuration from the parsed table, of which a machine is made."""
    configuration = _described(table, name)
    configuration.machine()
    return configuration


def _numbers(value: object) -> Iterator[int]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _numbers(inner)
    elif isinstance(value, int):
        yield value


def listed() -> list[Configuration]:
    """The shipped configurations, as they are described: without machines."""
    return [
        _described(tomllib.loads(path.read_text("utf-8")), name)
        for name, path in shipped().items()
    ]


def _described(table: Mapping[str, Any], name: str) -> Configuration:
    try:
        given = structured(_Keys, table, TOML)
    except BadFileError as error:
        raise ConfigurationError(str(error)) from None
    if "properties" in table and not given.properties:
        raise ConfigurationError(
            "properties is [], which selects nothing; leave the key out to "
            "ask everything"
        )
    options = Options(
        **{key: getattr(given, key) for key in fields_dict(Options)}
    )
    return Configuration(
        name=name,
        options=options,
        title=given.title,
        properties=given.properties,
        own=own_properties.from_table(table),
        slow=given.slow,
        expect=given.expect,
    )


def as_toml(options: Options, own: Sequence[Own] = ()) -> str:
    """A configuration file for ``options``; only what is not the default.

    ``own``: properties that it asks as well.
    """
    lines = [f'design = "{options.design}"']
    lines += ["without = ["] if options.without else []
    lines += [f'    "{name}",' for name in sorted(options.without)]
    lines += ["]"] if options.without else []
    if options.busy_bitmap != "wait":
        lines.append(f'busy_bitmap = "{options.busy_bitmap}"')
    if options.bitmaps != "one":
        lines.append(f'bitmaps = "{options.bitmaps}"')
    if options.source != "own":
        lines.append(f'source = "{options.source}"')
    if options.connections != "one":
        lines.append(f'connections = "{options.connections}"')
    for section, given, usual in (
        ("bounds", options.bounds, Bounds()),
        ("failures", options.failures, Failures()),
    ):
        changed = {
            name: getattr(given, name)
            for name in fields_dict(type(given))
            if getattr(given, name) != getattr(usual, name)
        }
        if changed:
            lines.append(f"[{section}]")
        for name, value in changed.items():
            shown = f'"{value}"' if isinstance(value, str) else value
            lines.append(f"{name} = {shown}")
    return "\n".join(lines) + "\n" + own_properties.as_toml(own)


def options_table(options: Options) -> dict[str, Any]:
    """Options as plain data: what identifies a trace, and TOML's content."""
    return {
        "design": options.design,
        "without": sorted(options.without),
        "busy_bitmap": options.busy_bitmap,
        "bitmaps": options.bitmaps,
        "source": options.source,
        "connections": options.connections,
        "bounds": asdict(options.bounds),
        "failures": asdict(options.failures),
    }
