"""Calls a node's RPC; every outcome is counted, none is raised."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

import httpx

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.collect.tls import TlsContexts
from anyascope.errors import InvalidInputError
from anyascope.model.secret import SecretFile
from anyascope.wire.bitcoin.rpc import (
    INVALID_ANSWER,
    NO_CREDENTIALS,
    OK,
    TIMEOUT,
    UNAUTHORIZED,
    UNREACHABLE,
    Call,
    Refusal,
    decode_answer_as,
    decode_answers,
    encode_calls,
)

ANSWER_BYTES_MAX = 64 * 1024 * 1024  # getpeerinfo of 1000 peers is 3 MB; a broken end must not fill the memory
AT_ONCE_BYTES = 256 * 1024  # decoded in 2 ms; more is decoded beside the event loop
BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0)  # 0.2: what a call may cost a node

T = TypeVar("T")
Decoder: TypeAlias = Callable[[int, bytes], list[Any]]
"""What each call of a request brought, or its refusal, from status and body."""


@dataclass(slots=True)
class Latency:
    """How long the calls of one method took; `counts` by bucket, not yet added up, the last beyond all."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    sum_s: float = 0.0

    def observe(self, seconds: float, calls: int) -> None:
        """Note calls that took this long each."""
        at = next((at for at, bound in enumerate(BUCKETS_S) if seconds <= bound), len(BUCKETS_S))
        self.counts[at] += calls
        self.sum_s += seconds * calls


@dataclass(slots=True)
class RpcCounts:
    """The calls of one node, however many clients make them: by method and outcome, and how long they took."""

    outcomes: dict[tuple[str, str], int] = field(default_factory=dict)
    latencies: dict[str, Latency] = field(default_factory=dict)

    def note(
        self, method: str, answers: Sequence[Any | Refusal], seconds: float, *, fine: Collection[str] = ()
    ) -> None:
        """Note the answers of one request, which took this long; refusals of `fine` are as good as an answer."""
        self.latencies.setdefault(method, Latency()).observe(seconds / len(answers), len(answers))
        for answer in answers:
            is_refused = isinstance(answer, Refusal) and answer.code not in fine
            key = (method, answer.code if is_refused else OK)
            self.outcomes[key] = self.outcomes.get(key, 0) + 1


@dataclass(slots=True)
class _Session:
    """Connections and credentials, shared by the clients of a node and of its wallets."""

    http: httpx.AsyncClient | None = None
    auth: tuple[str, str] | None = None


