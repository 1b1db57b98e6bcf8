"""Where operations record what they measured: the metrics of the process as they are at that time."""

from __future__ import annotations

from anyascope.sdk.metrics import BitcoinMetricsCollector, HsmMetricsCollector, SystemMetricsCollector

bitcoin = BitcoinMetricsCollector()
hsm = HsmMetricsCollector()
system = SystemMetricsCollector()
