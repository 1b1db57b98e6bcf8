"""A node's ZMQ messages.

Source: Bitcoin Core `doc/zmq.md`: three frames, topic, body and a little-endian sequence number of 32 bits that counts the
messages of this topic since the node started.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HASH_BYTES = 32
HASHBLOCK = "hashblock"
SEQUENCE = "sequence"
CONNECTED, DISCONNECTED = "C", "D"
ADDED, REMOVED = "A", "R"
_SEQUENCES = 1 << 32


@dataclass(frozen=True, slots=True)
class BlockNotice:
    """A block became part of the best chain, or ceased to be; or a transaction of the mempool, where `is_block` is false.

    One that leaves the mempool with a block makes no notice.
    """

    topic: str
    number: int
    hash: str = ""
    is_connected: bool = True
    is_block: bool = True


def decode_notice(frames: Sequence[bytes]) -> BlockNotice | None:
    """The notice in these frames; None where they are none that is known.

    A `sequence` message of another kind has only its topic and number: it counts, and says nothing.
    """
    if len(frames) != 3 or len(frames[2]) != 4:
        return None
    topic, body, number = frames[0].decode("ascii", "replace"), frames[1], int.from_bytes(frames[2], "little")
    if topic == HASHBLOCK and len(body) == HASH_BYTES:
        return BlockNotice(topic, number, body.hex())
    if topic == SEQUENCE and len(body) > HASH_BYTES:
        label = chr(body[HASH_BYTES])
        if label in (CONNECTED, DISCONNECTED):
            return BlockNotice(topic, number, body[:HASH_BYTES].hex(), is_connected=label == CONNECTED)
        if label in (ADDED, REMOVED):
            return BlockNotice(topic, number, body[:HASH_BYTES].hex(), is_connected=label == ADDED, is_block=False)
        return BlockNotice(topic, number, is_block=False)
    return None


def lost_between(last: int | None, number: int) -> int:
    """How many messages of a topic were lost between two that came.

    The first of all, and one whose number fell (the node started again and counts from 0), lose nothing that can be known.
    """
    if last is None:
        return 0
    step = (number - last) % _SEQUENCES
    return step - 1 if 0 < step < _SEQUENCES // 2 else 0
