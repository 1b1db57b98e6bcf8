"""What receivers take, and how long they wait for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from anyascope.wire.otlp.translation import Translation

BODY_BYTES_MAX = 16 * 1024 * 1024  # as received; OpenTelemetry's collector takes 20 MiB over HTTP and 4 MiB over gRPC
DECODED_BYTES_MAX = 32 * 1024 * 1024  # after decompression: some 130,000 log records
BODY_SECONDS_MAX = 30.0  # for a whole body; a sender on a line of 5 Mbit/s needs 27 s for the largest
INFLIGHT_BYTES_MAX = 128 * 1024 * 1024  # bodies of all requests that are being read or decoded
THREAD_BYTES_MIN = 32 * 1024  # smaller bodies decode in under 2 ms, which the event loop bears
GRPC_CALLS_MAX = 1_000  # at once; a fleet of 10,000 agents that send every 10 s needs 1,000 only if each takes 1 s


@dataclass(frozen=True, slots=True)
class ReceiveOptions:
    """See the constants for units and reasons; `translation` is how OTLP metrics become series."""

    body_bytes_max: int = BODY_BYTES_MAX
    decoded_bytes_max: int = DECODED_BYTES_MAX
    body_seconds_max: float = BODY_SECONDS_MAX
    inflight_bytes_max: int = INFLIGHT_BYTES_MAX
    thread_bytes_min: int = THREAD_BYTES_MIN
    grpc_calls_max: int = GRPC_CALLS_MAX
    translation: Translation = field(default_factory=Translation)
