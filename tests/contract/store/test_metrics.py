"""What every store of metrics does."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from anyascope.errors import InvalidInputError, LimitExceededError
from anyascope.model.metrics import (
    STALE_NAN,
    STALE_NAN_BITS,
    Exemplar,
    HistogramSample,
    MetricBatch,
    MetricMetadata,
    MetricType,
    SampleBatch,
)
from anyascope.store import families
from anyascope.store.api.metrics import Selection
from anyascope.store.api.retention import RetentionPolicy
from support.telemetry import FOREVER_MS, NOW_MS, labels, matchers, samples, selected

UP_A, UP_B, UP_NONE = labels("up", job="a"), labels("up", job="b"), labels("up")
OLD_MS = NOW_MS - 3 * 3_600_000  # three hours ago: beyond what lives in memory


async def write(store, *rows, token=""):
    await store.metrics.write_metrics(samples(*rows), token=token)


@pytest.mark.parametrize("at_ms", [OLD_MS, NOW_MS])
async def test_samples_come_back(store, at_ms):
    """A sample is given out as it was written, be it old or new."""
    await write(store, (UP_A, at_ms, 1.5), (UP_B, at_ms + 1, -0.0))

    assert await selected(store, "__name__=up") == {UP_A: [(at_ms, 1.5)], UP_B: [(at_ms + 1, -0.0)]}


@pytest.mark.parametrize("at_ms", [OLD_MS, NOW_MS])
async def test_bits_survive(store, at_ms):
    """Staleness markers, other NaN, infinities and the sign of zero keep their bits."""
    bits = [STALE_NAN_BITS, 0x7FF8000000000001, 0xFFF8000000000000, 0x8000000000000000, 0x7FF0000000000000, 1]
    values = np.array(bits, np.uint64).view(np.float64)
    times = np.arange(at_ms, at_ms + len(bits), dtype=np.int64)
    ids = SampleBatch.of([(UP_A, 0, 0.0)]).series_ids
    batch = SampleBatch((UP_A,), ids, np.zeros(len(bits), np.uint32), times, values)
    await store.metrics.write_metrics(MetricBatch(samples=batch))

    frame = await store.metrics.select(Selection(matchers("__name__=up"), 0, FOREVER_MS))

    assert frame.values.view(np.uint64).tolist() == bits


async def test_stretch_is_inclusive(store):
    """Both ends of the stretch belong to it, and nothing beyond."""
    for at_ms in (OLD_MS, NOW_MS):
        await write(store, *((UP_A, at_ms + step, float(step)) for step in range(5)))

        found = await selected(store, "job=a", start_ms=at_ms + 1, end_ms=at_ms + 3)

        assert found == {UP_A: [(at_ms + 1, 1.0), (at_ms + 2, 2.0), (at_ms + 3, 3.0)]}


async def test_old_and_new_meet_without_a_seam(store):
    """A stretch that begins on disk and ends in memory has each sample once."""
    rows = [(UP_A, OLD_MS + step * 180_000, float(step)) for step in range(61)]
    for row in rows:
        await write(store, row)

    found = await selected(store, "job=a", start_ms=OLD_MS)

    assert found == {UP_A: [(time_ms, value) for _, time_ms, value in rows]}


async def test_series_stay_apart_across_the_seam(store):
    """Many series with samples on both sides come back each with its own, sorted by labels."""
    names = [labels("up", job=f"j{number:02}") for number in range(30)]
    rows = [(name, at, number * 1000.0 + at % 7) for number, name in enumerate(names) for at in (OLD_MS, OLD_MS + 5)]
    rows += [(name, NOW_MS + number, float(number)) for number, name in enumerate(names) if number % 3]
    await write(store, *rows)

    found = await selected(store, "__name__=up")

    expected = {}
    for name, at, value in rows:
        expected.setdefault(name, []).append((at, value))
    assert found == expected
    assert list(found) == sorted(found)


@pytest.mark.parametrize("at_ms", [OLD_MS, NOW_MS])
async def test_last_written_wins(store, at_ms):
    """Of a time that was written twice the value written last is given out, in one batch and across batches."""
    await write(store, (UP_A, at_ms, 1.0), (UP_A, at_ms, 2.0))
    assert await selected(store, "job=a") == {UP_A: [(at_ms, 2.0)]}

    await write(store, (UP_A, at_ms, 3.0))
    await write(store, (UP_A, at_ms, 1.0))

    assert await selected(store, "job=a") == {UP_A: [(at_ms, 1.0)]}


@pytest.mark.parametrize("at_ms", [OLD_MS, NOW_MS])
async def test_out_of_order_samples_are_put_in_order(store, at_ms):
    """Samples that arrive late stand at their time."""
    for step in (5, 1, 3, 2, 4):
        await write(store, (UP_A, at_ms + step, float(step)))

    assert await selected(store, "job=a") == {UP_A: [(at_ms + step, float(step)) for step in range(1, 6)]}


async def test_a_token_is_written_once(store):
    """A batch whose token was written before is not repeated; the empty token never counts."""
    await write(store, (UP_A, OLD_MS, 1.0), token="t")
    await write(store, (UP_A, OLD_MS + 1, 2.0), token="t")
    await write(store, (UP_A, OLD_MS + 2, 3.0))
    await write(store, (UP_A, OLD_MS + 3, 4.0))

    assert await selected(store, "job=a") == {UP_A: [(OLD_MS, 1.0), (OLD_MS + 2, 3.0), (OLD_MS + 3, 4.0)]}


MATCHERS = [
    (("job=a",), {UP_A}),
    (("job=",), {UP_NONE}),
    (("job!=",), {UP_A, UP_B}),
    (("job!=a",), {UP_B, UP_NONE}),
    (("job=~a|b",), {UP_A, UP_B}),
    (("job=~[ab]",), {UP_A, UP_B}),
    (("job=~.*",), {UP_A, UP_B, UP_NONE}),
    (("job=~.+",), {UP_A, UP_B}),
    (("job!~.+",), {UP_NONE}),
    (("job!~a",), {UP_B, UP_NONE}),
    (("job=~",), {UP_NONE}),
    (("job=~a|",), {UP_A, UP_NONE}),
    (("job=~A",), set()),
    (("missing=~.*", "job=b"), {UP_B}),
    (("missing=x",), set()),
    (("missing!=x", "__name__=up"), {UP_A, UP_B, UP_NONE}),
    (("job=~a|b", "job!=b", "__name__=~u.*"), {UP_A}),
    ((), {UP_A, UP_B, UP_NONE}),
]


@pytest.mark.asyncio(loop_scope="class")
class TestMatchers:
    """Over the same three series."""

    @staticmethod
    async def fill(store):
        await write(store, (UP_A, NOW_MS, 1.0), (UP_B, NOW_MS, 1.0), (UP_NONE, NOW_MS, 1.0))

    @pytest.mark.parametrize(("texts", "expected"), MATCHERS)
    async def test_matchers_mean_what_prometheus_says(self, filled, texts, expected):
        """Matchers hold as in Prometheus: a missing label is empty, expressions match the whole value."""
        assert set(await selected(filled, *texts)) == expected


async def test_an_expression_that_is_not_re2_is_refused(store):
    """A matcher's expression that RE2 does not know is the asker's mistake."""
    await write(store, (UP_A, NOW_MS, 1.0))

    with pytest.raises(InvalidInputError, match="RE2"):
        await selected(store, "job=~(")


async def test_limits_end_a_read(store):
    """More series or samples than asked for at most end the read."""
    await write(store, (UP_A, NOW_MS, 1.0), (UP_B, NOW_MS, 1.0), (UP_A, OLD_MS, 1.0))

    with pytest.raises(LimitExceededError, match="2 series"):
        await selected(store, "__name__=up", series_max=1)
    with pytest.raises(LimitExceededError, match="samples"):
        await selected(store, "__name__=up", samples_max=2)
    assert len(await selected(store, "__name__=up", samples_max=3, series_max=2)) == 2


async def test_many_samples_of_few_series(store):
    """A batch may hold many samples of a series, in any order."""
    rows = [(UP_A if step % 2 else UP_B, NOW_MS + (step * 7919) % 1000, float(step)) for step in range(1000)]
    await write(store, *rows)

    found = await selected(store, "__name__=up")

    assert {series: len(held) for series, held in found.items()} == {UP_A: 500, UP_B: 500}
    assert all(held == sorted(held) for held in found.values())


async def test_nothing_is_found_in_an_empty_store(store):
    """An empty store answers with nothing."""
    assert await selected(store, "__name__=up") == {}
    assert await store.metrics.series([], start_ms=0, end_ms=FOREVER_MS) == []
    assert await store.metrics.label_names([], start_ms=0, end_ms=FOREVER_MS) == []
    assert await store.metrics.metadata() == []
    assert (await store.metrics.cardinality()).series == 0
    assert await store.metrics.delete([matchers("__name__=up")], start_ms=0, end_ms=FOREVER_MS) == 0


async def test_series_labels_and_values(store):
    """Series, label names and values of what matches any of the sets, sorted, within a limit."""
    await write(store, (UP_A, NOW_MS, 1.0), (UP_B, NOW_MS, 1.0), (labels("down", zone="z"), NOW_MS, 1.0))
    stretch = {"start_ms": NOW_MS, "end_ms": NOW_MS}
    metrics = store.metrics

    assert await metrics.series([matchers("job=b"), matchers("job=~.+")], **stretch) == [UP_A, UP_B]
    assert await metrics.series([matchers("job=~.+")], limit=1, **stretch) == [UP_A]
    assert await metrics.label_names([], **stretch) == ["__name__", "job", "zone"]
    assert await metrics.label_names([matchers("zone=z")], **stretch) == ["__name__", "zone"]
    assert await metrics.label_values("job", [], **stretch) == ["a", "b"]
    assert await metrics.label_values("job", [], limit=1, **stretch) == ["a"]
    assert await metrics.label_values("__name__", [matchers("job=a")], **stretch) == ["up"]


async def test_series_without_a_sample_in_the_stretch_are_left_out(store):
    """A series that had no sample in the stretch is not listed."""
    await write(store, (UP_A, OLD_MS, 1.0), (UP_B, NOW_MS, 1.0))

    assert await store.metrics.series([], start_ms=NOW_MS - 10, end_ms=NOW_MS + 10) == [UP_B]
    assert await store.metrics.series([], start_ms=OLD_MS - 10, end_ms=OLD_MS + 10) == [UP_A]


async def test_two_series_with_one_id_stay_apart(store):
    """Label sets that share an id by chance keep their own samples."""
    one, other = SampleBatch.of([(UP_A, OLD_MS, 1.0)]), SampleBatch.of([(UP_B, OLD_MS, 2.0)])
    other = replace(other, series_ids=one.series_ids)
    for batch in (one, other, other):
        await store.metrics.write_metrics(MetricBatch(samples=batch))

    assert await selected(store, "__name__=up") == {UP_A: [(OLD_MS, 1.0)], UP_B: [(OLD_MS, 2.0)]}


async def test_labels_may_be_any_text(store):
    """Names and values in any script, with quotes, backslashes and line breaks, come back."""
    odd = labels("погода", **{"ключ.1": "знач\\ение'\n\t{}\"", "emoji": "🚨"})
    await write(store, (odd, OLD_MS, 1.0))

    assert await selected(store, "emoji=🚨") == {odd: [(OLD_MS, 1.0)]}


HISTOGRAM = HistogramSample(
    labels=labels("latency"),
    time_ms=OLD_MS,
    count=7.5,
    sum=3.25,
    schema=3,
    zero_threshold=1e-9,
    zero_count=1.0,
    positive_spans=((-2, 2), (3, 1)),
    positive_counts=(1.0, 2.5, 3.0),
    negative_spans=((0, 1),),
    negative_counts=(0.5,),
    is_gauge=True,
    start_ms=5,
)


async def test_histograms_come_back_whole(store):
    """Native histograms keep spans, counts, custom bounds and all the rest."""
    custom = replace(
        HISTOGRAM, time_ms=OLD_MS + 1, schema=-53, custom_bounds=(0.1, 1.0, math.inf), is_gauge=False, start_ms=0
    )
    await store.metrics.write_metrics(MetricBatch(histograms=(HISTOGRAM, custom)))

    found = await store.metrics.select_histograms(Selection(matchers("__name__=latency"), OLD_MS, OLD_MS + 1))

    assert list(found) == [HISTOGRAM, custom]
    assert await store.metrics.series([], start_ms=OLD_MS, end_ms=OLD_MS) == [labels("latency")]


async def test_a_histogram_written_twice_is_the_last_one(store):
    """Of a time that was written twice the histogram written last is given out."""
    for count in (1.0, 3.0, 2.0):
        await store.metrics.write_metrics(MetricBatch(histograms=(replace(HISTOGRAM, count=count),)))

    found = await store.metrics.select_histograms(Selection(matchers("__name__=latency"), 0, FOREVER_MS))

    assert [histogram.count for histogram in found] == [2.0]


async def test_stale_histograms_keep_their_marker(store):
    """The marker that ends a histogram's series keeps its bits."""
    stale = HistogramSample(labels("latency"), OLD_MS, 0.0, STALE_NAN, 0, 0.0, 0.0)
    await store.metrics.write_metrics(MetricBatch(histograms=(stale,)))

    found = await store.metrics.select_histograms(Selection(matchers("__name__=latency"), 0, FOREVER_MS))

    assert np.array([found[0].sum]).view(np.uint64)[0] == STALE_NAN_BITS


