"""Requests to a node's JSON-RPC, and its answers.

Bitcoin Core answers a refused call with an HTTP status of its own (404, 500) and a JSON body, and a request it does not even
look at with a status and no JSON: 401 (credentials), 403 (address not allowed), 503 (work queue full; 500 until version 22). A proxy
in front answers with statuses of its own.

Source: Bitcoin Core `doc/JSON-RPC-interface.md`, `src/httprpc.cpp`, `src/httpserver.cpp`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from anyascope.semconv.bitcoin_rpc import error_label
from anyascope.wire.shapes import shape_of

OK = "ok"
UNREACHABLE = "unreachable"  # no connection, or it broke
TLS_FAILED = "tls_failed"  # a connection, but no TLS on it: another certificate, or no TLS at the other end
TIMEOUT = "timeout"
NO_CREDENTIALS = "no_credentials"  # the cookie or password file cannot be read
UNAUTHORIZED = "unauthorized"
FORBIDDEN = "forbidden"
BUSY = "busy"
HTTP_ERROR = "http_error"  # another status without a JSON-RPC answer
INVALID_ANSWER = "invalid_answer"  # truncated, or not what JSON-RPC is
WARMUP = error_label(-28)
METHOD_NOT_FOUND = error_label(-32601)
WALLET_NOT_FOUND = error_label(-18)
_STATUSES = {401: UNAUTHORIZED, 403: FORBIDDEN, 503: BUSY}
_WORDS = {
    UNAUTHORIZED: "the node refuses the credentials",
    FORBIDDEN: "the node does not let this address in (rpcallowip), or this user call it (rpcwhitelist)",
    BUSY: "HTTP status 503: the node, or a proxy before it, takes no request now",
}
_QUEUE_FULL = b"work queue depth exceeded"  # any status: 503, and 500 of older ones
_QUEUE_FULL_WORDS = "the node's work queue is full (rpcworkqueue)"
_HEAD_BYTES = 200  # of a body that is no JSON: where such words would stand
HTTP_OK = 200
MESSAGE_CHARS_MAX = 300  # of what a node says about an error


@dataclass(frozen=True, slots=True)
class Call:
    """One method and its parameters."""

    method: str
    params: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that brought nothing: `code` is a word of a closed set, for labels; `message` is for people."""

    code: str
    message: str


def encode_calls(calls: Sequence[Call]) -> bytes:
    """The body of one request: a single call plain, several as a batch. Ids count from 0."""
    bodies = [
        {"jsonrpc": "1.0", "id": number, "method": call.method, "params": list(call.params)}
        for number, call in enumerate(calls)
    ]
    return json.dumps(bodies if len(bodies) > 1 else bodies[0]).encode()


def decode_answers(count: int, status: int, body: bytes) -> list[Any | Refusal]:
    """What each of `count` calls brought, in their order: the result, or a refusal.

    Never raises: whatever is no JSON-RPC answer is the same refusal for all of them.
    """
    if status != HTTP_OK and _QUEUE_FULL in body[:_HEAD_BYTES].lower():
        return [Refusal(BUSY, _QUEUE_FULL_WORDS)] * count
    if status in _STATUSES:
        return [Refusal(_STATUSES[status], _WORDS[_STATUSES[status]])] * count
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):  # also a body that is no UTF-8, or nests without end
        told = None
    entries = told if count > 1 else [told]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return [_not_an_answer(status, body)] * count
    by_id = {entry.get("id"): entry for entry in entries} if count > 1 else {0: entries[0]}
    return [_answer(by_id.get(number), status, body) for number in range(count)]


T = TypeVar("T")


class _Typed(msgspec.Struct, Generic[T]):
    result: T | None = None
    error: Any = None


def decode_answer_as(shape: type[T], status: int, body: bytes) -> T | Refusal:
    """What a single call brought, in a shape that is wanted: a large answer is decoded many times as fast.

    Never raises: an answer of another shape is a refusal.
    """
    if status == HTTP_OK:
        try:
            told: _Typed[T] = shape_of(_Typed[shape]).from_json(body)  # type: ignore[valid-type]
        except msgspec.MsgspecError as error:
            return Refusal(INVALID_ANSWER, str(error)[:MESSAGE_CHARS_MAX])
        if told.error is None and told.result is not None:
            return told.result
    [found] = decode_answers(1, status, body)
    return found if isinstance(found, Refusal) else Refusal(INVALID_ANSWER, "an answer without a result")


def _answer(entry: dict[str, Any] | None, status: int, body: bytes) -> Any | Refusal:
    if entry is None or not ("result" in entry or "error" in entry):
        return _not_an_answer(status, body)
    error = entry.get("error")
    if error is None:
        return entry.get("result")
    code = error.get("code") if isinstance(error, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return Refusal(error_label(code if isinstance(code, int) else 0), str(message)[:MESSAGE_CHARS_MAX])


def _not_an_answer(status: int, body: bytes) -> Refusal:
    if 200 <= status < 300:
        return Refusal(INVALID_ANSWER, f"{len(body)} bytes that are no JSON-RPC answer")
    return Refusal(HTTP_ERROR, f"HTTP status {status}")
