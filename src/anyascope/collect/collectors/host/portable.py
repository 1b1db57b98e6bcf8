"""What can be read of a machine that is no Linux, through psutil, under the same names."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping

import psutil

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.points import Family, gauge
from anyascope.model.metrics import MetricType


def readers(clock: Clock) -> Mapping[str, Callable[[], list[Family]]]:
    """The collectors that work everywhere."""
    return {
        "boottime": lambda: [
            gauge("node_boot_time_seconds", "When the machine booted, in Unix time.", psutil.boot_time())
        ],
        "cpu": read_cpu,
        "filesystem": read_filesystems,
        "loadavg": read_load,
        "meminfo": read_memory,
        "netdev": read_netdev,
        "time": lambda: [
            gauge("node_time_seconds", "System time in seconds since 1970.", clock.now_ns() / NS_PER_S),
        ],
        "uname": read_uname,
    }


def read_cpu() -> list[Family]:
    """Seconds of each processor by mode."""
    family = Family("node_cpu_seconds_total", MetricType.COUNTER, "Seconds the processors spent in each mode.")
    for number, times in enumerate(psutil.cpu_times(percpu=True)):
        for mode, seconds in times._asdict().items():
            if not mode.startswith("guest"):
                family.add(float(seconds), ("cpu", str(number)), ("mode", mode))
    return [family]


def read_memory() -> list[Family]:
    """Memory and swap, under the names that node_exporter has on macOS and the BSDs where they differ from Linux."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return [
        gauge("node_memory_total_bytes", "Memory in all.", float(memory.total)),
        gauge("node_memory_free_bytes", "Memory that nobody uses.", float(memory.free)),
        gauge("node_memory_MemAvailable_bytes", "Memory that programs can get.", float(memory.available)),
        gauge("node_memory_swap_total_bytes", "Swap in all.", float(swap.total)),
        gauge("node_memory_swap_used_bytes", "Swap in use.", float(swap.used)),
    ]


def read_load() -> list[Family]:
    """Load over 1, 5 and 15 minutes."""
    return [
        gauge(f"node_load{minutes}", f"Load average of {minutes} minutes.", value)
        for minutes, value in zip((1, 5, 15), psutil.getloadavg(), strict=True)
    ]


def read_filesystems() -> list[Family]:
    """Space of the file systems on devices."""
    size = Family("node_filesystem_size_bytes", MetricType.GAUGE, "Size of the file system.")
    avail = Family("node_filesystem_avail_bytes", MetricType.GAUGE, "Free space that users may fill.")
    for part in psutil.disk_partitions(all=False):
        labels = (("device", part.device), ("mountpoint", part.mountpoint), ("fstype", part.fstype))
        try:
            usage = psutil.disk_usage(part.mountpoint)
        except OSError:
            continue  # an empty drive
        size.add(float(usage.total), *labels)
        avail.add(float(usage.free), *labels)
    return [size, avail]


def read_netdev() -> list[Family]:
    """Counters of each interface."""
    told = (
        ("receive_bytes", "bytes_recv"),
        ("receive_packets", "packets_recv"),
        ("receive_errs", "errin"),
        ("receive_drop", "dropin"),
        ("transmit_bytes", "bytes_sent"),
        ("transmit_packets", "packets_sent"),
        ("transmit_errs", "errout"),
        ("transmit_drop", "dropout"),
    )
    families = [
        Family(f"node_network_{name}_total", MetricType.COUNTER, f"Network device statistic {name}.")
        for name, _ in told
    ]
    for device, found in psutil.net_io_counters(pernic=True).items():
        for family, (_, field) in zip(families, told, strict=True):
            family.add(float(getattr(found, field)), ("device", device))
    return families


def read_uname() -> list[Family]:
    """What this machine is."""
    found = platform.uname()
    return [
        gauge(
            "node_uname_info",
            "What uname tells; the value is 1.",
            1.0,
            ("sysname", found.system),
            ("release", found.release),
            ("version", found.version),
            ("machine", found.machine),
            ("nodename", found.node),
            ("domainname", os.environ.get("USERDNSDOMAIN", "")),
        )
    ]
