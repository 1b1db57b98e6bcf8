"""Unit tests of scraping one target, with pages at hand."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S, ManualClock
from anyascope.collect.failure_log import FailureLog
from anyascope.collect.http import Answer, FetchError
from anyascope.collect.scrape import REPORT_NAMES, TargetScraper
from anyascope.collect.scrape_config import ScrapeConfig, ScrapeLimits, ScrapeProtocol
from anyascope.collect.tally import ScrapeTally
from anyascope.collect.targets import Target
from anyascope.model.labels import labels_of, metric_of
from anyascope.model.metrics import MetricType, is_stale
from anyascope.model.status import TargetHealth
from anyascope.wire.relabel import RelabelAction, RelabelRule
from support.collecting import RecordingIntake, ended_in, named, times_of, values_of
from support.protobuf_pages import HISTOGRAM, family, metric, protobuf_page

LABELS = (("instance", "a:1"), ("job", "node"))
TEXT = "text/plain; version=0.0.4"
OPEN = "application/openmetrics-text; version=1.0.0"
PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
NATIVE = {
    "sample_count": 6,
    "sample_sum": 9.0,
    "schema": 1,
    "zero_threshold": 1e-3,
    "zero_count": 2,
    "positive_span": [{"offset": 1, "length": 2}],
    "positive_delta": [1, 2],
}
CLASSIC = {
    "sample_count": 6,
    "sample_sum": 9.0,
    "bucket": [{"upper_bound": 1.0, "cumulative_count": 1}, {"upper_bound": 2.5, "cumulative_count": 4}],
}
BOTH = {"has_natives": True, "always_classics": True}


class Pages:
    """Gives these pages one after the other; an exception among them is raised."""

    def __init__(self, *pages: bytes | Exception, content_type: str = TEXT) -> None:
        self.pages = list(pages)
        self.content_type = content_type
        self.headers: dict[str, str] = {}

    async def get(self, url: str, *, headers, bounds) -> Answer:
        self.headers = dict(headers)
        page = self.pages.pop(0)
        if isinstance(page, Exception):
            raise page
        return Answer(page, self.content_type)

    def close(self) -> None:
        pass


class Scene:
    """One target and what it wrote."""

    def __init__(self, pages: Pages, *, refusals: int = 0, refusal: str = "", **fields) -> None:
        self.clock = ManualClock()
        self.intake = RecordingIntake(refusals)
        self.registry = CollectorRegistry()
        self.scraper = TargetScraper(
            Target(LABELS, "http://a:1/metrics", 15.0, 10.0),
            ScrapeConfig("node", **fields),
            fetcher=pages,
            intake=self.intake,
            clock=self.clock,
            tally=ScrapeTally(self.registry),
            refusal=refusal,
        )

    async def scrape(self, times: int = 1) -> dict:
        for _ in range(times):
            now_ns = self.clock.now_ns()
            await self.scraper.scrape(now_ns, until_ns=now_ns + 15 * NS_PER_S)
        return self.intake.last()

    def report(self) -> dict[str, float]:
        last = self.intake.last()
        return {name: named(last, name)[0] for name in REPORT_NAMES if name != "scrape_duration_seconds"}

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


def series(name: str, **labels: str):
    return labels_of({"__name__": name, **dict(LABELS), **labels})


async def test_writes_samples_and_a_report() -> None:
    """A scrape writes its samples with the target's labels, and how it went, all at one time."""
    scene = Scene(Pages(b'a{b="c"} 1\nd 2\n'))
    found = await scene.scrape()
    assert found[series("a", b="c")] == 1.0
    assert found[series("d")] == 2.0
    assert scene.report() == {
        "up": 1.0,
        "scrape_samples_scraped": 2.0,
        "scrape_samples_post_metric_relabeling": 2.0,
        "scrape_series_added": 2.0,
    }
    assert times_of(scene.intake.batches[0][1]) == {scene.clock.now_ns() // 1_000_000}
    assert scene.intake.batches[0][0] == "scrape"


async def test_a_repeated_scrape_adds_nothing() -> None:
    """The second scrape of the same page adds no series."""
    scene = Scene(Pages(b"a 1\n", b"a 2\n"))
    found = await scene.scrape(2)
    assert found[series("a")] == 2.0
    assert scene.report()["scrape_series_added"] == 0.0


async def test_a_failed_scrape_ends_all_series() -> None:
    """When a target fails, its series are marked as ended and up is 0; the report goes on."""
    scene = Scene(Pages(b"a 1\n", FetchError("connecting to a:1 failed: connection refused"), b"a 3\n"))
    await scene.scrape(2)
    assert scene.intake.ended() == {series("a")}
    assert scene.report()["up"] == 0.0
    view = scene.scraper.view()
    assert (view.health, view.last_error) == (TargetHealth.DOWN, "connecting to a:1 failed: connection refused")
    await scene.scrape()
    assert (scene.scraper.view().health, scene.scraper.view().last_error) == (TargetHealth.UP, "")
    assert scene.report()["scrape_series_added"] == 1.0


async def test_a_fault_of_ours_is_seen() -> None:
    """What nobody expected makes the target down, with what it was."""
    scene = Scene(Pages(b"a 1\n", RuntimeError("unheard of")))
    await scene.scrape(2)
    assert scene.report()["up"] == 0.0
    assert "unheard of" in scene.scraper.view().last_error


async def test_a_series_that_vanishes_is_ended() -> None:
    """A series that a page no longer has is marked as ended."""
    scene = Scene(Pages(b"a 1\nb 2\n", b"a 1\n"))
    await scene.scrape(2)
    assert scene.intake.ended() == {series("b")}


async def test_a_broken_page_is_a_failure_with_its_line() -> None:
    """A page that breaks off is not used at all, and the view says where it broke."""
    scene = Scene(Pages(b"a 1\nb{ 2\n"))
    found = await scene.scrape()
    assert series("a") not in found
    assert scene.scraper.view().last_error.startswith("line 2: expected a label name")


@pytest.mark.parametrize(
    ("content_type", "error"),
    [
        (
            "text/html",
            'received unsupported Content-Type "text/html" and no fallback_scrape_protocol specified for target',
        ),
        (
            "",
            "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target",
        ),
    ],
)
async def test_an_unknown_content_type_is_a_failure(content_type: str, error: str) -> None:
    """What does not say that it is an exposition is not read as one."""
    scene = Scene(Pages(b"a 1\n", content_type=content_type))
    await scene.scrape()
    assert scene.scraper.view().last_error == error


async def test_the_fallback_format_is_used() -> None:
    """With a fallback a page without a usable type is read by it."""
    scene = Scene(Pages(b"a 1\n", content_type="text/html"), fallback_protocol=ScrapeProtocol.TEXT_0_0_4)
    assert (await scene.scrape())[series("a")] == 1.0


async def test_own_times_are_honoured() -> None:
    """A sample with its own time is written at that time, and its series ends without a marker."""
    scene = Scene(Pages(b"a 1 5000\nb 2\n", b""))
    await scene.scrape()
    assert 5000 in times_of(scene.intake.batches[0][1])
    await scene.scrape()
    assert scene.intake.ended() == {series("b")}


async def test_own_times_are_tracked_when_asked_for() -> None:
    """With track_timestamps_staleness series with own times are marked too."""
    scene = Scene(Pages(b"a 1 5000\n", b""), track_timestamps_staleness=True)
    await scene.scrape(2)
    assert scene.intake.ended() == {series("a")}


async def test_own_times_are_ignored_when_told_to() -> None:
    """Without honor_timestamps every sample has the scrape's time."""
    scene = Scene(Pages(b"a 1 5000\n"), honor_timestamps=False)
    await scene.scrape()
    assert 5000 not in times_of(scene.intake.batches[0][1])


async def test_several_times_of_one_series_are_all_kept() -> None:
    """One series may bring several samples, each with its own time."""
    scene = Scene(Pages(b"a 1 5000\na 2 6000\n"))
    await scene.scrape()
    batch = scene.intake.batches[0][1]
    assert {5000, 6000} <= times_of(batch)
    assert scene.scraper.view().last_error == ""


async def test_of_repeated_samples_the_first_stands() -> None:
    """A page that names a series twice is used with the first value; the others are counted."""
    scene = Scene(Pages(b"a 1\na 2\nb 3\n"))
    found = await scene.scrape()
    assert (found[series("a")], found[series("b")]) == (1.0, 3.0)
    view = scene.scraper.view()
    assert (view.health, view.last_error) == (TargetHealth.UP, "")
    assert scene.counted("anyascope_scrape_samples_repeated_total") == 1.0
    assert scene.report()["scrape_samples_scraped"] == 3.0


async def test_metric_rules_drop_series() -> None:
    """What a rule drops is scraped but not kept."""
    drop = RelabelRule(RelabelAction.DROP, source_labels=("__name__",), regex="go_.*")
    scene = Scene(Pages(b"go_a 1\nb 2 7000\ngo_c 3\nd 4\n"), metric_relabel_rules=(drop,))
    found = await scene.scrape()
    assert {metric_of(labels) for labels in found} - set(REPORT_NAMES) == {"b", "d"}
    assert (scene.report()["scrape_samples_scraped"], scene.report()["scrape_samples_post_metric_relabeling"]) == (4, 2)
    assert 7000 in times_of(scene.intake.batches[0][1])


async def test_the_sample_limit_refuses_the_page() -> None:
    """One sample too many and the whole scrape counts as failed."""
    scene = Scene(Pages(b"a 1\nb 2\n", b"a 1\nb 2\nc 3\n"), limits=ScrapeLimits(sample_limit=2))
    await scene.scrape()
    assert scene.report()["up"] == 1.0
    await scene.scrape()
    assert scene.report()["up"] == 0.0
    assert scene.scraper.view().last_error == "sample limit exceeded (samples: 3, limit: 2)"
    assert scene.report()["scrape_samples_scraped"] == 3.0
    assert scene.counted("anyascope_scrape_limit_hits_total", limit="sample_limit") == 1.0


async def test_a_refused_target_is_down_without_being_asked() -> None:
    """A target past the target limit is not fetched."""
    scene = Scene(Pages(), refusal="target_limit exceeded (number of targets: 3, limit: 2)")
    await scene.scrape()
    assert scene.scraper.view().last_error.startswith("target_limit exceeded")


async def test_metadata_and_exemplars_come_along() -> None:
    """Types, helps and units are told once; exemplars with each scrape that has them."""
    page = b'# TYPE a counter\n# HELP a Some.\na_total 1 # {trace_id="x"} 0.5\n# EOF\n'
    scene = Scene(Pages(page, page, content_type=OPEN))
    await scene.scrape(2)
    assert scene.intake.metadata()["a"].type is MetricType.COUNTER
    first, second = (batch for _, batch in scene.intake.batches)
    assert (len(first.metadata), len(second.metadata)) == (1, 0)
    assert first.exemplars[0].series == series("a_total")
    assert (first.exemplars[0].labels, first.exemplars[0].value) == ((("trace_id", "x"),), 0.5)


async def test_an_exemplar_that_says_too_much_is_left_out() -> None:
    """Up to 128 characters of names and values; the sample is kept either way."""
    page = b'# TYPE a counter\na_total 1 # {b="%s"} 0.5\n# EOF\n'
    scene = Scene(Pages(page % (b"x" * 127), page % (b"x" * 128), content_type=OPEN))
    await scene.scrape(2)
    assert [len(batch.exemplars) for _, batch in scene.intake.batches] == [1, 0]
    assert scene.intake.last()[series("a_total")] == 1.0


async def test_a_full_intake_is_asked_again_with_the_same_samples() -> None:
    """While the next scrape is not due, a full intake is asked again; the time of the samples stays."""
    scene = Scene(Pages(b"a 1\n"), refusals=2)
    started_ms = scene.clock.now_ns() // 1_000_000
    task = asyncio.create_task(scene.scrape())
    await scene.clock.advance(3)
    await task
    assert times_of(scene.intake.batches[0][1]) == {started_ms}


async def test_what_cannot_be_stored_in_time_is_counted_and_told() -> None:
    """When the intake stays full until the next scrape, the scrape is lost, counted and told; its series did not end."""
    scene = Scene(Pages(b"a 1\nb 1\n", b"a 2\nb 2\n", b"a 3\n"))
    await scene.scrape()
    scene.intake.refusals = 1000
    task = asyncio.create_task(scene.scrape())
    await scene.clock.advance(20)
    await task
    assert scene.scraper.view().last_error == "scraped, but not stored: the queue is full"
    assert scene.counted("anyascope_scrapes_unstored_total") == 1.0
    scene.intake.refusals = 0
    await scene.scrape()
    assert scene.intake.ended() == {series("b")}


async def test_says_farewell() -> None:
    """A target that is gone ends all its series, the report's too."""
    scene = Scene(Pages(b"a 1\n"))
    await scene.scrape()
    await scene.scraper.say_farewell(scene.clock.now_ns())
    batch = scene.intake.batches[-1][1]
    assert ended_in(batch) == {series("a"), *(series(name) for name in REPORT_NAMES)}
    assert values_of(batch) == {}


async def test_forgets_series_that_went() -> None:
    """A target whose labels change with every scrape does not fill the memory."""
    pages = [b"".join(b'a{page="%d",row="%d"} 1\n' % (page, row) for row in range(300)) for page in range(20)]
    scene = Scene(Pages(*pages))
    await scene.scrape(20)
    assert len(scene.scraper._reader.book) < 2600
    assert scene.report()["scrape_series_added"] == 300.0


async def test_forgets_bounds_that_went() -> None:
    """A histogram whose bounds change with every scrape does not fill the memory either."""
    head = b"# TYPE h histogram\n"
    bounds = [[1000 * page + row for row in range(300)] for page in range(20)]
    pages = [head + b"".join(b'h_bucket{le="%d"} %d\n' % (bound, bound) for bound in page) for page in bounds]
    scene = Scene(Pages(*pages), converts_classics=True)
    await scene.scrape(20)
    assert len(scene.scraper._reader._collator) < 2600
    assert len(scene.intake.batches[-1][1].histograms) == 1


async def test_a_large_page_is_read_too() -> None:
    """A page beyond what is read at once is read beside."""
    scene = Scene(Pages(b"".join(b'a{row="%d"} %d\n' % (row, row) for row in range(20_000))))
    found = await scene.scrape()
    assert found[series("a", row="19999")] == 19999.0


async def test_tells_the_target_its_timeout() -> None:
    """The request says what is wanted and for how long there is time."""
    pages = Pages(b"a 1\n")
    await Scene(pages).scrape()
    assert pages.headers["X-Prometheus-Scrape-Timeout-Seconds"] == "10"
    assert pages.headers["Accept-Encoding"] == "gzip"
    assert "openmetrics" in pages.headers["Accept"]


async def test_an_empty_page_is_a_page() -> None:
    """A page without a byte is good, whatever format it says it is in; everything that was there has ended."""
    for content_type in (OPEN, ""):
        pages = Pages(b"a 1\n# EOF\n", b"", content_type=OPEN)
        scene = Scene(pages)
        await scene.scrape()
        pages.content_type = content_type
        await scene.scrape()
        assert scene.scraper.view().last_error == ""
        assert scene.report()["up"] == 1.0
        assert scene.intake.ended() == {series("a")}


async def test_counts_what_stood_before_a_break() -> None:
    """The report counts the samples up to where a page broke, those that rules leave too."""
    drop = RelabelRule(RelabelAction.DROP, source_labels=("__name__",), regex="b")
    scene = Scene(Pages(b"a 1\nb 1\nc{ 2\nd 1\n"), metric_relabel_rules=(drop,))
    await scene.scrape()
    report = scene.report()
    assert (report["scrape_samples_scraped"], report["scrape_samples_post_metric_relabeling"]) == (2.0, 1.0)
    assert report["up"] == 0.0


async def test_writes_more_about_itself_when_asked() -> None:
    """With extra_scrape_metrics a scrape tells its timeout, its limit and the size of the page."""
    too_large = FetchError("body size limit exceeded", limit="body_size_limit")
    pages = Pages(b"a 1\n", too_large, FetchError("nothing there"))
    scene = Scene(pages, has_extra_metrics=True, limits=ScrapeLimits(sample_limit=7))
    sizes = []
    for _ in range(3):
        last = await scene.scrape()
        sizes.append(named(last, "scrape_body_size_bytes")[0])
        assert named(last, "scrape_timeout_seconds") == [10.0]
        assert named(last, "scrape_sample_limit") == [7.0]
    assert sizes == [4.0, -1.0, 0.0]


async def test_writes_failures_down(tmp_path) -> None:
    """Each failed scrape is a line of JSON; a file that cannot be written stops nothing."""
    scene = Scene(Pages(FetchError("connection refused"), b"a 1\n", FetchError("again")))
    scene.scraper._failures = FailureLog(tmp_path / "f.log")
    await scene.scrape(3)
    lines = [json.loads(line) for line in (tmp_path / "f.log").read_text().splitlines()]
    assert [line["msg"] for line in lines] == ["connection refused", "again"]
    assert {(line["level"], line["job_name"], line["target"]) for line in lines} == {
        ("ERROR", "node", "http://a:1/metrics")
    }
    broken = Scene(Pages(FetchError("x")))
    broken.scraper._failures = FailureLog(tmp_path / "no" / "f.log")
    await broken.scrape()
    assert broken.report()["up"] == 0.0


async def test_native_histograms_are_written_and_end() -> None:
    """A native histogram is written with its series' labels; when it is gone its series ends as a histogram."""
    page = protobuf_page(family("h", HISTOGRAM, metric(histogram=NATIVE, code="200")))
    scene = Scene(Pages(page, page, b"", content_type=PROTOBUF), has_natives=True)
    await scene.scrape(2)
    labels = series("h", code="200")
    for _, batch in scene.intake.batches:
        (found,) = batch.histograms
        assert (found.labels, found.count, found.schema, found.positive_counts) == (labels, 6.0, 1, (1.0, 3.0))
        assert found.time_ms == scene.clock.now_ns() // 1_000_000
        assert labels not in values_of(batch)
    assert scene.report()["scrape_series_added"] == 0.0
    assert scene.report()["scrape_samples_scraped"] == 1.0
    await scene.scrape()
    (marker,) = scene.intake.batches[-1][1].histograms
    assert marker.labels == labels
    assert is_stale(np.array([marker.sum]))[0]
    assert scene.intake.ended() == set()


async def test_without_native_histograms_their_buckets_are_written() -> None:
    """Where native histograms are not asked for, the classic buckets beside them are what is kept."""
    page = protobuf_page(family("h", HISTOGRAM, metric(histogram=NATIVE | CLASSIC)))
    for fields, natives, buckets in (({}, 0, 3), ({"has_natives": True}, 1, 0), (BOTH, 1, 3)):
        scene = Scene(Pages(page, content_type=PROTOBUF), **fields)
        found = await scene.scrape()
        assert len(scene.intake.batches[-1][1].histograms) == natives
        assert len(named(found, "h_bucket")) == buckets


async def test_classic_histograms_become_custom_ones() -> None:
    """With the conversion a classic histogram is one native histogram with its bounds, from text as from protobuf."""
    text = b'# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="2.5"} 4\nh_bucket{le="+Inf"} 6\nh_sum 9\nh_count 6\n'
    binary = protobuf_page(family("h", HISTOGRAM, metric(histogram=CLASSIC)))
    for page, content_type in ((text, TEXT), (binary, PROTOBUF)):
        scene = Scene(Pages(page, page, content_type=content_type), converts_classics=True)
        await scene.scrape(2)
        (found,) = scene.intake.batches[-1][1].histograms
        assert found.labels == series("h")
        assert (found.schema, found.custom_bounds, found.positive_counts) == (-53, (1.0, 2.5), (1.0, 3.0, 2.0))
        assert (found.count, found.sum) == (6.0, 9.0)
        assert named(scene.intake.last(), "h_bucket") == []
        assert scene.report()["scrape_samples_scraped"] == 1.0


async def test_a_histogram_past_its_bucket_limit_is_merged_or_refused() -> None:
    """Neighbours are merged until the limit holds; where they cannot be, the page is refused."""
    page = protobuf_page(family("h", HISTOGRAM, metric(histogram=NATIVE)))
    scene = Scene(Pages(page, content_type=PROTOBUF), has_natives=True, limits=ScrapeLimits(native_bucket_limit=1))
    await scene.scrape()
    (found,) = scene.intake.batches[-1][1].histograms
    assert (found.schema, found.positive_counts, found.count) == (0, (4.0,), 6.0)
    text = b'# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_count 2\n'
    scene = Scene(Pages(text), converts_classics=True, limits=ScrapeLimits(native_bucket_limit=1))
    await scene.scrape()
    assert scene.scraper.view().last_error == "histogram bucket limit exceeded"
    assert scene.counted("anyascope_scrape_limit_hits_total", limit="native_histogram_bucket_limit") == 1.0


async def test_a_broken_protobuf_page_is_a_failure() -> None:
    """A page that is no protobuf is not used, and the view says where it broke."""
    scene = Scene(Pages(b"\xff\xff\xff\xff\xff\xff", content_type=PROTOBUF), has_natives=True)
    await scene.scrape()
    assert scene.scraper.view().last_error == "expected the length of a metric family at byte 0"
