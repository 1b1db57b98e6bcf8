"""One request to a far end, as the settings ask for it, and its answer: bounded, and without our secrets in any message."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from anyascope import __version__
from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import AnyascopeError, InvalidInputError
from anyascope.model.http import HttpOptions, is_direct
from anyascope.wire.notices.answers import ANSWER_BYTES_MAX, shown, url_secrets
from anyascope.wire.oauth2 import TokenError, Tokens
from anyascope.wire.retry_after import parse_retry_after
from anyascope.wire.tls import default_context, tls_context

# The client imports these with its first request, which takes up to half a second: not while a page waits.
for _module in ("httpcore", "anyio", "anyio._backends._asyncio", "h11"):
    importlib.import_module(_module)

UNAUTHORIZED = 401
USER_AGENT = f"anyascope/{__version__}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, wait, headers and the beginning of the body; `hidden` are secrets that it may repeat."""

    status: int
    phrase: str
    body: bytes
    retry_after_s: float
    hidden: tuple[str, ...] = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def detail(self) -> str:
        """Status and text for people, one line."""
        detail = f"{self.status} {self.phrase}".strip()
        return shown(f"{detail}: {self.body.decode('utf-8', 'replace')}", self.hidden) if self.body else detail


class PostError(AnyascopeError):
    """There was no answer; the message says why. `is_final`: the same request cannot succeed later either."""

    code = "post_failed"

    def __init__(self, message: str, *, is_final: bool) -> None:
        super().__init__(message)
        self.is_final = is_final


