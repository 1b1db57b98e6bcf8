"""Keeps what dead processes counted, in one file a kind in the place of several a process.

`prometheus_client` leaves the files of each process for ever, and a scrape reads them all: a service whose workers are
replaced every few minutes has thousands within a day. Here a dead process's files are added to those of process 0, which
never lives, in four steps under a lock; whoever holds the lock next finishes what a crash left halfway:

1. the sum is written beside the archive (`.next`),
2. the dead process's file is set aside (`.merged`): from here on the sum counts,
3. the sum becomes the archive,
4. the file set aside is removed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import multiprocess
from prometheus_client.mmap_dict import MmapedDict

from anyascope.sdk.guard import guarded, quoted, report_misuse
from anyascope.sdk.metrics.directory import FILES_LOCK, LOCK_WITHIN_S, directory, held, stored

ARCHIVE_PID = 0
_ADDED = ("counter", "histogram", "summary", "gauge_sum")
_KEPT_LATEST = "gauge_mostrecent"
_KEPT_LARGEST = "gauge_max"
_KEPT_SMALLEST = "gauge_min"
_KINDS = (*_ADDED, _KEPT_LATEST, _KEPT_LARGEST, _KEPT_SMALLEST)  # `gauge_all` has a series a process, and stays


@guarded(None)
def bury(pid: int) -> None:
    """Take the gauges of a process that ended out of the page, and move its totals into the archive.

    Args:
        pid: of a process that lives no more; one that lives is left alone.
    """
    if not _is_pid(pid):
        report_misuse(f"bury() wants the id of a process, got {quoted(pid)}")
        return
    folder = directory()
    if folder is None or _is_alive(pid):
        return
    with held(folder, FILES_LOCK, within_s=LOCK_WITHIN_S) as is_alone:
        multiprocess.mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]  # prometheus_client left it so
        if is_alone:
            finish(folder)
            for kind in _KINDS:
                _archive(folder, kind, pid)


@guarded(None)
def clean_folder() -> None:
    """Remove what former runs left, unless another process that shares the folder lives."""
    folder = directory()
    if folder is None or not folder.is_dir():
        return
    files = list(_files_by_pid(folder))
    if any(pid not in (os.getpid(), ARCHIVE_PID) and _is_alive(pid) for _, pid in files):
        return
    for path, pid in files:
        if pid != os.getpid():
            path.unlink(missing_ok=True)
    for path in folder.glob("anyascope-push-*.json"):  # totals that begin anew are another instance's
        path.unlink(missing_ok=True)


def finish(folder: Path) -> None:
    """Finish what a process left halfway that was killed; the caller holds the lock `FILES_LOCK`."""
    for aside in folder.glob("*.db.merged"):
        kind = aside.name.removesuffix(".db.merged").rpartition("_")[0]
        archive = _path(folder, kind, ARCHIVE_PID)
        following = _beside(archive)
        if following.exists():
            following.replace(archive)
        aside.unlink(missing_ok=True)


def _archive(folder: Path, kind: str, pid: int) -> None:
    source, archive = _path(folder, kind, pid), _path(folder, kind, ARCHIVE_PID)
    if not source.exists():
        return
    following, aside = _beside(archive), source.with_name(f"{source.name}.merged")
    following.unlink(missing_ok=True)
    together = _together(kind, archive, source)
    if together:
        target = MmapedDict(str(following))  # type: ignore[no-untyped-call]  # prometheus_client left it so
        for key, (value, time_s) in together.items():
            target.write_value(key, value, time_s)  # type: ignore[no-untyped-call]  # see above
        target.close()  # type: ignore[no-untyped-call]  # see above
    source.replace(aside)
    if together:
        following.replace(archive)
    aside.unlink(missing_ok=True)


def _together(kind: str, *paths: Path) -> dict[str, tuple[float, float]]:
    together: dict[str, tuple[float, float]] = {}
    for path in paths:
        for key, value, time_s, _ in _read(path):
            known = together.get(key)
            together[key] = (value, time_s) if known is None else _joined(kind, known, (value, time_s))
    return together


def _joined(kind: str, first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    if kind == _KEPT_LATEST:
        return max(first, second, key=lambda pair: pair[1])
    if kind == _KEPT_LARGEST:
        return max(first, second)
    if kind == _KEPT_SMALLEST:
        return min(first, second)
    return first[0] + second[0], 0.0


def _read(path: Path) -> list[tuple[str, float, float, int]]:
    try:
        return list(stored(path))
    except FileNotFoundError:
        return []
    except Exception:  # noqa: BLE001  # left empty or torn by a process that was killed while it made it
        return []


def _path(folder: Path, kind: str, pid: int) -> Path:
    return folder / f"{kind}_{pid}.db"


def _beside(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.next")


def _files_by_pid(folder: Path) -> Iterator[tuple[Path, int]]:
    for path in folder.glob("*.db"):
        text = path.stem.rpartition("_")[2]
        if text.isdecimal():
            yield path, int(text)


def _is_pid(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > ARCHIVE_PID


def _is_alive(pid: int) -> bool:
    if pid == ARCHIVE_PID:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True
