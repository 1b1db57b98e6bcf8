"""Unit tests of finding targets in records, against a name server on loopback."""

from __future__ import annotations

import dns.rcode
import pytest

from anyascope.collect.discovery_dns import DnsDiscoverer
from anyascope.collect.scrape_config import DnsDiscovery, RecordType
from support.dns_server import NameServer

SRV = [
    "_m._tcp.x.test. 60 IN SRV 0 0 9100 a.x.test.",
    "_m._tcp.x.test. 60 IN SRV 0 0 9101 b.x.test.",
]


def targets(discoverer: DnsDiscoverer) -> list[dict[str, str]]:
    return [dict(target) for group in discoverer.groups() for target in group.targets]


async def test_services_bring_host_and_port() -> None:
    """Each SRV record is a target; its meta labels say what the record says, with the closing dot."""
    async with NameServer(SRV) as server:
        discoverer = DnsDiscoverer(DnsDiscovery(("_m._tcp.x.test",)), server.resolver())
        assert await discoverer.look()
        assert not await discoverer.look()
    assert targets(discoverer) == [
        {
            "__address__": f"{host}.x.test:{port}",
            "__meta_dns_name": "_m._tcp.x.test",
            "__meta_dns_srv_record_target": f"{host}.x.test.",
            "__meta_dns_srv_record_port": str(port),
        }
        for host, port in (("a", 9100), ("b", 9101))
    ]


@pytest.mark.parametrize(
    ("kind", "record", "address", "meta"),
    [
        (RecordType.A, "A 10.0.0.1", "10.0.0.1:9100", {}),
        (RecordType.AAAA, "AAAA fd00::1", "[fd00::1]:9100", {}),
        (RecordType.MX, "MX 10 mail.test.", "mail.test:9100", {"__meta_dns_mx_record_target": "mail.test."}),
        (RecordType.NS, "NS ns1.test.", "ns1.test:9100", {"__meta_dns_ns_record_target": "ns1.test."}),
    ],
)
async def test_other_records_get_the_port(kind: RecordType, record: str, address: str, meta: dict[str, str]) -> None:
    """Addresses, mail and name servers are targets at the configured port."""
    async with NameServer([f"h.test. 60 IN {record}"]) as server:
        discoverer = DnsDiscoverer(DnsDiscovery(("h.test",), kind, 9100), server.resolver())
        await discoverer.look()
    assert targets(discoverer) == [{"__address__": address, "__meta_dns_name": "h.test", **meta}]


async def test_a_server_that_fails_leaves_the_last_targets() -> None:
    """While no server answers usefully, the targets stay and the fault is told; when one does, it is gone."""
    async with NameServer(SRV) as server:
        discoverer = DnsDiscoverer(DnsDiscovery(("_m._tcp.x.test",)), server.resolver())
        await discoverer.look()
        server.rcode = dns.rcode.SERVFAIL
        assert not await discoverer.look()
        assert len(targets(discoverer)) == 2
        assert discoverer.faults()[0].startswith("_m._tcp.x.test: ")
        server.rcode = dns.rcode.NOERROR
        server.records = SRV[:1]
        assert await discoverer.look()
    assert len(targets(discoverer)) == 1
    assert discoverer.faults() == ()


async def test_a_name_that_does_not_exist_has_no_targets() -> None:
    """A name that is gone, or has no record of the type, has no targets, and that is no fault."""
    async with NameServer(SRV) as server:
        discoverer = DnsDiscoverer(DnsDiscovery(("_m._tcp.x.test",)), server.resolver())
        await discoverer.look()
        server.records = []
        assert await discoverer.look()
        assert (targets(discoverer), discoverer.faults()) == ([], ())
        server.records = ["_m._tcp.x.test. 60 IN A 10.0.0.1"]
        assert not await discoverer.look()


async def test_each_name_stands_for_itself() -> None:
    """A fault of one name leaves the others' targets fresh; every look asks for every name."""
    async with NameServer(["a.test. 60 IN A 10.0.0.1", "b.test. 60 IN A 10.0.0.2"]) as server:
        options = DnsDiscovery(
            ("a.test", "b.test", "a label that is longer than sixty-three bytes" * 3), RecordType.A, 1
        )
        discoverer = DnsDiscoverer(options, server.resolver())
        await discoverer.look()
        await discoverer.look()
    assert [target["__address__"] for target in targets(discoverer)] == ["10.0.0.1:1", "10.0.0.2:1"]
    assert len(discoverer.faults()) == 1
    assert server.asked.count("a.test.") == 2
