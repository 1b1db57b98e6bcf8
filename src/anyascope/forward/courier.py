"""Delivers requests to one far end, each until it is taken or refused for good, and counts what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import structlog
from prometheus_client import Counter

from anyascope.clock import MS_PER_S, NS_PER_MS, NS_PER_S, Clock
from anyascope.forward.options import RemoteWrite
from anyascope.forward.send import Encoder, Result, Sender, Verdict
from anyascope.forward.shards import wait_after
from anyascope.forward.tally import KINDS, TOO_OLD, Tally
from anyascope.model.metrics import MetricMetadata
from anyascope.wire.prompb.encode_v1 import WriteV1Encoder, encode_metadata
from anyascope.wire.prompb.outgoing import Outgoing, WireSeries

TELL_AGAIN_S = 600.0  # a cause that lasts is told again after so long, with how often it was met
DIVIDED_REQUESTS_MAX = 32  # for one request that was refused; to find one series among 2,000 takes 22
DIVIDE_AGAIN_S = 60.0  # a far end that took no part of a request is not asked for parts so soon again
BAD_REQUEST = "400"
RECENT_S = 300.0  # a refusal is part of how the far end is for so long

log = structlog.get_logger("anyascope.forward")


@dataclass(slots=True)
class _Told:
    """A cause in the log: when it was told last, and how many requests it has cost since."""

    at_ns: int
    requests: int = 0


@dataclass(slots=True)
class Parcel:
    """What is to be delivered; samples that become too old meanwhile are taken out."""

    content: Outgoing

    @property
    def counts(self) -> dict[str, int]:
        """How much of each kind it holds."""
        return counts_of(self.content)


@dataclass(slots=True)
class State:
    """How the far end is.

    Attributes:
        waiting: what was said to the requests that are sent again, by their number.
        refused, refused_ns: what was said when something was refused last.
        taken_ns: when something was taken last, monotonic.
        newest_ms: of the samples that are dealt with.
        seconds: of requests, since they were asked for last.
    """

    waiting: dict[int, str] = field(default_factory=dict)
    refused: str = ""
    refused_ns: int = 0
    taken_ns: int = 0
    newest_ms: int = 0
    seconds: float = 0.0


class Courier:
    """Delivers to one far end; several requests may be under way at a time."""

    def __init__(self, remote: RemoteWrite, *, encoder: Encoder, sender: Sender, clock: Clock, tally: Tally) -> None:
        self._remote = remote
        self._encoder = encoder
        self._sender = sender
        self._clock = clock
        self._tally = tally
        self._labels = (remote.name, remote.shown_url)
        self._told: dict[str, _Told] = {}
        self._described: Sequence[MetricMetadata] = ()
        self._numbers = count()
        self._divided_from_ns = 0  # from when on a refused request is divided
        self.state = State()

    @property
    def fault(self) -> str:
        """Why the far end takes nothing now; empty where it does, or nothing was to be sent."""
        return next(iter(self.state.waiting.values()), "")

    @property
    def refusal(self) -> str:
        """What the far end refused of late, in its own words; empty where nothing."""
        since_s = (self._clock.monotonic_ns() - self.state.refused_ns) / NS_PER_S
        return self.state.refused if since_s < RECENT_S else ""

    def take_seconds(self) -> float:
        """Seconds of requests since this was asked last."""
        seconds, self.state.seconds = self.state.seconds, 0.0
        return seconds

    async def deliver(self, content: Outgoing, *, is_repeat: bool = False) -> bool:
        """Return once the far end has taken the request (True) or refused it, or a part of it.

        Args:
            is_repeat: it may have been taken before, so that a refusal is no loss.
        """
        parcel = Parcel(content)
        result = await self._send(parcel)
        if result is None or result.verdict is Verdict.TAKEN:
            return True
        if is_repeat:
            return False
        now_ns = self._clock.monotonic_ns()
        if is_divisible(result, parcel.content) and now_ns >= self._divided_from_ns:
            if not await self._divide(parcel.content):
                self._divided_from_ns = now_ns + round(DIVIDE_AGAIN_S * NS_PER_S)
        else:
            self._refused(parcel.counts, result)
        return False

    async def _divide(self, content: Outgoing) -> bool:
        """Send the parts of a refused request by themselves, so that one series does not take others along.

        Returns:
            Whether any part was taken.
        """
        waiting, requests, was_taken = [*halves(content)], 0, False
        while waiting:
            parcel = Parcel(waiting.pop(0))
            result = await self._send(parcel)
            requests += 1
            if result is None or result.verdict is Verdict.TAKEN:
                was_taken = True
            elif is_divisible(result, parcel.content) and requests + len(waiting) < DIVIDED_REQUESTS_MAX:
                waiting += halves(parcel.content)
            else:
                self._refused(parcel.counts, result)
        return was_taken

    async def _send(self, parcel: Parcel) -> Result | None:
        """The final answer to a request, counted where it was taken; None where nothing of it was left to send."""
        limit_s = self._remote.queue.sample_age_limit_s

        def encoded() -> bytes:
            if limit_s:
                parcel.content = self._young(parcel.content, limit_s=limit_s)
            return self._encoder.encode(parcel.content) if any(parcel.counts.values()) else b""

        result = await self._attempt(encoded, retried=lambda: self._count(self._tally.retried, parcel.counts))
        if result is not None and result.verdict is Verdict.TAKEN:
            self._taken(parcel, result)
        return result

    def _refused(self, counts: Mapping[str, int], result: Result) -> None:
        written = result.written or {}
        self._count(self._tally.sent, written)
        self._count(self._tally.failed, {kind: counts[kind] - written.get(kind, 0) for kind in KINDS})

    def reached(self, time_ms: int) -> None:
        """Samples of this time are dealt with."""
        self.state.newest_ms = max(self.state.newest_ms, time_ms)
        self._tally.highest_sent.labels(*self._labels).set(self.state.newest_ms / MS_PER_S)

    async def tell_metadata(self, entries: Sequence[MetricMetadata]) -> None:
        """Say what metrics are; by 2.0 it goes along with their samples from now on."""
        if not isinstance(self._encoder, WriteV1Encoder):
            if entries != self._described:
                self._described = entries
                self._encoder.describe(entries)
            return
        size = self._remote.metadata.max_samples_per_send
        for start in range(0, len(entries), size):
            await self._tell_some(entries[start : start + size])

    async def _tell_some(self, entries: Sequence[MetricMetadata]) -> None:
        tally = self._tally
        result = await self._attempt(
            lambda: encode_metadata(entries),
            retried=lambda: tally.metadata_retried.labels(*self._labels).inc(len(entries)),
        )
        assert result is not None  # there is something to say
        is_taken = result.verdict is Verdict.TAKEN
        (tally.metadata if is_taken else tally.metadata_failed).labels(*self._labels).inc(len(entries))

    async def close(self) -> None:
        """Let go of connections."""
        await self._sender.close()

    async def _attempt(self, encoded: Callable[[], bytes], *, retried: Callable[[], None]) -> Result | None:
        """Send until there is a final answer; None where there was nothing (left) to send."""
        number, attempt, backoff_s = next(self._numbers), 0, self._remote.queue.min_backoff_s
        try:
            while True:
                body = encoded()
                if not body:
                    return None
                result = await self._once(body, attempt)
                if result.verdict is not Verdict.AGAIN:
                    return result
                self.state.waiting[number] = result.detail
                wait = wait_after(backoff_s, retry_after_s=result.retry_after_s, max_s=self._remote.queue.max_backoff_s)
                backoff_s, attempt = wait.next_s, attempt + 1
                retried()
                await self._clock.sleep(wait.seconds)
        finally:
            self.state.waiting.pop(number, None)

    async def _once(self, body: bytes, attempt: int) -> Result:
        began_ns = self._clock.monotonic_ns()
        result = await self._sender.send(
            body, content_type=self._encoder.content_type, version=self._encoder.version, attempt=attempt
        )
        seconds = (self._clock.monotonic_ns() - began_ns) / NS_PER_S
        self._tally.seconds.labels(*self._labels).observe(seconds)
        self._tally.bytes.labels(*self._labels).inc(result.sent_bytes)
        self.state.seconds += seconds
        if result.verdict is Verdict.TAKEN:
            self.state.taken_ns = self._clock.monotonic_ns()
        else:
            self._tell(result)
        return result

    def _taken(self, parcel: Parcel, result: Result) -> None:
        counts, content = parcel.counts, parcel.content
        written = counts if result.written is None else {kind: result.written.get(kind, 0) for kind in KINDS}
        self._count(self._tally.sent, written)
        self._count(self._tally.failed, {kind: max(counts[kind] - written[kind], 0) for kind in KINDS})
        if len(content.times_ms):
            self.reached(int(content.times_ms.max()))

    def _young(self, content: Outgoing, *, limit_s: float) -> Outgoing:
        """Without what is older than the limit; that is counted as dropped."""
        oldest_ms = self._clock.now_ns() // NS_PER_MS - round(limit_s * MS_PER_S)
        is_young = content.times_ms >= oldest_ms
        histograms = [each for each in content.histograms if each[1].time_ms >= oldest_ms]
        exemplars = [each for each in content.exemplars if each[1].time_ms >= oldest_ms]
        rows = np.flatnonzero(is_young).tolist()
        found = Outgoing(
            [content.series[row] for row in rows],
            content.times_ms[is_young],
            content.values[is_young],
            histograms,
            exemplars,
        )
        kept = counts_of(found)
        for kind, number in counts_of(content).items():
            if number > kept[kind]:
                self._tally.dropped[kind].labels(*self._labels, TOO_OLD).inc(number - kept[kind])
        return found

    def _count(self, counters: Mapping[str, Counter], counts: Mapping[str, int]) -> None:
        for kind, number in counts.items():
            if number > 0:
                counters[kind].labels(*self._labels).inc(number)

    def _tell(self, result: Result) -> None:
        """A line in our log once a cause, and again after a while with how often it was met."""
        now_ns = self._clock.monotonic_ns()
        is_final = result.verdict is Verdict.REFUSED
        if is_final:
            self.state.refused, self.state.refused_ns = result.detail, now_ns
        told = self._told.get(result.cause)
        if told is not None and now_ns - told.at_ns < TELL_AGAIN_S * NS_PER_S:
            told.requests += 1
            return
        say, event = (log.error, "forward_refused") if is_final else (log.warning, "forward_deferred")
        say(
            event,
            remote_name=self._remote.name,
            url=self._remote.shown_url,
            detail=result.detail,
            requests_since_told=told.requests if told is not None else 0,
        )
        self._told[result.cause] = _Told(now_ns)


def counts_of(content: Outgoing) -> dict[str, int]:
    """How much of each kind a request holds."""
    return dict(zip(KINDS, (len(content.series), len(content.histograms), len(content.exemplars)), strict=True))


def is_divisible(result: Result, content: Outgoing) -> bool:
    """Whether a part of what was refused may be taken: some far ends refuse a request as a whole for one sample.

    One that says how much it has written has taken what it wants.
    """
    return result.cause == BAD_REQUEST and not result.written and len(_series_of(content)) > 1


def halves(content: Outgoing) -> tuple[Outgoing, Outgoing]:
    """Two requests of half the series each; a series' own samples stay together, in order."""
    series = _series_of(content)
    first = set(series[: len(series) // 2])
    return _of_series(content, first, is_in=True), _of_series(content, first, is_in=False)


def _series_of(content: Outgoing) -> list[WireSeries]:
    beside = [series for series, _ in (*content.histograms, *content.exemplars)]
    return list(dict.fromkeys((*content.series, *beside)))


def _of_series(content: Outgoing, some: set[WireSeries], *, is_in: bool) -> Outgoing:
    rows = [row for row, series in enumerate(content.series) if (series in some) is is_in]
    return Outgoing(
        [content.series[row] for row in rows],
        content.times_ms[rows],
        content.values[rows],
        [each for each in content.histograms if (each[0] in some) is is_in],
        [each for each in content.exemplars if (each[0] in some) is is_in],
    )
