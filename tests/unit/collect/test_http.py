"""Unit tests of the scraping client, against a real socket."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import trustme

from anyascope.clock import ManualClock
from anyascope.collect.http import REDIRECTS_MAX, FetchBounds, FetchError, HttpFetcher
from anyascope.collect.proxies import Proxies
from anyascope.collect.tls import TlsContexts
from anyascope.errors import InvalidInputError
from anyascope.model.http import Authorization, BasicAuth, HttpOptions, OAuth2, TlsOptions
from anyascope.model.secret import Secret
from anyascope.wire.oauth2 import Tokens
from support.collecting import Request, ScriptedTarget, answers, until

BOUNDS = FetchBounds(timeout_s=60.0, body_bytes_max=100_000)  # of a busy machine


def fetcher(**options) -> HttpFetcher:
    own = HttpOptions(**options)
    return HttpFetcher(own, TlsContexts(own.tls))


async def get(url: str, *, bounds: FetchBounds = BOUNDS, **options):
    client = fetcher(**options)
    try:
        return await client.get(url, headers=(("Accept", "text/plain"),), bounds=bounds)
    finally:
        client.close()


async def test_gives_the_body_and_its_type() -> None:
    """A 200 is its body and its Content-Type."""
    async with ScriptedTarget(answers(b"a 1\n", headers="Content-Type: text/plain; version=0.0.4\r\n")) as target:
        answer = await get(target.url)
    assert (answer.body, answer.content_type) == (b"a 1\n", "text/plain; version=0.0.4")


async def test_keeps_its_connection() -> None:
    """Scrapes of one target go over one connection."""
    async with ScriptedTarget(answers(b"a 1\n")) as target:
        client = fetcher()
        for _ in range(3):
            await client.get(target.url, headers=(), bounds=BOUNDS)
        client.close()
    assert (len(target.requests), target.connections) == (3, 1)


async def test_asks_again_when_a_kept_connection_was_closed() -> None:
    """A target that closes between two scrapes is asked over a new connection, and nobody notices."""

    async def answer_and_close(_, writer: asyncio.StreamWriter, __: Request) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 1\n")
        await writer.drain()
        writer.close()

    async with ScriptedTarget(answer_and_close) as target:
        client = fetcher()
        await client.get(target.url, headers=(), bounds=BOUNDS)
        answer = await client.get(target.url, headers=(), bounds=BOUNDS)
        client.close()
    assert answer.body == b"a 1\n"
    assert target.connections == 2


async def test_reads_a_body_that_ends_with_the_connection() -> None:
    """An answer without a length ends where the connection does."""

    async def old_server(_, writer: asyncio.StreamWriter, __: Request) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\na 1\nb 2\n")
        await writer.drain()
        writer.close()

    async with ScriptedTarget(old_server) as target:
        assert (await get(target.url)).body == b"a 1\nb 2\n"


async def test_reads_chunks() -> None:
    """A chunked answer is put together."""

    async def chunked(_, writer: asyncio.StreamWriter, __: Request) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na 1\n\r\n4\r\nb 2\n\r\n0\r\n\r\n")

    async with ScriptedTarget(chunked) as target:
        assert (await get(target.url)).body == b"a 1\nb 2\n"


async def test_unpacks_gzip() -> None:
    """A packed answer is unpacked."""
    async with ScriptedTarget(answers(gzip.compress(b"a 1\n" * 1000), headers="Content-Encoding: gzip\r\n")) as target:
        assert (await get(target.url)).body == b"a 1\n" * 1000


async def test_cuts_a_bomb() -> None:
    """A packed answer that unfolds past the limit is cut at the limit."""
    bomb = gzip.compress(b"\0" * 50_000_000)
    async with ScriptedTarget(answers(bomb, headers="Content-Encoding: gzip\r\n")) as target:
        with pytest.raises(FetchError, match=r"body size limit exceeded \(body_size_limit: 100000 bytes\)"):
            await get(target.url)


@pytest.mark.parametrize(
    "packed", [b"no gzip at all", gzip.compress(b"a 1\n" * 1000)[:40]], ids=["no gzip", "cut short"]
)
async def test_refuses_broken_gzip(packed: bytes) -> None:
    """An answer that says gzip and is none, or half of one, is an error."""
    async with ScriptedTarget(answers(packed, headers="Content-Encoding: gzip\r\n")) as target:
        with pytest.raises(FetchError, match="broken gzip"):
            await get(target.url)


async def test_refuses_a_body_that_says_it_is_too_large() -> None:
    """A body whose length passes the limit is not read at all."""

    async def huge(_, writer: asyncio.StreamWriter, __: Request) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")

    async with ScriptedTarget(huge) as target:
        with pytest.raises(FetchError, match="body size limit exceeded"):
            await get(target.url)


async def test_cuts_an_endless_body_at_once() -> None:
    """A target that would send a gigabyte is cut as soon as the limit is passed."""
    sent = 0

    async def flood(_, writer: asyncio.StreamWriter, __: Request) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(16_384):
            writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            sent += 65_536
            await writer.drain()

    async with ScriptedTarget(flood) as target:
        with pytest.raises(FetchError, match="body size limit exceeded"):
            await get(target.url)
        # Beyond the limit there is only what the buffers of both sides hold.
        assert sent < 32_000_000


@pytest.fixture
def expire(monkeypatch) -> Callable[[], None]:
    """Lets the time of a fetch be over: when, is said by the test and not by how fast the machine is."""
    begun: list[asyncio.Timeout] = []
    timeout = asyncio.timeout

    def noted(seconds: float) -> asyncio.Timeout:
        begun.append(timeout(seconds))
        return begun[-1]

    monkeypatch.setattr(asyncio, "timeout", noted)
    return lambda: begun[0].reschedule(asyncio.get_running_loop().time())


async def test_names_what_took_too_long(expire) -> None:
    """A target that takes the request and never answers is given up after the timeout, with what was waited for."""

    async def silent(_, __, ___) -> None:
        expire()
        await asyncio.sleep(60)

    async with ScriptedTarget(silent) as target:
        with pytest.raises(FetchError, match=r"timed out after 60s while waiting for the answer"):
            await get(target.url)


async def test_gives_up_on_a_trickle(expire) -> None:
    """A target that sends a byte now and then does not get more time for it."""

    async def trickle(_, writer: asyncio.StreamWriter, __: Request) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for number in range(1000):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)
            if number == 10:
                expire()

    async with ScriptedTarget(trickle) as target:
        with pytest.raises(FetchError, match=r"timed out after 60s while reading the answer \(\d+ bytes so far\)"):
            await get(target.url)


async def test_tells_a_refused_connection() -> None:
    """Nobody listens: the message says where and why."""
    async with ScriptedTarget(answers(b"")) as target:
        url, port = target.url, target.port
    with pytest.raises(FetchError, match=rf"connecting to 127.0.0.1:{port} failed: connection refused"):
        await get(url)


async def test_tells_a_status() -> None:
    """An answer that is no 200 is told with its reason."""
    async with ScriptedTarget(answers(b"busy", status="503 Service Unavailable")) as target:
        with pytest.raises(FetchError, match="server returned HTTP status 503 Service Unavailable"):
            await get(target.url)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"this is no HTTP\r\n\r\n", "not an HTTP answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "closed in the middle of the answer, after 4 bytes"),
        (b"", "closed before an answer came"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "headers are longer than 65536 bytes"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
            "content encoding 'br' was not asked",
        ),
    ],
)
async def test_tells_what_is_no_answer(raw: bytes, message: str) -> None:
    """What is not an HTTP answer, or half of one, is told for what it is."""

    async def broken(_, writer: asyncio.StreamWriter, __: Request) -> None:
        writer.write(raw)
        await writer.drain()
        writer.close()

    async with ScriptedTarget(broken) as target:
        with pytest.raises(FetchError, match=message):
            await get(target.url)


async def test_follows_redirects_without_giving_secrets_away() -> None:
    """A redirect is followed; the password goes only to the host that it was meant for."""
    async with ScriptedTarget(answers(b"b 2\n")) as other:
        away = answers(b"", status="302 Found", headers=f"Location: {other.url}\r\n")
        async with ScriptedTarget(away) as target:
            answer = await get(target.url, authorization=Authorization(Secret("s3cret")))
    assert answer.body == b"b 2\n"
    assert target.requests[0].headers["authorization"] == "Bearer s3cret"
    assert "authorization" not in other.requests[0].headers


async def test_stops_going_in_circles() -> None:
    """A target that redirects to itself is given up."""
    async with ScriptedTarget(answers(b"", status="301 Moved", headers="Location: /metrics\r\n")) as target:
        with pytest.raises(FetchError, match=f"stopped after {REDIRECTS_MAX} redirects"):
            await get(target.url)
    assert len(target.requests) == REDIRECTS_MAX + 1


async def test_follows_no_redirect_when_told_not_to() -> None:
    """`follow_redirects: false` makes a redirect the failure that it is."""
    async with ScriptedTarget(answers(b"", status="302 Found", headers="Location: /other\r\n")) as target:
        with pytest.raises(FetchError, match="HTTP status 302 Found"):
            await get(target.url, follow_redirects=False)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://x/"])
async def test_follows_only_to_http(location: str) -> None:
    """A redirect to something else than an http address is refused."""
    async with ScriptedTarget(answers(b"", status="302 Found", headers=f"Location: {location}\r\n")) as target:
        with pytest.raises(FetchError, match="is no http address"):
            await get(target.url)


async def test_sends_name_and_password() -> None:
    """Basic authentication is sent with every request."""
    async with ScriptedTarget(answers(b"a 1\n")) as target:
        await get(target.url, basic_auth=BasicAuth(Secret("anya"), Secret("pass:word")))
    assert target.requests[0].headers["authorization"] == "Basic YW55YTpwYXNzOndvcmQ="


async def test_refuses_line_breaks_in_headers() -> None:
    """A header with a line break would be two headers: it is not sent."""
    async with ScriptedTarget(answers(b"a 1\n")) as target:
        with pytest.raises(FetchError, match="holds a line break"):
            await get(target.url, authorization=Authorization(Secret("a\r\nX-Evil: 1")))
    assert target.requests == []


async def test_goes_through_a_proxy() -> None:
    """With a proxy the request goes there, whole address and all."""
    async with ScriptedTarget(answers(b"a 1\n")) as proxy:
        answer = await get("http://far.example:9100/metrics", proxy_url=f"http://anya:p%40w@127.0.0.1:{proxy.port}")
    assert answer.body == b"a 1\n"
    assert proxy.requests[0].headers["proxy-authorization"] == "Basic YW55YTpwQHc="
    assert proxy.requests[0].line == "GET http://far.example:9100/metrics HTTP/1.1"


async def test_tunnels_through_a_proxy_to_a_tls_target() -> None:
    """With a proxy an https target is reached by CONNECT, and TLS is spoken to the target itself."""
    context, authority = _tls_pair("127.0.0.1")

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request) -> None:
        host, _, port = request.path.partition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                sink.write(data)
            sink.close()

        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    own = TlsOptions(ca=authority.cert_pem.bytes().decode())
    async with ScriptedTarget(answers(b"a 1\n"), tls=context) as target, ScriptedTarget(tunnel) as proxy:
        answer = await get(target.url, tls=own, proxy_url=f"http://anya:pw@127.0.0.1:{proxy.port}")
    assert answer.body == b"a 1\n"
    assert proxy.requests[0].line == f"CONNECT 127.0.0.1:{target.port} HTTP/1.1"
    assert proxy.requests[0].headers["proxy-authorization"] == "Basic YW55YTpwdw=="


async def test_tells_a_proxy_that_refuses() -> None:
    """A proxy that opens no tunnel is told with its answer."""
    async with ScriptedTarget(answers(b"", status="403 Forbidden")) as proxy:
        with pytest.raises(FetchError, match="the proxy answered 403 Forbidden"):
            await get("https://far.example/metrics", proxy_url=f"http://127.0.0.1:{proxy.port}")


async def test_goes_around_the_proxy_where_told_to() -> None:
    """Hosts of `no_proxy` are reached directly."""
    async with ScriptedTarget(answers(b"a 1\n")) as target:
        answer = await get(target.url, proxy_url="http://127.0.0.1:1", no_proxy=("127.0.0.1",))
    assert answer.body == b"a 1\n"


def _tls_pair(*names: str) -> tuple[ssl.SSLContext, trustme.CA]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context, authority


async def test_believes_the_configured_authority(tmp_path) -> None:
    """A certificate of the authority in `ca_file` is good."""
    context, authority = _tls_pair("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with ScriptedTarget(answers(b"a 1\n"), tls=context) as target:
        assert (await get(target.url, tls=TlsOptions(ca_file=tmp_path / "ca.pem"))).body == b"a 1\n"


async def test_tells_why_a_certificate_is_not_believed() -> None:
    """A certificate of an unknown authority is a failure that says so."""
    context, _ = _tls_pair("127.0.0.1")
    async with ScriptedTarget(answers(b"a 1\n"), tls=context) as target:
        with pytest.raises(FetchError, match="TLS: certificate verify failed: unable to get local issuer"):
            await get(target.url)


async def test_looks_away_when_told_to() -> None:
    """`insecure_skip_verify` takes any certificate."""
    context, _ = _tls_pair("other.example")
    async with ScriptedTarget(answers(b"a 1\n"), tls=context) as target:
        assert (await get(target.url, tls=TlsOptions(insecure_skip_verify=True))).body == b"a 1\n"


async def test_expects_the_configured_server_name(tmp_path) -> None:
    """`server_name` is the name that the certificate must have, whatever the address."""
    context, authority = _tls_pair("node.example")
    ca = TlsOptions(ca=authority.cert_pem.bytes().decode(), server_name="node.example")
    async with ScriptedTarget(answers(b"a 1\n"), tls=context) as target:
        assert (await get(target.url, tls=ca)).body == b"a 1\n"


async def test_shows_a_client_certificate(tmp_path) -> None:
    """A target that wants a certificate of us gets it."""
    context, authority = _tls_pair("127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    client = authority.issue_cert("client.example")
    client.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
    files = {"cert_file": tmp_path / "client.pem", "key_file": tmp_path / "client.pem"}
    own = TlsOptions(ca=authority.cert_pem.bytes().decode(), **files)
    async with ScriptedTarget(answers(b"a 1\n"), tls=context) as target:
        assert (await get(target.url, tls=own)).body == b"a 1\n"


async def test_names_a_tls_file_that_is_missing(tmp_path) -> None:
    """A missing file of the TLS settings is told by its name."""
    with pytest.raises(FetchError, match=r"TLS file .*gone.pem cannot be read"):
        await get("https://127.0.0.1:1/metrics", tls=TlsOptions(ca_file=tmp_path / "gone.pem"))


async def test_lets_go_when_it_is_cancelled() -> None:
    """A scrape that is cancelled leaves no open connection."""

    async def silent(_, __, ___) -> None:
        await asyncio.sleep(60)

    async with ScriptedTarget(silent) as target:
        client = fetcher()
        task = asyncio.create_task(client.get(target.url, headers=(), bounds=BOUNDS))
        await until(lambda: bool(target.requests))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert client._connection is None


def test_works_on_the_servers_own_loop(tmp_path) -> None:
    """The server runs on uvloop, whose connections are of other classes: plain, kept, packed and over TLS."""
    uvloop = pytest.importorskip("uvloop")
    context, authority = _tls_pair("127.0.0.1")
    trusted = TlsOptions(ca=authority.cert_pem.bytes().decode())
    packed = answers(gzip.compress(b"a 1\n" * 10), headers="Content-Encoding: gzip\r\n")

    async def fetch_all() -> list[bytes]:
        async with ScriptedTarget(packed) as plain, ScriptedTarget(answers(b"b 2\n"), tls=context) as secret:
            client, safe = fetcher(), fetcher(tls=trusted)
            found = [(await client.get(plain.url, headers=(), bounds=BOUNDS)).body for _ in range(2)]
            found.append((await safe.get(secret.url, headers=(), bounds=BOUNDS)).body)
            client.close()
            safe.close()
        assert plain.connections == 1
        return found

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(fetch_all()) == [b"a 1\n" * 10, b"a 1\n" * 10, b"b 2\n"]


async def test_asks_for_a_token_once() -> None:
    """With oauth2 the target is shown a token, which is kept; after a 401 another one is asked for, and no secret is told."""
    given = [f"t{number}" for number in range(2)]

    async def serve(_, writer: asyncio.StreamWriter, request: Request) -> None:
        if request.path == "/token":
            body = json.dumps({"access_token": given.pop(0), "expires_in": 100}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        else:
            is_known = request.headers["authorization"] != "Bearer t0" or len(target.requests) < 4
            writer.write(
                f"HTTP/1.1 {'200 OK' if is_known else '401 Unauthorized'}\r\nContent-Length: 0\r\n\r\n".encode()
            )

    async with ScriptedTarget(serve) as target:
        oauth2 = OAuth2("anya", Secret("hunter22"), f"http://127.0.0.1:{target.port}/token")
        tokens = Tokens(oauth2, timeout_s=5.0, clock=ManualClock())
        client = HttpFetcher(HttpOptions(oauth2=oauth2), TlsContexts(TlsOptions()), tokens)
        for _ in range(2):
            await client.get(target.url, headers=(), bounds=BOUNDS)
        with pytest.raises(FetchError, match="401 Unauthorized"):
            await client.get(target.url, headers=(), bounds=BOUNDS)
        await client.get(target.url, headers=(), bounds=BOUNDS)
        tokens.forget()
        given.append(None)
        with pytest.raises(FetchError, match="the token server answered without") as caught:
            await client.get(target.url, headers=(), bounds=BOUNDS)
        client.close()
    assert "hunter22" not in str(caught.value)
    shown = [request.headers["authorization"] for request in target.requests if request.path == "/metrics"]
    assert shown == ["Bearer t0", "Bearer t0", "Bearer t0", "Bearer t1"]


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({"HTTP_PROXY": "http://p:1"}, "http://far.example/", "p"),
        ({"http_proxy": "p:1"}, "http://far.example/", "p"),
        ({"HTTP_PROXY": "http://p:1"}, "https://far.example/", None),
        ({"HTTPS_PROXY": "http://s:1"}, "https://far.example/", "s"),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "a, far.example"}, "http://far.example/", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://localhost:9100/", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://127.0.0.3:9100/", None),
        ({}, "http://far.example/", None),
    ],
)
def test_the_environment_names_a_proxy(environment: dict[str, str], url: str, proxy: str | None) -> None:
    """By the address' scheme, but for what NO_PROXY names and for this machine."""
    found = Proxies(HttpOptions(proxy_from_environment=True), environment).of(urlsplit(url))
    assert (found.hostname if found is not None else None) == proxy


def test_a_proxy_of_the_environment_that_is_not_spoken_is_told() -> None:
    """Without its address, which may hold a password."""
    proxies = Proxies(HttpOptions(proxy_from_environment=True), {"HTTP_PROXY": "socks5://u:hunter22@p:1"})
    with pytest.raises(InvalidInputError, match=r"^the proxy for http of the environment is no http://host:port$"):
        proxies.of(urlsplit("http://far.example/"))
