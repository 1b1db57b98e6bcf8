"""A real node behind a door that misbehaves: each fault has its status, its figure and what to do; nothing else suffers."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import replace

import pytest
import trustme

from anyascope.collect.collectors.bitcoin import node as node_module
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.model.http import TlsOptions
from anyascope.model.secret import Secret
from anyascope.ports import HealthStatus
from support.bitcoin_room import NOBODY, BitcoinRoom, heard, node_options, watching
from support.collecting import until
from support.faulty_rpc import (
    FaultyDoor,
    ZmqRelay,
    answers,
    babbles,
    closes,
    cuts,
    delays,
    drips,
    floods,
    hangs,
    resets,
    truncates,
)
from support.ports import free_port
from support.regtest import RegtestNode, free_base, regtest_node, regtest_nodes, rpcauth

OFTEN_S = 0.2
TIMEOUT_S = 30.0  # of a busy machine
SHORT_S = 3.0  # where silence is what is tried; a node that answers again is well by answers within it
QUEUE_FULL = b"Work queue depth exceeded"
WARMUP = b'{"result":null,"error":{"code":-28,"message":"Loading block index..."},"id":0}'
UNHEALTHY, DEGRADED, HEALTHY = HealthStatus.UNHEALTHY, HealthStatus.DEGRADED, HealthStatus.HEALTHY


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Iterator[RegtestNode]:
    unsynced = "-unsafesqlitesync=1"  # the wallet would write to disk for each block that pays to it
    with regtest_nodes(tmp_path_factory.mktemp("faults"), 1, unsynced) as [running]:
        running.funded_wallet("w")
        yield running


def ill(node: RegtestNode, url: str, **more) -> BitcoinNodeOptions:
    """The node as it is seen by another way."""
    known = {"interval_s": OFTEN_S, "timeout_s": TIMEOUT_S, "wallets": (), **more}
    return replace(node_options("ill", node, **known), url=url)


def rounds(room: BitcoinRoom, name: str) -> int:
    """How often a node was looked at, and its figures handed in."""
    return sum(source == f"bitcoin.{name}" for source, _ in room.intake.batches)


def figure(room: BitcoinRoom, name: str) -> float | None:
    return room.figures("bitcoin.ill").get(name)


def is_well(room: BitcoinRoom, name: str) -> bool:
    """Whether the last look found it up and healthy: on a busy machine a look that is still right may be late."""
    return room.figures(f"bitcoin.{name}")["up"] == 1 and room.health(f"collect.bitcoin.{name}").status is HEALTHY


async def said(room: BitcoinRoom, status: HealthStatus, words: str, advice: str = "") -> None:
    """Wait until the health of the node says so."""

    def is_said() -> bool:
        health = room.health("collect.bitcoin.ill")
        return health.status is status and words in health.message and advice in health.advice

    await until(is_said)


# By name: what the door does; the code of the metric, the health, its words and its advice.
FAULTS = {
    "hangs": (hangs, "timeout", UNHEALTHY, "no answer within 3 s", "what the node is busy with"),
    "drips": (drips, "timeout", UNHEALTHY, "no answer within 3 s", "what the node is busy with"),
    "cuts": (cuts, "invalid_answer", UNHEALTHY, "broke off after", "check that url leads to a node"),
    "truncates": (truncates, "invalid_answer", UNHEALTHY, "no JSON-RPC answer", "check that url leads to a node"),
    "babbles": (babbles, "invalid_answer", UNHEALTHY, "no HTTP answer", "https where TLS stands before it"),
    "floods": (floods, "invalid_answer", UNHEALTHY, "more than 8388608 bytes", "what stands between"),
    "closes": (closes, "invalid_answer", UNHEALTHY, "no HTTP answer", "what stands between"),
    "resets": (resets, "unreachable", UNHEALTHY, "Connection reset", "start the node"),
    "401": (answers("401 Unauthorized"), "unauthorized", UNHEALTHY, "refuses the credentials", "cookie_file"),
    "403": (answers("403 Forbidden"), "forbidden", UNHEALTHY, "does not let this address in", "rpcallowip"),
    "500": (answers("500 Internal Server Error", b"oops"), "http_error", UNHEALTHY, "HTTP status 500", "debug.log"),
    "502": (answers("502 Bad Gateway", b"<html>"), "http_error", UNHEALTHY, "HTTP status 502", "proxy"),
    "503": (answers("503 Service Unavailable"), "busy", DEGRADED, "takes no request now", "proxy"),
    "full": (answers("503 Service Unavailable", QUEUE_FULL), "busy", DEGRADED, "queue is full", "rpcworkqueue"),
    "full-22": (answers("500 Internal Server Error", QUEUE_FULL), "busy", DEGRADED, "queue is full", "rpcworkqueue"),
    "warmup": (answers("500 Internal Server Error", WARMUP), "in_warmup", DEGRADED, "Loading block index", "wait"),
    "other": (answers("200 OK", b"[]"), "invalid_answer", UNHEALTHY, "no JSON-RPC answer", "check that url leads"),
}


async def test_each_fault_is_named_and_no_other_node_suffers(node):
    """All at once: each has its status and figure and says what to do; a node that is well is told in time; all recover."""
    async with contextlib.AsyncExitStack() as stack:
        doors = {name: await stack.enter_async_context(FaultyDoor(node.url)) for name in FAULTS}
        for name, door in doors.items():
            door.fault = FAULTS[name][0]
        timeouts_s = {name: SHORT_S if code == "timeout" else TIMEOUT_S for name, (_, code, *_) in FAULTS.items()}
        ways = [
            replace(ill(node, door.url, interval_s=2.0, timeout_s=timeouts_s[name]), name=name)
            for name, door in doors.items()
        ]
        well = node_options("well", node, interval_s=OFTEN_S, wallets=())
        room = await stack.enter_async_context(watching(*ways, well))
        await until(lambda: room.figures("bitcoin.well").get("up") == 1)
        looks = rounds(room, "well")
        for name, (_, code, status, words, advice) in FAULTS.items():
            await until(lambda name=name: rounds(room, name) >= 1)
            await until(lambda name=name: room.health(f"collect.bitcoin.{name}").status is not HealthStatus.UNKNOWN)
            health, figures = room.health(f"collect.bitcoin.{name}"), room.figures(f"bitcoin.{name}")
            assert (health.status, words in health.message, advice in health.advice) == (status, True, True), health
            assert figures["up"] == 0
            assert "bitcoin_blocks" not in figures
            assert figures[f"anya_bitcoin_rpc_calls_total {code} getblockchaininfo"] >= 1
            assert figures[f"bitcoin_exporter_errors_total {code}"] >= 1
        await until(lambda: rounds(room, "well") >= looks + 3)
        assert room.figures("bitcoin.well")["up"] == 1
        await until(lambda: is_well(room, "well"))
        for door in doors.values():
            door.fault = None
        for name in doors:
            await until(lambda name=name: room.figures(f"bitcoin.{name}").get("bitcoin_blocks") is not None)
            await until(lambda name=name: is_well(room, name))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (answers("403 Forbidden"), "forbidden: getpeerinfo: "),
        (truncates, "invalid_answer: getpeerinfo: "),
        (answers("500 Internal Server Error"), "http_error: getpeerinfo: "),
    ],
)
async def test_one_call_that_fails_takes_only_its_own_figures(node, fault, words):
    """The node is up, its other figures are told, and the call is named."""
    async with FaultyDoor(node.url) as door:
        door.fault, door.only = fault, ("getpeerinfo",)
        async with watching(ill(node, door.url)) as room:
            await said(room, DEGRADED, words)
            await until(lambda: figure(room, "up") == 1)
            assert figure(room, "anya_bitcoin_peer_groups_outbound") is None
            assert figure(room, "bitcoin_total_bytes_recv") is not None
            assert figure(room, "bitcoin_blocks") == node.call("getblockcount")


async def test_a_slow_node_is_told_from_one_that_is_gone(node, monkeypatch):
    """Every answer is late, none too late: figures come, and the health says how late."""
    monkeypatch.setattr(node_module, "SLOW_S", 0.25)  # a busy machine takes less for most of them
    async with FaultyDoor(node.url) as door:
        door.fault = delays(0.3)
        async with watching(ill(node, door.url)) as room:
            await said(room, DEGRADED, "slow: half of its answers took 0.", "the way to it")
            await until(lambda: figure(room, "up") == 1)
            door.fault = None
            await said(room, HEALTHY, "regtest, block ")


async def test_nobody_at_the_address_is_told_by_the_systems_own_word(node):
    """What the library says is not what people search for."""
    async with watching(ill(node, f"http://127.0.0.1:{free_port()}")) as room:
        await said(room, UNHEALTHY, "unreachable: Connection refused", "rpcport")


async def test_tls_in_front_is_believed_by_the_authority_of_the_settings(node, tmp_path):
    """Another authority, another name in the certificate, and TLS on one side only each say what to change."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("node.example").configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    async with FaultyDoor(node.url, tls=context) as door:
        ways = {
            "right": (door.url, TlsOptions(ca_file=ca_file, server_name="node.example")),
            "stranger": (door.url, TlsOptions(server_name="node.example")),
            "name": (door.url, TlsOptions(ca_file=ca_file)),
            "plain": (door.url.replace("https", "http"), TlsOptions()),
            "without": (node.url.replace("http", "https"), TlsOptions()),
        }
        nodes = [replace(ill(node, url, tls=tls), name=name) for name, (url, tls) in ways.items()]
        async with watching(*nodes) as room:

            def told(name: str) -> tuple[str, str]:
                health = room.health(f"collect.bitcoin.{name}")
                return health.message, health.advice

            await until(lambda: room.figures("bitcoin.right").get("up") == 1)
            for name in ("stranger", "name", "without"):
                await until(lambda name=name: told(name)[0].startswith("tls_failed: "))
                assert "tls.ca_file" in told(name)[1]
            assert "certificate verify failed" in told("stranger")[0]
            assert "not valid for '127.0.0.1'" in told("name")[0]
            await until(lambda: told("plain")[0].startswith("invalid_answer: no HTTP answer"))
            assert "https where TLS stands before it" in told("plain")[1]


