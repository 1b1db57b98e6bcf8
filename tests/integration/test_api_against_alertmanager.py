"""The same requests to a real Alertmanager and to our server: status, headers, error text and shape must agree."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx
import pytest

from support.alertmanager import real_alertmanager
from support.server import QUIET_CONFIG, running_server

SETTINGS = """
route:
  receiver: all
  group_by: [alertname]
  group_wait: 50ms
  routes:
  - {receiver: team-a, matchers: ['team="a"'], group_by: [alertname, n], continue: true}
  - {receiver: team-a, matchers: ['n="1"'], continue: true}
  - {receiver: b, matchers: ['team="a"'], group_by: ['...']}
  - {receiver: night, matchers: ['team="n"'], mute_time_intervals: [always]}
  - {receiver: night, matchers: ['team="m"'], active_time_intervals: [never]}
receivers: [{name: all}, {name: team-a}, {name: b, labels: {owner: x, a: y}}, {name: night}]
inhibit_rules: [{source_matchers: ['n="source"'], target_matchers: ['n="target"']}]
time_intervals:
- {name: always, time_intervals: [{times: [{start_time: '00:00', end_time: '24:00'}]}]}
- {name: never, time_intervals: [{years: ['1990']}]}
"""
OUR_CONFIG = f"{QUIET_CONFIG}\nrules: {{default_pack: false}}\n{SETTINGS}"
JSON = {"content-type": "application/json"}
STARTS, ENDS = "2026-12-01T00:00:00Z", "2099-01-01T00:00:00Z"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
TIMES = frozenset(("startsAt", "endsAt", "updatedAt", "uptime"))
GO_TYPE = re.compile(r"failed, because .*")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Request:
    """What is asked of both. `ID` in a path or body stands for the first silence that each made."""

    method: str
    path: str
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path} {(self.body or '')[:120]} {self.headers or ''}"


def get(path: str, **headers: str) -> Request:
    return Request("GET", path, headers=headers)


def post(path: str, body: str, **headers: str) -> Request:
    return Request("POST", path, body, JSON | headers)


def silence(**changes: str | None) -> Request:
    """A POST of a silence whose fields are the sound ones, but for these; None leaves one out."""
    fields: dict[str, str | None] = {
        "matchers": '[{"name":"q","value":"b","isRegex":false,"isEqual":true}]',
        "startsAt": f'"{STARTS}"',
        "endsAt": f'"{ENDS}"',
        "createdBy": '"me"',
        "comment": '"why"',
    }
    told = (fields | changes).items()
    return post("silences", "{" + ",".join(f'"{name}":{value}' for name, value in told if value is not None) + "}")


def matcher(text: str) -> Request:
    return silence(matchers=f"[{text}]")


def alert(**labels: str) -> dict[str, Any]:
    return {"labels": labels}


L = '"labels":{"alertname":"x","n":"%d"}'
ALERT_BODIES = [
    *("[]", "null", "", "{}", "x", "[1]", "[{}]", '[{"labels":null}]', '[{"labels":{}}]', '[{"labels":{"a":""}}]'),
    *('[{"labels":{"a":1}}]', '[{"labels":{"":"b"}}]', '[{"labels":{"1a é":"b"}}]', '[{"labels":{"a":null}}]'),
    '[{%s,"startsAt":"2026-01-02T00:00:00Z","endsAt":"2026-01-01T00:00:00Z"}]' % (L % 1),
    '[{%s,"startsAt":"x"}]' % (L % 1),
    '[{%s,"startsAt":1}]' % (L % 1),
    '[{%s,"startsAt":""}]' % (L % 2),
    '[{%s,"startsAt":"0001-01-01T00:00:00.000Z","endsAt":"0001-01-01T00:00:00.000Z"}]' % (L % 3),
    '[{%s,"generatorURL":"::bad"}]' % (L % 4),
    '[{%s,"generatorURL":"http://h/g?a=1&b=<2>","unknown":1}]' % (L % 5),
    '[{%s,"annotations":{"x":""}}]' % (L % 6),
    '[{%s,"annotations":{"":"x"}}]' % (L % 7),
    '[{%s},{"labels":{"a":""}},{"labels":{}}]' % (L % 8),
    '[{"labels":{"z":"\\ud800"}}]',
]
ALERTS = [
    *(alert(alertname="A", n=n, team="a") for n in "12"),
    *(alert(alertname="B", n=n) for n in ("source", "target")),
    *(alert(alertname="C", team="n"), alert(alertname="D", team="m"), alert(x="y")),
    *(alert(alertname="Z", job=j, instance=i, q=q) for i in "10" for j in "10" for q in "10"),
    *(alert(alertname="Z", job="1"), alert(alertname="Z", instance="1"), alert(alertname="Z", extra="1")),
    {**alert(alertname="R"), "startsAt": STARTS, "endsAt": "2026-12-01T01:00:00Z"},
]
SILENCE_BODIES = [
    *("", "null", "[]", "{}", "1", '"a"', '{"annotations":{}}', '{"id":1}', '{"matchers":"x"}'),
    *('{"comment":[],"matchers":1}', '{"startsAt":true}', '{"matchers":[[]]}', '{"createdBy":{}}', "x", '{"a":'),
]
SILENCES = [
    silence(),
    *(silence(**{name: None}) for name in ("matchers", "startsAt", "endsAt", "createdBy", "comment")),
    *(silence(matchers=text) for text in ("null", "[]", "{}", "[1]")),
    *(
        matcher(text)
        for text in (
            *("{}", '{"name":"a","value":"b"}', '{"name":"a","isRegex":false}', '{"value":"a","isRegex":false}'),
            *('{"name":"","value":"b","isRegex":false}', '{"name":"a","value":"","isRegex":false}'),
            *('{"name":"a","value":"(","isRegex":true}', '{"name":"a","value":".*","isRegex":true}'),
            '{"name":"q","value":"x","isRegex":true,"isEqual":false},{"name":"q","value":"y","isRegex":false}',
            *('{"name":"q r","value":"x","isRegex":false}', '{"name":"q\\ud800","value":"x","isRegex":false}'),
            *('{"name":1,"value":"x","isRegex":false}', '{"name":"a","value":1,"isRegex":false}'),
            *('{"name":"a","value":"x","isRegex":"no"}', '{"name":"a","value":"x","isRegex":null}'),
            *('{"name":"q","value":"x","isRegex":false,"isEqual":null}',),
        )
    ),
    *(silence(createdBy=text) for text in ('""', "null", "1")),
    *(silence(startsAt=text) for text in ("null", '""', '"x"', "1", '"2098-01-01T00:00:00Z"', f'"{ENDS}"')),
    *(silence(endsAt=text) for text in ('""', f'"{STARTS}"', '"2026-11-01T00:00:00Z"')),
    silence(startsAt='"2020-01-01T00:00:00Z"', endsAt='"2021-01-01T00:00:00Z"'),
    *(silence(id=text) for text in ('"x"', f'"{UNKNOWN}"', '""', "null", "1")),
    silence(id='"x"', matchers="[]"),
    silence(id='"x"', matchers='[{"name":"","value":"b","isRegex":false}]'),
    *(silence(annotations=text) for text in ('{"x":"y"}', '{"x":1}', "[]")),
    silence(unknown="1"),
    silence(createdBy='"a\\ud800"'),
    *(post("silences", body) for body in SILENCE_BODIES),
]
EXCHANGES = [
    *(Request(method, "silence/ID") for method in ("GET", "POST")),
    *(get(f"silence/{text}") for text in ("x", UNKNOWN, "")),
    *(Request("DELETE", f"silence/{text}") for text in ("x", UNKNOWN, "ID", "ID")),
    get("silence/ID"),
    *(get(f"silences?filter={text}") for text in ("a", "q=b", "q=~b", "x=y", "", "{a=b}", "a=~(", "q=x&filter=q=b")),
    *(get(f"receivers?receiver_matchers={text}") for text in ("name=all", "x", "name=~t.*", "", "owner=x", "owner!=x")),
    *(Request(method, path) for method, path in (("PUT", "silences"), ("DELETE", "alerts"), ("POST", "status"))),
    *(get(path) for path in ("receivers", "nope", "", "swagger.json", "silence", "alerts/x")),
    *(Request("HEAD", "status"), Request("OPTIONS", "receivers")),
    *(get("receivers", accept=text) for text in ("text/plain", "application/*", "text/html, */*;q=0.1")),
    *(post("alerts", "[]", **{"content-type": text}) for text in ("text/plain", "bad", "application/JSON; q=1")),
    Request("POST", "alerts", "[]"),
    Request("POST", "silences"),
]
ALERT_QUERIES = [
    *("", "active=false", "active=x", "active=1", "silenced=false", "inhibited=false", "unprocessed=false"),
    *("filter=alertname=x", 'filter=n="5"', "filter=n=~[0-4]", "filter=n!=5&filter=alertname=x", "filter=x", "filter="),
    *("filter={n=5}", "filter=n=5,alertname=x", "filter=n=~%22(%22", 'filter="n"=5', "receiver=all", "receiver=al"),
    *(
        "receiver=(",
        "receiver=b|night",
        "receiver_matchers=name=all",
        "receiver_matchers=name=x",
        "receiver_matchers=owner=x",
    ),
    *("receiver_matchers=x", "foo=1", "muted=false", "active=false&silenced=false&inhibited=false"),
]


def answers(request: Request, client: httpx.Client, identity: str) -> httpx.Response:
    body = request.body.replace("ID", identity).encode() if request.body is not None else None
    return client.request(request.method, request.path.replace("ID", identity), content=body, headers=request.headers)


def comparable(answer: httpx.Response) -> dict[str, Any]:
    """What must agree: without times and ids, and with what only the newer description has on both sides."""
    allow = sorted(answer.headers.get("allow", "").split(","))
    text = UUID.sub("<id>", GO_TYPE.sub("failed", answer.text))
    found = {"status": answer.status_code, "type": answer.headers.get("content-type"), "allow": allow, "text": text}
    if answer.status_code == 200 and answer.content:
        found["text"] = plain(answer.json())
    if answer.status_code == 405 and answer.content:
        found["text"] = answer.text.partition("but [")[0]  # methods stand in no order
    return found


def plain(value: Any) -> Any:
    if isinstance(value, list):
        entries = [plain(entry) for entry in value]
        # Silences that end at the same time stand in no order.
        is_silences = bool(entries) and isinstance(entries[0], dict) and "createdBy" in entries[0]
        return sorted(entries, key=json.dumps) if is_silences else entries
    if not isinstance(value, dict):
        return UUID.sub("<id>", value) if isinstance(value, str) else value
    kept = {name: plain(entry) for name, entry in value.items() if name not in TIMES | {"routeLabels"}}
    return ({"annotations": {}} | kept) if "createdBy" in kept else kept


Both: TypeAlias = tuple[httpx.Client, httpx.Client]  # of the real one and of ours


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folders = [tmp_path_factory.mktemp(name) for name in ("theirs", "ours")]
    with (
        real_alertmanager(folders[0], settings=SETTINGS) as theirs,
        running_server(folders[1], config=OUR_CONFIG) as ours,
        httpx.Client(base_url=f"{theirs}/api/v2/") as one,
        httpx.Client(base_url=f"{ours.url}/api/v2/") as other,
    ):
        yield one, other


@pytest.mark.long
def test_answers_as_the_real_one_does(both: Both, record_property: Any) -> None:
    """Over 150 requests, sound and senseless, get the same statuses, headers, messages and alerts from both."""
    differences: list[str] = []
    identities = ["", ""]
    asked = 0

    def compare(request: Request) -> None:
        nonlocal asked
        asked += 1
        want, got = (answers(request, client, one) for client, one in zip(both, identities, strict=True))
        if comparable(want) != comparable(got):
            differences.append(f"{request}\n   theirs {comparable(want)}\n   ours   {comparable(got)}")

    for request in (*(post("alerts", body) for body in ALERT_BODIES), post("alerts", json.dumps(ALERTS))):
        compare(request)
    for side, client in enumerate(both):
        identities[side] = answers(SILENCES[0], client, "").json()["silenceID"]
    for request in (*SILENCES, *EXCHANGES):
        compare(request)
    compare(matcher('{"name":"n","value":"1","isRegex":false}'))
    compare(get("silences"))
    for query in ALERT_QUERIES:
        compare(get(f"alerts?{query}"))
        compare(get(f"alerts/groups?{query}"))
    record_property("requests", asked)
    assert not differences, "\n".join(differences)
    assert asked > 150


CHANGES: list[dict[str, Any]] = [
    {"startsAt": STARTS},
    {},
    {"comment": "other"},
    {"createdBy": "you"},
    {"endsAt": "2099-02-01T00:00:00Z"},
    {"endsAt": STARTS},
    {"startsAt": "2098-01-01T00:00:00Z"},
    {"startsAt": "2098-02-01T00:00:00Z"},
    {"startsAt": "2020-02-01T00:00:00Z"},
    {"matchers": [{"name": "u", "value": "1", "isRegex": False}, {"name": "v", "value": "2", "isRegex": False}]},
    {"matchers": [{"name": "v", "value": "2", "isRegex": False}, {"name": "u", "value": "1", "isRegex": False}]},
    {"annotations": {"ticket": "7"}},
]


def changed(client: httpx.Client) -> list[Any]:
    """What each change of a silence comes to: the answer, whether the id stays, how the old one stands, the new one's end."""
    found: list[Any] = []
    body = json.loads(silence().body or "")
    body["matchers"][0]["name"] = "w"
    identity = client.post("silences", json=body).json()["silenceID"]
    for change in CHANGES:
        held = client.get(f"silence/{identity}").json()
        fields = {name: held[name] for name in ("id", "matchers", "startsAt", "endsAt", "createdBy", "comment")}
        answer = client.post("silences", json=fields | change)
        old = client.get(f"silence/{identity}").json()
        if answer.status_code != 200:
            found.append((answer.status_code, answer.text, plain(old)))
            continue
        stays = answer.json()["silenceID"] == identity
        identity = answer.json()["silenceID"]
        new = client.get(f"silence/{identity}").json()
        found.append((stays, old["status"], plain(new), new["endsAt"], new["startsAt"] > "2090"))
    client.delete(f"silence/{identity}").raise_for_status()
    again = client.post("silences", json=body | {"id": identity})
    found.append((again.status_code, again.json()["silenceID"] == identity))
    return found


