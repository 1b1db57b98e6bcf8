"""What of metrics is let in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock
from anyascope.ingest.admit import Admitted
from anyascope.ingest.admit_metrics import MetricAdmission
from anyascope.ingest.options import AdmitOptions
from anyascope.ingest.tally import Reason, Tally
from anyascope.model.labels import Labels, labels_of, series_id
from anyascope.model.metadata import HELP_CHARS_MAX, UNIT_CHARS_MAX
from anyascope.model.metrics import (
    STALE_NAN,
    Exemplar,
    HistogramSample,
    MetricBatch,
    MetricMetadata,
    MetricType,
    Numbered,
    Numbers,
    SampleBatch,
)
from anyascope.redact.api import Redactor

NOW_MS = 1_700_000_000_000
FUTURE_MS = 600_000
SECRET = "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617"


def series(name: str = "up", **labels: str) -> Labels:
    return labels_of({"__name__": name, **labels})


def samples(*rows: tuple[Labels, int, float], increments: bool = False) -> MetricBatch:
    batch = SampleBatch.of(rows)
    if increments:
        batch = SampleBatch(
            batch.series, batch.series_ids, batch.rows, batch.times_ms, batch.values, np.ones(len(rows), np.bool_)
        )
    return MetricBatch(batch)


def rows_of(admitted: Admitted[MetricBatch]) -> list[tuple[Labels, int, float]]:
    batch = admitted.item.samples
    return [
        (batch.series[row], time_ms, value)
        for row, time_ms, value in zip(batch.rows.tolist(), batch.times_ms.tolist(), batch.values.tolist(), strict=True)
    ]


class Desk:
    def __init__(self, **options: Any) -> None:
        self.registry = CollectorRegistry()
        self.clock = ManualClock(NOW_MS * 1_000_000)
        self.admission = MetricAdmission(
            AdmitOptions(**options),
            redactor=Redactor(registry=self.registry),
            tally=Tally(registry=self.registry),
            clock=self.clock,
        )

    def admit(self, batch: MetricBatch, source: str = "otlp") -> Admitted[MetricBatch]:
        return self.admission.admit(batch, source=source)


def test_what_is_in_order_passes_unchanged() -> None:
    """The batch's own arrays go on to the store."""
    batch = samples((series(), NOW_MS, 1.0), (series(instance="b"), NOW_MS, 2.0))
    admitted = Desk().admit(batch)
    assert admitted.item.samples.values is batch.samples.values
    assert (admitted.rows, dict(admitted.refused)) == (2, {})


def test_impossible_times_are_refused_sample_by_sample() -> None:
    """Before 1970 and more than ten minutes ahead; the others are kept, at the bounds too."""
    admitted = Desk().admit(
        samples(
            (series("a"), 0, 1.0),
            (series("b"), NOW_MS + FUTURE_MS + 1, 2.0),
            (series("c"), NOW_MS + FUTURE_MS, 3.0),
            (series("d"), 1, 4.0),
        )
    )
    assert sorted(value for _, _, value in rows_of(admitted)) == [3.0, 4.0]
    assert admitted.refused == {Reason.TIME_IMPOSSIBLE: 1, Reason.TIME_FUTURE: 1}
    assert len(admitted.item.samples.series) == 2


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (series(**{f"l{n}": "x" for n in range(3)}), Reason.LABELS_COUNT),
        (series(**{"n" * 11: "x"}), Reason.LABEL_LENGTH),
        (series(a="v" * 21), Reason.LABEL_LENGTH),
        ((("a", "b"),), Reason.LABEL_INVALID),
        ((("", "b"), ("__name__", "up")), Reason.LABEL_INVALID),
        ((("__name__", "up"), ("a", "1"), ("a", "2")), Reason.LABEL_INVALID),
    ],
)
def test_a_series_past_a_limit_is_refused_with_all_its_samples(labels: Labels, reason: Reason) -> None:
    """Every time it comes, not only the first; the others of the batch are kept."""
    desk = Desk(labels_max=3, label_name_chars_max=10, label_value_chars_max=20)
    for _ in range(2):
        admitted = desk.admit(samples((labels, NOW_MS, 1.0), (series(), NOW_MS, 2.0), (labels, NOW_MS + 1, 3.0)))
        assert rows_of(admitted) == [(series(), NOW_MS, 2.0)]
        assert admitted.refused == {reason: 2}


