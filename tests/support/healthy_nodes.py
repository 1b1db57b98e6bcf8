"""A month of two healthy Bitcoin nodes, as the collector tells it.

What a healthy month has: blocks by chance, a week in which they take half as long again, since miners left, one reorg of a block, a
mempool that is full for two days, fees that rise with it, to 300 sat/vB for some hours (April 2024 had 2,000), peers that come and go, a call that times out now and then, and one planned restart with some catching up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from support.block_times import HEIGHT, mined, received, tell_tips
from support.replay import DAY_STEPS, START_S, STEP_S, Replay, Values

REORG_STEP = 9 * DAY_STEPS + 500
REORG_STEPS = 8  # two newest blocks compete, until the next one decides
RESTART_STEP = 12 * DAY_STEPS + 180  # of the second node
DOWN_STEPS = 2
CATCH_UP_STEPS = 8  # after it: an initial download of some blocks
SETTLE_STEPS = 11
FULL_DAYS = (19.0, 21.0)  # when the mempool is full
SPIKE_DAYS = (19.5, 19.9)  # when everybody pays anything
SPIKE_SAT_PER_VB = 300.0
SLOW_DAYS = (22.0, 28.0)
DOWNTIME = slice(RESTART_STEP, RESTART_STEP + DOWN_STEPS)
POOL_MAX_BYTES = 300e6
BUCKETS_S = ("0.005", "0.05", "0.2", "0.5", "1", "2.5", "+Inf")


@dataclass
class Node:
    """What is told of one node; a figure has no samples while the node is down."""

    replay: Replay
    name: str
    is_restarted: bool
    chance: np.random.Generator

    @property
    def labels(self) -> dict[str, str]:
        return {"chain": "main", "node": self.name, "instance": f"{self.name}:8332", "job": "bitcoin"}

    @property
    def minutes_up(self) -> Values:
        """Since the restart; a month before it, and everywhere for a node that is not restarted."""
        minutes = np.arange(self.replay.steps, dtype=np.float64) + 30 * DAY_STEPS
        if self.is_restarted:
            minutes[RESTART_STEP + DOWN_STEPS :] = np.arange(self.replay.steps - RESTART_STEP - DOWN_STEPS)
        return minutes

    def add(self, name: str, values: Values | float, **labels: str) -> None:
        """A figure that stops while the node is down."""
        whole = np.array(np.broadcast_to(np.asarray(values, np.float64), (self.replay.steps,)))
        if self.is_restarted:
            whole[DOWNTIME] = np.nan
        self.replay.add(name, {**self.labels, **labels}, whole)

    def count(self, name: str, values: Values | float, **labels: str) -> None:
        """A counter of the collector: it goes on while the node is down. `values` are what each step adds."""
        self.replay.add(name, {**self.labels, **labels}, np.cumsum(np.broadcast_to(values, (self.replay.steps,))))

    def walk(self, low: float, high: float, *, step: float = 0.3) -> Values:
        """A level that wanders between two bounds."""
        found = np.cumsum(self.chance.normal(0, step, self.replay.steps)) + (low + high) / 2
        span = high - low
        return low + np.abs((found - low) % (2 * span) - span)


def tell_nodes(replay: Replay, *, seed: int) -> None:
    """Both nodes and what their host's disks have left."""
    chance = np.random.default_rng(seed)
    blocks_s = mined(chance, days=replay.steps / DAY_STEPS, slow_days=SLOW_DAYS)
    nodes = [Node(replay, "core-1", False, chance), Node(replay, "core-2", True, chance)]
    arrivals_s = [received(chance, blocks_s) for _ in nodes]
    tell_tips(replay, "main", [(node.name, each) for node, each in zip(nodes, arrivals_s, strict=True)])
    for node, each in zip(nodes, arrivals_s, strict=True):
        tip = np.searchsorted(each, replay.times_s, side="right") - 1
        _tell_state(node)
        _tell_chain(node, each, tip)
        _tell_network(node)
        _tell_mempool(node)
        _tell_rpc(node, np.diff(tip, prepend=tip[0]))
        host = {"instance": f"{node.name}:9100", "job": "node", "mountpoint": "/data", "fstype": "ext4"}
        replay.add("node_filesystem_avail_bytes", host, 400e9 - (tip - tip[0]) * 1.7e6)


