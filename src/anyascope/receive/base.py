"""What a protocol is given, and what it must be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.routing import BaseRoute

from anyascope.clock import Clock
from anyascope.ports import Intake
from anyascope.receive.bodies import Inflight
from anyascope.receive.options import ReceiveOptions
from anyascope.receive.otlp import OtlpIntake
from anyascope.receive.tally import ReceiveTally


class TokenCheck(Protocol):
    """Who knows the tokens."""

    def accepts(self, text: str) -> bool:
        """Whether this is one of them."""


@dataclass(frozen=True, slots=True)
class ReceiveContext:
    """What every protocol is built from. `tokens` is None where everybody who reaches a listener may use it."""

    intake: Intake
    clock: Clock
    otlp: OtlpIntake
    options: ReceiveOptions
    tally: ReceiveTally
    inflight: Inflight
    tokens: TokenCheck | None = None


class HttpProtocol(Protocol):
    """A protocol that lives in the server's own HTTP faces."""

    def routes(self) -> Sequence[BaseRoute]:
        """What it answers. The routes may be mounted in several applications."""


@dataclass(frozen=True, slots=True)
class TlsPair:
    """A certificate chain and its key, both PEM."""

    certificate: bytes
    key: bytes


class ListeningProtocol(Protocol):
    """A protocol that listens on an address of its own."""

    async def start(self, host: str, port: int, *, tls: Callable[[], TlsPair] | None = None) -> int:
        """Listen; the port, which the operating system chose where 0 was asked for.

        Args:
            tls: gives what is shown; asked for each connection, in any thread: be quick, never raise.

        Raises:
            ConflictError: another program has the address.
        """

    async def stop(self, grace_s: float) -> None:
        """Take nothing new; give open calls so long to end."""
