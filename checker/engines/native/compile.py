# SPDX-License-Identifier: GPL-2.0-or-later
"""LLVM's assembly language to machine code, with a cache of object files.

The cache is the directory ``dbmcheck`` under $XDG_CACHE_HOME or ~/.cache.
A file's name is a digest of all that decides its contents: the whole text,
the version of llvmlite, and the processor.  A file begins with a checksum, so
a damaged one is compiled again; a directory that cannot be written is not an
error.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import llvmlite
from llvmlite import binding

from checker.engines.native.assembly import Module

# of LLVM's passes only SROA pays: variables become registers; its standard
# pipeline takes six times longer and makes the search no faster
CODE_GENERATION = 2
# code that serves once is better made in half the time
CODE_GENERATION_ONCE = 0
_CHECKSUM = hashlib.sha256().digest_size
_ARGUMENTS = {"p": ctypes.c_void_p, "i": ctypes.c_uint64}
_library_numbers = count()
_keeps: ContextVar[bool] = ContextVar("keeps", default=True)


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
        """Call the function ``name`` and return its result, a word."""
        return int(self._functions[name](*arguments))


@contextlib.contextmanager
def nothing_kept() -> Iterator[None]:
    """Within, code is compiled anew, fast, and not stored: it serves once."""
    before = _keeps.set(False)
    try:
        yield
    finally:
        _keeps.reset(before)


def native_code(module: Module, functions: Mapping[str, str]) -> NativeCode:
    """Return the machine code of ``module``, compiled or from the cache.

    ``functions`` maps each exported function to its parameters, ``p`` for an
    address and ``i`` for a number.
    """
    text = module.text()
    if not _keeps.get():
        return NativeCode(_compiled(text), functions)
    path = cache_directory() / f"{_digest(text)}.o"
    image = _cached(path)
    if image is None:
        image = _compiled(text)
        _store(path, image)
    return NativeCode(image, functions)


@cache
def _session() -> Any:
    return binding.create_lljit_compiler(_target_machine(CODE_GENERATION))


@cache
def _target_machine(optimised: int) -> Any:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=_host_features(),
        opt=optimised,
    )


@cache
def _host_features() -> str:
    return str(binding.get_host_cpu_features().flatten())


def _compiled(text: str) -> bytes:
    machine = _target_machine(
        CODE_GENERATION if _keeps.get() else CODE_GENERATION_ONCE
    )
    module = binding.parse_assembly(text)
    builder = binding.create_pass_builder(
        machine, binding.create_pipeline_tuning_options(0)
    )
    for function in module.functions:
        if not function.is_declaration:
            passes = binding.create_new_function_pass_manager()
            passes.add_sroa_pass()
            passes.run(function, builder)
    return bytes(machine.emit_object(module))


def cache_directory() -> Path:
    """Return the folder of the object files; it need not exist."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base else Path.home() / ".cache"
    return root / "dbmcheck"


def _digest(text: str) -> str:
    parts = [
        text,
        str(CODE_GENERATION),
        llvmlite.__version__,
        binding.get_host_cpu_name(),
        _host_features(),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


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
