"""One POST: what changes on disk counts."""

from __future__ import annotations

import os

import pytest
import trustme

from anyascope.clock import ManualClock
from anyascope.model.http import HttpOptions, TlsOptions
from anyascope.wire.http_post import HttpPoster, PostError
from support.sinks import http_sink


async def test_certificates_that_are_exchanged_count_at_once(tmp_path):
    """A far end is believed by the authorities that the file holds now; no restart is needed."""
    right, wrong = trustme.CA(), trustme.CA()
    issued = right.issue_cert("127.0.0.1")
    for number, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(str(tmp_path / "cert.pem"), append=number > 0)
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    ca_file = tmp_path / "ca.pem"
    wrong.cert_pem.write_to_path(str(ca_file))
    arguments = ("--cert", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem"))
    poster = HttpPoster(HttpOptions(tls=TlsOptions(ca_file=ca_file)), timeout_s=10.0, clock=ManualClock())
    with http_sink(tmp_path / "out", *arguments) as sink:
        url = f"https://127.0.0.1:{sink.port}/"
        with pytest.raises(PostError, match=r"CERTIFICATE_VERIFY_FAILED|certificate verify failed"):
            await poster.post(url, b"x", headers={})
        right.cert_pem.write_to_path(str(ca_file))
        os.utime(ca_file, ns=(1, 1))
        assert (await poster.post(url, b"x", headers={})).status == 200
        await poster.close()


async def test_a_certificate_that_is_gone_may_come_back(tmp_path):
    """A file that cannot be read is no answer, and no reason to give up."""
    poster = HttpPoster(HttpOptions(tls=TlsOptions(ca_file=tmp_path / "gone")), timeout_s=10.0, clock=ManualClock())
    with pytest.raises(PostError) as caught:
        await poster.post("https://127.0.0.1:1/", b"x", headers={})
    assert not caught.value.is_final
    assert "gone" in str(caught.value)
