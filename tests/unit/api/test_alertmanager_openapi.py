"""Every operation of Alertmanager's own description is answered, and answered in its shapes."""

from __future__ import annotations

from urllib.parse import urlencode

import httpx
import pytest
from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML
from starlette.applications import Starlette

from anyascope.api.alertmanager.routes import AlertmanagerParts, alertmanager_routes
from anyascope.api.alertmanager.status import AlertmanagerView
from anyascope.redact.api import Redactor
from support.components import shared_path
from support.pages import House
from support.swagger import faults

CONFIG = """
route: {receiver: team, group_by: [a], routes: [{receiver: night, matchers: [n="1"], mute_time_intervals: [always]}]}
receivers: [{name: team}, {name: night}]
inhibit_rules: [{source_matchers: [a="1"], target_matchers: [a="2"]}]
time_intervals: [{name: always, time_intervals: [{}]}]
"""
SILENCE = {
    "matchers": [{"name": "a", "value": "3", "isRegex": False}, {"name": "b", "value": "x", "isRegex": True, "isEqual": False}],
    "startsAt": "2023-01-01T00:00:00Z",
    "endsAt": "2099-01-01T00:00:00Z",
    "createdBy": "ann",
    "comment": "why",
}  # fmt: skip
ASKED = {
    ("/status", "get"): [({}, None)],
    ("/receivers", "get"): [({}, None), ({"receiver_matchers": 'name="team"'}, None), ({"receiver_matchers": "x"}, None)],
    ("/silences", "get"): [({}, None), ({"active": "false"}, None), ({"filter": "x"}, None)],
    ("/silences", "post"): [({}, SILENCE), ({}, SILENCE | {"id": "x"}), ({}, SILENCE | {"endsAt": "2001-01-01T00:00:00Z"})],
    ("/silence/{silenceID}", "get"): [({}, None)],
    ("/silence/{silenceID}", "delete"): [({}, None)],
    ("/alerts", "get"): [({}, None), ({"receiver": "("}, None)],
    ("/alerts", "post"): [({}, [{"labels": {"x": "y"}}]), ({}, [{"labels": {}}])],
    ("/alerts/groups", "get"): [({}, None), ({"muted": "false"}, None), ({"filter": "x"}, None)],
}  # fmt: skip


class Status:
    """What the server says of itself."""

    def alertmanager(self):
        return AlertmanagerView(1, "1", "3")

    def alertmanager_yaml(self):
        return "route: {}\n"

    def receivers(self):
        return {"team": {"name": "team", "owner": "x"}}


@pytest.fixture
async def client():
    async with House(CONFIG) as house:
        registry = CollectorRegistry()
        app = Starlette(
            routes=alertmanager_routes(
                AlertmanagerParts(house.alerting, Redactor(registry=registry), Status(), registry)
            )
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t/api/v2") as made:
            body = [{"labels": {"a": n}, "annotations": {"s": "t"}, "generatorURL": "http://h"} for n in "1234"]
            await made.post("/alerts", json=[*body, {"labels": {"n": "1"}}])
            yield made


async def test_every_operation_is_answered_in_its_shape(client):
    """With a status that is described, and a body as its schema says, no field more and none less."""
    described = YAML(typ="safe").load(shared_path("conformance/alertmanager/openapi.yaml"))
    operations = {
        (path, method) for path, item in described["paths"].items() for method in item if method != "parameters"
    }
    assert operations == set(ASKED)
    made = (await client.post("/silences", json=SILENCE)).json()["silenceID"]
    seen = set()
    for path, method in sorted(ASKED, key=lambda operation: operation[1] == "delete"):
        for query, body in ASKED[path, method]:
            url = path.replace("{silenceID}", made) + f"?{urlencode(query)}"
            answer = await client.request(method.upper(), url, json=body)
            told = described["paths"][path][method]["responses"][str(answer.status_code)]
            told = described["responses"][told["$ref"].rpartition("/")[2]] if "$ref" in told else told
            assert bool(answer.content) is ("schema" in told), (method, url)
            if "schema" in told:
                assert list(faults(answer.json(), told["schema"], described)) == [], (method, url)
            seen.add((path, method, answer.status_code))
    assert len(seen) == 16
