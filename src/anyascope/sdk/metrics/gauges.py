"""Gauges that mean the same in one process and in several (`prometheus_client`'s multiprocess mode).

In that mode each process writes its own file, and a scrape merges them. `prometheus_client` offers a sum, which nobody can
set, and a most recent value, which nobody can raise.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from prometheus_client import Gauge
from prometheus_client.mmap_dict import mmap_key

from anyascope.sdk.metrics.directory import FILES_LOCK, directory, entries, held

SET_WITHIN_S = 0.05  # a process that is stopped while it sets a gauge holds the others up no longer


class LatestGauge(Gauge):
    """A reading of something outside: what any process read last is the value."""

    def __init__(self, name: str, documentation: str, labelnames: Any = (), **options: Any) -> None:
        options["multiprocess_mode"] = "mostrecent"
        super().__init__(name, documentation, labelnames, **options)

    def inc(self, amount: float = 1) -> None:
        """Raise what this process read last."""
        self._raise_if_not_observable()  # type: ignore[no-untyped-call]  # prometheus_client left it so
        if self._value._multiprocess:  # noqa: SLF001  # prometheus_client's own way to tell
            self.set(self._value.get() + amount)
        else:
            self._value.inc(amount)

    def dec(self, amount: float = 1) -> None:
        """Lower what this process read last."""
        self.inc(-amount)


class SharedGauge(Gauge):
    """One number that all processes raise and lower; what a process did stays when it ends.

    Each process keeps its own part, and the value is the sum of the parts. `set` makes the sum what was asked for, by reading
    the others' parts: some hundred microseconds in multiprocess mode.
    """

    def __init__(self, name: str, documentation: str, labelnames: Any = (), **options: Any) -> None:
        options["multiprocess_mode"] = "sum"
        super().__init__(name, documentation, labelnames, **options)

    def set(self, value: float) -> None:
        """Make it `value`, whatever this process and others have added to it so far."""
        self._raise_if_not_observable()  # type: ignore[no-untyped-call]  # prometheus_client left it so
        folder = directory() if self._value._multiprocess else None  # noqa: SLF001  # see above
        if folder is None:
            self._value.set(float(value))
            return
        with held(folder, FILES_LOCK, within_s=SET_WITHIN_S):
            self._value.set(float(value) - self._of_others(folder))

    def _of_others(self, folder: Path) -> float:
        key = mmap_key(self._name, self._name, list(self._labelnames), list(self._labelvalues), self._documentation)
        ours = f"gauge_sum_{os.getpid()}.db"
        others = (path for path in folder.glob("gauge_sum_*.db") if path.name != ours)
        return sum(value for path in others for found, value in entries(path) if found == key)
