"""The walks over the bytes of remote-write requests, to be compiled; `walk.py` says what they are for."""

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
# Of remote write 2.0; samples have the tag and fields of 1.0.
SYMBOL_TAG, SERIES_TAG_V2, REFS_TAG, METADATA_TAG_V2, CREATED_TAG = 0x22, 0x2A, 0x0A, 0x2A, 0x30
TYPE_TAG, HELP_TAG, UNIT_TAG = 0x08, 0x18, 0x20
TYPES = 8  # of metrics; what is beyond belongs to a later version
ABOUT_FIELDS = 5  # what is noted of a metric's metadata: place, slot, type, and symbols of help and unit
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


def read_symbols(data: Bytes, symbols: Ints) -> tuple[int, int]:
    """How many symbols a request begins with, and where they end; (-1, -1) where there is no room for them, or damage.

    Of each its begin and end are written, and whether it is `__name__`.
    """
    at = count = 0
    end = len(data)
    while at < end and data[at] == SYMBOL_TAG:
        size, at = read_varint(data, at + 1, end)
        if at < 0 or at + size > end or 3 * count + 3 > len(symbols):
            return -1, -1
        symbols[3 * count] = at
        symbols[3 * count + 1] = at + size
        symbols[3 * count + 2] = is_name(data, at, at + size)
        at += size
        count += 1
    return count, at


def is_name(data: Bytes, begin: int, end: int) -> int:
    """1 where these bytes are `__name__`."""
    if end - begin != 8:
        return 0
    for place in range(2):
        if data[begin + place] != 0x5F or data[begin + 6 + place] != 0x5F:
            return 0
    word = data[begin + 2] == 0x6E and data[begin + 3] == 0x61 and data[begin + 4] == 0x6D and data[begin + 5] == 0x65
    return 1 if word else 0


def write_key(data: Bytes, at: int, end: int, symbols: Ints, count: int, key: Bytes) -> tuple[int, int]:
    """The texts of these references as a key: its size, and the symbol of the metric's name; (0, -1) where it is none.

    A text is two bytes of its size, the lower first, and its own.
    """
    size = texts = 0
    metric = -1
    is_metric = False
    while at < end:
        ref, at = read_varint(data, at, end)
        if at < 0 or ref >= count:
            return 0, -1
        begin, stop = symbols[3 * ref], symbols[3 * ref + 1]
        length = stop - begin
        if size + 2 + length > len(key):
            return 0, -1
        key[size] = length & 0xFF
        key[size + 1] = length >> 8
        own, room = data[begin:stop], key[size + 2 : size + 2 + length]
        for place in range(len(own)):
            room[place] = own[place]
        size += 2 + length
        if is_metric and length:
            metric = ref
        is_metric = texts % 2 == 0 and symbols[3 * ref + 2] == 1
        texts += 1
    return (size, metric) if metric >= 0 and texts % 2 == 0 else (0, -1)


def read_about(data: Bytes, at: int, end: int, count: int, about: Ints) -> bool:
    """Whether these bytes are metadata: type, and symbols of help and unit, which are then written behind a 1."""
    if about[0]:
        return False  # a second one is merged into the first
    about[0] = 1
    about[1] = about[2] = about[3] = 0
    while at < end:
        tag = data[at]
        value, at = read_varint(data, at + 1, end)
        if at < 0:
            return False
        if tag == TYPE_TAG and value < TYPES:
            about[1] = value
        elif tag == HELP_TAG and value < count:
            about[2] = value
        elif tag == UNIT_TAG and value < count:
            about[3] = value
        else:
            return False
    return True


def note_about(told: Ints, about: Ints, abouts: Ints, place: int, slot: int) -> bool:
    """Whether a series' metadata are what was noted of its metric before, or there was room to note them."""
    if told[0] == about[1] + 1 and told[1] == about[2] and told[2] == about[3]:
        return True
    noted = ABOUT_FIELDS * abouts[0] + 1
    if noted + ABOUT_FIELDS > len(abouts):
        return False
    told[0], told[1], told[2] = about[1] + 1, about[2], about[3]
    abouts[noted], abouts[noted + 1] = place, slot
    abouts[noted + 2], abouts[noted + 3], abouts[noted + 4] = about[1], about[2], about[3]
    abouts[0] += 1
    return True


