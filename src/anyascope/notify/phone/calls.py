"""The calls and messages that wait for a word of the far end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from anyascope.clock import Clock, wait_for


@dataclass(slots=True)
class Call:
    """One call or message under way.

    Attributes:
        said: what a call says, for those who want to hear it again.
        status: Twilio's last word, such as `no-answer`; empty before the first.
        answer: what the one who picked up decided; empty where nobody did.
    """

    said: str
    status: str = ""
    answer: str = ""
    news: asyncio.Event = field(default_factory=asyncio.Event)


class CallBook:
    """Calls by their name, which is a notification's id with the part of it."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._is_taken_up: Callable[[Sequence[str]], bool] = _nobody

    def asks(self, is_taken_up: Callable[[Sequence[str]], bool]) -> None:
        """Learn by this whether somebody has taken up these alerts, wherever, so that nobody else need be called."""
        self._is_taken_up = is_taken_up

    def is_taken_up(self, alert_ids: Sequence[str]) -> bool:
        """Whether these alerts need nobody any more: each is known to be acknowledged, or over."""
        return self._is_taken_up(alert_ids)

    @contextmanager
    def expecting(self, name: str, *, said: str) -> Iterator[Call]:
        """A call for as long as it is waited for."""
        call = self._calls[name] = Call(said)
        try:
            yield call
        finally:
            self._calls.pop(name, None)

    def find(self, name: str) -> Call | None:
        """The call, where somebody waits for it."""
        return self._calls.get(name)

    def tell(self, name: str, *, status: str = "", answer: str = "") -> None:
        """Pass on what was heard of a call; of one that nobody waits for nothing becomes."""
        call = self._calls.get(name)
        if call is None:
            return
        call.status, call.answer = status or call.status, answer or call.answer
        call.news.set()


def _nobody(_alert_ids: Sequence[str]) -> bool:
    return False


async def settled(call: Call, final: frozenset[str], *, clock: Clock, timeout_s: float) -> bool:
    """Whether somebody answered, or the far end said one of `final`, in time."""
    until_ns = clock.monotonic_ns() + int(timeout_s * 1e9)
    while not call.answer and call.status not in final:
        left_s = (until_ns - clock.monotonic_ns()) / 1e9
        if left_s <= 0:
            return False
        call.news.clear()
        await wait_for(call.news, clock=clock, timeout_s=left_s)
    return True
