"""Alerts on their way in: checked, named, and merged with what is known of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from anyascope.alerting.fingerprint import fingerprint_of
from anyascope.alerting.flapping import STEADY, Pulse
from anyascope.clock import NS_PER_S
from anyascope.errors import UnavailableError
from anyascope.model.alerts import Alert, AlertSeverity
from anyascope.model.documents import Document, Json, Put
from anyascope.model.labels import Labels
from anyascope.semconv.alerts import LABEL_CORRELATION_ID, severity_of

KIND_ALERT = "alert"
ALERTS_MAX = 100_000  # 100 MB in memory; more than that firing is one fault told a hundred thousand times
FULL_RETRY_S = 60.0  # ended alerts are forgotten once a minute


@dataclass(frozen=True, slots=True)
class HeldAlert:
    """An alert that `alerting` has taken over.

    Attributes:
        ends_ns: never 0: when it ended, or when it counts as ended if nothing is heard of it again.
        is_timeout: whether `ends_ns` is our own guess, since the sender named no end.
        is_ended: whether its end was told, or acted upon; otherwise a restart gives it time to be heard of again.
        received_ns: when it was first heard of in this episode.
        updated_ns: when it was last heard of.
        pulse: whether it comes and goes.
    """

    fingerprint: str
    labels: Labels
    annotations: Mapping[str, str]
    starts_ns: int
    ends_ns: int
    received_ns: int
    updated_ns: int
    severity: AlertSeverity
    is_timeout: bool = False
    is_ended: bool = False
    generator_url: str = ""
    correlation_id: str = ""
    pulse: Pulse = STEADY

    def is_firing(self, now_ns: int) -> bool:
        """Whether it has not ended yet."""
        return self.ends_ns > now_ns

    def is_told_as_firing(self, now_ns: int) -> bool:
        """Whether channels hear of it as firing: it fires, or it flaps and its end is held back."""
        return self.ends_ns > now_ns or self.pulse.is_flapping(now_ns)


def fault_of(alert: Alert) -> str:
    """What is wrong with an alert, in Alertmanager's words; empty where nothing is."""
    if alert.ends_ns and alert.starts_ns and alert.ends_ns < alert.starts_ns:
        return "start time must be before end time"
    if any(not name for name, _ in alert.labels):
        return 'invalid label set: invalid name ""'
    if not alert.labels:
        return "at least one label pair required"
    if "" in alert.annotations:
        return 'invalid annotations: invalid name ""'
    try:
        for name, text in (*alert.labels, *alert.annotations.items()):
            (name + text).encode()
    except UnicodeEncodeError:
        return "labels and annotations must be valid UTF-8"
    return ""


def merge(old: HeldAlert | None, alert: Alert, fingerprint: str, *, now_ns: int, resolve_timeout_ns: int) -> HeldAlert:
    """What is known of an alert after this was heard, as Alertmanager merges.

    Overlapping episodes become one: the earliest start stands; of two told ends the later one, and an end that a sender
    named for a firing alert is not pulled forward by one that we only guessed.
    """
    new = _held(alert, fingerprint, old, now_ns=now_ns, resolve_timeout_ns=resolve_timeout_ns)
    if old is None or not _overlaps(old, new):
        return new
    ends_ns, is_timeout = new.ends_ns, new.is_timeout
    both_ended = not new.is_firing(now_ns) and not old.is_firing(now_ns)
    keeps_end = both_ended if not new.is_firing(now_ns) else not old.is_timeout
    if keeps_end and old.ends_ns > new.ends_ns:
        ends_ns, is_timeout = old.ends_ns, old.is_timeout
    return replace(
        new,
        starts_ns=min(old.starts_ns, new.starts_ns),
        ends_ns=ends_ns,
        is_timeout=is_timeout,
        received_ns=old.received_ns if old.is_firing(now_ns) else new.received_ns,
    )


@dataclass(frozen=True, slots=True)
class Taken:
    """What several posts of alerts come to, together.

    Attributes:
        alerts: all that were named, by fingerprint, as they are now.
        news: those of them that must be stored.
        faults: for each post None, or why none of its alerts was taken over.
    """

    alerts: Mapping[str, HeldAlert]
    news: Mapping[str, HeldAlert]
    faults: Sequence[UnavailableError | None]


def take_over(
    held: Mapping[str, HeldAlert], posts: Iterable[Sequence[Alert]], *, now_ns: int, resolve_timeout_ns: int
) -> Taken:
    """What is known after these posts, one after the other. Nothing is changed; each post is taken whole or not at all."""
    alerts: dict[str, HeldAlert] = {}
    news: dict[str, HeldAlert] = {}
    faults: list[UnavailableError | None] = []
    count = len(held)
    for post in posts:
        mine: dict[str, HeldAlert] = {}
        my_news: dict[str, HeldAlert] = {}
        for alert in post:
            fingerprint = fingerprint_of(alert.labels)
            old = mine.get(fingerprint) or alerts.get(fingerprint) or held.get(fingerprint)
            new = merge(old, alert, fingerprint, now_ns=now_ns, resolve_timeout_ns=resolve_timeout_ns)
            if old is None and new.ends_ns <= now_ns:
                continue  # nobody was told of its beginning
            mine[fingerprint] = new
            if not is_refresh(old, new, now_ns=now_ns):
                my_news[fingerprint] = new
        new_count = count + sum(fingerprint not in held and fingerprint not in alerts for fingerprint in mine)
        if new_count > ALERTS_MAX:
            faults.append(
                UnavailableError(f"{ALERTS_MAX} alerts are held, no more are taken over", retry_after_s=FULL_RETRY_S)
            )
            continue
        count = new_count
        alerts.update(mine)
        news.update(my_news)
        faults.append(None)
    return Taken(alerts, news, faults)


