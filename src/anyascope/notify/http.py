"""One HTTP request to a far end, and what its answer means for the next attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from anyascope.clock import Clock
from anyascope.model.http import HttpOptions
from anyascope.model.notifications import AttemptOutcome
from anyascope.notify.channel import Outcome
from anyascope.wire.http_post import Answer, HttpPoster, PostError
from anyascope.wire.notices.answers import ANSWER_BYTES_MAX, is_retried, url_secrets

JSON = {"Content-Type": "application/json"}
TOO_MANY_REQUESTS = 429


class HttpSender:
    """Sends to addresses that share one `http_config`; keeps connections between requests.

    Args:
        timeout_s: for a request as a whole, its answer included: a far end that sends a byte a second is left in time.
    """

    def __init__(self, options: HttpOptions, *, timeout_s: float, clock: Clock) -> None:
        self._timeout_s = timeout_s
        self._poster = HttpPoster(options, timeout_s=timeout_s, clock=clock)

    async def post(  # what an HTTP request has
        self,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str],
        secrets: tuple[str, ...] = (),
        method: str = "POST",
        answer_bytes_max: int = ANSWER_BYTES_MAX,
    ) -> Answer | Outcome:
        """The answer, or the outcome where there was none.

        Args:
            url: where to; never shown.
            body: JSON, unless `headers` name another type.
            headers: beside those of `http_config`.
            secrets: further texts that must not be shown.
            method: where it is another one.
            answer_bytes_max: how much of the answer is read.
        """
        hidden = (*url_secrets(url), *secrets)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._poster.post(
                    url,
                    body,
                    headers={**JSON, **headers},
                    secrets=hidden,
                    method=method,
                    answer_bytes_max=answer_bytes_max,
                )
        except PostError as error:
            return Outcome(AttemptOutcome.FAILED if error.is_final else AttemptOutcome.RETRY, str(error))
        except TimeoutError:
            return Outcome(AttemptOutcome.RETRY, f"no whole answer within {self._timeout_s:g} s")

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()


def judge(answer: Answer) -> Outcome:
    """What a status means: 2xx is delivered, 408, 425, 429 and 5xx may be tried again, all others are final."""
    if answer.status < 300:
        return Outcome(AttemptOutcome.OK, f"{answer.status} {answer.phrase}".strip())
    if is_retried(answer.status):
        return Outcome(
            AttemptOutcome.RETRY,
            answer.detail,
            retry_after_s=answer.retry_after_s,
            is_throttled=answer.status == TOO_MANY_REQUESTS,
        )
    return Outcome(AttemptOutcome.FAILED, answer.detail)
