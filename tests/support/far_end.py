"""A far end on loopback that takes telemetry, or behaves as badly as it is told to."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TRICKLE_EVERY_S = 0.05
HANGS_S = 900.0  # longer than any test lasts; its end ends it
BACKLOG = 4  # connections that fill a listener's queue, and some


@dataclass
class FarEnd:
    """What it was told, and how it answers.

    `mode` is `ok`, an HTTP status as text, `black_hole` (takes the request and never answers), `trickle` (answers a byte at a
    time, for ever) or `drop` (closes the connection).
    """

    url: str = ""
    mode: str = "ok"
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    received: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    attempts: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    end: FarEnd

    def setup(self) -> None:
        super().setup()
        with self.end.lock:
            self.end.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        end = self.end
        with end.lock:
            end.attempts += 1
            mode = end.mode
            if mode == "ok":
                end.bodies.append(body)
                end.paths.append(self.path)
                end.received.append({name.lower(): value for name, value in self.headers.items()})
        if mode == "black_hole":
            end.over.wait(HANGS_S)
            self.close_connection = True
        elif mode == "trickle":
            self._trickle()
        elif mode == "drop":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._answer(200 if mode == "ok" else int(mode))

    def _answer(self, status: int) -> None:
        self.send_response(status)
        for name, value in self.end.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(self.end.answer)))
        self.end_headers()
        self.wfile.write(self.end.answer)

    def _trickle(self) -> None:
        with contextlib.suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
            while not self.end.over.wait(TRICKLE_EVERY_S):
                self.wfile.write(b"a")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that goes away in the middle is part of the tests."""


@contextlib.contextmanager
def far_end(mode: str = "ok", *, port: int = 0) -> Iterator[FarEnd]:
    """A listening far end; `mode` can be changed while it runs."""
    end = FarEnd(mode=mode)
    server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"end": end}))
    end.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield end
    finally:
        end.over.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextlib.contextmanager
def full_backlog() -> Iterator[str]:
    """The address of a port whose queue of connections is full: the kernel drops what comes, as a firewall does."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(BACKLOG):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
