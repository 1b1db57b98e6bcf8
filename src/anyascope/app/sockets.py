"""Which addresses the server gets: the main one always, the field's own ports where they are free."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from anyascope.app.faces import Face, address_of, bind, bind_or_next
from anyascope.config.settings import Settings
from anyascope.errors import AnyascopeError

MAIN_FACE = "http"
OTLP_HTTP_FACE = "otlp_http"
OTLP_GRPC_FACE = "otlp_grpc"


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
