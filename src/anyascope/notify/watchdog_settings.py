"""`watchdog`: what can be set of the heartbeat that we send."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from anyascope.model.http import HttpOptions
from anyascope.model.secret import Secret
from anyascope.wire.http_settings import HttpSpeaker, read_http_options, read_secret
from anyascope.wire.settings import Section

INTERVAL_S = 60.0
INTERVAL_S_MIN = 5.0
TIMEOUT_S = 10.0

_SENDER: Final = HttpSpeaker(
    proxy_schemes=("http", "https"), has_proxy_from_environment=True, needs_username=False, has_oauth2=True
)


class Method(Enum):
    """How the watchdog's address is asked."""

    GET = "GET"
    POST = "POST"


@dataclass(frozen=True, slots=True)
class WatchdogOptions:
    """`watchdog`: where our heartbeat goes. Without `url` there is none."""

    url: Secret | None = None
    interval_s: float = INTERVAL_S
    timeout_s: float = TIMEOUT_S
    method: Method = Method.GET
    http: HttpOptions = field(default_factory=HttpOptions)


def read_watchdog(section: Section) -> WatchdogOptions:
    """The section `watchdog`."""
    url = _read_url(section)
    interval_s = section.duration_s("interval", INTERVAL_S)
    if interval_s < INTERVAL_S_MIN:
        section.wrong(f"must be at least {INTERVAL_S_MIN:g}s", name="interval")
    timeout_s = section.duration_s("timeout", TIMEOUT_S)
    if not 0 < timeout_s <= interval_s:
        section.wrong("must be more than 0 and at most the interval", name="timeout")
    inner = section.section("http_config")
    http = read_http_options(inner, _SENDER)
    inner.done()
    found = WatchdogOptions(url, interval_s, timeout_s, section.choice("method", Method, Method.GET), http)
    if url is None and section.names():
        section.wrong("one of url and url_file must be configured")
    section.done()
    return found


def _read_url(section: Section) -> Secret | None:
    """An address, which often has a token in it: inline, or in `url_file`."""
    found = read_secret(section, "url", both_set="at most one of url and url_file may be configured")
    if section.has("url") and not section.text("url", "").startswith(("http://", "https://")):
        section.wrong("must be an http or https address", name="url")
    return found
