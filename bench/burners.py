"""Programs that want all of the processor, so that a bench shows what a busy machine does to a figure."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

BURN = "while True: pass"


@contextlib.contextmanager
def burners(count: int) -> Iterator[None]:
    """So many of them run, at the same priority and in the same session as the bench; they end with it."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-S", "-c", BURN]))
            stack.callback(process.kill)
        yield
