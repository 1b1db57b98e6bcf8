"""Runs the first lines of a page of the SDK's guide against the real framework: `python -m support.sdk_pages PAGE ENDPOINT`."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from support import web_apps
from support.components import REPOSITORY
from support.web_fastapi import fastapi_app
from support.web_litestar import litestar_app

FLUSH_WITHIN_S = 60.0
DOCUMENTED = "http://127.0.0.1:4318"
_FIRST_LINES = re.compile(r"```python\n(.*?)```", re.DOTALL)


def first_lines(page: str, endpoint: str) -> str:
    """What the page tells a reader to write, with this endpoint."""
    found = _FIRST_LINES.search((REPOSITORY / "docs" / "guide" / f"{page}.md").read_text())
    assert found is not None
    assert DOCUMENTED in found[1]
    return found[1].replace(DOCUMENTED, endpoint)


def asked_once(make: Callable[[Path], Any], serve: Any, path: str = "/wallets/1") -> Callable[[str], None]:
    def run(lines: str) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            names = {"app": make(Path(scratch))}
            exec(lines, names)
            with serve(names["app"]) as url:
                assert httpx.get(url + path, headers={"x-correlation-id": "page"}, trust_env=False).status_code == 200

    return run


def run_django(lines: str) -> None:
    names: dict[str, Any] = {"MIDDLEWARE": ["django.middleware.common.CommonMiddleware"]}
    exec(lines, names)
    web_apps.django_settings(names["MIDDLEWARE"])
    from django.core.handlers.wsgi import WSGIHandler

    with web_apps.wsgiref_server(WSGIHandler()) as url:
        assert httpx.get(url + "/wallets/1", headers={"x-correlation-id": "page"}, trust_env=False).status_code == 200


def run_celery(lines: str) -> None:
    import celery
    from celery.contrib.testing.worker import start_worker

    app = celery.Celery("page", broker="memory://", backend="cache+memory://")

    @app.task(name="sign")
    def sign() -> str:
        return "signed"

    exec(lines, {"app": app})
    with start_worker(app, perform_ping_check=False, pool="solo"):
        assert sign.delay().get(timeout=FLUSH_WITHIN_S) == "signed"


def run_clients(lines: str) -> None:
    exec(lines, {})
    import sqlalchemy

    with sqlalchemy.create_engine("sqlite://").connect() as connection:
        connection.execute(sqlalchemy.text("select 1"))


def run_bitcoin(lines: str) -> None:
    from support.regtest import regtest_nodes

    with tempfile.TemporaryDirectory() as scratch, regtest_nodes(Path(scratch)) as (node,):
        names: dict[str, Any] = {"node": node}
        exec(lines, names)
        assert names["node"].call("getblockcount") == 0


def run_pkcs11(lines: str) -> None:
    import os

    import pkcs11

    from support.softhsm import softhsm

    with tempfile.TemporaryDirectory() as scratch:
        token = softhsm(Path(scratch))
        os.environ["SOFTHSM2_CONF"] = str(token.config)
        names: dict[str, Any] = {"lib": pkcs11.lib(str(token.module))}
        exec(lines, names)
        with names["lib"].get_token(token_label=token.label).open(user_pin=token.pin) as session:
            assert len(session.generate_random(128)) == 16


# page -> how it is run, and the spans that one should then see
PAGES: dict[str, tuple[Callable[[str], None], set[str]]] = {
    "aiohttp": (asked_once(web_apps.aiohttp_app, web_apps.aiohttp_server), {"GET /wallets/{wallet_id}"}),
    "bitcoin-rpc": (run_bitcoin, {"bitcoin_operation"}),
    "celery": (run_celery, {"apply_async/sign", "run/sign"}),
    "clients": (run_clients, {"connect", "select"}),
    "django": (run_django, {"GET /wallets/<str:wallet_id>"}),
    "fastapi": (asked_once(fastapi_app, web_apps.uvicorn_server), {"GET /wallets/{wallet_id}"}),
    "flask": (asked_once(web_apps.flask_app, web_apps.wsgiref_server), {"GET /wallets/<wallet_id>"}),
    "litestar": (asked_once(litestar_app, web_apps.uvicorn_server), {"GET /wallets/{wallet_id}"}),
    "pkcs11": (run_pkcs11, {"hsm_operation"}),
}


def main(page: str, endpoint: str) -> None:
    PAGES[page][0](first_lines(page, endpoint))
    from anyascope.sdk.delivery import flush

    assert flush(FLUSH_WITHIN_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
