"""What `initialize_tracing` was told, checked: what cannot be meant is reported, and the default stands in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from anyascope.sdk.delivery import Target
from anyascope.sdk.exporters import OFF, parse_protocol, target_of
from anyascope.sdk.guard import as_number, as_text, quoted, report_misuse
from anyascope.sdk.options import checked_flag, checked_headers, checked_optional, checked_text
from anyascope.sdk.tracing.remote import RemoteOptions, remote_options

DEFAULT_SERVICE = "anya-core"
DEFAULT_ENVIRONMENT = "production"
SAMPLE_RATIO = 1.0
EVENTS_MAX = 64  # of one span; more are dropped, the oldest first, and counted
ATTRIBUTES_MAX = 32  # of one span; more are left out, ours last, and counted
COUNT_MAX = 100_000  # of events or attributes of one span; with more it would not fit a body that receivers take


class TracingOptions(TypedDict, total=False):
    """What few services say about tracing.

    Attributes:
        token: sent as `Authorization: Bearer`, where the server wants one.
        headers: sent with each request; added to `OTEL_EXPORTER_OTLP_HEADERS`.
        ca_file: authorities for TLS, PEM; by default `OTEL_EXPORTER_OTLP_CERTIFICATE`, then the system's.
        cert_file, key_file: our certificate for a far end that wants one, PEM.
        propagators: headers that carry a trace: `tracecontext`, `baggage`, `b3`, `b3multi`; by default what
            `OTEL_PROPAGATORS` says, then the first two.
        remote_settings: ask anyascope every half minute how much to trace and to log; what it asks for wins over
            `sample_ratio`. Off by default: other collectors do not know the question.
        settings_endpoint: anyascope's base address for that, where `endpoint` does not tell it: with gRPC and Jaeger.
        set_global: whether the process's tracers are meant, as by default; otherwise a provider apart is made, for tests and
            for a second service in one process.
    """

    token: str
    headers: Mapping[str, str]
    ca_file: str | None
    cert_file: str | None
    key_file: str | None
    propagators: Sequence[str] | None
    remote_settings: bool
    settings_endpoint: str | None
    set_global: bool


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """Settings that can be used as they are.

    Attributes:
        target: where spans go; None for nowhere.
        sample_ratio: 0 to 1.
        max_events, max_attributes: of one span, 0 or more.
        propagators: names, None for what the environment says.
        remote: where settings are asked for; None for nowhere.
        is_global: whether the process's tracers are meant.
    """

    service: str = DEFAULT_SERVICE
    environment: str = DEFAULT_ENVIRONMENT
    version: str = ""
    target: Target | None = None
    sample_ratio: float = SAMPLE_RATIO
    max_events: int = EVENTS_MAX
    max_attributes: int = ATTRIBUTES_MAX
    propagators: tuple[str, ...] | None = None
    remote: RemoteOptions | None = None
    is_global: bool = True


def checked_settings(
    *,
    service_name: object,
    endpoint: object,
    protocol: object,
    sample_ratio: object,
    max_events: object,
    max_attributes: object,
    environment: object,
    version: object,
    options: TracingOptions,
) -> TracingSettings:
    """The settings, with a default in place of each thing that cannot be meant."""
    unknown = sorted(set(options) - TracingOptions.__annotations__.keys())
    if unknown:
        known = ", ".join(TracingOptions.__annotations__)
        report_misuse(f"initialize_tracing knows no {', '.join(unknown)[:200]}; it knows {known}")
    service = checked_text("service_name", service_name, DEFAULT_SERVICE)
    target = _checked_target(protocol, endpoint, options)
    return TracingSettings(
        service=service,
        environment=checked_text("environment", environment, DEFAULT_ENVIRONMENT),
        version=checked_text("version", version, "", may_be_empty=True),
        target=target,
        sample_ratio=checked_ratio(sample_ratio),
        max_events=checked_count("max_events_per_span", max_events, EVENTS_MAX),
        max_attributes=checked_count("max_attributes_per_span", max_attributes, ATTRIBUTES_MAX),
        propagators=checked_propagators(options.get("propagators")),
        remote=_checked_remote(options, target=target, service=service),
        is_global=checked_flag("set_global", options.get("set_global", True), default=True),
    )


def checked_ratio(value: object, default: float = SAMPLE_RATIO) -> float:
    """`value` where it is a number from 0 to 1; the nearer bound where it is beyond them."""
    number = as_number(value)
    if number is not None:
        if 0 <= number <= 1:
            return float(number)
        if number < 0 or number > 1:  # not so NaN
            nearest = 0.0 if number < 0 else 1.0
            report_misuse(f"sample_ratio must be from 0 to 1, got {quoted(value)}; {nearest} is used")
            return nearest
    report_misuse(f"sample_ratio must be a number from 0 to 1, got {quoted(value)}; {default} is used")
    return default


def checked_count(name: str, value: object, default: int) -> int:
    """`value` where it is a whole number from 0 to `COUNT_MAX`."""
    number = as_number(value)
    if isinstance(number, int) and 0 <= number <= COUNT_MAX:
        return number
    report_misuse(f"{name} must be a whole number from 0 to {COUNT_MAX}, got {quoted(value)}; {default} is used")
    return default


def checked_propagators(value: object) -> tuple[str, ...] | None:
    """Names, given as a sequence or in one text with commas; None for None and for what is neither."""
    if value is None:
        return None
    text = as_text(value)
    names: Sequence[object] = ()
    if text is not None:
        names = text.split(",")
    elif isinstance(value, (list, tuple)):
        names = tuple(value)
    found = tuple(name.strip() for name in map(as_text, names) if name is not None and name.strip())
    if found and len(found) == len(names):
        return found
    report_misuse(f'propagators must be names such as ("tracecontext", "baggage"), got {quoted(value)}; it is ignored')
    return None


def _checked_target(protocol: object, endpoint: object, options: TracingOptions) -> Target | None:
    """Where spans go; None, after a report, where that cannot be known: nothing is guessed, nothing is sent."""
    address = as_text(endpoint)
    if address is not None and address.strip().lower() == OFF:
        return None
    if endpoint is not None and address is None:
        report_misuse(f"endpoint must be a text, got {quoted(endpoint)}; no spans are sent")
        return None
    files = {name: checked_optional(name, options.get(name)) for name in ("ca_file", "cert_file", "key_file")}
    token = checked_optional("token", options.get("token"))
    headers = checked_headers(options.get("headers"))
    try:
        return target_of(
            "traces", protocol=parse_protocol(protocol), endpoint=address, token=token, headers=headers, **files
        )
    except ValueError as error:
        report_misuse(f"{error}; no spans are sent")
        return None


def _checked_remote(options: TracingOptions, *, target: Target | None, service: str) -> RemoteOptions | None:
    """Where settings are asked for; None where nobody wants that, or after a report where it cannot be known."""
    if not checked_flag("remote_settings", options.get("remote_settings", False), default=False):
        return None
    endpoint = checked_optional("settings_endpoint", options.get("settings_endpoint"))
    found = remote_options(target, service, endpoint=endpoint)
    if found is None:
        report_misuse("remote_settings needs settings_endpoint, anyascope's base address such as http://127.0.0.1:9470")
    return found
