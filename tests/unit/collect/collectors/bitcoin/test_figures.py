"""Unit tests of the figures, on what real nodes answered."""

from __future__ import annotations

import json

from anyascope.collect.collectors.bitcoin.chain_figures import (
    tell_chain,
    tell_deployments,
    tell_latest_block,
    tell_tips,
)
from anyascope.collect.collectors.bitcoin.feed import BlockFeed, addresses_of
from anyascope.collect.collectors.bitcoin.network_figures import group_of, program_of, tell_bans, tell_peers
from anyascope.collect.collectors.bitcoin.networks import network_of
from anyascope.collect.collectors.bitcoin.pool_entries import PoolEntry, PoolFees
from anyascope.collect.collectors.bitcoin.pool_figures import tell_estimates, tell_mempool
from anyascope.collect.collectors.bitcoin.pool_histogram import groups_from_entries, groups_from_info, tell_groups
from anyascope.collect.collectors.bitcoin.sheet import Sheet, sat_per_vb, sats, warnings_of
from anyascope.collect.collectors.bitcoin.sight import figures_of
from support.components import shared_path


def told(tell, *answer, chain="regtest", **more) -> dict[str, float]:
    sheet = Sheet(chain)
    tell(sheet, *answer, **more)
    found = {}
    for family in sheet.families():
        for labels, value in family.points:
            assert labels[0] == ("chain", chain)
            found[" ".join([family.name, *(text for _, text in labels[1:])])] = value
    return found


def sample(name: str, *, node: str = "bitcoin-knots-29.4"):
    return json.loads((shared_path("components/samples") / node / f"{name}.json").read_text())


def test_every_point_says_its_network():
    """The chain, and the coin where it is not Bitcoin's; the page's figures need neither."""
    sheet = Sheet("main", network_of("12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2").coin)
    sheet.gauge("a", "", 1)
    sheet.gauge("b", "", 2, ("kind", "relay"))
    points = [labels for family in sheet.families() for labels, _ in family.points]
    assert points == [
        (("chain", "main"), ("coin", "litecoin")),
        (("chain", "main"), ("coin", "litecoin"), ("kind", "relay")),
    ]
    assert figures_of(sheet) == {("a", ()): 1, ("b", (("kind", "relay"),)): 2}
    assert network_of("").coin == network_of("ff").coin == ""


def test_amounts_are_whole_sats():
    """Bitcoins become sats without a trace of binary fractions."""
    assert sats(0.07) == 7_000_000
    assert sat_per_vb(0.00001) == 1.0
    assert sats(None) is sat_per_vb("x") is None


def test_the_latest_block_is_told_in_the_exporters_units():
    """Values in bitcoins under the established names."""
    found = told(tell_latest_block, sample("getblockstats"))
    assert found["bitcoin_latest_block_value"] == 49.9999775
    assert found["bitcoin_latest_block_fee"] == 0.0000225
    assert (found["bitcoin_latest_block_txs"], found["bitcoin_latest_block_outputs"]) == (2, 4)
    assert found["anya_bitcoin_latest_block_fee_sat_per_vb 50"] == 10


def test_a_reorg_leaves_a_branch():
    """Tips are counted whole and by status, zeros included."""
    found = told(tell_tips, sample("getchaintips_after_reorg"))
    assert found["bitcoin_num_chaintips"] == 2
    assert found["anya_bitcoin_chain_tips active"] == 1
    assert found["anya_bitcoin_chain_tips invalid"] == 0


def test_a_mempool_and_its_estimates():
    """Fees by rate and by sum; a target without an estimate has no point."""
    found = told(tell_mempool, sample("getmempoolinfo"))
    assert found["bitcoin_mempool_size"] == found["anya_bitcoin_mempool_size"] == 1
    assert found["anya_bitcoin_mempool_fees_sats"] == 2250
    assert found["anya_bitcoin_fee_min_sat_per_vb relay"] == 1
    estimates = {2: sample("estimatesmartfee_2"), 3: sample("estimatesmartfee_insufficient_data")}
    assert told(tell_estimates, estimates) == {
        "bitcoin_est_smart_fee_2": 7e-05,
        "anya_bitcoin_fee_estimate_sat_per_vb 2": 7,
    }


def test_litecoins_daemon_tells_what_it_has():
    """An older node has no time of its tip and no total of fees, and its soft forks stand with its chain."""
    info = sample("getblockchaininfo", node="litecoin-0.21")
    found = told(tell_chain, info)
    assert found["bitcoin_blocks"] == 101
    assert "anya_bitcoin_tip_timestamp_seconds" not in found
    assert told(tell_deployments, info["softforks"])["anya_bitcoin_deployment_state mweb defined"] == 1
    pool = told(tell_mempool, sample("getmempoolinfo", node="litecoin-0.21"))
    assert pool["bitcoin_mempool_minfee"] == 1e-05
    assert "anya_bitcoin_mempool_fees_sats" not in pool
    assert warnings_of(sample("getnetworkinfo", node="litecoin-0.21")) == []


