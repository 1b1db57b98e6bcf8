"""Heartbeats that others send us: who stops calling is an alert, which ends with the next call."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from anyascope.alerting.heartbeat_settings import Heartbeat
from anyascope.clock import NS_PER_S, Clock, wait_for
from anyascope.errors import DeniedError, NotFoundError, UnavailableError
from anyascope.model.alerts import Alert
from anyascope.model.documents import Change, Delete, Document, Put
from anyascope.model.labels import labels_of
from anyascope.ports import AlertSink, ComponentHealth, HealthStatus
from anyascope.semconv.alerts import (
    ANNOTATION_DESCRIPTION,
    ANNOTATION_SUMMARY,
    LABEL_ALERTNAME,
    LABEL_COMPONENT,
    LABEL_SEVERITY,
)
from anyascope.store.api.documents import DocumentStore, every_document
from anyascope.wire.go_times import rfc3339

KIND_HEARTBEAT = "heartbeat"
ALERTNAME = "HeartbeatMissed"
RESEND_S = 60.0  # as Prometheus tells a firing alert again: within the time after which it would count as over
RETRY_S = 1.0  # a store that cannot write may do so by then

log = structlog.get_logger("anyascope.alerting")


@dataclass(slots=True)
class _Pulse:
    """One heartbeat's state.

    Attributes:
        last_ns: the last call, or since when it is expected; UTC.
        due_ns: when it is late, on the clock that is not set.
        late_ns: since when it is late, UTC; 0 while it is not.
        was_heard: whether anybody ever called.
        resend_ns: when the alert is told again, on the clock that is not set.
        began_ns: when it was late last, UTC, which is when its alert began.
        is_untold: its end could not be handed over yet.
    """

    heartbeat: Heartbeat
    last_ns: int
    due_ns: int
    late_ns: int = 0
    was_heard: bool = False
    resend_ns: int = 0
    began_ns: int = 0
    is_untold: bool = False


class Heartbeats:
    """Takes calls and watches that they come.

    Time is judged by the clock that is not set: one that jumps makes nobody late. Over a restart the calls' own times
    count, and nobody is late sooner than one grace after it, since calls could not arrive meanwhile.

    Args:
        documents: holds the calls.
        sink: takes the alerts.
        heartbeats: who is expected.
        clock: time.
        registry: for the counters.
    """

    def __init__(
        self,
        documents: DocumentStore,
        sink: AlertSink,
        *,
        heartbeats: Sequence[Heartbeat],
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._documents = documents
        self._sink = sink
        self._expected = tuple(heartbeats)
        self._clock = clock
        self._pulses: dict[str, _Pulse] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._received = Counter(
            "anyascope_heartbeats_received", "Calls of those who send heartbeats.", ["heartbeat"], registry=registry
        )
        self._refused = Counter("anyascope_heartbeats_refused", "Calls with a wrong key.", registry=registry)
        registry.register(_Gauges(self))

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read what is stored, and watch from now on. Alerting must have started.

        Raises:
            UnavailableError: the store cannot be used.
        """
        stored = {document.key: document async for document in every_document(self._documents, KIND_HEARTBEAT)}
        await self._take_over(self._expected, stored)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Watch no longer; what was called stays stored."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def reload(self, heartbeats: Sequence[Heartbeat]) -> None:
        """Expect these from now on; who stays keeps its last call, and who goes is late no longer."""
        stored = {key: _document(pulse) for key, pulse in self._pulses.items()}
        try:
            await self._take_over(heartbeats, stored)
        except UnavailableError as error:
            # They are expected all the same; the next start finds who is new or gone by the settings.
            log.warning("heartbeats_not_stored", detail=str(error))
        self._wake.set()

    async def _take_over(self, heartbeats: Sequence[Heartbeat], stored: dict[str, Document]) -> None:
        now_ns, mono_ns = self._clock.now_ns(), self._clock.monotonic_ns()
        old, new = self._pulses, dict[str, _Pulse]()
        changes: list[Change] = []
        for one in heartbeats:
            known = old.get(one.name)
            if known is not None:
                moved_ns = int((one.limit_s - known.heartbeat.limit_s) * NS_PER_S)
                known.heartbeat, known.due_ns = one, known.due_ns + moved_ns
                new[one.name] = known
                continue
            pulse = new[one.name] = _pulse(one, stored.get(one.name), now_ns=now_ns, mono_ns=mono_ns)
            if one.name not in stored:
                changes.append(_put(pulse))
        gone = [name for name in stored if name not in new]
        changes.extend(Delete(KIND_HEARTBEAT, name) for name in gone)
        self._pulses = new
        if changes:
            await self._documents.commit(changes)
        over = [pulse for name, pulse in old.items() if name in gone and pulse.late_ns]
        if over:
            await self._sink.receive([_alert(pulse, ends_ns=now_ns) for pulse in over])

    # --- calls --------------------------------------------------------------------------------------------------------

    async def beat(self, name: str, *, key: str, is_trusted: bool) -> int:
        """Somebody calls: when the next call must have come (UTC). Once this returns the call survives `kill -9`.

        Args:
            name: whose heartbeat.
            key: as the caller gave it.
            is_trusted: whether the caller may do everything here; counts where the heartbeat has no key of its own.

        Raises:
            NotFoundError: nobody of this name is expected.
            DeniedError: the key is wrong.
            UnavailableError: the store cannot write; the call does not count.
        """
        pulse = self._pulses.get(name)
        if pulse is None:
            raise NotFoundError(f"no heartbeat is called {name!r}")
        secret = pulse.heartbeat.key
        if not (hmac.compare_digest(secret.reveal().encode(), key.encode()) if secret is not None else is_trusted):
            self._refused.inc()
            raise DeniedError("the key of this heartbeat is wrong, or missing")
        now_ns = self._clock.now_ns()
        called = _Pulse(pulse.heartbeat, now_ns, 0, was_heard=True)
        # Answer after the commit, so that a call that was answered is not missed after a crash.
        await self._documents.commit([_put(called)])
        was_late_ns = pulse.late_ns
        pulse.last_ns, pulse.was_heard, pulse.late_ns = now_ns, True, 0
        pulse.due_ns = self._clock.monotonic_ns() + int(pulse.heartbeat.limit_s * NS_PER_S)
        self._received.labels(name).inc()
        if was_late_ns:
            pulse.is_untold = True
            log.info("heartbeat_back", heartbeat=name)
        self._wake.set()
        return now_ns + int(pulse.heartbeat.limit_s * NS_PER_S)

    # --- watching -----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._look()
            except UnavailableError as error:
                log.warning("heartbeats_deferred", detail=str(error))
                await self._clock.sleep(max(error.retry_after_s, RETRY_S))
                continue
            except Exception:
                # Whatever breaks, whoever stops calling must go on being noticed.
                log.exception("heartbeats_broke")
                await self._clock.sleep(RETRY_S)
                continue
            mono_ns = self._clock.monotonic_ns()
            dues = [pulse.resend_ns if pulse.late_ns else pulse.due_ns for pulse in self._pulses.values()]
            if dues:
                await wait_for(self._wake, clock=self._clock, timeout_s=(min(dues) - mono_ns) / NS_PER_S)
            else:
                await self._wake.wait()

    async def _look(self) -> None:
        now_ns, mono_ns = self._clock.now_ns(), self._clock.monotonic_ns()
        back = [pulse for pulse in self._pulses.values() if pulse.is_untold]
        if back:
            await self._sink.receive([_alert(pulse, ends_ns=now_ns) for pulse in back])
            for pulse in back:
                pulse.is_untold = False
        fresh = [one for one in self._pulses.values() if not one.late_ns and one.due_ns <= mono_ns]
        told = [one for one in self._pulses.values() if one.late_ns and one.resend_ns <= mono_ns]
        if not fresh and not told:
            return
        for pulse in fresh:
            pulse.late_ns = pulse.began_ns = now_ns
            log.warning("heartbeat_missed", heartbeat=pulse.heartbeat.name, limit_s=pulse.heartbeat.limit_s)
        for pulse in (*fresh, *told):
            pulse.resend_ns = mono_ns + int(RESEND_S * NS_PER_S)
        try:
            await self._sink.receive([_alert(pulse) for pulse in (*fresh, *told)])
            if fresh:
                await self._documents.commit([_put(pulse) for pulse in fresh])
        except UnavailableError:
            for pulse in (*fresh, *told):
                pulse.resend_ns = mono_ns  # tell it again once that is possible
            raise

    # --- seen ---------------------------------------------------------------------------------------------------------

    def health(self) -> Sequence[ComponentHealth]:
        """How each of those is who send heartbeats."""
        return [_health(pulse) for pulse in self._pulses.values()]

    def seen(self) -> Iterator[tuple[str, float, bool]]:
        """Name, time of the last call in Unix seconds (0 where there was none), and whether it is late."""
        for name, pulse in self._pulses.items():
            yield name, pulse.last_ns / NS_PER_S if pulse.was_heard else 0.0, pulse.late_ns > 0


