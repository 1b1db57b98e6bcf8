"""What a notification says, in Alertmanager's words: the data of webhooks and of templates."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from anyascope.model.notifications import Notification, NotifiedAlert

_GO_REGEX_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


def status_of(alert: NotifiedAlert) -> str:
    """`firing` or `resolved`."""
    return "firing" if alert.is_firing else "resolved"


def group_status(alerts: Iterable[NotifiedAlert]) -> str:
    """`firing` if any of them fires, else `resolved`."""
    return "firing" if any(alert.is_firing for alert in alerts) else "resolved"


def common_labels(alerts: Sequence[NotifiedAlert]) -> dict[str, str]:
    """The labels that all of them share."""
    return _common([dict(alert.labels) for alert in alerts])


def common_annotations(alerts: Sequence[NotifiedAlert]) -> dict[str, str]:
    """The annotations that all of them share, by name."""
    return dict(sorted(_common([alert.annotations for alert in alerts]).items()))


def _common(mappings: Sequence[Mapping[str, str]]) -> dict[str, str]:
    if not mappings:
        return {}
    first, *others = mappings
    return {name: text for name, text in first.items() if all(other.get(name) == text for other in others)}


def receiver_shown(notification: Notification) -> str:
    """The receiver's name with the signs of regular expressions escaped, as Alertmanager shows it."""
    return _GO_REGEX_SPECIAL.sub(lambda match: "\\" + match.group(), notification.receiver)


def group_hash(notification: Notification) -> str:
    """The group's name where a far end wants a short one: 64 hex digits, the same for each notification of the group.

    Source: Alertmanager, SHA-256 of the group key.
    """
    return hashlib.sha256(notification.group_key.encode("utf-8", "surrogatepass")).hexdigest()
