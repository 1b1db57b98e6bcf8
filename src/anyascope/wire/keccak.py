"""Keccak-256 as Ethereum has it: SHA-3's permutation with the padding of before the standard, which `hashlib` does not offer.

Source: the Keccak reference, version 3.0 (G. Bertoni et al., 2011), for a rate of 1088 bits. For some bytes now and then: a few
milliseconds a block of 136 bytes.
"""

from __future__ import annotations

_RATE_BYTES = 136
_DIGEST_BYTES = 32
_LANE = (1 << 64) - 1
_ROUNDS = 24


def keccak_256(data: bytes) -> bytes:
    """The digest, 32 bytes."""
    return sponge(data, padding=0x01)


def sponge(data: bytes, *, padding: int) -> bytes:
    """The same with another first byte of the padding: with 0x06 it is SHA3-256."""
    padded = bytearray(data) + bytes(_RATE_BYTES - len(data) % _RATE_BYTES)
    padded[len(data)] ^= padding
    padded[-1] ^= 0x80
    state = [0] * 25  # lane x, y at x + 5 y
    for block in range(0, len(padded), _RATE_BYTES):
        for at in range(_RATE_BYTES // 8):
            start = block + 8 * at
            state[at] ^= int.from_bytes(padded[start : start + 8], "little")
        state = _permuted(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state)[:_DIGEST_BYTES]


def _turned(lane: int, by: int) -> int:
    return ((lane << by) | (lane >> (64 - by))) & _LANE if by else lane


def _permuted(state: list[int]) -> list[int]:
    for constant in _CONSTANTS:
        columns = [state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20] for x in range(5)]
        parity = [columns[x - 1] ^ _turned(columns[(x + 1) % 5], 1) for x in range(5)]
        moved = [0] * 25
        for at in range(25):
            x, y = at % 5, at // 5
            moved[y + 5 * ((2 * x + 3 * y) % 5)] = _turned(state[at] ^ parity[x], _TURNS[at])
        state = [
            moved[at] ^ (~moved[(at + 1) % 5 + at // 5 * 5] & moved[(at + 2) % 5 + at // 5 * 5]) for at in range(25)
        ]
        state[0] ^= constant
    return state


def _turns() -> tuple[int, ...]:
    """How far each lane is turned: along the path (x, y) -> (y, 2x + 3y), by the triangular numbers."""
    found, x, y = [0] * 25, 1, 0
    for step in range(_ROUNDS):
        found[x + 5 * y] = (step + 1) * (step + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    return tuple(found)


def _constants() -> tuple[int, ...]:
    """Of each round, from a shift register of 8 bits over x^8 + x^6 + x^5 + x^4 + 1."""
    found, register = [], 1
    for _ in range(_ROUNDS):
        constant = 0
        for power in range(7):
            constant |= (register & 1) << ((1 << power) - 1)
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        found.append(constant)
    return tuple(found)


_TURNS, _CONSTANTS = _turns(), _constants()
