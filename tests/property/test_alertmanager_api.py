"""Whatever is asked of Alertmanager's API, it answers or says what is wrong: never a fault, and the time stays short."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from anyascope.api.alertmanager.routes import AlertmanagerParts, alertmanager_routes
from anyascope.api.alertmanager.status import AlertmanagerView
from anyascope.redact.api import Redactor
from support.pages import House

CONFIG = "route: {receiver: team, group_by: [a]}\nreceivers: [{name: team}, {name: other, labels: {owner: x}}]\n"
SAID = frozenset((200, 400, 404, 405, 406, 413, 415, 422))
PATHS = ("alerts", "alerts/groups", "silences", "silence/{id}", "status", "receivers", "{id}")
WORDS = st.sampled_from(
    [
        *("matchers", "name", "value", "isRegex", "isEqual", "startsAt", "endsAt", "createdBy", "comment", "id"),
        *("annotations", "labels", "generatorURL", "a", "", "é", "\ud800", "alertname"),
    ]
)
TIMES = st.sampled_from(
    [
        "2026-12-01T00:00:00Z",
        "2099-01-01T00:00:00+25:00",
        "9998-12-31T23:59:59Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-10:00",
        "0001-01-01",
        "x",
    ]
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), WORDS, TIMES, st.text(max_size=8), st.just(".*")
)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=8), max_leaves=20
)
MATCHER = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "é", ""]), "value": st.text(max_size=6), "isRegex": st.booleans()},
    optional={"isEqual": st.booleans()},
)
NEARLY = st.fixed_dictionaries(
    {
        "matchers": st.lists(MATCHER, min_size=1, max_size=3),
        "createdBy": st.text(max_size=5),
        "comment": st.text(max_size=5),
    },
    optional={"id": st.text(max_size=5), "annotations": st.dictionaries(WORDS, st.text(max_size=3), max_size=2)},
).flatmap(lambda body: st.fixed_dictionaries({"startsAt": TIMES, "endsAt": TIMES}).map(lambda times: body | times))
ALERT = st.fixed_dictionaries(
    {"labels": st.dictionaries(WORDS, st.text(max_size=5), max_size=3)}, optional={"endsAt": TIMES}
)
BODIES = st.one_of(
    st.one_of(TREES, NEARLY, st.lists(ALERT | TREES, max_size=3)).map(lambda tree: json.dumps(tree).encode()),
    st.binary(max_size=20),
    st.just(b"[" * 100_000),
)
QUERY = st.lists(
    st.tuples(
        st.sampled_from(["filter", "active", "silenced", "muted", "receiver", "receiver_matchers", "expired"]),
        st.one_of(st.text(max_size=8), st.sampled_from(["a=b", "a=~(", "a!=~", "{a=b}", 'a="\\xff"', "true", "0"])),
    ),
    max_size=4,
)  # fmt: skip


class Status:
    """What the server says of itself."""

    def alertmanager(self):
        return AlertmanagerView(0, "1", "3")

    def alertmanager_yaml(self):
        return "route: {}\n"

    def receivers(self):
        return {"team": {"name": "team"}, "other": {"name": "other", "owner": "x"}}


MEDIA_TYPES = st.sampled_from(["application/json", "application/json; charset=utf-8", "text/plain", "x", ""])
REQUESTS = st.one_of(
    st.tuples(
        st.just("POST"), st.sampled_from(["alerts", "silences"]), st.just([]), BODIES, st.just("application/json")
    ),
    st.tuples(st.just("GET"), st.sampled_from(PATHS), QUERY, st.just(b""), st.just("")),
    st.tuples(st.sampled_from(["PUT", "POST", "DELETE"]), st.sampled_from(PATHS), QUERY, BODIES, MEDIA_TYPES),
)


@settings(max_examples=60, deadline=None)
@given(request=REQUESTS, identity=st.text(max_size=6))
def test_every_request_gets_an_answer_of_the_schema(request, identity):
    """A status that Alertmanager has for it, and JSON or nothing as the body."""
    method, path, query, body, media_type = request

    async def ask():
        async with House(CONFIG) as house:
            registry = CollectorRegistry()
            parts = AlertmanagerParts(house.alerting, Redactor(registry=registry), Status(), registry)
            app = Starlette(routes=alertmanager_routes(parts))
            # Not mended by the transport: what the application raises is a fault.
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t/api/v2/") as client:
                answer = await client.request(
                    method,
                    path.replace("{id}", quote(identity.encode("utf-8", "replace"), safe="")),
                    params=[(name, text.encode("utf-8", "replace").decode()) for name, text in query],
                    content=body,
                    headers={"content-type": media_type},
                )
                # What was taken over can be shown.
                shown = [await client.get(name) for name in ("alerts", "alerts/groups", "silences")]
                return answer, [one.status_code for one in shown]

    answer, shown = asyncio.run(ask())
    assert shown == [200, 200, 200]
    assert answer.status_code in SAID
    if answer.content:
        json.loads(answer.content)
