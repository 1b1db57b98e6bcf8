"""Processors: time by mode, and what else /proc/stat tells; frequency; waiting."""

from __future__ import annotations

from dataclasses import dataclass, field

from anyascope.collect.collectors.host.files import HostFiles
from anyascope.collect.points import Family, counter, gauge
from anyascope.model.metrics import MetricType

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
GUEST_MODES = ("user", "nice")
RESET_S_MIN = 3.0  # an idle time that falls by more is a processor that was unplugged; by less, the kernel's arithmetic
_NS_PER_S = 1e9
_HZ_PER_KHZ = 1000.0


@dataclass(slots=True)
class CpuTimes:
    """Times by processor that never fall: the kernel takes back some of idle and iowait, which would look like a restart."""

    _last: dict[str, list[float]] = field(default_factory=dict)

    def settle(self, cpu: str, seconds: list[float]) -> list[float]:
        """The times to tell for what was read."""
        last = self._last.get(cpu)
        idle = MODES.index("idle")
        if last is not None and len(last) == len(seconds) and last[idle] - seconds[idle] < RESET_S_MIN:
            seconds = [max(now, before) for now, before in zip(seconds, last, strict=True)]
        self._last[cpu] = seconds
        return seconds


def parse_cpu(text: str, *, ticks_per_s: float, times: CpuTimes) -> list[Family]:
    """Seconds of each processor by mode, from /proc/stat.

    Source: proc(5), /proc/stat.
    """
    modes = Family("node_cpu_seconds_total", MetricType.COUNTER, "Seconds the processors spent in each mode.")
    guests = Family(
        "node_cpu_guest_seconds_total", MetricType.COUNTER, "Seconds the processors spent in guests, by mode."
    )
    for line in text.splitlines():
        name, *fields = line.split()
        if not name.startswith("cpu") or name == "cpu":
            continue
        cpu = ("cpu", name[len("cpu") :])
        seconds = times.settle(name, [int(value) / ticks_per_s for value in fields])
        for mode, value in zip(MODES, seconds, strict=False):
            modes.points.append(((cpu, ("mode", mode)), value))
        for mode, value in zip(GUEST_MODES, seconds[len(MODES) :], strict=False):
            guests.points.append(((cpu, ("mode", mode)), value))
    return [modes, guests]


def parse_stat(text: str) -> list[Family]:
    """What /proc/stat tells beside the processors.

    Source: proc(5), /proc/stat.
    """
    found = dict(line.split(maxsplit=1) for line in text.splitlines() if " " in line)
    told = (
        ("intr", counter, "node_intr_total", "Interrupts serviced."),
        ("ctxt", counter, "node_context_switches_total", "Context switches."),
        ("processes", counter, "node_forks_total", "Forks."),
        ("btime", gauge, "node_boot_time_seconds", "When the machine booted, in Unix time."),
        ("procs_running", gauge, "node_procs_running", "Processes that can run."),
        ("procs_blocked", gauge, "node_procs_blocked", "Processes that wait for input or output."),
    )
    return [make(name, text, float(found[key].split()[0])) for key, make, name, text in told if key in found]


def parse_schedstat(text: str) -> list[Family]:
    """Running and waiting of each processor's tasks, from /proc/schedstat.

    Source: the kernel's Documentation/scheduler/sched-stats.
    """
    running = Family("node_schedstat_running_seconds_total", MetricType.COUNTER, "Seconds tasks spent running.")
    waiting = Family("node_schedstat_waiting_seconds_total", MetricType.COUNTER, "Seconds tasks waited to run.")
    slices = Family("node_schedstat_timeslices_total", MetricType.COUNTER, "Time slices run.")
    for line in text.splitlines():
        name, *fields = line.split()
        if name.startswith("cpu") and len(fields) >= 9:
            cpu = ("cpu", name[len("cpu") :])
            ran, waited, count = (float(value) for value in fields[6:9])
            running.add(ran / _NS_PER_S, cpu)
            waiting.add(waited / _NS_PER_S, cpu)
            slices.add(count, cpu)
    return [running, waiting, slices]


_FREQUENCIES = (
    ("cpuinfo_cur_freq", "node_cpu_frequency_hertz", "Current frequency of the processor."),
    ("cpuinfo_min_freq", "node_cpu_frequency_min_hertz", "Lowest frequency of the processor."),
    ("cpuinfo_max_freq", "node_cpu_frequency_max_hertz", "Highest frequency of the processor."),
    ("scaling_cur_freq", "node_cpu_scaling_frequency_hertz", "Current frequency as the governor scales it."),
    ("scaling_min_freq", "node_cpu_scaling_frequency_min_hertz", "Lowest frequency that the governor may choose."),
    ("scaling_max_freq", "node_cpu_scaling_frequency_max_hertz", "Highest frequency that the governor may choose."),
)


def read_cpufreq(files: HostFiles) -> list[Family]:
    """Frequencies of each processor, where the kernel scales them."""
    families = {key: Family(name, MetricType.GAUGE, text) for key, name, text in _FREQUENCIES}
    governors = Family("node_cpu_scaling_governor", MetricType.GAUGE, "Which governor scales the processor.")
    for name in files.sys_names("devices/system/cpu"):
        if not name.startswith("cpu") or not name[len("cpu") :].isdigit():
            continue
        cpu = ("cpu", name[len("cpu") :])
        folder = f"devices/system/cpu/{name}/cpufreq"
        for key, family in families.items():
            khz = files.sys_or_none(f"{folder}/{key}")
            if khz is not None and khz.isdigit():
                family.add(int(khz) * _HZ_PER_KHZ, cpu)
        governor = files.sys_or_none(f"{folder}/scaling_governor")
        if governor:
            known = (files.sys_or_none(f"{folder}/scaling_available_governors") or governor).split()
            for one in known:
                governors.add(float(one == governor), cpu, ("governor", one))
    return [*families.values(), governors]
