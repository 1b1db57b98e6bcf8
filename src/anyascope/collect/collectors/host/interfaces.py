"""What each network interface is, from /sys/class/net."""

from __future__ import annotations

from collections.abc import Iterable

from anyascope.collect.collectors.host.files import HostFiles
from anyascope.collect.points import Family
from anyascope.model.metrics import MetricType

# Property file -> metric, whether hexadecimal; node_exporter's netclass.
_PROPERTIES: tuple[tuple[str, str, MetricType], ...] = (
    ("addr_assign_type", "address_assign_type", MetricType.GAUGE),
    ("carrier", "carrier", MetricType.GAUGE),
    ("carrier_changes", "carrier_changes_total", MetricType.COUNTER),
    ("carrier_up_count", "carrier_up_changes_total", MetricType.COUNTER),
    ("carrier_down_count", "carrier_down_changes_total", MetricType.COUNTER),
    ("dev_id", "device_id", MetricType.GAUGE),
    ("dormant", "dormant", MetricType.GAUGE),
    ("flags", "flags", MetricType.GAUGE),
    ("ifindex", "iface_id", MetricType.GAUGE),
    ("iflink", "iface_link", MetricType.GAUGE),
    ("link_mode", "iface_link_mode", MetricType.GAUGE),
    ("mtu", "mtu_bytes", MetricType.GAUGE),
    ("name_assign_type", "name_assign_type", MetricType.GAUGE),
    ("netdev_group", "net_dev_group", MetricType.GAUGE),
    ("speed", "speed_bytes", MetricType.GAUGE),
    ("tx_queue_len", "transmit_queue_length", MetricType.GAUGE),
    ("type", "protocol_type", MetricType.GAUGE),
)
_TEXTS = ("address", "broadcast", "duplex", "operstate", "ifalias")
_BYTES_PER_MBIT = 1_000_000 / 8
_FLAG_UP = 1


def interface_families(interfaces: Iterable[tuple[str, dict[str, str]]]) -> list[Family]:
    """What each (interface, property file -> text) is; a property that is absent or no number is left out.

    Source: the kernel's Documentation/ABI/testing/sysfs-class-net.
    """
    families = {
        key: Family(f"node_network_{name}", kind, f"Network device property {name}.") for key, name, kind in _PROPERTIES
    }
    up = Family("node_network_up", MetricType.GAUGE, "Whether the interface is up.")
    info = Family("node_network_info", MetricType.GAUGE, "What each interface is; the value is 1.")
    for device, found in interfaces:
        name = ("device", device)
        up.add(float(found.get("operstate") == "up"), name)
        flags = found.get("flags")
        is_up = flags is not None and int(flags, 0) & _FLAG_UP
        admin = "unknown" if flags is None else "up" if is_up else "down"
        info.add(1.0, name, ("adminstate", admin), *((key, found.get(key, "")) for key in _TEXTS))
        for key, family in families.items():
            if key in found:
                value = int(found[key], 0)
                family.add(value * _BYTES_PER_MBIT if key == "speed" else float(value), name)
    return [*families.values(), up, info]


def read_interfaces(files: HostFiles) -> list[Family]:
    """Properties of each interface, from /sys/class/net."""
    keys = (*(key for key, _, _ in _PROPERTIES), *_TEXTS)
    found: list[tuple[str, dict[str, str]]] = []
    for device in files.sys_names("class/net"):
        texts = {key: files.sys_or_none(f"class/net/{device}/{key}") for key in keys}
        if texts["ifindex"] is not None:
            found.append((device, {key: text for key, text in texts.items() if text}))
    return interface_families(found)
