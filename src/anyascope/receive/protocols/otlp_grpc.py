"""OTLP over gRPC: the three `Export` calls.

Messages reach us as bytes, so that the decoder which HTTP uses reads them too.

Source: OpenTelemetry protocol specification, "OTLP/gRPC"; gRPC, "Richer error model" (`grpc-status-details-bin`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc  # type: ignore[import-untyped]  # grpcio has no stubs of its own
import structlog

from anyascope.errors import (
    AnyascopeError,
    ConflictError,
    InvalidInputError,
    OverloadedError,
    UnavailableError,
    UnsupportedError,
)
from anyascope.receive.base import ReceiveContext, TlsPair
from anyascope.receive.otlp import SIGNALS, OtlpBody
from anyascope.wire.otlp import answers
from anyascope.wire.otlp.messages import Encoding, Request

NAME = "otlp_grpc"
SERVICES = {
    "opentelemetry.proto.collector.logs.v1.LogsService": Request.LOGS,
    "opentelemetry.proto.collector.trace.v1.TraceService": Request.TRACES,
    "opentelemetry.proto.collector.metrics.v1.MetricsService": Request.METRICS,
}
KEEPALIVE_MS_MIN = 10_000  # how often an agent may ping; gRPC's own least is 5 minutes, and many agents ping each 10 s

_BEARER = "bearer "

log = structlog.get_logger("anyascope.receive")


class OtlpGrpc:
    """A gRPC server of its own address."""

    def __init__(self, context: ReceiveContext) -> None:
        self._context = context
        self._server: grpc.aio.Server | None = None

    async def start(self, host: str, port: int, *, tls: Callable[[], TlsPair] | None = None) -> int:
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", self._context.options.body_bytes_max),
                ("grpc.so_reuseport", 0),  # a second server must find the port taken, not share it
                ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_MS_MIN),
            ],
            maximum_concurrent_rpcs=self._context.options.grpc_calls_max,
        )
        server.add_generic_rpc_handlers([_handler(name, self._method(request)) for name, request in SERVICES.items()])
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if tls is None:
                bound = server.add_insecure_port(address)
            else:
                bound = server.add_secure_port(address, _credentials(tls))
        except RuntimeError as error:
            raise ConflictError(f"{address} is taken by another program") from error
        if not bound:
            raise ConflictError(f"{address} is taken by another program")
        await server.start()
        self._server = server
        return int(bound)

    async def stop(self, grace_s: float) -> None:
        if self._server is not None:
            await self._server.stop(grace_s)
            self._server = None

    def _method(self, request: Request) -> Callable[[bytes, Any], Awaitable[bytes]]:
        async def export(body: bytes, call: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            return await self._export(body, call, request)

        return export

    async def _export(self, body: bytes, call: grpc.aio.ServicerContext[bytes, bytes], request: Request) -> bytes:
        context, signal = self._context, SIGNALS[request]
        if not self._is_known(call):
            await _abort(call, grpc.StatusCode.UNAUTHENTICATED, "a valid bearer token is required")
        try:
            with context.inflight.held(len(body)):
                outcome = await context.otlp.take(OtlpBody(body, Encoding.PROTOBUF, NAME), request)
        except AnyascopeError as error:
            context.tally.request(NAME, signal, outcome=error.code, size_bytes=len(body))
            retry_after_s = error.retry_after_s if isinstance(error, UnavailableError) else 0.0
            await _abort(call, _code_of(error), str(error), retry_after_s=retry_after_s)
        except Exception:
            log.exception("request_failed", protocol=NAME, signal=signal)
            context.tally.request(NAME, signal, outcome="internal", size_bytes=len(body))
            await _abort(call, grpc.StatusCode.INTERNAL, "the server failed; its log says how")
        context.tally.request(NAME, signal, outcome="ok", size_bytes=len(body))
        return answers.success(request, rejected=outcome.rejected, message=outcome.message, encoding=Encoding.PROTOBUF)

    def _is_known(self, call: grpc.aio.ServicerContext[bytes, bytes]) -> bool:
        tokens = self._context.tokens
        if tokens is None:
            return True
        for key, value in call.invocation_metadata() or ():
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            if key == "authorization" and text.lower().startswith(_BEARER):
                return tokens.accepts(text[len(_BEARER) :].strip())
        return False


def _credentials(tls: Callable[[], TlsPair]) -> grpc.ServerCredentials:
    """Of the pair as it is at each handshake: certificates are exchanged while the server runs."""

    def shown() -> grpc.ServerCertificateConfiguration:
        pair = tls()
        return grpc.ssl_server_certificate_configuration([(pair.key, pair.certificate)])

    return grpc.dynamic_ssl_server_credentials(shown(), shown)


def _handler(service: str, export: Callable[[bytes, Any], Awaitable[bytes]]) -> grpc.GenericRpcHandler:
    # Without serializers a message stays the bytes that it is.
    return grpc.method_handlers_generic_handler(service, {"Export": grpc.unary_unary_rpc_method_handler(export)})


async def _abort(
    call: grpc.aio.ServicerContext[bytes, bytes], code: grpc.StatusCode, message: str, *, retry_after_s: float = 0.0
) -> None:
    number: int = code.value[0]
    details = answers.failure(number, message, encoding=Encoding.PROTOBUF, retry_after_s=retry_after_s)
    await call.abort(code, message, (("grpc-status-details-bin", details),))


def _code_of(error: AnyascopeError) -> grpc.StatusCode:
    match error:
        case InvalidInputError():
            return grpc.StatusCode.INVALID_ARGUMENT
        case UnsupportedError():
            return grpc.StatusCode.UNIMPLEMENTED
        case OverloadedError():
            return grpc.StatusCode.RESOURCE_EXHAUSTED
        case UnavailableError():
            return grpc.StatusCode.UNAVAILABLE
        case _:
            return grpc.StatusCode.INTERNAL
