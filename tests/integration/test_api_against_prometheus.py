"""The same requests to a real Prometheus and to our server: status, error type, error text and shape must agree."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from support.components import component
from support.prometheus import OWN_ADDRESS, RealPrometheus
from support.remote_write import remote_write
from support.server import QUIET_CONFIG, eventually, running_server

HEADERS = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
RULES = """
groups:
- name: g1
  interval: 1s
  rules:
  - {record: "job:c:sum", expr: "sum by(job)(c_total)", labels: {a: b}}
  - {alert: Always, expr: "g>-1", labels: {severity: page}, annotations: {summary: "x {{ $labels.job }}"}}
- name: g2
  interval: 1s
  limit: 5
  rules:
  - {alert: Waits, expr: vector(1), for: 1h, keep_firing_for: 5m}
"""
CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s, external_labels: {{site: lab}}}}
rule_files: [{rules}]
scrape_configs:
  - job_name: self
    static_configs: [{{targets: ["{own}"]}}]
    metric_relabel_configs: [{{source_labels: [__name__], regex: "go_.*", action: keep}}]
  - job_name: dropped
    static_configs: [{{targets: ["127.0.0.1:2"]}}]
    relabel_configs: [{{action: drop, source_labels: [__address__], regex: ".*"}}]
"""
OUR_CONFIG = 'rules: {default_pack: false}\nserver: {cors_origin: "http://.*"}\n'
# One series at least of each thing that both make by themselves: of a page, of a scrape, of rules and of alerts.
MADE = {"go_goroutines", "up", "scrape_series_added", "job:c:sum", "ALERTS", "ALERTS_FOR_STATE"}
LONG = "a_very_long_name_of_a_metric_that_fills_half_a_line"

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """What is asked of both; `T`, `S` and `E` in values stand for a time and a stretch that hold samples."""

    path: str
    pairs: Pairs = ()
    method: str = "GET"

    def __str__(self) -> str:
        return f"{self.method} {self.path}?{urlencode(self.pairs)}"


def get(path: str, *pairs: tuple[str, str]) -> Request:
    return Request(path, pairs)


def query(*pairs: tuple[str, str], text: str = "c_total") -> Request:
    return Request("query", (("query", text), ("time", "T"), *pairs))


def ranged(*pairs: tuple[str, str], text: str = "c_total") -> Request:
    named = {name for name, _ in pairs}
    rest = tuple((name, value) for name, value in (("start", "S"), ("end", "E"), ("step", "60")) if name not in named)
    return Request("query_range", (("query", text), *rest, *pairs))


def matching(path: str, *texts: str, **more: str) -> Request:
    return Request(path, (*(("match[]", text) for text in texts), *more.items()))


