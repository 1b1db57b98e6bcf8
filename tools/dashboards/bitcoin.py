"""The dashboard of the pack `bitcoin`."""

from __future__ import annotations

from dashboards.panels import (
    GREEN,
    ONE_IS_WELL,
    ORANGE,
    RED,
    YELLOW,
    ZERO_IS_WELL,
    Dashboard,
    Mark,
    Row,
    Variable,
    graph,
    stat,
    states,
    table,
)

NODE = 'chain=~"$chain",node=~"$node"'
BY = "{{node}}"
PEERS = "sum by (node, network) (anya_bitcoin_peer_connections"


def share_of_calls(share: float) -> str:
    """How long so many of the calls to a method took at most."""
    rate = f"rate(anya_bitcoin_rpc_duration_seconds_bucket{{{NODE}}}[$__rate_interval])"
    return f"histogram_quantile({share}, sum by (node, method, le) ({rate}))"


NOW = Row(
    "Now",
    (
        stat(
            "Nodes",
            "Whether each node can be read and is on the right chain. Down: runbook BitcoinNodeDown.",
            (f"up{{{NODE}}}", BY),
            steps=ONE_IS_WELL,
            words=(("0", "down", RED), ("1", "up", GREEN)),
            width=3,
            nothing="none is watched",
        ),
        stat(
            "Settled",
            "Whether a node is past its initial download and has run for 10 minutes. One that is not mutes its own alarms.",
            (f"anya_bitcoin_settled{{{NODE}}}", BY),
            words=(("0", "not yet", YELLOW), ("1", "settled", GREEN)),
            width=3,
        ),
        stat("Height", "The best block of each node.", (f"bitcoin_blocks{{{NODE}}}", BY), unit="none", width=3),
        stat(
            "Tip age",
            "How long no block has come. A gap over 60 minutes comes every 2.8 days, over 90 every 56 days.",
            (f"anya_bitcoin_tip_age_seconds{{{NODE}}}", BY),
            unit="s",
            steps=((None, GREEN), (3600, YELLOW), (5400, ORANGE), (9000, RED)),
            width=3,
        ),
        stat(
            "Chance of such a gap",
            "How likely a healthy network leaves a gap as long as the tip's age. Below 0.01 % is told, below 0.00003 % is a page.",
            (f"anya_bitcoin_tip_gap_probability{{{NODE}}}", BY),
            unit="percentunit",
            steps=((None, RED), (3.059e-7, ORANGE), (1.234e-4, GREEN)),
            width=3,
            nothing="not known",
        ),
        stat(
            "Behind",
            "Blocks behind the highest other node of the same network. Warned of from 3, paged from 6.",
            (f"anya_bitcoin_behind_blocks{{{NODE}}}", BY),
            steps=((None, GREEN), (3, ORANGE), (6, RED)),
            width=3,
            nothing="no other node",
        ),
        stat(
            "Parted",
            "Blocks above the last one that two nodes share, where they are on different branches. Two is a page.",
            (f"anya_bitcoin_branch_blocks{{{NODE}}}", BY),
            steps=((None, GREEN), (1, YELLOW), (2, RED)),
            width=3,
            nothing="no other node",
        ),
        stat(
            "Reorgs in a day",
            "How often blocks left the best chain in 24 hours. One block every few weeks is normal.",
            (f"increase(anya_bitcoin_reorgs_total{{{NODE}}}[1d])", BY),
            steps=((None, GREEN), (1, YELLOW)),
            width=3,
        ),
    ),
)

