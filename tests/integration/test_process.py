"""The process from outside: how it starts, refuses, reloads, stops and recovers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from support.components import REPOSITORY
from support.server import QUIET_CONFIG, ServerProcess, eventually, running_server

pytestmark = pytest.mark.slow

LISTEN = ("--listen", "127.0.0.1:0")  # the port of old is looked for by demonstrations that other tests run meanwhile


def up(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`anyascope up`, expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "anyascope.cli.main", "up", "--data", str(folder / "data"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        check=False,
    )


def written(folder: Path, text: str) -> str:
    path = folder / "given.yml"
    path.write_text(text)
    return str(path)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a refusal."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def query(server: ServerProcess, text: str) -> list[dict[str, object]]:
    answer = httpx.get(f"{server.url}/api/v1/query", params={"query": text})
    found: list[dict[str, object]] = answer.json()["data"]["result"]
    return found


def log_line(body: str) -> dict[str, object]:
    record = {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": body}}
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}


def test_refuses_a_data_directory_in_use(tmp_path):
    """A second server on the same data says so, names the process, and leaves the first alone."""
    with running_server(tmp_path) as server:
        line = refused(up(tmp_path, *LISTEN, "--config", str(server.config_file)))
        assert "in use" in line
        assert str(server.pid) in line
        assert httpx.get(f"{server.url}/-/ready").status_code == 200


def test_refuses_a_public_address_without_tls_and_token(tmp_path):
    """An address that others can reach needs both."""
    line = refused(up(tmp_path, "--listen", "0.0.0.0:0"))
    assert "TLS" in line
    assert "token" in line


def test_refuses_a_broken_configuration(tmp_path):
    """The line names file, line and path."""
    line = refused(up(tmp_path, *LISTEN, "--config", written(tmp_path, "server: {}\nstorage: {reserve: lots}\n")))
    assert "given.yml:2: storage.reserve" in line


def test_refuses_a_disk_without_the_reserve(tmp_path):
    """The line says how much is free, how much is wanted, and what to change."""
    line = refused(up(tmp_path, *LISTEN, "--config", written(tmp_path, "storage: {reserve: 900TiB}\n")))
    assert "storage.reserve" in line


def test_refuses_an_address_that_is_taken(tmp_path):
    """A chosen address is not exchanged for another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        line = refused(up(tmp_path, "--listen", f"127.0.0.1:{other.getsockname()[1]}"))
    assert "is taken by another program" in line


