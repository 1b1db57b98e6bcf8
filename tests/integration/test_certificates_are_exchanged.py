"""Certificates of the server's own addresses: renewed files are shown by a reload, without a restart."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from prometheus_client import CollectorRegistry

from anyascope.app.doors import Doors, GrpcWish
from anyascope.app.faces import HttpFace
from anyascope.app.guards import check_tls
from anyascope.app.sockets import Sockets
from anyascope.clock import SystemClock
from anyascope.config.addresses import Address
from anyascope.config.settings import TlsFiles
from anyascope.errors import InvalidInputError
from anyascope.receive.base import TlsPair
from anyascope.receive.options import ReceiveOptions
from anyascope.receive.registry import Receive
from support.collecting import RecordingIntake

AUTHORITY = trustme.CA()
WITHIN_S = 60.0


def issue(folder: Path) -> TlsFiles:
    """A new certificate in the files, as an ACME client leaves it there."""
    made = AUTHORITY.issue_cert("127.0.0.1")
    (folder / "tls.crt").write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
    made.private_key_pem.write_to_path(str(folder / "tls.key"))
    return TlsFiles(folder / "tls.crt", folder / "tls.key")


async def shown_at(port: int) -> str:
    """The serial number of the certificate that a new connection is shown."""
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    context.set_alpn_protocols(["h2", "http/1.1"])

    def ask() -> str:
        with (
            socket.create_connection(("127.0.0.1", port), WITHIN_S) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as peer,
        ):
            found = peer.getpeercert()
        assert found
        return str(found["serialNumber"])

    return await asyncio.to_thread(ask)


async def nothing(_scope, _receive, send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def grpc_wish(read: Callable[[], TlsPair]) -> GrpcWish:
    receive = Receive(
        RecordingIntake(), options=ReceiveOptions(), clock=SystemClock(), registry=CollectorRegistry(), tokens=None
    )
    return GrpcWish(receive.listener("otlp_grpc"), Address("127.0.0.1", 0), read)


async def test_both_kinds_of_address_show_what_was_renewed(tmp_path) -> None:
    """HTTPS and OTLP over gRPC show the certificate of the start until the doors are told that there is another."""
    files = issue(tmp_path)
    bound = socket.create_server(("127.0.0.1", 0))
    doors = Doors(
        Sockets(main=bound, otlp_http=None, faces=()),
        grpc=grpc_wish(lambda: TlsPair(files.cert_file.read_bytes(), files.key_file.read_bytes())),
        url="",
    )
    doors.stand_before([HttpFace(nothing, bound, tls=files)])
    await doors.open()
    try:
        ports = [bound.getsockname()[1], int(doors.faces()[-1].address.rpartition(":")[2])]
        first = [await shown_at(port) for port in ports]
        assert first[0] == first[1]

        issue(tmp_path)
        assert [await shown_at(port) for port in ports] == first
        doors.renew()
        second = [await shown_at(port) for port in ports]
        assert second[0] == second[1] != first[0]
    finally:
        await doors.close()


def test_files_that_hold_no_pair_are_refused(tmp_path) -> None:
    """A certificate with another's key, and a file that is gone, are told before anything is exchanged."""
    files = issue(tmp_path)
    check_tls(files)
    AUTHORITY.issue_cert("127.0.0.1").private_key_pem.write_to_path(str(files.key_file))
    with pytest.raises(InvalidInputError, match=r"tls\.key are no certificate with its key"):
        check_tls(files)
    files.key_file.unlink()
    with pytest.raises(InvalidInputError, match="No such file"):
        check_tls(files)
