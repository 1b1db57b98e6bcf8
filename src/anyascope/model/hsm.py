"""A watched HSM, as people look at it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WatchedHsm:
    """An HSM at the last look, with the health that is told of it.

    Attributes:
        status: a health status.
        since_ns: of the status; 0 where it is not known.
        token, serial, firmware: of the token that is watched; empty where it is not there.
        accepted_ns: when the token's state was accepted, or first seen; 0 where it never was.
        changes: what is another than it was accepted, a sentence each.
    """

    name: str
    provider: str
    status: str
    message: str = ""
    advice: str = ""
    since_ns: int = 0
    token: str = ""
    serial: str = ""
    firmware: str = ""
    accepted_ns: int = 0
    changes: tuple[str, ...] = ()
