"""Unit tests of watching certificates."""

from __future__ import annotations

import datetime as dt
import ssl

import pytest
import trustme

from anyascope.collect.collectors import certificates
from anyascope.collect.collectors.certificates import ask_endpoint, read_certificates, read_pem, split_address
from anyascope.errors import InvalidInputError
from support.collecting import ScriptedTarget, answers

SOON = dt.datetime(2031, 5, 6, tzinfo=dt.UTC)


def values(families, name: str) -> dict[str, float]:
    return {
        dict(labels)["instance"]: value for family in families if family.name == name for labels, value in family.points
    }


def test_reads_all_certificates_of_a_file(tmp_path) -> None:
    """A chain has an expiry a certificate."""
    authority = trustme.CA()
    authority.issue_cert("node.example", not_after=SOON).private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "a.pem")
    )
    authority.cert_pem.write_to_path(str(tmp_path / "a.pem"), append=True)
    found = read_pem(tmp_path / "a.pem")
    assert len(found) == 2
    assert found[0].not_after_s == SOON.timestamp()


@pytest.mark.parametrize(("text", "message"), [(None, "cannot be read"), ("no certificate", "holds no certificate")])
def test_tells_a_file_that_is_no_certificate(tmp_path, text: str | None, message: str) -> None:
    """A missing or wrong file is told by its name."""
    path = tmp_path / "a.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidInputError, match=rf"a.pem {message}"):
        read_pem(path)


async def test_asks_a_server_whatever_its_certificate() -> None:
    """An untrusted certificate is looked at all the same."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("other.example", not_after=SOON).configure_cert(context)
    async with ScriptedTarget(answers(b""), tls=context) as server:
        found = await ask_endpoint(f"127.0.0.1:{server.port}")
    assert found.not_after_s == SOON.timestamp()


async def test_tells_a_server_without_tls(monkeypatch) -> None:
    """A server that speaks no TLS, or never answers, is told as such."""
    monkeypatch.setattr(certificates, "HANDSHAKE_TIMEOUT_S", 0.3)

    async def silent(_, __, ___) -> None: ...

    async with ScriptedTarget(silent) as server:
        with pytest.raises(InvalidInputError, match=rf"127.0.0.1:{server.port}: "):
            await ask_endpoint(f"127.0.0.1:{server.port}")


async def test_one_bad_source_does_not_disturb_the_others(tmp_path) -> None:
    """Each source tells its success; the earliest end counts; faults are told."""
    authority = trustme.CA()
    authority.issue_cert("node.example", not_after=SOON).cert_chain_pems[0].write_to_path(str(tmp_path / "a.pem"))
    families, faults = await read_certificates([tmp_path / "a.pem", tmp_path / "gone.pem"], [])
    good, bad = str(tmp_path / "a.pem"), str(tmp_path / "gone.pem")
    assert values(families, "probe_success") == {good: 1.0, bad: 0.0}
    assert values(families, "probe_ssl_earliest_cert_expiry") == {good: SOON.timestamp()}
    assert len(faults) == 1


async def test_a_damaged_certificate_does_not_disturb_the_others(tmp_path, monkeypatch) -> None:
    """A server whose certificate cannot be taken apart, and an address that is none, are told as faults of their own."""
    authority = trustme.CA()
    authority.issue_cert("node.example", not_after=SOON).cert_chain_pems[0].write_to_path(str(tmp_path / "a.pem"))

    def damaged(_: bytes) -> None:
        raise ValueError("error parsing asn1 value")

    monkeypatch.setattr(certificates.x509, "load_der_x509_certificate", damaged)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example").configure_cert(context)
    async with ScriptedTarget(answers(b""), tls=context) as server:
        odd = [f"127.0.0.1:{server.port}", "a..example:443"]
        families, faults = await read_certificates([tmp_path / "a.pem"], odd)
    assert values(families, "probe_success") == {str(tmp_path / "a.pem"): 1.0, odd[0]: 0.0, odd[1]: 0.0}
    assert "shows a damaged certificate" in faults[0]
    assert "is no address" in faults[1]


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("a.example", ("a.example", 443)),
        ("a.example:8443", ("a.example", 8443)),
        ("[::1]:8443", ("::1", 8443)),
        ("::1", ("::1", 443)),
    ],
)
def test_addresses(address: str, found: tuple[str, int]) -> None:
    """The port is 443 where none is said."""
    assert split_address(address) == found


def test_refuses_a_port_that_is_none() -> None:
    """A port is a number."""
    with pytest.raises(InvalidInputError, match="is not host:port"):
        split_address("a:https")
