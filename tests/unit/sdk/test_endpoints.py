"""What an endpoint means for each protocol, and what the environment adds."""

from __future__ import annotations

import os

import pytest

from anyascope.sdk.delivery import Format, Transport
from anyascope.sdk.exporters import Protocol, parse_protocol, target_of

HTTP, GRPC, JAEGER = Protocol.OTLP_HTTP, Protocol.OTLP_GRPC, Protocol.JAEGER_THRIFT_HTTP


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("protocol", "endpoint", "url"),
    [
        (HTTP, None, "http://127.0.0.1:4318/v1/traces"),
        (HTTP, "http://h:4318", "http://h:4318/v1/traces"),
        (HTTP, "http://h:4318/", "http://h:4318/v1/traces"),
        (HTTP, "http://h:4318/v1/traces", "http://h:4318/v1/traces"),
        (HTTP, "http://h:4318/v1/traces/", "http://h:4318/v1/traces"),
        (HTTP, "http://h:4318/v1/logs", "http://h:4318/v1/traces"),
        (HTTP, "https://h/otlp", "https://h/otlp/v1/traces"),
        (HTTP, "h:4318", "http://h:4318/v1/traces"),
        (HTTP, "h", "http://h/v1/traces"),
        (HTTP, " http://h:4318 ", "http://h:4318/v1/traces"),
        (HTTP, "http://[::1]:4318", "http://[::1]:4318/v1/traces"),
        (HTTP, "http://user:pw@h:4318", "http://user:pw@h:4318/v1/traces"),
        (GRPC, None, "http://127.0.0.1:4317"),
        (GRPC, "http://h:4317", "http://h:4317"),
        (GRPC, "http://h:4317/", "http://h:4317"),
        (GRPC, "https://h:4317", "https://h:4317"),
        (GRPC, "h:4317", "http://h:4317"),
        (GRPC, "[::1]:4317", "http://[::1]:4317"),
        (JAEGER, None, "http://127.0.0.1:14268/api/traces"),
        (JAEGER, "http://h:14268", "http://h:14268/api/traces"),
        (JAEGER, "http://h:14268/", "http://h:14268/api/traces"),
        (JAEGER, "http://h:14268/api/traces", "http://h:14268/api/traces"),
        (JAEGER, "http://h:14268/api/traces/", "http://h:14268/api/traces"),
        (JAEGER, "http://h:14268/api/traces?format=jaeger.thrift", "http://h:14268/api/traces?format=jaeger.thrift"),
        (JAEGER, "h:14268", "http://h:14268/api/traces"),
    ],
)
def test_an_endpoint_becomes_an_address(protocol, endpoint, url):
    """A base or a whole one, with or without a slash, with or without a scheme."""
    assert target_of("traces", protocol=protocol, endpoint=endpoint).url == url


@pytest.mark.parametrize(
    "endpoint",
    ["ftp://h", "http://", "://", "http://h:port", "http://h:99999", "   ", "x" * 5_000, "http://[::1", "/v1/traces"],
)
def test_what_is_no_address_is_refused(endpoint):
    """With an example of one, or what is wrong with the port."""
    with pytest.raises(ValueError, match=r"."):
        target_of("traces", protocol=HTTP, endpoint=endpoint)


@pytest.mark.parametrize("protocol", ["", "OTLP_HTTP", "grpc", None, 7, [], b"otlp_http"])
def test_an_unknown_protocol_names_the_known_ones(protocol):
    """All three."""
    with pytest.raises(ValueError, match="otlp_http, otlp_grpc, jaeger_thrift_http"):
        parse_protocol(protocol)


def test_each_protocol_has_its_format_and_transport():
    """As delivery wants them."""
    shapes = {protocol: target_of("traces", protocol=protocol) for protocol in Protocol}
    assert (shapes[HTTP].format, shapes[HTTP].transport) == (Format.OTLP, Transport.HTTP)
    assert (shapes[GRPC].format, shapes[GRPC].transport) == (Format.OTLP, Transport.GRPC)
    assert (shapes[JAEGER].format, shapes[JAEGER].transport) == (Format.JAEGER, Transport.HTTP)


def test_the_environments_endpoint_is_a_base_and_the_signals_own_wins(monkeypatch):
    """What is given in code wins over both."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318")
    assert target_of("traces", protocol=HTTP).url == "http://base:4318/v1/traces"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://own:4318/custom/path")
    assert target_of("traces", protocol=HTTP).url == "http://own:4318/custom/path"
    assert target_of("logs", protocol=HTTP).url == "http://base:4318/v1/logs"
    assert target_of("traces", protocol=HTTP, endpoint="http://code:1").url == "http://code:1/v1/traces"


def test_jaeger_has_its_own_variable(monkeypatch):
    """An OTLP endpoint is none for Jaeger."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otlp:4318")
    assert target_of("traces", protocol=JAEGER).url == "http://127.0.0.1:14268/api/traces"
    monkeypatch.setenv("OTEL_EXPORTER_JAEGER_ENDPOINT", "http://jaeger:14268/api/traces")
    assert target_of("traces", protocol=JAEGER).url == "http://jaeger:14268/api/traces"


def test_headers_add_up_and_what_is_given_wins(monkeypatch):
    """The environment's, the caller's, then the token; OTLP's are not sent to Jaeger."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-a=env,x-b=env%20b,authorization=Basic%20abc")
    found = target_of("traces", protocol=GRPC, token="t", headers={"X-A": "code"}).headers
    assert dict(found) == {"x-a": "code", "x-b": "env b", "authorization": "Bearer t"}
    assert dict(target_of("traces", protocol=JAEGER, token="t").headers) == {"authorization": "Bearer t"}
    assert "Bearer t" not in repr(target_of("traces", protocol=HTTP, token="t"))


def test_tls_files_come_from_the_environment(monkeypatch):
    """The signal's own first; authorities make a gRPC address without a scheme a secure one."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "/cert.pem")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem")
    target = target_of("traces", protocol=GRPC, endpoint="h:4317")
    assert (target.ca_file, target.cert_file, target.key_file) == ("/ca.pem", "/cert.pem", "/key.pem")
    assert target.url == "https://h:4317"
    assert target_of("traces", protocol=GRPC, endpoint="h:4317", ca_file="/mine.pem").ca_file == "/mine.pem"


def test_grpc_without_a_scheme_can_be_told_to_be_secure(monkeypatch):
    """`OTEL_EXPORTER_OTLP_INSECURE=false`, with the system's authorities."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "false")
    assert target_of("traces", protocol=GRPC, endpoint="h:4317").url == "https://h:4317"


def test_compression_is_the_environments_word(monkeypatch):
    """Off by default: on a loopback it costs more than it saves."""
    assert not target_of("traces", protocol=HTTP).is_compressed
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip")
    assert target_of("traces", protocol=HTTP).is_compressed
