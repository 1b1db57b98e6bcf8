"""A door in front of a node's RPC that says the node has run for longer than it has: nobody waits ten minutes in a test."""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PASSED_ON = ("authorization", "content-type")


@dataclass
class OlderNode:
    """The door's address; `older_s` is added to what `uptime` answers, everything else passes unchanged."""

    url: str
    older_s: int


@contextlib.contextmanager
def older_node(target: str, *, older_s: int) -> Iterator[OlderNode]:
    """A running door to a node's RPC at `target`."""
    door = OlderNode("", older_s)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
            try:
                with urllib.request.urlopen(urllib.request.Request(target, body, headers), timeout=60) as answer:
                    status, told = answer.status, answer.read()
            except urllib.error.HTTPError as refused:
                status, told = refused.code, refused.read()
            except OSError:
                self.close_connection = True  # the node is down: so is the door
                return
            self._answer(status, _older(json.loads(body), told, door.older_s))

        def _answer(self, status: int, told: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: Any) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    door.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that goes away in the middle is no news."""


def _older(asked: Any, told: bytes, older_s: int) -> bytes:
    if not isinstance(asked, dict) or asked.get("method") != "uptime":
        return told
    answer = json.loads(told)
    if isinstance(answer.get("result"), int):
        answer["result"] += older_s
    return json.dumps(answer).encode()
