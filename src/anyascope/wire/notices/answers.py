"""What a far end's answer means for the next attempt, and how it is shown to people."""

from __future__ import annotations

import json
from collections.abc import Iterable
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

ANSWER_BYTES_MAX = 4096  # an answer is a word or a sentence; a far end that sends a gigabyte is not read to its end
RETRIED_STATUSES = frozenset((408, 425, 429))  # and all from 500 on: the far end may do better later
RETRY_AFTER_S_MAX = 3600.0  # a far end that asks for more is asked again each hour all the same
DOUBLINGS_MAX = 32  # 2 ** 32 seconds are longer than any outage
DETAIL_CHARS_MAX = 300  # an answer's first sentences; the journal is for people
SECRET_CHARS_MIN = 4  # a shorter text is no secret, and would blot out half of a message
TOKEN_CHARS_MIN = 8  # shorter parts of a path are words such as `hooks` or `v1`

# Errors with which Slack answers 200 and that may pass.
_SLACK_RETRIED = frozenset(("ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"))


def is_retried(status: int) -> bool:
    """Whether a request that was answered so may succeed later, unchanged."""
    return status in RETRIED_STATUSES or status >= 500


def backoff_s(failures: int, *, first_s: float, max_s: float, retry_after_s: float, random: Random) -> float:
    """Seconds until the next attempt after `failures` (at least 1) in a row.

    Between half and all of the doubled wait, so that many senders that failed together do not come back together; never
    sooner than the far end asked for.
    """
    doubled = first_s * 2.0 ** min(failures - 1, DOUBLINGS_MAX)
    waited = min(doubled, max_s) * random.uniform(0.5, 1.0)
    return max(waited, min(retry_after_s, RETRY_AFTER_S_MAX))


def slack_error(body: bytes) -> tuple[str, bool]:
    """What Slack says went wrong in an answer of status 200, and whether it may pass; empty where nothing did.

    Source: Slack Web API, "Evaluating responses".
    """
    if not body.startswith(b"{"):
        return "", False
    try:
        said: Any = json.loads(body)
    except ValueError:
        return "", False
    if not isinstance(said, dict) or said.get("ok", True) is True:
        return "", False
    error = str(said.get("error", "unknown error"))
    return error, error in _SLACK_RETRIED


def wait_in_body(body: bytes, *path: str) -> float:
    """Seconds that an answer asks to wait in its JSON, at this path; 0 where it does not."""
    try:
        found: Any = json.loads(body)
        for name in path:
            found = found[name]
        return float(found) if 0 < found < RETRY_AFTER_S_MAX else 0.0
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0.0


def shown(text: str, secrets: Iterable[str]) -> str:
    """A text for the journal: one line, cut, and without these secrets."""
    line = " ".join(text.split())
    for secret in secrets:
        if len(secret) >= SECRET_CHARS_MIN:
            line = line.replace(secret, "<secret>")
    return line if len(line) <= DETAIL_CHARS_MAX else line[: DETAIL_CHARS_MAX - 1] + "…"


def url_secrets(url: str) -> list[str]:
    """An address and what in it may be a token: user, password, long parts of the path, values of the query."""
    parts = urlsplit(url)
    found = [url, parts.username or "", parts.password or "", *(value for _, value in parse_qsl(parts.query))]
    found += [part for part in parts.path.split("/") if len(part) >= TOKEN_CHARS_MIN]
    return sorted(filter(None, found), key=len, reverse=True)
