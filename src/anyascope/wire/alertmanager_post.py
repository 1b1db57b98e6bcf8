"""Alerts as they are handed to an Alertmanager. Apart from `alertmanager`, since the SDK has no decoder of its own.

Source: Alertmanager `api/v2/openapi.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from anyascope.clock import NS_PER_MS, NS_PER_S
from anyascope.model.alerts import Alert
from anyascope.wire.go_json import go_json

ALERTS_PATH: Final = "/api/v2/alerts"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode_postable(alerts: Iterable[Alert]) -> bytes:
    """The body of a POST; times that are 0 are left out."""
    return go_json([_postable(alert) for alert in alerts])


def _postable(alert: Alert) -> dict[str, object]:
    entry: dict[str, object] = {"labels": dict(alert.labels), "annotations": sorted_texts(alert.annotations)}
    if alert.starts_ns:
        entry["startsAt"] = format_time(alert.starts_ns)
    if alert.ends_ns:
        entry["endsAt"] = format_time(alert.ends_ns)
    if alert.generator_url:
        entry["generatorURL"] = alert.generator_url
    return entry


def format_time(time_ns: int) -> str:
    """RFC 3339 in UTC with milliseconds, as go-openapi writes times."""
    whole = _EPOCH + timedelta(seconds=time_ns // NS_PER_S)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{time_ns % NS_PER_S // NS_PER_MS:03d}Z"


def sorted_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """The same mapping by name, as Go writes maps."""
    return dict(sorted(texts.items()))
