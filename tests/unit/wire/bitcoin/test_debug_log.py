"""Unit tests of a node's log lines."""

from __future__ import annotations

import pytest

from anyascope.wire.bitcoin.debug_log import DebugLine, decode_line

NS = 1_796_119_074 * 1_000_000_000


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("UpdateTip: new best=00ab", DebugLine("UpdateTip: new best=00ab", NS)),
        ("[net] got inv", DebugLine("got inv", NS, "debug", "net")),
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


@pytest.mark.parametrize("line", ["  second line of a text", "2026-13-41T09:57:54Z", ""])
def test_other_lines_are_text(line):
    """What is in no known form is kept whole."""
    assert decode_line(line) == DebugLine(line)
