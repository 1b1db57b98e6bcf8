"""Unit tests of the host collector, on a made-up machine."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from anyascope.clock import ManualClock
from anyascope.collect.collectors.host import disks, portable, sensors
from anyascope.collect.collectors.host.collector import HostCollector, linux_readers
from anyascope.collect.collectors.host.cpu import read_cpufreq
from anyascope.collect.collectors.host.files import HostFiles, NoDataError, read_text
from anyascope.collect.points import Family


def make(root: Path, files: dict[str, str]) -> HostFiles:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "proc").mkdir(exist_ok=True)
    (root / "sys").mkdir(exist_ok=True)
    return HostFiles(root / "proc", root / "sys", root)


def success(families: list[Family]) -> dict[str, float]:
    family = next(family for family in families if family.name == "node_scrape_collector_success")
    return {dict(labels)["collector"]: value for labels, value in family.points}


def values(families: list[Family], name: str) -> dict[tuple, float]:
    return {labels: value for family in families if family.name == name for labels, value in family.points}


def test_what_is_not_there_is_no_failure(tmp_path) -> None:
    """A machine without a file has no success for it, and nothing is failing."""
    collector = HostCollector(make(tmp_path, {"proc/loadavg": "1 2 3 4/5 6"}), ManualClock())
    found = success(collector.collect())
    assert (found["loadavg"], found["meminfo"], found["hwmon"]) == (1.0, 0.0, 0.0)
    assert collector.failing() == []


def test_one_broken_file_stops_no_other(tmp_path) -> None:
    """What no kernel wrote before fails its own collector only, until it is read again."""
    files = make(tmp_path, {"proc/loadavg": "a b c", "proc/meminfo": "MemTotal: 1 kB"})
    collector = HostCollector(files, ManualClock())
    found = success(collector.collect())
    assert (found["loadavg"], found["meminfo"]) == (0.0, 1.0)
    assert collector.failing() == ["loadavg"]
    (tmp_path / "proc/loadavg").write_text("1 2 3")
    collector.collect()
    assert collector.failing() == []


def test_every_collector_tells_its_duration(tmp_path) -> None:
    """Duration and success are there for each collector."""
    families = HostCollector(make(tmp_path, {}), ManualClock()).collect()
    assert len(values(families, "node_scrape_collector_duration_seconds")) == len(success(families))
    assert set(success(families)) == set(linux_readers(HostFiles(), ManualClock()))


def test_reads_this_machine() -> None:
    """On a real machine the usual things are there."""
    families = HostCollector(HostFiles(), ManualClock()).collect()
    names = {family.name for family in families if family.points}
    assert {"node_cpu_seconds_total", "node_memory_MemAvailable_bytes", "node_load1", "node_uname_info"} <= names
    assert len({(family.name, labels) for family in families for labels, _ in family.points}) == sum(
        len(family.points) for family in families
    )


def test_frequencies(tmp_path) -> None:
    """Frequencies are in hertz; the governor in charge has the value 1."""
    folder = "sys/devices/system/cpu/cpu0/cpufreq/"
    files = make(
        tmp_path,
        {
            f"{folder}scaling_cur_freq": "1200000\n",
            f"{folder}cpuinfo_cur_freq": "<unknown>\n",
            f"{folder}scaling_governor": "powersave\n",
            f"{folder}scaling_available_governors": "performance powersave\n",
            "sys/devices/system/cpu/cpuidle/x": "",
        },
    )
    families = read_cpufreq(files)
    assert values(families, "node_cpu_scaling_frequency_hertz") == {(("cpu", "0"),): 1_200_000_000.0}
    assert values(families, "node_cpu_frequency_hertz") == {}
    assert list(values(families, "node_cpu_scaling_governor").values()) == [0.0, 1.0]


def test_filesystems(tmp_path) -> None:
    """Space of what holds data; memory file systems and the kernel's own are left out."""
    text = "22 1 254:0 / / rw - ext4 /dev/vda rw\n23 22 0:5 / /dev rw - devtmpfs x rw\n24 22 0:6 / /gone ro - xfs /dev/b rw\n"
    families = disks.read_filesystems(make(tmp_path, {"proc/1/mountinfo": text}), disks.SpaceReader())
    root = (("device", "/dev/vda"), ("mountpoint", "/"), ("fstype", "ext4"), ("device_error", ""))
    assert set(values(families, "node_filesystem_size_bytes")) == {root}
    errors = {
        dict(labels)["mountpoint"]: value for labels, value in values(families, "node_filesystem_device_error").items()
    }
    assert errors == {"/": 0.0, "/gone": 1.0}
    readonly = {dict(labels)["mountpoint"]: v for labels, v in values(families, "node_filesystem_readonly").items()}
    assert readonly == {"/": 0.0, "/gone": 1.0}


