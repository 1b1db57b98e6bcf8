"""Links in messages that act: signed, for one action, one alert's episode and one notification, once, and for a while.

A token is 57 bytes in URL-safe base 64, so that no character of it is without meaning: version, key, action, end, when the
notification was made, its id, the alert, and 17 bytes of HMAC-SHA-256 over all of these.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from anyascope.clock import NS_PER_S, Clock
from anyascope.model.documents import Change
from anyascope.model.notifications import Notification, NotifiedAlert
from anyascope.model.responses import ResponseAction
from anyascope.ports import Outbox

LINK_S: Final = 3 * 86_400  # as long as a message is tried; who finds it on Monday can still answer
SNOOZE_S: Final = 3_600.0  # what a link's snooze lasts: the time to get to a desk
ALERTS_LINKED_MAX: Final = 50  # of a notification: what an e-mail shows
TOKEN_CHARS: Final = 76
PATH: Final = "/r/"

_VERSION: Final = 1
_MAC_BYTES: Final = 17
_BODY: Final = struct.Struct(">BHBIQ16s8s")
_ACTIONS: Final[Mapping[int, ResponseAction]] = {
    1: ResponseAction.ACKNOWLEDGE,
    2: ResponseAction.SNOOZE,
    3: ResponseAction.RESOLVE,
}
_CODES: Final = {action: code for code, action in _ACTIONS.items()}


@dataclass(frozen=True, slots=True)
class Link:
    """What a token says.

    Attributes:
        until_s: Unix seconds; exclusive.
        made_ns: when its notification was made: an episode that began later is another one.
    """

    action: ResponseAction
    alert_id: str
    notification_id: str
    made_ns: int
    until_s: int


class Keys(Protocol):
    """The secrets that sign."""

    def current(self) -> tuple[int, bytes]:
        """The number and the bytes of the key that signs now."""

    def of(self, number: int) -> bytes | None:
        """The key of this number; None where there is none, or it was retired."""


def sign(link: Link, keys: Keys) -> str:
    """The token of a link."""
    number, key = keys.current()
    body = _BODY.pack(
        _VERSION,
        number,
        _CODES[link.action],
        link.until_s,
        link.made_ns,
        bytes.fromhex(link.notification_id),
        bytes.fromhex(link.alert_id),
    )
    return base64.urlsafe_b64encode(body + _mac(key, body)).decode()


def verify(token: str, keys: Keys) -> Link | None:
    """What a token says; None where we did not sign it. Whether its time has passed is another matter."""
    if len(token) != TOKEN_CHARS or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    version, number, code, until_s, made_ns, notification, alert = _BODY.unpack(body)
    key = keys.of(number)
    # Compared also where there is no such key, so that an answer's time says nothing of it.
    is_ours = hmac.compare_digest(mac, _mac(key or b"none", body)) and key is not None
    if not is_ours or version != _VERSION or code not in _ACTIONS:
        return None
    return Link(_ACTIONS[code], alert.hex(), notification.hex(), made_ns, until_s)


def token_id(token: str) -> str:
    """What its use is remembered under: says nothing of the token."""
    return hashlib.sha256(token.encode()).hexdigest()


class LinkedOutbox:
    """An `Outbox` that puts links into what passes through.

    Args:
        outbox: where it goes.
        url: where people reach this server from anywhere; empty puts no links in.
    """

    def __init__(self, outbox: Outbox, keys: Keys, *, url: str, clock: Clock) -> None:
        self._outbox = outbox
        self._keys = keys
        self._clock = clock
        self._url = url
        self._linked: Mapping[str, Notification] = {}

    def reload(self, url: str) -> None:
        """People reach this server here from now on."""
        self._url = url

    def changes_for(self, notifications: Sequence[Notification]) -> Sequence[Change]:
        linked = [self._link(one) for one in notifications]
        self._linked = {one.id: one for one in linked}
        return self._outbox.changes_for(linked)

    def committed(self, notifications: Sequence[Notification]) -> None:
        self._outbox.committed([self._linked.get(one.id, one) for one in notifications])

    def undurable(self, notifications: Sequence[Notification]) -> None:
        self._outbox.undurable([self._linked.get(one.id) or self._link(one) for one in notifications])

    def _link(self, notification: Notification) -> Notification:
        if not self._url or not notification.is_firing:
            return notification
        head = tuple(self._with_links(alert, notification) for alert in notification.alerts[:ALERTS_LINKED_MAX])
        return replace(notification, alerts=(*head, *notification.alerts[ALERTS_LINKED_MAX:]))

    def _with_links(self, alert: NotifiedAlert, notification: Notification) -> NotifiedAlert:
        if not alert.is_firing:
            return alert
        until_s = self._clock.now_ns() // NS_PER_S + LINK_S
        base = self._url.rstrip("/") + PATH
        links = {
            action.value: base
            + sign(
                Link(action, alert.fingerprint, notification.id, notification.created_ns, until_s),
                self._keys,
            )
            for action in _ACTIONS.values()
        }
        return replace(alert, links=links)


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")[:_MAC_BYTES]
