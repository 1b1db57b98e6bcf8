"""Finds targets in the records of names.

Source: Prometheus configuration, `<dns_sd_config>`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver
import structlog

from anyascope.collect.scrape_config import DnsDiscovery, TargetGroup
from anyascope.model.labels import Labels, labels_of

log = structlog.get_logger("anyascope.collect")

LOOKUP_S_MAX = 10.0  # of one name, all servers and search domains together; a refresh takes no longer by default


class DnsDiscoverer:
    """Target groups from records, one a name. A name that cannot be looked up keeps its last good targets.

    Args:
        resolver: asks the servers; the system's resolver where None.
    """

    def __init__(self, options: DnsDiscovery, resolver: dns.asyncresolver.Resolver | None = None) -> None:
        self.options = options
        self._resolver = resolver
        self._known: dict[str, TargetGroup] = {}
        self._faults: dict[str, str] = {}

    @property
    def pause_s(self) -> float:
        return self.options.refresh_interval_s

    async def look(self) -> bool:
        before = dict(self._known)
        await asyncio.gather(*(self._look_up(name) for name in self.options.names))
        return self._known != before

    def groups(self) -> tuple[TargetGroup, ...]:
        return tuple(self._known[name] for name in self.options.names if name in self._known)

    def faults(self) -> tuple[str, ...]:
        return tuple(self._faults.values())

    def close(self) -> None:
        """Nothing is held between two looks."""

    async def _look_up(self, name: str) -> None:
        try:
            records = await self._records(name)
        except (dns.exception.DNSException, OSError) as error:
            fault = f"{name}: {str(error) or type(error).__name__}"
            if self._faults.get(name) != fault:
                log.warning("target_name_refused", name=name, type=self.options.type.value, error=str(error))
            self._faults[name] = fault
            return
        self._faults.pop(name, None)
        self._known[name] = target_group(name, records, port=self.options.port)

    async def _records(self, name: str) -> list[Any]:
        # Read anew for each look, as upstream does: the machine may have moved to another network.
        resolver = self._resolver or dns.asyncresolver.Resolver()
        try:
            answer = await resolver.resolve(
                name,
                self.options.type.value,
                search=True,
                raise_on_no_answer=False,
                lifetime=min(LOOKUP_S_MAX, self.options.refresh_interval_s),
            )
        except dns.resolver.NXDOMAIN:
            return []  # every server says that the name does not exist: it has no targets any more
        return list(answer.rrset or ())


def target_group(name: str, records: list[Any], *, port: int) -> TargetGroup:
    """The targets of a name's records, with what each record says as meta labels."""
    targets: list[Labels] = []
    for record in records:
        host, own_port, said = _address(record)
        host = host.rstrip(".")
        address = f"[{host}]:{own_port or port}" if ":" in host else f"{host}:{own_port or port}"
        targets.append(labels_of({"__address__": address, "__meta_dns_name": name, **said}))
    return TargetGroup(name, tuple(sorted(targets)))


def _address(record: Any) -> tuple[str, int, dict[str, str]]:
    """Host, port where the record has one, and its meta labels; names keep their closing dot in these, as upstream."""
    match record.rdtype:
        case dns.rdatatype.SRV:
            host = record.target.to_text()
            meta = {"__meta_dns_srv_record_target": host, "__meta_dns_srv_record_port": str(record.port)}
            return host, record.port, meta
        case dns.rdatatype.MX:
            host = record.exchange.to_text()
            return host, 0, {"__meta_dns_mx_record_target": host}
        case dns.rdatatype.NS:
            host = record.target.to_text()
            return host, 0, {"__meta_dns_ns_record_target": host}
        case _:
            return record.address, 0, {}
