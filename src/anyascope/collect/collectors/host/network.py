"""Network: interfaces' counters, protocols' counters, sockets, queues."""

from __future__ import annotations

import os
import re
from collections import Counter
from contextlib import suppress

from anyascope.collect.collectors.host.files import HostFiles, NoDataError
from anyascope.collect.points import Family, gauge
from anyascope.model.metrics import MetricType

_RECEIVE = ("bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast")
_TRANSMIT = ("bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed")

# node_exporter's default selection of some 400 fields.
_NETSTAT = re.compile(
    r"(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)"
    r"|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)"
    r"|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)"
    r"|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))"
)
_SNMP6 = re.compile(r"([^0-9]+6|UdpLite6)(.+)")
_HEX = 16


def parse_netdev(text: str) -> list[Family]:
    """Counters of each interface, from /proc/net/dev.

    Source: proc(5), /proc/net/dev.
    """
    names = [f"receive_{name}" for name in _RECEIVE] + [f"transmit_{name}" for name in _TRANSMIT]
    families = [
        Family(f"node_network_{name}_total", MetricType.COUNTER, f"Network device statistic {name}.") for name in names
    ]
    for line in text.splitlines()[2:]:
        device, _, rest = line.partition(":")
        for family, value in zip(families, rest.split(), strict=False):
            family.add(float(value), ("device", device.strip()))
    return families


def read_netdev(files: HostFiles) -> list[Family]:
    """Counters of each interface, and what arrived for nobody."""
    families = parse_netdev(files.proc("net/dev"))
    nobody = Family(
        "node_network_receive_nohandler_total", MetricType.COUNTER, "Network device statistic receive_nohandler."
    )
    for labels, _ in families[0].points:
        value = files.sys_or_none(f"class/net/{labels[0][1]}/statistics/rx_nohandler")
        if value is not None:
            nobody.points.append((labels, float(value)))
    return [*families, nobody]


def parse_netstat(text: str) -> dict[str, float]:
    """`Protocol_Field` -> value, from the pairs of lines of /proc/net/netstat and /proc/net/snmp."""
    found: dict[str, float] = {}
    lines = text.splitlines()
    for names, values in zip(lines[::2], lines[1::2], strict=False):
        protocol, *fields = names.split()
        prefix = protocol.rstrip(":")
        for field, value in zip(fields, values.split()[1:], strict=False):
            found[f"{prefix}_{field}"] = float(value)
    return found


def parse_snmp6(text: str) -> dict[str, float]:
    """The same, from /proc/net/snmp6, where protocol and field stand in one word."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        parts = line.split()
        split = _SNMP6.fullmatch(parts[0]) if len(parts) == 2 else None
        if split is not None:
            found[f"{split.group(1)}_{split.group(2)}"] = float(parts[1])
    return found


def read_netstat(files: HostFiles) -> list[Family]:
    """Counters of IP, ICMP, TCP and UDP by node_exporter's default selection."""
    found = {**parse_netstat(files.proc("net/netstat")), **parse_netstat(files.proc("net/snmp"))}
    with suppress(NoDataError):  # IPv6 may be switched off
        found.update(parse_snmp6(files.proc("net/snmp6")))
    return [
        Family(f"node_netstat_{name}", MetricType.UNKNOWN, f"Statistic {name.replace('_', '')}.", [((), value)])
        for name, value in found.items()
        if _NETSTAT.fullmatch(name)
    ]


def parse_sockstat(text: str, *, page_bytes: int) -> list[Family]:
    """Sockets by protocol and state, from /proc/net/sockstat and /proc/net/sockstat6."""
    families: list[Family] = []
    for line in text.splitlines():
        protocol, _, rest = line.partition(":")
        parts = rest.split()
        for state, count in zip(parts[::2], parts[1::2], strict=False):
            families.append(_sockets(protocol, state, float(count)))
            if state == "mem":
                families.append(_sockets(protocol, "mem_bytes", float(count) * page_bytes))
    return families


def _sockets(protocol: str, state: str, value: float) -> Family:
    return gauge(f"node_sockstat_{protocol}_{state}", f"Number of {protocol} sockets in state {state}.", value)


def read_sockstat(files: HostFiles) -> list[Family]:
    """Sockets of this machine."""
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    families = parse_sockstat(files.proc("net/sockstat"), page_bytes=page_bytes)
    with suppress(NoDataError):  # IPv6 may be switched off
        families += parse_sockstat(files.proc("net/sockstat6"), page_bytes=page_bytes)
    return families


