"""What a browser gets when it asks for the page."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from anyascope.webui import routes
from anyascope.webui.assets import DIST, load
from anyascope.webui.pages import BASE_PLACE, NONCE_PLACE

INDEX = """<!doctype html><base href="__ANYASCOPE_BASE__"><meta property="csp-nonce" nonce="__ANYASCOPE_NONCE__">
<script type="module" src="./assets/index-abc.js" nonce="__ANYASCOPE_NONCE__"></script>"""
SCRIPT = "export const text = 'the page';\n" * 200


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """The folder of a build: an index, a script with its hash in the name, an icon, a file that is none of these."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX)
    (folder / "assets" / "index-abc.js").write_text(SCRIPT)
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "unknown.bin").write_bytes(b"\0")
    (tmp_path / "secret.txt").write_text("not part of the page")
    return folder


def client_of(dist: Path, *, base: str = "/") -> TestClient:
    return TestClient(Starlette(routes=routes(base=base, dist=dist)), follow_redirects=False)


@pytest.fixture
def client(dist: Path) -> TestClient:
    return client_of(dist)


def nonce_of(text: str) -> str:
    found = re.search(r'nonce="([^"]+)"', text)
    assert found
    return found.group(1)


@pytest.mark.parametrize("path", ["/", "/ui"])
def test_the_root_leads_to_the_page(client: TestClient, path: str) -> None:
    """Whoever opens the address that the server prints lands on the page."""
    answer = client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (307, "/ui/")


@pytest.mark.parametrize("path", ["/ui/", "/ui/now", "/ui/traces/5b8aa5a2d2c872e8", "/ui/no/such/page"])
def test_every_address_of_the_page_is_the_index(client: TestClient, path: str) -> None:
    """A link to any view opens, because the page itself reads the address."""
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert '<base href="/ui/">' in answer.text


def test_the_policy_names_the_nonce_of_this_answer(client: TestClient) -> None:
    """Styles carry the nonce that the policy of the same answer allows; no two answers share one."""
    first, second = client.get("/ui/now"), client.get("/ui/now")
    assert f"'nonce-{nonce_of(first.text)}'" in first.headers["content-security-policy"]
    assert nonce_of(first.text) != nonce_of(second.text)
    assert first.headers["cache-control"] == "no-store"


def test_the_policy_allows_nothing_inline_and_nothing_foreign(client: TestClient) -> None:
    """Scripts come from the server's own files only, and markup is never made from text."""
    policy = client.get("/ui/now").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("path", ["/", "/graph", "/ui/now", "/ui/favicon.svg", "/ui/assets/none.js"])
def test_every_answer_forbids_guessing_and_framing(client: TestClient, path: str) -> None:
    """Each kind of answer carries the headers that keep a browser from guessing types and from framing it."""
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


def test_a_hashed_file_is_kept_for_ever(client: TestClient) -> None:
    """A file whose name holds its hash never has to be asked for again."""
    answer = client.get("/ui/assets/index-abc.js", headers={"accept-encoding": "identity"})
    assert answer.text == SCRIPT
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_file_without_hash_is_asked_for_again(client: TestClient) -> None:
    """An icon keeps its name over releases, so it is kept for an hour only."""
    assert client.get("/ui/favicon.svg").headers["cache-control"] == "public, max-age=3600"


def test_an_unknown_kind_of_file_is_bytes(client: TestClient) -> None:
    """A file of a type that a page does not consist of is never taken for markup."""
    assert client.get("/ui/unknown.bin").headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "*", "GZIP"])
def test_text_is_compressed_where_the_browser_takes_it(client: TestClient, accepted: str) -> None:
    """A large text file goes out as gzip, and caches are told that the encoding matters."""
    with client.stream("GET", "/ui/assets/index-abc.js", headers={"accept-encoding": accepted}) as answer:
        body = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "accept-encoding"
    assert gzip.decompress(body).decode() == SCRIPT


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.0", "identity"])
def test_text_is_plain_where_it_does_not(client: TestClient, accepted: str) -> None:
    """Without gzip among the accepted codings the bytes go out as they are."""
    answer = client.get("/ui/assets/index-abc.js", headers={"accept-encoding": accepted})
    assert "content-encoding" not in answer.headers
    assert answer.text == SCRIPT


