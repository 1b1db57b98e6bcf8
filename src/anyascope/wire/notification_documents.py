"""Notifications as documents: the outbox holds what is still to be sent, the journal what became of everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from anyascope.model.alerts import AlertSeverity
from anyascope.model.documents import Document, Json
from anyascope.model.labels import Labels
from anyascope.model.notifications import (
    Attempt,
    AttemptOutcome,
    DeliveryStatus,
    JournalAlert,
    JournalEntry,
    Notification,
    NotificationReason,
    NotifiedAlert,
    Replay,
)

KIND_OUTBOX: Final = "outbox"
KIND_JOURNAL: Final = "notification"
KIND_DEAD: Final = "dead_letter"  # what failed, whole, so that it can be sent again


def notification_body(notification: Notification) -> dict[str, Json]:
    """The outbox document of a notification; its key is the id."""
    return {
        "created_ns": notification.created_ns,
        "receiver": notification.receiver,
        "channel": notification.channel,
        "integration": notification.integration,
        "group_key": notification.group_key,
        "reason": notification.reason.value,
        "group_labels": dict(notification.group_labels),
        "route_labels": dict(notification.route_labels),
        "external_url": notification.external_url,
        "alerts": [_alert_body(alert) for alert in notification.alerts],
        "merges": [*notification.merges],
        "covers": [*notification.covers],
        "stands_in_for": notification.stands_in_for,
        "notice": notification.notice,
        "policy": notification.policy,
        "level": notification.level,
    }


def notification_of(document: Document) -> Notification:
    """The notification of an outbox document."""
    body = document.body
    return Notification(
        id=document.key,
        created_ns=_integer(body["created_ns"]),
        receiver=str(body["receiver"]),
        channel=str(body["channel"]),
        integration=str(body["integration"]),
        group_key=str(body["group_key"]),
        reason=NotificationReason(body["reason"]),
        group_labels=_labels(body["group_labels"]),
        route_labels=_labels(body["route_labels"]),
        external_url=str(body["external_url"]),
        alerts=tuple(_alert_of(_mapping(alert)) for alert in _list(body["alerts"])),
        merges=tuple(map(str, _list(body.get("merges", [])))),
        covers=tuple(map(str, _list(body.get("covers", [])))),
        stands_in_for=str(body.get("stands_in_for", "")),
        notice=str(body.get("notice", "")),
        policy=str(body.get("policy", "")),
        level=_integer(body.get("level", -1)),
    )


def _alert_body(alert: NotifiedAlert) -> dict[str, Json]:
    return {
        "fingerprint": alert.fingerprint,
        "is_firing": alert.is_firing,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "starts_ns": alert.starts_ns,
        "ends_ns": alert.ends_ns,
        "generator_url": alert.generator_url,
        "correlation_id": alert.correlation_id,
        "is_news": alert.is_news,
        "links": dict(alert.links),
    }


def _alert_of(body: Mapping[str, Json]) -> NotifiedAlert:
    return NotifiedAlert(
        fingerprint=str(body["fingerprint"]),
        is_firing=body["is_firing"] is True,
        labels=_labels(body["labels"]),
        annotations=dict(_labels(body["annotations"])),
        starts_ns=_integer(body["starts_ns"]),
        ends_ns=_integer(body["ends_ns"]),
        generator_url=str(body["generator_url"]),
        correlation_id=str(body["correlation_id"]),
        is_news=body["is_news"] is True,
        links=dict(_labels(body.get("links", {}))),
    )


def journal_body(entry: JournalEntry) -> dict[str, Json]:
    """The journal document of an entry; its key is the id, and so sorts by time."""
    alerts: list[Json] = [
        {"id": alert.id, "name": alert.name, "is_firing": alert.is_firing, "severity": alert.severity.value}
        for alert in entry.alerts
    ]
    attempts: list[Json] = [
        {"at_ns": one.at_ns, "outcome": one.outcome.value, "detail": one.detail, "duration_ms": one.duration_ms}
        for one in entry.attempts
    ]
    return {
        "at_ns": entry.at_ns,
        "receiver": entry.receiver,
        "channel": entry.channel,
        "integration": entry.integration,
        "status": entry.status.value,
        "group_key": entry.group_key,
        "reason": entry.reason.value,
        "alerts": alerts,
        "attempts": attempts,
        "attempts_made": entry.attempts_made,
        "parts_done": [*entry.parts_done],
        "told_in": entry.told_in,
        "merged": entry.merged,
        "stands_in_for": entry.stands_in_for,
        "policy": entry.policy,
        "level": entry.level,
        "copies": [*entry.copies],
        "replays": [{"at_ns": one.at_ns, "by": one.by} for one in entry.replays],
    }


def journal_entry_of(document: Document) -> JournalEntry:
    """The entry of a journal document."""
    body = document.body
    return JournalEntry(
        id=document.key,
        at_ns=_integer(body["at_ns"]),
        receiver=str(body["receiver"]),
        channel=str(body["channel"]),
        integration=str(body["integration"]),
        status=DeliveryStatus(body["status"]),
        group_key=str(body["group_key"]),
        reason=NotificationReason(body["reason"]),
        alerts=tuple(_journal_alert(_mapping(alert)) for alert in _list(body["alerts"])),
        attempts=tuple(_attempt(_mapping(attempt)) for attempt in _list(body["attempts"])),
        attempts_made=_integer(body["attempts_made"]),
        parts_done=tuple(map(str, _list(body["parts_done"]))),
        told_in=str(body.get("told_in", "")),
        merged=_integer(body.get("merged", 0)),
        stands_in_for=str(body.get("stands_in_for", "")),
        policy=str(body.get("policy", "")),
        level=_integer(body.get("level", -1)),
        copies=tuple(map(str, _list(body.get("copies", [])))),
        replays=tuple(_replay(_mapping(one)) for one in _list(body.get("replays", []))),
    )


def _journal_alert(body: Mapping[str, Json]) -> JournalAlert:
    return JournalAlert(str(body["id"]), str(body["name"]), body["is_firing"] is True, AlertSeverity(body["severity"]))


def _attempt(body: Mapping[str, Json]) -> Attempt:
    outcome = AttemptOutcome(body["outcome"])
    return Attempt(_integer(body["at_ns"]), outcome, str(body["detail"]), _integer(body["duration_ms"]))


def _replay(body: Mapping[str, Json]) -> Replay:
    return Replay(_integer(body["at_ns"]), str(body["by"]))


def _mapping(value: Json) -> Mapping[str, Json]:
    assert isinstance(value, dict)  # we wrote it
    return value


def _list(value: Json) -> list[Json]:
    assert isinstance(value, list)  # we wrote it
    return value


def _labels(value: Json) -> Labels:
    return tuple(sorted((name, str(text)) for name, text in _mapping(value).items()))


def _integer(value: Json) -> int:
    assert isinstance(value, int)  # we wrote it
    return value