def test_utf8_label_names_are_taken() -> None:
    """Prometheus 3 takes any UTF-8 as a label's name, and so do we."""
    labels = series(**{"höhe.über_null": "₿"})
    assert rows_of(Desk().admit(samples((labels, NOW_MS, 1.0)))) == [(labels, NOW_MS, 1.0)]


def test_a_source_has_a_limit_of_series() -> None:
    """Known series go on, new ones beyond the limit are refused and counted; other sources are not touched."""
    desk = Desk(series_max=2)
    first = samples(*((series(instance=str(n)), NOW_MS, 1.0) for n in range(3)))
    admitted = desk.admit(first)
    assert (admitted.rows, dict(admitted.refused)) == (2, {Reason.SERIES_LIMIT: 1})
    kept = [labels for labels, _, _ in rows_of(admitted)]
    assert desk.admit(samples(*((labels, NOW_MS + 1, 2.0) for labels in kept))).rows == 2
    assert desk.admit(first, source="scrape").rows == 2
    assert desk.registry.get_sample_value("anyascope_ingest_series", {"source": "otlp"}) == 2


def test_all_sources_together_have_a_limit_of_series() -> None:
    """Whoever sends the series that is too many is told so; known ones go on."""
    desk = Desk(series_max=3, series_total_max=3)
    two = samples(*((series(instance=str(n)), NOW_MS, 1.0) for n in range(2)))
    assert desk.admit(two).rows == 2

    admitted = desk.admit(two, source="scrape")

    assert (admitted.rows, dict(admitted.refused)) == (1, {Reason.SERIES_TOTAL: 1})
    assert desk.admit(two).rows == 2
    limits = {
        scope: desk.registry.get_sample_value("anyascope_ingest_series_limit", {"scope": scope})
        for scope in ("source", "total")
    }
    assert limits == {"source": 3, "total": 3}


async def test_series_that_fell_silent_make_room() -> None:
    """What said nothing for two periods no longer counts; what speaks on stays known."""
    desk = Desk(series_max=2, series_forgotten_after_s=60)
    desk.admit(samples((series(instance="old"), NOW_MS, 1.0), (series(instance="kept"), NOW_MS, 1.0)))
    for _ in range(2):
        await desk.clock.advance(61)
        desk.admit(samples((series(instance="kept"), NOW_MS, 1.0)))
    admitted = desk.admit(samples((series(instance="new"), NOW_MS, 1.0), (series(instance="kept"), NOW_MS, 1.0)))
    assert admitted.rows == 2


async def test_numbers_spare_a_look_and_change_nothing() -> None:
    """Series with numbers are admitted, limited and forgotten as those without."""
    desk, by = Desk(series_max=2, series_forgotten_after_s=60), Numbers()

    def numbered(*numbers: int) -> MetricBatch:
        batch = samples(*((series(instance=str(number)), NOW_MS, 1.0) for number in numbers)).samples
        return MetricBatch(replace(batch, numbered=Numbered(by, np.array(numbers))))

    for _ in range(3):
        assert desk.admit(numbered(0, 1)).rows == 2
        assert desk.admit(numbered(1, 2)).rows == 1
    await desk.clock.advance(61)
    assert desk.admit(numbered(1)).rows == 1
    assert desk.admit(numbered(2)).rows == 0, "number 0 still counts"
    await desk.clock.advance(61)
    assert desk.admit(numbered(1)).rows == 1
    assert desk.admit(numbered(1, 2)).rows == 2
    assert desk.registry.get_sample_value("anyascope_ingest_series", {"source": "otlp"}) == 2


