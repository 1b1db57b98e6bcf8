"""A far end: where one signal's bodies go, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit

ATTEMPT_S = 5.0  # for each of connecting, sending and answering; a black hole holds the courier, never the host


class Format(Enum):
    """What a body is; part of a spool's names, so that one is never sent as another."""

    OTLP = "otlp"  # OTLP protobuf: bodies of one signal may be joined by laying one behind the other
    JAEGER = "jaeger"  # Thrift binary
    JSON = "json"

    @property
    def content_type(self) -> str:
        """As HTTP calls it."""
        return _CONTENT_TYPES[self]


_CONTENT_TYPES = {
    Format.OTLP: "application/x-protobuf",
    Format.JAEGER: "application/vnd.apache.thrift.binary",
    Format.JSON: "application/json",
}


class Transport(Enum):
    """How a body travels."""

    HTTP = "http"
    GRPC = "grpc"


@dataclass(frozen=True, slots=True)
class Target:
    """Where bodies go.

    Attributes:
        url: the whole address for this signal, such as `http://127.0.0.1:4318/v1/traces`; for gRPC `http://host:4317` or
            `host:4317`.
        headers: sent with each body; never shown, since tokens stand here.
        format: what the bodies are.
        transport: HTTP POST, or OTLP's gRPC service of the signal.
        ca_file: authorities beside the system's own; "" for none.
        cert_file, key_file: the client's certificate, for far ends that want one.
        is_verified: whether a TLS far end must prove who it is.
        is_compressed: whether bodies travel gzipped.
        attempt_s: bound of each of connecting, sending and answering, above 0.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    format: Format = Format.OTLP
    transport: Transport = Transport.HTTP
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    is_verified: bool = True
    is_compressed: bool = False
    attempt_s: float = ATTEMPT_S

    @property
    def far_end(self) -> str:
        """Scheme, host and port: what is down when it is down; without user and password."""
        parts = urlsplit(self.url if "://" in self.url else f"//{self.url}")
        return f"{parts.scheme or self.transport.value}://{parts.netloc.rpartition('@')[2]}"