def _tell_state(node: Node) -> None:
    up = np.ones(node.replay.steps)
    if node.is_restarted:
        up[DOWNTIME] = 0
    node.replay.add("up", node.labels, up)
    node.add("bitcoin_uptime", node.minutes_up * STEP_S)
    node.add("anya_bitcoin_wrong_chain", 0, found="main")
    node.add("anya_bitcoin_initial_download", node.minutes_up < CATCH_UP_STEPS)
    node.add("anya_bitcoin_settled", node.minutes_up >= SETTLE_STEPS)
    node.add("anya_bitcoin_warnings", 0)
    node.add("anya_bitcoin_node_info", 1, subversion="/Satoshi:30.2.0/")


def _tell_chain(node: Node, arrivals_s: Values, tip: Values) -> None:
    missing = np.maximum(0, 40 - 5 * node.minutes_up)  # caught up within the initial download
    height = HEIGHT + tip
    node.add("bitcoin_blocks", height - missing)
    node.add("anya_bitcoin_block_height", height - missing)
    node.add("anya_bitcoin_headers", height)
    node.add("bitcoin_verification_progress", 1 - missing / height)
    node.add("bitcoin_size_on_disk", 700e9 + (tip - tip[0]) * 1.7e6)
    node.add("anya_bitcoin_median_time_seconds", START_S + arrivals_s[tip - 5])
    node.add("anya_bitcoin_index_synced", 1, index="txindex")
    competes = np.zeros(node.replay.steps)
    competes[REORG_STEP : REORG_STEP + REORG_STEPS] = 1
    downloading = node.minutes_up < CATCH_UP_STEPS  # then nothing is told of others, and no probability
    for name, values in (
        ("anya_bitcoin_nodes_on_another_branch", competes),
        ("anya_bitcoin_branch_blocks", competes),
        ("anya_bitcoin_behind_blocks", _known(node, "anya_bitcoin_behind_blocks")),
        ("anya_bitcoin_tip_lag_seconds", _known(node, "anya_bitcoin_tip_lag_seconds")),
        ("anya_bitcoin_tip_gap_probability", _known(node, "anya_bitcoin_tip_gap_probability")),
    ):
        node.add(name, np.where(downloading, np.nan, values))
    after = np.arange(node.replay.steps) >= REORG_STEP + REORG_STEPS
    lost = after & (node.name == "core-2")  # one of the two had the block that lost
    node.count("anya_bitcoin_reorgs_total", np.diff(lost.astype(float), prepend=0.0))
    node.add("anya_bitcoin_reorg_depth_blocks", np.where(lost, 1.0, np.nan))
    node.add(
        "anya_bitcoin_reorg_timestamp_seconds", np.where(lost, START_S + (REORG_STEP + REORG_STEPS) * 60.0, np.nan)
    )
    for status, count in (("active", 1.0), ("valid-fork", 3.0), ("headers-only", 5.0), ("invalid", 1.0)):
        node.add("anya_bitcoin_chain_tips", count + (after if status == "valid-fork" else 0), status=status)


def _known(node: Node, name: str) -> Values:
    found = next(
        values
        for labels, values in node.replay.series.items()
        if ("__name__", name) in labels and ("node", node.name) in labels
    )
    return np.asarray(found)


def _tell_network(node: Node) -> None:
    outbound = np.minimum(np.floor(node.walk(8, 11, step=0.05)), 2.0 * node.minutes_up)
    inbound = np.minimum(np.floor(node.walk(20, 110)), node.minutes_up)
    node.add("bitcoin_conn_out", outbound)
    node.add("bitcoin_conn_in", inbound)
    node.add("bitcoin_peers", outbound + inbound)
    node.add("anya_bitcoin_peer_groups_outbound", np.maximum(0, outbound - 1))
    node.add("anya_bitcoin_network_active", 1)
    node.add(
        "anya_bitcoin_peer_connections", np.where(outbound < 3, np.nan, outbound - 2), network="ipv4", direction="out"
    )
    node.add("anya_bitcoin_peer_connections", np.where(inbound < 1, np.nan, inbound), network="ipv4", direction="in")
    onion = np.floor(node.walk(1, 4, step=0.05))
    node.add(
        "anya_bitcoin_peer_connections", np.where(node.minutes_up < 5, np.nan, onion), network="onion", direction="out"
    )
    node.add("anya_bitcoin_peer_ping_seconds", node.walk(0.05, 0.4, step=0.01), statistic="median")
    node.add("anya_bitcoin_banned", np.floor(node.walk(2, 8, step=0.02)))
    node.add("anya_bitcoin_time_offset_seconds", np.round(node.walk(-2, 2, step=0.05)))


