"""Unit tests of a node's log lines."""

from __future__ import annotations

import pytest

from anyascope.wire.bitcoin.debug_log import DebugLine, decode_line, event_of

NS = 1_796_119_074 * 1_000_000_000


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("UpdateTip: new best=00ab", DebugLine("UpdateTip: new best=00ab", NS)),
        ("[net] got inv", DebugLine("got inv", NS, "debug", "net")),
        ("(mocktime: 2026-12-01T11:57:54Z) [net] got inv", DebugLine("got inv", NS, "debug", "net")),
        ("[net:info] peer", DebugLine("peer", NS, "info", "net")),
        ("[warning] low disk", DebugLine("low disk", NS, "warning")),
        ("[init] [all:info] Block index loaded", DebugLine("Block index loaded", NS, "info", "", "[init]")),
        (
            "[msghand] [net.cpp:12] [Run] [validation:error] bad",
            DebugLine("bad", NS, "error", "validation", "[msghand] [net.cpp:12] [Run]"),
        ),
        ("[hot wallet] AddToWallet 00ab", DebugLine("[hot wallet] AddToWallet 00ab", NS)),
        ("ERROR: AcceptBlock: high-hash", DebugLine("ERROR: AcceptBlock: high-hash", NS, "error")),
        ("Warning: unknown new rules", DebugLine("Warning: unknown new rules", NS, "warning")),
    ],
)
def test_lines_are_taken_apart(line, told):
    """Category and level leave the text; a wallet's name does not."""
    assert decode_line(f"2026-12-01T09:57:54Z {line}") == told


def test_microseconds_count():
    """As `logtimemicros` writes them."""
    assert decode_line("2026-12-01T09:57:54.000123Z x").time_ns == NS + 123_000


@pytest.mark.parametrize("year", ["0001", "1969", "2262", "9999"])
def test_a_time_that_no_record_can_have_is_none(year):
    """It is told with the time of the line before."""
    assert decode_line(f"{year}-12-01T09:57:54Z x") == DebugLine("x")


@pytest.mark.parametrize("line", ["  second line of a text", "2026-13-41T09:57:54Z", ""])
def test_other_lines_are_text(line):
    """What is in no known form is kept whole."""
    assert decode_line(line) == DebugLine(line)


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("[mempool] Expired 12 transactions from the memory pool", ("mempool_expired", 12)),
        ("[mempool] Removed 3 txn, rolling minimum fee bumped to 0.00001 BTC/kvB", ("mempool_evicted", 3)),
        (f"[mempool] replacing mempool tx {'ab' * 32} (wtxid=…", ("mempool_replaced", 1)),
        (f"[mempool] replacing tx {'ab' * 32} with {'cd' * 32} for 0.00001 additional fees", ("mempool_replaced", 1)),
        ("ThreadRPCServer incorrect password attempt from 127.0.0.1:4711", ("rpc_unauthorized", 1)),
        ("RPC User watch not allowed to call method getpeerinfo", ("rpc_forbidden", 1)),
        ("WARNING: request rejected because http work queue depth exceeded, it can be", ("rpc_queue_full", 1)),
        ("[warning] Request rejected because http work queue depth exceeded, it can be", ("rpc_queue_full", 1)),
        ("Potential stale tip detected, will try using extra outbound peer", ("stale_tip", 1)),
        ("[hot] Expired 12 transactions from the memory pool", None),  # a wallet's own words
        ("UpdateTip: new best=00ab", None),
    ],
)
def test_some_lines_tell_what_no_rpc_does(line, event):
    """With how often, where the line says it."""
    assert event_of(decode_line(f"2026-12-01T09:57:54Z {line}")) == event
