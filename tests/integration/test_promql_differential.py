"""Some eight hundred queries, and those of published dashboards, asked to a real Prometheus and to our server.

Both get the same remote writes: the samples of a script, and what node_exporter and Prometheus say of themselves.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from anyascope.model.labels import Labels, labels_of
from anyascope.wire.exposition.document import parse_exposition
from anyascope.wire.exposition.lines import Format
from support.components import component, shared_path
from support.dashboards import VARIABLES, expressions
from support.differential import Question, differences, questions, write_bodies, write_body
from support.ports import free_port
from support.prometheus import RealPrometheus
from support.server import eventually, running_server

FEATURES = "promql-experimental-functions"
OURS = ("--no-collect", "--store", "memory", "--enable-feature", FEATURES)
HEADERS = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
SECTIONS = questions()
QUERIES_MIN = 300
PAGES = 5  # readings of each page, 15 s apart as both servers see them
SERIES_A_REQUEST = 500
EXPRESSIONS = {"node-exporter-full": 276, "prometheus": 15, "bitcoin-grafana": 19}


@dataclass(frozen=True)
class Both:
    """A client of each, and when the newest sample is."""

    ours: httpx.Client
    theirs: httpx.Client
    end_ms: int

    def write(self, body: bytes) -> None:
        for client in (self.ours, self.theirs):
            answer = client.post("/api/v1/write", content=body, headers=HEADERS)
            assert answer.status_code in {200, 204}, answer.text

    def differences(self, query: str) -> list[str]:
        return differences(query, self.ours, self.theirs, self.end_ms)

    def all_differences(self, queries: list[str]) -> list[list[str]]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(self.differences, queries))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    program = component("prometheus")
    folders: list[Path] = [tmp_path_factory.mktemp(name) for name in ("prometheus", "anyascope")]
    end_ms = int(time.time() * 1000) // 60_000 * 60_000
    flags = (f"--enable-feature=native-histograms,{FEATURES}",)
    with (
        RealPrometheus(program, folders[0], arguments=flags) as theirs,
        running_server(folders[1], arguments=OURS) as ours,
        httpx.Client(base_url=ours.url, timeout=60) as our_client,
        httpx.Client(base_url=theirs.url, timeout=60) as their_client,
    ):
        pair = Both(our_client, their_client, end_ms)
        for body in write_bodies(end_ms):
            pair.write(body)
        yield pair


@pytest.fixture(scope="module")
def exporter() -> Iterator[str]:
    """The address of a running node_exporter's page."""
    port = free_port()
    process = subprocess.Popen(
        [component("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/metrics"
    try:
        eventually(lambda: httpx.get(url).status_code == 200, what="node_exporter answers")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture(scope="module")
def pages(both: Both, exporter: str) -> int:
    """What node_exporter and Prometheus say of themselves, in both stores; how many series."""
    sources = {"node": exporter, "prometheus": str(both.theirs.base_url.join("/metrics"))}
    points: dict[Labels, list[tuple[int, float]]] = {}
    for index in range(PAGES):
        time_ms = both.end_ms - (PAGES - 1 - index) * 15_000
        for job, source in sources.items():
            for sample in parse_exposition(httpx.get(source).content, form=Format.TEXT).samples:
                labels = labels_of([*sample.pairs, ("job", job), ("instance", "host:9100")])
                points.setdefault(labels, []).append((time_ms, sample.value))
    ordered = sorted(points.items())
    for begin in range(0, len(ordered), SERIES_A_REQUEST):
        both.write(write_body(ordered[begin : begin + SERIES_A_REQUEST]))
    return len(points)


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS)
def test_every_query_has_prometheus_answer(section: str, both: Both) -> None:
    """Series, times, values, errors, warnings and infos; where an upstream issue is named, it still makes a difference."""
    asked = SECTIONS[section]

    found = both.all_differences([each.query for each in asked])

    assert [reasons for each, reasons in zip(asked, found, strict=True) if reasons and not each.differs] == []
    assert [each.query for each, reasons in zip(asked, found, strict=True) if each.differs and not reasons] == []


def test_there_are_enough_queries_and_every_exception_names_an_issue() -> None:
    """An allowed difference says which issue of upstream it comes from."""
    asked: list[Question] = [each for section in SECTIONS.values() for each in section]

    assert len(asked) >= QUERIES_MIN
    assert all(
        each.differs.startswith("https://github.com/prometheus/prometheus/issues/") for each in asked if each.differs
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIABLES)
def test_every_expression_of_a_dashboard_is_answered_as_prometheus_answers(
    name: str, both: Both, pages: int, record_property: Callable[[str, object], None]
) -> None:
    """Without an error, and with the same numbers where there are samples."""
    asked = expressions(shared_path("conformance/grafana"), name)

    answers = [both.ours.post("/api/v1/query", data={"query": each, "time": str(both.end_ms / 1000)}) for each in asked]
    with_values = sum(bool(answer.json()["data"]["result"]) for answer in answers if answer.status_code == 200)
    record_property("answered", f"{len(asked)} expressions, {with_values} with values, over {pages} series")

    assert len(asked) == EXPRESSIONS[name]
    assert [answer.text for answer in answers if answer.status_code != 200] == []
    assert [reasons for reasons in both.all_differences(asked) if reasons] == []
    assert with_values or name == "bitcoin-grafana"
