"""Memory that a large query took goes back to the operating system."""

from __future__ import annotations

import ctypes
import traceback
from collections.abc import Callable


def _find_trim() -> Callable[[int], int] | None:
    """Glibc's `malloc_trim`; other C libraries give memory back by themselves, or have no word for it."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    return trim


_TRIM = _find_trim()


def let_go(error: BaseException) -> None:
    """Free what the functions held through which an error came: somebody may keep the error, and they may be large."""
    found: BaseException | None = error
    while found is not None:
        traceback.clear_frames(found.__traceback__)
        found = found.__cause__ or found.__context__


def give_back() -> None:
    """Give free memory back. Takes some milliseconds of a thread that is not the event loop's."""
    if _TRIM is not None:
        _TRIM(0)
