"""Everything that listens: the main HTTP server, the OTLP ports, and what came of each wish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from anyascope.app.faces import GRACE_S, HttpFace
from anyascope.app.sockets import OTLP_GRPC_FACE, Face, Sockets
from anyascope.config.addresses import Address
from anyascope.errors import AnyascopeError
from anyascope.receive.base import ListeningProtocol, TlsPair


@dataclass(frozen=True, slots=True)
class GrpcWish:
    """The gRPC server, and where it is wanted.

    Attributes:
        tls: reads the certificate's files; None where none is shown.
    """

    server: ListeningProtocol
    address: Address
    tls: Callable[[], TlsPair] | None


class Doors:
    """Opens and closes all addresses.

    Args:
        sockets: what was bound, and what came of it.
        grpc: None where it is off.
        url: the main address, for people.
    """

    def __init__(self, sockets: Sockets, *, grpc: GrpcWish | None, url: str) -> None:
        self._grpc = grpc
        self._http: Sequence[HttpFace] = ()
        self._faces = list(sockets.faces)
        self._has_grpc = False
        self._shown = grpc.tls() if grpc is not None and grpc.tls is not None else None
        self.url = url

    def faces(self) -> Sequence[Face]:
        """Every address, those that could not be had included."""
        return tuple(self._faces)

    def stand_before(self, http: Sequence[HttpFace]) -> None:
        """Open and close these from now on."""
        self._http = tuple(http)

    async def open(self) -> None:
        """Listen. The gRPC port is skipped where it cannot be had."""
        for face in self._http:
            await face.start()
        if self._grpc is None:
            return
        wish = self._grpc.address
        try:
            port = await self._grpc.server.start(wish.host, wish.port, tls=self._pair_shown())
        except AnyascopeError as error:
            self._faces.append(Face(OTLP_GRPC_FACE, str(wish), "skipped", str(error)))
            return
        self._has_grpc = True
        self._faces.append(Face(OTLP_GRPC_FACE, str(Address(wish.host, port)), "listening"))

    def renew(self) -> None:
        """Show those who connect from now on the certificates as their files hold them now; they were checked before."""
        for face in self._http:
            face.renew()
        if self._grpc is not None and self._grpc.tls is not None:
            self._shown = self._grpc.tls()

    def _pair_shown(self) -> Callable[[], TlsPair] | None:
        def shown() -> TlsPair:
            assert self._shown is not None  # read before anything listens
            return self._shown

        return shown if self._shown is not None else None

    async def close(self) -> None:
        """Accept nothing more, and let what is open end."""
        if self._grpc is not None and self._has_grpc:
            await self._grpc.server.stop(GRACE_S)
        for face in self._http:
            await face.stop()
