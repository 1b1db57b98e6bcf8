"""Identity, as something that is passed in: random for the server, counted for tests."""

from __future__ import annotations

import itertools
import os
import secrets
import uuid
from typing import Protocol

NS_PER_MS = 1_000_000


class TellsTime(Protocol):
    """The one thing that identity wants of a clock."""

    def now_ns(self) -> int:
        """UTC nanoseconds since 1970-01-01."""


class Ids(Protocol):
    """Hands out identifiers that are never used twice."""

    def next(self) -> str:
        """An identifier that sorts by time: 32 lower-case hex digits (UUIDv7 without dashes)."""

    def uuid4(self) -> str:
        """A random UUID in its usual form, for correlation ids."""

    def trace_id(self) -> bytes:
        """16 bytes, not all zero."""

    def span_id(self) -> bytes:
        """8 bytes, not all zero."""


class RandomIds:
    """Identifiers from the operating system's randomness and the clock."""

    def __init__(self, clock: TellsTime) -> None:
        self._clock = clock

    def next(self) -> str:
        # RFC 9562, section 5.7: 48 bits of Unix milliseconds, version, 12 random bits, variant, 62 random bits.
        milliseconds = self._clock.now_ns() // NS_PER_MS
        head = (milliseconds << 16) | 0x7000 | secrets.randbits(12)
        tail = (0b10 << 62) | secrets.randbits(62)
        return f"{head:016x}{tail:016x}"

    def uuid4(self) -> str:
        # RFC 9562, section 5.4, by its text: `uuid.UUID` builds an object first, at thrice the price.
        digits = os.urandom(16).hex()
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def trace_id(self) -> bytes:
        return secrets.token_bytes(15) + b"\x01"

    def span_id(self) -> bytes:
        return secrets.token_bytes(7) + b"\x01"


class CountedIds:
    """1, 2, 3 … in every form; for tests."""

    def __init__(self) -> None:
        self._count = itertools.count(1)

    def next(self) -> str:
        return f"{next(self._count):032x}"

    def uuid4(self) -> str:
        return str(uuid.UUID(int=next(self._count)))

    def trace_id(self) -> bytes:
        return next(self._count).to_bytes(16, "big")

    def span_id(self) -> bytes:
        return next(self._count).to_bytes(8, "big")
