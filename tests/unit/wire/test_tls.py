"""TLS contexts from options."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from anyascope.errors import InvalidInputError
from anyascope.model.http import TlsOptions, TlsVersion
from anyascope.model.secret import Secret
from anyascope.wire.tls import default_context, tls_context


def test_defaults_share_one_context():
    """Where nothing is asked for the machine's authorities are read once."""
    assert tls_context(TlsOptions()) is default_context()
    assert default_context().verify_mode is ssl.CERT_REQUIRED


def test_what_is_asked_for_is_not_shared():
    """A context that looks away is one of its own."""
    context = tls_context(TlsOptions(insecure_skip_verify=True))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)
    assert default_context().verify_mode is ssl.CERT_REQUIRED


def test_versions_are_bounded():
    """The context speaks no older and no newer version than allowed."""
    context = tls_context(TlsOptions(min_version=TlsVersion.TLS13, max_version=TlsVersion.TLS13))
    assert (context.minimum_version, context.maximum_version) == (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)


def test_takes_certificate_and_key_as_texts():
    """A client certificate may stand in the settings themselves."""
    issued = trustme.CA().issue_cert("client.example")
    cert = b"".join(blob.bytes() for blob in issued.cert_chain_pems).decode()
    key = Secret(issued.private_key_pem.bytes().decode())
    assert tls_context(TlsOptions(cert=cert, key=key)) is not default_context()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (TlsOptions(ca_file=Path("/none/ca.pem")), "the authorities in /none/ca.pem are not usable"),
        (TlsOptions(ca="no certificate"), "the authorities in ca are not usable"),
        (TlsOptions(ca="Zürich"), "the authorities in ca are not usable"),
        (
            TlsOptions(cert_file=Path("/none/c.pem"), key=Secret("k")),
            "the client certificate /none/c.pem is not usable",
        ),
        (TlsOptions(cert="x", key=Secret("k")), "the client certificate  is not usable"),
    ],
)
def test_tells_what_cannot_be_used(options, message):
    """A certificate or key that cannot be used is told by its name."""
    with pytest.raises(InvalidInputError, match=message):
        tls_context(options)
