"""OTLP, Jaeger and Alertmanager bodies by HTTP POST, with a bound on every wait.

On `http.client` rather than on a library of sessions: a session's pool has locks that a fork may catch held, and no library
bounds an answer that trickles in byte by byte.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import io
import socket
import ssl
import time
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from anyascope import __version__
from anyascope.sdk.delivery.answer import RETRIED_STATUSES, Answer, Verdict, judge_status
from anyascope.sdk.delivery.target import Format, Target
from anyascope.wire.retry_after import parse_retry_after

try:
    import certifi
except ImportError:  # slim images have no authorities of their own; it comes with the OTLP exporter
    certifi = None  # type: ignore[assignment]

USER_AGENT = f"anyascope-sdk/{__version__}"
ANSWER_BYTES_MAX = 64 * 1024  # a partial success is a sentence; a far end that sends a gigabyte is not read to its end
DETAIL_CHARS_MAX = 200  # of what the far end said, in our log line


class HttpSender:
    """Keeps one connection to one address; used by one thread."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connection: http.client.HTTPConnection | None = None
        self._tls: ssl.SSLContext | None = None

    def after_fork(self) -> None:
        # The child's copy of the socket closes with it; nothing is said on the wire, which is still the parent's.
        self._connection = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def send(self, data: bytes) -> Answer:
        """One attempt: at most four times the target's `attempt_s` (proxy, connecting, sending, answering)."""
        if self._target.is_compressed:
            data = gzip.compress(data, compresslevel=6)
        is_reused = self._connection is not None
        try:
            try:
                return self._post(data)
            except (http.client.RemoteDisconnected, ConnectionError):
                if not is_reused:
                    raise
                self.close()  # the far end had closed the idle connection: that is no failure of its
                return self._post(data)
        except TimeoutError:
            self.close()
            return Answer(Verdict.UNREACHABLE, "no answer in time")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return Answer(Verdict.UNREACHABLE, f"{type(error).__name__}: {error}"[:DETAIL_CHARS_MAX])

    def _post(self, data: bytes) -> Answer:
        parts = urlsplit(self._target.url)
        connection = self._connection
        if connection is None:
            connection = self._connection = self._connect(parts)
        path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        connection.request("POST", self._absolute(parts, path), body=data, headers=self._headers(parts))
        response = connection.getresponse()
        body = response.read(ANSWER_BYTES_MAX)
        if response.will_close or not response.isclosed():
            self.close()
        return _answer(response, body, is_otlp=self._target.format is Format.OTLP)

    def _headers(self, parts: SplitResult) -> dict[str, str]:
        headers = {"content-type": self._target.format.content_type, "user-agent": USER_AGENT}
        if self._target.is_compressed:
            headers["content-encoding"] = "gzip"
        if parts.username:
            headers["authorization"] = _basic(parts)
        headers.update(self._target.headers)
        return headers

    def _connect(self, parts: SplitResult) -> http.client.HTTPConnection:
        """A connection that is not made yet: the far end's own, or its proxy's.

        Raises:
            ValueError: the address has no host, or neither `http` nor `https`.
        """
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("the address needs http:// or https:// and a host")
        proxy = self._proxy(parts)
        host, port = (proxy.hostname or "", proxy.port or 80) if proxy else (parts.hostname, parts.port)
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            connection = _TlsConnection(host, port, timeout=self._target.attempt_s, context=self._tls_context())
        else:
            connection = _Connection(host, port, timeout=self._target.attempt_s)
        if proxy and parts.scheme == "https":
            headers = {"proxy-authorization": _basic(proxy)} if proxy.username else {}
            connection.set_tunnel(parts.hostname, parts.port or 443, headers)
        return connection

    def _absolute(self, parts: SplitResult, path: str) -> str:
        """A proxy for plain HTTP is told the whole address."""
        if parts.scheme == "http" and self._proxy(parts):
            return f"http://{parts.netloc.rpartition('@')[2]}{path}"
        return path

    @staticmethod
    def _proxy(parts: SplitResult) -> SplitResult | None:
        address = getproxies().get(parts.scheme, "")
        if not address or not parts.hostname or proxy_bypass(parts.hostname):
            return None
        return urlsplit(address if "://" in address else f"http://{address}")

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = tls_context(self._target)
        return self._tls


def tls_context(target: Target) -> ssl.SSLContext:
    """The system's authorities, those of `certifi` where it is installed, and the target's own.

    Raises:
        OSError: a file cannot be read.
    """
    context = ssl.create_default_context()
    if certifi is not None:
        context.load_verify_locations(cafile=certifi.where())
    if target.ca_file:
        context.load_verify_locations(cafile=target.ca_file)
    if target.cert_file:
        context.load_cert_chain(target.cert_file, target.key_file or None)
    if not target.is_verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _BoundedReader(io.RawIOBase):
    """Reads a socket until a moment: each read waits for what is left, so that a trickle ends as silence does."""

    def __init__(self, raw: io.RawIOBase, connected: socket.socket, deadline_s: float) -> None:
        super().__init__()
        self._raw = raw
        self._connected = connected
        self._deadline_s = deadline_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer did not end in time")
        self._connected.settimeout(left_s)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    """An answer whose head and body together take at most the socket's time-out."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        timeout_s = sock.gettimeout()
        raw = self.fp.detach()  # a BufferedReader, as `makefile("rb")` gives
        self._restore = (sock, timeout_s)
        self.fp = io.BufferedReader(_BoundedReader(raw, sock, time.monotonic() + (timeout_s or 0.0)))

    def _close_conn(self) -> None:
        sock, timeout_s = self._restore
        with contextlib.suppress(OSError):
            sock.settimeout(timeout_s)  # the next request on this connection has its own time
        super()._close_conn()  # type: ignore[misc]  # http.client's own way to end an answer


class _Connection(http.client.HTTPConnection):
    response_class = _BoundedResponse


class _TlsConnection(http.client.HTTPSConnection):
    response_class = _BoundedResponse


def _basic(parts: SplitResult) -> str:
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _answer(response: http.client.HTTPResponse, body: bytes, *, is_otlp: bool) -> Answer:
    verdict = judge_status(response.status)
    if verdict is Verdict.TAKEN:
        return Answer(verdict, rejected=rejected_items(body) if is_otlp and body else 0)
    said = body[:DETAIL_CHARS_MAX].decode("utf-8", "replace") if response.status < 500 else ""
    printable = "".join(character if character.isprintable() else " " for character in said).strip()
    return Answer(
        verdict,
        f"{response.status} {response.reason} {printable}".strip(),
        retry_after_s=parse_retry_after(response.headers.get("retry-after", ""), now_s=time.time()),
        is_odd=response.status >= 500 and response.status not in RETRIED_STATUSES,
    )


def rejected_items(body: bytes) -> int:
    """Items that an OTLP receiver left out; its answers for traces, metrics and logs have the same fields."""
    try:
        return int(ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans)
    except DecodeError:
        return 0
