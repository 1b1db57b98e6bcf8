"""Counts requests by protocol, signal and outcome."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

DECODE_SECONDS_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class ReceiveTally:
    """The counters of `receive`."""

    def __init__(self, *, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "anyascope_receive_requests",
            "Requests of receivers, by outcome (`ok`, or the code of the error).",
            ["protocol", "signal", "outcome"],
            registry=registry,
        )
        self._bytes = Counter(
            "anyascope_receive_bytes", "Bytes of bodies as received.", ["protocol", "signal"], registry=registry
        )
        self._refused = Counter(
            "anyascope_receive_refused_rows",
            "Data points refused while they were decoded.",
            ["protocol", "signal"],
            registry=registry,
        )
        self._decode_seconds = Histogram(
            "anyascope_receive_decode_seconds",
            "Time to decompress and decode one body.",
            ["signal"],
            buckets=DECODE_SECONDS_BUCKETS,
            registry=registry,
        )
        self._inflight = Gauge(
            "anyascope_receive_inflight_bytes", "Bytes of bodies being read or decoded.", registry=registry
        )

    def request(self, protocol: str, signal: str, *, outcome: str, size_bytes: int) -> None:
        """A request was answered."""
        self._requests.labels(protocol, signal, outcome).inc()
        self._bytes.labels(protocol, signal).inc(size_bytes)

    def refused(self, protocol: str, signal: str, rows: int) -> None:
        """Data points of a body could not be used."""
        self._refused.labels(protocol, signal).inc(rows)

    def decoded(self, signal: str, seconds: float) -> None:
        """A body was decoded."""
        self._decode_seconds.labels(signal).observe(seconds)

    def inflight(self, size_bytes: int) -> None:
        """How many bytes are being worked on now."""
        self._inflight.set(size_bytes)
