"""What a channel is, and what it can say of a send that failed."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Iterator, Sequence
from contextvars import ContextVar
from typing import Protocol, runtime_checkable

from anyascope.model.alerts import AlertSeverity
from anyascope.sdk.alerting.alert import Alert

PARTS_REMEMBERED_MAX = 1_000  # sends of which some recipients are through and others are not
_turn: ContextVar[str] = ContextVar("anya_alert_turn", default="")


@runtime_checkable
class NotificationChannel(Protocol):
    """A way to reach somebody. Called from a thread of the alert manager, one alert at a time."""

    def send_alert(self, alert: Alert) -> Awaitable[object] | object:
        """Tell it, or raise: `SendError` says when to try again, any other exception means soon.

        May be a coroutine function. The same alert is sent again at each repeat; `current_turn` tells them apart.
        """

    def channel_name(self) -> str:
        """The name by which policies know it, such as `slack`."""

    def supports_severity(self, severity: AlertSeverity) -> bool:
        """Whether alerts of this severity are told here; others are skipped."""


class SendError(Exception):
    """A send that did not get through.

    Args:
        message: the far end's answer or what stood in the way, without secrets.
        retry_after_s: how long the far end asked us to wait.
        is_final: whether trying again is of no use.
    """

    def __init__(self, message: str, *, retry_after_s: float = 0.0, is_final: bool = False) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.is_final = is_final


def current_turn() -> str:
    """Which of the alert's sends this is, `level-repeat` from `0-0` on; the same at each attempt of it.

    Empty where a channel is called without a manager.
    """
    return _turn.get()


@contextlib.contextmanager
def turn(name: str) -> Iterator[None]:
    """Sends within are the one of this name."""
    token = _turn.set(name)
    try:
        yield
    finally:
        _turn.reset(token)


def send_id(alert: Alert) -> str:
    """What names this send to a far end that can tell repeats of it apart: the same at each attempt."""
    name = current_turn()
    return f"{alert.id}.{name}" if name else alert.id


class Parts:
    """Recipients that are through, by send: an attempt after a half success tells only the others."""

    def __init__(self) -> None:
        self._through: OrderedDict[str, set[str]] = OrderedDict()

    def waiting(self, send: str, recipients: Sequence[str]) -> list[str]:
        """Those that are not through yet."""
        done = self._through.get(send, ())
        return [recipient for recipient in recipients if recipient not in done]

    def through(self, send: str, recipient: str) -> None:
        """This one is through, or refused for good."""
        self._through.setdefault(send, set()).add(recipient)
        if len(self._through) > PARTS_REMEMBERED_MAX:
            self._through.popitem(last=False)

    def forget(self, send: str) -> None:
        """All are through."""
        self._through.pop(send, None)
