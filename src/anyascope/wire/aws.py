"""Requests to AWS' query APIs: signed, and what their answers say.

Source: AWS, "Signature Version 4 signing process" and "Query requests".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from urllib.parse import quote, urlencode, urlsplit

from anyascope.clock import NS_PER_S
from anyascope.model.secret import Secret

ALGORITHM = "AWS4-HMAC-SHA256"
FORM = "application/x-www-form-urlencoded; charset=utf-8"

# Refusals with status 400 that mean "not now".
THROTTLED = frozenset(("Throttling", "ThrottlingException", "Throttled", "RequestLimitExceeded", "ServiceUnavailable"))


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """Who signs. `token` belongs to keys that end, at `ends_ns`."""

    access_key: str
    secret_key: Secret
    token: Secret | None = None
    ends_ns: int = 0


def signed_headers(
    url: str, body: bytes, *, keys: AwsKeys, region: str, service: str, now_ns: int, content_type: str = FORM
) -> dict[str, str]:
    """The headers of a signed POST.

    Args:
        url: its path and host are signed; it has no query.
        body: as it is sent.
        keys: who signs.
        region, service: whom it is for.
        now_ns: AWS refuses signatures that are more than 15 minutes off.
        content_type: of the body.
    """
    parts = urlsplit(url)
    at = datetime.fromtimestamp(now_ns // NS_PER_S, tz=UTC)
    stamp, day = at.strftime("%Y%m%dT%H%M%SZ"), at.strftime("%Y%m%d")
    host = parts.netloc.rpartition("@")[2]
    headers = {"Content-Type": content_type, "X-Amz-Date": stamp}
    if keys.token is not None:
        headers["X-Amz-Security-Token"] = keys.token.reveal()
    signed = {name.lower(): value for name, value in headers.items()} | {"host": host}
    names = ";".join(sorted(signed))
    request = "\n".join(
        (
            "POST",
            quote(parts.path or "/", safe="/-_.~%"),
            "",
            *(f"{name}:{' '.join(signed[name].split())}" for name in sorted(signed)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    to_sign = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{keys.secret_key.reveal()}".encode()
    for part in (day, region, service, "aws4_request"):
        key = _keyed(key, part)
    signature = _keyed(key, to_sign).hex()
    credential = f"Credential={keys.access_key}/{scope}"
    headers["Authorization"] = f"{ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"
    return headers


def _keyed(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def query_body(action: str, version: str, fields: Mapping[str, str]) -> bytes:
    """The form of one action; empty fields are left out."""
    return urlencode({"Action": action, "Version": version, **{k: v for k, v in fields.items() if v}}).encode()


def xml_text(body: bytes, name: str) -> str:
    """The text of the first element of this name; AWS' answers have no attributes where texts stand, and no CDATA."""
    found = re.search(rf"<{re.escape(name)}>([^<]*)</{re.escape(name)}>", body.decode("utf-8", "replace"))
    return unescape(found.group(1)).strip() if found else ""


def is_throttled(body: bytes) -> bool:
    """Whether an error says that there were too many requests."""
    return xml_text(body, "Code") in THROTTLED


def role_keys(body: bytes) -> AwsKeys | None:
    """The keys of an answer of STS; None where it holds none."""
    access, secret, token, ends = (
        xml_text(body, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
    )
    if not access or not secret or not token:
        return None
    return AwsKeys(access, Secret(secret), Secret(token), ends_ns_of(ends))


def ends_ns_of(text: str) -> int:
    """When keys end, by AWS' word for it; 0, which is long ago, where it cannot be read."""
    try:
        return int(datetime.fromisoformat(text).timestamp()) * NS_PER_S
    except ValueError:
        return 0


def sts_url(region: str, *, is_fips: bool) -> str:
    """Where roles of a region are taken."""
    return f"https://{'sts-fips' if is_fips else 'sts'}.{region}.{domain_of(region)}/"


def domain_of(region: str) -> str:
    """The domain of a region's services: China has its own."""
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
