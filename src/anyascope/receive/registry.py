"""The protocols that there are, a line each, and the room's front: `Receive`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute

from anyascope.clock import Clock
from anyascope.ports import Intake
from anyascope.receive.base import HttpProtocol, ListeningProtocol, ReceiveContext, TokenCheck
from anyascope.receive.bodies import Inflight
from anyascope.receive.options import ReceiveOptions
from anyascope.receive.otlp import OtlpIntake
from anyascope.receive.protocols import otlp_grpc, otlp_http, remote_write
from anyascope.receive.tally import ReceiveTally

HTTP_PROTOCOLS: Mapping[str, Callable[[ReceiveContext], HttpProtocol]] = {
    otlp_http.NAME: otlp_http.OtlpHttp,
    remote_write.NAME: remote_write.RemoteWrite,
}
LISTENING_PROTOCOLS: Mapping[str, Callable[[ReceiveContext], ListeningProtocol]] = {
    otlp_grpc.NAME: otlp_grpc.OtlpGrpc,
}


class Receive:
    """All receivers.

    Args:
        intake: where what they decode goes.
        tokens: what listeners with an address of their own ask for; the HTTP faces have a guard of their own.
    """

    def __init__(
        self,
        intake: Intake,
        *,
        options: ReceiveOptions,
        clock: Clock,
        registry: CollectorRegistry,
        tokens: TokenCheck | None = None,
    ) -> None:
        tally = ReceiveTally(registry=registry)
        inflight = Inflight(options, tally=tally)
        otlp = OtlpIntake(intake, options=options, clock=clock, tally=tally)
        context = ReceiveContext(
            intake=intake, clock=clock, otlp=otlp, options=options, tally=tally, inflight=inflight, tokens=tokens
        )
        self._http = {name: make(context) for name, make in HTTP_PROTOCOLS.items()}
        self._listening = {name: make(context) for name, make in LISTENING_PROTOCOLS.items()}

    def routes(self) -> list[BaseRoute]:
        """What all protocols answer over HTTP; for the main face and for OTLP's own port."""
        return [route for protocol in self._http.values() for route in protocol.routes()]

    def listener(self, name: str) -> ListeningProtocol:
        """The protocol of this name that listens on an address of its own, such as `otlp_grpc`."""
        return self._listening[name]
