"""The newest samples as a page for another Prometheus; what is expected was answered by a Prometheus 3.5."""

from __future__ import annotations

import httpx
import pytest

from anyascope.clock import MS_PER_S
from anyascope.model.labels import Labels, labels_of
from anyascope.model.metrics import STALE_NAN, HistogramSample, MetricBatch, SampleBatch
from anyascope.store.memory.metrics import MemoryMetrics
from anyascope.wire.exposition import schema
from anyascope.wire.exposition.written import PROTOBUF
from support.prometheus_api import NOW_S, client_of

NOW_MS = NOW_S * MS_PER_S
EVERY = ["up", "ended", "old", '{"odd name"}', "h"]


async def page(accept: str = "", *, external: Labels = (), match: list[str] | None = None) -> httpx.Response:
    store = MemoryMetrics()
    rows = [
        ({"__name__": "up", "job": "a", "instance": "x:1"}, NOW_MS - 1_000, 1.0),
        ({"__name__": "up", "job": "a", "instance": "x:1"}, NOW_MS - 2_000, 0.0),
        ({"__name__": "up", "job": 'b"\n\\', "site": "own"}, NOW_MS - 3_000, 11_779_985.0),
        ({"__name__": "odd name", "la.bel": "é"}, NOW_MS, float("nan")),
        ({"__name__": "ended"}, NOW_MS - 2_000, 1.0),
        ({"__name__": "ended"}, NOW_MS - 1_000, STALE_NAN),
        ({"__name__": "old"}, NOW_MS - 301_000, 1.0),
    ]
    samples = SampleBatch.of([(labels_of(labels), time_ms, value) for labels, time_ms, value in rows])
    histogram = HistogramSample(labels_of({"__name__": "h"}), NOW_MS, 3.0, 4.5, 0, 0.0, 0.0, ((0, 1),), (3.0,))
    await store.write_metrics(MetricBatch(samples, (histogram,)))
    async with client_of(store, external_labels=external) as client:
        params = {"match[]": EVERY if match is None else match}
        return await client.get("http://api/federate", params=params, headers={"accept": accept})


async def test_the_newest_samples_are_told_with_their_times() -> None:
    """What ended or is too old is left out; what has no instance gets an empty one; names are made plain."""
    answer = await page()

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
    assert answer.text == (
        "# TYPE h histogram\n"
        f'h_bucket{{instance="",le="+Inf"}} 3 {NOW_MS}\n'
        f'h_sum{{instance=""}} 4.5 {NOW_MS}\n'
        f'h_count{{instance=""}} 3 {NOW_MS}\n'
        "# TYPE odd_name untyped\n"
        f'odd_name{{la_bel="é",instance=""}} NaN {NOW_MS}\n'
        "# TYPE up untyped\n"
        f'up{{instance="x:1",job="a"}} 1 {NOW_MS - 1_000}\n'
        f'up{{job="b\\"\\n\\\\",site="own",instance=""}} 1.1779985e+07 {NOW_MS - 3_000}\n'
    )


async def test_external_labels_do_not_replace_own_ones() -> None:
    """They are put on series that have none of their name."""
    answer = await page(external=(("instance", "me"), ("site", "lab")), match=["up"])

    assert 'up{instance="x:1",job="a",site="lab"} 1 ' in answer.text
    assert 'site="own",instance="me"} 1.1779985e+07 ' in answer.text


@pytest.mark.parametrize(
    ("escaping", "line"),
    [
        ("allow-utf-8", '{"odd name","la.bel"="é",instance=""} NaN '),
        ("dots", 'odd__name{la_dot_bel="é",instance=""} NaN '),
        ("values", 'U__odd_20_name{U__la_2e_bel="é",instance=""} NaN '),
        ("unheard-of", 'odd_name{la_bel="é",instance=""} NaN '),
    ],
)
async def test_names_are_written_as_the_reader_asks(escaping: str, line: str) -> None:
    """Underscores where the wish is not known."""
    answer = await page(f"text/plain; version=0.0.4; escaping={escaping}", match=['{"odd name"}'])

    assert answer.text.splitlines()[1].startswith(line)


async def test_a_wrong_selector_is_told_in_plain_text() -> None:
    """No selector asks for nothing."""
    wrong = await page(match=["sum("])

    assert (wrong.status_code, wrong.text) == (400, '1:4: parse error: unexpected "("\n')
    assert (await page(match=[])).text == ""


async def test_native_histograms_are_whole_in_protobuf() -> None:
    """To a reader that likes it better than text."""
    protobuf = f"{PROTOBUF};proto=io.prometheus.client.MetricFamily;encoding=delimited"
    answer = await page(f"text/plain;q=0.3,{protobuf};q=0.6;escaping=allow-utf-8", match=["h", '{"odd name"}'])

    assert answer.headers["content-type"] == (
        f"{PROTOBUF}; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=allow-utf-8"
    )
    first = answer.content[0]
    family = schema.MetricFamily.FromString(answer.content[1 : 1 + first])
    metric = schema.Metric.FromString(family.metric[0])
    assert (family.name, family.type, metric.timestamp_ms) == ("h", 4, NOW_MS)
    assert (metric.histogram.sample_count_float, metric.histogram.sample_sum) == (3.0, 4.5)
    assert [(span.offset, span.length) for span in metric.histogram.positive_span] == [(0, 1)]
    assert list(metric.histogram.positive_count) == [3.0]
    rest = answer.content[1 + first :]
    odd = schema.MetricFamily.FromString(rest[1 : 1 + rest[0]])
    labels = [schema.Label.FromString(label) for label in schema.Metric.FromString(odd.metric[0]).label]
    assert (odd.name, odd.type) == ("odd name", 3)
    assert [(label.name, label.value) for label in labels] == [("la.bel", "é"), ("instance", "")]


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain,application/vnd.google.protobuf;q=0.5", PROTOBUF, "a/b;q=x"])
async def test_text_is_for_everybody_else(accept: str) -> None:
    """Also for who likes text better, or does not say which messages are wanted."""
    answer = await page(accept, match=["up"])

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
