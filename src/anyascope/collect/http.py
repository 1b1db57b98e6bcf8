"""A small HTTP/1.1 client for scraping: one kept connection a target, hard bounds on time and size.

Written because a general client costs a multiple of the scrape itself (`bench/scrape.py` prints both) and decompresses
whole chunks before it can count them. What it speaks is what exporters need: GET, keep-alive, gzip, TLS, redirects,
an HTTP proxy.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
import ssl
import zlib
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import httptools
import httpx

from anyascope.collect.proxies import Proxies
from anyascope.collect.tls import TlsContexts
from anyascope.errors import AnyascopeError, InvalidInputError
from anyascope.model.http import HttpOptions
from anyascope.wire.oauth2 import TokenError, Tokens

REDIRECTS_MAX = 10  # as Go's client
HEADER_BYTES_MAX = 64 * 1024  # exporters send under 1 kB; a stream of headers must not fill the memory
ERROR_BODY_BYTES = 0  # of an answer that is no 200 nothing is read: its status says all
USER_AGENT = "anyascope"
BODY_SIZE_LIMIT = "body_size_limit"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_GZIP = 16 + zlib.MAX_WBITS  # zlib's number for "a gzip header and trailer"
_OK = 200
_UNAUTHORIZED = 401
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


class FetchError(AnyascopeError):
    """Nothing usable was answered; the message says why, for a person. `limit` names the limit that was passed, if any."""

    code = "fetch_failed"

    def __init__(self, message: str, *, limit: str = "") -> None:
        super().__init__(message)
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Answer:
    """A 200 and what came with it, decompressed."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class FetchBounds:
    """How long an answer may take in all, and below how many bytes its body must stay after decompression."""

    timeout_s: float
    body_bytes_max: int


