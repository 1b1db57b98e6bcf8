"""Calls a node's RPC; every outcome is counted, none is raised."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.apart import Apart
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.collect.tls import TlsContexts
from anyascope.errors import InvalidInputError
from anyascope.model.secret import Secret, SecretFile
from anyascope.wire.bitcoin.rpc import (
    INVALID_ANSWER,
    NO_CREDENTIALS,
    OK,
    TIMEOUT,
    TLS_FAILED,
    UNAUTHORIZED,
    UNREACHABLE,
    Call,
    Refusal,
    decode_answer_as,
    decode_answers,
    encode_calls,
)
from anyascope.wire.tls import default_context

ANSWER_BYTES_MAX = 64 * 1024 * 1024  # a wallet's 100,000 coins; a broken end must not fill the memory
NODE_ANSWER_BYTES_MAX = (
    8 * 1024 * 1024
)  # getpeerinfo of 1000 peers is 3 MB; what is decoded holds all else up for 80 ms
AT_ONCE_BYTES = 256 * 1024  # decoded in 2 ms; more is decoded beside the event loop
CAUSES_MAX = 10  # of one error: its library wraps it four times
BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0)  # 0.2: what a call may cost a node

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Decoder:
    """How an answer is read: `answers` gives what each call of a request brought, or its refusal, from status and body."""

    answers: Callable[[int, bytes], list[Any]]
    is_large: bool = False


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
    """Connections and credentials, shared by the clients of a node and of its wallets.

    The cookie lies where the node has its blocks, which may be a network mount.
    """

    files: Apart
    http: httpx.AsyncClient | None = None
    context: ssl.SSLContext | None = None
    auth: tuple[str, str] | None = None


class RpcClient:
    """One node's RPC, over connections that are kept.

    The cookie is read when it is needed first, and again when the node refuses it: a node writes a new one at each start.

    Args:
        counts: where the calls are counted; of its own where None.
        answer_bytes_max: of an answer of `call` and `call_each`; a larger one is a refusal.
        transport: how requests travel; another one in tests.
    """

    def __init__(
        self,
        options: BitcoinNodeOptions,
        *,
        clock: Clock,
        counts: RpcCounts | None = None,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._options = options
        self._answer_bytes_max = answer_bytes_max
        self._url = options.url
        self._clock = clock
        self._transport = transport
        self._tls = TlsContexts(options.tls)
        self._session = _Session(Apart(f"credentials-{options.name}"))
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
        """What one call brought, in this shape: for large answers, up to `ANSWER_BYTES_MAX`."""
        decode = Decoder(lambda status, body: [decode_answer_as(shape, status, body)], is_large=True)
        answers = await self._ask([Call(method, params)], decode)
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
        answers = await self._try(
            calls, decode or Decoder(lambda status, body: decode_answers(len(calls), status, body))
        )
        seconds = (self._clock.monotonic_ns() - started_ns) / NS_PER_S
        self.counts.note(calls[0].method, answers, seconds, fine=fine)
        return answers

    async def _try(self, calls: Sequence[Call], decode: Decoder) -> list[Any | Refusal]:
        """Ask; and once more where the node started again meanwhile, and has other credentials."""
        try:
            before = self._session.auth = self._session.auth or await self._credentials()
            answers = await self._send(calls, decode)
            if not (isinstance(answers[0], Refusal) and answers[0].code == UNAUTHORIZED):
                return answers
            self._session.auth = await self._credentials()
        except InvalidInputError as error:
            return [Refusal(NO_CREDENTIALS, str(error))] * len(calls)
        return answers if self._session.auth == before else await self._send(calls, decode)

    async def _send(self, calls: Sequence[Call], decode: Decoder) -> list[Any | Refusal]:
        """Send, and once more where a kept connection ended before any answer: every call here only reads."""
        for is_last in (False, True):
            try:
                return await self._exchange(calls, decode)
            except (httpx.HTTPError, TimeoutError, OSError, _TlsFileError) as error:
                has_ended = isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError))
                if is_last or not has_ended:
                    return [_refusal(error, self._options.timeout_s)] * len(calls)
        raise AssertionError("the last try returns")

    async def _exchange(self, calls: Sequence[Call], decode: Decoder) -> list[Any | Refusal]:
        http = await self._connected()
        name = self._options.tls.server_name
        request = http.build_request(
            "POST", self._url, content=encode_calls(calls), extensions={"sni_hostname": name} if name else {}
        )
        request.headers["content-type"] = "application/json"
        async with asyncio.timeout(self._options.timeout_s):
            answer = await http.send(request, auth=self._session.auth, stream=True)
            try:
                body = await self._body(answer, ANSWER_BYTES_MAX if decode.is_large else self._answer_bytes_max)
            finally:
                await answer.aclose()
        if isinstance(body, Refusal):
            return [body] * len(calls)
        if len(body) > AT_ONCE_BYTES:
            return await asyncio.to_thread(decode.answers, answer.status_code, body)
        return decode.answers(answer.status_code, body)

    async def _connected(self) -> httpx.AsyncClient:
        """The connections that are kept; other ones where a file of `tls` changed."""
        try:
            context = await self._tls.context() if self._url.startswith("https") else default_context()
        except InvalidInputError as error:
            raise _TlsFileError(str(error)) from error
        session = self._session
        if session.http is None or session.context is not context:
            await self.close()
            # No proxy of the environment, which is for the outside.
            session.http = httpx.AsyncClient(
                verify=context, timeout=self._options.timeout_s, trust_env=False, transport=self._transport
            )
            session.context = context
        return session.http

    async def _body(self, answer: httpx.Response, bytes_max: int) -> bytes | Refusal:
        body = bytearray()
        try:
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > bytes_max:
                    return Refusal(INVALID_ANSWER, f"more than {bytes_max} bytes")
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.DecodingError) as error:
            return Refusal(INVALID_ANSWER, f"the answer broke off after {len(body)} bytes: {_cause(error)}")
        return bytes(body)

    async def _credentials(self) -> tuple[str, str]:
        """User and password as they are now.

        Raises:
            InvalidInputError: the file that holds them cannot be read.
        """
        options = self._options
        if options.cookie_file is None:
            assert options.password is not None
            return options.username, await self._reveal(options.password)
        user, colon, password = (await self._reveal(SecretFile(str(options.cookie_file)))).partition(":")
        if not colon:
            raise InvalidInputError(f"cookie file {options.cookie_file} holds no user:password")
        return user, password

    async def _reveal(self, secret: Secret) -> str:
        timeout_s = self._options.timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                return await self._session.files.run(secret.reveal)
        except TimeoutError as error:
            file = f"secret file {secret.path}" if isinstance(secret, SecretFile) else "the password"
            raise InvalidInputError(f"{file} gave no answer within {timeout_s:g} s: see its disk, or mount") from error


class _TlsFileError(Exception):
    """A file of `tls` cannot be used."""


def _refusal(error: Exception, timeout_s: float) -> Refusal:
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        return Refusal(TIMEOUT, f"no answer within {timeout_s:g} s")
    if isinstance(error, _TlsFileError):
        return Refusal(TLS_FAILED, str(error))
    if any(isinstance(each, ssl.SSLError) for each in _causes(error)):
        return Refusal(TLS_FAILED, _cause(error))
    if isinstance(error, httpx.RemoteProtocolError):
        return Refusal(INVALID_ANSWER, f"no HTTP answer: {error}")
    return Refusal(UNREACHABLE, _cause(error))


def _cause(error: Exception) -> str:
    """What lies behind an error of the library: the system's own word where there is one."""
    causes = list(_causes(error))
    for each in reversed(causes):
        if isinstance(each, (ssl.SSLError, socket.gaierror)) and each.strerror:
            return each.strerror  # numbers of their own
        if isinstance(each, OSError) and each.errno:
            return os.strerror(each.errno)
    return str(error) or type(causes[-1]).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what led to it; of several tries the first."""
    known: BaseException | None = error
    for _ in range(CAUSES_MAX):
        if known is None:
            return
        yield known
        known = known.exceptions[0] if isinstance(known, BaseExceptionGroup) else known.__cause__ or known.__context__
