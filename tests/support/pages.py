"""A whole alerting room on a manual clock: what was told, by whom, when."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

from prometheus_client import CollectorRegistry

from anyascope.alerting.desk import Alerting
from anyascope.alerting.escalation.escalation import Escalation, Means
from anyascope.alerting.escalation.events import EventLog
from anyascope.alerting.escalation.link_desk import LinkDesk
from anyascope.alerting.escalation.link_keys import LinkKeys
from anyascope.alerting.escalation.links import LinkedOutbox
from anyascope.alerting.escalation.responder import Responder
from anyascope.alerting.escalation.settings import escalation_options, read_escalation
from anyascope.alerting.settings import AlertingOptions, read_alertmanager_file
from anyascope.alerting.steps import Follower
from anyascope.clock import NS_PER_S, ManualClock
from anyascope.ids import RandomIds
from anyascope.model.alerts import Alert
from anyascope.model.documents import Change
from anyascope.model.labels import labels_of
from anyascope.model.notifications import AttemptOutcome, Notification
from anyascope.model.receivers import Receiver
from anyascope.notify.channel import Outcome
from anyascope.notify.courier import Courier
from anyascope.notify.patience import CourierOptions
from anyascope.store.documents import MemoryDocuments
from anyascope.wire.settings import read_settings

OK = Outcome(AttemptOutcome.OK, "200 OK")


class RecordingChannel:
    """Answers by script, then always well, and remembers what it was given."""

    def __init__(self, *script: Outcome) -> None:
        self.script = list(script)
        self.sent: list[Notification] = []
        self.attempts: list[Notification] = []
        self.is_closed = False

    async def send(self, notification: Notification, *, done: frozenset[str]) -> Outcome:
        self.attempts.append(notification)
        outcome = self.script.pop(0) if self.script else OK
        if outcome.kind is AttemptOutcome.OK:
            self.sent.append(notification)
        return outcome

    async def close(self) -> None:
        self.is_closed = True


class TroubledDocuments(MemoryDocuments):
    """Raises `trouble`, where there is some, instead of committing."""

    trouble: Exception | None = None

    async def commit(self, changes: Sequence[Change]) -> None:
        if self.trouble is not None:
            raise self.trouble
        await super().commit(changes)


class House:
    """Alerting and courier over a store that survives `crash`."""

    def __init__(
        self,
        config: str,
        *,
        courier: CourierOptions | None = None,
        escalation: str = "",
        receivers: Sequence[Receiver] = (),
        link_url: str = "",
    ) -> None:
        self.link_url = link_url
        self.clock = ManualClock()
        self.start_ns = self.clock.now_ns()
        self.documents = TroubledDocuments(clock=self.clock)
        self.options = read_alertmanager_file(config, file="alertmanager.yml")
        more = {receiver.name: receiver for receiver in receivers}
        self.options = replace(self.options, receivers={**self.options.receivers, **more})
        self.means = self.means_of(escalation)
        self.courier_options = courier or CourierOptions()
        self.channels = {
            integration.key: RecordingChannel()
            for receiver in self.options.receivers.values()
            for integration in receiver.integrations
        }
        self.follower: Follower | None = None
        self._build()

    def means_of(self, escalation: str) -> Means:
        """What escalation works with, by its sections of the configuration."""
        top = read_settings(escalation, file="anyascope.yml")
        settings = read_escalation(top)
        top.done()
        top.raise_if_wrong()
        return Means(escalation_options(settings, self.options.receivers), self.options.receivers)

    async def reload_escalation(self, escalation: str) -> None:
        """Put other policies into force."""
        self.means = self.means_of(escalation)
        await self.alerting.change(self.escalation.reload(self.means))
        await self.clock.advance(0)

    def follow(self, follower: Follower) -> None:
        """Let this one take part in the desk's steps."""
        self.follower = follower
        self._build()

    def _build(self) -> None:
        registry = CollectorRegistry()
        self.registry = registry
        self.courier = Courier(
            self.documents,
            self.channels,
            options=self.courier_options,
            clock=self.clock,
            random=Random(1),
            registry=registry,
        )
        ids = RandomIds(self.clock)
        self.escalation = Escalation(self.documents, means=self.means, clock=self.clock, ids=ids, registry=registry)
        self.keys = LinkKeys(None, clock=self.clock)
        self.linked = LinkedOutbox(self.courier, self.keys, url=self.link_url, clock=self.clock)
        self.alerting = Alerting(
            self.documents,
            self.linked,
            options=self.options,
            clock=self.clock,
            ids=ids,
            registry=registry,
            followers=[self.escalation] if self.follower is None else [self.follower, self.escalation],
            note=EventLog(ids).put,
            stages=[self.escalation],
        )
        self.responder = Responder(self.alerting, self.escalation, self.documents)
        self.links = LinkDesk(
            self.alerting, self.escalation, self.documents, keys=self.keys, clock=self.clock, registry=registry
        )

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.crash()

    async def start(self) -> None:
        await self.courier.start()
        await self.escalation.load()
        await self.alerting.start()
        await self.clock.advance(0)

    async def crash(self) -> None:
        """Everything in memory is gone; only the documents stay."""
        mine = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not mine]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def restart(self) -> None:
        await self.crash()
        self._build()
        await self.start()

    async def reload(self, options: AlertingOptions) -> None:
        self.options = options
        await self.alerting.reload(options)
        await self.clock.advance(0)

    async def fire(self, *labels: Mapping[str, str], for_s: float = 0, annotations: Mapping[str, str] | None = None):
        """Hand over firing alerts; `for_s` names an end, else the resolve timeout counts."""
        now_ns = self.clock.now_ns()
        ends_ns = now_ns + int(for_s * NS_PER_S) if for_s else 0
        await self.hand_over(
            [Alert(labels_of(one), annotations or {}, starts_ns=now_ns, ends_ns=ends_ns) for one in labels]
        )

    async def resolve(self, *labels: Mapping[str, str]) -> None:
        now_ns = self.clock.now_ns()
        await self.hand_over([Alert(labels_of(one), starts_ns=now_ns - 1, ends_ns=now_ns) for one in labels])

    async def hand_over(self, alerts: Sequence[Alert]) -> None:
        await self.alerting.receive(alerts)
        await self.clock.advance(0)

    async def advance(self, *, to_s: float) -> None:
        """Move to this many seconds after the beginning."""
        await self.clock.advance(to_s - (self.clock.now_ns() - self.start_ns) / NS_PER_S)

    def told(self, key: str = "team/webhook/0") -> list[tuple[float, str, list[str]]]:
        """When a channel was told why of which alerts; resolved ones have a minus."""
        return [
            ((one.created_ns - self.start_ns) / NS_PER_S, one.reason.value, [_shown(alert) for alert in one.alerts])
            for one in self.channels[key].sent
        ]


def _shown(alert) -> str:
    name = dict(alert.labels).get("instance") or dict(alert.labels).get("alertname", "")
    return name if alert.is_firing else f"-{name}"
