"""The folder of `prometheus_client`'s multiprocess mode: which it is, what a file in it says, and a lock across processes."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
ASK_EVERY_S = 0.002  # while another process holds the lock, which it does for a millisecond
FILE_MODE = 0o600
FILES_LOCK = "files"  # held while files are read together, moved, or set against each other
LOCK_WITHIN_S = 1.0  # a reading or an archiving takes milliseconds

_open_locks: set[int] = set()


def is_multiprocess() -> bool:
    """Whether metrics that are made from now on live in files that several processes share."""
    return bool(getattr(values.ValueClass, "_multiprocess", False))


def directory() -> Path | None:
    """The folder of those files; None outside of multiprocess mode."""
    if not is_multiprocess():
        return None
    named = os.environ.get(DIRECTORY_VARIABLE) or os.environ.get(DIRECTORY_VARIABLE.lower())
    return Path(named) if named else None


def entries(path: Path) -> Iterator[tuple[str, float]]:
    """(key, value) of a file; nothing where it is gone, empty or damaged."""
    try:
        for key, value, *_ in stored(path):
            yield key, value
    except Exception:  # noqa: BLE001  # another process removes it, or died while it made it
        return


def stored(path: Path | str) -> Iterable[tuple[str, float, float, int]]:
    """(key, value, time, position) of a file.

    Raises:
        Exception: of any kind, while it is read: the file is gone, empty or damaged.
    """
    found: Iterable[tuple[str, float, float, int]] = MmapedDict.read_all_values_from_file(str(path))  # type: ignore[no-untyped-call]  # prometheus_client left it so
    return found


@contextlib.contextmanager
def held(folder: Path, name: str, *, within_s: float) -> Iterator[bool]:
    """Whether this process alone holds the lock of that name until the block ends.

    Args:
        folder: of the processes that share the lock.
        name: what it guards.
        within_s: how long to wait for it; 0 for one attempt.
    """
    descriptor = _lock(folder / f"anyascope-{name}.lock", within_s)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            _unlock(descriptor)


def forget_locks() -> None:
    """In a forked child: its copies of the parent's locks must not outlive the parent."""
    for descriptor in list(_open_locks):
        _open_locks.discard(descriptor)
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _lock(path: Path, within_s: float) -> int | None:
    deadline_s = time.monotonic() + within_s
    try:
        import fcntl  # noqa: PLC0415  # Windows has none, and no fork either

        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except (ImportError, OSError):
        return None
    _open_locks.add(descriptor)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= deadline_s:
                _unlock(descriptor)
                return None
            time.sleep(ASK_EVERY_S)
        else:
            return descriptor


def _unlock(descriptor: int) -> None:
    import fcntl  # noqa: PLC0415  # see above

    _open_locks.discard(descriptor)
    with contextlib.suppress(OSError):
        # By name, not by closing alone: a child that was forked meanwhile holds a copy.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    with contextlib.suppress(OSError):
        os.close(descriptor)
