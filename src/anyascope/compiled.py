"""Loops over arrays that numba compiles beside the program.

A kernel is an ordinary function over arrays. Whoever has a faster way for it asks `Kernel.ready`: it gives the compiled
function once there is one, and until then None, so that nothing ever waits for a compiler. The first large piece of work
wakes the `Workshop`, which compiles all kernels in a process of its own, keeps the results in a directory, and loads them;
the next start only loads. A server that never sees a large piece of work never loads numba.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Generic, ParamSpec, TypeVar

import structlog

P = ParamSpec("P")
R = TypeVar("R")

log = structlog.get_logger("anyascope.compiled")

WORTH_ELEMENTS = 20_000  # about a millisecond of numpy; programs that never have more to do are spared numba's 120 MB
COMPILE_S_MAX = 300.0  # all kernels take some ten seconds of one core; longer, and something hangs
NICE = 10  # what compiles gives way to what serves

_kernels: list[Kernel[Any, Any]] = []
_idle: set[Workshop] = set()  # wait for the first large piece of work


class Kernel(Generic[P, R]):
    """A loop that may be compiled.

    Attributes:
        plain: the loop as it is written; slow.
    """

    def __init__(self, plain: Callable[P, R], types: str, helpers: Sequence[Callable[..., Any]]) -> None:
        self.plain = plain
        self._types = types.split()
        self._helpers = helpers
        self._compiled: Callable[P, R] | None = None

    def ready(self, elements: int) -> Callable[P, R] | None:
        """The compiled loop, or None where there is none yet; `elements` is how much there is to do."""
        if self._compiled is None and elements >= WORTH_ELEMENTS:
            for workshop in tuple(_idle):
                workshop.wake()
        return self._compiled

    def build(self, numba: ModuleType, *, is_kept: bool) -> None:
        """Compile it, or load it where it was kept; from then on it is `ready`."""
        options = {"nogil": True, "error_model": "numpy", "cache": is_kept}
        assert isinstance(self.plain, FunctionType)
        # The helpers that a loop calls are compiled too, and stand in their place under the same names.
        scope = dict(self.plain.__globals__)
        for helper in self._helpers:
            assert isinstance(helper, FunctionType)
            own = FunctionType(helper.__code__, scope, helper.__name__)
            scope[helper.__name__] = numba.njit(error_model="numpy")(own)
        own = FunctionType(self.plain.__code__, scope, self.plain.__name__)
        own.__qualname__, own.__module__ = self.plain.__qualname__, self.plain.__module__
        signature = tuple(_type_of(name, numba) for name in self._types)
        self._compiled = numba.njit(signature, **options)(own)


def kernel(types: str, *helpers: Callable[..., Any]) -> Callable[[Callable[P, R]], Kernel[P, R]]:
    """Make a loop a kernel.

    Args:
        types: of its arguments, in order: `u1`, `i4`, `i8`, `f8` and `b1` are numbers, `f8[:]` an array of them (C order) that is
            read, `f8[:,:]!` one that is written.
        helpers: functions of the same module that it and they call.
    """

    def made(plain: Callable[P, R]) -> Kernel[P, R]:
        found = Kernel(plain, types, helpers)
        _kernels.append(found)
        return found

    return made


def _type_of(name: str, numba: ModuleType) -> Any:
    number, _, shape = name.rstrip("!").partition("[")
    found = getattr(
        numba.types, {"u1": "uint8", "i4": "int32", "i8": "int64", "f8": "float64", "b1": "boolean"}[number]
    )
    if not shape:
        return found
    return numba.types.Array(found, shape.count(":"), "C", readonly=not name.endswith("!"))


class Workshop:
    """Compiles all kernels once the first of them is wanted, on a thread of its own.

    Args:
        directory: where compiled kernels are kept; None keeps them nowhere. Whoever may write there may run code in this
            program, so that it must be ours alone.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._thread = threading.Thread(target=self._work, name="kernels", daemon=True)

    def start(self) -> None:
        """Wait for the first large piece of work."""
        _idle.add(self)

    def wake(self) -> None:
        """There is work: compile. Once is enough."""
        if self in _idle:
            _idle.discard(self)
            self._thread.start()

    def close(self) -> None:
        """Wait no longer; what is being compiled is left behind."""
        _idle.discard(self)

    def _work(self) -> None:
        try:
            directory = _private(self._directory) if self._directory is not None else None
            if directory is not None and not _mark_of(directory).exists():
                _compile_apart(directory)
            build_all(directory)
        except Exception:  # kernels are a gift, numpy does without; whatever a compiler raises
            log.exception("kernels_failed", consequence="queries go on without them, slower")


def build_all(directory: Path | None) -> None:
    """Compile or load every kernel of the modules that were imported."""
    import numba  # noqa: PLC0415 — 66 MB and 0.2 s that most programs do without

    if directory is not None:
        numba.config.CACHE_DIR = str(directory)  # type: ignore[attr-defined]
    for each in _kernels:
        each.build(numba, is_kept=directory is not None)
    if directory is not None:
        _mark_of(directory).touch()
    log.info("kernels_ready", kernels=len(_kernels))


def _compile_apart(directory: Path) -> None:
    """Compile in another process, which holds neither our lock nor our memory."""
    modules = sorted({each.plain.__module__ for each in _kernels})
    source = f"from anyascope.compiled import compile_modules; compile_modules({str(directory)!r}, {modules!r})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(  # noqa: S603 — our own interpreter and our own text
        [sys.executable, "-c", source],
        env=environment,
        stdin=subprocess.PIPE,  # which closes with this process, however it ends
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            process.wait(COMPILE_S_MAX)  # where it failed, this process compiles
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def compile_modules(directory: str, modules: Sequence[str]) -> None:
    """Compile the kernels of some modules into a directory."""
    os.nice(NICE)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for name in modules:
        importlib.import_module(name)
    build_all(Path(directory))


def _end_with_parent() -> None:
    """Nobody wants the kernels any longer when the program that asked for them is gone."""
    sys.stdin.read()
    os._exit(1)


def _mark_of(directory: Path) -> Path:
    """The file that says that the kernels, as their source is now, are there."""
    sources = sorted({Path(inspect.getfile(each.plain)) for each in _kernels})
    texts = b"".join(path.read_bytes() for path in sources)
    return directory / f"{hashlib.sha256(texts).hexdigest()[:16]}.{sys.implementation.cache_tag}"


def _private(directory: Path) -> Path | None:
    """The directory, made where it is not there; None where others may write to it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.stat()
    if found.st_uid == os.geteuid() and not found.st_mode & 0o022:
        return directory
    log.warning("kernels_not_kept", directory=str(directory), reason="others may write to the directory")
    return None