class RpcClient:
    """One node's RPC, over connections that are kept.

    The cookie is read when it is needed first, and again when the node refuses it: a node writes a new one at each start.

    Args:
        counts: where the calls are counted; of its own where None.
        transport: how requests travel; another one in tests.
    """

    def __init__(
        self,
        options: BitcoinNodeOptions,
        *,
        clock: Clock,
        counts: RpcCounts | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._options = options
        self._url = options.url
        self._clock = clock
        self._transport = transport
        self._tls = TlsContexts(options.tls)
        self._session = _Session()
        self.counts = counts or RpcCounts()

    def for_wallet(self, name: str) -> RpcClient:
        """The same node's RPC for one of its wallets; `""` is the wallet without a name.

        It shares connections, credentials and counts with this client, and is closed with it.
        """
        client = RpcClient(self._options, clock=self._clock, counts=self.counts, transport=self._transport)
        client._url = f"{self._options.url}/wallet/{quote(name, safe='')}"
        client._tls, client._session = self._tls, self._session
        return client

    async def call(self, method: str, *params: Any) -> Any | Refusal:
        """What one call brought."""
        return (await self._ask([Call(method, params)]))[0]

    async def call_as(self, shape: type[T], method: str, *params: Any) -> T | Refusal:
        """What one call brought, in this shape: for large answers."""
        answers = await self._ask([Call(method, params)], lambda status, body: [decode_answer_as(shape, status, body)])
        found: T | Refusal = answers[0]
        return found

    async def call_each(
        self, method: str, params: Sequence[tuple[Any, ...]], *, fine: Collection[str] = ()
    ) -> list[Any | Refusal]:
        """What calls of one method brought, in their order, by one request.

        Args:
            fine: codes of refusals that answer the question, such as whether there is a thing; not counted as errors.
        """
        return await self._ask([Call(method, each) for each in params], fine=fine) if params else []

    async def close(self) -> None:
        """Close the connections."""
        http, self._session.http = self._session.http, None
        if http is not None:
            await http.aclose()

    async def _ask(
        self, calls: Sequence[Call], decode: Decoder | None = None, *, fine: Collection[str] = ()
    ) -> list[Any | Refusal]:
        started_ns = self._clock.monotonic_ns()
        answers = await self._try(calls, decode or (lambda status, body: decode_answers(len(calls), status, body)))
        seconds = (self._clock.monotonic_ns() - started_ns) / NS_PER_S
        self.counts.note(calls[0].method, answers, seconds, fine=fine)
        return answers

    async def _try(self, calls: Sequence[Call], decode: Decoder) -> list[Any | Refusal]:
        """Ask, and once more where the node started again meanwhile: other credentials, or a kept connection that ended."""
        try:
            before = self._session.auth = self._session.auth or await self._credentials()
            answers = await self._send(calls, decode)
            if isinstance(answers[0], Refusal) and answers[0].code == UNAUTHORIZED:
                self._session.auth = await self._credentials()
                if self._session.auth != before:
                    return await self._send(calls, decode)
        except httpx.RemoteProtocolError:
            return await self._last_try(calls, decode)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            return [_refusal(error, self._options.timeout_s)] * len(calls)
        except InvalidInputError as error:
            return [Refusal(NO_CREDENTIALS, str(error))] * len(calls)
        return answers

    async def _last_try(self, calls: Sequence[Call], decode: Decoder) -> list[Any | Refusal]:
        try:
            return await self._send(calls, decode)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            return [_refusal(error, self._options.timeout_s)] * len(calls)

    async def _send(self, calls: Sequence[Call], decode: Decoder) -> list[Any | Refusal]:
        if self._session.http is None:
            # A kept connection outlives a round; no proxy of the environment, which is for the outside.
            self._session.http = httpx.AsyncClient(
                verify=await self._tls.context() if self._options.url.startswith("https") else True,
                timeout=self._options.timeout_s,
                trust_env=False,
                transport=self._transport,
            )
        name = self._options.tls.server_name
        request = self._session.http.build_request(
            "POST", self._url, content=encode_calls(calls), extensions={"sni_hostname": name} if name else {}
        )
        request.headers["content-type"] = "application/json"
        body = bytearray()
        async with asyncio.timeout(self._options.timeout_s):
            answer = await self._session.http.send(request, auth=self._session.auth, stream=True)
            try:
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > ANSWER_BYTES_MAX:
                        return [Refusal(INVALID_ANSWER, f"more than {ANSWER_BYTES_MAX} bytes")] * len(calls)
            finally:
                await answer.aclose()
        if len(body) > AT_ONCE_BYTES:
            return await asyncio.to_thread(decode, answer.status_code, bytes(body))
        return decode(answer.status_code, bytes(body))

    async def _credentials(self) -> tuple[str, str]:
        """User and password as they are now.

        Raises:
            InvalidInputError: the file that holds them cannot be read.
        """
        options = self._options
        if options.cookie_file is None:
            secret = options.password
            assert secret is not None
            return options.username, await asyncio.to_thread(secret.reveal)
        cookie = await asyncio.to_thread(SecretFile(str(options.cookie_file)).reveal)
        user, colon, password = cookie.partition(":")
        if not colon:
            raise InvalidInputError(f"cookie file {options.cookie_file} holds no user:password")
        return user, password


def _refusal(error: Exception, timeout_s: float) -> Refusal:
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        return Refusal(TIMEOUT, f"no answer within {timeout_s:g} s")
    if isinstance(error, httpx.RemoteProtocolError):
        return Refusal(INVALID_ANSWER, f"the answer broke off: {error}")
    return Refusal(UNREACHABLE, str(error) or type(error).__name__)
