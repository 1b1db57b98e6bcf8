"""One HTTP request to a far end, and what its answer means for the next attempt."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from anyascope import __version__
from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import InvalidInputError
from anyascope.model.http import HttpOptions, is_direct
from anyascope.model.notifications import AttemptOutcome
from anyascope.notify.channel import Outcome
from anyascope.wire.notices.answers import ANSWER_BYTES_MAX, is_retried, shown, url_secrets
from anyascope.wire.retry_after import parse_retry_after
from anyascope.wire.tls import default_context, tls_context

# The client imports these with its first request, which takes up to half a second: not while a page waits.
for _module in ("httpcore", "anyio", "anyio._backends._asyncio", "h11"):
    importlib.import_module(_module)

USER_AGENT = f"anyascope/{__version__}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, wait and the beginning of the body; `hidden` are secrets that it may repeat."""

    status: int
    phrase: str
    body: bytes
    retry_after_s: float
    hidden: tuple[str, ...] = field(default=(), repr=False)


class HttpSender:
    """Posts JSON to addresses that share one `http_config`; keeps connections between requests."""

    def __init__(self, options: HttpOptions, *, timeout_s: float, clock: Clock) -> None:
        self._options = options
        self._timeout_s = timeout_s
        self._clock = clock
        self._clients: dict[bool, httpx.AsyncClient] = {}  # by whether the proxy is used
        default_context()  # read now, so that the first page does not wait for it

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], secrets: tuple[str, ...] = ()
    ) -> Answer | Outcome:
        """The answer, or the outcome where there was none.

        Args:
            url: where to; never shown.
            body: JSON.
            headers: beside those of `http_config`.
            secrets: further texts that must not be shown.
        """
        hidden = (*url_secrets(url), *secrets)
        try:
            hidden = (*hidden, *self._secrets())
            client = self._client_for(url)
            request = client.build_request(
                "POST", url, content=body, headers=[*self._headers(), *headers.items()], extensions=self._extensions()
            )
            response = await client.send(request, stream=True, auth=self._auth())
            try:
                return await self._read(response, hidden)
            finally:
                await response.aclose()
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
            return Outcome(AttemptOutcome.FAILED, shown(f"{type(error).__name__}: {error}", hidden))
        except httpx.TimeoutException as error:
            return Outcome(AttemptOutcome.RETRY, f"{type(error).__name__} after {self._timeout_s:g} s")
        except (httpx.HTTPError, OSError, InvalidInputError) as error:
            return Outcome(AttemptOutcome.RETRY, shown(f"{type(error).__name__}: {error}", hidden))

    async def close(self) -> None:
        """Let go of connections."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
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
            )
        return client

    def _secrets(self) -> tuple[str, ...]:
        options = self._options
        secrets = [secret for _, secret in (*options.headers, *options.proxy_headers)]
        if options.basic_auth is not None:
            secrets.append(options.basic_auth.password)
        if options.authorization is not None:
            secrets.append(options.authorization.credentials)
        return (*(secret.reveal() for secret in secrets), *url_secrets(options.proxy_url))

    def _proxy_headers(self) -> list[tuple[str, str]]:
        return [(name, value.reveal()) for name, value in self._options.proxy_headers]

    def _auth(self) -> httpx.Auth | None:
        if self._options.basic_auth is None:
            return None
        username, password = self._options.basic_auth
        return httpx.BasicAuth(username.reveal(), password.reveal())

    def _headers(self) -> list[tuple[str, str]]:
        headers = [("Content-Type", "application/json"), ("User-Agent", USER_AGENT)]
        if self._options.authorization is not None:
            credentials, scheme = self._options.authorization
            headers.append(("Authorization", f"{scheme} {credentials.reveal()}"))
        headers.extend((name, value.reveal()) for name, value in self._options.headers)
        return headers

    def _extensions(self) -> dict[str, str] | None:
        name = self._options.tls.server_name
        return {"sni_hostname": name} if name else None

    async def _read(self, response: httpx.Response, hidden: tuple[str, ...]) -> Answer:
        body = b""
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) >= ANSWER_BYTES_MAX:
                break
        retry_after = response.headers.get("Retry-After", "")
        return Answer(
            status=response.status_code,
            phrase=response.reason_phrase,
            body=body[:ANSWER_BYTES_MAX],
            retry_after_s=parse_retry_after(retry_after, now_s=self._clock.now_ns() / NS_PER_S),
            hidden=hidden,
        )


def judge(answer: Answer) -> Outcome:
    """What a status means: 2xx is delivered, 408, 425, 429 and 5xx may be tried again, all others are final."""
    detail = f"{answer.status} {answer.phrase}".strip()
    if answer.status < 300:
        return Outcome(AttemptOutcome.OK, detail)
    if answer.body:
        detail = shown(f"{detail}: {answer.body.decode('utf-8', 'replace')}", answer.hidden)
    if is_retried(answer.status):
        return Outcome(AttemptOutcome.RETRY, detail, retry_after_s=answer.retry_after_s)
    return Outcome(AttemptOutcome.FAILED, detail)