async def test_a_node_that_starts_again_has_another_cookie_and_the_same_password(tmp_path):
    """Its first look is in initial download; after a restart both ways in work by themselves, and its lacks are asked anew."""
    base = free_base(1)
    auth = rpcauth("watch", "let me in")
    with regtest_node(tmp_path, base, auth) as first:
        by_cookie = ill(first, first.url)
        user = {"cookie_file": None, "username": "watch", "password": Secret("let me in")}
        by_password = replace(ill(first, first.url, **user), name="user")
        async with watching(by_cookie, by_password) as room:
            await said(room, DEGRADED, "in initial download: block 0 of 0", "wait")
            assert figure(room, "anya_bitcoin_initial_download") == 1
            assert figure(room, "anya_bitcoin_settled") == 0
            cookie = first.credentials
            first.mine(1, to=NOBODY)
            await said(room, HEALTHY, "regtest, block 1")
            await asyncio.to_thread(first.stop)
            await until(lambda: figure(room, "up") == 0)
            await said(room, UNHEALTHY, "", "start the node")
            with regtest_node(tmp_path, base, auth) as again:
                assert again.credentials != cookie
                await said(room, HEALTHY, "regtest, block 1")
                await until(lambda: room.figures("bitcoin.user")["up"] == 1)
                assert figure(room, "bitcoin_uptime") < 600
                assert figure(room, "anya_bitcoin_reorgs_total") == 0


