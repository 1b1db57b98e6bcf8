"""Which addresses the server gets: the main one always, the field's own ports where they are free."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from anyascope.config.addresses import Address
from anyascope.config.settings import Settings
from anyascope.errors import AnyascopeError, ConflictError, DeniedError, InvalidInputError

MAIN_FACE = "http"
OTLP_HTTP_FACE = "otlp_http"
OTLP_GRPC_FACE = "otlp_grpc"
BACKLOG = 2048  # connections that may wait to be accepted; a fleet's agents reconnect all at once after a restart
NEXT_PORTS = 10  # how many ports above the default are tried before giving up


@dataclass(frozen=True, slots=True)
class Face:
    """One address that the server has, or wanted to have. `state` is `listening` or `skipped`; `note` says why."""

    name: str
    address: str
    state: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Sockets:
    """Bound sockets, and what came of each wish. gRPC binds its own at start."""

    main: socket.socket
    otlp_http: socket.socket | None
    faces: tuple[Face, ...]

    def url(self, *, has_tls: bool) -> str:
        """The main address, for people."""
        return f"{'https' if has_tls else 'http'}://{address_of(self.main)}"

    def close(self) -> None:
        """Give the addresses back."""
        self.main.close()
        if self.otlp_http is not None:
            self.otlp_http.close()


def bind_all(settings: Settings) -> Sockets:
    """The sockets of these settings.

    Raises:
        AnyascopeError: the main address cannot be had.
    """
    server = settings.server
    main, note = (bind(server.listen), "") if server.is_chosen else bind_or_next(server.listen)
    faces = [Face(MAIN_FACE, str(address_of(main)), "listening", note)]
    otlp_http = None
    if settings.receive.otlp_http is not None:
        try:
            otlp_http = bind(settings.receive.otlp_http)
            faces.append(Face(OTLP_HTTP_FACE, str(address_of(otlp_http)), "listening"))
        except AnyascopeError as error:
            faces.append(Face(OTLP_HTTP_FACE, str(settings.receive.otlp_http), "skipped", str(error)))
    return Sockets(main, otlp_http, tuple(faces))


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
