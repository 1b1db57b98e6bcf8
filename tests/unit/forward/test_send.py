"""What an answer means, and what a request looks like."""

from __future__ import annotations

import pytest

from anyascope.clock import ManualClock
from anyascope.forward.options import RemoteWrite
from anyascope.forward.send import Sender, Verdict, judge
from anyascope.model.secret import Secret
from anyascope.wire.http_post import Answer
from support.ports import free_port

V1, V2 = "0.1.0", "2.0.0"


def answer(status: int, body: str = "", retry_after_s: float = 0.0, **headers: int) -> Answer:
    written = {f"X-Prometheus-Remote-Write-{name}-Written": str(count) for name, count in headers.items()}
    return Answer(status, "", body.encode(), retry_after_s, headers=written)


@pytest.mark.parametrize(
    ("status", "retries_429", "verdict"),
    [
        (200, False, Verdict.TAKEN),
        (204, False, Verdict.TAKEN),
        (302, False, Verdict.REFUSED),
        (400, True, Verdict.REFUSED),
        (401, True, Verdict.REFUSED),
        (413, False, Verdict.REFUSED),
        (429, False, Verdict.REFUSED),
        (429, True, Verdict.AGAIN),
        (500, False, Verdict.AGAIN),
        (503, False, Verdict.AGAIN),
    ],
)
def test_a_status_decides(status, retries_429, verdict):
    """2xx is taken, 5xx comes again, 429 where that is asked for, the rest is refused."""
    assert judge(answer(status), retries_429=retries_429, version=V1).verdict is verdict


def test_what_2_0_says_was_written_is_read():
    """A partial write says how much was stored, with 2xx and with 4xx; nothing at all is a far end that speaks 1.0 only."""
    part = judge(answer(204, Samples=3, Histograms=1, Exemplars=0), retries_429=False, version=V2)
    refused = judge(answer(400, "bad", Samples=3), retries_429=False, version=V2)
    silent = judge(answer(204), retries_429=False, version=V2)
    plain = judge(answer(204), retries_429=False, version=V1)

    assert (part.verdict, part.written) == (Verdict.TAKEN, {"samples": 3, "histograms": 1, "exemplars": 0})
    assert (refused.verdict, refused.written) == (Verdict.REFUSED, {"samples": 3})
    assert silent.verdict is Verdict.REFUSED
    assert "try protobuf_message: prometheus.WriteRequest" in silent.detail
    assert (plain.verdict, plain.written) == (Verdict.TAKEN, None)


def test_415_says_which_version_to_try():
    """A far end that does not take this version names none: we do."""
    found = judge(answer(415, "unsupported"), retries_429=False, version=V2)
    assert found.verdict is Verdict.REFUSED
    assert found.detail.startswith("415: unsupported")
    assert found.detail.endswith("try protobuf_message: prometheus.WriteRequest")


async def test_nobody_there_is_no_loss_and_no_secret():
    """Without a connection the request waits; the text holds neither the password nor the token of the address."""
    url = f"http://anya:hunter22@127.0.0.1:{free_port()}/push?token=t0ps3cret"
    sender = Sender(RemoteWrite("far", Secret(url), "http://127.0.0.1/push"), clock=ManualClock())
    found = await sender.send(b"body", content_type="application/x-protobuf", version=V1, attempt=0)
    await sender.close()

    assert found.verdict is Verdict.AGAIN
    assert found.detail
    assert "hunter22" not in found.detail
    assert "t0ps3cret" not in found.detail
