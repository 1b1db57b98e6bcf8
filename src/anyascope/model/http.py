"""How to speak HTTP and TLS to somebody: `http_config` of Prometheus and Alertmanager as values."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from anyascope.model.secret import Secret


class TlsVersion(Enum):
    """A version that is spoken."""

    TLS10 = "TLS10"
    TLS11 = "TLS11"
    TLS12 = "TLS12"
    TLS13 = "TLS13"


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """Whom to believe, and what to show. Without `ca_file` and `ca` the system's authorities count.

    Certificates and keys are PEM. `max_version` of None is the newest that the library speaks.
    """

    ca_file: Path | None = None
    ca: str = ""
    cert_file: Path | None = None
    cert: str = ""
    key_file: Path | None = None
    key: Secret | None = None
    server_name: str = ""
    insecure_skip_verify: bool = False
    min_version: TlsVersion = TlsVersion.TLS12
    max_version: TlsVersion | None = None


class BasicAuth(NamedTuple):
    """A name and a password. The name is a `Secret` because it may stand in a file."""

    username: Secret
    password: Secret


class Authorization(NamedTuple):
    """An `Authorization` header: a scheme and what follows it."""

    credentials: Secret
    type: str = "Bearer"


@dataclass(frozen=True, slots=True)
class OAuth2:
    """Where to get a token for `Authorization`, as a client with credentials of its own.

    Attributes:
        client_secret: may stand in a file.
        endpoint_params: further fields of the request for a token.
        tls, proxy_url: of that request alone.
    """

    client_id: str
    client_secret: Secret
    token_url: str = field(repr=False)
    scopes: tuple[str, ...] = ()
    endpoint_params: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    tls: TlsOptions = field(default_factory=TlsOptions)
    proxy_url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How to speak HTTP to somebody.

    Attributes:
        basic_auth: at most one of this, `authorization` and `oauth2` is set.
        proxy_url: empty for none; not shown, since it may hold a password.
        no_proxy: hosts, domains, addresses and networks that are reached directly, see `is_direct`.
        proxy_headers: what the proxy alone is told.
        proxy_from_environment: take the proxy from `HTTP_PROXY` and its kin.
        headers: further headers of each request.
    """

    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    oauth2: OAuth2 | None = None
    tls: TlsOptions = field(default_factory=TlsOptions)
    proxy_url: str = field(default="", repr=False)
    no_proxy: tuple[str, ...] = ()
    proxy_headers: tuple[tuple[str, Secret], ...] = ()
    proxy_from_environment: bool = False
    headers: tuple[tuple[str, Secret], ...] = ()
    follow_redirects: bool = True


def is_direct(no_proxy: Sequence[str], host: str) -> bool:
    """Whether a host is reached without the proxy.

    Args:
        no_proxy: each is `*`, a host with its subdomains, `.domain` for subdomains alone, an address or a network.
        host: a name or an address, without port.
    """
    for entry in map(str.lower, no_proxy):
        if entry == "*" or _is_in_network(host, entry):
            return True
        name = entry.removeprefix("*").removeprefix(".")
        if host.lower() == name and not entry.startswith((".", "*")):
            return True
        if host.lower().endswith(f".{name}"):
            return True
    return False


def _is_in_network(host: str, entry: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
