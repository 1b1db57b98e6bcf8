"""Whatever is asked of the own API, it answers or says what is wrong: never a fault."""

from __future__ import annotations

import asyncio
import json
from functools import lru_cache
from urllib.parse import quote, urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.api.own import BASE_PATH
from anyascope.model.logs import LogRecord
from anyascope.model.traces import Span
from support.own_api import House

PATHS = (
    "/logs/search",
    "/logs/histogram",
    "/logs/fields",
    "/logs/values",
    "/traces/services",
    "/traces/search",
    "/traces/{id}",
    "/alerts",
    "/notifications",
    "/silences",
    "/silences/{id}",
    "/status",
    "/health",
    "/sdk/settings",
)
NAMES = (
    *(
        "query",
        "start",
        "end",
        "limit",
        "cursor",
        "order",
        "buckets",
        "field",
        "service",
        "operation",
        "tags",
        "status",
    ),
    *("min_duration", "max_duration", "state", "receiver", "unknown"),
)
VALUES = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    st.sampled_from(
        [
            *(
                "",
                "0",
                "1",
                "-1",
                "5000",
                "1e9",
                "9" * 30,
                "NaN",
                "now",
                "-1h",
                "now-5s",
                "+1h",
                "1970-01-01",
                "2199-12-31",
            ),
            *("a:b", "severity:>=warn", "(", '"', "a:/(/", "*", "a:*", "trace_id:ab*", "newest", "oldest", "error"),
            *("k=v", "=", "10ms", "1h30m", "firing", "sent", "MS4x", "MTcwMDAwMDAwMDAwMDAwMDAwMC4x", "service", "body"),
        ]
    ),
)
ASKED = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=5)
IDS = st.one_of(
    st.sampled_from(["0" * 32, "01" * 16, "AB" * 8, "x"]),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="/?#%.\n"), min_size=1, max_size=40),
)


@lru_cache
def application():
    """One for all questions: none of them changes it."""
    house = House()
    now_ns = house.clock.now_ns()
    asyncio.run(house.keep_logs(LogRecord(now_ns - 1, "signing failed", severity_number=17, attributes={"a": "b"})))
    asyncio.run(house.keep_spans(Span(b"\1" * 16, b"\2" * 8, "op", now_ns - 1, 5)))
    return house.app()


@lru_cache
def changed_application():
    """One for all wishes: those that were granted stay."""
    return House().app()


async def ask(app, path, *, query="", method="GET", headers=(), content=b""):
    """(status, headers, body) of one request that no client library looked at."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": quote(path).encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": list(headers),
        "server": ("127.0.0.1", 9470),
        "client": ("127.0.0.1", 1),
    }
    await app(scope, receive, send)
    head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], head, b"".join(message.get("body", b"") for message in sent[1:])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PATHS), ASKED, IDS)
def test_no_question_is_a_fault(path, asked, trace_id):
    """Every answer is the resource or a problem of the caller's, and JSON."""
    status, head, body = asyncio.run(
        ask(application(), BASE_PATH + path.replace("{id}", trace_id), query=urlencode(asked))
    )
    assert status in (200, 400, 404, 422), body
    document = json.loads(body)
    if status != 200:
        assert head["content-type"] == "application/problem+json"
        assert document["detail"]
        assert document["status"] == status


TEXTS = st.one_of(
    st.text(max_size=8), st.sampled_from(["\ud800", "\x00", "9999-12-31T23:59:59-10:00", "2099-01-01", "22:00"])
)
MATCHERS = st.lists(
    st.fixed_dictionaries({"name": TEXTS, "op": st.sampled_from(["=", "!=", "=~", "!~", "x"]), "value": TEXTS}),
    max_size=3,
)
WINDOWS = st.fixed_dictionaries(
    {"start_time": TEXTS, "end_time": TEXTS}, optional={"weekdays": st.lists(TEXTS, max_size=2), "location": TEXTS}
)
WISHES = st.fixed_dictionaries(
    {},
    optional={
        "matchers": MATCHERS,
        **dict.fromkeys(("created_by", "comment", "by", "starts_at", "ends_at"), TEXTS),
        "for_s": st.one_of(st.integers(), st.floats(), TEXTS),
        "recurrence": st.none() | WINDOWS,
    },
)
SOUND = {
    "matchers": [{"name": "a", "op": "=", "value": "b"}],
    "created_by": "a",
    "comment": "b",
    "by": "a",
    "for_s": 60,
}
CHANGES = ("/silences", "/silences/preview", "/silences/x/extend", "/silences/x/clone", "/silences/x/expire")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CHANGES), WISHES.map(lambda wish: json.dumps(SOUND | wish).encode()) | st.binary(max_size=20))
def test_no_wish_for_a_silence_is_a_fault(path, content):
    """It is granted, or the problem is the caller's; what was granted can be shown."""
    app = changed_application()
    status, _, body = asyncio.run(ask(app, BASE_PATH + path, method="POST", content=content))
    assert status in (200, 201, 400, 404), body
    assert asyncio.run(ask(app, f"{BASE_PATH}/silences"))[0] == 200


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "BREW"]),
    st.dictionaries(
        st.sampled_from(
            [b"host", b"origin", b"sec-fetch-site", b"authorization", b"x-request-id", b"accept", b"accept-encoding"]
        ),
        st.binary(max_size=20)
        | st.sampled_from([b"http://[", b"Basic /w==", b"[", b"application/openmetrics-text;version=x"]),
        max_size=4,
    ),
)
def test_no_header_is_a_fault(method, headers):
    """Guards and formats take whatever a client sends."""
    status, _, _ = asyncio.run(ask(application(), "/metrics", method=method, headers=headers.items()))
    assert status in (200, 403, 405, 421)
