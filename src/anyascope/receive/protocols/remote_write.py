"""Prometheus' remote write, 1.0 and 2.0: `POST /api/v1/write`.

Source: Prometheus Remote-Write 1.0 and 2.0 specifications.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from enum import Enum

import structlog
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from anyascope.clock import NS_PER_S
from anyascope.errors import (
    AnyascopeError,
    InvalidInputError,
    OverloadedError,
    TooLargeError,
    UnavailableError,
    UnsupportedError,
)
from anyascope.ports import Admission
from anyascope.receive.base import ReceiveContext
from anyascope.receive.bodies import SlowBodyError, read_body
from anyascope.wire.compression import decompress
from anyascope.wire.prompb.decoded import Decoded, SeriesBook
from anyascope.wire.prompb.write_v1 import WriteV1Decoder
from anyascope.wire.prompb.write_v2 import WriteV2Decoder

NAME = "remote_write"
PATH = "/api/v1/write"
SIGNAL = "metrics"
MEDIA_TYPE = "application/x-protobuf"


class Message(Enum):
    """Which message a body holds; the values are the `proto` parameter of the content type."""

    V1 = "prometheus.WriteRequest"
    V2 = "io.prometheus.write.v2.Request"


log = structlog.get_logger("anyascope.receive")


class RemoteWrite:
    """The route of remote write."""

    def __init__(self, context: ReceiveContext) -> None:
        self._context = context
        book = SeriesBook()
        self._decode = {Message.V1: WriteV1Decoder(book).decode, Message.V2: WriteV2Decoder(book).decode}

    def routes(self) -> list[BaseRoute]:
        """The one route."""
        return [Route(PATH, self._write, methods=["POST"], name=NAME)]

    async def _write(self, http: HttpRequest) -> Response:
        context = self._context
        size_bytes, admission = 0, Admission(0)
        message = Message.V1
        try:
            message = _message_of(http)
            compression = _compression_of(http)
            data = await read_body(http, context.inflight, context.options)
            size_bytes = len(data)
            try:
                decoded = await self._decoded(data, message, compression)
                if decoded.refused:
                    context.tally.refused(NAME, SIGNAL, decoded.refused.total())
                admission = await context.intake.metrics(decoded.batch, source=NAME)
            finally:
                context.inflight.remove(size_bytes)
        except AnyascopeError as error:
            context.tally.request(NAME, SIGNAL, outcome=error.code, size_bytes=size_bytes)
            return _failed(error, _written(admission, message))
        except Exception:
            log.exception("request_failed", protocol=NAME, signal=SIGNAL)
            context.tally.request(NAME, SIGNAL, outcome="internal", size_bytes=size_bytes)
            return _failed(AnyascopeError("the server failed; its log says how"), _written(admission, message))
        reasons = (*decoded.reasons(), *admission.reasons)
        context.tally.request(NAME, SIGNAL, outcome="partial" if reasons else "ok", size_bytes=size_bytes)
        headers = _written(admission, message)
        if reasons:
            # What could be kept is stored; 400 tells the sender not to send the rest again.
            return PlainTextResponse("; ".join(reasons) + "\n", 400, headers=headers)
        return Response(status_code=204, headers=headers)

    async def _decoded(self, data: bytes, message: Message, compression: str) -> Decoded:
        context = self._context
        began_ns = context.clock.monotonic_ns()

        def work() -> Decoded:
            plain = decompress(data, compression, output_bytes_max=context.options.decoded_bytes_max)
            return self._decode[message](plain)

        result = work() if len(data) < context.options.thread_bytes_min else await asyncio.to_thread(work)
        context.tally.decoded(SIGNAL, (context.clock.monotonic_ns() - began_ns) / NS_PER_S)
        return result


def _message_of(http: HttpRequest) -> Message:
    """The message that the content type names; remote write 1.0 where it names none."""
    header = http.headers.get("content-type", "")
    media_type, *parameters = (part.strip() for part in header.split(";"))
    if media_type.lower() not in ("", MEDIA_TYPE):
        raise UnsupportedError(f"content type {header!r} is not supported, use {MEDIA_TYPE}")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "proto":
            try:
                return Message(value.strip().strip('"'))
            except ValueError as error:
                known = ", ".join(message.value for message in Message)
                raise UnsupportedError(f"the message {value!r} is not supported, use one of {known}") from error
    return Message.V1


def _compression_of(http: HttpRequest) -> str:
    encoding = http.headers.get("content-encoding", "snappy").strip().lower()
    if encoding != "snappy":
        raise UnsupportedError(f"content encoding {encoding!r} is not supported, remote write uses snappy")
    return encoding


def _written(admission: Admission, message: Message) -> dict[str, str]:
    """How much was stored: senders of 2.0 take an answer without it for a failure."""
    if message is Message.V1:
        return {}
    prefix = "X-Prometheus-Remote-Write"
    return {
        f"{prefix}-Samples-Written": str(admission.accepted - admission.histograms),
        f"{prefix}-Histograms-Written": str(admission.histograms),
        f"{prefix}-Exemplars-Written": str(admission.exemplars),
    }


def _failed(error: AnyascopeError, written: Mapping[str, str]) -> Response:
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    headers = dict(written)
    if isinstance(error, UnavailableError):
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s)))
    if status in (408, 413):
        # The rest of the body may still be on its way: nobody will read it.
        headers["connection"] = "close"
    return PlainTextResponse(f"{error}\n", status, headers=headers)


# The narrower error before the wider one.
_STATUSES: tuple[tuple[type[AnyascopeError], int], ...] = (
    (TooLargeError, 413),
    (SlowBodyError, 408),
    (InvalidInputError, 400),
    (UnsupportedError, 415),
    (OverloadedError, 429),
    (UnavailableError, 503),
)
