"""A far end on loopback that answers request by request as it is told, speaks TLS, and serves as a proxy."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HUGE_CHUNKS_MAX = 4096  # of 64 kB: a reader that goes on is at 256 MB


@dataclass(frozen=True)
class Say:
    """One answer. `way` is `whole`, `half` (of the body), `never`, `drop`, `huge` (a body of 10 GB) or `trickle`."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    way: str = "whole"


@dataclass(frozen=True)
class Heard:
    """One request."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for known, value in self.headers if known.lower() == name.lower()), "")


@dataclass
class ScriptedEnd:
    """`script` is used up answer by answer, then `otherwise` is said."""

    url: str = ""
    otherwise: Say = field(default_factory=Say)
    script: deque[Say] = field(default_factory=deque)
    heard: list[Heard] = field(default_factory=list)
    sent_bytes: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def says(self, *answers: Say) -> None:
        """Forget what was heard, and answer so from now on."""
        with self.lock:
            self.script, self.heard, self.sent_bytes = deque(answers), [], 0

    def take(self, heard: Heard) -> Say:
        with self.lock:
            self.heard.append(heard)
            return self.script.popleft() if self.script else self.otherwise


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    end: ScriptedEnd

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        say = self.end.take(Heard(self.command, self.path, tuple(self.headers.items()), body))
        self.close_connection = say.way != "whole"
        with contextlib.suppress(OSError):
            getattr(self, f"_{say.way}")(say)
            self.wfile.flush()

    do_GET = do_POST = do_PUT = _any  # noqa: N815  # names of `http.server`

    def _begin(self, say: Say, length: int) -> None:
        self.send_response(say.status)
        for name, value in say.headers:
            self.send_header(name, value)
        self.send_header("content-length", str(length))
        self.end_headers()

    def _whole(self, say: Say) -> None:
        self._begin(say, len(say.body))
        self.wfile.write(say.body)

    def _half(self, say: Say) -> None:
        self._begin(say, 2 * len(say.body) + 100)
        self.wfile.write(say.body)

    def _never(self, _: Say) -> None:
        self.end.over.wait(30)

    def _drop(self, _: Say) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _huge(self, say: Say) -> None:
        self._begin(say, 10_000_000_000)
        for _ in range(HUGE_CHUNKS_MAX):
            self.wfile.write(b"x" * 65_536)
            self.wfile.flush()
            self.end.sent_bytes += 65_536

    def _trickle(self, say: Say) -> None:
        self._begin(say, 10_000)
        while not self.end.over.wait(0.05):
            self.wfile.write(b"x")
            self.wfile.flush()

    def log_message(self, *arguments: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that leave in the middle are what is tried here."""


@contextlib.contextmanager
def scripted_end(*, context: ssl.SSLContext | None = None) -> Iterator[ScriptedEnd]:
    """A running one, with TLS where a context is given."""
    end = ScriptedEnd()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"end": end}))
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    end.url = f"{'http' if context is None else 'https'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield end
    finally:
        end.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
