"""What a contract speaks about: a span, a metric, a log record, an audit or security event, an alert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from anyascope.sdk.testing.finding import described, fields_of


class Kind(Enum):
    """A signal that can be asked for."""

    SPAN = "span"
    METRIC = "metric"
    LOG = "log"
    AUDIT = "audit"
    SECURITY = "security"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Same:
    """Stands for a value that all signals of one operation share; see `same`."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)  # two that say the same are two
class Pattern:
    """A signal with certain fields.

    Attributes:
        kind: which signal.
        name: the span's or metric's name, the log's event, the audit's action; None for any.
        fields: what must be there: values, functions that judge, types, `...` for any value, `same(…)`.
    """

    kind: Kind
    name: str | None
    fields: Mapping[str, Any]

    @property
    def shared(self) -> dict[str, str]:
        """Field -> the name that it shares with other signals."""
        return {field: value.name for field, value in self.fields.items() if isinstance(value, Same)}

    @property
    def wanted(self) -> dict[str, Any]:
        """The fields with a value of their own; shared ones must be there."""
        return {field: ... if isinstance(value, Same) else value for field, value in self.fields.items()}

    def __str__(self) -> str:
        own = {field: value for field, value in self.fields.items() if not isinstance(value, Same)}
        return f"{self.kind.value} {described(self.name, own)}"


def same(name: str) -> Any:
    """A value that is the same in all signals of one operation, whatever it is: `wallet_id=same("wallet")`."""
    return Same(name)


def span(name: str | None = None, /, **fields: Any) -> Pattern:
    """A span with these attributes; `status` and `kind` count as attributes, `operation__status` is `operation.status`."""
    return Pattern(Kind.SPAN, name, fields_of(fields))


def metric(name: str, /, **labels: Any) -> Pattern:
    """A metric that grew, or a gauge that was set, with these labels. A counter counts as often as it grew."""
    return Pattern(Kind.METRIC, name, labels)


def log(event: str | None = None, /, **fields: Any) -> Pattern:
    """A log record with this event and these fields."""
    return Pattern(Kind.LOG, event, fields_of(fields))


def audit(action: str | None = None, /, **fields: Any) -> Pattern:
    """An audit event of this action; `phase` is `intent`, `outcome` or `event`."""
    return Pattern(Kind.AUDIT, action, fields_of(fields))


def security(event_type: str | None = None, /, **fields: Any) -> Pattern:
    """A security event of this type."""
    return Pattern(Kind.SECURITY, event_type, fields_of(fields))


def alert(title: str | None = None, /, **fields: Any) -> Pattern:
    """An alert of this title."""
    return Pattern(Kind.ALERT, title, fields_of(fields))
