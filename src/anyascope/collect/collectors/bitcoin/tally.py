"""What was counted of a node since watching it began, as points."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

from anyascope.clock import NS_PER_S
from anyascope.collect.collectors.bitcoin.branches import Change
from anyascope.collect.collectors.bitcoin.client import BUCKETS_S, RpcCounts
from anyascope.collect.collectors.bitcoin.sheet import Sheet
from anyascope.model.bitcoin import SeenReorg


class NodeTally:
    """Counters of one node."""

    def __init__(self) -> None:
        self.warnings = 0
        self.unannounced = 0
        self.entered = 0
        self.left = 0
        self.looked_s = 0.0
        self._connected = 0
        self._disconnected = 0
        self._reorgs = 0
        self._last: Change | None = None
        self._last_s = 0.0
        self._faults: dict[str, int] = {}

    def note(self, change: Change, *, now_ns: int) -> None:
        """Blocks came or went."""
        self._connected += len(change.come)
        self._disconnected += change.depth
        if change.depth:
            self._reorgs += 1
            self._last, self._last_s = change, now_ns / NS_PER_S

    @property
    def last_reorg(self) -> SeenReorg | None:
        """The last reorg; None where there was none."""
        if self._last is None:
            return None
        return SeenReorg(self._last.depth, self._last.fork_height, round(self._last_s * NS_PER_S))

    def passed(self, _: str, is_added: bool) -> None:  # noqa: FBT001  # as the feed tells it
        """A transaction entered the mempool, or left it without a block."""
        if is_added:
            self.entered += 1
        else:
            self.left += 1

    def fault(self, code: str) -> None:
        """A call of a round was refused."""
        self._faults[code] = self._faults.get(code, 0) + 1

    def tell(self, sheet: Sheet) -> None:
        """Everything but the calls."""
        text = "Rounds in which the node showed a network or blockchain warning."
        sheet.counter("bitcoin_warnings_total", text, self.warnings)
        for code, count in self._faults.items():
            text = "Number of errors encountered by the exporter."
            sheet.counter("bitcoin_exporter_errors_total", text, count, ("type", code))
        text = "Time spent processing metrics from bitcoin node."
        sheet.counter("bitcoin_exporter_process_time_total", text, self.looked_s)
        sheet.counter("anya_bitcoin_blocks_connected_total", "Blocks that joined the best chain.", self._connected)
        sheet.counter("anya_bitcoin_blocks_disconnected_total", "Blocks that left the best chain.", self._disconnected)
        sheet.counter("anya_bitcoin_reorgs_total", "Times that blocks left the best chain.", self._reorgs)
        text = "Tips that polling found while no ZMQ message said so."
        sheet.counter("anya_bitcoin_tips_unannounced_total", text, self.unannounced)
        if self._last is not None:
            sheet.gauge("anya_bitcoin_reorg_depth_blocks", "Blocks that the last reorg threw out.", self._last.depth)
            text = "The last common block of the last reorg."
            sheet.gauge("anya_bitcoin_reorg_fork_height", text, self._last.fork_height)
            sheet.gauge("anya_bitcoin_reorg_timestamp_seconds", "When the last reorg was seen.", self._last_s)

    def tell_rpc(self, sheet: Sheet, counts: RpcCounts) -> None:
        """The calls by method: how they ended, how long they took."""
        for (method, code), count in counts.outcomes.items():
            text = "RPC calls by method and outcome."
            sheet.counter("anya_bitcoin_rpc_calls_total", text, count, ("method", method), ("code", code))
        name, text = "anya_bitcoin_rpc_duration_seconds", "How long RPC calls took; those of one batch share its time."
        for method, latency in counts.latencies.items():
            label = ("method", method)
            bounds = (*(f"{bound:g}" for bound in BUCKETS_S), "+Inf")
            added_up = list(accumulate(latency.counts))
            for bound, count in zip(bounds, added_up, strict=True):
                sheet.bucket(name, text, "_bucket", count, label, ("le", bound))
            sheet.bucket(name, text, "_sum", latency.sum_s, label)
            sheet.bucket(name, text, "_count", added_up[-1], label)


def tell_log(sheet: Sheet, *, lines: Mapping[str, int], events: Mapping[str, int], late_s: float | None) -> None:
    """What was counted in the node's log, where it is followed; `late_s` is how long a read of it has had no answer."""
    if late_s is not None:
        text = "How long a read of the node's debug.log has had no answer, once that is over 5 s; else 0."
        sheet.gauge("anya_bitcoin_log_read_late_seconds", text, late_s)
    for level, count in lines.items():
        text = "Lines of the node's debug.log that are warnings or errors, written since the server's start."
        sheet.counter("anya_bitcoin_log_lines_total", text, count, ("level", level))
    for event, count in events.items():
        text = "What the node's debug.log told of, by kind, since the server's start."
        sheet.counter("anya_bitcoin_log_events_total", text, count, ("event", event))
