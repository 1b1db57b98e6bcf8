"""One target: fetched, read, reported and handed in, once an interval."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Protocol

import numpy as np
import structlog

from anyascope.clock import NS_PER_MS, NS_PER_S, Clock
from anyascope.collect.failure_log import FailureLog
from anyascope.collect.http import BODY_SIZE_LIMIT, USER_AGENT, Answer, FetchBounds, FetchError
from anyascope.collect.pages import NOTHING, Page, PageReader
from anyascope.collect.sample_rules import ScrapeRejectedError, accept_header, report_labels
from anyascope.collect.scrape_config import ScrapeConfig
from anyascope.collect.series import Live
from anyascope.collect.tally import ScrapeTally
from anyascope.collect.targets import Target
from anyascope.errors import AnyascopeError, UnavailableError
from anyascope.model.metadata import bounded
from anyascope.model.metrics import Exemplar, MetricBatch, MetricMetadata
from anyascope.model.status import TargetHealth, TargetView
from anyascope.ports import Intake
from anyascope.wire.exposition.document import format_of
from anyascope.wire.exposition.lines import Format
from anyascope.wire.gotemplate.values import quoted

log = structlog.get_logger("anyascope.collect")

REPORT_NAMES = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
EXTRA_NAMES = ("scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes")  # with extra_scrape_metrics
SOURCE = "scrape"
INLINE_BYTES_MAX = 64 * 1024  # a larger page is read in a thread, so that it does not hold up the others: 1 ms
EXEMPLAR_CHARS_MAX = 128  # of label names and values (OpenMetrics); longer ones are left out, as upstream has it
RETRY_S_MIN = 0.05  # between two tries to hand in, whatever the intake says: it must not be asked in a tight loop


class Fetcher(Protocol):
    """Gets a page; `HttpFetcher` in the server."""

    async def get(self, url: str, *, headers: tuple[tuple[str, str], ...], bounds: FetchBounds) -> Answer:
        """The page, or `FetchError`."""

    def close(self) -> None:
        """Let go of what is held."""


class TargetScraper:
    """Scrapes one target. One scrape at a time.

    Args:
        target, config: what and how.
        fetcher: gets the page.
        refusal: why this target may not be scraped at all, such as a passed target_limit; it then counts as down.
        inherited: series that a predecessor with the same labels has written, and that vanish if they are not seen again.
        failures: where failed scrapes are written down.
    """

    def __init__(
        self,
        target: Target,
        config: ScrapeConfig,
        *,
        fetcher: Fetcher,
        intake: Intake,
        clock: Clock,
        tally: ScrapeTally,
        refusal: str = "",
        inherited: Live | None = None,
        failures: FailureLog | None = None,
    ) -> None:
        self.target = target
        self.config = config
        self.refusal = refusal
        self._fetcher = fetcher
        self._intake = intake
        self._clock = clock
        self._tally = tally
        self._reader = PageReader(target.labels, config, inherited)
        self._failures = failures
        self._repeated = 0
        self._body_bytes = 0
        self._report_names = REPORT_NAMES + (EXTRA_NAMES if config.has_extra_metrics else ())
        self._bounds = FetchBounds(target.timeout_s, config.limits.body_bytes_max)
        self._headers = _headers(target, config)
        self._metadata_told: tuple[MetricMetadata, ...] = ()
        self._metadata_shown: tuple[MetricMetadata, ...] = ()
        self._health = TargetHealth.UNKNOWN
        self._error = ""
        self._last_ns = 0
        self._last_duration_s = 0.0

    async def scrape(self, time_ns: int, *, until_ns: int) -> None:
        """Scrape once and hand in what came, or that nothing came.

        Args:
            time_ns: the time of samples that bring none of their own, UTC.
            until_ns: UTC; when the next scrape is due. Until then a full intake is asked again.
        """
        started_ns = self._clock.monotonic_ns()
        self._last_ns = self._clock.now_ns()
        self._body_bytes = 0
        try:
            page = await self._fetch()
            error = ""
        except (FetchError, ScrapeRejectedError) as fault:
            page, error = NOTHING, str(fault)
            if isinstance(fault, ScrapeRejectedError):
                page = replace(NOTHING, scraped=fault.scraped, relabelled=fault.relabelled)
            if fault.limit:
                self._tally.limit_hits.labels(limit=fault.limit).inc()
            if fault.limit == BODY_SIZE_LIMIT:
                self._body_bytes = -1
        except Exception as fault:
            # A fault of ours must be seen like one of the target's: as a target that is down, and why.
            log.exception("scrape_broke", job=self.config.job_name, url=self.target.url)
            page, error = NOTHING, f"a fault of the server, see its log: {fault!r}"
        duration_s = (self._clock.monotonic_ns() - started_ns) / NS_PER_S
        self._tell(error, page.repeated, duration_s)
        await self._hand_in(page, error, duration_s, time_ms=time_ns // NS_PER_MS, until_ns=until_ns)

    async def say_farewell(self, time_ns: int) -> None:
        """Mark every series as ended: the target is no more. A full intake is not waited for, the markers are then lost."""
        draft = self._reader.book.farewell(time_ms=time_ns // NS_PER_MS)
        if len(draft.samples) == 0:
            return
        try:
            await self._intake.metrics(MetricBatch(samples=draft.samples, histograms=draft.histograms), source=SOURCE)
        except AnyascopeError as error:
            log.warning("farewell_lost", job=self.config.job_name, url=self.target.url, error=str(error))

    def close(self) -> None:
        """Let go of the connection."""
        self._fetcher.close()

    def live_series(self) -> Live:
        """What was last written, for a successor."""
        return self._reader.book.live()

    def view(self) -> TargetView:
        """How it is."""
        return TargetView(
            scrape_pool=self.config.job_name,
            scrape_url=self.target.url,
            global_url=self.target.url,
            labels=self.target.labels,
            discovered_labels=self.target.discovered,
            last_error=self._error,
            last_scrape_ns=self._last_ns,
            last_scrape_duration_s=self._last_duration_s,
            health=self._health,
            scrape_interval_ms=round(self.target.interval_s * 1000),
            scrape_timeout_ms=round(self.target.timeout_s * 1000),
            metadata=self._metadata_shown,
        )

    # --- fetching and reading -----------------------------------------------------------------------------------------

    async def _fetch(self) -> Page:
        if self.refusal:
            raise ScrapeRejectedError(self.refusal, limit="target_limit")
        answer = await self._fetcher.get(self.target.url, headers=self._headers, bounds=self._bounds)
        body = answer.body
        self._body_bytes = len(body)
        form = self._form(answer.content_type) if body else Format.TEXT
        if len(body) <= INLINE_BYTES_MAX:
            return self._reader.read(body, form)
        return await asyncio.to_thread(self._reader.read, body, form)

    def _form(self, content_type: str) -> Format:
        form = format_of(content_type)
        if form is not None:
            return form
        if self.config.fallback_protocol is not None:
            return self.config.fallback_protocol.form
        said = (
            f"received unsupported Content-Type {quoted(content_type)}"
            if content_type
            else "non-compliant scrape target sending blank Content-Type"
        )
        raise FetchError(f"{said} and no fallback_scrape_protocol specified for target")

    # --- telling and handing in ---------------------------------------------------------------------------------------

    def _tell(self, error: str, repeated: int, duration_s: float) -> None:
        if error and error != self._error:
            log.warning("scrape_failed", job=self.config.job_name, url=self.target.url, error=error)
        if error and self._failures is not None:
            self._failures.write(error, job=self.config.job_name, url=self.target.url, time_ns=self._clock.now_ns())
        elif not error and self._health is TargetHealth.DOWN:
            log.info("scrape_recovered", job=self.config.job_name, url=self.target.url)
        if repeated and repeated != self._repeated:
            log.warning("samples_repeated", job=self.config.job_name, url=self.target.url, samples=repeated)
        self._repeated = repeated
        self._tally.repeated.inc(repeated)
        self._error = error
        self._health = TargetHealth.DOWN if error else TargetHealth.UP
        self._last_duration_s = duration_s
        self._tally.scrapes.labels(outcome="failed" if error else "ok").inc()

    async def _hand_in(self, page: Page, error: str, duration_s: float, *, time_ms: int, until_ns: int) -> None:
        book = self._reader.book
        report = [
            0.0 if error else 1.0,
            duration_s,
            float(page.scraped),
            float(page.relabelled),
            float(book.count_new(page.slots)),
        ]
        if self.config.has_extra_metrics:
            report += [self.target.timeout_s, float(self.config.limits.sample_limit), float(self._body_bytes)]
        own_slots = [book.slot_of(report_labels(name, self.target.labels)) for name in self._report_names]
        draft = book.draft(
            np.concatenate([page.slots, np.array(own_slots, dtype=np.int64)]),
            np.concatenate([page.values, np.array(report)]),
            time_ms=time_ms,
            times_ms=page.times_ms,
            untracked=() if self.config.track_timestamps_staleness else page.times_ms,
            natives={at: native.histogram for at, native in page.natives.items()},
        )
        batch = MetricBatch(
            samples=draft.samples,
            histograms=draft.histograms,
            exemplars=self._exemplars(page, time_ms),
            metadata=page.metadata if page.metadata != self._metadata_told else (),
        )
        if await self._store(batch, until_ns):
            book.commit(draft)
            self._tally.samples.inc(len(page.slots))
            if page.metadata and page.metadata is not self._metadata_told:
                self._metadata_told = page.metadata
                self._metadata_shown = tuple(bounded(page.metadata).entries)

    def _exemplars(self, page: Page, time_ms: int) -> tuple[Exemplar, ...]:
        found = list(page.exemplars.items())
        found += [(at, exemplar) for at, native in page.natives.items() for exemplar in native.exemplars]
        return tuple(
            Exemplar(
                series=self._reader.book.labels_at(int(page.slots[position])),
                time_ms=each.time_ms if each.time_ms is not None else page.times_ms.get(position, time_ms),
                value=each.value,
                labels=tuple(sorted(each.labels)),
            )
            for position, each in found
            if sum(len(name) + len(value) for name, value in each.labels) <= EXEMPLAR_CHARS_MAX
        )

    async def _store(self, batch: MetricBatch, until_ns: int) -> bool:
        """Hand in, again and again while the intake is full and the next scrape is not yet due."""
        while True:
            try:
                admission = await self._intake.metrics(batch, source=SOURCE)
            except UnavailableError as error:
                wait_s = max(error.retry_after_s, RETRY_S_MIN)
                if self._clock.now_ns() + round(wait_s * NS_PER_S) >= until_ns:
                    self._tally.unstored.inc()
                    self._error = f"scraped, but not stored: {error}"
                    log.warning("scrape_not_stored", job=self.config.job_name, url=self.target.url, error=str(error))
                    return False
                await self._clock.sleep(wait_s)
                continue
            if admission.rejected:
                self._error = "; ".join(admission.reasons) or f"{admission.rejected} samples were not taken"
            return True


def _headers(target: Target, config: ScrapeConfig) -> tuple[tuple[str, str], ...]:
    headers = [
        ("Accept", accept_header(config)),
        ("User-Agent", USER_AGENT),
        ("X-Prometheus-Scrape-Timeout-Seconds", f"{target.timeout_s:g}"),
    ]
    headers.append(("Accept-Encoding", "gzip" if config.enable_compression else "identity"))
    return tuple(headers)