async def test_exemplars_come_back(store):
    """Exemplars of the series that match, by series and time."""
    first = Exemplar(UP_B, OLD_MS, 0.5, (("trace_id", "ab"),))
    second = Exemplar(UP_A, NOW_MS, 0.25)
    await store.metrics.write_metrics(MetricBatch(exemplars=(first, second)))

    assert await store.metrics.exemplars([matchers("__name__=up")], start_ms=0, end_ms=NOW_MS) == [second, first]
    assert await store.metrics.exemplars([matchers("job=b")], start_ms=OLD_MS + 1, end_ms=NOW_MS) == []


async def test_a_repeated_exemplar_is_one(store):
    """A sender that pushes its newest exemplar again has not made a second one; an older one that returns is kept."""
    first, second = Exemplar(UP_A, OLD_MS, 1.0, (("trace_id", "a"),)), Exemplar(UP_A, NOW_MS, 2.0, (("trace_id", "b"),))
    for batch in ((first,), (first, first), (second,), (second,)):
        await store.metrics.write_metrics(MetricBatch(exemplars=batch))
    assert await store.metrics.exemplars([], start_ms=0, end_ms=NOW_MS) == [first, second]


async def test_a_deleted_series_takes_an_exemplar_again(store):
    """What is forgotten with its series is new when it comes back, though the bytes be the same."""
    exemplar = Exemplar(UP_A, OLD_MS, 1.0)
    await store.metrics.write_metrics(MetricBatch(exemplars=(exemplar,)))
    await store.metrics.delete([matchers("__name__=up")], start_ms=0, end_ms=NOW_MS)
    await store.metrics.write_metrics(MetricBatch(exemplars=(exemplar,)))
    assert await store.metrics.exemplars([], start_ms=0, end_ms=NOW_MS) == [exemplar]