def read_series(
    data: Bytes, at: int, end: int, count: int, number: int, times_ms: Ints, values: Bytes, about: Ints
) -> int:
    """How many samples these bytes behind the references hold, written from that number on; or DAMAGED, or CROWDED."""
    first = number
    about[0] = 0
    while at < end:
        tag = data[at]
        length, at = read_varint(data, at + 1, end)
        if at < 0 or (tag != CREATED_TAG and at + length > end):
            return DAMAGED
        if tag == SAMPLE_TAG:
            if number == len(times_ms):
                return CROWDED
            if not read_sample(data, at, at + length, number, times_ms, values):
                return DAMAGED
            number += 1
            at += length
        elif tag == METADATA_TAG_V2:
            if not read_about(data, at, at + length, count, about):
                return DAMAGED
            at += length
        elif tag != CREATED_TAG:
            return DAMAGED
    return number - first


@kernel(
    "u1[:] i4[:] i4[:] i8[:] i4[:] u1[:] i8[:]! i8[:]! u1[:]! i4[:]! i4[:]! i8[:]! u1[:]! i8[:]! i8[:]!",
    read_varint,
    hash_bytes,
    are_equal,
    find_slot,
    read_sample,
    is_name,
    read_symbols,
    write_key,
    read_about,
    note_about,
    read_series,
)
def walk_v2(
    data: Bytes,
    hashes: Smalls,
    slots: Smalls,
    begins: Ints,
    lengths: Smalls,
    keys: Bytes,
    symbols: Ints,
    told: Ints,
    key: Bytes,
    found: Smalls,
    places: Smalls,
    times_ms: Ints,
    values: Bytes,
    odd: Ints,
    abouts: Ints,
) -> int:
    """The same of a remote-write 2.0 request.

    Args:
        data: a request.
        hashes, slots, begins, lengths, keys: the table.
        symbols: how many there are, then of each its begin, its end, and whether it is `__name__`.
        told: room for three numbers a symbol, zeros: what was noted of the metric of that name.
        key: room for one.
        found, places, times_ms, values, odd: as in `walk`; series alone are left to others.
        abouts: how many metadata, then of each its place, slot, type, and symbols of help and unit; none twice in a row.
    """
    end = len(data)
    metric = slot = -1
    count, at = read_symbols(data, symbols[1:])
    if count < 0:
        return DAMAGED
    symbols[0] = count
    about = np.zeros(4, np.int64)
    place = samples = 0
    odd[0] = abouts[0] = 0
    while at < end:
        tag = data[at]
        size, at = read_varint(data, at + 1, end)
        if at < 0 or at + size > end or tag != SERIES_TAG_V2:
            return DAMAGED
        stop = at + size
        more = -1
        if size and data[at] == REFS_TAG:
            length, behind = read_varint(data, at + 1, stop)
            if behind >= 0 and behind + length <= stop:
                key_size, metric = write_key(data, behind, behind + length, symbols[1:], count, key)
                slot = find_slot(key, 0, key_size, hashes, slots, begins, lengths, keys) if key_size else -1
                if slot >= 0:
                    more = read_series(data, behind + length, stop, count, samples, times_ms, values, about)
        if more == CROWDED:
            return CROWDED
        if more >= 0 and about[0] and not note_about(told[3 * metric : 3 * metric + 3], about, abouts, place, slot):
            more = -1
        for own in range(samples, samples + max(more, 0)):
            found[own] = slot
            places[own] = place
        samples += max(more, 0)
        if more < 0:
            if 3 * odd[0] + 4 > len(odd):
                return TOO_MANY
            noted = 3 * odd[0] + 1
            odd[noted], odd[noted + 1], odd[noted + 2] = place, at, stop
            odd[0] += 1
        place += 1
        at = stop
    return samples