def test_skips_a_field_port_that_is_taken(tmp_path):
    """A taken OTLP port is skipped and said; everything else works."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config = f"receive: {{otlp_grpc: '127.0.0.1:{port}', otlp_http: off}}\n"
        with running_server(tmp_path, config=config) as server:
            status = httpx.get(f"{server.url}/api/anyascope/v1/status").json()
            face = next(face for face in status["faces"] if face["name"] == "otlp_grpc")
            assert face["state"] == "skipped"
            assert "taken" in face["note"]
            assert any(str(port) in problem["what"] for problem in status["problems"])


def test_sigterm_drains_and_exits_0(tmp_path):
    """What was accepted is there after an orderly stop and a new start."""
    server = ServerProcess(tmp_path).start()
    httpx.post(f"{server.url}/v1/logs", json=log_line("before the stop")).raise_for_status()
    assert server.stop() == 0
    server.start()
    try:
        rows = httpx.get(f"{server.url}/api/anyascope/v1/logs/search", params={"query": "before"}).json()["rows"]
        assert [row["body"] for row in rows] == ["before the stop"]
    finally:
        server.kill()


def test_sigquit_says_what_each_thread_is_at(tmp_path):
    """On standard error, and the server goes on."""
    with running_server(tmp_path) as server:
        os.kill(server.pid, signal.SIGQUIT)
        eventually(lambda: " in serve\n" in server.log_file.read_text(), what="the threads, the first of them last")
        assert httpx.get(f"{server.url}/-/ready").status_code == 200


def test_a_fault_of_native_code_ends_the_process(tmp_path):
    """It says where, and whoever watches it can start it again; before, it stood still."""
    server = ServerProcess(tmp_path).start()
    try:
        assert server.end_by(signal.SIGSEGV) == -signal.SIGSEGV
        said = server.log_file.read_text()
        assert "Segmentation fault" in said
        assert " in serve\n" in said
        server.start()
    finally:
        server.kill()


def test_kill_loses_nothing_and_the_next_start_says_what_it_found(tmp_path):
    """After SIGKILL everything acknowledged is readable, and the log of the next start tells of the recovery."""
    server = ServerProcess(tmp_path).start()
    for number in range(20):
        httpx.post(f"{server.url}/v1/logs", json=log_line(f"line {number}")).raise_for_status()
    server.kill()
    server.start()
    try:
        params = {"query": "line", "limit": "100"}
        rows = httpx.get(f"{server.url}/api/anyascope/v1/logs/search", params=params).json()["rows"]
        assert {row["body"] for row in rows} == {f"line {number}" for number in range(20)}
        assert "recovered" in server.log_file.read_text()
    finally:
        server.kill()


@pytest.mark.parametrize("by", ["signal", "http"])
def test_a_reload_takes_the_new_and_keeps_the_old_when_it_is_broken(tmp_path, by):
    """A new scrape configuration counts after a reload; a broken one changes nothing and is named."""

    def reload(server: ServerProcess) -> None:
        if by == "signal":
            os.kill(server.pid, signal.SIGHUP)
        else:
            httpx.post(f"{server.url}/-/reload")

    def pools(server: ServerProcess) -> set[str]:
        targets = httpx.get(f"{server.url}/api/v1/targets").json()["data"]["activeTargets"]
        return {target["scrapePool"] for target in targets}

    def config_error(server: ServerProcess) -> str:
        return str(httpx.get(f"{server.url}/api/anyascope/v1/status").json()["config"]["error"])

    with running_server(tmp_path) as server:
        scrape = "scrape_configs: [{job_name: first, static_configs: [{targets: ['127.0.0.1:1']}]}]\n"
        server.config_file.write_text(QUIET_CONFIG + scrape)
        reload(server)
        eventually(lambda: pools(server) == {"first"}, what="the new configuration")
        server.config_file.write_text(QUIET_CONFIG + "scrape_configs: [{job_nam: second}]\n")
        reload(server)
        eventually(lambda: "job_nam" in config_error(server), what="the mistake is named")
        assert pools(server) == {"first"}
        server.config_file.write_text(QUIET_CONFIG + scrape.replace("first", "third"))
        reload(server)
        eventually(lambda: pools(server) == {"third"}, what="the mended configuration")
        eventually(lambda: config_error(server) == "", what="no mistake any longer")


def test_an_empty_store_stays_empty_without_collectors(tmp_path):
    """With --no-collect nothing of the machine and nothing of the server itself is stored."""
    with running_server(tmp_path) as server:
        httpx.get(f"{server.url}/api/anyascope/v1/status")
        time.sleep(3)  # three times the interval at which own lines and spans would be stored
        assert query(server, 'count({__name__=~".+"})') == []
        rows = httpx.get(f"{server.url}/api/anyascope/v1/logs/search", params={"query": ""}).json()["rows"]
        assert rows == []


def test_watches_its_machine_and_itself_by_default(tmp_path):
    """Within seconds there are host metrics, own metrics, own logs and own spans."""
    with running_server(tmp_path, arguments=()) as server:
        eventually(lambda: query(server, "node_cpu_seconds_total"), what="host metrics")
        eventually(lambda: query(server, 'up{job="anyascope"} == 1'), what="own metrics")
        search = f"{server.url}/api/anyascope/v1/logs/search"
        eventually(lambda: httpx.get(search, params={"query": "service:anyascope"}).json()["rows"], what="own logs")
        services = f"{server.url}/api/anyascope/v1/traces/services"
        eventually(lambda: "anyascope" in {s["name"] for s in httpx.get(services).json()["services"]}, what="own spans")
