"""What OTLP's two transports share: decode a body, hand it in, sum up what was refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from anyascope.clock import NS_PER_S, Clock
from anyascope.ports import Admission, Intake
from anyascope.receive.options import ReceiveOptions
from anyascope.receive.tally import ReceiveTally
from anyascope.wire.compression import decompress
from anyascope.wire.otlp.messages import Encoding, Request
from anyascope.wire.otlp.metrics import MetricDecoder
from anyascope.wire.otlp.records import RecordDecoder

T = TypeVar("T")

SOURCE = "otlp"
SIGNALS = {Request.LOGS: "logs", Request.TRACES: "traces", Request.METRICS: "metrics"}


@dataclass(frozen=True, slots=True)
class OtlpBody:
    """A body as received.

    Attributes:
        compression: the `Content-Encoding`; empty where it is none.
        protocol: by which road it came, for the counters.
    """

    data: bytes
    encoding: Encoding
    protocol: str
    compression: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a body: how much was refused, and one text with all reasons."""

    rejected: int = 0
    message: str = ""


class OtlpIntake:
    """Decodes and hands in. One is shared by all transports, so that what it remembers of senders serves all."""

    def __init__(
        self,
        intake: Intake,
        *,
        options: ReceiveOptions,
        clock: Clock,
        tally: ReceiveTally,
    ) -> None:
        self._intake = intake
        self._options = options
        self._clock = clock
        self._tally = tally
        self._records = RecordDecoder()
        self._metrics = MetricDecoder(options.translation)

    async def take(self, body: OtlpBody, request: Request) -> Outcome:
        """Return once everything of the body that can be kept is durable.

        Raises:
            InvalidInputError: the body is no such request, or too large (`TooLargeError`).
            UnsupportedError: the compression is not known.
            UnavailableError: nothing was taken; `OverloadedError` where the sender is too fast.
        """
        match request:
            case Request.LOGS:
                logs = await self._decoded(body, request, self._records.logs)
                return _outcome(await self._intake.logs([logs], source=SOURCE) if len(logs) else Admission(0))
            case Request.TRACES:
                spans = await self._decoded(body, request, self._records.spans)
                return _outcome(await self._intake.spans([spans], source=SOURCE) if len(spans) else Admission(0))
            case Request.METRICS:
                decoded = await self._decoded(body, request, self._metrics.metrics)
                if decoded.refused:
                    self._tally.refused(body.protocol, SIGNALS[request], decoded.refused.total())
                return _outcome(await self._intake.metrics(decoded.batch, source=SOURCE), decoded.refused)

    async def _decoded(self, body: OtlpBody, request: Request, decode: Callable[..., T]) -> T:
        began_ns = self._clock.monotonic_ns()

        def work() -> T:
            plain = decompress(body.data, body.compression, output_bytes_max=self._options.decoded_bytes_max)
            return decode(plain, encoding=body.encoding)

        if len(body.data) < self._options.thread_bytes_min:
            result = work()
        else:
            result = await asyncio.to_thread(work)
        self._tally.decoded(SIGNALS[request], (self._clock.monotonic_ns() - began_ns) / NS_PER_S)
        return result


def _outcome(admission: Admission, refused: Counter[str] | None = None) -> Outcome:
    more: Sequence[str] = [f"{count} data points refused: {why}" for why, count in (refused or {}).items()]
    rejected = admission.rejected + (refused.total() if refused else 0)
    return Outcome(rejected, "; ".join((*admission.reasons, *more)))
