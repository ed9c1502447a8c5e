# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the model text look at the size of its disk?

The lemmas carry a step to every size because guards and effects are written
in operations whose meaning is known for every size.  A Python branch on a
size, or on the number of a chunk, would be another text for another disk, and
no lemma speaks of that.  So the text itself is read: outside the language it
must not look at the number of a granule or chunk, count or pick those of the
domain, or read the bounds, but for the functions named here.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path

from checker.proof.obligation import Outcome, Shown

#: who may read the bounds, and why a proof for every size need not mind
READERS: Mapping[str, str] = {
    "model/world.py create": "makes the disk, the channel and the budgets",
    "model/guest.py may_write": "holds the guest back: it may do less",
    "model/management.py may_be_in_doubt": "whether an action is declared",
    "model/management.py breaks_after_stop": "whether an action is declared",
    "model/management.py breaks_after_run": "whether an action is declared",
    "model/designs/live.py _declare": "the throttle's counter, see may_write",
    "model/designs/live.py _little_is_pending": "a limit: open, so any limit",
    "model/designs/live.py _add_passes": "whether an action is declared",
    "model/designs/live.py _add_send_chunk": "the throttle, see may_write",
}
_NUMBERS = frozenset({"index", "label"})
_PARTS = frozenset({"chunks", "granules"})
Sources = Mapping[str, str]


def model_sources() -> dict[str, str]:
    """The files of the model, name and content.

    But for the language, and for the options, which declare the sizes.
    """
    found = importlib.util.find_spec("model")
    assert found is not None and found.origin is not None
    root = Path(found.origin).parent
    return {
        str(path.relative_to(root.parent)): path.read_text("utf-8")
        for path in sorted(root.rglob("*.py"))
        if "language" not in path.parts and path.name != "options.py"
    }


def looks(sources: Sources) -> Iterator[str]:
    """Where the text looks at sizes: file, line and what it does there."""
    for name, text in sources.items():
        for scope, node in _scopes(ast.parse(text), ()):
            place = f"{name} {'.'.join(scope)}".strip()
            reason = "" if place in READERS else _reason(node)
            if reason:
                line = getattr(node, "lineno", 0)
                yield f"{name}, line {line}: {reason}"


def _scopes(
    node: ast.AST, scope: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], ast.AST]]:
    """Every node below, with the names of what it is defined in."""
    for child in ast.iter_child_nodes(node):
        inner = scope
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inner = (*scope, child.name)
        yield scope, child
        yield from _scopes(child, inner)


def _reason(node: ast.AST) -> str:
    """What is wrong with one node, or ''."""
    if isinstance(node, ast.Attribute):
        if node.attr in _NUMBERS:
            return f"looks at the {node.attr} of a granule or chunk"
        if node.attr == "bounds":
            return "reads the bounds"
    if isinstance(node, ast.Subscript) and _is_part(node.value):
        return "picks one of the chunks or granules"
    if isinstance(node, ast.Call) and any(map(_is_part, node.args)):
        return "does more with the chunks or granules than go over them"
    return ""


def _is_part(node: ast.AST) -> bool:
    """Whether it is the chunks or granules of a domain."""
    return isinstance(node, ast.Attribute) and node.attr in _PARTS


def text_is_uniform(sources: Sources | None = None) -> Shown:
    """That nothing but the functions named above looks at sizes."""
    found = next(looks(sources or model_sources()), "")
    if found:
        return Shown(Outcome.REFUTED, 0, found)
    return Shown(Outcome.PROVED)
