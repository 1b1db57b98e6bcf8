"""What a zstd body asks of its decoder, read from its headers alone: nothing is unpacked for it.

Source: RFC 8878, section 3.1.
"""

from __future__ import annotations

from typing import Final

from anyascope.errors import TooLargeError

BLOCKS_MAX = 65_536  # of a body; 32 MiB have 256 full ones, whoever flushes often has more; 20 ms of reading

_FRAME: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE: Final = b"\x2a\x4d\x18"  # behind a byte from 0x50 to 0x5f
_HAS_CHECKSUM: Final = 0x04
_IS_SINGLE_SEGMENT: Final = 0x20
_CHECKSUM_BYTES: Final = 4
_DICTIONARY_BYTES: Final = (0, 1, 2, 4)  # by the two lowest bits of the descriptor
_CONTENT_SIZE_BYTES: Final = (0, 2, 4, 8)  # by the two highest; a single segment has 1 where others have 0
_RLE: Final = 1  # a block of one repeated byte, whose size is that of its content


def largest_window_bytes(body: bytes) -> int:
    """The largest window of all frames; 0 for those whose window is their content, which the output bounds.

    Where the body is damaged the frames before that count: the decoder says what is wrong with it.

    Raises:
        TooLargeError: the body has more than `BLOCKS_MAX` blocks.
    """
    largest, blocks, at = 0, 0, 0
    while at + 8 <= len(body):
        if body[at + 1 : at + 4] == _SKIPPABLE and body[at] & 0xF0 == 0x50:
            at += 8 + _number(body, at + 4, 4)
        elif body.startswith(_FRAME, at):
            largest = max(largest, _window_bytes(body, at))
            at, blocks = _behind_frame(body, at, blocks)
        else:
            break
    return largest


def _window_bytes(body: bytes, at: int) -> int:
    """What the header of the frame at this place asks for."""
    if body[at + 4] & _IS_SINGLE_SEGMENT:
        return 0
    exponent, mantissa = body[at + 5] >> 3, body[at + 5] & 7
    base = 1 << (10 + exponent)
    return base + (base >> 3) * mantissa


def _behind_frame(body: bytes, at: int, blocks: int) -> tuple[int, int]:
    """(where the frame ends, the blocks read so far with its own)."""
    descriptor = body[at + 4]
    is_single = bool(descriptor & _IS_SINGLE_SEGMENT)
    size_bytes = _CONTENT_SIZE_BYTES[descriptor >> 6] or int(is_single)
    at += 5 + (not is_single) + _DICTIONARY_BYTES[descriptor & 3] + size_bytes
    is_last = False
    while not is_last and at < len(body):
        blocks += 1
        if blocks > BLOCKS_MAX:
            raise TooLargeError(f"the zstd body has more than {BLOCKS_MAX} blocks; flush its encoder less often")
        header = _number(body, at, 3)
        is_last = bool(header & 1)
        at += 3 + (1 if (header >> 1) & 3 == _RLE else header >> 3)
    return at + (_CHECKSUM_BYTES if descriptor & _HAS_CHECKSUM else 0), blocks


def _number(body: bytes, at: int, size: int) -> int:
    return int.from_bytes(body[at : at + size], "little")
