"""Tokens for a client with credentials of its own.

Source: RFC 6749, section 4.4.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import httpx

from anyascope.clock import NS_PER_S, Clock
from anyascope.model.http import OAuth2
from anyascope.wire.tls import tls_context

EARLY_S = 10.0  # a token is exchanged so long before it ends, as Go's client does
LIFE_S = 3600.0  # of a token whose answer does not say
ANSWER_BYTES_MAX = 64 * 1024  # tokens are under 8 kB
TRIED_AGAIN = (400, 401)  # a server that wants the credentials in the other place


class TokenError(Exception):
    """No token was to be had; the message holds no secret."""


class Tokens:
    """Hands out the token of one client; asks for a new one shortly before the old one ends."""

    def __init__(self, options: OAuth2, *, timeout_s: float, clock: Clock) -> None:
        self._options = options
        self._timeout_s = timeout_s
        self._clock = clock
        self._turn = asyncio.Lock()
        self._token = ""
        self._ends_ns = 0

    async def token(self) -> str:
        """A token that is good for some seconds more.

        Raises:
            TokenError: the server gives none.
            httpx.HTTPError: it does not answer.
            InvalidInputError: the secret's file, or one of `tls_config`, cannot be read.
        """
        async with self._turn:
            if self._clock.monotonic_ns() >= self._ends_ns:
                await self._ask()
            return self._token

    def forget(self) -> None:
        """The far end does not want the token: ask for another one next time."""
        self._ends_ns = 0

    async def _ask(self) -> None:
        options = self._options
        fields = {"grant_type": "client_credentials", **dict(options.endpoint_params)}
        if options.scopes:
            fields["scope"] = " ".join(options.scopes)
        credentials = (options.client_id, options.client_secret.reveal())
        proxy = options.proxy_url or None
        async with httpx.AsyncClient(
            verify=tls_context(options.tls), proxy=proxy, trust_env=False, timeout=self._timeout_s
        ) as client:
            response, body = await self._post(client, fields, auth=httpx.BasicAuth(*credentials))
            if response.status_code in TRIED_AGAIN:
                inline = {**fields, "client_id": credentials[0], "client_secret": credentials[1]}
                response, body = await self._post(client, inline)
        self._take(response, body)

    async def _post(
        self, client: httpx.AsyncClient, fields: Mapping[str, str], *, auth: httpx.Auth | None = None
    ) -> tuple[httpx.Response, bytes]:
        """The answer and its body; empty where it is larger than any token's, of which nothing more is read."""
        # Not packed: a kilobyte could become a gigabyte in memory before its first byte is looked at.
        headers = {"Accept-Encoding": "identity"}
        async with client.stream("POST", self._options.token_url, data=fields, headers=headers, auth=auth) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    return response, b""
        return response, bytes(body)

    def _take(self, response: httpx.Response, body: bytes) -> None:
        if not response.is_success:
            raise TokenError(f"the token server answered {response.status_code} {response.reason_phrase}".rstrip())
        try:
            said = json.loads(body)
        except ValueError:
            said = {}
        token = said.get("access_token") if isinstance(said, dict) else None
        if not isinstance(token, str) or not token:
            raise TokenError("the token server answered without an access_token")
        life_s = said.get("expires_in")
        life_s = float(life_s) if isinstance(life_s, (int, float)) and life_s > 0 else LIFE_S
        self._token = token
        self._ends_ns = self._clock.monotonic_ns() + round(max(life_s - EARLY_S, life_s / 2) * NS_PER_S)
