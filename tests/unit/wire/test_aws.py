"""Signatures and answers of AWS."""

from __future__ import annotations

from anyascope.clock import NS_PER_S
from anyascope.model.secret import Secret
from anyascope.wire.aws import AwsKeys, is_throttled, query_body, signed_headers, xml_text

# 2015-08-30T12:36:00Z and keys of AWS' own test suite for signatures.
AT_NS = 1_440_938_160 * NS_PER_S
KEYS = AwsKeys("AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))


def test_a_signature_is_that_of_aws_own_example():
    """`post-x-www-form-urlencoded` of AWS' Signature Version 4 test suite."""
    headers = signed_headers(
        "https://example.amazonaws.com/",
        b"Param1=value1",
        keys=KEYS,
        region="us-east-1",
        service="service",
        now_ns=AT_NS,
        content_type="application/x-www-form-urlencoded",
    )
    assert headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
    )


def test_the_token_of_a_role_is_signed_too():
    """Keys that end bring a token, which is part of what is signed."""
    with_token = AwsKeys(KEYS.access_key, KEYS.secret_key, Secret("token"))
    headers = signed_headers("https://x:8443/p", b"", keys=with_token, region="r", service="sns", now_ns=AT_NS)
    assert headers["X-Amz-Security-Token"] == "token"
    assert "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token," in headers["Authorization"]


def test_answers():
    """Texts of elements, unescaped; what is not there is empty; throttling is known by its code."""
    body = b"<R><Error><Code>Throttling</Code><Message>a &lt;b&gt;</Message></Error></R>"
    assert (xml_text(body, "Message"), xml_text(body, "None")) == ("a <b>", "")
    assert is_throttled(body)
    assert not is_throttled(b"<Code>InvalidParameter</Code>")
    assert query_body("Publish", "1", {"A": "ü", "B": ""}) == b"Action=Publish&Version=1&A=%C3%BC"
