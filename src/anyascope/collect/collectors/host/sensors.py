"""Temperatures, fans, voltages and what cools, from /sys/class/hwmon and /sys/class/thermal."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from anyascope.collect.collectors.host.files import HostFiles
from anyascope.collect.points import Family
from anyascope.model.metrics import MetricType

_FOREIGN = re.compile(r"[^a-z0-9:_]")
_SENSOR_FILE = re.compile(r"(in|cpu|fan|pwm|temp|curr|power|energy|humidity|freq)([0-9]+)(?:_(.+))?")
_MILLI = 1e-3
_MICRO = 1e-6

# Kind of sensor -> unit in the name, factor, which properties have it (all where empty).
_UNITS: Mapping[str, tuple[str, float, frozenset[str]]] = {
    "in": ("_volts", _MILLI, frozenset()),
    "cpu": ("_volts", _MILLI, frozenset()),
    "temp": ("_celsius", _MILLI, frozenset()),
    "curr": ("_amps", _MILLI, frozenset()),
    "power": ("_watt", _MICRO, frozenset()),
    "energy": ("_joule_total", _MICRO, frozenset()),
    "freq": ("_freq_mhz", _MICRO, frozenset(("input",))),
    "fan": ("_rpm", 1.0, frozenset(("input", "min", "max", "target"))),
}
_PLAIN_PROPERTIES = frozenset(("fault", "alarm", "type", "enable"))


def clean_name(text: str) -> str:
    """A name as node_exporter writes chips and properties: lower case, foreign characters as `_`."""
    return _FOREIGN.sub("_", text.strip().lower()).strip("_")


def sensor_families(chip: str, chip_name: str, texts: Mapping[str, str]) -> list[Family]:
    """The sensors of one chip, from its files' texts.

    Source: the kernel's Documentation/hwmon/sysfs-interface.
    """
    families: dict[str, Family] = {}
    if chip_name:
        names = Family("node_hwmon_chip_names", MetricType.GAUGE, "What each chip is called; the value is 1.")
        names.add(1.0, ("chip", chip), ("chip_name", clean_name(chip_name)))
        families[names.name] = names
    for file, text in texts.items():
        found = _SENSOR_FILE.fullmatch(file)
        if found is None:
            continue
        kind, number, property_name = found.group(1), found.group(2), found.group(3) or ""
        labels = (("chip", chip), ("sensor", f"{kind}{number}"))
        if property_name == "label":
            family = families.setdefault(
                "node_hwmon_sensor_label",
                Family("node_hwmon_sensor_label", MetricType.GAUGE, "What each sensor is called; the value is 1."),
            )
            family.add(1.0, *labels, ("label", text.strip().lower().replace(" ", "_")))
            continue
        name, factor = _sensor_metric(kind, property_name)
        try:
            value = float(text) * factor
        except ValueError:
            continue  # a property that is no number, such as a mode
        is_total = name.endswith("_total")
        family = families.setdefault(
            name, Family(name, MetricType.COUNTER if is_total else MetricType.GAUGE, f"Hardware monitor {name[11:]}.")
        )
        family.add(value, *labels)
    return list(families.values())


def _sensor_metric(kind: str, property_name: str) -> tuple[str, float]:
    name = f"node_hwmon_{kind}"
    if property_name not in ("", "input"):
        name += f"_{clean_name(property_name)}"
    if property_name == "beep":
        return f"{name}_enabled", 1.0
    if property_name in _PLAIN_PROPERTIES:
        return name, 1.0
    if kind == "humidity" or (kind == "power" and property_name == "accuracy"):
        return name, _MICRO
    if kind == "power" and property_name.startswith("average_interval"):
        return f"{name}_seconds", _MILLI
    unit, factor, only = _UNITS.get(kind, ("", 1.0, frozenset()))
    if only and property_name not in only:
        return name, 1.0
    return name + unit, factor


def read_hwmon(files: HostFiles) -> list[Family]:
    """All sensors of this machine."""
    merged: dict[str, Family] = {}
    for entry in files.sys_names("class/hwmon"):
        folder = f"class/hwmon/{entry}"
        texts = {
            name: text
            for name in files.sys_names(folder)
            if _SENSOR_FILE.fullmatch(name) and (text := files.sys_or_none(f"{folder}/{name}")) is not None
        }
        chip_name = files.sys_or_none(f"{folder}/name") or ""
        for family in sensor_families(_chip(files, folder, chip_name, entry), chip_name, texts):
            merged.setdefault(family.name, Family(family.name, family.type, family.help)).points.extend(family.points)
    return list(merged.values())


def _chip(files: HostFiles, folder: str, chip_name: str, entry: str) -> str:
    """By the device's place on its bus, which outlives a restart; by name where it has none."""
    try:
        device = os.path.realpath(f"{files.sysfs}/{folder}/device", strict=True)
    except OSError:
        return clean_name(chip_name) or clean_name(entry)
    kind, name = device.split("/")[-2:]
    return f"{clean_name(kind)}_{clean_name(name)}"


def read_thermal(files: HostFiles) -> list[Family]:
    """Thermal zones and cooling devices."""
    zones = Family("node_thermal_zone_temp", MetricType.GAUGE, "Temperature of the zone in degrees Celsius.")
    now = Family("node_cooling_device_cur_state", MetricType.GAUGE, "How much the device cools.")
    most = Family("node_cooling_device_max_state", MetricType.GAUGE, "How much the device can cool.")
    for entry in files.sys_names("class/thermal"):
        folder = f"class/thermal/{entry}"
        kind = ("type", files.sys_or_none(f"{folder}/type") or "")
        if entry.startswith("thermal_zone"):
            temperature = files.sys_or_none(f"{folder}/temp")
            if temperature is not None:
                zones.add(float(temperature) * _MILLI, ("zone", entry.removeprefix("thermal_zone")), kind)
        elif entry.startswith("cooling_device"):
            name = ("name", entry.removeprefix("cooling_device"))
            for family, key in ((now, "cur_state"), (most, "max_state")):
                state = files.sys_or_none(f"{folder}/{key}")
                if state is not None:
                    family.add(float(state), name, kind)
    return [zones, now, most]


def read_power_supplies(files: HostFiles) -> list[Family]:
    """Whether mains and batteries are connected."""
    family = Family("node_power_supply_online", MetricType.GAUGE, "Whether the supply is connected.")
    for entry in files.sys_names("class/power_supply"):
        state = files.sys_or_none(f"class/power_supply/{entry}/online")
        if state is not None and state.isdigit():
            family.add(float(state), ("power_supply", entry))
    return [family]
