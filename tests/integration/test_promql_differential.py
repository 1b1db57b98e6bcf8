"""Some eight hundred queries asked to a real Prometheus and to our server, both of which got the same remote writes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from support.components import component
from support.differential import Question, differences, questions, write_bodies
from support.prometheus import RealPrometheus
from support.server import running_server

FEATURES = "promql-experimental-functions"
OURS = ("--no-collect", "--store", "memory", "--enable-feature", FEATURES)
HEADERS = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
SECTIONS = questions()
QUERIES_MIN = 300


@dataclass(frozen=True)
class Both:
    """A client of each, and when the newest sample is."""

    ours: httpx.Client
    theirs: httpx.Client
    end_ms: int

    def differences(self, question: Question) -> list[str]:
        return differences(question.query, self.ours, self.theirs, self.end_ms)


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
        for body in write_bodies(end_ms):
            for client in (our_client, their_client):
                answer = client.post("/api/v1/write", content=body, headers=HEADERS)
                assert answer.status_code in {200, 204}, answer.text
        yield Both(our_client, their_client, end_ms)


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS)
def test_every_query_has_prometheus_answer(section: str, both: Both) -> None:
    """Series, times, values, errors, warnings and infos; where an upstream issue is named, it still makes a difference."""
    asked = SECTIONS[section]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(both.differences, asked))

    assert [reasons for each, reasons in zip(asked, found, strict=True) if reasons and not each.differs] == []
    assert [each.query for each, reasons in zip(asked, found, strict=True) if each.differs and not reasons] == []


def test_there_are_enough_queries_and_every_exception_names_an_issue() -> None:
    """An allowed difference says which issue of upstream it comes from."""
    asked = [each for section in SECTIONS.values() for each in section]

    assert len(asked) >= QUERIES_MIN
    assert all(
        each.differs.startswith("https://github.com/prometheus/prometheus/issues/") for each in asked if each.differs
    )
