"""The receiving half of the server over a store: admission, redaction, group commit, and the protocols."""

from __future__ import annotations

from typing import Protocol

from prometheus_client import CollectorRegistry

from anyascope.clock import Clock
from anyascope.ids import RandomIds
from anyascope.ingest.ingest import Ingest
from anyascope.ingest.options import IngestOptions
from anyascope.receive.options import ReceiveOptions
from anyascope.receive.registry import Receive
from anyascope.store.api.logs import LogWriter
from anyascope.store.api.metrics import MetricWriter
from anyascope.store.api.spans import SpanWriter


class Store(Protocol):
    @property
    def metrics(self) -> MetricWriter: ...
    @property
    def logs(self) -> LogWriter: ...
    @property
    def spans(self) -> SpanWriter: ...


async def start_receiving(store: Store, *, clock: Clock, registry: CollectorRegistry) -> tuple[Ingest, Receive]:
    """A started intake, and the receivers in front of it; `drain` the intake at the end."""
    ingest = Ingest(
        store.metrics,
        store.logs,
        store.spans,
        options=IngestOptions(),
        clock=clock,
        ids=RandomIds(clock),
        registry=registry,
    )
    await ingest.start()
    return ingest, Receive(ingest, options=ReceiveOptions(), clock=clock, registry=registry)