@pytest.mark.long
def test_changed_silences_keep_their_id_as_the_real_ones_do(both: Both) -> None:
    """A change of what was silenced already ends the silence and makes a new one; any other keeps its id."""
    theirs, ours = (changed(client) for client in both)
    assert ours == theirs


@pytest.mark.long
def test_silences_stand_in_the_order_of_the_real_one(both: Both) -> None:
    """Active ones by their end, pending ones by their start, expired ones by their end, the latest first."""
    orders = []
    for client in both:
        made = []
        for starts, ends in ((2000, 2092), (2000, 2091), (2094, 2096), (2093, 2097), (2000, 2090), (2000, 2099)):
            body = json.loads(silence().body or "") | {"comment": f"{starts}-{ends}"}
            body |= {"startsAt": f"{starts}-01-01T00:00:00Z", "endsAt": f"{ends}-01-01T00:00:00Z"}
            body["matchers"][0]["name"] = "order"
            made.append(client.post("silences", json=body).json()["silenceID"])
        for identity in made[-2:]:
            client.delete(f"silence/{identity}").raise_for_status()
        orders.append([one["comment"] for one in client.get('silences?filter=order="b"').json()])
    assert orders[0] == ["2000-2091", "2000-2092", "2093-2097", "2094-2096", "2000-2099", "2000-2090"]
    assert orders[1] == orders[0]