def is_refresh(old: HeldAlert | None, new: HeldAlert, *, now_ns: int) -> bool:
    """Whether nothing was heard but that it still stands, which needs no write: a restart allows for it."""
    return (
        old is not None
        and old.is_ended == new.is_ended
        and old.is_firing(now_ns) == new.is_firing(now_ns)
        and (new.is_firing(now_ns) or old.ends_ns == new.ends_ns)
        and old.starts_ns == new.starts_ns
        and old.annotations == new.annotations
        and old.generator_url == new.generator_url
        and old.correlation_id == new.correlation_id
    )


def ended(alert: HeldAlert) -> HeldAlert:
    """The alert, as one whose end was acted upon: a restart must not take it for one that still fires."""
    return alert if alert.is_ended else replace(alert, is_ended=True)


def _held(alert: Alert, fingerprint: str, old: HeldAlert | None, *, now_ns: int, resolve_timeout_ns: int) -> HeldAlert:
    is_timeout = alert.ends_ns == 0
    ends_ns = alert.ends_ns or now_ns + resolve_timeout_ns
    starts_ns = alert.starts_ns or (now_ns if is_timeout else min(now_ns, alert.ends_ns))
    annotations = dict(alert.annotations)
    pulse = STEADY if old is None else old.pulse
    if ends_ns > now_ns and (old is None or not old.is_firing(now_ns)):
        pulse = pulse.began(now_ns)
    return HeldAlert(
        fingerprint=fingerprint,
        labels=alert.labels,
        annotations=annotations,
        starts_ns=starts_ns,
        ends_ns=ends_ns,
        received_ns=now_ns,
        updated_ns=now_ns,
        severity=severity_of(alert.labels),
        is_timeout=is_timeout,
        is_ended=ends_ns <= now_ns,
        generator_url=alert.generator_url,
        correlation_id=alert.correlation_id or _correlation_id(alert.labels, annotations),
        pulse=pulse,
    )


def _correlation_id(labels: Labels, annotations: Mapping[str, str]) -> str:
    return annotations.get(LABEL_CORRELATION_ID) or dict(labels).get(LABEL_CORRELATION_ID, "")


def _overlaps(old: HeldAlert, new: HeldAlert) -> bool:
    return old.starts_ns < new.ends_ns < old.ends_ns or old.starts_ns <= new.starts_ns < old.ends_ns


# --- documents --------------------------------------------------------------------------------------------------------


def put_alert(alert: HeldAlert) -> Put:
    """What stores it."""
    body: dict[str, Json] = {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "starts_ns": alert.starts_ns,
        "ends_ns": alert.ends_ns,
        "received_ns": alert.received_ns,
        "updated_ns": alert.updated_ns,
        "is_timeout": alert.is_timeout,
        "is_ended": alert.is_ended,
        "generator_url": alert.generator_url,
        "correlation_id": alert.correlation_id,
        "began_ns": [*alert.pulse.starts_ns],
        "calm_ns": alert.pulse.calm_ns,
    }
    return Put(KIND_ALERT, alert.fingerprint, body)


def alert_of(document: Document, *, now_ns: int, grace_s: float) -> HeldAlert:
    """The alert that was stored. One that was firing when we stopped is given `grace_s` to be heard of again."""
    body = document.body
    labels = tuple(sorted(_texts(body["labels"]).items()))
    is_ended = body["is_ended"] is True
    ends_ns = _integer(body["ends_ns"])
    return HeldAlert(
        fingerprint=document.key,
        labels=labels,
        annotations=_texts(body["annotations"]),
        starts_ns=_integer(body["starts_ns"]),
        ends_ns=ends_ns if is_ended else max(ends_ns, now_ns + int(grace_s * NS_PER_S)),
        received_ns=_integer(body["received_ns"]),
        updated_ns=_integer(body["updated_ns"]),
        severity=severity_of(labels),
        is_timeout=body["is_timeout"] is True,
        is_ended=is_ended,
        generator_url=str(body["generator_url"]),
        correlation_id=str(body["correlation_id"]),
        pulse=_pulse_of(body),
    )


def _pulse_of(body: Mapping[str, Json]) -> Pulse:
    began_ns = body.get("began_ns", [])  # alerts of earlier releases have none
    assert isinstance(began_ns, list)
    return Pulse(tuple(map(_integer, began_ns)), _integer(body.get("calm_ns", 0)))


def _texts(value: Json) -> dict[str, str]:
    assert isinstance(value, dict)  # we wrote it
    return {name: str(text) for name, text in value.items()}


def _integer(value: Json) -> int:
    assert isinstance(value, int)  # we wrote it
    return value
