"""Shares of SLIP 39: of a secret that was split, some of them together give it back.

Source: SLIP 39, "Format of the share mnemonic" and "Checksum".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

SIZES = (20, 33)  # words of a share: of 128 and of 256 bits
WORDS_MIN = SIZES[0]

_GENERATORS = (
    *(0xE0E040, 0x1C1C080, 0x3838100, 0x7070200, 0xE0E0009),
    *(0x1C0C2412, 0x38086C24, 0x3090FC48, 0x21B1F890, 0x3F3F120),
)
_LOW_20_BITS = 0xFFFFF
_CUSTOMISED = (b"shamir", b"shamir_extendable")


def holds_share(listed: Sequence[int]) -> bool:
    """Whether the own checksum of some window of these words' numbers is right."""
    return any(
        _checksum((*custom, *listed[at : at + size])) == 1
        for size in SIZES
        for at in range(len(listed) - size + 1)
        for custom in _CUSTOMISED
    )


def _checksum(values: Iterable[int]) -> int:
    """RS1024, a Reed-Solomon code over GF(1024)."""
    check = 1
    for value in values:
        top = check >> 20
        check = (check & _LOW_20_BITS) << 10 ^ value
        for bit, generator in enumerate(_GENERATORS):
            if top >> bit & 1:
                check ^= generator
    return check
