"""OTLP bodies by gRPC, as the bytes that they are: what waited on disk needs not be decoded to be sent."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]  # has no stubs of its own
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # has no stubs

from anyascope.sdk.delivery.answer import Answer, Verdict
from anyascope.sdk.delivery.http import DETAIL_CHARS_MAX, USER_AGENT, rejected_items
from anyascope.sdk.delivery.target import Target

_SERVICES = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "audit": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
# OTLP/gRPC, "Failures": these may be tried again; RESOURCE_EXHAUSTED only with a time, but a receiver that says it without one
# means the same.
_LATER = frozenset(("CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "DATA_LOSS", "RESOURCE_EXHAUSTED"))
_ODD = frozenset(("INTERNAL", "UNKNOWN"))

_abandoned: list[
    Any
] = []  # channels of a parent process: closing one in the child would wait for threads that it lacks


class GrpcSender:
    """Keeps one channel to one address; used by one thread.

    gRPC's own library does not survive a fork while a channel is in use: a service that forks after it has begun to send
    (gunicorn with preload) is better served by HTTP.
    """

    def __init__(self, target: Target, *, signal: str) -> None:
        self._target = target
        self._method = _SERVICES[signal]
        self._channel: Any = None

    def after_fork(self) -> None:
        if self._channel is not None:
            _abandoned.append(self._channel)
            self._channel = None

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def send(self, data: bytes) -> Answer:
        try:
            call = self._open().unary_unary(self._method)
            body = call(
                data,
                timeout=2 * self._target.attempt_s,
                metadata=[(name.lower(), value) for name, value in self._target.headers.items()],
                compression=grpc.Compression.Gzip if self._target.is_compressed else None,
            )
        except grpc.RpcError as error:
            return _failure(error)
        except (OSError, ValueError) as error:
            return Answer(Verdict.UNREACHABLE, f"{type(error).__name__}: {error}"[:DETAIL_CHARS_MAX])
        return Answer(Verdict.TAKEN, rejected=rejected_items(body))

    def _open(self) -> Any:
        if self._channel is None:
            target = self._target
            options = [("grpc.primary_user_agent", USER_AGENT)]
            address = urlsplit(target.url).netloc if "://" in target.url else target.url
            if target.url.startswith("https://"):
                credentials = grpc.ssl_channel_credentials(
                    _read(target.ca_file), _read(target.key_file), _read(target.cert_file)
                )
                self._channel = grpc.secure_channel(address, credentials, options=options)
            else:
                self._channel = grpc.insecure_channel(address, options=options)
        return self._channel


def _read(path: str) -> bytes | None:
    if not path:
        return None
    with open(path, "rb") as file:  # noqa: PTH123  # a name from the options, as gRPC's own exporter reads it
        return file.read()


def _failure(error: Any) -> Answer:
    """What a gRPC status means for the next attempt."""
    name = error.code().name
    detail = f"{name} {error.details() or ''}"[:DETAIL_CHARS_MAX].strip()
    if name == "UNAVAILABLE":
        retry_after_s = _retry_delay_s(error)
        return Answer(Verdict.LATER if retry_after_s else Verdict.UNREACHABLE, detail, retry_after_s=retry_after_s)
    if name in _LATER:
        return Answer(Verdict.LATER, detail, retry_after_s=_retry_delay_s(error))
    return Answer(Verdict.LATER, detail, is_odd=True) if name in _ODD else Answer(Verdict.REFUSED, detail)


def _retry_delay_s(error: Any) -> float:
    """The wait of a `google.rpc.RetryInfo` among the status's details; 0 without one.

    Source: OTLP specification, "OTLP/gRPC Throttling".
    """
    packed = next((value for key, value in error.trailing_metadata() or () if key == "grpc-status-details-bin"), None)
    if not packed:
        return 0.0
    for detail in status_pb2.Status.FromString(packed).details:
        wait = error_details_pb2.RetryInfo()
        if detail.Unpack(wait):
            return float(wait.retry_delay.ToTimedelta().total_seconds())
    return 0.0
