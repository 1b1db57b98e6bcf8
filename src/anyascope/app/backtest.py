"""Backtests rules here, over what a server has stored: the server that pages is only read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

from prometheus_client import CollectorRegistry

from anyascope.app.logs import quiet_logs
from anyascope.client.client import Client
from anyascope.clock import SystemClock
from anyascope.promql.engine import Engine
from anyascope.promql.options import EngineOptions
from anyascope.promql.signatures import Feature
from anyascope.rules.backtest import Backtest, BacktestOptions, BacktestReport
from anyascope.rules.backtest.overlay import OverlayReader
from anyascope.rules.backtest.run import Progress
from anyascope.rules.definition import RecordingRule, RuleGroup
from anyascope.store.api.metrics import MetricReader
from anyascope.store.memory.metrics import MemoryMetrics
from anyascope.wire.prompb.read import ReadQuery, ReadSeries


class ClientHistory:
    """The samples that a server has stored."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, query: ReadQuery) -> Sequence[ReadSeries]:
        """By remote read, beside the event loop."""
        return await asyncio.to_thread(self._client.read_samples, query)


def run_backtest(
    client: Client,
    groups: Sequence[RuleGroup],
    options: BacktestOptions,
    *,
    features: frozenset[Feature] = frozenset(),
    progress: Progress = lambda *_: None,
) -> BacktestReport:
    """What these rules would have done.

    Raises:
        AnyascopeError: as `Backtest.run`.
    """
    recorded = frozenset(rule.name for group in groups for rule in group.rules if isinstance(rule, RecordingRule))
    memory = MemoryMetrics()
    reader = OverlayReader(ClientHistory(client), memory, recorded)
    # Queries read samples, and nothing else of what a `MetricReader` gives.
    engine = Engine(
        cast("MetricReader", reader),
        options=EngineOptions(features=features),
        clock=SystemClock(),
        registry=CollectorRegistry(),
    )
    try:
        with quiet_logs():
            return asyncio.run(Backtest(groups, engine, reader, memory, options, progress).run())
    finally:
        engine.close()
