# SPDX-License-Identifier: GPL-2.0-or-later
"""What a model text may use of Python: the language, and little beside it.

The text runs in a process of its own (``child``), so what it finds there
cannot depend on a size.  These rules keep it from finding more: no module
that leads to the operating system, to a clock or to a frame, and nothing that
changes what another module has defined, because the checker imports the
vocabulary of the text as well.
"""

from __future__ import annotations

import ast
import collections.abc
import enum
import typing
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import ModuleType

import attrs

import model.language
import model.variant
from model.texts.sources import Sources, numbered, place

#: modules that a text may import from, and those that it may import
MODULES: Mapping[str, ModuleType] = {
    "attrs": attrs,
    "collections.abc": collections.abc,
    "enum": enum,
    "typing": typing,
    "model.language": model.language,
}
#: of what is imported whole, and from the library, what a text may use:
#: nothing that evaluates a string or looks into other modules
LIBRARY: Mapping[str, frozenset[str]] = {
    "attrs": frozenset({"define", "evolve", "field", "frozen"}),
    "collections.abc": frozenset(
        {"Callable", "Iterable", "Iterator", "Mapping", "Sequence"}
    ),
    "enum": frozenset({"Enum"}),
    "typing": frozenset(
        {"Any", "Final", "Generic", "Literal", "Protocol", "Self", "TypeVar"}
    ),
}
#: of the modules with the numbers, what a text may know
WHOLE = frozenset({"attrs", "enum", "typing"})
NAMES = frozenset(
    {
        "__builtins__",
        "__import__",
        "__loader__",
        "__spec__",
        "breakpoint",
        "compile",
        "delattr",
        "dir",
        "eval",
        "exec",
        "getattr",
        "globals",
        "hash",
        "id",
        "input",
        "locals",
        "memoryview",
        "open",
        "print",
        "setattr",
        "vars",
    }
)
#: attributes of frames, code and generators
FRAMES = ("f_", "tb_", "gi_", "cr_", "ag_", "co_")
#: what a size would show in
SIZES = frozenset(
    {
        "width",
        "capacity",
        "set_width",
        "chunk_set_width",
        "contents_width",
        "position_width",
        "position_limit",
        "position_starts",
        "chunk_width",
        "chunk_limit",
        "expression",
        "bounds",
    }
)
_READERS = ("model.texts", "model.options", "model.designs")


@lru_cache(maxsize=4)
def why_refused(sources: Sources) -> str:
    """The first place where the text uses what it may not, or ''.

    It is the same for every variant, so it is asked once.
    """
    for name, text in numbered(sources):
        try:
            tree = ast.parse(text)
        except SyntaxError as error:
            return f"{place(name, error.lineno or 0)}: {error.msg}"
        for line, reason in _refused(tree, sources):
            return f"{place(name, line)}: {reason}"
    return ""


def _refused(tree: ast.Module, sources: Sources) -> Iterator[tuple[int, str]]:
    """Line and reason of each thing that is not allowed."""
    nodes = list(ast.walk(tree))
    modules = {
        alias.name
        for node in nodes
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    bases = {
        id(node.value) for node in nodes if isinstance(node, ast.Attribute)
    }
    for node in nodes:
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Import():
                reason = _why_no_import(node)
            case ast.ImportFrom():
                reason = _why_not_from(node, sources)
            case ast.Attribute():
                reason = _why_no_attribute(node, modules)
            case ast.Name(id=name):
                reason = _why_no_name(name)
                if name in modules and id(node) not in bases:
                    reason = f"module {name} is used as a value"
            case ast.MatchClass(kwd_attrs=named):
                found = [_why_no_part(n) for n in named]
                reason = next((r for r in found if r), "")
            case ast.Global() | ast.Nonlocal() | ast.Delete():
                reason = "changes what is defined elsewhere"
            case _:
                reason = ""
        if reason:
            yield line, reason


def _why_no_import(node: ast.Import) -> str:
    for alias in node.names:
        if alias.name not in WHOLE or alias.asname:
            allowed = ", ".join(sorted(WHOLE))
            return (
                f"imports {alias.name}; a text may import {allowed}, and "
                f"from {', '.join(sorted(MODULES))} and its own modules"
            )
    return ""


def _why_not_from(node: ast.ImportFrom, sources: Sources) -> str:
    name = node.module or ""
    if name == "__future__":
        return ""
    public: object = None
    if name in LIBRARY and not node.level:
        public = sorted(LIBRARY[name])
    elif name in MODULES and not node.level:
        public = MODULES[name].__all__
    elif name in sources.files and not node.level:
        public = [a.name for a in node.names if a.name not in (*WHOLE, "*")]
    elif name == "model.variant":
        public = model.variant.__all__
    if public is None:
        return (
            f"imports from {'.' * node.level}{name}; a text may import from "
            f"{', '.join(sorted(MODULES))} and its own modules"
        )
    assert isinstance(public, list | tuple)
    for alias in node.names:
        if alias.name.startswith("_") or alias.name not in public:
            return f"imports {alias.name} from {name}, which is not public"
    return ""


def _why_no_attribute(node: ast.Attribute, modules: set[str]) -> str:
    if not isinstance(node.ctx, ast.Load):
        return f"sets .{node.attr} of what is defined elsewhere"
    if (
        isinstance(node.value, ast.Name)
        and node.value.id in modules
        and node.attr not in LIBRARY[node.value.id]
    ):
        return f"uses {node.value.id}.{node.attr}, which is not public"
    own = isinstance(node.value, ast.Name) and node.value.id == "self"
    if own and node.attr.startswith("_") and node.attr[1:2] != "_":
        return ""
    return _why_no_part(node.attr)


def _why_no_part(name: str) -> str:
    if name.startswith(("_", *FRAMES)):
        return f"looks at .{name}, which is not the language's"
    if name in SIZES:
        return f"looks at .{name}, which depends on a size"
    return ""


def _why_no_name(name: str) -> str:
    dunder = name.startswith("__") and name != "__name__"
    if dunder or name in NAMES:
        return f"uses {name}, which a text has no use for"
    return ""