class HttpFetcher:
    """Fetches from one target. Not for concurrent use: a target is asked one thing at a time.

    Args:
        options: how to speak.
        contexts: where TLS contexts come from; shared by all targets of a job.
        tokens: where the token of `oauth2` comes from; shared likewise, None where there is none.
    """

    def __init__(self, options: HttpOptions, contexts: TlsContexts, tokens: Tokens | None = None) -> None:
        self._options = options
        self._contexts = contexts
        self._tokens = tokens
        self._proxies = Proxies(options)
        self._connection: _Connection | None = None

    async def get(self, url: str, *, headers: tuple[tuple[str, str], ...], bounds: FetchBounds) -> Answer:
        """What a GET of `url` answers.

        Raises:
            FetchError: it could not be reached, answered something else than 200, too much, or too slowly.
        """
        progress = _Progress()
        try:
            async with asyncio.timeout(bounds.timeout_s):
                return await self._follow(url, headers, bounds, progress)
        except TimeoutError:
            self.close()
            raise FetchError(f"timed out after {bounds.timeout_s:g}s while {progress.doing}") from None
        except ssl.SSLError as error:
            self.close()
            raise FetchError(f"TLS: {_tls_reason(error)}") from error
        except OSError as error:
            self.close()
            raise FetchError(f"{progress.doing} failed: {_os_reason(error)}") from error
        except FetchError:
            self.close()
            raise
        except (InvalidInputError, TokenError) as error:
            self.close()
            raise FetchError(str(error)) from error
        except httpx.HTTPError as error:
            self.close()
            raise FetchError(f"asking for a token failed: {type(error).__name__}") from error
        except asyncio.CancelledError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    async def _follow(
        self, url: str, headers: tuple[tuple[str, str], ...], bounds: FetchBounds, progress: _Progress
    ) -> Answer:
        origin = _origin(urlsplit(url))
        secrets = (*self._secret_headers(), *await self._token_headers(progress))
        for _ in range(REDIRECTS_MAX + 1):
            parts = urlsplit(url)
            # Secrets go to the host that they were configured for, not to where it points.
            own = headers + secrets if _origin(parts) == origin else headers
            response = await self._exchange(parts, own, bounds, progress)
            if response.status not in _REDIRECTS or not self._options.follow_redirects or not response.location:
                break
            url = urljoin(url, response.location)
            if urlsplit(url).scheme not in _DEFAULT_PORTS or not urlsplit(url).hostname:
                raise FetchError(f"redirected to {response.location!r}, which is no http address")
        else:
            raise FetchError(f"stopped after {REDIRECTS_MAX} redirects")
        if response.status == _UNAUTHORIZED and self._tokens is not None:
            self._tokens.forget()
        if response.status != _OK:
            raise FetchError(f"server returned HTTP status {response.status} {response.reason}".rstrip())
        return Answer(bytes(response.body), response.content_type)

    async def _token_headers(self, progress: _Progress) -> tuple[tuple[str, str], ...]:
        if self._tokens is None:
            return ()
        progress.doing = "asking for a token"
        return (("Authorization", f"Bearer {await self._tokens.token()}"),)

    def _secret_headers(self) -> tuple[tuple[str, str], ...]:
        found: list[tuple[str, str]] = [(name, value.reveal()) for name, value in self._options.headers]
        if (basic := self._options.basic_auth) is not None:
            pair = f"{basic.username.reveal()}:{basic.password.reveal()}".encode()
            found.append(("Authorization", f"Basic {base64.b64encode(pair).decode()}"))
        if (authorization := self._options.authorization) is not None:
            found.append(("Authorization", f"{authorization.type} {authorization.credentials.reveal()}"))
        return tuple(found)

    async def _exchange(
        self, parts: SplitResult, headers: tuple[tuple[str, str], ...], bounds: FetchBounds, progress: _Progress
    ) -> _Response:
        kept = self._connection
        is_kept = kept is not None and kept.origin == _origin(parts) and not kept.is_closed
        connection = kept if is_kept and kept is not None else await self._connect(parts, progress)
        progress.doing = "waiting for the answer"
        proxy = self._proxies.of(parts)
        is_forwarded = proxy is not None and parts.scheme == "http"
        if proxy is not None and is_forwarded:
            headers += self._proxy_headers(proxy)
        request = _request_bytes(parts, headers, absolute=is_forwarded)
        try:
            response = await connection.ask(request, bounds.body_bytes_max, progress)
        except _ClosedError:
            # The target may close a kept connection at any moment; a fresh one decides.
            if not is_kept:
                raise
            connection = await self._connect(parts, progress)
            response = await connection.ask(request, bounds.body_bytes_max, progress)
        if not response.keep_alive:
            self.close()
        return response

    async def _connect(self, parts: SplitResult, progress: _Progress) -> _Connection:
        self.close()
        loop = asyncio.get_running_loop()
        tls = await self._contexts.context() if parts.scheme == "https" else None
        name = self._options.tls.server_name or parts.hostname or ""
        proxy = self._proxies.of(parts)
        if proxy is not None:
            progress.doing = f"connecting to the proxy {proxy.hostname}"
            _, connection = await loop.create_connection(
                lambda: _Connection(_origin(parts)), proxy.hostname or "", proxy.port or _DEFAULT_PORTS["http"]
            )
            self._connection = connection
            if tls is not None:
                await self._tunnel(connection, parts, self._proxy_headers(proxy), progress)
                await connection.start_tls(tls, name)
        else:
            progress.doing = f"connecting to {parts.hostname}:{_port(parts)}"
            _, connection = await loop.create_connection(
                lambda: _Connection(_origin(parts)),
                parts.hostname or "",
                _port(parts),
                ssl=tls,
                server_hostname=name if tls is not None else None,
            )
        self._connection = connection
        return connection

    async def _tunnel(
        self,
        connection: _Connection,
        parts: SplitResult,
        headers: tuple[tuple[str, str], ...],
        progress: _Progress,
    ) -> None:
        target = f"{_bracketed(parts.hostname or '')}:{_port(parts)}"
        pairs = (("Host", target), *headers)
        own = "".join(f"{name}: {value}\r\n" for name, value in pairs)
        request = f"CONNECT {target} HTTP/1.1\r\n{own}\r\n".encode()
        answer = await connection.ask(request, ERROR_BODY_BYTES, progress, is_connect=True)
        if answer.status != _OK:
            raise FetchError(f"the proxy answered {answer.status} {answer.reason}".rstrip())

    def _proxy_headers(self, proxy: SplitResult) -> tuple[tuple[str, str], ...]:
        own = tuple((name, value.reveal()) for name, value in self._options.proxy_headers)
        if proxy.username is None:
            return own
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        return (*own, ("Proxy-Authorization", f"Basic {base64.b64encode(pair).decode()}"))


@dataclass(slots=True)
class _Progress:
    """What is being done, for the message of a timeout."""

    doing: str = "connecting"


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", _port(parts)


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError as error:
        raise FetchError(f"{parts.netloc!r} has no usable port: {error}") from error
    return port or _DEFAULT_PORTS[parts.scheme]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _request_bytes(parts: SplitResult, headers: tuple[tuple[str, str], ...], *, absolute: bool) -> bytes:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2]
    target = f"{parts.scheme}://{host}{path}" if absolute else path
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise FetchError("a header or the path holds a line break")
    return f"{text}\r\n\r\n".encode()


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    return (error.reason or str(error)).replace("_", " ").lower()


def _os_reason(error: OSError) -> str:
    """What the system says: asyncio puts a sentence of its own where the error's usually stands."""
    is_resolution = isinstance(error, socket.gaierror)
    return os.strerror(error.errno).lower() if error.errno and not is_resolution else error.strerror or str(error)


class _ClosedError(FetchError):
    """The other side closed before it said anything."""


