"""The walk over the bytes of a remote-write 1.0 request, to be compiled; `walk.py` says what it is for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anyascope.compiled import kernel
from anyascope.wire.prompb.decoded import KEY_BYTES_MAX

Bytes = NDArray[np.uint8]
Smalls = NDArray[np.int32]
Ints = NDArray[np.int64]

PROBES_MAX = 32  # places that a search looks at; whoever makes keys collide on purpose gains nothing
DAMAGED, CROWDED, TOO_MANY = -1, -2, -3  # what a walk says instead of a number of samples
SERIES_TAG, METADATA_TAG, LABEL_TAG, SAMPLE_TAG, VALUE_TAG, TIME_TAG = 0x0A, 0x1A, 0x0A, 0x12, 0x09, 0x10
VARINT_BITS_MAX = 56  # nine bytes; times before 1970 take ten, and are nothing that is taken


WEIGHTS = np.random.default_rng(2024).integers(1, 1 << 23, KEY_BYTES_MAX).astype(np.int32)  # of the bytes of a key


def read_varint(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """A varint and where it ends; (0, -1) where there is none."""
    value = 0
    shift = 0
    while at < end and shift <= VARINT_BITS_MAX:
        byte = int(data[at])
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    return 0, -1


def hash_bytes(data: Bytes, begin: int, end: int) -> int:
    """A number from 1 to 2**31 - 1: the bytes times a random weight each, so that one pass of a vector's width does."""
    # A slice whose index only counts up needs no look at negative ones.
    own = data[begin:end]
    weights = WEIGHTS[: len(own)]
    total = 0
    for place in range(len(weights)):
        total += int(own[place]) * int(weights[place])
    return max((total ^ total >> 31) & 0x7FFFFFFF, 1)


def are_equal(some: Bytes, others: Bytes) -> bool:
    """Whether two stretches of one length hold the same bytes."""
    difference = 0
    for place in range(len(some)):
        difference |= some[place] ^ others[place]
    return difference == 0


def find_slot(
    data: Bytes, begin: int, end: int, hashes: Smalls, slots: Smalls, begins: Ints, lengths: Smalls, keys: Bytes
) -> int:
    """The slot of these bytes, or -1."""
    wanted = hash_bytes(data, begin, end)
    size = end - begin
    mask = len(hashes) - 1
    at = wanted & mask
    for _ in range(PROBES_MAX):
        if hashes[at] == 0:
            return -1
        slot = slots[at]
        if hashes[at] == wanted and lengths[slot] == size:
            own = begins[slot]
            if are_equal(data[begin:end], keys[own : own + size]):
                return int(slot)
        at = (at + 1) & mask
    return -1


def labels_end(data: Bytes, at: int, end: int) -> int:
    """Where the labels that begin here end, or -1."""
    while at < end and data[at] == LABEL_TAG:
        size, at = read_varint(data, at + 1, end)
        if at < 0 or at + size > end:
            return -1
        at += size
    return at


def read_sample(data: Bytes, at: int, end: int, number: int, times_ms: Ints, values: Bytes) -> bool:
    """Whether these bytes are a sample, which then is the one of that number."""
    times_ms[number] = 0
    for place in range(8):
        values[8 * number + place] = 0
    while at < end:
        if data[at] == VALUE_TAG and at + 9 <= end:
            for place in range(8):
                values[8 * number + place] = data[at + 1 + place]
            at += 9
        elif data[at] == TIME_TAG:
            time_ms, at = read_varint(data, at + 1, end)
            if at < 0:
                return False
            times_ms[number] = time_ms
        else:
            return False
    return True


@kernel("u1[:] i8", read_varint)
def measure_labels(part: Bytes, labels: int) -> int:
    """How many bytes that many labels take that an entry begins with; 0 where it does not begin with them."""
    at = 0
    for _ in range(labels):
        if at >= len(part) or part[at] != LABEL_TAG:
            return 0
        size, at = read_varint(part, at + 1, len(part))
        if at < 0 or at + size > len(part):
            return 0
        at += size
    return at


@kernel("u1[:] i8 i4[:] i4[:] i8[:] i4[:] u1[:]", hash_bytes, are_equal, find_slot)
def look_up_slot(
    data: Bytes, size: int, hashes: Smalls, slots: Smalls, begins: Ints, lengths: Smalls, keys: Bytes
) -> int:
    """The slot of the key that these bytes begin with, or -1."""
    return find_slot(data, 0, size, hashes, slots, begins, lengths, keys)


@kernel("u1[:] i8 i8 i8 i4[:]! i4[:]!", hash_bytes)
def insert_slot(keys: Bytes, begin: int, end: int, slot: int, hashes: Smalls, slots: Smalls) -> bool:
    """Make a key findable; whether there was room where it would be looked for."""
    own = hash_bytes(keys, begin, end)
    mask = len(hashes) - 1
    at = own & mask
    for _ in range(PROBES_MAX):
        if hashes[at] == 0:
            slots[at] = slot
            hashes[at] = own
            return True
        at = (at + 1) & mask
    return False


@kernel(
    "u1[:] i4[:] i4[:] i8[:] i4[:] u1[:] i4[:]! i4[:]! i8[:]! u1[:]! i8[:]!",
    read_varint,
    hash_bytes,
    are_equal,
    find_slot,
    labels_end,
    read_sample,
)
def walk(
    data: Bytes,
    hashes: Smalls,
    slots: Smalls,
    begins: Ints,
    lengths: Smalls,
    keys: Bytes,
    found: Smalls,
    places: Smalls,
    times_ms: Ints,
    values: Bytes,
    odd: Ints,
) -> int:
    """How many samples of known series there are, or DAMAGED, or CROWDED or TOO_MANY where they or the others do not fit.

    Args:
        data: a request.
        hashes, slots, begins, lengths, keys: the table.
        found: for each sample its slot; `places`, which entry of the request it is of; `times_ms`, and `values` as bytes.
        odd: how many entries are left to others, and for each its place (-1 for metadata), begin and end.
    """
    end = len(data)
    at = place = count = 0
    odd[0] = 0
    while at < end:
        tag = data[at]
        size, at = read_varint(data, at + 1, end)
        if at < 0 or at + size > end or tag not in (SERIES_TAG, METADATA_TAG):
            return DAMAGED
        stop = at + size
        first = count
        is_usual = False
        if tag == SERIES_TAG:
            behind = labels_end(data, at, stop)
            slot = -1
            if behind > at:
                slot = find_slot(data, at, behind, hashes, slots, begins, lengths, keys)
            is_usual = slot >= 0
            while is_usual and behind < stop:
                is_usual = data[behind] == SAMPLE_TAG
                if is_usual:
                    length, behind = read_varint(data, behind + 1, stop)
                    is_usual = behind >= 0 and behind + length <= stop
                if is_usual:
                    if count == len(found):
                        return CROWDED
                    is_usual = read_sample(data, behind, behind + length, count, times_ms, values)
                    found[count] = slot
                    places[count] = place
                    count += 1
                    behind += length
        if not is_usual:
            count = first
            if 3 * odd[0] + 4 > len(odd):
                return TOO_MANY
            noted = 3 * odd[0] + 1
            odd[noted] = place if tag == SERIES_TAG else -1
            odd[noted + 1] = at
            odd[noted + 2] = stop
            odd[0] += 1
        if tag == SERIES_TAG:
            place += 1
        at = stop
    return count
