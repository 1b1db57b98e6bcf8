"""One HTTP request to a far end, bounded in time, and what its answer means."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyascope import __version__
from anyascope.sdk.alerting.channel import SendError
from anyascope.wire.notices.answers import ANSWER_BYTES_MAX, is_retried, shown, url_secrets
from anyascope.wire.retry_after import parse_retry_after

if TYPE_CHECKING:
    import requests

TIMEOUT_S = 10.0  # for connecting, and for each part of the answer
ANSWER_S_MAX = 15.0  # for the whole answer, were it to trickle
USER_AGENT = f"anyascope-sdk/{__version__}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer: status, phrase and the beginning of the body."""

    status: int
    phrase: str
    body: bytes


def post(
    url: str,
    body: bytes | Mapping[str, str],
    *,
    headers: Mapping[str, str],
    secrets: tuple[str, ...] = (),
    auth: tuple[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Answer:
    """Post JSON, or a form, and give the answer where it is a good one.

    A connection of its own each time: alerts are rare, and a pool's locks and sockets would not survive a fork.

    Args:
        url: where to; never shown.
        secrets: further texts that must not be shown.
        auth: user and password of Basic authentication.

    Raises:
        SendError: there was no answer, or none that means that it is through.
    """
    import requests  # noqa: PLC0415  # loads with the first send, not with the service

    try:
        hidden = (*url_secrets(url), *secrets, *(auth or ()))
    except ValueError as error:
        raise SendError(f"the address cannot be used: {error}", is_final=True) from None
    try:
        with requests.Session() as session:
            session.headers["User-Agent"] = USER_AGENT
            with session.post(
                url,
                data=body,
                headers={"Content-Type": "application/json", **headers} if isinstance(body, bytes) else dict(headers),
                auth=auth,
                timeout=timeout_s,
                allow_redirects=False,
                stream=True,
            ) as response:
                return _judge(response, hidden)
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.MissingSchema,
        requests.exceptions.InvalidSchema,
    ) as error:
        raise SendError(f"the address cannot be used: {type(error).__name__}", is_final=True) from None
    except (requests.exceptions.InvalidHeader, UnicodeError, ValueError) as error:
        raise SendError(shown(f"{type(error).__name__}: {error}", hidden), is_final=True) from None
    except requests.exceptions.Timeout as error:
        raise SendError(f"{type(error).__name__} after {timeout_s:g} s") from None
    except (requests.exceptions.RequestException, OSError) as error:
        # The library's own text repeats the address, which may be a token.
        raise SendError(shown(f"{type(error).__name__}: {_cause(error)}", hidden)) from None


def _judge(response: requests.Response, hidden: tuple[str, ...]) -> Answer:
    body = _read(response)
    detail = f"{response.status_code} {response.reason or ''}".strip()
    if response.status_code < 300:
        return Answer(response.status_code, response.reason or "", body)
    if body:
        detail = shown(f"{detail}: {body.decode('utf-8', 'replace')}", hidden)
    retry_after_s = parse_retry_after(response.headers.get("Retry-After", ""), now_s=time.time())
    raise SendError(detail, retry_after_s=retry_after_s, is_final=not is_retried(response.status_code))


def _read(response: requests.Response) -> bytes:
    """The beginning of the body; of one that never ends, what came in time."""
    import requests  # noqa: PLC0415  # as above

    body = b""
    deadline_s = time.monotonic() + ANSWER_S_MAX
    try:
        for chunk in response.iter_content(ANSWER_BYTES_MAX):
            body += chunk
            if len(body) >= ANSWER_BYTES_MAX or time.monotonic() > deadline_s:
                break
    except requests.exceptions.RequestException:
        if response.status_code < 300 and not body:
            raise
    return body[:ANSWER_BYTES_MAX]


def _cause(error: BaseException) -> str:
    """The innermost reason, which names neither address nor object."""
    reason: Any = error
    for _ in range(5):
        inner = getattr(reason, "reason", None) or (reason.args[0] if getattr(reason, "args", ()) else None)
        if not isinstance(inner, BaseException):
            break
        reason = inner
    return str(getattr(reason, "strerror", None) or type(reason).__name__)
