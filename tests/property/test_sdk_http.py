"""Whatever a client sends, the application is called once and its answer passes through."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from anyascope.sdk.integrations import instrument
from anyascope.sdk.integrations.http import METHODS, OTHER_METHOD, HttpOptions, is_under, method_of
from anyascope.sdk.integrations.templates import starlette_template

REGISTRY = CollectorRegistry()
PROVIDER = TracerProvider()

header_names = st.sampled_from(
    [b"traceparent", b"tracestate", b"baggage", b"x-correlation-id", b"user-agent", b"host", b"cookie"]
) | st.binary(max_size=20)
scopes = st.fixed_dictionaries(
    {
        "type": st.just("http"),
        "method": st.text(max_size=10) | st.sampled_from(["GET", "POST"]),
        "path": st.text(max_size=50),
        "headers": st.lists(st.tuples(header_names, st.binary(max_size=80)), max_size=8),
        "client": st.none() | st.tuples(st.text(max_size=20), st.integers(0, 65_535)),
        "server": st.none() | st.tuples(st.text(max_size=20), st.none() | st.integers(0, 65_535)),
        "http_version": st.sampled_from(["1.0", "1.1", "2", "3"]),
    }
)
answers = st.tuples(
    st.integers(100, 599),
    st.lists(st.tuples(st.binary(max_size=10), st.binary(max_size=10)), max_size=4),
    st.lists(st.binary(max_size=20), min_size=1, max_size=4),
)


@given(scopes, answers)
def test_an_answer_passes_through_with_one_header_more(scope, answer):
    """Status, headers, their order and the body are the application's; the correlation id is added where it was not."""
    status, headers, parts = answer
    calls: list[Any] = []
    sent: list[Any] = []

    async def app(inner: Any, receive: Any, send: Any) -> None:
        calls.append(inner)
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        for number, part in enumerate(parts):
            await send({"type": "http.response.body", "body": part, "more_body": number + 1 < len(parts)})

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(instrument(app, registry=REGISTRY, tracer_provider=PROVIDER)(dict(scope), None, send))  # type: ignore[arg-type]
    assert len(calls) == 1
    assert sent[0]["status"] == status
    given_headers = [tuple(pair) for pair in sent[0]["headers"]]
    assert given_headers[: len(headers)] == headers
    extra = given_headers[len(headers) :]
    is_skipped = any(is_under(scope["path"], path) for path in HttpOptions().skip)
    has_own = any(name.lower() == b"x-correlation-id" for name, _ in headers)
    assert len(extra) == (0 if is_skipped or has_own else 1)
    assert b"".join(message["body"] for message in sent[1:]) == b"".join(parts)
    assert REGISTRY.get_sample_value("anya_http_active_connections") == 0


@given(st.text(), st.text(min_size=1))
def test_a_path_below_another_begins_with_it(path, prefix):
    """What lies below a path begins with it, and the path lies below itself."""
    assert is_under(prefix, prefix)
    assert not is_under(path, prefix) or path == prefix or path.startswith(prefix.rstrip("/") + "/")


@given(st.text())
def test_a_method_is_one_of_few(method):
    """Whatever is sent as a method, labels have ten values and one for all others."""
    assert method_of(method) in METHODS | {OTHER_METHOD}
    assert len(METHODS) == 10


@given(st.dictionaries(st.sampled_from(["route", "root_path", "fastapi", "path_params"]), st.text() | st.none()))
def test_a_scope_without_a_route_has_no_template(scope):
    """What no application wrote into the scope gives no template."""
    before = {"type": "http", "path": "/", "method": "GET", "headers": [], "root_path": ""}
    scope.pop("fastapi", None)
    assert starlette_template({**scope, "route": None}, before, ()) is None
