"""Unit tests of a node's ZMQ messages."""

from __future__ import annotations

import pytest

from anyascope.wire.bitcoin.zmq import BlockNotice, decode_notice, lost_between

HASH = bytes(range(32))
SEVENTH = (7).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("frames", "notice"),
    [
        ([b"hashblock", HASH, SEVENTH], BlockNotice("hashblock", 7, HASH.hex())),
        ([b"sequence", HASH + b"C", SEVENTH], BlockNotice("sequence", 7, HASH.hex())),
        ([b"sequence", HASH + b"D", SEVENTH], BlockNotice("sequence", 7, HASH.hex(), is_connected=False)),
        ([b"sequence", HASH + b"A" + bytes(8), SEVENTH], BlockNotice("sequence", 7, HASH.hex(), is_block=False)),
        (
            [b"sequence", HASH + b"R" + bytes(8), SEVENTH],
            BlockNotice("sequence", 7, HASH.hex(), is_connected=False, is_block=False),
        ),
        ([b"sequence", HASH + b"?", SEVENTH], BlockNotice("sequence", 7, is_block=False)),
        ([b"hashblock", HASH[:31], SEVENTH], None),
        ([b"hashblock", HASH], None),
        ([b"hashblock", HASH, b"\x07"], None),
        ([b"rawtx", b"...", SEVENTH], None),
    ],
)
def test_notices_are_read(frames, notice):
    """Blocks that come and go are told, transactions counted, and what is unknown or broken left out."""
    assert decode_notice(frames) == notice


@pytest.mark.parametrize(
    ("last", "number", "lost"),
    [(None, 5, 0), (5, 6, 0), (5, 9, 3), (5, 5, 0), (5, 0, 0), (2**32 - 1, 0, 0), (2**32 - 2, 1, 2)],
)
def test_lost_messages_are_counted(last, number, lost):
    """A gap in the numbers is what was lost, over their turn too; a node that started again lost nothing."""
    assert lost_between(last, number) == lost
