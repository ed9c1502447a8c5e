# SPDX-License-Identifier: GPL-2.0-or-later
"""LLVM IR to machine code in this process, with a cache of object files.

The cache is the directory ``dbmcheck`` under $XDG_CACHE_HOME or ~/.cache.
A file's name is a digest of all that decides its contents: what is compiled,
the sources that write the IR, the version of llvmlite and the processor.  A
file begins with a checksum, so a damaged one is compiled again; a directory
that cannot be written is no error.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import llvmlite
from llvmlite import binding  # type: ignore[import-untyped] # ships no types

OPTIMISATION = 2
_CHECKSUM = hashlib.sha256().digest_size
_SOURCES = (
    "compile",
    "emit",
    "expansion",
    "exploration",
    "kernel",
    "layout",
    "routine",
    "steps",
    "table",
)
_ARGUMENTS = {"p": ctypes.c_void_p, "i": ctypes.c_uint64}
_library_numbers = count()


class NativeCode:
    """Functions of one compiled module; they live as long as this object.

    A call releases Python's global lock.
    """

    def __init__(self, image: bytes, functions: Mapping[str, str]) -> None:
        library = binding.JITLibraryBuilder().add_object_img(image)
        # LLVM may turn a loop into a call of the C library's memset
        library.add_current_process()
        for name in functions:
            library.export_symbol(name)
        unique = f"dbmcheck-{next(_library_numbers)}"
        self._tracker = library.link(_session(), unique)
        self._functions: dict[str, Any] = {}
        for name, arguments in functions.items():
            kinds = [_ARGUMENTS[a] for a in arguments]
            prototype = ctypes.CFUNCTYPE(ctypes.c_uint64, *kinds)
            self._functions[name] = prototype(self._tracker[name])

    def call(self, name: str, *arguments: int) -> int:
        """The result of the function ``name``; addresses are integers."""
        return int(self._functions[name](*arguments))


def native_code(
    key: str, write: Callable[[], Any], functions: Mapping[str, str]
) -> NativeCode:
    """Machine code of the module that ``write`` returns.

    ``key`` names what is compiled; ``write`` is only called if the cache has
    nothing under it.  ``functions`` maps each exported function to its
    parameters, ``p`` for an address and ``i`` for a number.
    """
    path = _cache_directory() / f"{_digest(key)}.o"
    image = _cached(path)
    if image is None:
        image = _compiled(str(write()))
        _store(path, image)
    return NativeCode(image, functions)


@cache
def _session() -> Any:
    return binding.create_lljit_compiler(_target_machine())


@cache
def _target_machine() -> Any:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=OPTIMISATION,
    )


def _compiled(text: str) -> bytes:
    machine = _target_machine()
    module = binding.parse_assembly(text)
    options = binding.create_pipeline_tuning_options(OPTIMISATION)
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def _cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base else Path.home() / ".cache"
    return root / "dbmcheck"


def _digest(key: str) -> str:
    parts = [
        key,
        _sources_digest(),
        llvmlite.__version__,
        binding.get_host_cpu_name(),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@cache
def _sources_digest() -> str:
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for name in _SOURCES:
        digest.update((here / f"{name}.py").read_bytes())
    return digest.hexdigest()


def _cached(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    checksum, image = data[:_CHECKSUM], data[_CHECKSUM:]
    return image if hashlib.sha256(image).digest() == checksum else None


def _store(path: Path, image: bytes) -> None:
    """Write whole or not at all, also when two processes write at once."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(image).digest() + image)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