@dataclass(slots=True)
class _Response:
    status: int = 0
    reason: str = ""
    content_type: str = ""
    location: str = ""
    encoding: str = ""
    has_length: bool = False
    keep_alive: bool = True
    body: bytearray = field(default_factory=bytearray)


class _Connection(asyncio.Protocol):
    """One connection, one exchange at a time; httptools calls its `on_*` methods."""

    def __init__(self, origin: tuple[str, str, int]) -> None:
        self.origin = origin
        self.is_closed = False
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[_Response] | None = None
        self._response = _Response()
        self._parser: httptools.HttpResponseParser | None = None
        self._body_bytes_max = 0
        self._unzip: zlib._Decompress | None = None
        self._header_bytes = 0
        self._progress = _Progress()
        self._is_connect = False
        self._has_headers = False

    async def ask(
        self, request: bytes, body_bytes_max: int, progress: _Progress, *, is_connect: bool = False
    ) -> _Response:
        """Send the request and wait for the whole answer."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._response = _Response()
        self._parser = httptools.HttpResponseParser(self)
        self._body_bytes_max = body_bytes_max
        self._unzip = None
        self._header_bytes = 0
        self._progress = progress
        self._is_connect = is_connect
        self._has_headers = False
        if self.is_closed:
            raise _ClosedError("the connection was closed before an answer came")
        self._transport.write(request)
        return await self._answer

    async def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """Speak TLS from now on."""
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        upgraded = await loop.start_tls(self._transport, self, context, server_hostname=name)
        if upgraded is None:
            raise FetchError("the proxy closed the tunnel")
        self._transport = upgraded

    def abort(self) -> None:
        """Close at once, whatever is under way."""
        self.is_closed = True
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio's calls ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asserted: uvloop's transports have the methods without the class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self._answer is None or self._answer.done():
            self.abort()  # nobody asked: what comes now cannot be matched to a request
            return
        self._progress.doing = f"reading the answer ({len(self._response.body) + len(data)} bytes so far)"
        if not self._has_headers:
            self._header_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._fail(cause if isinstance(cause, FetchError) else FetchError(f"not a usable answer: {error}"))
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError as error:
            self._fail(FetchError(f"not an HTTP answer: {error}"))
        if not self._has_headers and self._header_bytes > HEADER_BYTES_MAX:
            self._fail(FetchError(f"the answer's headers are longer than {HEADER_BYTES_MAX} bytes"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        if self._answer is None or self._answer.done():
            return
        if not self._has_headers:
            reason = f": {exc}" if exc else ""
            self._fail(_ClosedError(f"the connection was closed before an answer came{reason}"))
        elif exc is None and not self._response.has_length:
            self.on_message_complete()
        else:
            read = len(self._response.body)
            self._fail(FetchError(f"the connection was closed in the middle of the answer, after {read} bytes"))

    # --- httptools' calls ---------------------------------------------------------------------------------------------

    def on_status(self, status: bytes) -> None:
        self._response.reason += status.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        text = value.decode("latin-1").strip()
        match name.lower():
            case b"content-type":
                self._response.content_type = text
            case b"content-encoding":
                self._response.encoding = text.lower()
            case b"location":
                self._response.location = text
            case b"content-length":
                self._response.has_length = True
                if self._parser is not None and int(text) >= self._body_bytes_max and not self._is_connect:
                    raise _too_large(self._body_bytes_max)
            case b"transfer-encoding":
                self._response.has_length = True

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self._has_headers = True
        self._response.status = self._parser.get_status_code()
        self._response.keep_alive = self._parser.should_keep_alive()
        if self._is_connect and self._response.status == _OK:
            self._finish()  # no body follows: from here on the tunnel speaks
        elif self._response.encoding in ("gzip", "x-gzip"):
            self._unzip = zlib.decompressobj(_GZIP)
        elif self._response.encoding not in ("", "identity"):
            raise FetchError(f"content encoding {self._response.encoding!r} was not asked for")

    def on_body(self, body: bytes) -> None:
        if self._response.status != _OK:
            return
        room = self._body_bytes_max - len(self._response.body)
        if self._unzip is None:
            self._response.body += body
        else:
            try:
                # One byte more than allowed is unpacked at most: a bomb never unfolds.
                self._response.body += self._unzip.decompress(body, room + 1)
            except zlib.error as error:
                raise FetchError(f"broken gzip: {error}") from error
        if len(self._response.body) >= self._body_bytes_max:
            raise _too_large(self._body_bytes_max)

    def on_message_complete(self) -> None:
        if self._unzip is not None and self._response.status == _OK and not self._unzip.eof:
            self._fail(FetchError("broken gzip: it ends too early"))
            return
        self._finish()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(self._response)

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        with contextlib.suppress(Exception):
            self.abort()


def _too_large(body_bytes_max: int) -> FetchError:
    return FetchError(f"body size limit exceeded (body_size_limit: {body_bytes_max} bytes)", limit=BODY_SIZE_LIMIT)
