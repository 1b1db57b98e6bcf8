"""One HTTP request to a far end, and what its answer means for the next attempt."""

from __future__ import annotations

from collections.abc import Mapping

from anyascope.clock import Clock
from anyascope.model.http import HttpOptions
from anyascope.model.notifications import AttemptOutcome
from anyascope.notify.channel import Outcome
from anyascope.wire.http_post import Answer, HttpPoster, PostError
from anyascope.wire.notices.answers import is_retried, url_secrets

JSON = {"Content-Type": "application/json"}
TOO_MANY_REQUESTS = 429


class HttpSender:
    """Posts JSON to addresses that share one `http_config`; keeps connections between requests."""

    def __init__(self, options: HttpOptions, *, timeout_s: float, clock: Clock) -> None:
        self._poster = HttpPoster(options, timeout_s=timeout_s, clock=clock)

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], secrets: tuple[str, ...] = ()
    ) -> Answer | Outcome:
        """The answer, or the outcome where there was none.

        Args:
            url: where to; never shown.
            body: JSON.
            headers: beside those of `http_config`.
            secrets: further texts that must not be shown.
        """
        hidden = (*url_secrets(url), *secrets)
        try:
            return await self._poster.post(url, body, headers={**JSON, **headers}, secrets=hidden)
        except PostError as error:
            return Outcome(AttemptOutcome.FAILED if error.is_final else AttemptOutcome.RETRY, str(error))

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