def _tell_mempool(node: Node) -> None:
    day = node.replay.times_s / 86_400
    wave = 0.45 + 0.2 * np.sin(2 * np.pi * day / 7) + 0.1 * np.sin(2 * np.pi * day) + node.walk(-0.05, 0.05, step=0.003)
    is_full = (day >= FULL_DAYS[0]) & (day < FULL_DAYS[1])
    fullness = np.where(is_full, 0.98, wave)
    pressure = 1 + 20 * np.maximum(0, fullness - 0.3)
    node.add("bitcoin_mempool_usage", fullness * POOL_MAX_BYTES)
    node.add("anya_bitcoin_mempool_max_bytes", POOL_MAX_BYTES)
    node.add("anya_bitcoin_mempool_size", np.floor(fullness * 120_000))
    node.add("anya_bitcoin_fee_min_sat_per_vb", np.where(is_full, 3.2, 1.0), kind="mempool")
    node.add("anya_bitcoin_fee_min_sat_per_vb", 1.0, kind="relay")
    for target, factor in (("1", 1.6), ("3", 1.3), ("6", 1.1), ("144", 0.7)):
        spikes = node.chance.random(node.replay.steps) < 0.001
        rate = np.where(spikes, 160.0, pressure * factor * (3 if target != "144" else 1))
        is_spike = (day >= SPIKE_DAYS[0]) & (day < SPIKE_DAYS[1]) & (target != "144")
        rate = np.where(is_spike, SPIKE_SAT_PER_VB * factor, rate)
        node.add("anya_bitcoin_fee_estimate_sat_per_vb", rate, target_blocks=target)
    sent = node.chance.random(node.replay.steps) < 0.001
    node.add("bitcoin_mempool_unbroadcast", np.convolve(sent, np.ones(6), "full")[: node.replay.steps] > 0)


def _tell_rpc(node: Node, new_blocks: Values) -> None:
    steps = node.replay.steps
    answers = np.full(steps, 12.0)
    fails = (node.chance.random(steps) < 0.0005).astype(float)
    starts = np.zeros(steps)
    if node.is_restarted:
        answers[DOWNTIME] = 0
        starts[RESTART_STEP + DOWN_STEPS] = 1
    node.count("anya_bitcoin_rpc_calls_total", answers, method="getblockchaininfo", code="ok")
    node.count("anya_bitcoin_rpc_calls_total", fails, method="getpeerinfo", code="timeout")
    node.count("anya_bitcoin_rpc_calls_total", starts, method="getblockchaininfo", code="unauthorized")
    node.count("anya_bitcoin_rpc_calls_total", starts, method="getindexinfo", code="method_not_found")
    node.count("anya_bitcoin_rpc_calls_total", 4 * (answers == 0), method="getblockchaininfo", code="unreachable")
    for bound, share in zip(BUCKETS_S, (0.8, 0.95, 0.99, 0.995, 0.998, 0.999, 1), strict=True):
        node.count("anya_bitcoin_rpc_duration_seconds_bucket", answers * share, method="getblockchaininfo", le=bound)
    node.add("anya_bitcoin_rpc_longest_call_seconds", np.abs(node.walk(-2, 2)))
    node.count("anya_bitcoin_zmq_messages_total", np.maximum(0, new_blocks), topic="hashblock")
    node.count("anya_bitcoin_zmq_lost_total", 0.0, topic="hashblock")
    node.count("anya_bitcoin_tips_unannounced_total", starts)
    node.count("anya_bitcoin_log_lines_total", node.chance.random(steps) < 0.0005, level="error")
