"""The server's faces: the sockets that it listens on, and the HTTP servers behind them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Generator
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from anyascope.config.addresses import Address
from anyascope.config.settings import TlsFiles
from anyascope.errors import ConflictError, DeniedError, InvalidInputError

BACKLOG = 2048  # connections that may wait to be accepted; a fleet's agents reconnect all at once after a restart
NEXT_PORTS = 10  # how many ports above the default are tried before giving up
GRACE_S = 3  # how long open requests may take to end when the server stops; SIGTERM promises 10 s in all
HEADER_BYTES_MAX = 64 * 1024  # a browser's cookies and a long PromQL in a GET fit
KEEP_ALIVE_S = 75  # as the agents' own idle time-outs, so that they close first


@dataclass(frozen=True, slots=True)
class Face:
    """One address that the server has, or wanted to have. `state` is `listening` or `skipped`; `note` says why."""

    name: str
    address: str
    state: str
    note: str = ""


def bind(address: Address) -> socket.socket:
    """A listening socket at this address.

    Raises:
        ConflictError: another program has it.
        DeniedError: the operating system does not allow it.
        InvalidInputError: this machine has no such address.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((address.host, address.port))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise _explain(error, address) from error
    bound.setblocking(False)
    return bound


def _explain(error: OSError, address: Address) -> Exception:
    if error.errno == errno.EADDRINUSE:
        return ConflictError(f"{address} is taken by another program")
    if error.errno in (errno.EACCES, errno.EPERM):
        return DeniedError(f"{address} may not be used by this user; ports below 1024 need a privilege")
    return InvalidInputError(f"cannot listen on {address}: {error.strerror or error}")


def bind_or_next(address: Address) -> tuple[socket.socket, str]:
    """A socket at this address or, where it is taken, at one of the next ports; and a note where it is another."""
    for step in range(NEXT_PORTS):
        try:
            bound = bind(Address(address.host, address.port + step))
        except ConflictError:
            continue
        return bound, "" if step == 0 else f"port {address.port} is taken, {address.port + step} is used instead"
    raise ConflictError(
        f"{address} and the {NEXT_PORTS - 1} ports above it are taken; choose one with --listen HOST:PORT"
    )


def address_of(bound: socket.socket) -> Address:
    """Where a socket listens."""
    host, port = bound.getsockname()[:2]
    return Address(host, port)


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
        if tls is not None:
            config.ssl_certfile = str(tls.cert_file)
            config.ssl_keyfile = str(tls.key_file)
            config.ssl_version = ssl.PROTOCOL_TLS_SERVER
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

    async def stop(self) -> None:
        """Stop accepting, let open requests end within `GRACE_S`, then cut the rest."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


STARTED_POLL_S = 0.005  # the time that a start can be seen too late