def test_a_secret_label_is_stored_as_its_mark() -> None:
    """The series is kept under clean labels, the first time and every time after."""
    desk = Desk()
    secret, clean = series(key=SECRET), series(key="<redacted:wif>")
    for _ in range(2):
        admitted = desk.admit(samples((secret, NOW_MS, 1.0)))
        assert rows_of(admitted) == [(clean, NOW_MS, 1.0)]
        assert admitted.item.samples.series_ids.tolist() == [series_id(clean)]


def test_series_told_apart_by_secrets_alone_become_one() -> None:
    """Two keys in one label are one mark, hence one series."""
    admitted = Desk().admit(samples((series(password="one"), NOW_MS, 1.0), (series(password="two"), NOW_MS, 2.0)))
    assert len(admitted.item.samples.series) == 1
    assert admitted.rows == 2


def test_increments_become_running_totals() -> None:
    """A sender that reports what was added is stored as a counter that rises."""
    desk = Desk()
    totals = []
    for step, value in enumerate((5.0, 3.0, 0.5)):
        admitted = desk.admit(samples((series("signed_total"), NOW_MS + step, value), increments=True))
        totals += [value for _, _, value in rows_of(admitted)]
        assert admitted.item.samples.increments is None
    assert totals == [5.0, 8.0, 8.5]


def test_an_increment_that_is_sent_again_is_not_added_again() -> None:
    """A sender that did not hear our answer repeats itself: the total stays."""
    desk = Desk()
    for _ in range(2):
        admitted = desk.admit(samples((series("signed_total"), NOW_MS, 5.0), increments=True))
        assert rows_of(admitted) == [(series("signed_total"), NOW_MS, 5.0)]


def test_an_increment_that_comes_too_late_is_refused() -> None:
    """It belongs before a total that is already stored."""
    desk = Desk()
    desk.admit(samples((series("signed_total"), NOW_MS, 5.0), increments=True))
    admitted = desk.admit(samples((series("signed_total"), NOW_MS - 1, 1.0), increments=True))
    assert (admitted.rows, dict(admitted.refused)) == (0, {Reason.DELTA_ORDER: 1})


def test_a_stale_marker_ends_a_total() -> None:
    """The next increment begins a new one."""
    desk = Desk()
    values = (5.0, STALE_NAN, 2.0)
    for step, value in enumerate(values):
        admitted = desk.admit(samples((series("signed_total"), NOW_MS + step, value), increments=True))
    assert rows_of(admitted) == [(series("signed_total"), NOW_MS + 2, 2.0)]


def test_totals_are_bounded() -> None:
    """The least recently used total goes, and its series begins again."""
    desk = Desk(delta_series_max=1)
    desk.admit(samples((series("a"), NOW_MS, 5.0), increments=True))
    desk.admit(samples((series("b"), NOW_MS, 7.0), increments=True))
    admitted = desk.admit(samples((series("a"), NOW_MS + 1, 1.0), increments=True))
    assert rows_of(admitted) == [(series("a"), NOW_MS + 1, 1.0)]


def histogram(labels: Labels, time_ms: int = NOW_MS, **changed: Any) -> HistogramSample:
    values: dict[str, Any] = {"count": 2.0, "sum": 3.0, "schema": 0, "zero_threshold": 1e-128, "zero_count": 0.0}
    buckets = {"positive_spans": ((1, 1),), "positive_counts": (2.0,)}
    return HistogramSample(labels=labels, time_ms=time_ms, **{**values, **buckets, **changed})


def test_histograms_are_judged_like_samples() -> None:
    """Bad times and labels are refused one by one; secrets in labels are marked."""
    admitted = Desk(label_value_chars_max=60).admit(
        MetricBatch(
            histograms=(
                histogram(series("good")),
                histogram(series("early"), 0),
                histogram(series("long", a="x" * 61)),
                histogram(series("secret", key=SECRET)),
            )
        )
    )
    assert [dict(kept.labels) for kept in admitted.item.histograms] == [
        {"__name__": "good"},
        {"__name__": "secret", "key": "<redacted:wif>"},
    ]
    assert admitted.refused == {Reason.TIME_IMPOSSIBLE: 1, Reason.LABEL_LENGTH: 1}