REQUESTS = [
    query(),
    Request("query", (("query", "c_total"), ("time", "T")), "POST"),
    query(("limit", "2")),
    query(("limit", "4")),
    query(("limit", "-1")),
    query(("limit", "x")),
    query(("limit", "99999999999999999999")),
    query(("time", "abc"), text="g"),
    query(("timeout", "x")),
    query(("lookback_delta", "x")),
    query(("lookback_delta", "-1")),
    query(("lookback_delta", "1s")),
    *(query(text=text) for text in ("", "sum(", "1+", "c_total{", "{}", '"abc"', "1.5", "c_total[1m]", "nofunc(g)")),
    *(query(text=text) for text in ("c_total + on() g", "g + on() c_total", "rate(g[1m])", "quantile(2, c_total)")),
    get("query"),
    ranged(),
    ranged(("limit", "1")),
    ranged(("start", "E"), ("end", "S")),
    *(ranged(("step", step)) for step in ("0", "-1", "x", "")),
    ranged(("end", "x")),
    ranged(("start", "0"), ("step", "1")),
    *(ranged(text=text) for text in ("c_total[1m]", '"a"', "1", "sum(")),
    *(
        Request(path, (("query", text),))
        for path in ("format_query", "parse_query")
        for text in (
            'sum by(job)(rate(a{b="c"}[5m])) / ignoring(x) group_left(y) b',
            f"topk(5, {LONG} * on(a) {LONG}) or -(+a)",
            "a[5m:1m] @ end() offset -5m == bool 1h",
            "sum(",
            "",
        )
    ),
    get("series"),
    matching("series", "c_total"),
    Request("series", (("match[]", "c_total"), ("match[]", "g")), "POST"),
    matching("series", "c_total", limit="2"),
    matching("series", "c_total", start="x"),
    matching("series", "c_total", start="E", end="S"),
    *(
        matching("series", text)
        for text in ("sum(", "c_total[5m]", "{}", '{job=~".*"}', "", "g offset 5m", "(g)", "no")
    ),
    matching("labels", "c_total"),
    matching("labels", "c_total", limit="1"),
    *(matching("labels", text) for text in ("sum(", "{}", "no")),
    matching("label/job/values", "c_total"),
    matching("label/job/values", "{}"),
    get("label/U__la_2e_bel/values"),
    get("label/nothing/values"),
    get("label/job/values", ("limit", "-1")),
    get("metadata", ("metric", "go_goroutines")),
    get("metadata", ("limit", "x")),
    get("metadata", ("limit", "0")),
    get("metadata", ("metric", "go_goroutines"), ("limit_per_metric", "1")),
    get("targets", ("state", "x")),
    get("targets", ("state", "dropped")),
    get("targets", ("scrapePool", "nope")),
    get("scrape_pools"),
    get("targets/metadata", ("match_target", '{job="self"}'), ("metric", "go_goroutines")),
    get("targets/metadata", ("match_target", "sum(")),
    get("targets/metadata", ("limit", "0")),
    get("rules"),
    get("rules", ("type", "alert")),
    get("rules", ("type", "x")),
    get("rules", ("rule_name[]", "Always")),
    get("rules", ("rule_group[]", "g2")),
    get("rules", ("file[]", "nope")),
    get("rules", ("exclude_alerts", "true")),
    get("rules", ("exclude_alerts", "x")),
    matching("rules", '{severity=~"p.+"}'),
    matching("rules", "sum("),
    *(get("rules", ("group_limit", size)) for size in ("1", "2", "x", "0")),
    get("rules", ("group_next_token", "abc")),
    get("rules", ("group_limit", "1"), ("group_next_token", "abc")),
    get("alertmanagers"),
    get("query_exemplars", ("query", "c_total"), ("start", "S"), ("end", "E")),
    get("query_exemplars", ("query", "c_total")),
    get("query_exemplars", ("query", "1")),
    get("query_exemplars", ("query", "sum(")),
    get("query_exemplars", ("query", "g"), ("start", "E"), ("end", "S")),
    get("status/walreplay"),
    get("status/tsdb", ("limit", "0")),
    get("status/tsdb", ("limit", "x")),
    get("notifications"),
    *(
        Request(f"admin/tsdb/{name}", (("match[]", "g"),), "POST")
        for name in ("delete_series", "snapshot", "clean_tombstones")
    ),
    Request("query", (), "OPTIONS"),
    Request("series", (), "DELETE"),
]
SHAPES = [
    get("status/buildinfo"),
    get("status/runtimeinfo"),
    get("status/config"),
    get("status/tsdb"),
    get("targets"),
    get("targets", ("scrapePool", "self")),
    get("metadata"),
    query(("stats", "true")),
    ranged(("stats", "all"), text="rate(c_total[1m])"),
]


@dataclass(frozen=True)
class Pair:
    """Both servers, with the same samples, rules and targets."""

    theirs: str
    ours: str
    start_s: int
    client: httpx.Client

    def ask(self, url: str, request: Request, **headers: str) -> httpx.Response:
        named = {"T": self.start_s + 300, "S": self.start_s, "E": self.start_s + 590}
        body = urlencode([(name, str(named.get(value, value))) for name, value in request.pairs])
        address = f"{url}/api/v1/{request.path}"
        if request.method == "POST":
            return self.client.post(address, content=body, headers={**FORM, **headers})
        return self.client.request(request.method, f"{address}?{body}", headers=headers)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    program = component("prometheus")
    folder = tmp_path_factory.mktemp("pair")
    (folder / "rules.yml").write_text(RULES)
    (folder / "ours").mkdir()
    settings = CONFIG.format(rules=folder / "rules.yml", own=OWN_ADDRESS)
    with RealPrometheus(program, folder, settings=settings, arguments=("--enable-feature=exemplar-storage",)) as theirs:
        own = QUIET_CONFIG + OUR_CONFIG + settings.replace(OWN_ADDRESS, theirs.url.removeprefix("http://"))
        with running_server(folder / "ours", config=own) as ours:
            start_s = int(time.time()) - 600
            times_ms = [(start_s + 15 * step) * 1000 for step in range(40)]
            rows = [
                (
                    (("__name__", "c_total"), ("instance", f"i{n}"), ("job", "ab"[n % 2])),
                    [(at, 10.0 * n * step) for step, at in enumerate(times_ms)],
                )
                for n in range(4)
            ]
            rows.append(((("__name__", "g"), ("job", "a")), [(at, step - 5.5) for step, at in enumerate(times_ms)]))
            rows.append(((("__name__", "odd name"), ("la.bel", "é")), [(at, float("nan")) for at in times_ms]))
            theirs.write(remote_write(rows))
            assert httpx.post(f"{ours.url}/api/v1/write", content=remote_write(rows), headers=HEADERS).is_success
            with httpx.Client(timeout=30) as client:
                found = Pair(theirs.url, ours.url, start_s, client)
                for url in (theirs.url, ours.url):
                    eventually(lambda url=url: _is_settled(found, url), what=f"{url} has scraped and judged")
                yield found


