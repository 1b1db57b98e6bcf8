"""E-mail."""

from __future__ import annotations

from dataclasses import dataclass, field

from anyascope.model.channels.base import ChannelOptions
from anyascope.model.http import TlsOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True)
class EmailOptions(ChannelOptions):
    """`email_configs`. `to`, header values, `html` and `text` are templates; None stands for our own layout.

    Attributes:
        require_tls: refuse to send where STARTTLS is not offered.
        implicit_tls: TLS from the first byte, as on port 465.
        thread_by_group: one thread a group, and with `thread_by_day` one a group and day in UTC.
    """

    to: str
    sender: str
    smarthost: tuple[str, int]
    hello: str = "localhost"
    auth_username: str = ""
    auth_password: Secret | None = None
    auth_secret: Secret | None = None
    auth_identity: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    html: str | None = None
    text: str | None = None
    require_tls: bool = True
    implicit_tls: bool = False
    thread_by_group: bool = True
    thread_by_day: bool = False
    timeout_s: float = 30.0  # greeting, TLS, authentication and data are a dozen round trips
    tls: TlsOptions = field(default_factory=TlsOptions)
