"""A name server on loopback with the records that a test gives it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Self

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset


class NameServer:
    """Answers over UDP. A name without an entry does not exist; `rcode` other than NOERROR answers all that way.

    Args:
        records: a line each, as zone files have them: `a.test. 60 IN A 127.0.0.1`.
    """

    def __init__(self, records: Iterable[str] = ()) -> None:
        self.records = list(records)
        self.rcode = dns.rcode.NOERROR
        self.asked: list[str] = []
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Face(self), local_addr=("127.0.0.1", 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._transport is not None
        self._transport.close()

    def resolver(self) -> dns.asyncresolver.Resolver:
        """Asks this server and no other."""
        assert self._transport is not None
        found = dns.asyncresolver.Resolver(configure=False)
        found.nameservers = ["127.0.0.1"]
        found.port = self._transport.get_extra_info("sockname")[1]
        return found

    def answer(self, request: bytes) -> bytes:
        """The answer to a question."""
        question = dns.message.from_wire(request)
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        wanted = question.question[0]
        self.asked.append(wanted.name.to_text())
        sets = [dns.rrset.from_text_list(*_parts(line)) for line in self.records]
        named = [found for found in sets if found.name == wanted.name]
        if self.rcode != dns.rcode.NOERROR or not named:
            answer.set_rcode(self.rcode or dns.rcode.NXDOMAIN)
        for found in named if self.rcode == dns.rcode.NOERROR else ():
            if found.rdtype == wanted.rdtype:
                answer.find_rrset(answer.answer, found.name, found.rdclass, found.rdtype, create=True).update(found)
        return answer.to_wire()


class _Face(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        self._transport.sendto(self._server.answer(data), addr)


def _parts(line: str) -> tuple[str, int, str, str, list[str]]:
    name, ttl, kind, rdtype, data = line.split(maxsplit=4)
    return name, int(ttl), kind, rdtype, [data]
