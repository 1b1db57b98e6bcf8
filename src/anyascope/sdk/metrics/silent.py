"""Stands where a metric could not be made: the host's calls go on, and nothing is counted."""

from __future__ import annotations

from typing import Any


class SilentMetric:
    """Takes every call that a counter, gauge or histogram takes."""

    def labels(self, *_values: object, **_named: object) -> SilentMetric:
        """Itself."""
        return self

    def inc(self, amount: float = 1, exemplar: dict[str, str] | None = None) -> None:
        """Nothing."""

    def dec(self, amount: float = 1) -> None:
        """Nothing."""

    def set(self, value: float) -> None:
        """Nothing."""

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._nothing

    def _nothing(self, *_given: object, **_named: object) -> None:
        return None