_SOFTNET = (
    (0, "processed_total", MetricType.COUNTER, "Packets processed."),
    (1, "dropped_total", MetricType.COUNTER, "Packets dropped."),
    (2, "times_squeezed_total", MetricType.COUNTER, "Times that processing ran out of its share."),
    (8, "cpu_collision_total", MetricType.COUNTER, "Collisions at a device's lock."),
    (9, "received_rps_total", MetricType.COUNTER, "Times that another processor woke this one."),
    (10, "flow_limit_count_total", MetricType.COUNTER, "Times that the flow limit was met."),
    (11, "backlog_len", MetricType.GAUGE, "Packets that wait."),
)
_SOFTNET_CPU = 12


def parse_softnet(text: str) -> list[Family]:
    """Packet processing of each processor, from /proc/net/softnet_stat (hexadecimal columns).

    Source: the kernel's net/core/net-procfs.c.
    """
    families = [(column, Family(f"node_softnet_{name}", kind, text)) for column, name, kind, text in _SOFTNET]
    for index, line in enumerate(text.splitlines()):
        columns = [int(value, _HEX) for value in line.split()]
        cpu = str(columns[_SOFTNET_CPU] if len(columns) > _SOFTNET_CPU else index)
        for column, family in families:
            if column < len(columns):
                family.add(float(columns[column]), ("cpu", cpu))
    return [family for _, family in families]


def parse_udp_queues(text: str) -> tuple[float, float]:
    """Bytes (sent, received) that wait in UDP sockets, from /proc/net/udp or /proc/net/udp6."""
    sent = received = 0
    for line in text.splitlines()[1:]:
        parts = line.split()
        if len(parts) > 4:
            left, _, right = parts[4].partition(":")
            sent += int(left, _HEX)
            received += int(right, _HEX)
    return float(sent), float(received)


def read_udp_queues(files: HostFiles) -> list[Family]:
    """Bytes that wait in UDP sockets."""
    family = Family("node_udp_queues", MetricType.GAUGE, "Bytes that wait in UDP sockets.")
    for name, version in (("net/udp", "v4"), ("net/udp6", "v6")):
        try:
            sent, received = parse_udp_queues(files.proc(name))
        except NoDataError:
            continue
        family.add(sent, ("queue", "tx"), ("ip", version))
        family.add(received, ("queue", "rx"), ("ip", version))
    return [_or_no_data(family)]


def parse_arp(text: str) -> list[Family]:
    """Neighbours by interface, from /proc/net/arp."""
    counts = Counter(parts[5] for parts in (line.split() for line in text.splitlines()[1:]) if len(parts) > 5)
    family = Family("node_arp_entries", MetricType.GAUGE, "Neighbours by device.")
    for device, count in counts.items():
        family.add(float(count), ("device", device))
    return [family]


_CONNTRACK = ("found", "invalid", "ignore", "insert", "insert_failed", "drop", "early_drop", "search_restart")


def parse_conntrack_stat(text: str) -> list[Family]:
    """Sums over all processors of /proc/net/stat/nf_conntrack (hexadecimal columns under names)."""
    lines = text.splitlines()
    names = lines[0].split() if lines else []
    sums: Counter[str] = Counter()
    for line in lines[1:]:
        for name, value in zip(names, line.split(), strict=False):
            sums[name] += int(value, _HEX)
    return [
        gauge(f"node_nf_conntrack_stat_{name}", f"Connection tracking statistic {name}.", float(sums[name]))
        for name in _CONNTRACK
        if name in names
    ]


def read_conntrack(files: HostFiles) -> list[Family]:
    """Tracked connections, and how many there may be."""
    return [
        gauge(
            "node_nf_conntrack_entries",
            "Tracked connections.",
            float(files.proc("sys/net/netfilter/nf_conntrack_count")),
        ),
        gauge(
            "node_nf_conntrack_entries_limit",
            "How many connections can be tracked.",
            float(files.proc("sys/net/netfilter/nf_conntrack_max")),
        ),
        *parse_conntrack_stat(files.proc("net/stat/nf_conntrack")),
    ]


def _or_no_data(family: Family) -> Family:
    if not family.points:
        raise NoDataError(f"nothing for {family.name}")
    return family
