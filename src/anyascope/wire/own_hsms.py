"""HSMs as the own API answers them: written by the server, read by the client."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HsmView:
    """A watched HSM: its health, its token, when the token's state was accepted, and what is another since; times are RFC 3339."""

    name: str
    provider: str
    status: str
    message: str
    advice: str
    since: str | None
    token: str
    serial: str
    firmware: str
    accepted_at: str | None
    changes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HsmsView:
    """All watched HSMs."""

    hsms: list[HsmView]
