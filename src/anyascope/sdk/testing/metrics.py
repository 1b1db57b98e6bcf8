"""Captures metrics: those of the SDK in a registry of their own, a service's own as what was added to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import REGISTRY, CollectorRegistry

from anyascope.sdk.metrics import AnyaMetrics
from anyascope.sdk.testing.records import CapturedSample

_OF_THE_PROCESS = ("python_", "process_")
_GROWING = frozenset(("counter", "histogram", "summary"))

Place = tuple[int, str, tuple[tuple[str, str], ...]]  # which registry, name and labels of a sample


class CapturedMetrics:
    """The samples of some registries, less what stood there when the capture began; after `freeze` as they were then."""

    def __init__(self, registries: tuple[CollectorRegistry, ...]) -> None:
        self._registries = registries
        self._before = {place: value for place, value, _ in self._read()}
        self._frozen: list[tuple[CapturedSample, bool]] | None = None

    def samples(self) -> list[CapturedSample]:
        """All that stand."""
        return [sample for sample, _ in self._judged()]

    def changed(self) -> list[CapturedSample]:
        """Those that the captured code made or changed, but for histograms' buckets and the process's own figures."""
        return [
            sample
            for sample, is_changed in self._judged()
            if is_changed and not sample.name.endswith("_bucket") and not sample.name.startswith(_OF_THE_PROCESS)
        ]

    def freeze(self) -> None:
        """Nothing changes from now on."""
        self._frozen = self._judged()

    def _judged(self) -> list[tuple[CapturedSample, bool]]:
        if self._frozen is not None:
            return self._frozen
        judged = []
        for place, value, is_growing in self._read():
            before = self._before.get(place)
            is_changed = value != before if before is not None else not is_growing or value > 0
            _, name, labels = place
            shown = value - (before or 0.0) if is_growing else value
            judged.append((CapturedSample(name, dict(labels), shown), is_changed))
        return judged

    def _read(self) -> Iterator[tuple[Place, float, bool]]:
        """Each registry's samples; a family that an earlier one has too is that one's."""
        known: set[str] = set()
        for number, registry in enumerate(self._registries):
            families = [family for family in registry.collect() if family.name not in known]
            known.update(family.name for family in families)
            for family in families:
                for sample in family.samples:
                    if not sample.name.endswith("_created"):
                        labels = tuple(sorted(sample.labels.items()))
                        yield (number, sample.name, labels), sample.value, family.type in _GROWING


@contextmanager
def captured_metrics() -> Iterator[CapturedMetrics]:
    """While this lasts `AnyaMetrics.global_()` is a fresh one, and growth of the process's own registry is seen."""
    own = CollectorRegistry()
    former = AnyaMetrics.swap_global(AnyaMetrics(own))
    captured = CapturedMetrics((own, REGISTRY))
    try:
        yield captured
    finally:
        captured.freeze()
        AnyaMetrics.swap_global(former)
