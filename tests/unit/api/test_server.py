"""Status, health, the description, and what stands at the root."""

from __future__ import annotations

import gzip

import httpx
import msgspec
import pytest

from anyascope.api.problems import problem_of, problem_response, status_of
from anyascope.clock import NS_PER_S
from anyascope.errors import (
    AnyascopeError,
    ConflictError,
    DeniedError,
    InvalidInputError,
    LimitExceededError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
    UnsupportedError,
)
from anyascope.health.components import HealthReport
from anyascope.model.labels import labels_of
from anyascope.model.metrics import MetricBatch, SampleBatch
from anyascope.ports import ComponentHealth, HealthStatus
from anyascope.promql.asking import Asked
from anyascope.wire import (
    own_api,
    own_bitcoin,
    own_correlation,
    own_custody,
    own_hsms,
    own_packs,
    own_responses,
    own_silences,
    own_slos,
    own_traces,
    own_transactions,
    own_wallets,
)
from support.own_api import STATUS, House

ROOT = "http://127.0.0.1:9470"


async def test_status_is_what_the_server_says_of_itself():
    """Nothing is added or left out."""
    async with House().client() as client:
        answer = await client.get("/status")
    assert answer.json()["pid"] == STATUS.pid
    assert set(answer.json()) == set(STATUS.__slots__)


async def test_who_makes_the_series_is_told_beside_the_limits():
    """By metric, label, pair, source, and by a label of one's choice."""
    house = House()
    rows = [(labels_of({"__name__": "up", "job": job}), 10**6, 1.0) for job in "aab"]
    await house.store.metrics.write_metrics(MetricBatch(SampleBatch.of(rows)))
    async with house.client() as client:
        found = (await client.get("/cardinality", params={"label": "job", "limit": "1"})).json()
        wrong = await client.get("/cardinality", params={"limit": "0"})
    assert (found["series"], found["limit"], found["source_limit"]) == (2, 20, 10)
    assert found["sources"] == [{"name": "scrape", "count": 9}, {"name": "host", "count": 1}]
    assert found["metrics"] == [{"name": "up", "count": 2}]
    assert found["by"] == [{"name": "a", "count": 1}]
    assert found["labels"] == [{"name": "job", "count": 2}]
    assert (wrong.status_code, wrong.json()["path"]) == (400, "limit")


async def test_health_tells_every_component():
    """With what to do, and since when."""
    house = House()
    house.report_now = HealthReport(
        HealthStatus.UNHEALTHY,
        (ComponentHealth("store", "store", HealthStatus.UNHEALTHY, "full", "free space", 10**9),),
    )
    async with house.client() as client:
        assert (await client.get("/health")).json() == {
            "status": "unhealthy",
            "components": [
                {
                    "component": "store",
                    "kind": "store",
                    "status": "unhealthy",
                    "message": "full",
                    "advice": "free space",
                    "since": "1970-01-01T00:00:01.000000000Z",
                }
            ],
        }


async def test_running_queries_say_who_asked():
    """The oldest first; a query may be about times that no calendar has."""
    house = House()
    now_ns = house.clock.now_ns()
    request = {"httpRequest": {"clientIP": "10.0.0.7", "method": "GET", "path": "/api/v1/query"}}
    house.asked = [
        Asked("up", 0, 60_000, 15_000, asked_ns=now_ns - NS_PER_S, origin=request),
        Asked("down", 2**60, 2**60, 0, asked_ns=now_ns, origin={"ruleGroup": {"file": "r.yml", "name": "g"}}),
    ]
    async with house.client() as client:
        first, second = (await client.get("/queries")).json()["queries"]
    assert first == {
        "query": "up",
        "asked": first["asked"],
        "running_s": 1.0,
        "start": "1970-01-01T00:00:00.000000000Z",
        "end": "1970-01-01T00:01:00.000000000Z",
        "step_s": 15.0,
        "client": "10.0.0.7",
        "rule_group": None,
    }
    assert (second["query"], second["client"], second["rule_group"], second["step_s"]) == ("down", None, "r.yml;g", 0.0)


def done(operation):
    """The answer of a request that went well."""
    return operation["responses"].get("200") or operation["responses"]["201"]