def test_a_dead_server_is_asked_once(monkeypatch) -> None:
    """A remote file system that does not answer is told as an error and not asked again before it did."""
    asked = []
    release = threading.Event()

    def hang(path: str) -> disks.Space:
        asked.append(path)
        release.wait(60)
        return disks.Space(size=5.0)

    monkeypatch.setattr(disks, "_ask", hang)
    monkeypatch.setattr(disks, "REMOTE_TIMEOUT_S", 0.05)
    reader = disks.SpaceReader()
    assert reader.space("/nas", is_remote=True).error == disks.STUCK
    assert reader.space("/nas", is_remote=True).error == disks.STUCK
    release.set()
    next(iter(reader._stuck.values())).join(60)
    assert len(asked) == 1
    monkeypatch.setattr(disks, "REMOTE_TIMEOUT_S", 60.0)
    assert reader.space("/nas", is_remote=True).size == 5.0


def test_hwmon_and_thermal(tmp_path) -> None:
    """Sensors are found below their folders; a chip without a device goes by its name."""
    files = make(
        tmp_path,
        {
            "sys/class/hwmon/hwmon0/name": "acpitz\n",
            "sys/class/hwmon/hwmon0/temp1_input": "27800\n",
            "sys/class/hwmon/hwmon0/uevent": "",
            "sys/class/thermal/thermal_zone0/type": "x86_pkg_temp\n",
            "sys/class/thermal/thermal_zone0/temp": "44000\n",
            "sys/class/thermal/cooling_device1/type": "Processor\n",
            "sys/class/thermal/cooling_device1/cur_state": "0\n",
            "sys/class/thermal/cooling_device1/max_state": "3\n",
        },
    )
    assert values(sensors.read_hwmon(files), "node_hwmon_temp_celsius") == {
        (("chip", "acpitz"), ("sensor", "temp1")): 27.8
    }
    found = sensors.read_thermal(files)
    assert values(found, "node_thermal_zone_temp") == {(("zone", "0"), ("type", "x86_pkg_temp")): 44.0}
    assert values(found, "node_cooling_device_max_state") == {(("name", "1"), ("type", "Processor")): 3.0}


def test_power_supplies(tmp_path) -> None:
    """Mains and batteries are told as connected or not, under node_exporter's name for the collector."""
    supplies = {"AC/online": "1\n", "UPS/online": "0\n", "BAT0/capacity": "80\n"}
    files = make(tmp_path, {f"sys/class/power_supply/{name}": text for name, text in supplies.items()})
    found = linux_readers(files, ManualClock())["powersupplyclass"]()
    assert values(found, "node_power_supply_online") == {
        (("power_supply", "AC"),): 1.0,
        (("power_supply", "UPS"),): 0.0,
    }


def test_a_missing_file_is_no_data(tmp_path) -> None:
    """A file that cannot be read says so in one way."""
    with pytest.raises(NoDataError):
        read_text(f"{tmp_path}/nothing")


def test_other_systems_tell_the_same_names() -> None:
    """What is read through psutil has the names that it has on Linux."""
    for name, read in portable.readers(ManualClock()).items():
        families = read()
        assert all(family.name.startswith("node_") for family in families), name
        assert any(family.points for family in families), name
