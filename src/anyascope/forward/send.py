"""One request to a far end, and what its answer means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from urllib.parse import parse_qsl, urlsplit

import cramjam

from anyascope.clock import Clock
from anyascope.errors import InvalidInputError
from anyascope.forward.options import Protobuf, RemoteWrite
from anyascope.wire.http_post import Answer, HttpPoster, PostError
from anyascope.wire.prompb.encode_v1 import WriteV1Encoder
from anyascope.wire.prompb.encode_v2 import WriteV2Encoder

TOO_MANY, UNSUPPORTED_MEDIA = 429, 415
WRITTEN = "X-Prometheus-Remote-Write-{}-Written"
WRITTEN_KINDS = {"samples": "Samples", "histograms": "Histograms", "exemplars": "Exemplars"}
# As upstream: such a far end most likely took the request for an empty one of 1.0.
NOTHING_WRITTEN = (
    "the far end said yes, and that it wrote nothing: it does not know remote write 2.0; "
    f"try protobuf_message: {Protobuf.V1.value}"
)

Encoder = WriteV1Encoder | WriteV2Encoder


class Verdict(Enum):
    """What became of a request."""

    TAKEN = "taken"
    AGAIN = "again"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Result:
    """An attempt's outcome.

    Attributes:
        detail: what the far end said, for people, without secrets.
        cause: the same for all requests that fail alike, so that each cause is told once.
        written: by 2.0, how many of each kind the far end says that it stored; None where it does not say.
        sent_bytes: how large the request was, compressed.
    """

    verdict: Verdict
    detail: str = ""
    cause: str = ""
    retry_after_s: float = 0.0
    written: dict[str, int] | None = None
    sent_bytes: int = 0


def encoder_of(remote: RemoteWrite) -> Encoder:
    """What makes requests of the version that is asked for."""
    return WriteV2Encoder() if remote.protobuf is Protobuf.V2 else WriteV1Encoder()


class Sender:
    """Sends requests of one far end; keeps connections between them."""

    def __init__(self, remote: RemoteWrite, *, clock: Clock) -> None:
        self._remote = remote
        self._poster = HttpPoster(
            remote.http, timeout_s=remote.remote_timeout_s, clock=clock, connections_max=remote.queue.max_shards + 1
        )
        self._secrets = (*_url_secrets(remote.url.reveal()), *(value for _, value in remote.headers))

    async def send(self, body: bytes, *, content_type: str, version: str, attempt: int) -> Result:
        """Compress a request, send it, and judge the answer.

        Args:
            attempt: how often it was sent before.
        """
        compressed = bytes(cramjam.snappy.compress_raw(body))
        headers = {
            "Content-Type": content_type,
            "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": version,
            **({"Retry-Attempt": str(attempt)} if attempt else {}),
            **dict(self._remote.headers),
        }
        try:
            answer = await self._poster.post(
                self._remote.url.reveal(), compressed, headers=headers, secrets=self._secrets
            )
        except PostError as error:
            return Result(Verdict.REFUSED if error.is_final else Verdict.AGAIN, str(error), type(error).__name__)
        except InvalidInputError as error:
            return Result(Verdict.AGAIN, str(error), "settings")
        result = judge(answer, retries_429=self._remote.queue.retry_on_http_429, version=version)
        return replace(result, sent_bytes=len(compressed))

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()


def judge(answer: Answer, *, retries_429: bool, version: str) -> Result:
    """2xx is taken; 5xx, and 429 where that is asked for, is sent again; all others are refused for good.

    Source: Prometheus Remote-Write 1.0 and 2.0, "Retries & Backoff".
    """
    written = _written(answer)
    if 200 <= answer.status < 300:
        if version == WriteV2Encoder.version and not any((written or {}).values()):
            return Result(Verdict.REFUSED, NOTHING_WRITTEN, "nothing_written", written=written)
        return Result(Verdict.TAKEN, written=written)
    cause = str(answer.status)
    if answer.status >= 500 or (answer.status == TOO_MANY and retries_429):
        return Result(Verdict.AGAIN, answer.detail, cause, answer.retry_after_s, written)
    detail = answer.detail
    if answer.status == UNSUPPORTED_MEDIA:
        other = Protobuf.V1 if version.startswith("2") else Protobuf.V2
        detail = (
            f"{detail}: the far end does not take this version of remote write; try protobuf_message: {other.value}"
        )
    return Result(Verdict.REFUSED, detail, cause, written=written)


def _written(answer: Answer) -> dict[str, int] | None:
    texts = {kind: answer.headers.get(WRITTEN.format(name), "") for kind, name in WRITTEN_KINDS.items()}
    found = {kind: int(text) for kind, text in texts.items() if text.isascii() and text.isdigit()}
    return found or None


def _url_secrets(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    return tuple(filter(None, (parts.username, parts.password, *(value for _, value in parse_qsl(parts.query)))))
