# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a model text noticed that looks at the size of its disk?

Each of the texts is a defect that goes wrong on some disks only, and that no
range of small disks need have.
"""

from __future__ import annotations

import pytest

from checker.proof.obligation import Outcome
from checker.proof.uniform import (
    READERS,
    looks,
    model_sources,
    text_is_uniform,
)

#: what stands in the model, and what a mistaken author might write there
EDITS = {
    "a chunk by its number": (
        "model/loader.py",
        "        arrived = stream.head_contents()\n",
        "        arrived = stream.head_contents()\n"
        "        if chunk.index == 3:\n"
        "            arrived = here.bits.contents(chunk)\n",
        "looks at the index",
    ),
    "a granule by its label": (
        "model/guest.py",
        "        single = world.single(granule)\n",
        "        single = world.single(granule)\n"
        "        if granule.label == '6':\n"
        "            single = single - single\n",
        "looks at the label",
    ),
    "how many chunks there are": (
        "model/switchover.py",
        '    if world.has("drain-at-stop"):\n',
        '    if world.has("drain-at-stop") and '
        "len(world.domain.chunks) < 4:\n",
        "does more with the chunks",
    ),
    "the last chunk": (
        "model/switchover.py",
        "    source, stream = world.source, world.stream\n",
        "    source, stream = world.source, world.stream\n"
        "    last = world.domain.chunks[-1]\n",
        "picks one of the chunks",
    ),
    "the bounds": (
        "model/switchover.py",
        '    if world.has("drain-at-stop"):\n',
        '    if world.has("drain-at-stop") and '
        "world.options.bounds.downtime < 2:\n",
        "reads the bounds",
    ),
    "the bounds, under another name": (
        "model/loader.py",
        "    here, stream = world.destination, world.stream\n",
        "    here, stream = world.destination, world.stream\n"
        "    limits = world.options.bounds\n",
        "reads the bounds",
    ),
}


def test_the_model_text_is_uniform() -> None:
    assert text_is_uniform().outcome is Outcome.PROVED


@pytest.mark.parametrize("name", EDITS)
def test_a_text_that_looks_at_sizes_is_refused(name: str) -> None:
    path, before, after, reason = EDITS[name]
    sources = model_sources()
    assert before in sources[path]
    edited = {**sources, path: sources[path].replace(before, after, 1)}
    shown = text_is_uniform(edited)
    assert shown.outcome is Outcome.REFUTED
    assert shown.detail.startswith(f"{path}, line ")
    assert reason in shown.detail


@pytest.mark.parametrize("reader", READERS)
def test_everybody_who_may_read_the_bounds_does(reader: str) -> None:
    """A name that nobody needs any more is to go."""
    path, function = reader.split()
    renamed = model_sources()[path].replace(f"def {function}(", "def other(")
    assert any("bounds" in found for found in looks({path: renamed}))


def test_a_function_inside_one_that_may_is_another() -> None:
    text = (
        "def create(options):\n"
        "    def inside():\n"
        "        return options.bounds\n"
        "    return options.bounds\n"
    )
    found = list(looks({"model/world.py": text}))
    assert found == ["model/world.py, line 3: reads the bounds"]