def _is_settled(pair: Pair, url: str) -> bool:
    groups = pair.ask(url, get("rules")).json()["data"]["groups"]
    scraped = pair.ask(url, get("metadata", ("metric", "go_goroutines"))).json()["data"]
    rules = [rule for group in groups for rule in group["rules"]]
    # An evaluation before the samples came is well, too, but finds nothing.
    has_alerts = all(rule["alerts"] for rule in rules if rule["type"] == "alerting")
    # What a page describes, and what a rule found, is shown before its samples are stored.
    names = set(pair.ask(url, get("label/__name__/values")).json()["data"])
    dropped = pair.ask(url, get("targets", ("state", "dropped"))).json()["data"]["droppedTargets"]
    is_well = bool(scraped) and has_alerts and all(rule["health"] == "ok" for rule in rules)
    return is_well and names >= MADE and bool(dropped)


def settled(answer: httpx.Response, pair: Pair) -> Any:
    """What must be equal: times of evaluations and what follows from them are taken out."""
    try:
        text = json.dumps(answer.json(), sort_keys=True)
    except ValueError:
        return answer.text
    text = re.sub(r'"\d{4}-\d\d-\d\dT[0-9:.]+Z"', '"TIME"', text)
    text = re.sub(r'"(evaluationTime|lastScrapeDuration|value)": ("?)[-0-9.e+]+("?)', r'"\1": 0', text)
    return json.loads(text.replace(pair.theirs.removeprefix("http://"), "SELF"))


def shape(value: Any) -> Any:
    """Names and kinds without values: of lists what their elements have in common."""
    match value:
        case dict():
            return {name: shape(inner) for name, inner in value.items()}
        case list():
            return [shape(value[0])] if value else []
        case bool() | str() | None:
            return type(value).__name__
        case _:
            return "number"


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_both_answer_the_same(pair: Pair, request_: Request) -> None:
    """Status and body, but for times."""
    theirs, ours = pair.ask(pair.theirs, request_), pair.ask(pair.ours, request_)

    assert (ours.status_code, settled(ours, pair)) == (theirs.status_code, settled(theirs, pair))
    assert ours.headers.get("content-type") == theirs.headers.get("content-type")


@pytest.mark.parametrize("request_", SHAPES, ids=str)
def test_both_answer_in_the_same_shape(pair: Pair, request_: Request) -> None:
    """Where values are each server's own: the same names and kinds, at every depth that both fill."""
    theirs, ours = pair.ask(pair.theirs, request_), pair.ask(pair.ours, request_)

    assert ours.status_code == theirs.status_code
    told, wanted = shape(ours.json()), shape(theirs.json())
    if request_.path == "metadata":  # its names are those of metrics
        told, wanted = (next(iter(each["data"].values())) for each in (told, wanted))
    assert told == wanted


def test_both_tell_the_same_alerts(pair: Pair) -> None:
    """In whatever order: Prometheus' changes from one answer to the next."""
    theirs, ours = (
        {alert["labels"]["alertname"]: alert for alert in settled(pair.ask(url, get("alerts")), pair)["data"]["alerts"]}
        for url in (pair.theirs, pair.ours)
    )
    assert set(theirs) == {"Always", "Waits"}
    assert ours == theirs


def test_series_are_counted_alike(pair: Pair) -> None:
    """Down to the bytes of their labels."""
    theirs, ours = (
        pair.ask(url, get("status/tsdb", ("limit", "100"))).json()["data"] for url in (pair.theirs, pair.ours)
    )

    for name in ("seriesCountByMetricName", "labelValueCountByLabelName", "memoryInBytesByLabelName"):
        assert {row["name"]: row["value"] for row in ours[name]} == {row["name"]: row["value"] for row in theirs[name]}
    for name in ("numSeries", "numLabelPairs"):
        assert ours["headStats"][name] == theirs["headStats"][name]


def test_pages_of_other_sites_are_answered_alike(pair: Pair) -> None:
    """Those whose origin is allowed: what a browser looks at before it shows them an answer."""
    names = [f"access-control-{name}" for name in ("allow-origin", "allow-methods", "allow-headers", "expose-headers")]
    for request in (query(), Request("query", (), "OPTIONS")):
        theirs, ours = (pair.ask(url, request, origin="http://grafana.test") for url in (pair.theirs, pair.ours))
        assert [ours.headers.get(name) for name in names] == [theirs.headers.get(name) for name in names]
    refused = pair.ask(pair.ours, query(), origin="https://evil.test")
    assert not [name for name in refused.headers if name.startswith("access-control")]


def test_federation_is_answered_alike(pair: Pair) -> None:
    """The same page for the same samples, in each way of writing names."""
    for escaping in ("underscores", "allow-utf-8", "dots", "values"):
        accept = {"accept": f"text/plain;version=0.0.4;escaping={escaping}"}
        params = {"match[]": ["c_total", '{"odd name"}', "nothing"]}
        theirs, ours = (
            pair.client.get(f"{url}/federate", params=params, headers=accept) for url in (pair.theirs, pair.ours)
        )
        assert 'c_total{instance="i3",job="b",site="lab"} 1170 ' in ours.text
        assert (ours.text, ours.headers["content-type"]) == (theirs.text, theirs.headers["content-type"])