def test_histograms_of_increments_add_up() -> None:
    """Counts, sums and buckets rise; repetitions are not added, late ones refused, a stale marker begins anew."""
    desk = Desk()
    steps = [(0, {}), (1, {}), (1, {}), (0, {}), (2, {"sum": STALE_NAN, "count": 0.0}), (3, {})]
    found = []
    for step, changed in steps:
        sample = histogram(series("fee"), NOW_MS + step, is_increment=True, **changed)
        admitted = desk.admit(MetricBatch(histograms=(sample,)))
        found += [(kept.count, kept.positive_counts, kept.is_increment) for kept in admitted.item.histograms]
    assert [count for count, _, _ in found] == [2.0, 4.0, 4.0, 0.0, 2.0]
    assert found[1][1] == (4.0,)
    assert not any(is_increment for _, _, is_increment in found)


def test_exemplars_go_with_their_series() -> None:
    """Those of refused series or times are dropped; labels are cleaned, and renamed series are followed."""
    good, secret, long = series("good"), series("secret", password="one"), series("long", a="x" * 61)
    batch = MetricBatch(
        samples=samples((good, NOW_MS, 1.0), (secret, NOW_MS, 1.0), (long, NOW_MS, 1.0)).samples,
        exemplars=(
            Exemplar(good, NOW_MS, 1.0, (("key", SECRET), ("trace_id", "ab"))),
            Exemplar(secret, NOW_MS, 2.0),
            Exemplar(long, NOW_MS, 3.0),
            Exemplar(good, 0, 4.0),
        ),
    )
    kept = Desk(label_value_chars_max=60).admit(batch).item.exemplars
    assert [(dict(exemplar.series), dict(exemplar.labels)) for exemplar in kept] == [
        ({"__name__": "good"}, {"key": "<redacted:wif>", "trace_id": "ab"}),
        ({"__name__": "secret", "password": "<redacted:name>"}, {}),
    ]


def test_metadata_of_any_length_is_cut_and_counted() -> None:
    """A page's help of megabytes is kept as far as it may be, without the secret in it, and its samples come in."""
    desk = Desk()
    entries = (
        MetricMetadata("up", MetricType.GAUGE, help=f"{SECRET} " + "x" * 5_000_000, unit="u" * 1_000),
        MetricMetadata("n" * 5_000, MetricType.GAUGE),
    )

    admitted = desk.admit(replace(samples((series(), NOW_MS, 1.0)), metadata=entries))

    assert (admitted.rows, dict(admitted.refused)) == (1, {})
    (kept,) = admitted.item.metadata
    assert kept.help.startswith("<redacted:wif> xxx")
    assert "more characters>" in kept.help
    assert len(kept.help) < HELP_CHARS_MAX + 50
    assert len(kept.unit) < UNIT_CHARS_MAX + 50
    assert admitted.size_bytes > len(kept.help)  # it counts where it waits
    counted = {
        what: desk.registry.get_sample_value("anyascope_ingest_cut_total", {"signal": "metrics", "what": what})
        for what in ("metadata_help", "metadata_unit", "metadata_name")
    }
    assert counted == {"metadata_help": 1, "metadata_unit": 1, "metadata_name": 1}


def test_metadata_is_cleaned_and_stored_without_samples() -> None:
    """A help text may hold a secret, too; metadata alone is worth a write."""
    entry = MetricMetadata("up", MetricType.GAUGE, help=f"is {SECRET} up")
    admitted = Desk().admit(MetricBatch(metadata=(entry, MetricMetadata("", MetricType.GAUGE))))
    assert admitted.item.metadata == (MetricMetadata("up", MetricType.GAUGE, help="is <redacted:wif> up"),)
    assert admitted.extras
    assert admitted.rows == 0