class HttpPoster:
    """Posts bodies to addresses that share one `http_config`; keeps connections between requests.

    Args:
        connections_max: at a time; further requests wait.
    """

    def __init__(self, options: HttpOptions, *, timeout_s: float, clock: Clock, connections_max: int = 100) -> None:
        self._options = options
        self._timeout_s = timeout_s
        self._clock = clock
        self._limits = httpx.Limits(max_connections=connections_max, max_keepalive_connections=connections_max)
        self._clients: dict[bool, httpx.AsyncClient] = {}  # by whether the proxy is used
        self._retired: list[httpx.AsyncClient] = []  # with TLS files as they were; requests may be under way
        self._tls_times: tuple[int, ...] = ()
        self._tokens = Tokens(options.oauth2, timeout_s=timeout_s, clock=clock) if options.oauth2 is not None else None
        default_context()  # read now, so that the first page does not wait for it

    async def post(  # what an HTTP request has
        self,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str],
        secrets: tuple[str, ...] = (),
        method: str = "POST",
        answer_bytes_max: int = ANSWER_BYTES_MAX,
    ) -> Answer:
        """The answer, whatever its status.

        Args:
            url: where to.
            body: any bytes.
            headers: beside those of `http_config`.
            secrets: texts that must not be shown, such as the address where it holds a token.
            method: where it is another one.
            answer_bytes_max: how much of the answer's body is read; the rest is not waited for.

        Raises:
            PostError: there was none.
        """
        hidden = secrets
        try:
            hidden = (*hidden, *self._secrets())
            token = await self._tokens.token() if self._tokens is not None else ""
            hidden = (*hidden, token) if token else hidden
            await self._follow_tls_files()
            sent = [*self._headers(token), *headers.items()]
            request = self._request(method, url, body, sent)
            answer = await self._exchange(request, hidden, answer_bytes_max)
            if self._tokens is not None and answer.status == UNAUTHORIZED:
                self._tokens.forget()
            return answer
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
            raise PostError(shown(f"{type(error).__name__}: {error}", hidden), is_final=True) from error
        except httpx.TimeoutException as error:
            raise PostError(f"{type(error).__name__} after {self._timeout_s:g} s", is_final=False) from error
        except (httpx.HTTPError, OSError, InvalidInputError, TokenError) as error:
            raise PostError(shown(f"{type(error).__name__}: {error}", hidden), is_final=False) from error

    def _request(self, method: str, url: str, body: bytes, headers: Sequence[tuple[str, str]]) -> httpx.Request:
        # Not packed: a kilobyte could become a gigabyte in memory before its first byte is looked at.
        sent = [("Accept-Encoding", "identity"), *headers]
        return self._client_for(url).build_request(
            method, url, content=body or None, headers=sent, extensions=self._extensions()
        )

    async def _exchange(self, request: httpx.Request, hidden: tuple[str, ...], bytes_max: int) -> Answer:
        client = self._client_for(str(request.url))
        response = await client.send(request, stream=True, auth=self._auth())
        try:
            return await self._read(response, hidden, bytes_max)
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Let go of connections."""
        clients, self._clients, self._retired = [*self._clients.values(), *self._retired], {}, []
        for client in clients:
            await client.aclose()

    async def _follow_tls_files(self) -> None:
        """Take up certificates that were exchanged; the connections of the exchange before are let go."""
        tls = self._options.tls
        files = [path for path in (tls.ca_file, tls.cert_file, tls.key_file) if path is not None]
        times = tuple(path.stat().st_mtime_ns for path in files)
        if times == self._tls_times:
            return
        self._tls_times = times
        retired, self._retired = self._retired, list(self._clients.values())
        self._clients = {}
        for client in retired:
            await client.aclose()

    def _client_for(self, url: str) -> httpx.AsyncClient:
        options = self._options
        is_proxied = bool(options.proxy_url) and not is_direct(options.no_proxy, urlsplit(url).hostname or "")
        client = self._clients.get(is_proxied)
        if client is None:
            client = self._clients[is_proxied] = httpx.AsyncClient(
                verify=tls_context(options.tls),
                proxy=httpx.Proxy(options.proxy_url, headers=self._proxy_headers()) if is_proxied else None,
                trust_env=options.proxy_from_environment,
                follow_redirects=options.follow_redirects,
                timeout=self._timeout_s,
                limits=self._limits,
            )
        return client

    def _secrets(self) -> tuple[str, ...]:
        options = self._options
        secrets = [secret for _, secret in (*options.headers, *options.proxy_headers)]
        if options.basic_auth is not None:
            secrets.append(options.basic_auth.password)
        if options.authorization is not None:
            secrets.append(options.authorization.credentials)
        if options.oauth2 is not None:
            secrets.append(options.oauth2.client_secret)
        return (*(secret.reveal() for secret in secrets), *url_secrets(options.proxy_url))

    def _proxy_headers(self) -> list[tuple[str, str]]:
        return [(name, value.reveal()) for name, value in self._options.proxy_headers]

    def _auth(self) -> httpx.Auth | None:
        if self._options.basic_auth is None:
            return None
        username, password = self._options.basic_auth
        return httpx.BasicAuth(username.reveal(), password.reveal())

    def _headers(self, token: str) -> list[tuple[str, str]]:
        headers = [("User-Agent", USER_AGENT)]
        if token:
            headers.append(("Authorization", f"Bearer {token}"))
        if self._options.authorization is not None:
            credentials, scheme = self._options.authorization
            headers.append(("Authorization", f"{scheme} {credentials.reveal()}"))
        headers.extend((name, value.reveal()) for name, value in self._options.headers)
        return headers

    def _extensions(self) -> dict[str, str] | None:
        name = self._options.tls.server_name
        return {"sni_hostname": name} if name else None

    async def _read(self, response: httpx.Response, hidden: tuple[str, ...], bytes_max: int) -> Answer:
        body = b""
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) >= bytes_max:
                break
        retry_after = response.headers.get("Retry-After", "")
        return Answer(
            status=response.status_code,
            phrase=response.reason_phrase,
            body=body[:bytes_max],
            retry_after_s=parse_retry_after(retry_after, now_s=self._clock.now_ns() / NS_PER_S),
            hidden=hidden,
            headers=response.headers,
        )
