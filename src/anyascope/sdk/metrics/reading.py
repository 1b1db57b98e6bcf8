"""What all metrics say now: of this process, or in multiprocess mode of all processes that share the folder.

A collector or a file that cannot be read is told once and left out; the others are read all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from anyascope.sdk.guard import tell_once
from anyascope.sdk.metrics.archive import finish
from anyascope.sdk.metrics.directory import FILES_LOCK, LOCK_WITHIN_S, directory, held, stored
from anyascope.sdk.metrics.registries import collectors_of

READ_TRIES_MAX = 5  # of a folder in which files come and go while they are read
HEADER_BYTES = 8  # of a file; one that is shorter was left by a process that was killed while it made it


def read_all(registry: CollectorRegistry) -> list[Metric]:
    """Every family that a scrape of this registry shows."""
    folder = directory()
    return read_own(registry) if folder is None else read_folder(folder)


def read_own(registry: CollectorRegistry) -> list[Metric]:
    """The families of this process."""
    families: list[Metric] = []
    info = registry.get_target_info()
    if info:
        families.append(_target(info))
    for collector in collectors_of(registry):
        families.extend(_read(collector))
    return families


def read_apart(registry: CollectorRegistry) -> list[Metric]:
    """In multiprocess mode: the families of this process that do not live in files (those of custom collectors)."""
    return [
        family
        for collector in collectors_of(registry)
        if not isinstance(collector, MetricWrapperBase)
        for family in _read(collector)
    ]


def read_folder(folder: Path) -> list[Metric]:
    """The families of all processes that write into this folder, those that ended included."""
    with held(folder, FILES_LOCK, within_s=LOCK_WITHIN_S) as is_alone:
        if is_alone:
            finish(folder)
        return _read_files(folder)


def _read_files(folder: Path) -> list[Metric]:
    for _ in range(READ_TRIES_MAX):
        files = _files(folder)
        try:
            return merged(files)
        except FileNotFoundError:
            continue  # removed while we read: look again
        except Exception as error:  # noqa: BLE001  # a damaged file
            tell_once("reading the files of all processes", error)
            break
    return _read_one_by_one(folder)


def merged(files: list[str]) -> list[Metric]:
    """The families of these files together.

    Raises:
        FileNotFoundError: one of them is gone.
        Exception: of any other kind: one of them is damaged.
    """
    return list(MultiProcessCollector.merge(files, accumulate=True))  # type: ignore[no-untyped-call]  # prometheus_client left it so


def _read_one_by_one(folder: Path) -> list[Metric]:
    sound = []
    for file in _files(folder):
        try:
            for _ in stored(file):
                pass
            sound.append(file)
        except FileNotFoundError:
            continue
        except Exception as error:  # noqa: BLE001  # a damaged file must not hide the others
            tell_once(f"reading {Path(file).name}", error)
    try:
        return merged(sound)
    except Exception as error:  # noqa: BLE001  # one more was removed or damaged since
        tell_once("reading the files of all processes", error)
        return []


def _files(folder: Path) -> list[str]:
    """Files that hold something, as texts, oldest name first."""
    found = []
    for path in sorted(folder.glob("*.db")):
        try:
            if path.stat().st_size >= HEADER_BYTES:
                found.append(str(path))
        except FileNotFoundError:
            continue
    return found


def _read(collector: Any) -> Iterable[Metric]:
    try:
        families = list(collector.collect())
        if not all(isinstance(family, Metric) for family in families):
            raise TypeError("it gave what is no metric")  # noqa: TRY301  # told as any other fault of it
        return families
    except Exception as error:  # noqa: BLE001  # the host's own collector
        tell_once(f"collecting from {type(collector).__name__}", error)
        return ()


def _target(info: dict[str, str]) -> Metric:
    family = Metric("target", "Target metadata", "info")
    family.add_sample("target_info", info, 1)
    return family