CHAIN = Row(
    "Chain",
    (
        graph(
            "Height",
            "Best block by node. Lines that part are nodes that fall behind.",
            (f"bitcoin_blocks{{{NODE}}}", BY),
            unit="none",
            ends_at=(None, None),
            is_stepped=True,
        ),
        graph(
            "Tip age",
            "Time since the best block came, beside the spacing that is expected.",
            (f"anya_bitcoin_tip_age_seconds{{{NODE}}}", BY),
            (f"max by (coin, chain) (anya_bitcoin_block_spacing_seconds{{{NODE}}})", "{{coin}} {{chain}} spacing"),
            unit="s",
            steps=((None, GREEN), (7200, RED)),
        ),
        graph(
            "Behind",
            "Blocks behind another node, and behind the node's own headers. The second is a disk or processor that is too slow.",
            (f"anya_bitcoin_behind_blocks{{{NODE}}}", "{{node}} behind others"),
            (f"anya_bitcoin_headers{{{NODE}}} - anya_bitcoin_block_height{{{NODE}}}", "{{node}} behind its headers"),
            width=8,
            is_stepped=True,
        ),
        graph(
            "Lag",
            "How long another node has had a block that this one lacks. From 10 minutes on the node is cut off.",
            (f"anya_bitcoin_tip_lag_seconds{{{NODE}}}", BY),
            unit="s",
            width=8,
            steps=((None, GREEN), (600, RED)),
        ),
        states(
            "Settled over time",
            "When each node had settled. Its own alarms are muted meanwhile. Gaps are times without an answer.",
            (f"anya_bitcoin_settled{{{NODE}}}", BY),
            words=(("0", "not yet", YELLOW), ("1", "settled", GREEN)),
            width=8,
        ),
        graph(
            "Hash rate",
            "Estimated over 120 blocks.",
            (f"max by (coin, chain) (bitcoin_hashps{{{NODE}}})", "{{coin}} {{chain}}"),
            unit="Hs",
            width=8,
        ),
        graph(
            "Newest block",
            "How full it is, of four million units of weight.",
            (f"bitcoin_latest_block_weight{{{NODE}}} / 4e6", BY),
            unit="percentunit",
            width=8,
            ends_at=(0, 1),
        ),
        graph(
            "Branches",
            "Known branches by status. A new invalid one is an alarm.",
            (f'anya_bitcoin_chain_tips{{{NODE},status!="active"}}', "{{node}} {{status}}"),
            width=8,
        ),
        graph(
            "Initial download",
            "Share of the chain that is verified, of nodes in their initial download.",
            (f"bitcoin_verification_progress{{{NODE}}}", BY),
            unit="percentunit",
            width=8,
            ends_at=(0, 1),
        ),
        graph(
            "Size on disk",
            "Block and undo files.",
            (f"bitcoin_size_on_disk{{{NODE}}}", BY),
            unit="bytes",
            width=8,
            ends_at=(None, None),
        ),
        graph(
            "Indexes",
            "Blocks that each index lacks.",
            (
                f"bitcoin_blocks{{{NODE}}} - on (chain, node) group_right () anya_bitcoin_index_height{{{NODE}}}",
                "{{node}} {{index}}",
            ),
            width=8,
        ),
    ),
)

MEMPOOL = Row(
    "Mempool and fees",
    (
        graph(
            "Mempool by fee rate",
            "Virtual bytes that wait, by what they pay: the cheapest at the bottom. A block takes 1 MvB from the top.",
            (
                f"avg by (from_sat_per_vb) (anya_bitcoin_mempool_rate_vbytes{{{NODE}}})",
                "from {{from_sat_per_vb}} sat/vB",
            ),
            unit="decbytes",
            is_stacked=True,
        ),
        graph(
            "Fee estimates",
            "What a node thinks is needed to be confirmed within so many blocks, in sat/vB.",
            (f"avg by (target_blocks) (anya_bitcoin_fee_estimate_sat_per_vb{{{NODE}}})", "{{target_blocks}} blocks"),
            unit="none",
            steps=((None, GREEN), (100, RED)),
        ),
        graph(
            "Transactions that wait",
            "Transactions in the mempool.",
            (f"anya_bitcoin_mempool_size{{{NODE}}}", BY),
            width=8,
            steps=((None, GREEN), (100_000, RED)),
        ),
        graph(
            "Mempool memory",
            "Share of `maxmempool` that is used. At 100 % the node throws out what pays least.",
            (f"bitcoin_mempool_usage{{{NODE}}} / anya_bitcoin_mempool_max_bytes{{{NODE}}}", BY),
            unit="percentunit",
            width=8,
            ends_at=(0, 1),
            steps=((None, GREEN), (0.9, RED)),
        ),
        graph(
            "Least fee rate",
            "To enter the mempool and to be relayed, in sat/vB. The first above the second: the mempool is full.",
            (f"max by (kind) (anya_bitcoin_fee_min_sat_per_vb{{{NODE}}})", "{{kind}}"),
            unit="none",
            width=8,
        ),
        graph(
            "Fee rates of the newest block",
            "By percentile of weight, in sat/vB.",
            (f"avg by (percentile) (anya_bitcoin_latest_block_fee_sat_per_vb{{{NODE}}})", "{{percentile}} %"),
            unit="none",
            width=12,
        ),
        graph(
            "Own transactions that nobody fetched",
            "Handed to the node, and asked for by no peer yet. Half an hour is an alarm.",
            (f"bitcoin_mempool_unbroadcast{{{NODE}}}", BY),
            width=12,
        ),
    ),
)

