"""One target: fetched, read, reported and handed in, once an interval."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from anyascope.clock import NS_PER_MS, NS_PER_S, Clock
from anyascope.collect.http import USER_AGENT, Answer, FetchBounds, FetchError
from anyascope.collect.sample_rules import ScrapeRejectedError, accept_header, final_labels, report_labels
from anyascope.collect.scrape_config import ScrapeConfig
from anyascope.collect.series import SeriesBook
from anyascope.collect.tally import ScrapeTally
from anyascope.collect.targets import Target
from anyascope.errors import AnyascopeError, UnavailableError
from anyascope.model.labels import Labels
from anyascope.model.metrics import Exemplar, MetricBatch, MetricMetadata
from anyascope.model.status import TargetHealth, TargetView
from anyascope.ports import Intake
from anyascope.wire.exposition.document import format_of
from anyascope.wire.exposition.known import KnownLines, Reading
from anyascope.wire.exposition.lines import ExpositionError, Format, LineExemplar, Pairs

log = structlog.get_logger("anyascope.collect")

REPORT_NAMES = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
SOURCE = "scrape"
INLINE_BYTES_MAX = 64 * 1024  # a larger page is read in a thread, so that it does not hold up the others: 1 ms
SERIES_SPARE = 1000  # series that may be remembered beyond twice those in use, before the others are forgotten
RETRY_S_MIN = 0.05  # between two tries to hand in, whatever the intake says: it must not be asked in a tight loop


class Fetcher(Protocol):
    """Gets a page; `HttpFetcher` in the server."""

    async def get(self, url: str, *, headers: tuple[tuple[str, str], ...], bounds: FetchBounds) -> Answer:
        """The page, or `FetchError`."""

    def close(self) -> None:
        """Let go of what is held."""


@dataclass(frozen=True, slots=True)
class _Page:
    """What a scrape brought, ready to be written: positions of kept samples, and counts for the report."""

    slots: NDArray[np.int64]
    values: NDArray[np.float64]
    times_ms: Mapping[int, int]
    exemplars: Mapping[int, LineExemplar]
    metadata: tuple[MetricMetadata, ...]
    scraped: int
    relabelled: int
    warning: str = ""


_NOTHING = _Page(np.empty(0, np.int64), np.empty(0, np.float64), {}, {}, (), 0, 0)


class TargetScraper:
    """Scrapes one target. One scrape at a time.

    Args:
        target, config: what and how.
        fetcher: gets the page.
        refusal: why this target may not be scraped at all, such as a passed target_limit; it then counts as down.
        inherited: series that a predecessor with the same labels has written, and that vanish if they are not seen again.
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
        inherited: tuple[Labels, ...] = (),
    ) -> None:
        self.target = target
        self.config = config
        self.refusal = refusal
        self._fetcher = fetcher
        self._intake = intake
        self._clock = clock
        self._tally = tally
        self._book = SeriesBook(inherited)
        self._lines = KnownLines(self._resolve)
        self._bounds = FetchBounds(target.timeout_s, config.limits.body_bytes_max)
        self._headers = _headers(target, config)
        self._metadata_told: tuple[MetricMetadata, ...] = ()
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
        try:
            page = await self._fetch()
            error = ""
        except (FetchError, ScrapeRejectedError, ExpositionError) as fault:
            page, error = _NOTHING, str(fault)
            if isinstance(fault, ScrapeRejectedError):
                page = replace(_NOTHING, scraped=fault.scraped, relabelled=fault.relabelled)
                if fault.limit:
                    self._tally.limit_hits.labels(limit=fault.limit).inc()
        except Exception as fault:
            # A fault of ours must be seen like one of the target's: as a target that is down, and why.
            log.exception("scrape_broke", job=self.config.job_name, url=self.target.url)
            page, error = _NOTHING, f"a fault of the server, see its log: {fault!r}"
        duration_s = (self._clock.monotonic_ns() - started_ns) / NS_PER_S
        self._tell(error, page.warning, duration_s)
        await self._hand_in(page, error, duration_s, time_ms=time_ns // NS_PER_MS, until_ns=until_ns)

    async def say_farewell(self, time_ns: int) -> None:
        """Mark every series as ended: the target is no more. A full intake is not waited for, the markers are then lost."""
        samples = self._book.farewell(time_ms=time_ns // NS_PER_MS)
        if len(samples) == 0:
            return
        try:
            await self._intake.metrics(MetricBatch(samples=samples), source=SOURCE)
        except AnyascopeError as error:
            log.warning("farewell_lost", job=self.config.job_name, url=self.target.url, error=str(error))

    def close(self) -> None:
        """Let go of the connection."""
        self._fetcher.close()

    def live_series(self) -> tuple[Labels, ...]:
        """What was last written, for a successor."""
        return tuple(self._book.live())

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
        )

    # --- fetching and reading -----------------------------------------------------------------------------------------

    async def _fetch(self) -> _Page:
        if self.refusal:
            raise ScrapeRejectedError(self.refusal, limit="target_limit")
        answer = await self._fetcher.get(self.target.url, headers=self._headers, bounds=self._bounds)
        form = self._form(answer.content_type)
        if len(answer.body) <= INLINE_BYTES_MAX:
            return self._read(answer.body, form)
        return await asyncio.to_thread(self._read, answer.body, form)

    def _form(self, content_type: str) -> Format:
        form = format_of(content_type)
        if form is not None:
            return form
        if self.config.fallback_protocol is not None:
            return self.config.fallback_protocol.form
        said = f"Content-Type {content_type!r}" if content_type else "no Content-Type"
        raise FetchError(f"the target sends {said}, and no fallback_scrape_protocol is set")

    def _read(self, body: bytes, form: Format) -> _Page:
        if len(self._book) > 2 * self._book.live_count() + SERIES_SPARE:
            # Series come and go: forget those that went. The lines are read anew once.
            self._book = SeriesBook(self._book.live())
            self._lines = KnownLines(self._resolve)
        page = _kept(self._lines.read(body, form=form), honor_timestamps=self.config.honor_timestamps)
        limit = self.config.limits.sample_limit
        if limit and len(page.slots) > limit:
            raise ScrapeRejectedError(
                f"sample limit exceeded (samples: {len(page.slots)}, limit: {limit})",
                limit="sample_limit",
                scraped=page.scraped,
                relabelled=page.relabelled,
            )
        return page

    def _resolve(self, pairs: Pairs) -> int:
        labels = final_labels(pairs, self.target.labels, self.config)
        return DROPPED if labels is None else self._book.slot_of(labels)

    # --- telling and handing in ---------------------------------------------------------------------------------------

    def _tell(self, error: str, warning: str, duration_s: float) -> None:
        if error and error != self._error:
            log.warning("scrape_failed", job=self.config.job_name, url=self.target.url, error=error)
        elif not error and self._health is TargetHealth.DOWN:
            log.info("scrape_recovered", job=self.config.job_name, url=self.target.url)
        self._error = error or warning
        self._health = TargetHealth.DOWN if error else TargetHealth.UP
        self._last_duration_s = duration_s
        self._tally.scrapes.labels(outcome="failed" if error else "ok").inc()

    async def _hand_in(self, page: _Page, error: str, duration_s: float, *, time_ms: int, until_ns: int) -> None:
        report = [
            0.0 if error else 1.0,
            duration_s,
            float(page.scraped),
            float(page.relabelled),
            float(self._book.count_new(page.slots)),
        ]
        own_slots = [self._book.slot_of(report_labels(name, self.target.labels)) for name in REPORT_NAMES]
        draft = self._book.draft(
            np.concatenate([page.slots, np.array(own_slots, dtype=np.int64)]),
            np.concatenate([page.values, np.array(report)]),
            time_ms=time_ms,
            times_ms=page.times_ms,
            untracked=() if self.config.track_timestamps_staleness else page.times_ms,
        )
        batch = MetricBatch(
            samples=draft.samples,
            exemplars=self._exemplars(page, time_ms),
            metadata=page.metadata if page.metadata != self._metadata_told else (),
        )
        if await self._store(batch, until_ns):
            self._book.commit(draft)
            self._tally.samples.inc(len(page.slots))
            if page.metadata:
                self._metadata_told = page.metadata

    def _exemplars(self, page: _Page, time_ms: int) -> tuple[Exemplar, ...]:
        return tuple(
            Exemplar(
                series=self._book.labels_at(int(page.slots[position])),
                time_ms=found.time_ms if found.time_ms is not None else page.times_ms.get(position, time_ms),
                value=found.value,
                labels=tuple(sorted(found.labels)),
            )
            for position, found in page.exemplars.items()
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


DROPPED = -1  # instead of a slot: a rule drops the series


def _kept(reading: Reading, *, honor_timestamps: bool) -> _Page:
    """The samples that are to be written: neither dropped by a rule nor a repetition of their series."""
    times_ms = reading.times_ms if honor_timestamps else {}
    keep = reading.slots != DROPPED
    repeated = _repeated(reading.slots, times_ms)
    if repeated:
        keep[repeated] = False
    warning = f"{len(repeated)} samples repeat a series of the same page; the first one stands" if repeated else ""
    place = np.cumsum(keep) - 1
    return _Page(
        slots=reading.slots[keep],
        values=reading.values[keep],
        times_ms={int(place[at]): time_ms for at, time_ms in times_ms.items() if keep[at]},
        exemplars={int(place[at]): found for at, found in reading.exemplars.items() if keep[at]},
        metadata=reading.metadata,
        scraped=len(reading.slots),
        relabelled=int(np.count_nonzero(reading.slots != DROPPED)),
        warning=warning,
    )


def _repeated(slots: NDArray[np.int64], times_ms: Mapping[int, int]) -> list[int]:
    """Positions whose series (and own time, where it has one) stands further up already."""
    kept = slots[slots != DROPPED]
    if len(kept) == 0 or np.bincount(kept).max() == 1:
        return []
    seen: set[tuple[int, int | None]] = set()
    repeated: list[int] = []
    for position, slot in enumerate(slots.tolist()):
        mark = (slot, times_ms.get(position))
        if slot != DROPPED and mark in seen:
            repeated.append(position)
        seen.add(mark)
    return repeated


def _headers(target: Target, config: ScrapeConfig) -> tuple[tuple[str, str], ...]:
    headers = [
        ("Accept", accept_header(config)),
        ("User-Agent", USER_AGENT),
        ("X-Prometheus-Scrape-Timeout-Seconds", f"{target.timeout_s:g}"),
    ]
    if config.enable_compression:
        headers.append(("Accept-Encoding", "gzip"))
    return tuple(headers)
