"""The hand-over to anyascope or an Alertmanager: what fires is posted again and again until it is over, as Prometheus does.

Source: Prometheus, "Alerting clients"; `rules.alerting` of its sources for the intervals.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol
from urllib.parse import urlsplit

from anyascope.clock import NS_PER_S
from anyascope.model.alerts import Alert as PostedAlert
from anyascope.sdk.alerting.book import Book, Held, Moment
from anyascope.sdk.alerting.lane import BACKOFF_FIRST_S, BACKOFF_MAX_S
from anyascope.sdk.alerting.notice import annotations_of_alert, labels_of_alert
from anyascope.sdk.alerting.status import SendOutcome, SendRecord
from anyascope.sdk.delivery.answer import Answer, Verdict
from anyascope.wire.alertmanager_post import ALERTS_PATH, encode_postable
from anyascope.wire.notices.answers import backoff_s

RESEND_S = 60  # Prometheus' own; an Alertmanager forgets after its resolve_timeout, 5 minutes by default
LEASE_S = 4 * RESEND_S  # how long an alert stands where we are not heard of any more: three re-sends may be lost
ALERTS_PER_POST_MAX = 64  # some 100 kB
HANDOVER_LEVEL: Final = -1


class Sender(Protocol):
    """Posts to one address."""

    def send(self, data: bytes) -> Answer:
        """One attempt, bounded in time; never raises."""

    def close(self) -> None:
        """Let go of the connection."""

    def after_fork(self) -> None:
        """Forget the parent's connection."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Alerts that one POST takes along, each with whether it is over."""

    held: tuple[tuple[Held, bool], ...]
    body: bytes


class Forwarder:
    """What one target has been told, and what it must be told next: without threads, times passed in.

    Args:
        name: the target, for people: scheme, host and port.
        sender: who posts.
        generator_url: where the service that raises the alerts is looked at; empty where nowhere.
        random: spreads the retries.
    """

    def __init__(self, name: str, sender: Sender, *, generator_url: str, random: Random) -> None:
        self.name = name
        self.sender = sender
        self._generator_url = generator_url
        self._random = random
        self._failures = 0
        self._hold_ns = 0
        self._refused: dict[int, int] = {}  # episodes that the target will not take, and since when
        self._goes_singly = False

    def take(self, book: Book, now: Moment) -> Parcel | None:
        """What is to be posted now; None where nothing is."""
        if now.steady_ns < self._hold_ns:
            return None
        due = [held for held in book if self._due_ns(held) <= now.steady_ns]
        due.sort(key=lambda held: (not held.is_resolved, held.number))
        chosen = due[: 1 if self._goes_singly else ALERTS_PER_POST_MAX]
        if not chosen:
            return None
        posted = [posted_alert(held, now=now, generator_url=self._generator_url) for held in chosen]
        return Parcel(tuple((held, held.is_resolved) for held in chosen), encode_postable(posted))

    def done(self, parcel: Parcel, answer: Answer, now: Moment) -> list[tuple[Held, SendRecord]]:
        """Take the answer into account; the first word on an alert's beginning and end, and on an outage, is recorded."""
        match answer.verdict:
            case Verdict.TAKEN:
                self._failures, self._hold_ns, self._goes_singly = 0, 0, False
                return self._taken(parcel, now)
            case Verdict.REFUSED if len(parcel.held) > 1:
                self._goes_singly = True  # one of them is wrong: ask about each
                return []
            case Verdict.REFUSED:
                for held, _ in parcel.held:
                    self._refused[held.number] = now.steady_ns
                return self._records(parcel, SendOutcome.FAILED, answer.detail, now)
            case _:
                self._wait(answer, now)
                # An outage is told once; a line an attempt and alert would bury what matters.
                is_news = self._failures == 1
                return self._records(parcel, SendOutcome.RETRY, answer.detail, now) if is_news else []

    def hurry(self) -> None:
        """Try now, our own back-off notwithstanding."""
        self._hold_ns = 0

    def next_ns(self, book: Book) -> int | None:
        """When something is to be posted."""
        soonest = min(map(self._due_ns, book), default=None)
        return None if soonest is None else max(soonest, self._hold_ns)

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt did not get through."""
        return self._failures > 0

    def forget(self, episode: int) -> None:
        """The alert is held no longer."""
        self._refused.pop(episode, None)

    def _due_ns(self, held: Held) -> int:
        refused_ns = self._refused.get(held.number)
        if refused_ns is not None:
            return refused_ns + LEASE_S * NS_PER_S
        known = held.handed.get(self.name)
        if known is None or known[1] != held.is_resolved:
            return 0
        return known[0] + RESEND_S * NS_PER_S

    def _taken(self, parcel: Parcel, now: Moment) -> list[tuple[Held, SendRecord]]:
        news = []
        for held, is_over in parcel.held:
            known = held.handed.get(self.name)
            held.handed[self.name] = (now.steady_ns, is_over)
            self._refused.pop(held.number, None)
            if known is None or known[1] != is_over:
                detail = "its end" if is_over else ""
                news.append((held, self._record(held, SendOutcome.OK, detail, now)))
        return news

    def _wait(self, answer: Answer, now: Moment) -> None:
        self._failures += 1
        wait_s = backoff_s(
            self._failures,
            first_s=BACKOFF_FIRST_S,
            max_s=BACKOFF_MAX_S,
            retry_after_s=answer.retry_after_s,
            random=self._random,
        )
        self._hold_ns = now.steady_ns + int(wait_s * NS_PER_S)

    def _records(self, parcel: Parcel, outcome: SendOutcome, detail: str, now: Moment) -> list[tuple[Held, SendRecord]]:
        return [(held, self._record(held, outcome, detail, now)) for held, _ in parcel.held]

    def _record(self, held: Held, outcome: SendOutcome, detail: str, now: Moment) -> SendRecord:
        return SendRecord(now.utc_ns, self.name, HANDOVER_LEVEL, held.repeats, outcome, detail)


def posted_alert(held: Held, *, now: Moment, generator_url: str) -> PostedAlert:
    """What an Alertmanager is told of it: a lease while it fires, the end where it is over."""
    alert = held.alert
    return PostedAlert(
        labels=labels_of_alert(alert),
        annotations=annotations_of_alert(alert) | {"alert_id": alert.id},
        starts_ns=min(alert.timestamp * NS_PER_S or now.utc_ns, held.resolved_ns or now.utc_ns),
        ends_ns=held.resolved_ns if held.is_resolved else now.utc_ns + LEASE_S * NS_PER_S,
        generator_url=generator_url,
    )


def addresses(urls: Iterable[str]) -> list[str]:
    """The addresses to post to; those without a path get Alertmanager's."""
    found = []
    for url in urls:
        parts = urlsplit(url.rstrip("/"))
        found.append(url if parts.path.endswith(ALERTS_PATH) else f"{url.rstrip('/')}{ALERTS_PATH}")
    return found
