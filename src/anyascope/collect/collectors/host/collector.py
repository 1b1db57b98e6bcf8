"""The host collector: all of them, each with its duration and its success."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping

import structlog

from anyascope.clock import Clock
from anyascope.collect.collectors.host import cpu, disks, interfaces, kernel, memory, network, portable, sensors, timing
from anyascope.collect.collectors.host.files import HostFiles, NoDataError
from anyascope.collect.points import Family
from anyascope.model.metrics import MetricType

log = structlog.get_logger("anyascope.collect")

Reader = Callable[[], list[Family]]


class HostCollector:
    """Reads this machine.

    Args:
        files: where the kernel's files are.
        clock: for `node_time_seconds`.
    """

    def __init__(self, files: HostFiles, clock: Clock) -> None:
        self._readers = linux_readers(files, clock) if sys.platform == "linux" else portable.readers(clock)
        self._failing: set[str] = set()

    def collect(self) -> list[Family]:
        """All families of this machine now. Blocks for some milliseconds; never raises."""
        families: list[Family] = []
        durations = Family(
            "node_scrape_collector_duration_seconds", MetricType.GAUGE, "Seconds that each collector took."
        )
        successes = Family("node_scrape_collector_success", MetricType.GAUGE, "Whether each collector succeeded.")
        for name, read in self._readers.items():
            started = time.perf_counter()
            is_read = self._read(name, read, families)
            durations.add(time.perf_counter() - started, ("collector", name))
            successes.add(float(is_read), ("collector", name))
        return [*families, durations, successes]

    def failing(self) -> list[str]:
        """The collectors that failed at the last collection; to have nothing to read is no failure."""
        return sorted(self._failing)

    def _read(self, name: str, read: Reader, families: list[Family]) -> bool:
        try:
            families += read()
        except NoDataError:
            self._failing.discard(name)
            return False
        except Exception:
            # The kernel wrote what no kernel wrote before: the other collectors go on.
            if name not in self._failing:
                log.exception("host_collector_failed", collector=name)
            self._failing.add(name)
            return False
        self._failing.discard(name)
        return True


def linux_readers(files: HostFiles, clock: Clock) -> Mapping[str, Reader]:
    """node_exporter's collectors by its names for them."""
    times = cpu.CpuTimes()
    space = disks.SpaceReader()
    ticks_per_s = float(os.sysconf("SC_CLK_TCK"))
    return {
        "arp": lambda: network.parse_arp(files.proc("net/arp")),
        "conntrack": lambda: network.read_conntrack(files),
        "cpu": lambda: cpu.parse_cpu(files.proc("stat"), ticks_per_s=ticks_per_s, times=times),
        "cpufreq": lambda: cpu.read_cpufreq(files),
        "diskstats": lambda: disks.read_diskstats(files),
        "entropy": lambda: kernel.read_entropy(files),
        "filefd": lambda: kernel.parse_file_nr(files.proc("sys/fs/file-nr")),
        "filesystem": lambda: disks.read_filesystems(files, space),
        "hwmon": lambda: sensors.read_hwmon(files),
        "kernel_hung": lambda: kernel.read_hung_tasks(files),
        "loadavg": lambda: kernel.parse_loadavg(files.proc("loadavg")),
        "meminfo": lambda: memory.parse_meminfo(files.proc("meminfo")),
        "netclass": lambda: interfaces.read_interfaces(files),
        "netdev": lambda: network.read_netdev(files),
        "netstat": lambda: network.read_netstat(files),
        "os": lambda: kernel.read_os(files),
        "powersupplyclass": lambda: sensors.read_power_supplies(files),
        "pressure": lambda: kernel.read_pressure(files),
        "schedstat": lambda: cpu.parse_schedstat(files.proc("schedstat")),
        "selinux": lambda: kernel.selinux_family(files),
        "sockstat": lambda: network.read_sockstat(files),
        "softnet": lambda: network.parse_softnet(files.proc("net/softnet_stat")),
        "stat": lambda: cpu.parse_stat(files.proc("stat")),
        "thermal_zone": lambda: sensors.read_thermal(files),
        "time": lambda: timing.read_time(files, now_ns=clock.now_ns()),
        "timex": timing.read_timex,
        "udp_queues": lambda: network.read_udp_queues(files),
        "uname": lambda: kernel.read_uname(files),
        "vmstat": lambda: memory.parse_vmstat(files.proc("vmstat")),
    }