async def test_metadata_is_the_newest(store):
    """What a metric's family said last is what is known of it."""
    old = MetricMetadata("up", MetricType.UNKNOWN)
    new = MetricMetadata("up", MetricType.GAUGE, help="whether it is", unit="bool")
    other = MetricMetadata("aa", MetricType.COUNTER)
    for entries in ((old, other), (new,)):
        await store.metrics.write_metrics(MetricBatch(metadata=entries))

    assert await store.metrics.metadata() == [other, new]
    assert await store.metrics.metadata(metric="up") == [new]
    assert await store.metrics.metadata(limit=1) == [other]
    assert await store.metrics.metadata(metric="none") == []


async def test_metadata_of_many_metrics_without_series_makes_room(store, monkeypatch):
    """Past a bound newcomers are left out, until retention finds known ones without series."""
    monkeypatch.setattr(families, "FAMILIES_MAX", 4)
    monkeypatch.setattr(families, "CROWDED", 3)
    odd = "it's \\ ' odd\u2028"
    told = [MetricMetadata(name, MetricType.GAUGE) for name in ("up", odd, "gone", "idle", "late")]
    await store.metrics.write_metrics(replace(samples((UP_A, NOW_MS, 1.0)), metadata=tuple(told)))
    assert {each.metric for each in await store.metrics.metadata()} == {"up", odd, "gone", "idle"}

    await store.keeper.apply_retention({"metrics": RetentionPolicy(30)})

    assert [each.metric for each in await store.metrics.metadata()] == ["up"]
    await store.metrics.write_metrics(MetricBatch(metadata=tuple(told[-1:])))
    assert [each.metric for each in await store.metrics.metadata()] == ["late", "up"]


