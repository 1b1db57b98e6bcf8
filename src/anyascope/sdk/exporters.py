"""Where telemetry goes and how it travels: what an endpoint means for each protocol and signal."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from urllib.parse import urlsplit

from anyascope.sdk.delivery import Format, Target, Transport
from anyascope.sdk.guard import as_text, quoted

DEFAULT_ENDPOINT = "http://127.0.0.1:4318"
OFF = "off"  # an endpoint to which nothing is sent
_SIGNALS = ("traces", "logs", "metrics")
JAEGER_PATH = "/api/traces"
_ENDPOINT_CHARS_MAX = 2_048  # longer than any address that people write


class Protocol(Enum):
    """How telemetry travels."""

    OTLP_HTTP = "otlp_http"
    OTLP_GRPC = "otlp_grpc"
    JAEGER_THRIFT_HTTP = "jaeger_thrift_http"


_DEFAULT_ENDPOINTS = {
    Protocol.OTLP_HTTP: DEFAULT_ENDPOINT,
    Protocol.OTLP_GRPC: "http://127.0.0.1:4317",
    Protocol.JAEGER_THRIFT_HTTP: "http://127.0.0.1:14268",
}


def parse_protocol(name: object) -> Protocol:
    """The protocol of this name.

    Raises:
        ValueError: it is not one; the message lists all.
    """
    known = {protocol.value: protocol for protocol in Protocol}
    text = as_text(name)
    if text is not None and text in known:
        return known[text]
    raise ValueError(f"protocol must be one of {', '.join(known)}, got {quoted(name)}")


def target_of(
    signal: str,
    *,
    protocol: Protocol,
    endpoint: str | None = None,
    token: str = "",
    headers: Mapping[str, str] | None = None,
    ca_file: str = "",
    cert_file: str = "",
    key_file: str = "",
) -> Target:
    """Where `signal` (`traces`, `logs`, `metrics`) goes: what is given here, then `OTEL_EXPORTER_OTLP_*`, then this machine.

    Args:
        signal: which signal.
        protocol: how it travels.
        endpoint: a base address (`http://host:4318`), or a whole one (`http://host:4318/v1/traces`,
            `http://host:14268/api/traces`), with or without a slash at its end; for gRPC with or without a scheme.
        token: sent as `Authorization: Bearer`.
        headers: more headers; these win over the environment's.
        ca_file, cert_file, key_file: for TLS.

    Raises:
        ValueError: the endpoint is not an address.

    Source: OpenTelemetry protocol exporter specification, "Configuration options".
    """
    # The environment's address of one signal is meant as it is, a common one is a base.
    is_whole = not endpoint and bool(os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"))
    given = endpoint or _environment_endpoint(signal, protocol)
    scheme, where, path = _split(given or _DEFAULT_ENDPOINTS[protocol])
    sent = {} if protocol is Protocol.JAEGER_THRIFT_HTTP else _environment_headers(signal)
    sent.update((name.lower(), value) for name, value in (headers or {}).items())
    if token:
        sent["authorization"] = f"Bearer {token}"
    ca_file = ca_file or _environment(signal, "CERTIFICATE")
    return Target(
        _url(signal, protocol, scheme=scheme, where=where, path=path, has_ca=bool(ca_file), is_whole=is_whole),
        headers=sent,
        format=Format.JAEGER if protocol is Protocol.JAEGER_THRIFT_HTTP else Format.OTLP,
        transport=Transport.GRPC if protocol is Protocol.OTLP_GRPC else Transport.HTTP,
        ca_file=ca_file,
        cert_file=cert_file or _environment(signal, "CLIENT_CERTIFICATE"),
        key_file=key_file or _environment(signal, "CLIENT_KEY"),
        is_compressed=_environment(signal, "COMPRESSION").lower() == "gzip",
    )


def _url(signal: str, protocol: Protocol, *, scheme: str, where: str, path: str, has_ca: bool, is_whole: bool) -> str:
    match protocol:
        case Protocol.OTLP_HTTP:
            base = f"{scheme or 'http'}://{where}{path}"
            return base if is_whole else signal_url(base, signal)
        case Protocol.JAEGER_THRIFT_HTTP:
            return f"{scheme or 'http'}://{where}{path if path.strip('/') else JAEGER_PATH}"
        case Protocol.OTLP_GRPC:
            is_secure = has_ca or _environment(signal, "INSECURE").lower() == "false"
            return f"{scheme or ('https' if is_secure else 'http')}://{where}"


def signal_url(endpoint: str, signal: str) -> str:
    """The address of one signal under a base address; a whole one of any signal is taken for what stands before it."""
    base = endpoint.rstrip("/")
    before, version, last = base.rpartition("/v1/")
    return f"{before if version and last in _SIGNALS else base}/v1/{signal}"


def _split(endpoint: str) -> tuple[str, str, str]:
    """Scheme ("" where none is written), host with port, and path."""
    text = endpoint.strip()
    parts = urlsplit(text if "://" in text else f"//{text}")
    _ = parts.port  # raises where it is not a number below 65,536
    if len(text) > _ENDPOINT_CHARS_MAX or parts.scheme not in ("", "http", "https") or not parts.hostname:
        raise ValueError(f"endpoint must be an address such as {DEFAULT_ENDPOINT}, got {quoted(text)}")
    return parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}{'?' + parts.query if parts.query else ''}"


def _environment(signal: str, name: str) -> str:
    return os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}") or os.environ.get(
        f"OTEL_EXPORTER_OTLP_{name}", ""
    )


def _environment_endpoint(signal: str, protocol: Protocol) -> str:
    if protocol is Protocol.JAEGER_THRIFT_HTTP:
        return os.environ.get("OTEL_EXPORTER_JAEGER_ENDPOINT", "")
    return _environment(signal, "ENDPOINT")


def _environment_headers(signal: str) -> dict[str, str]:
    from opentelemetry.util.re import parse_env_headers  # noqa: PLC0415  # only where an exporter is made

    return dict(parse_env_headers(_environment(signal, "HEADERS"), liberal=True))
