# SPDX-License-Identifier: GPL-2.0-or-later
"""The text runs where there is no size; the checker runs no text."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from model.design import DESIGNS
from model.language import ModelError
from model.language.schema import as_text
from model.texts import Schema, current, kept, run, schema_of
from model.texts.child import module_of
from model.texts.process import Run, Server, server
from model.texts.sources import Sources, shipped
from model.variant import Variant
from tests.schema.twin import DESIGN, TWIN

LOOKS = """
import os, sys
from model.language import ModelError
def build(options):
    raise ModelError(repr((
        sys.argv, dict(os.environ), os.getcwd(), sys.stdin.read(), sys.path[0]
    )))
"""


def test_the_process_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No argument, no environment, no folder: nothing a size could be in."""
    monkeypatch.setenv("SIZE", "5")
    monkeypatch.setattr(sys, "argv", ["dbmcheck", "check", "five-chunks.toml"])
    monkeypatch.setattr("model.texts.process.why_refused", lambda _: "")
    sources = Sources({module_of(DESIGN): LOOKS})
    with pytest.raises(ModelError) as raised:
        Run(Variant(design=DESIGN), sources).text()
    said = str(raised.value)
    assert "(['-c'], {" in said
    assert "SIZE" not in said and "HOME" not in said and "five" not in said
    assert ", '/', ''," in said


def test_what_is_looked_at_is_what_is_run() -> None:
    """No other text, from a folder or from a compiled file, comes in."""
    found = run(
        Variant(design=DESIGN), sources=Sources({module_of(DESIGN): TWIN})
    )[0]
    (prop, *_) = found.term.properties
    assert prop.name == "NothingLost"


def test_a_text_may_print_and_read_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("model.texts.process.why_refused", lambda _: "")
    text = TWIN.replace("#before\n", "print('{\"schema\": 1}')\n")
    (found,) = run(
        Variant(design=DESIGN), sources=Sources({module_of(DESIGN): text})
    )
    assert found.term.properties


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import os\nos._exit(3)", "the model text made nothing: ended 3"),
        ("raise SystemExit('gone')", "the model text made nothing: gone"),
        ("def build(_): return build(_)", "RecursionError"),
        ("", "AttributeError"),
    ],
)
def test_a_text_that_ends_its_process(
    text: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.texts.process.why_refused", lambda _: "")
    with pytest.raises(ModelError) as raised:
        run(Variant(design=DESIGN), sources=Sources({module_of(DESIGN): text}))
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "looks",
    [
        "import io\nio.open('/proc/self/status')",
        "import os\nos.listdir('/proc')",
        "import subprocess\nsubprocess.run(['ps'])",
        "import socket\nsocket.socket().bind(('', 0))",
        "import gc\ngc.get_objects()",
    ],
)
def test_a_text_that_looks_outside(
    looks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one whose source was not refused: a process may be listed."""
    monkeypatch.setattr("model.texts.process.why_refused", lambda _: "")
    with pytest.raises(ModelError) as raised:
        run(
            Variant(design=DESIGN), sources=Sources({module_of(DESIGN): looks})
        )
    assert "looks outside of the model: " in str(raised.value)


def test_the_checker_runs_no_text() -> None:
    """Machines are made, and no module of the text but tables is there."""
    code = (
        "import sys, pkgutil, importlib, checker\n"
        "from model.designs import build\n"
        "from model.options import Options\n"
        f"for design in {DESIGNS!r}: build(Options(design=design))\n"
        "for found in pkgutil.walk_packages(checker.__path__, 'checker.'):\n"
        "    if found.name != 'checker.__main__':\n"
        "        importlib.import_module(found.name)\n"
        "print(' '.join(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    here = set(done.stdout.split()) & set(shipped().files)
    assert here == {
        "model.guarantees",
        "model.design",
        "model.mechanism",
        "model.mechanisms",
        "model.mechanisms_loading",
        "model.mechanisms_sending",
        "model.scope",
        "model.vocabulary",
    }


def test_what_the_checker_imports_is_tables() -> None:
    """Of those no function makes an action."""
    tables = (
        "design",
        "guarantees",
        "mechanism",
        "mechanisms",
        "mechanisms_loading",
        "mechanisms_sending",
        "scope",
        "vocabulary",
    )
    for name in tables:
        text = shipped().files[f"model.{name}"]
        assert "MachineBuilder" not in text
        assert ".action(" not in text


# -- what is kept ----------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "dbmcheck"


def test_a_schema_is_kept(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant = Variant(design=DESIGN)
    schema_of.cache_clear()
    first = schema_of(variant)
    (path,) = cache.iterdir()
    schema_of.cache_clear()

    def no_run(*_: object) -> None:
        raise AssertionError("it was run again")

    monkeypatch.setattr("model.texts.process.server", no_run)
    again = schema_of(variant)
    assert again is not first
    assert again.digest == first.digest
    schema_of.cache_clear()
    data = path.read_bytes()
    for damaged in (b"", data[:-1], data.replace(b"and", b"or", 1)):
        path.write_bytes(damaged)
        with pytest.raises(AssertionError, match="run again"):
            schema_of(variant)


def test_a_schema_under_anothers_name_is_not_used(cache: Path) -> None:
    here, there = Variant(design="live"), Variant(design="postcopy")
    schema_of.cache_clear()
    first = schema_of(here).digest
    (path,) = cache.iterdir()
    schema_of(there)
    (other,) = set(cache.iterdir()) - {path}
    other.write_bytes(path.read_bytes())
    schema_of.cache_clear()
    assert schema_of(there).digest != first
    schema_of.cache_clear()


def test_other_files_have_another_schema(cache: Path) -> None:
    here = current()
    changed = Sources({**here.files, "model.more": "\n"}, here.readers)
    assert changed.digest != here.digest
    kept.store("key", "text")
    assert kept.find("key") == b"text"
    assert kept.find("other") is None


def test_a_cache_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dbmcheck").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept.store("key", "text")
    assert kept.find("key") is None
    schema_of.cache_clear()
    assert schema_of(Variant(design=DESIGN)).digest


def test_a_digest_does_not_depend_on_the_process() -> None:
    variant = Variant(design=DESIGN)
    here = schema_of(variant)
    again = Schema.read(as_text(here.term))
    runs = run(variant, times=2)
    assert {r.digest for r in (*runs, again)} == {here.digest}
    assert json.loads(as_text(here.term))["dbmcheck-schema"] == 1


def test_a_forked_text_makes_what_a_new_process_makes() -> None:
    """Also after the texts of other designs."""
    here = current()
    served = Server()
    try:
        for design in DESIGNS:
            variant = Variant(design=design)
            forked = Schema.read(served.text(variant, here))
            anew = Schema.read(Run(variant, here).text())
            assert forked.digest == anew.digest
    finally:
        served.close()


def test_a_server_that_has_died_is_replaced() -> None:
    here, variant = current(), Variant(design=DESIGNS[0])
    first = server()
    first.close()
    assert server() is not first
    assert Schema.read(server().text(variant, here)).digest
