"""Kernels as numba compiles them: each is compiled once a process, for all modules of tests that try it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

from anyascope.compiled import Kernel

_made: dict[Kernel[Any, Any], Callable[..., Any]] = {}


def compiled_loop(kernel: Kernel[Any, Any]) -> Callable[..., Any]:
    """The compiled loop; the kernel itself stays as it was."""
    if kernel not in _made:
        before = kernel._compiled
        kernel.build(numba, is_kept=False)
        assert kernel._compiled is not None
        _made[kernel], kernel._compiled = kernel._compiled, before
    return _made[kernel]