@pytest.mark.long
def test_status_has_the_shape_of_the_real_one(both: Both) -> None:
    """The same fields of the same types, and a configuration of the same sections."""
    want, got = (client.get("status").json() for client in both)
    assert got.keys() == want.keys()
    assert got["versionInfo"].keys() == want["versionInfo"].keys()
    assert got["cluster"] == want["cluster"]
    sections = [set(re.findall(r"^(\w+):", one["config"]["original"], re.MULTILINE)) for one in (got, want)]
    assert sections[0] <= sections[1]
    assert {"route", "receivers", "inhibit_rules", "time_intervals"} <= sections[0]


TOLD_TYPE = re.compile(r"^# TYPE (alertmanager_\w+) (\w+)$", re.MULTILINE)
# What has no equal here, by the start of its name, and why.
WITHOUT_EQUAL = {
    "alertmanager_alerts_per_alert_limit": "alerts are limited together, not by name",
    "alertmanager_alerts_limited": "alerts are limited together, not by name",
    "alertmanager_dispatcher_aggregation_group_": "groups are made at once and without a limit of their own",
    "alertmanager_alerts_subscriber_": "alerts reach their groups in the step that takes them over",
    "alertmanager_dispatcher_alert_processing": "alerts are put in their groups where they are taken over",
    "alertmanager_http_": "the server's own are anyascope_http_*, with all routes",
    "alertmanager_nflog_": "what was told stands in the document store: no log that is gossiped, collected or snapshot",
    "alertmanager_silences_": "silences stand in the document store and in memory: no index, snapshot or gossip",
    "alertmanager_notifications_suppressed": "the alerts' own list says what mutes each",
    "alertmanager_oversize_gossip": "no cluster",
}


@pytest.mark.long
def test_metrics_have_the_names_of_the_real_one(both: Both, capsys: pytest.CaptureFixture[str]) -> None:
    """Each of its metrics is told under the same name and type, but for a list of what has no equal here."""
    theirs, ours = (dict(TOLD_TYPE.findall(httpx.get(str(client.base_url.join("/metrics"))).text)) for client in both)
    missing = sorted(theirs.keys() - ours.keys())
    unexplained = [name for name in missing if not name.startswith(tuple(WITHOUT_EQUAL))]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(theirs)} metrics of Alertmanager, {len(theirs) - len(missing)} told; not told: {missing}\n"
        )
    assert unexplained == []
    assert {name: kind for name, kind in ours.items() if name in theirs} == {
        name: kind for name, kind in theirs.items() if name in ours
    }
    assert len(theirs) - len(missing) >= 17