NETWORK = Row(
    "Network",
    (
        graph(
            "Peers",
            "Connections in and out. Fewer than 8 out is an alarm.",
            (f"bitcoin_conn_out{{{NODE}}}", "{{node}} out"),
            (f"bitcoin_conn_in{{{NODE}}}", "{{node}} in"),
            width=8,
        ),
        graph(
            "Peers by network",
            "ipv4, ipv6, onion, i2p, cjdns.",
            (f"{PEERS}{{{NODE}}})", "{{node}} {{network}}"),
            width=8,
        ),
        graph(
            "Outbound peers in networks of their own",
            "Distinct /16 (IPv6: /32). Few for many peers are easily one owner's.",
            (f"anya_bitcoin_peer_groups_outbound{{{NODE}}}", BY),
            width=8,
        ),
        graph(
            "Traffic",
            "Bytes a second, sent and received.",
            (f"rate(bitcoin_total_bytes_sent{{{NODE}}}[$__rate_interval])", "{{node}} sent"),
            (f"rate(bitcoin_total_bytes_recv{{{NODE}}}[$__rate_interval])", "{{node}} received"),
            unit="Bps",
            width=8,
        ),
        graph(
            "Ping",
            "Median over all peers.",
            (f'anya_bitcoin_peer_ping_seconds{{{NODE},statistic="median"}}', BY),
            unit="s",
            width=8,
        ),
        graph(
            "Clock against peers",
            "More than 10 seconds is an alarm.",
            (f"anya_bitcoin_time_offset_seconds{{{NODE}}}", BY),
            unit="s",
            width=8,
            ends_at=(None, None),
        ),
        table(
            "Programs of the peers",
            "What peers call themselves, by major version.",
            f"sum by (program) (anya_bitcoin_peer_programs{{{NODE}}})",
            columns=(("program", "Program"),),
            value="Peers",
        ),
        table(
            "Programs of the nodes",
            "What each node calls itself.",
            f"anya_bitcoin_node_info{{{NODE}}}",
            columns=(("node", "Node"), ("chain", "Chain"), ("subversion", "Program")),
            value="",
        ),
    ),
)

RPC = Row(
    "RPC and ZMQ",
    (
        graph(
            "Calls that fail",
            "By code. unauthorized and forbidden are the credentials, busy is a full work queue.",
            (
                f'sum by (node, code) (rate(anya_bitcoin_rpc_calls_total{{{NODE},code!="ok"}}[$__rate_interval]))',
                "{{node}} {{code}}",
            ),
            unit="cps",
            width=8,
        ),
        graph(
            "Duration of calls, p95",
            "By method. All of this server's take less than 0.2 s on a healthy node.",
            (share_of_calls(0.95), "{{node}} {{method}}"),
            unit="s",
            width=8,
            steps=((None, GREEN), (1, RED)),
        ),
        graph(
            "Longest call of others",
            "How long the oldest call of other clients has been running.",
            (f"anya_bitcoin_rpc_longest_call_seconds{{{NODE}}}", BY),
            unit="s",
            width=8,
        ),
        graph(
            "ZMQ messages",
            "That came, and that were lost by their sequence numbers.",
            (
                f"sum by (node, topic) (rate(anya_bitcoin_zmq_messages_total{{{NODE}}}[$__rate_interval]))",
                "{{node}} {{topic}}",
            ),
            (f"sum by (node) (increase(anya_bitcoin_zmq_lost_total{{{NODE}}}[$__rate_interval]))", "{{node}} lost"),
            unit="short",
            width=8,
        ),
        graph(
            "Blocks that no message announced",
            "Found by polling. ZMQ is silent.",
            (f"increase(anya_bitcoin_tips_unannounced_total{{{NODE}}}[1h])", BY),
            width=8,
        ),
        stat(
            "Running for",
            "Since the node was started.",
            (f"bitcoin_uptime{{{NODE}}}", BY),
            unit="s",
            width=4,
            height=8,
        ),
        stat(
            "Warnings",
            "Warnings that a node shows now.",
            (f"anya_bitcoin_warnings{{{NODE}}}", BY),
            steps=ZERO_IS_WELL,
            width=4,
            height=8,
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="anyascope-bitcoin",
    title="Bitcoin nodes",
    description="Whether the nodes are at the tip, agree, are connected and answer; the mempool and what fees are like.",
    tags=("anyascope", "bitcoin"),
    variables=(
        Variable("chain", "Chain", "label_values(bitcoin_blocks, chain)"),
        Variable("node", "Node", 'label_values(up{job="bitcoin",chain=~"$chain"}, node)'),
    ),
    rows=(NOW, CHAIN, MEMPOOL, NETWORK, RPC),
    alerts='component=~"bitcoin-.+"',
    marks=(
        Mark("Blocks", f"changes(bitcoin_blocks{{{NODE}}}[1m]) > 0", "A block at {{node}}", "blue"),
        Mark("Reorgs", f"changes(anya_bitcoin_reorgs_total{{{NODE}}}[1m]) > 0", "A reorg at {{node}}", "orange"),
    ),
)
