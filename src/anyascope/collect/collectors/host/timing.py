"""The machine's clock: what time it has, what it counts by, and how well it is kept."""

from __future__ import annotations

import ctypes
import functools
import time
from typing import Any

from anyascope.collect.collectors.host.files import HostFiles, NoDataError
from anyascope.collect.points import Family, counter, gauge
from anyascope.model.metrics import MetricType

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_STA_NANO = 0x2000  # adjtimex(2): offsets are nanoseconds instead of microseconds
_NS_PER_S = 1e9
_US_PER_S = 1e6
_PPM_FRACTION = 1e6 * 65536.0  # adjtimex(2), notes: parts per million with a 16-bit fraction


def read_time(files: HostFiles, *, now_ns: int) -> list[Family]:
    """The time, its zone, and the clock sources that the kernel has."""
    zone = time.localtime(now_ns / _NS_PER_S)
    families = [
        gauge("node_time_seconds", "System time in seconds since 1970.", now_ns / _NS_PER_S),
        gauge(
            "node_time_zone_offset_seconds",
            "What local time is ahead of UTC, in seconds.",
            float(zone.tm_gmtoff),
            ("time_zone", zone.tm_zone),
        ),
    ]
    known = Family("node_time_clocksource_available_info", MetricType.GAUGE, "Clock sources that could be used.")
    current = Family("node_time_clocksource_current_info", MetricType.GAUGE, "The clock source that is used.")
    folder = "devices/system/clocksource"
    for name in files.sys_names(folder):
        device = ("device", name.removeprefix("clocksource"))
        for source in (files.sys_or_none(f"{folder}/{name}/available_clocksource") or "").split():
            known.add(1.0, device, ("clocksource", source))
        source_now = files.sys_or_none(f"{folder}/{name}/current_clocksource")
        if source_now:
            current.add(1.0, device, ("clocksource", source_now))
    return [*families, known, current]


class Timex(ctypes.Structure):
    """`struct timex` of 64-bit Linux. Source: adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time_sec", ctypes.c_long),
        ("time_usec", ctypes.c_long),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tai", ctypes.c_int),
        ("padding", ctypes.c_int * 11),
    )


@functools.cache
def _adjtimex() -> Any:
    try:
        return ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None


def read_timex() -> list[Family]:
    """How well the clock is kept. Only reads: no mode is set, so no privilege is needed."""
    call = _adjtimex()
    found = Timex()
    state = -1 if call is None else call(ctypes.byref(found))
    if state < 0:
        raise NoDataError("adjtimex is not allowed here")
    return timex_families(found, is_synchronised=state != _TIME_ERROR)


def timex_families(found: Timex, *, is_synchronised: bool) -> list[Family]:
    """The clock's state in seconds and ratios."""
    unit = _NS_PER_S if found.status & _STA_NANO else _US_PER_S
    return [
        gauge("node_timex_sync_status", "Whether a reliable server keeps the clock.", float(is_synchronised)),
        gauge("node_timex_offset_seconds", "What the clock is off its reference.", found.offset / unit),
        gauge(
            "node_timex_frequency_adjustment_ratio",
            "How the clock's frequency is adjusted.",
            1 + found.freq / _PPM_FRACTION,
        ),
        gauge("node_timex_maxerror_seconds", "Largest error.", found.maxerror / _US_PER_S),
        gauge("node_timex_estimated_error_seconds", "Estimated error.", found.esterror / _US_PER_S),
        gauge("node_timex_status", "Bits of the clock's state.", float(found.status)),
        gauge("node_timex_loop_time_constant", "Time constant of the phase-locked loop.", float(found.constant)),
        gauge("node_timex_tick_seconds", "Seconds between two ticks.", found.tick / _US_PER_S),
        gauge("node_timex_pps_frequency_hertz", "Frequency of the pulse per second.", found.ppsfreq / _PPM_FRACTION),
        gauge("node_timex_pps_jitter_seconds", "Jitter of the pulse per second.", found.jitter / unit),
        gauge("node_timex_pps_shift_seconds", "Interval of the pulse per second.", float(found.shift)),
        gauge("node_timex_pps_stability_hertz", "Stability of the pulse per second.", found.stabil / _PPM_FRACTION),
        counter("node_timex_pps_jitter_total", "Times that the jitter was too large.", float(found.jitcnt)),
        counter("node_timex_pps_calibration_total", "Calibration intervals.", float(found.calcnt)),
        counter("node_timex_pps_error_total", "Calibration errors.", float(found.errcnt)),
        counter("node_timex_pps_stability_exceeded_total", "Times that it was not stable.", float(found.stbcnt)),
        gauge("node_timex_tai_offset_seconds", "Offset of International Atomic Time.", float(found.tai)),
    ]
