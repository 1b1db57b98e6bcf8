"""The protocols that several rooms share: strangers on one floor meet here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

from anyascope.model.alerts import Alert
from anyascope.model.documents import Change
from anyascope.model.escalation import EscalationPolicy
from anyascope.model.logs import LogBatch
from anyascope.model.metrics import MetricBatch
from anyascope.model.notifications import AlertStatus, DeliveryStatus, JournalPage, Notification
from anyascope.model.responses import AlertCare, AlertStory, LinkSight, ResponseAction, ResponseResult
from anyascope.model.traces import SpanBatch


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a batch: what was accepted is durable when this is returned.

    `reasons` says, one sentence a reason with its count, why `rejected` rows were not taken. Of metrics, `accepted` holds
    `histograms`, and `exemplars` were taken beside them.
    """

    accepted: int
    rejected: int = 0
    reasons: tuple[str, ...] = ()
    histograms: int = 0
    exemplars: int = 0


class Intake(Protocol):
    """The one way in. `receive` and `collect` call it; `ingest` is behind it.

    Each method returns after the commit. Each raises `UnavailableError` when the queue is full or the store cannot write
    (nothing was taken), never drops silently.
    """

    async def metrics(self, batch: MetricBatch, *, source: str) -> Admission:
        """Admit and store metrics. `source` is for limits and counters, such as `otlp`, `scrape`, `host`."""

    async def logs(self, batches: Sequence[LogBatch], *, source: str) -> Admission:
        """Admit, redact, enrich and store logs."""

    async def spans(self, batches: Sequence[SpanBatch], *, source: str) -> Admission:
        """Admit, redact, enrich and store spans."""


MetricsListener: TypeAlias = Callable[[MetricBatch], None]
LogsListener: TypeAlias = Callable[[Sequence[LogBatch]], None]
SpansListener: TypeAlias = Callable[[Sequence[SpanBatch]], None]


class Arrivals(Protocol):
    """Tells who asks what has just been stored. Listeners run on the event loop after the commit: be quick, never raise."""

    def on_metrics(self, listener: MetricsListener) -> Callable[[], None]:
        """Call `listener` with each stored batch until the returned function is called."""

    def on_logs(self, listener: LogsListener) -> Callable[[], None]:
        """The same for logs."""

    def on_spans(self, listener: SpansListener) -> Callable[[], None]:
        """The same for spans."""


class AlertSink(Protocol):
    """Where rules (and posted alerts) hand over what they found."""

    async def receive(self, alerts: Sequence[Alert]) -> None:
        """Take over these alerts: once this returns they survive `kill -9`. Repeats of a known alert refresh it."""


class Outbox(Protocol):
    """Where `alerting` leaves what is to be said; `notify` is behind it."""

    def changes_for(self, notifications: Sequence[Notification]) -> Sequence[Change]:
        """What makes these durable. The caller commits it together with its own state, then calls `committed`."""

    def committed(self, notifications: Sequence[Notification]) -> None:
        """They are durable: send them. Quick, never raises; delivery goes on beside."""

    def undurable(self, notifications: Sequence[Notification]) -> None:
        """The store cannot write (a full disk): send them from memory all the same, and make them durable once it can."""


class AlertDesk(Protocol):
    """What people may ask of `alerting`: which alerts there are, and who was told."""

    def alerts(self) -> Sequence[AlertStatus]:
        """Firing and lately resolved alerts, most severe first, then newest."""

    async def notifications(
        self, *, limit: int = 100, cursor: str = "", receiver: str = "", status: DeliveryStatus | None = None
    ) -> JournalPage:
        """The journal, newest first.

        Raises:
            InvalidInputError: the limit is out of bounds, or the cursor is not one of ours.
        """


class AlertResponder(Protocol):
    """What people do about alerts: the page, the terminal, links in messages, buttons, the phone's keys."""

    async def respond(
        self,
        alert_id: str,
        action: ResponseAction,
        *,
        by: str,
        note: str = "",
        for_s: float | None = None,
        to: str = "",
    ) -> ResponseResult:
        """Do what a person wants done; once this returns it survives `kill -9`.

        Args:
            by: the person.
            note: why; of a comment, its text.
            for_s: how long an acknowledgement or a snooze holds.
            to: whom the alert is assigned to.

        Raises:
            InvalidInputError: something is missing or out of bounds.
            NotFoundError: there is no such alert.
            ConflictError: the alert has ended, or there is nothing to take back or to climb.
            UnavailableError: the store cannot write; nothing was done.
        """

    async def story(self, alert_id: str) -> AlertStory:
        """The alert, and all that happened to it.

        Raises:
            NotFoundError: there is no such alert.
        """

    def policies(self) -> Sequence[EscalationPolicy]:
        """The escalation policies that act."""

    def care_of(self, alert_id: str) -> AlertCare:
        """How people stand to an alert; nothing where it is not known."""


class ActingLinks(Protocol):
    """Links in messages that do one thing about one alert, once. Whoever has one needs no token of the server."""

    async def look(self, token: str) -> LinkSight:
        """What the link is about. Changes nothing: scanners of mail look at every link."""

    async def use(self, token: str, *, by: str) -> LinkSight:
        """Do what the link is for, where it is `READY`; durable once this returns.

        Args:
            by: the person; the message's recipient where empty.

        Raises:
            InvalidInputError: the name is too long.
            UnavailableError: the store cannot write; nothing was done, and the link can be used again.
        """


class HealthStatus(Enum):
    """How a component is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """One component's word on itself. `advice` says what to do where the status is not healthy."""

    component: str
    kind: str  # such as `store`, `collector`, `receiver`, `rules`, `notify`, `host`, `service`
    status: HealthStatus
    message: str = ""
    advice: str = ""
    since_ns: int = 0


class HealthSource(Protocol):
    """Anything that can say how it is."""

    def health(self) -> Sequence[ComponentHealth]:
        """How its components are now; quick, never raises."""
