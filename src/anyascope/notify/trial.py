"""A real test message through each channel of a receiver, told apart from every alert there is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from anyascope.clock import NS_PER_S, Clock
from anyascope.ids import Ids
from anyascope.model.labels import labels_of
from anyascope.model.notifications import AttemptOutcome, Notification, NotificationReason, NotifiedAlert
from anyascope.model.receivers import Integration, Receiver
from anyascope.notify.channel import Channel, Outcome
from anyascope.notify.channels.registry import build_channel
from anyascope.notify.templates import Templates

TRIAL_S = 60.0  # the longest that a channel is waited for, whatever its own limits
PARTS_MAX = 20  # a message has at most three parts; recipients are more, and told in one attempt
ALERT_NAME: Final = "AnyascopeTest"


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of the test at one channel.

    Attributes:
        key: the integration's.
        outcome: of the last attempt that was made.
        answers: the far end's answers in order, without secrets.
    """

    key: str
    kind: str
    outcome: AttemptOutcome
    answers: tuple[str, ...]


async def try_receiver(
    receiver: Receiver, *, templates: Templates, clock: Clock, ids: Ids, external_url: str = ""
) -> list[Trial]:
    """Send a test message through each channel of a receiver, side by side.

    A channel that tells of ends is told of this one's too, so that an incident that the test opens is closed again. Nothing is tried
    twice, and nothing of it stands in the journal.
    """
    told = _notification(receiver.name, clock=clock, ids=ids, external_url=external_url)
    trials = (_try(one, told, templates=templates, clock=clock) for one in receiver.integrations)
    return list(await asyncio.gather(*trials))


async def _try(integration: Integration, told: Notification, *, templates: Templates, clock: Clock) -> Trial:
    told = replace(told, channel=integration.kind, integration=integration.key)
    channel = build_channel(integration.options, templates=templates, clock=clock)
    try:
        async with asyncio.timeout(TRIAL_S):
            outcomes = await _tell(channel, told)
            if integration.send_resolved and outcomes[-1].kind is AttemptOutcome.OK:
                outcomes += await _tell(channel, _ended(told, now_ns=clock.now_ns()))
    except TimeoutError:
        outcomes = [Outcome(AttemptOutcome.RETRY, f"no answer within {TRIAL_S:g} s")]
    finally:
        await channel.close()
    return Trial(
        integration.key, integration.kind, outcomes[-1].kind, tuple(dict.fromkeys(one.detail for one in outcomes))
    )


async def _tell(channel: Channel, told: Notification) -> list[Outcome]:
    """All parts of a notification, until one does not go well."""
    outcomes: list[Outcome] = []
    done: frozenset[str] = frozenset()
    while len(outcomes) < PARTS_MAX:
        outcome = await channel.send(told, done=done)
        outcomes.append(outcome)
        done |= frozenset(outcome.parts_done)
        if not outcome.is_more:
            break
    return outcomes


def _notification(receiver: str, *, clock: Clock, ids: Ids, external_url: str) -> Notification:
    identity, now_ns = ids.next(), clock.now_ns()
    alert = NotifiedAlert(
        fingerprint=identity[-16:],
        is_firing=True,
        labels=labels_of(
            {
                "alertname": ALERT_NAME,
                "severity": "low",
                "component": "anyascope",
                "receiver": receiver,
                "trial": identity,
            }
        ),
        annotations={
            "summary": "Test message of anyascope",
            "description": f"Somebody tries the receiver {receiver}. Nothing is wrong, and nothing is to be done.",
        },
        starts_ns=now_ns,
        generator_url=external_url,
    )
    return Notification(
        id=identity,
        created_ns=now_ns,
        receiver=receiver,
        channel="",
        integration="",
        # A group of its own, so that a vendor joins it with nothing else.
        group_key=f'{{}}:{{alertname="{ALERT_NAME}", trial="{identity}"}}',
        reason=NotificationReason.FIRST,
        alerts=(alert,),
        group_labels=labels_of({"alertname": ALERT_NAME}),
        external_url=external_url,
    )


def _ended(told: Notification, *, now_ns: int) -> Notification:
    alerts = tuple(
        replace(alert, is_firing=False, ends_ns=max(now_ns, alert.starts_ns + NS_PER_S)) for alert in told.alerts
    )
    return replace(
        told, id=f"{told.id[:-1]}{int(told.id[-1], 16) ^ 1:x}", reason=NotificationReason.ALL_RESOLVED, alerts=alerts
    )
