"""A client that goes away stops its query, in a real server over a real connection."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

from support.server import eventually, running_server

# Reads nothing, and would take hours.
ENDLESS = "sum_over_time(sum_over_time(vector(1)[20d:1s])[20d:1s])"
CONFIG = """
receive: {otlp_grpc: 127.0.0.1:0, otlp_http: 127.0.0.1:0}
global: {query_log_file: queries.log}
limits: {query_concurrency: 1, query_timeout: 10m}
"""


@pytest.mark.slow
def test_a_client_that_leaves_stops_its_query(tmp_path: Path) -> None:
    """Its slot is free for the next one long before its time is over, and both are on record."""
    with running_server(tmp_path, config=CONFIG) as server:

        def running() -> list[str]:
            answer = httpx.get(f"{server.url}/api/anyascope/v1/queries").json()
            return [each["query"] for each in answer["queries"] if each["client"]]

        address = urlsplit(server.url)
        assert address.hostname is not None
        with socket.create_connection((address.hostname, address.port or 80)) as client:
            request = f"GET /api/v1/query?query={quote(ENDLESS)} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n"
            client.sendall(request.encode())
            eventually(lambda: running() == [ENDLESS], within_s=60, what="the query runs")
        eventually(lambda: not running(), within_s=60, what="the query ends")
        # There is one thread for queries: this one is answered once it has let go of the other.
        parameters = {"query": "count_over_time(vector(1)[1d:1s])"}
        answer = httpx.get(f"{server.url}/api/v1/query", params=parameters, timeout=60).json()
        assert answer["data"]["result"][0]["value"][1] == "86400"
        assert server.stop() == 0
        lines = [json.loads(line) for line in (tmp_path / "queries.log").read_text().splitlines()]
    asked = {line["params"]["query"]: line for line in lines if "httpRequest" in line}
    assert asked[ENDLESS]["error"] == "query was canceled"
    assert asked[ENDLESS]["httpRequest"]["clientIP"] == "127.0.0.1"
    assert "error" not in asked[parameters["query"]]
