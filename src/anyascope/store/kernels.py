"""The loops of the store over chunks of samples, each to be compiled; numpy does the same until it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anyascope.compiled import kernel

Ints = NDArray[np.int64]
Smalls = NDArray[np.int32]
Floats = NDArray[np.float64]
NONE = -1  # no chunk


@kernel("i8[:] i4[:] i4[:] i8[:] i4[:] i8[:,:] i8 i8 i8[:]!")
def count_samples(
    refs: Ints,
    current: Smalls,
    before: Smalls,
    newest_ms: Ints,
    fill: Smalls,
    times_ms: Ints,
    start_ms: int,
    end_ms: int,
    counts: Ints,
) -> None:
    """How many samples each series has in the stretch (inclusive): its chain of chunks is walked from the newest."""
    size = times_ms.shape[1]
    for row in range(len(refs)):
        chunk = current[refs[row]]
        filled = fill[refs[row]]
        found = 0
        while chunk != NONE:
            if newest_ms[chunk] >= start_ms:
                for place in range(filled):
                    if start_ms <= times_ms[chunk, place] <= end_ms:
                        found += 1
            chunk = before[chunk]
            filled = size
        counts[row] = found


@kernel("i8[:] i4[:] i4[:] i8[:] i4[:] i8[:,:] f8[:,:] i8 i8 i8[:] i8[:]! f8[:]!")
def copy_samples(
    refs: Ints,
    current: Smalls,
    before: Smalls,
    newest_ms: Ints,
    fill: Smalls,
    times_ms: Ints,
    values: Floats,
    start_ms: int,
    end_ms: int,
    offsets: Ints,
    found_ms: Ints,
    found: Floats,
) -> bool:
    """Copy these samples side by side, each series' from its end backwards; whether all stand in time order, none twice."""
    size = times_ms.shape[1]
    is_ordered = True
    for row in range(len(refs)):
        chunk = current[refs[row]]
        filled = fill[refs[row]]
        end = offsets[row + 1]
        target = end
        while chunk != NONE and target > offsets[row]:
            if newest_ms[chunk] >= start_ms:
                for place in range(filled - 1, -1, -1):
                    time_ms = times_ms[chunk, place]
                    if start_ms <= time_ms <= end_ms:
                        target -= 1
                        found_ms[target] = time_ms
                        found[target] = values[chunk, place]
                        if target + 1 < end and time_ms >= found_ms[target + 1]:
                            is_ordered = False
            chunk = before[chunk]
            filled = size
    return is_ordered


@kernel("i8[:] i8[:] i8[:] i8[:] f8[:] i8[:]! f8[:]!")
def place_blocks(
    begins: Ints, counts: Ints, targets: Ints, times_ms: Ints, values: Floats, found_ms: Ints, found: Floats
) -> None:
    """Copy stretches of samples from where they begin to where they belong."""
    for row in range(len(begins)):
        begin, target = begins[row], targets[row]
        for place in range(counts[row]):
            found_ms[target + place] = times_ms[begin + place]
            found[target + place] = values[begin + place]
