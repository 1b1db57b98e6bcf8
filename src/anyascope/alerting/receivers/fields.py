"""Fields that many kinds of channel share."""

from __future__ import annotations

import re
from typing import Final

from anyascope.alerting.label_names import go_quoted
from anyascope.model.channels.base import TIMEOUT_S_DEFAULT
from anyascope.model.http import HttpOptions
from anyascope.wire.http_settings import HttpSpeaker, read_http_options
from anyascope.wire.settings import Section

_SENDER: Final = HttpSpeaker(
    proxy_schemes=("http", "https"), has_proxy_from_environment=True, needs_username=False, has_oauth2=True
)
# Ports that people write by the name of their service.
_SERVICE_PORTS: Final = {"smtp": 25, "submission": 587, "submissions": 465, "smtps": 465}
_GO_UNITS_S: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_GO_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)", re.ASCII)
_GO_NUMBER: Final = re.compile(r"\d+\.?\d*|\.\d+", re.ASCII)
_GO_UNIT: Final = re.compile(r"[^\d.]+", re.ASCII)
_GO_DURATION: Final = re.compile(rf"(?:{_GO_PART.pattern})+", re.ASCII)


def read_http(section: Section) -> HttpOptions:
    """An `http_config` whole."""
    options = read_http_options(section, _SENDER)
    section.done()
    return options


def read_http_or(section: Section, inherited: HttpOptions) -> HttpOptions:
    """The `http_config` of an entry, or that of `global`."""
    return read_http(section.section("http_config")) if section.has("http_config") else inherited


def read_timeout(section: Section) -> float:
    """Seconds of `timeout`, which is a duration as Go writes it."""
    # 0 is Alertmanager's "no time-out of its own"; a send that never ends would hold its lane for ever.
    return section.parsed("timeout", parse_go_duration_s, 0.0) or TIMEOUT_S_DEFAULT


def parse_go_duration_s(text: str) -> float:
    """Seconds of a duration such as `1.5s`, `1m30s` or `500ms`; a number without a unit counts nanoseconds.

    Raises:
        ValueError: it is not one, or negative; the message is that of Go's YAML library.

    Source: Go, `time.ParseDuration`.
    """
    if text.isascii() and text.isdigit():
        return int(text) / 1e9
    if _GO_DURATION.fullmatch(text) is None:
        shown = f"{text[:7]}..." if len(text) > 10 else text
        raise ValueError(f"cannot unmarshal !!str `{shown}` into time.Duration")
    return sum(float(number) * _GO_UNITS_S[unit] for number, unit in _GO_PART.findall(text))


def parse_plain_duration_s(text: str) -> float:
    """The same where a number needs its unit, with the messages of `time.ParseDuration`.

    Raises:
        ValueError: it is not one.
    """
    if text == "0":
        return 0.0
    if _GO_DURATION.fullmatch(text) is not None:
        return parse_go_duration_s(text)
    number = _GO_NUMBER.match(text)
    while number is not None:
        unit = _GO_UNIT.match(text, number.end())
        if unit is None:
            raise ValueError(f"time: missing unit in duration {go_quoted(text)}")
        if unit[0] not in _GO_UNITS_S:
            raise ValueError(f"time: unknown unit {go_quoted(unit[0])} in duration {go_quoted(text)}")
        number = _GO_NUMBER.match(text, unit.end())
    raise ValueError(f"time: invalid duration {go_quoted(text)}")


def parse_smarthost(text: str) -> tuple[str, int] | None:
    """Host and port of `host:port`; an empty text is none.

    Raises:
        ValueError: the port is missing or no number.
    """
    if not text:
        return None
    host, port = _split_host_port(text)
    if not port:
        raise ValueError(f'address "{text}": port cannot be empty')
    if port in _SERVICE_PORTS:
        return host, _SERVICE_PORTS[port]
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError(f'address "{text}": port must be 1 to 65535, or one of {", ".join(_SERVICE_PORTS)}')
    return host, int(port)


def _split_host_port(text: str) -> tuple[str, str]:
    """Host without brackets, and port.

    Raises:
        ValueError: with the message of Go's `net.SplitHostPort`.
    """
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket:
            raise ValueError(f"address {text}: missing ']' in address")
        if not rest:
            raise ValueError(f"address {text}: missing port in address")
        if not rest.startswith(":") or ":" in rest[1:]:
            raise ValueError(f"address {text}: too many colons in address")
        return host, rest[1:]
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError(f"address {text}: missing port in address")
    if ":" in host:
        raise ValueError(f"address {text}: too many colons in address")
    return host, port
