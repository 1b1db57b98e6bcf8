"""Files whose disk gives no answer, as on a network mount that is gone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def hanging_file(path: Path) -> Iterator[Callable[[str], None]]:
    """A file whose opening hangs; what this gives ends that, and puts a file with a text in its place."""
    aside = path.with_suffix(".hanging")
    os.mkfifo(path)
    kept: list[int] = []

    def answer(text: str) -> None:
        path.rename(aside)
        path.write_text(text)
        # Open for both, so that this waits for nobody: whoever opens the pipe to read it has a writer now.
        kept.append(os.open(aside, os.O_RDWR))
        os.write(kept[0], text.encode())

    try:
        yield answer
    finally:
        if not kept:
            answer("")
        os.close(kept[0])