def test_peers_are_counted_by_what_they_are():
    """Network, direction, program, services and ping; outbound ones by the part of the network they are in."""
    [peer] = sample("getpeerinfo")
    peers = [
        peer,
        {**peer, "addr": "198.51.100.1:8333", "pingtime": 2.0, "timeoffset": -70},
        {**peer, "addr": "198.51.7.1:8333", "pingtime": 1.0, "connection_type": "block-relay-only"},
        {**peer, "inbound": True, "subver": "<script>", "pingtime": None},
    ]
    found = told(tell_peers, peers)
    assert found["anya_bitcoin_peer_connections not_publicly_routable out"] == 3
    assert found["anya_bitcoin_peer_connections not_publicly_routable in"] == 1
    assert (found["anya_bitcoin_peer_programs Satoshi:29"], found["anya_bitcoin_peer_programs other"]) == (3, 1)
    assert found["anya_bitcoin_peers_offering WITNESS"] == 4
    assert (found["anya_bitcoin_peer_ping_seconds median"], found["anya_bitcoin_peer_ping_seconds max"]) == (1, 2)
    assert found["anya_bitcoin_peer_time_offset_seconds min"] == -70
    assert (
        found["anya_bitcoin_peer_time_offset_seconds median"],
        found["anya_bitcoin_peer_time_offset_seconds max"],
    ) == (0, 0)
    assert (found["anya_bitcoin_peer_connection_types manual"], found["anya_bitcoin_peer_transports v2"]) == (3, 4)
    assert found["anya_bitcoin_peer_groups_outbound"] == 2


def test_peers_cannot_make_series_without_end():
    """Of a hundred invented programs the commonest are kept, the others are one."""
    found = told(tell_peers, [{"subver": f"/Fake{chr(65 + n % 26)}{chr(65 + n // 26)}:1.0/"} for n in range(100)])
    programs = {name: count for name, count in found.items() if name.startswith("anya_bitcoin_peer_programs")}
    assert (len(programs), sum(programs.values())) == (21, 100)


def test_programs_and_groups_are_recognised():
    """In the usual form only; by /16 of IPv4, /32 of IPv6, an onion by itself."""
    assert program_of("/Satoshi:0.21.2/") == "Satoshi:0"
    assert program_of("Satoshi") == "other"
    assert group_of("203.0.113.9:8333") == "203.0.0.0/16"
    assert group_of("[2001:db8:1::1]:8333") == "2001:db8::/32"
    assert group_of("abc.onion:8333") == "abc.onion"


def test_bans_of_newer_nodes_have_no_reason():
    """The established exporter's label stays."""
    ban = {"address": "203.0.113.7/32", "ban_created": 5, "banned_until": 9}
    found = told(tell_bans, [ban])
    assert found["bitcoin_banned_until 203.0.113.7/32 manually added"] == 9


def test_a_node_says_where_to_listen():
    """Only topics of blocks; an address that means every interface is the RPC's host."""
    notifications = [
        {"type": "pubrawtx", "address": "tcp://127.0.0.1:1"},
        {"type": "pubhashblock", "address": "tcp://0.0.0.0:28332"},
        {"type": "pubsequence", "address": "ipc:///run/zmq"},
    ]
    found = addresses_of(notifications, "http://node.example:8332")
    assert found == {"tcp://node.example:28332", "ipc:///run/zmq"}


def test_lost_messages_ask_for_a_look():
    """A transaction's message asks for none, a block's and a gap do; what was lost is counted."""
    asked = []
    feed = BlockFeed("n", lambda: asked.append(1))
    added = bytes(32) + b"A" + bytes(8)
    feed.hear([b"sequence", added, (0).to_bytes(4, "little")])
    assert asked == []
    feed.hear([b"sequence", added, (4).to_bytes(4, "little")])
    assert feed._lost["sequence"] == 3
    assert len(asked) == 1
    feed.hear([b"hashblock", bytes(32), (0).to_bytes(4, "little")])
    assert len(asked) == 2


def test_a_mempool_is_grouped_by_fee_rate():
    """By the node or by us, with the same bounds; the bound itself belongs to its group, and empty groups are 0."""
    entries = [
        PoolEntry(vsize=100, fees=PoolFees(0.000001)),  # 1 sat/vB
        PoolEntry(vsize=200, fees=PoolFees(0.00000398)),  # 1.99
        PoolEntry(vsize=100, fee=0.01),  # 10,000, as nodes until 0.16 write it
        PoolEntry(vsize=0, fees=PoolFees(1)),
    ]
    groups = groups_from_entries(entries)
    assert {bound: group for bound, group in groups.items() if group[0]} == {1: (2, 300), 500: (1, 100)}
    found = told(tell_groups, groups)
    assert found["anya_bitcoin_mempool_rate_vbytes 1"] == 300
    assert found["anya_bitcoin_mempool_rate_transactions 0"] == 0
    knots = {"fee_histogram": {"1": {"sizes": 300, "count": 2, "fees": 4, "from_feerate": 1}, "total_fees": 4}}
    assert groups_from_info(knots) == {1: (2, 300)}
    assert groups_from_info({"size": 5}) is None
