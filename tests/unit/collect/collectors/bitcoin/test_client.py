"""Unit tests of calling a node."""

from __future__ import annotations

import json
import shutil
import threading

import certifi
import httpx
import pytest

from anyascope.clock import ManualClock
from anyascope.collect.collectors.bitcoin.client import RpcClient
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.model.http import TlsOptions
from anyascope.model.secret import Secret
from support.hanging_files import hanging_file

URL = "http://127.0.0.1:8332"


def result(request: httpx.Request) -> httpx.Response:
    calls = json.loads(request.content)
    if isinstance(calls, list):
        return httpx.Response(200, json=[{"id": call["id"], "result": call["params"][0]} for call in calls])
    return httpx.Response(200, json={"id": calls["id"], "result": calls["method"]})


def client(handler, **options) -> RpcClient:
    known = options or {"username": "u", "password": Secret("p")}
    return RpcClient(BitcoinNodeOptions("n", URL, **known), clock=ManualClock(), transport=httpx.MockTransport(handler))


async def test_calls_are_counted_and_timed_by_method():
    """A batch is one request and as many calls."""
    rpc = client(result)
    assert await rpc.call("uptime") == "uptime"
    assert await rpc.call_each("getblockhash", [(1,), (2,)]) == [1, 2]
    assert rpc.counts.outcomes == {("uptime", "ok"): 1, ("getblockhash", "ok"): 2}
    assert sum(rpc.counts.latencies["getblockhash"].counts) == 2
    await rpc.close()


async def test_a_wallet_is_asked_at_its_own_path():
    """Its name is quoted; connections and counts are the node's."""
    seen = []
    rpc = client(lambda request: seen.append(str(request.url)) or result(request))
    await rpc.call("uptime")
    for name in ("hot", "cold/1 é", ""):
        assert await rpc.for_wallet(name).call("getwalletinfo") == "getwalletinfo"
    assert seen == [URL, f"{URL}/wallet/hot", f"{URL}/wallet/cold%2F1%20%C3%A9", f"{URL}/wallet/"]
    assert rpc.counts.outcomes == {("uptime", "ok"): 1, ("getwalletinfo", "ok"): 3}
    await rpc.close()


async def test_a_refused_cookie_is_read_again_once(tmp_path):
    """A node that started again wrote another cookie; one that stays wrong is asked no third time."""
    cookie, seen = tmp_path / ".cookie", []
    cookie.write_text("__cookie__:old")

    def handler(request):
        seen.append(request.headers["authorization"])
        if len(seen) == 1:
            cookie.write_text("__cookie__:new")
            return httpx.Response(401)
        return result(request)

    rpc = client(handler, cookie_file=cookie)
    assert await rpc.call("uptime") == "uptime"
    assert len(set(seen)) == 2

    rpc = client(lambda request: seen.append("again") or httpx.Response(401), cookie_file=cookie)
    assert (await rpc.call("uptime")).code == "unauthorized"
    assert seen.count("again") == 1


async def test_a_cookie_that_hangs_holds_up_its_calls_alone(tmp_path):
    """Each call ends in time, however many wait for the file: one thread does, and none of those that all share."""
    before = set(threading.enumerate())
    with hanging_file(tmp_path / ".cookie") as answer:
        rpc = client(result, cookie_file=tmp_path / ".cookie", timeout_s=0.05)
        for _ in range(3):
            told = await rpc.call("uptime")
            assert told.code == "no_credentials"
            assert str(tmp_path / ".cookie") in told.message
        names = [thread.name for thread in set(threading.enumerate()) - before]
        assert names.count("credentials-n") <= 1
        assert not any(name.startswith("asyncio") for name in names)
        answer("__cookie__:x")
    rpc = client(result, cookie_file=tmp_path / ".cookie", timeout_s=60.0)
    assert await rpc.call("uptime") == "uptime"
    await rpc.close()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx.ConnectError("refused"), "unreachable"),
        (httpx.ReadTimeout("slow"), "timeout"),
        (httpx.RemoteProtocolError("peer closed connection"), "invalid_answer"),
    ],
)
async def test_what_the_network_does_is_an_outcome(error, code):
    """No connection, no answer in time, an answer that breaks off: none is raised."""

    def handler(request):
        raise error

    rpc = client(handler)
    refusal = await rpc.call("uptime")
    assert refusal.code == code
    assert rpc.counts.outcomes == {("uptime", code): 1}


async def test_a_kept_connection_that_ended_is_opened_again():
    """A node that started again ended our connection: the call is made once more."""
    seen = []

    def handler(request):
        seen.append(request)
        if len(seen) == 1:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        return result(request)

    assert await client(handler).call("uptime") == "uptime"


@pytest.mark.parametrize("text", [None, "no colon"])
async def test_an_unusable_cookie_names_its_file(tmp_path, text):
    """A missing or broken cookie file is an outcome, too."""
    cookie = tmp_path / ".cookie"
    if text:
        cookie.write_text(text)
    refusal = await client(result, cookie_file=cookie).call("uptime")
    assert refusal.code == "no_credentials"
    assert str(cookie) in refusal.message


async def test_an_answer_that_breaks_off_is_not_asked_for_again():
    """What came before is named; a heavy call is not made twice."""
    asked = []

    class Cut(httpx.AsyncByteStream):
        async def __aiter__(self):
            yield b'{"result"'
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")

    rpc = client(lambda request: asked.append(request) or httpx.Response(200, stream=Cut()))
    refusal = await rpc.call("getpeerinfo")
    assert refusal.code == "invalid_answer"
    assert refusal.message.startswith("the answer broke off after 9 bytes: ")
    assert len(asked) == 1


async def test_a_huge_answer_is_refused():
    """Before it fills the memory; a call that is known to be large has another bound."""
    rpc = client(lambda _: httpx.Response(200, json={"id": 0, "result": ["x" * 100]}))
    rpc._answer_bytes_max = 50
    assert (await rpc.call("getpeerinfo")).message == "more than 50 bytes"
    assert await rpc.call_as(list[str], "getrawmempool") == ["x" * 100]


async def test_an_authority_that_cannot_be_read_is_named(tmp_path):
    """It is no matter of credentials, and is read again at the next call."""
    asked = []
    options = BitcoinNodeOptions(
        "n", "https://127.0.0.1:8332", username="u", password=Secret("p"), tls=TlsOptions(ca_file=tmp_path / "ca.pem")
    )
    transport = httpx.MockTransport(lambda request: asked.append(request) or result(request))
    rpc = RpcClient(options, clock=ManualClock(), transport=transport)
    refusal = await rpc.call("uptime")
    assert (refusal.code, asked) == ("tls_failed", [])
    assert "ca.pem" in refusal.message
    shutil.copy(certifi.where(), tmp_path / "ca.pem")
    assert await rpc.call("uptime") == "uptime"


async def test_a_refusal_that_answers_is_no_error():
    """Whether there is a thing may be asked: "no" is counted as an answer."""
    body = [{"id": at, "result": None, "error": {"code": -5, "message": "not here"}} for at in range(2)]
    rpc = client(lambda _: httpx.Response(200, json=body))
    refusals = await rpc.call_each("getmempoolentry", [("aa",), ("bb",)], fine=("invalid_address_or_key",))
    assert [refusal.code for refusal in refusals] == ["invalid_address_or_key"] * 2
    assert rpc.counts.outcomes == {("getmempoolentry", "ok"): 2}
