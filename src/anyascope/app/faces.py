"""The HTTP servers behind the sockets that the server listens on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp

from anyascope.app.guards import load_tls
from anyascope.app.sockets import BACKLOG
from anyascope.config.settings import TlsFiles

GRACE_S = 3  # how long open requests may take to end when the server stops; SIGTERM promises 10 s in all
HEADER_BYTES_MAX = 64 * 1024  # a browser's cookies and a long PromQL in a GET fit
KEEP_ALIVE_S = 75  # as the agents' own idle time-outs, so that they close first


class _QuietServer(uvicorn.Server):
    """A uvicorn server that leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class HttpFace:
    """One HTTP server on one socket."""

    def __init__(self, application: ASGIApp, bound: socket.socket, *, tls: TlsFiles | None) -> None:
        config = uvicorn.Config(
            application,
            loop="none",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
            h11_max_incomplete_event_size=HEADER_BYTES_MAX,
        )
        self._tls = tls
        if tls is not None:
            config.ssl_certfile = str(tls.cert_file)
            config.ssl_keyfile = str(tls.key_file)
            config.ssl_version = ssl.PROTOCOL_TLS_SERVER
        self._config = config
        self._server = _QuietServer(config)
        self._socket = bound
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Accept connections from now on."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not self._task.done():  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(STARTED_POLL_S)
        if self._task.done():
            await self._task

    def renew(self) -> None:
        """Show those who connect from now on the certificate as its files hold it now.

        Raises:
            OSError: they hold none.
        """
        if self._tls is not None and self._config.ssl is not None:
            load_tls(self._config.ssl, self._tls)

    async def stop(self) -> None:
        """Stop accepting, let open requests end within `GRACE_S`, then cut the rest."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


STARTED_POLL_S = 0.005  # the time that a start can be seen too late