def test_a_small_file_is_not_compressed(client: TestClient) -> None:
    """Below one packet compression would only cost time."""
    assert "content-encoding" not in client.get("/ui/favicon.svg", headers={"accept-encoding": "gzip"}).headers


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_a_known_file_is_not_sent_again(client: TestClient, form: str) -> None:
    """A browser that names the entity tag gets 304 and no body."""
    etag = client.get("/ui/favicon.svg").headers["etag"]
    answer = client.get("/ui/favicon.svg", headers={"if-none-match": form.format(etag)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == etag


def test_another_tag_is_answered_in_full(client: TestClient) -> None:
    """A tag of an older build does not match."""
    assert client.get("/ui/favicon.svg", headers={"if-none-match": '"old"'}).status_code == 200


def test_encodings_have_tags_of_their_own(client: TestClient) -> None:
    """The compressed and the plain form are different entities."""
    plain = client.get("/ui/assets/index-abc.js", headers={"accept-encoding": "identity"})
    packed = client.get("/ui/assets/index-abc.js", headers={"accept-encoding": "gzip"})
    assert plain.headers["etag"] != packed.headers["etag"]


def test_head_has_the_headers_without_the_body(client: TestClient) -> None:
    """HEAD answers as GET would, with nothing in it."""
    answer = client.head("/ui/favicon.svg")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "6")


def test_a_missing_chunk_is_not_the_index(client: TestClient) -> None:
    """A page of an older build that asks for its chunk learns that it is gone, instead of running HTML as script."""
    answer = client.get("/ui/assets/old-def.js")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "path",
    [
        "/ui/../secret.txt",
        "/ui/%2e%2e/secret.txt",
        "/ui/assets/..%2f..%2fsecret.txt",
        "/ui//etc/passwd",
        "/ui/assets/%00",
    ],
)
def test_no_path_leaves_the_build(client: TestClient, path: str) -> None:
    """Whatever a path says, only files of the build are given out."""
    answer = client.get(path)
    assert "not part of the page" not in answer.text
    assert "root:" not in answer.text


def test_prometheus_links_open_the_same_queries(client: TestClient) -> None:
    """The link that rules put on alerts, made for Prometheus' own page, opens its queries here."""
    link = "/graph?g0.expr=up%20%3D%3D%200&g0.tab=1&g0.range_input=2h&g1.expr=rate(x%5B5m%5D)"
    answer = client.get(link)
    assert answer.status_code == 307
    expected = "/ui/metrics?q=up+%3D%3D+0&q=rate%28x%5B5m%5D%29&from=-2h&view=table"
    assert answer.headers["location"] == expected


@pytest.mark.parametrize("base", ["/", "/watch/"])
def test_the_short_address_of_a_runbook_leads_to_its_page(dist: Path, base: str) -> None:
    """As alerts carry it; a name from a link cannot lead anywhere else."""
    answer = client_of(dist, base=base).get(f"{base}runbooks/Hsm%20Down%3F&x")
    assert (answer.status_code, answer.headers["location"]) == (307, f"{base}ui/runbooks/Hsm%20Down%3F%26x")


def test_a_base_goes_before_everything(dist: Path) -> None:
    """Behind a proxy that gives it a path, the page finds its files and the server below that path."""
    client = client_of(dist, base="/watch/")
    assert client.get("/watch/").headers["location"] == "/watch/ui/"
    assert '<base href="/watch/ui/">' in client.get("/watch/ui/now").text
    assert client.get("/watch/ui/assets/index-abc.js").status_code == 200


@pytest.mark.parametrize("base", ["watch/", "/watch", ""])
def test_a_base_without_its_slashes_is_a_fault(base: str) -> None:
    """A base is a path from slash to slash; anything else is a mistake of the caller."""
    with pytest.raises(AssertionError, match="base must"):
        routes(base=base)


def test_without_a_build_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    """A checkout whose page was never built says `make web` instead of an error."""
    answer = client_of(tmp_path / "absent").get("/ui/now")
    assert answer.status_code == 503
    assert "make web" in answer.text


def test_the_shipped_build_has_its_places() -> None:
    """The committed page leaves the nonce and the base to the server, and names no address outside it."""
    if not (assets := load(DIST)):
        pytest.skip("the page is not built: run `make web`")
    index = assets["index.html"].body.decode()
    assert NONCE_PLACE in index
    assert BASE_PLACE in index
    assert not re.search(r'(?:src|href)="https?:', index)
