"""Forked workers of gunicorn, and Django by the string in its settings: each in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import httpx
import pytest

from support.components import REPOSITORY
from support.ports import free_port
from support.server import eventually

REQUESTS = 40
WORKERS = 2


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    path = os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY / "tests"), str(tmp_path)))
    folder = tmp_path / "multiprocess"
    folder.mkdir()
    return {**os.environ, "PYTHONPATH": path, "PROMETHEUS_MULTIPROC_DIR": str(folder), "NO_PROXY": "127.0.0.1"}


@pytest.fixture
def serve(tmp_path, environment) -> Iterator[object]:
    running: list[subprocess.Popen[bytes]] = []

    def start(program: str, *arguments: str) -> str:
        (tmp_path / "service.py").write_text(textwrap.dedent(program))
        port = free_port()
        bind = (
            "--bind",
            f"127.0.0.1:{port}",
            "--workers",
            str(WORKERS),
            "--log-level",
            "warning",
            "--graceful-timeout",
            "2",
        )
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *bind, *arguments, "service:app"],
                env=environment,
                cwd=tmp_path,
                stdout=subprocess.DEVNULL,
                stderr=(tmp_path / "errors").open("wb"),
            )
        )
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: httpx.get(url + "/healthz", trust_env=False).status_code < 500, what="gunicorn answers")
        return url

    yield start
    for process in running:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    assert "Traceback" not in (tmp_path / "errors").read_text()


FLASK = """
    import flask
    import anyascope.sdk

    app = flask.Flask("custody")
    app.get("/wallets/<wallet_id>")(lambda wallet_id: wallet_id)
    anyascope.sdk.instrument(app, metrics_path="/metrics")
"""
FASTAPI = """
    from fastapi import FastAPI
    import anyascope.sdk

    app = FastAPI()
    app.get("/wallets/{wallet_id}")(lambda wallet_id: wallet_id)
    anyascope.sdk.instrument(app, metrics_path="/metrics")
"""
DJANGO = """
    import anyascope.sdk
    from support import web_apps

    web_apps.django_settings([
        "anyascope.sdk.integrations.django.TelemetryMiddleware",
        "django.middleware.common.CommonMiddleware",
    ])
    from django.conf import settings
    settings.ANYASCOPE = {"metrics_path": "/metrics", "skip": ["/healthz"]}
    from django.core.handlers.wsgi import WSGIHandler
    app = WSGIHandler()
"""


@pytest.mark.parametrize(
    ("program", "endpoint", "arguments"),
    [
        (FLASK, "/wallets/<wallet_id>", ()),
        (FLASK, "/wallets/<wallet_id>", ("--preload", "--worker-class", "gthread", "--threads", "4")),
        (FASTAPI, "/wallets/{wallet_id}", ("--worker-class", "asgi")),
        (DJANGO, "/wallets/<str:wallet_id>", ()),
    ],
    ids=["flask", "flask-preload-threads", "fastapi", "django-settings"],
)
def test_forked_workers_count_as_one(serve, program, endpoint, arguments):
    """All workers of a service stand on one page: what clients got is what it says, and nothing stays active."""
    if "asgi" in arguments and not _has_asgi_worker():
        arguments = ("--worker-class", "uvicorn.workers.UvicornWorker")
    url = serve(program, *arguments)
    with httpx.Client(trust_env=False, base_url=url) as client:
        for number in range(REQUESTS):
            answer = client.get(f"/wallets/{number}", headers={"x-correlation-id": "c-g", "connection": "close"})
            assert answer.status_code == 200
            assert answer.headers["x-correlation-id"] == "c-g"
        label = f'anya_http_requests_total{{endpoint="{endpoint}",method="GET",status_code="200"}} {REQUESTS}.0'
        eventually(lambda: label in client.get("/metrics").text, what=label)
        eventually(lambda: "anya_http_active_connections 0.0" in client.get("/metrics").text, what="nothing is active")


def _has_asgi_worker() -> bool:
    import importlib.util

    return importlib.util.find_spec("gunicorn.workers.gasgi") is not None