def _pulse(one: Heartbeat, stored: Document | None, *, now_ns: int, mono_ns: int) -> _Pulse:
    limit_ns = int(one.limit_s * NS_PER_S)
    if stored is None:
        return _Pulse(one, now_ns, mono_ns + limit_ns)
    last_ns, late_ns = stored.body["last_ns"], stored.body["late_ns"]
    assert isinstance(last_ns, int)  # we wrote it
    assert isinstance(late_ns, int)
    since_ns = max(now_ns - last_ns, 0)  # a clock that was set back makes nobody early
    due_ns = mono_ns + max(limit_ns - since_ns, int(one.grace_s * NS_PER_S))
    return _Pulse(
        one,
        last_ns,
        due_ns,
        late_ns=late_ns,
        began_ns=late_ns,
        was_heard=stored.body["was_heard"] is True,
        resend_ns=mono_ns,
    )


def _document(pulse: _Pulse) -> Document:
    body = {"last_ns": pulse.last_ns, "late_ns": pulse.late_ns, "was_heard": pulse.was_heard}
    return Document(KIND_HEARTBEAT, pulse.heartbeat.name, body)


def _put(pulse: _Pulse) -> Put:
    document = _document(pulse)
    return Put(document.kind, document.key, document.body)


def _alert(pulse: _Pulse, *, ends_ns: int = 0) -> Alert:
    one = pulse.heartbeat
    labels = {
        LABEL_ALERTNAME: ALERTNAME,
        LABEL_COMPONENT: one.name,
        LABEL_SEVERITY: "high",
        **dict(one.labels),
        "heartbeat": one.name,
    }
    last = f"The last call came at {rfc3339(pulse.last_ns)}." if pulse.was_heard else "It has never called."
    annotations = {
        ANNOTATION_SUMMARY: f"{one.name} does not call",
        ANNOTATION_DESCRIPTION: f"A call each {one.period_s:g} s was expected, with {one.grace_s:g} s of grace. {last}",
        **dict(one.annotations),
    }
    # A wall clock that was set back meanwhile makes no alert that ends before it began.
    starts_ns = min(pulse.began_ns, ends_ns) if ends_ns else pulse.began_ns
    return Alert(labels_of(labels), annotations, starts_ns=starts_ns, ends_ns=ends_ns)


def _health(pulse: _Pulse) -> ComponentHealth:
    name = f"heartbeat {pulse.heartbeat.name}"
    last = f"last call: {rfc3339(pulse.last_ns)}" if pulse.was_heard else "has never called"
    if not pulse.late_ns:
        return ComponentHealth(name, "heartbeat", HealthStatus.HEALTHY, last)
    advice = "see what should call here; its next call ends the alert"
    return ComponentHealth(name, "heartbeat", HealthStatus.UNHEALTHY, last, advice, since_ns=pulse.late_ns)


class _Gauges(Collector):
    """When each called last and whether it is late, as of the scrape."""

    def __init__(self, heartbeats: Heartbeats) -> None:
        self._heartbeats = heartbeats

    def collect(self) -> Iterator[Metric]:
        last = GaugeMetricFamily(
            "anyascope_heartbeat_last_seconds", "Unix time of the last call; 0 before the first.", labels=("heartbeat",)
        )
        late = GaugeMetricFamily("anyascope_heartbeat_late", "1 while the call is overdue.", labels=("heartbeat",))
        for name, at_s, is_late in self._heartbeats.seen():
            last.add_metric((name,), at_s)
            late.add_metric((name,), is_late)
        yield from (last, late)
