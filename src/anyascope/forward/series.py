"""The series as a far end knows them: with external labels, relabelled, and encoded once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anyascope.forward.log import Entry, LabelsOf
from anyascope.forward.options import RemoteWrite
from anyascope.forward.tally import DROPPED_SERIES, NHCB_BY_V1, UNKNOWN_SERIES, Tally
from anyascope.model.labels import Labels, labels_of
from anyascope.model.metrics import Exemplar, HistogramSample
from anyascope.wire.prompb.outgoing import WireSeries
from anyascope.wire.relabel import relabel

KNOWN_MAX = 1_000_000  # series that are remembered, some 500 bytes each; all are forgotten past them


class SeriesBook:
    """Which series is sent as what, by its id; remembers all that were asked for."""

    def __init__(
        self,
        remote: RemoteWrite,
        external_labels: Labels,
        *,
        labels_of_ids: LabelsOf,
        has_custom_buckets: bool,
        tally: Tally,
        known_max: int = KNOWN_MAX,
    ) -> None:
        self._remote = remote
        self._external = dict(external_labels)
        self._labels_of_ids = labels_of_ids
        self._has_custom_buckets = has_custom_buckets
        self._tally = tally
        self._known_max = known_max
        self._known: dict[int, WireSeries | None] = {}

    def series_of(self, entry: Entry, order: NDArray[np.int64]) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
        """For each row of the entry in this order: its series (None where there is none), and whether it is sent."""
        ids: list[int] = entry.ids[order].tolist()
        found = self._look_up(ids, kind="histograms" if entry.others else "samples")
        series = np.empty(len(ids), np.object_)
        series[:] = found
        is_kept = np.ones(len(ids), np.bool_)
        if None in found:
            is_kept = np.fromiter((each is not None for each in found), np.bool_, len(ids))
        if entry.others:
            reasons = [self._reason(entry.others[row]) for row in order.tolist()]
            is_kept &= np.fromiter((reason is None for reason in reasons), np.bool_, len(ids))
        return series, is_kept

    def _look_up(self, ids: Sequence[int], *, kind: str) -> list[WireSeries | None]:
        found = list(map(self._known.get, ids))
        if None not in found:
            return found
        known = self._known
        missing = {number for number in ids if number not in known}
        if missing and len(known) + len(missing) > self._known_max:
            known.clear()
            missing = set(ids)
        unknown: set[int] = set()
        asked = list(missing)
        for number, labels in zip(asked, self._labels_of_ids(asked) if asked else (), strict=True):
            if labels is None:
                unknown.add(number)
            else:
                known[number] = self._sent_as(labels)
        found = list(map(known.get, ids))
        lost = sum(number in unknown for number in ids) if unknown else 0
        self._count(kind, UNKNOWN_SERIES, lost)
        self._count(kind, DROPPED_SERIES, found.count(None) - lost)
        return found

    def _sent_as(self, labels: Labels) -> WireSeries | None:
        pairs = {**self._external, **dict(labels)}
        kept = relabel(pairs, self._remote.write_relabel_rules) if self._remote.write_relabel_rules else pairs
        return WireSeries(labels_of(kept)) if kept else None

    def _reason(self, other: HistogramSample | Exemplar) -> str | None:
        """Why it is not sent; empty where it was not asked for, and None where it is sent."""
        if isinstance(other, Exemplar):
            return None if self._remote.send_exemplars else ""
        if not self._remote.send_native_histograms:
            return ""
        if other.custom_bounds and not self._has_custom_buckets:
            self._count("histograms", NHCB_BY_V1, 1)
            return NHCB_BY_V1
        return None

    def _count(self, kind: str, reason: str, number: int) -> None:
        if number:
            self._tally.dropped[kind].labels(self._remote.name, self._remote.shown_url, reason).inc(number)