async def test_messages_that_are_lost_are_noticed_by_their_numbers(node):
    """A block whose messages are lost is found when the next message, of a mere transaction, shows the gap."""
    async with ZmqRelay(node.zmq) as relay, watching(ill(node, node.url, zmq=relay.address, interval_s=3600.0)) as room:
        await until(lambda: figure(room, "up") == 1)
        await heard(room, node, "ill")
        relay.is_losing = True
        [block] = await asyncio.to_thread(node.mine, 1, to=NOBODY)
        await until(lambda: min(relay.lost["sequence"], relay.lost["hashblock"]) >= 1)
        relay.is_losing = False
        address = await asyncio.to_thread(lambda: node.call("getnewaddress", wallet="w"))
        await asyncio.to_thread(lambda: node.call("sendtoaddress", address, 0.1, wallet="w"))
        await until(lambda: figure(room, "anya_bitcoin_zmq_lost_total sequence") == relay.lost["sequence"])
        await until(lambda: room.events("bitcoin.block.connected")[-1].correlation_id == block)


async def test_a_feed_that_goes_away_is_noticed_with_the_next_block(node):
    """Polling finds the block, the health says that no message came, and says no more when one comes again."""
    async with ZmqRelay(node.zmq) as relay, watching(ill(node, node.url, zmq=relay.address)) as room:
        await until(lambda: figure(room, "up") == 1)
        await heard(room, node, "ill")
        await announced(room, node)
        assert "blocks by ZMQ" in room.health("collect.bitcoin.ill").message
        await until(lambda: figure(room, "anya_bitcoin_zmq_reached") == 1)
        before = figure(room, "anya_bitcoin_tips_unannounced_total")
        relay.shut()
        [block] = await asyncio.to_thread(node.mine, 1, to=NOBODY)
        await said(room, DEGRADED, f"zmq_silent: block {block} came without", "zmqpubhashblock")
        await until(lambda: figure(room, "anya_bitcoin_tips_unannounced_total") == before + 1)
        await said(room, DEGRADED, f"zmq_unreached: nobody publishes at {relay.address}")
        assert figure(room, "anya_bitcoin_zmq_reached") == 0
        assert figure(room, "up") == 1
        relay.open()
        await announced(room, node)


async def announced(room: BitcoinRoom, node: RegtestNode) -> None:
    """Mine until a block comes with its message, and none of before, which nobody heard, is waited for any more."""
    watch, is_well = room.collect._nodes[0].node, False
    async with asyncio.timeout(150):
        while not is_well:
            [block] = await asyncio.to_thread(node.mine, 1, to=NOBODY)
            await asyncio.sleep(0.5)
            is_awaited = watch._announcements._awaited is not None or not watch.feed.has_announced(block)
            is_well = not is_awaited and room.health("collect.bitcoin.ill").status is HEALTHY
