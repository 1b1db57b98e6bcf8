"""Record what happened, in the words of the domain, as the metrics of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping

from anyascope.sdk.guard import guarded
from anyascope.sdk.metrics.exemplars import chosen_exemplar
from anyascope.sdk.metrics.quantities import checked_amount, checked_count, checked_number, checked_share
from anyascope.sdk.metrics.recording import count_hsm_operation, count_transaction
from anyascope.sdk.metrics.registry import AnyaMetrics, sound_metrics

ERROR = "error"

Exemplar = Mapping[str, str]


class _Collector:
    """Records into the given metrics, or into those of the process as they are at each call."""

    def __init__(self, metrics: AnyaMetrics | None = None) -> None:
        self._own = sound_metrics(metrics)

    @property
    def metrics(self) -> AnyaMetrics:
        """Where it records."""
        return self._own or AnyaMetrics.global_()


class BitcoinMetricsCollector(_Collector):
    """What happens on the chain and in our wallets.

    Args:
        metrics: None for the process's own.
    """

    @guarded(None)
    def record_transaction(  # noqa: PLR0917  # the order of the platform's own design
        self,
        operation_type: str,
        wallet_id: str,
        status: str,
        duration: float,
        amount_sats: int | None = None,
        *,
        exemplar: Exemplar | None = None,
    ) -> None:
        """Count an operation and its duration; a successful `send` lowers the wallet's balance, a `receive` raises it.

        Args:
            operation_type: `send`, `receive` or any other.
            wallet_id: one of few: beyond 1,000 different ones they are counted together, as `other`.
            status: `success`, or what else came of it.
            duration: in seconds, 0 or more.
            amount_sats: a whole number of satoshis, 0 to 21e14; a gauge's 64-bit float holds all of these exactly (< 2**53).
            exemplar: what the counter points to; by default the current trace.

        A wrong argument is reported, and the rest is recorded.
        """
        seconds = checked_number("duration", duration, least=0)
        amount = None if amount_sats is None else checked_amount("amount_sats", amount_sats)
        pointer = chosen_exemplar(exemplar)
        count_transaction(self.metrics, operation_type, wallet_id, status, seconds, amount, pointer)

    @guarded(None)
    def update_blockchain_state(self, block_height: int, mempool_size: int) -> None:
        """Set the height of the best block and the number of transactions in the memory pool."""
        metrics = self.metrics
        if (height := checked_count("block_height", block_height)) is not None:
            metrics.bitcoin_block_height.set(height)
        if (size := checked_count("mempool_size", mempool_size)) is not None:
            metrics.bitcoin_mempool_size.set(size)


class HsmMetricsCollector(_Collector):
    """What the hardware security module does.

    Args:
        metrics: None for the process's own.
    """

    @guarded(None)
    def record_operation(
        self,
        operation_type: str,
        provider: str,
        status: str,
        duration: float,
        *,
        error_type: str | None = None,
        exemplar: Exemplar | None = None,
    ) -> None:
        """Count an operation and its duration; any status but `success` counts as an error of that type too.

        Args:
            operation_type: `sign`, `generate_key`, …
            provider: `softhsm`, `yubihsm`, …
            status: `success`, or the error's type.
            duration: in seconds, 0 or more.
            error_type: of the error, where the status does not say it.
            exemplar: what the counters point to; by default the current trace.
        """
        seconds = checked_number("duration", duration, least=0)
        pointer = chosen_exemplar(exemplar)
        count_hsm_operation(self.metrics, operation_type, provider, status, seconds, error_type, pointer)

    @guarded(None)
    def update_active_keys(self, count: int) -> None:
        """Set the number of keys in use."""
        if (number := checked_count("count", count)) is not None:
            self.metrics.hsm_active_keys.set(number)


class SystemMetricsCollector(_Collector):
    """How the machine and the components are.

    Args:
        metrics: None for the process's own.
    """

    @guarded(None)
    def update_system_resources(self, memory_bytes: int, cpu_percent: float) -> None:
        """Set memory in use, in bytes, and processor time in use, in percent (above 100 with several cores)."""
        metrics = self.metrics
        if (memory := checked_count("memory_bytes", memory_bytes)) is not None:
            metrics.memory_usage_bytes.set(memory)
        if (percent := checked_number("cpu_percent", cpu_percent, least=0)) is not None:
            metrics.cpu_usage_percent.set(percent)

    @guarded(None)
    def update_component_health(self, component: str, instance: str, healthy: bool | float) -> None:  # noqa: FBT001  # the platform's own design
        """Set the health of a component's instance: True or False, or a score from 0 (down) to 1 (healthy)."""
        metrics = self.metrics
        bounded = metrics.label_guard.bounded
        score = float(healthy) if type(healthy) is bool else checked_share("healthy", healthy)
        if score is not None:
            metrics.component_health.labels(bounded("component", component), bounded("instance", instance)).set(score)

    @guarded(None)
    def update_system_health_score(self, score: float) -> None:
        """Set the health of the whole, 0 to 1; what lies outside is reported, and the nearer bound is set."""
        if (share := checked_share("score", score)) is not None:
            self.metrics.system_health_score.set(share)
