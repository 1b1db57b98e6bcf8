"""A span has room for a limited number of attributes: those that an audit needs are never pushed out by others.

OpenTelemetry's Python SDK makes room by dropping the oldest attribute, which is the one that an operation set first. Here the
newcomer is left out, as the specification says, and one of ours takes the place of the newest that is not. What was left
out is counted on the span, as always.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Span
from opentelemetry.util.types import AnyValue

# What operations, health checks, audit and correlation write on spans; see `anyascope.sdk.operations`.
_OUR_NAMES = frozenset(
    (
        "amount_sats",
        "check_type",
        "fee_rate",
        "hsm_provider",
        "key_id",
        "operation",
        "security_level",
        "transaction_id",
        "wallet_id",
    )
)
_OUR_PREFIXES = ("anya.", "audit.", "compliance.", "custody.", "error.", "health.", "operation.", "security.")


def is_ours(name: str) -> bool:
    """Whether an attribute of this name is never given up for another's."""
    return name in _OUR_NAMES or name.startswith(_OUR_PREFIXES)


def ours_last(attributes: Mapping[str, AnyValue], most: int) -> dict[str, AnyValue]:
    """The same attributes in such an order that of the last `most` of them as many as possible are ours, others as given.

    OpenTelemetry keeps the last ones of a mapping that is too long.
    """
    own = {name: value for name, value in attributes.items() if is_ours(name)}
    others = [(name, value) for name, value in attributes.items() if name not in own]
    room = max(most - len(own), 0)
    return {**dict(others[room:]), **own, **dict(others[:room])}


class SoundAttributes(dict[str, Any]):
    """Attributes with which an operation starts its span: plain values with plain names, bounded, without secrets.

    Our own sampler keeps them back and our own processor writes them, so that OpenTelemetry need not look at each of them
    again: of what an operation costs its caller that is a tenth. Everybody else sees a dictionary.
    """

    __slots__ = ()


class _Kept(threading.local):
    attributes: SoundAttributes | None = None


_kept = _Kept()


def keep_back(attributes: SoundAttributes | None) -> None:
    """Let the span that this thread is about to start get these attributes, or none, from `protect`."""
    _kept.attributes = attributes


def protect(span: Span) -> None:
    """Make this span keep our attributes. Spans of other SDKs and versions stay as they are."""
    kept, _kept.attributes = _kept.attributes, None
    attributes: Any = getattr(span, "_attributes", None)
    if type(attributes) is BoundedAttributes:
        # The same object with another way to make room: copying it would clean every value a second time.
        with contextlib.suppress(TypeError):  # a version whose attributes are laid out in another way keeps its own
            attributes.__class__ = _ServiceAttributes
    if kept is not None:
        write_sound(span, kept)


def write_sound(span: Any, attributes: Mapping[str, AnyValue]) -> None:
    """`span.set_attributes` with attributes that are as sound as `SoundAttributes`."""
    own: Any = getattr(span, "_attributes", None)
    if type(own) is not _ServiceAttributes or not own.take(attributes):
        span.set_attributes(attributes)


class _ServiceAttributes(BoundedAttributes):
    """Leaves out the newcomer where there is no room, unless it is one of ours."""

    def __setitem__(self, key: str, value: AnyValue) -> None:
        if self._makes_room(key):
            super().__setitem__(key, value)

    def _set_items(self, attributes: Mapping[str, AnyValue]) -> None:
        for key, value in attributes.items():
            self[key] = value

    def take(self, attributes: Mapping[str, AnyValue]) -> bool:
        """Whether these were written without a look at them: there is room for all, and their values have no bound."""
        if self.max_value_len is not None or self._immutable:
            return False
        with self._lock:
            if self.maxlen is not None and len(self._dict) + len(attributes) > self.maxlen:
                return False
            self._dict.update(attributes)
        return True

    def _makes_room(self, key: str) -> bool:
        if self.maxlen is None or len(self._dict) < self.maxlen or key in self._dict or self._immutable:
            return True
        victim = next((name for name in reversed(self._dict) if not is_ours(name)), None) if is_ours(key) else None
        self.dropped += 1
        if victim is None:
            return False
        del self._dict[victim]
        return True
