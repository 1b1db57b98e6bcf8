"""Behind the `AlertResponder` port: people's answers become steps of the desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anyascope.alerting.book import Book
from anyascope.alerting.desk import Alerting
from anyascope.alerting.escalation.care import Request
from anyascope.alerting.escalation.escalation import Escalation, groups_of
from anyascope.alerting.escalation.events import read_timeline
from anyascope.alerting.intake import HeldAlert
from anyascope.alerting.steps import Step
from anyascope.errors import NotFoundError
from anyascope.model.escalation import EscalationPolicy
from anyascope.model.notifications import AlertStatus
from anyascope.model.responses import AlertCare, AlertStory, ResponseAction, ResponseResult
from anyascope.store.api.documents import DocumentStore


class Responder:
    """Takes answers, one at a time, and tells an alert's story."""

    def __init__(self, desk: Alerting, escalation: Escalation, documents: DocumentStore) -> None:
        self._desk = desk
        self._escalation = escalation
        self._documents = documents

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
        """Do what a person wants done; see the port."""
        request = Request(action, by, note, for_s, to).checked()
        notice = ""

        def decide(book: Book, now_ns: int) -> Step:
            nonlocal notice
            step, notice = self._escalation.respond(book, alert_id, request, now_ns=now_ns)
            return step

        await self._desk.change(decide)
        return ResponseResult(await self.story(alert_id), notice)

    async def story(self, alert_id: str) -> AlertStory:
        """The alert, and all that happened to it."""
        known = self._desk.ask(lambda book, now_ns: _known(book, alert_id, now_ns=now_ns))
        timeline = await read_timeline(self._documents, known.held, groups=known.groups, now_ns=known.now_ns)
        return AlertStory(known.status, self.care_of(alert_id), tuple(timeline))

    def policies(self) -> Sequence[EscalationPolicy]:
        """The policies that act."""
        return self._escalation.policies()

    def care_of(self, alert_id: str) -> AlertCare:
        """How people stand to it."""
        return self._escalation.care_of(alert_id)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the desk says of an alert at one moment."""

    status: AlertStatus
    held: HeldAlert
    groups: list[str]
    now_ns: int


def _known(book: Book, alert_id: str, *, now_ns: int) -> _Known:
    status, held = book.status(alert_id, now_ns=now_ns), book.alerts.get(alert_id)
    if status is None or held is None:
        raise NotFoundError(f"there is no alert {alert_id}")
    return _Known(status, held, groups_of(book, held), now_ns)
