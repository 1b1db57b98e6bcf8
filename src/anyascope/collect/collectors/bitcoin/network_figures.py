"""What a node says of the network, of its peers and of itself, as points."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from anyascope.collect.collectors.bitcoin.sheet import Facts, Sheet, dicts_of, facts_of, number_of, texts_of

PEER_PROGRAMS_MAX = 20  # peers choose what they call themselves; what is rarer than these is `other`
BANS_MAX = 1_000  # each is two series
_PROGRAM = re.compile(r"/([A-Za-z][A-Za-z0-9 ]{0,19}):(\d{1,3})(?:[./(]|$)", re.ASCII)


def tell_network(sheet: Sheet, info: Facts) -> None:
    """From `getnetworkinfo`."""
    sheet.gauge("bitcoin_peers", "Number of peers.", info.get("connections"))
    sheet.gauge("bitcoin_conn_in", "Number of connections in.", info.get("connections_in"))
    sheet.gauge("bitcoin_conn_out", "Number of connections out.", info.get("connections_out"))
    sheet.gauge("bitcoin_server_version", "The server version.", info.get("version"))
    sheet.gauge("bitcoin_protocol_version", "The protocol version of the server.", info.get("protocolversion"))
    sheet.gauge("anya_bitcoin_network_active", "Whether the node talks to others.", info.get("networkactive"))
    sheet.gauge("anya_bitcoin_time_offset_seconds", "The peers' clocks against the node's.", info.get("timeoffset"))
    sheet.gauge("anya_bitcoin_node_info", "Always 1.", 1, ("subversion", str(info.get("subversion", ""))))
    for network in dicts_of(info.get("networks")):
        label = ("network", str(network.get("name")))
        text = "Whether the node can reach this network."
        sheet.gauge("anya_bitcoin_network_reachable", text, network.get("reachable"), label)
    for service in texts_of(info.get("localservicesnames")):
        sheet.gauge("anya_bitcoin_service_offered", "Services that the node offers.", 1, ("service", service))


def tell_peers(sheet: Sheet, peers: Sequence[Facts]) -> None:
    """From `getpeerinfo`."""
    found = Counter((str(peer.get("network", "unknown")), _direction(peer)) for peer in peers)
    for (network, direction), count in found.items():
        labels = (("network", network), ("direction", direction))
        sheet.gauge("anya_bitcoin_peer_connections", "Peers by network and direction.", count, *labels)
    _tell_programs(sheet, peers)
    services = (name for peer in peers for name in texts_of(peer.get("servicesnames")))
    text = "Peers that offer a service."
    _tell_kinds(sheet, "anya_bitcoin_peers_offering", text, kinds=services, label="service")
    purposes = texts_of([peer.get("connection_type") for peer in peers])
    text = "Peers by what the connection is for."
    _tell_kinds(sheet, "anya_bitcoin_peer_connection_types", text, kinds=purposes, label="type")
    transports = texts_of([peer.get("transport_protocol_type") for peer in peers])
    text = "Peers by transport: v2 is encrypted (BIP 324)."
    _tell_kinds(sheet, "anya_bitcoin_peer_transports", text, kinds=transports, label="transport")
    text = "Time from ping to pong, over all peers."
    _tell_spread(sheet, "anya_bitcoin_peer_ping_seconds", text, values=_numbers(peers, "pingtime"))
    text = "The peers' clocks against the node's, over all peers; positive where theirs are ahead."
    _tell_spread(sheet, "anya_bitcoin_peer_time_offset_seconds", text, values=_numbers(peers, "timeoffset"))
    outbound = [str(peer.get("addr", "")) for peer in peers if not peer.get("inbound")]
    groups = {group_of(address) for address in outbound}
    text = "Distinct networks (/16 of IPv4, /32 of IPv6, each other address its own) of outbound peers."
    sheet.gauge("anya_bitcoin_peer_groups_outbound", text, len(groups))


def _tell_programs(sheet: Sheet, peers: Sequence[Facts]) -> None:
    programs = Counter(program_of(str(peer.get("subver", ""))) for peer in peers)
    kept = dict(programs.most_common(PEER_PROGRAMS_MAX))
    kept["other"] = kept.get("other", 0) + sum(programs.values()) - sum(kept.values())
    for program, count in kept.items():
        text = "Peers by program and major version."
        sheet.gauge("anya_bitcoin_peer_programs", text, count, ("program", program))


def _tell_kinds(sheet: Sheet, name: str, text: str, *, kinds: Iterable[str], label: str) -> None:
    for kind, count in Counter(kinds).items():
        sheet.gauge(name, text, count, (label, kind))


def _tell_spread(sheet: Sheet, name: str, text: str, *, values: Sequence[float]) -> None:
    for kind, value in (("min", min(values)), ("median", median(values)), ("max", max(values))) if values else ():
        sheet.gauge(name, text, value, ("statistic", kind))


def tell_traffic(sheet: Sheet, totals: Facts) -> None:
    """From `getnettotals`."""
    sheet.gauge("bitcoin_total_bytes_recv", "Total bytes received.", totals.get("totalbytesrecv"))
    sheet.gauge("bitcoin_total_bytes_sent", "Total bytes sent.", totals.get("totalbytessent"))


def tell_bans(sheet: Sheet, bans: Sequence[Facts]) -> None:
    """From `listbanned`; `ban_reason` is of nodes until 0.21."""
    sheet.gauge("anya_bitcoin_banned", "Banned addresses and networks.", len(bans))
    for ban in bans[:BANS_MAX]:
        labels = (("address", str(ban.get("address"))), ("reason", str(ban.get("ban_reason", "manually added"))))
        sheet.gauge("bitcoin_ban_created", "Time the ban was created.", ban.get("ban_created"), *labels)
        sheet.gauge("bitcoin_banned_until", "Time the ban expires.", ban.get("banned_until"), *labels)


def tell_memory(sheet: Sheet, memory: Facts) -> None:
    """From `getmemoryinfo`."""
    locked = facts_of(memory.get("locked"))
    for part, text in (
        ("used", "Number of bytes used."),
        ("free", "Number of bytes available."),
        ("total", "Number of bytes managed."),
        ("locked", "Number of bytes locked."),
        ("chunks_used", "Number of allocated chunks."),
        ("chunks_free", "Number of unused chunks."),
    ):
        sheet.gauge(f"bitcoin_meminfo_{part}", text, locked.get(part))


def tell_rpc_work(sheet: Sheet, info: Facts) -> None:
    """From `getrpcinfo`, whose own call is among the active ones."""
    active = dicts_of(info.get("active_commands"))
    others = [number_of(call.get("duration")) or 0.0 for call in active if call.get("method") != "getrpcinfo"]
    sheet.gauge("bitcoin_rpc_active", "Number of RPC calls being processed.", len(active))
    text = "How long the oldest call of others has been running."
    sheet.gauge("anya_bitcoin_rpc_longest_call_seconds", text, max(others, default=0) / 1_000_000)


def program_of(subversion: str) -> str:
    """Program and major version of a peer, such as `Satoshi:29`; `other` where it does not say so in the usual form."""
    found = _PROGRAM.match(subversion)
    return f"{found[1]}:{found[2]}" if found else "other"


def group_of(address: str) -> str:
    """The part of the network that an address belongs to: who holds one of its addresses easily holds many.

    Source: Bitcoin Core `src/netgroup.cpp`, without a map of autonomous systems.
    """
    host = address.rpartition(":")[0].strip("[]") or address
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return host  # onion, i2p
    bits = 16 if parsed.version == 4 else 32
    return str(ipaddress.ip_network((parsed, bits), strict=False))


def _numbers(peers: Sequence[Facts], field: str) -> list[float]:
    return [value for peer in peers if (value := number_of(peer.get(field))) is not None]


def _direction(peer: Facts) -> str:
    return "in" if peer.get("inbound") else "out"
