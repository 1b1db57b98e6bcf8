"""One attempt at one channel: whatever the channel is or does, an outcome comes of it."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass

from anyascope.model.alerts import AlertSeverity
from anyascope.sdk.alerting.alert import Alert
from anyascope.sdk.alerting.channel import NotificationChannel, SendError, turn
from anyascope.sdk.alerting.status import SendOutcome
from anyascope.sdk.alerting.texts import finite, text_of
from anyascope.sdk.guard import as_text
from anyascope.sdk.redaction import redact_text
from anyascope.wire.notices.answers import DETAIL_CHARS_MAX, shown

ATTEMPT_S_MAX = 60.0  # of one attempt; our own channels take at most 30 s
NAME_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of it."""

    outcome: SendOutcome
    detail: str = ""
    retry_after_s: float = 0.0


def attempt(channel: NotificationChannel, alert: Alert, turn_name: str) -> Attempt:
    """Tell the alert; never raises but for what ends the program. Takes as long as the channel does."""
    try:
        with turn(turn_name):
            told = channel.send_alert(alert)
            if inspect.isawaitable(told):
                _finish(told)
    except SendError as error:
        outcome = SendOutcome.FAILED if error.is_final else SendOutcome.RETRY
        return Attempt(outcome, detail_of(error), finite(error.retry_after_s, default=0.0))
    except TimeoutError as error:
        return Attempt(SendOutcome.RETRY, detail_of(error) or f"no answer within {ATTEMPT_S_MAX:g} s")
    except Exception as error:  # noqa: BLE001  # somebody's channel; the next attempt may go better
        return Attempt(SendOutcome.RETRY, detail_of(error))
    return Attempt(SendOutcome.OK)


def name_of(channel: object) -> str:
    """The channel's name, which may be a method or a plain attribute; empty where it has none."""
    try:
        name = getattr(channel, "channel_name", None)
        name = name() if callable(name) else name
    except Exception:  # noqa: BLE001  # somebody's channel
        return ""
    return text_of(as_text(name) or "", chars_max=NAME_CHARS_MAX)


def supports(channel: NotificationChannel, severity: AlertSeverity) -> bool:
    """Whether it takes this severity; one that cannot say so takes all: a page too many is better than none."""
    try:
        return bool(channel.supports_severity(severity))
    except Exception:  # noqa: BLE001  # somebody's channel
        return True


def detail_of(error: BaseException) -> str:
    """An error as one redacted line."""
    text = text_of(error, chars_max=4 * DETAIL_CHARS_MAX)
    named = text if isinstance(error, SendError) else f"{type(error).__name__}: {text}".removesuffix(": ")
    return shown(redact_text(named), ())


def _finish(told: object) -> None:
    """Run what a coroutine function gave to its end, in a loop of its own."""

    async def bounded() -> None:
        await asyncio.wait_for(told, ATTEMPT_S_MAX)  # type: ignore[arg-type]  # is awaitable, as the caller has seen

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(bounded())
        return
    # Driven from inside of a loop, as tests do: that one must not wait for itself.
    _in_thread(lambda: asyncio.run(bounded()))


def _in_thread(run: Callable[[], None]) -> None:
    faults: list[BaseException] = []

    def caught() -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001  # raised again where it is waited for
            faults.append(error)

    thread = threading.Thread(target=copy_context().run, args=(caught,), name="anyascope-alert-send", daemon=True)
    thread.start()
    thread.join()
    if faults:
        raise faults[0]