async def test_the_description_names_every_operation_once():
    """Programs are made from it: each operation has an id, a summary, an example and its problems."""
    async with House().client() as client:
        described = (await client.get("/openapi.json")).json()
    operations = [operation for path in described["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) >= 18
    for operation in operations:
        assert operation["summary"]
        assert operation["description"]
        (content,) = done(operation)["content"].values()
        assert "example" in content
        assert "422" not in operation["responses"]
    assert described["servers"] == [{"url": "/api/anyascope/v1"}]


VIEWS = {
    name: view
    for module in (
        own_api,
        own_bitcoin,
        own_correlation,
        own_custody,
        own_hsms,
        own_packs,
        own_responses,
        own_silences,
        own_slos,
        own_traces,
        own_transactions,
        own_wallets,
    )
    for name, view in vars(module).items()
}


async def test_examples_of_the_description_are_of_their_shape():
    """An example that the API would not answer misleads."""
    async with House().client() as client:
        described = (await client.get("/openapi.json")).json()
    checked = 0
    for operation in [operation for path in described["paths"].values() for operation in path.values()]:
        content = done(operation)["content"]
        if "application/json" in content:
            name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
            msgspec.convert(content["application/json"]["example"], VIEWS[name])
            checked += 1
    assert checked >= 16


async def test_a_path_that_leads_nowhere_is_a_problem():
    """Also a wrong method."""
    async with House().client() as client:
        missing = await client.get("/nothing")
        wrong = await client.post("/status")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("error", "status", "more"),
    [
        (InvalidInputError("bad", path="limit"), 400, {"path": "limit", "detail": "bad"}),
        (TooLargeError("big"), 413, {"code": "too_large"}),
        (NotFoundError("gone"), 404, {}),
        (ConflictError("changed"), 409, {}),
        (DeniedError("no"), 403, {}),
        (UnsupportedError("cannot"), 501, {}),
        (LimitExceededError("much"), 422, {"code": "limit_exceeded"}),
        (UnavailableError("later", retry_after_s=2.5), 503, {"retry_after_s": 2.5}),
        (AnyascopeError(""), 500, {"detail": "internal"}),
    ],
)
def test_each_error_has_its_status(error, status, more):
    """One table leads from errors to problems."""
    assert status_of(error) == status
    problem = problem_of(error)
    assert {name: getattr(problem, name) for name in more} == more


def test_a_problem_that_passes_says_when_to_come_again():
    """In whole seconds, at least one."""
    headers = problem_response(problem_of(UnavailableError("later", retry_after_s=0.1))).headers
    assert headers["retry-after"] == "1"


async def test_a_fault_of_the_api_is_a_problem_too(monkeypatch):
    """The sub-application answers in the same shape as the rest."""
    house = House()

    async def fail():
        raise ValueError("a secret detail")

    monkeypatch.setattr(house, "status", fail)
    async with house.client() as client:
        answer = await client.get("/status")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text


async def test_ready_says_why_not():
    """A load balancer waits; a person reads the reason."""
    house = House(not_ready="the store opens")
    async with house.client() as client:
        assert (await client.get(f"{ROOT}/-/healthy")).status_code == 200
        answer = await client.get(f"{ROOT}/-/ready")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert "the store opens" in answer.text
        house.not_ready = ""
        assert (await client.get(f"{ROOT}/-/ready")).status_code == 200


async def test_reload_reads_the_configuration_again_or_says_why_not():
    """By POST or PUT, never by GET; a broken configuration is a 400 that names the mistake."""
    house = House()
    async with house.client() as client:
        assert (await client.get(f"{ROOT}/-/reload")).status_code == 405
        assert (await client.post(f"{ROOT}/-/reload")).status_code == 200
        assert (await client.put(f"{ROOT}/-/reload")).status_code == 200
        assert len(house.reloads) == 2


async def test_a_refused_reload_names_the_mistake(monkeypatch):
    """The answer is the configuration's own."""
    house = House()

    async def refuse():
        raise InvalidInputError("anyascope.yml:3: field x is not known here")

    monkeypatch.setattr(house, "reload", refuse)
    async with house.client() as client:
        answer = await client.post(f"{ROOT}/-/reload")
    assert (answer.status_code, answer.json()["detail"]) == (400, "anyascope.yml:3: field x is not known here")


@pytest.mark.parametrize(
    ("accept", "content_type", "end"),
    [
        ("", "text/plain; version=", b"\n"),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics-text; version=1.0.0", b"# EOF\n"),
        ("*/*", "text/plain", b"\n"),
        ("application/openmetrics-text;version=x", "text/plain", b"\n"),
    ],
)  # fmt: skip
async def test_metrics_come_in_the_format_that_is_asked_for(accept, content_type, end):
    """OpenMetrics for those who ask for it, Prometheus' text for all others."""
    async with House().client() as client:
        answer = await client.get(f"{ROOT}/metrics", headers={"accept": accept, "accept-encoding": "identity"})
    assert answer.headers["content-type"].startswith(content_type)
    assert b"anyascope_event_streams" in answer.content
    assert answer.content.endswith(end)


async def test_metrics_are_packed_for_those_who_can_read_it():
    """As Prometheus asks for them."""
    house = House()
    async with (
        house.client() as client,
        client.stream("GET", f"{ROOT}/metrics", headers={"accept-encoding": "gzip"}) as answer,
    ):
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert b"anyascope_event_streams" in gzip.decompress(raw)


async def test_metrics_can_be_asked_for_by_name():
    """A page of some names only."""
    async with House().client() as client:
        answer = await client.get(f"{ROOT}/metrics", params={"name[]": "anyascope_event_streams"})
        many = await client.get(f"{ROOT}/metrics", params={"name[]": ["x"] * 101})
    assert "anyascope_event_streams 0.0" in answer.text
    assert "anyascope_http" not in answer.text
    assert (many.status_code, many.json()["path"]) == (400, "name[]")


async def test_a_host_that_is_not_ours_gets_nothing():
    """The guards stand before everything."""
    async with House().client() as client:
        answer = await client.get("/status", headers={"host": "evil.example.org"})
    assert answer.status_code == 421
    assert isinstance(answer, httpx.Response)
