"""Tokens of a client: asked for once, kept until shortly before their end, and never shown."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest

from anyascope.clock import ManualClock
from anyascope.model.http import HttpOptions, OAuth2
from anyascope.model.secret import Secret
from anyascope.wire.http_post import HttpPoster, PostError
from support.sinks import http_sink


def poster(port: int, clock: ManualClock) -> HttpPoster:
    oauth2 = OAuth2("anya", Secret("hunter22"), f"http://127.0.0.1:{port}/token", ("write",), (("audience", "a b"),))
    return HttpPoster(HttpOptions(oauth2=oauth2), timeout_s=10.0, clock=clock)


def said(token: str) -> str:
    body = json.dumps({"access_token": token, "expires_in": 100}).replace(":", "%3A").replace(",", "%2C")
    return f"200:body={body}:content-type=application/json"


async def test_a_token_is_kept_until_shortly_before_its_end(tmp_path):
    """One request for a token serves many, a new one is asked for 10 s before the old one ends, and after a 401."""
    clock = ManualClock()
    tokens = ",".join(said(f"t0ken{number}") for number in range(3))
    with http_sink(tmp_path / "out", "--script", f"/token={tokens}", "--script", "/push=200,200,200,401") as sink:
        sender = poster(sink.port, clock)
        url = f"http://127.0.0.1:{sink.port}/push"
        for wait_s in (0, 89, 2, 0, 0):
            await clock.advance(wait_s)
            await sender.post(url, b"x", headers={})
        await sender.close()
        records = sink.records()
    pushes = [dict(record["headers"]) for record in records if record["path"] == "/push"]
    asked = [record for record in records if record["path"] == "/token"]

    sent = [next(value for name, value in each.items() if name.lower() == "authorization") for each in pushes]
    assert sent == ["Bearer t0ken0", "Bearer t0ken0", "Bearer t0ken1", "Bearer t0ken1", "Bearer t0ken2"]
    assert asked[0]["body"] == "grant_type=client_credentials&audience=a+b&scope=write"
    assert any(name.lower() == "authorization" and value.startswith("Basic ") for name, value in asked[0]["headers"])


async def test_credentials_may_stand_in_the_request(tmp_path):
    """A server that does not take them in the header is asked with them in the body."""
    with http_sink(tmp_path / "out", "--script", f"/token=401,{said('t0ken')}") as sink:
        sender = poster(sink.port, ManualClock())
        answer = await sender.post(f"http://127.0.0.1:{sink.port}/push", b"x", headers={})
        await sender.close()
        bodies = [record["body"] for record in sink.records() if record["path"] == "/token"]
    assert answer.status == 200
    assert bodies[1].endswith("&client_id=anya&client_secret=hunter22")


@pytest.mark.parametrize("script", ["500", "200:body=no", "200:body=%7B%7D", "401:body=hunter22"])
async def test_no_token_is_no_answer_and_may_pass(tmp_path, script):
    """The request waits, and the text holds no secret."""
    with http_sink(tmp_path / "out", "--then", script) as sink:
        sender = poster(sink.port, ManualClock())
        with pytest.raises(PostError) as caught:
            await sender.post(f"http://127.0.0.1:{sink.port}/push", b"x", headers={})
        await sender.close()
    assert not caught.value.is_final
    assert "hunter22" not in str(caught.value)


async def test_an_answer_without_end_is_left():
    """A server that sends more than any token is not read to its end."""

    async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(endless, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        sender = poster(port, ManualClock())
        with pytest.raises(PostError, match="without an access_token"):
            await sender.post(f"http://127.0.0.1:{port}/push", b"x", headers={})
        await sender.close()
