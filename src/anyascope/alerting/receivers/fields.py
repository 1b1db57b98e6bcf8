"""Fields that many kinds of channel share."""

from __future__ import annotations

from typing import Final

from anyascope.model.channels.base import TIMEOUT_S_DEFAULT
from anyascope.model.http import HttpOptions
from anyascope.wire.http_settings import HttpSpeaker, read_http_options
from anyascope.wire.settings import Section

_SENDER: Final = HttpSpeaker(
    "the sender",
    proxy_schemes=("http", "https"),
    has_proxy_from_environment=True,
    needs_username=False,
    has_oauth2=True,
)


def read_http(section: Section) -> HttpOptions:
    """An `http_config` whole."""
    options = read_http_options(section, _SENDER)
    section.done()
    return options


def read_http_or(section: Section, inherited: HttpOptions) -> HttpOptions:
    """The `http_config` of an entry, or that of `global`."""
    return read_http(section.section("http_config")) if section.has("http_config") else inherited


def read_timeout(section: Section) -> float:
    """Seconds of `timeout`."""
    # 0 is Alertmanager's "no time-out of its own"; a send that never ends would hold its lane for ever.
    return section.duration_s("timeout", 0.0) or TIMEOUT_S_DEFAULT


def parse_smarthost(text: str) -> tuple[str, int] | None:
    """Host and port of `host:port`; an empty text is none.

    Raises:
        ValueError: the port is missing or no number.
    """
    if not text:
        return None
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError(f"address {text}: missing port in address")
    if not port:
        raise ValueError(f'address "{text}": port cannot be empty')
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError(f'address "{text}": port must be 1 to 65535')
    return host.removeprefix("[").removesuffix("]"), int(port)