async def test_cardinality_says_where_series_come_from(store):
    """Series are counted by metric, label and pair, the largest first."""
    await write(store, (UP_A, OLD_MS, 1.0), (UP_B, NOW_MS, 1.0), (labels("down", job="a"), NOW_MS, 1.0))

    found = await store.metrics.cardinality(limit=2, focus="job", since_ms=NOW_MS)

    assert (found.series, found.oldest_ms, found.newest_ms) == (3, OLD_MS, NOW_MS)
    assert (found.new, found.quiet, found.label_pairs) == (2, 1, 4)
    assert found.by_focus == (("a", 2), ("b", 1))
    assert found.bytes_by_label == (("__name__", 38), ("job", 18))
    assert found.by_metric == (("up", 2), ("down", 1))
    assert found.by_label == (("__name__", 2), ("job", 2))
    assert found.by_pair == (("__name__=up", 2), ("job=a", 2))


async def test_deleting_removes_the_stretch(store):
    """Deleted samples are gone, from disk and memory; others stay."""
    await write(store, *((series, at, 1.0) for series in (UP_A, UP_B) for at in (OLD_MS, OLD_MS + 1, NOW_MS)))

    touched = await store.metrics.delete([matchers("job=a")], start_ms=OLD_MS + 1, end_ms=NOW_MS)

    assert touched == 1
    assert await selected(store, "__name__=up") == {
        UP_A: [(OLD_MS, 1.0)],
        UP_B: [(OLD_MS, 1.0), (OLD_MS + 1, 1.0), (NOW_MS, 1.0)],
    }


async def test_a_series_that_was_deleted_whole_can_come_again(store):
    """Deleting all of a series takes it out of the index; it may be written again."""
    await write(store, (UP_A, OLD_MS, 1.0), (UP_B, OLD_MS, 1.0), (UP_A, NOW_MS, 2.0))
    await store.metrics.delete([matchers("job=a")], start_ms=0, end_ms=FOREVER_MS)
    assert await store.metrics.series([], start_ms=0, end_ms=FOREVER_MS) == [UP_B]
    assert await store.metrics.label_values("job", [], start_ms=0, end_ms=FOREVER_MS) == ["b"]

    await write(store, (UP_A, NOW_MS, 3.0))

    assert await selected(store, "job=a") == {UP_A: [(NOW_MS, 3.0)]}
