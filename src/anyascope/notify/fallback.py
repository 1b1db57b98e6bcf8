"""Who is told where a channel stays down, and who must hear of the end because they heard of the beginning. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from anyascope.model.documents import Document, Json
from anyascope.model.notifications import JournalEntry, Notification
from anyascope.notify.patience import Target
from anyascope.notify.remarks import joined
from anyascope.notify.storm import derived_id

KIND_DIVERSION: Final = "diversion"


@dataclass(frozen=True, slots=True)
class Diversion:
    """The fallbacks of an integration were told of a group: they will be told of its end too."""

    integration: str
    group_key: str
    at_ns: int

    @property
    def key(self) -> str:
        """Of its document."""
        return hashlib.sha256(f"{self.integration}\0{self.group_key}".encode("utf-8", "surrogatepass")).hexdigest()

    def body(self) -> dict[str, Json]:
        """Its document."""
        return {"integration": self.integration, "group_key": self.group_key, "at_ns": self.at_ns}


def diversion_of(document: Document) -> Diversion:
    """The inverse of `body`."""
    body: Mapping[str, Json] = document.body
    at_ns = body["at_ns"]
    assert isinstance(at_ns, int)  # we wrote it
    return Diversion(str(body["integration"]), str(body["group_key"]), at_ns)


def copy_for(notification: Notification, target: Target) -> Notification:
    """What a fallback says: the same, and in whose place. Made twice it has the same id."""
    return replace(
        notification,
        id=derived_id(notification.created_ns, notification.id, target.key),
        receiver=target.receiver,
        channel=target.kind,
        integration=target.key,
        merges=(),
        covers=(),
        stands_in_for=notification.integration,
        notice=joined(notification.notice, f"You are told because {notification.integration} cannot be reached."),
    )


def tells_an_end(entry: JournalEntry) -> bool:
    """Whether it tells that something ended."""
    return any(not alert.is_firing for alert in entry.alerts)
