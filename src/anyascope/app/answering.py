"""Builds alerting with everything by which people answer: policies, responses, links in messages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from anyascope.alerting.desk import Alerting
from anyascope.alerting.escalation.escalation import Escalation, Means
from anyascope.alerting.escalation.events import EventLog
from anyascope.alerting.escalation.link_desk import LinkDesk
from anyascope.alerting.escalation.link_keys import LinkKeys
from anyascope.alerting.escalation.links import LinkedOutbox
from anyascope.alerting.escalation.responder import Responder
from anyascope.alerting.escalation.settings import escalation_options
from anyascope.alerting.escalation.upkeep import TimelineUpkeep
from anyascope.alerting.settings import AlertingOptions
from anyascope.app.ground import Ground
from anyascope.config.settings import Settings, StoreKind
from anyascope.ports import Outbox
from anyascope.store.api.documents import DocumentStore


@dataclass(frozen=True, slots=True)
class Answering:
    """How people answer alerts."""

    escalation: Escalation
    responder: Responder
    keys: LinkKeys
    outbox: LinkedOutbox
    links: LinkDesk
    upkeep: TimelineUpkeep

    async def start(self) -> None:
        """Read what is stored, before alerting starts, and forget what is old.

        Raises:
            AnyascopeError: the store cannot be read, or the key file not be used.
        """
        self.keys.open()
        await self.escalation.load()
        self.upkeep.start()

    async def reload(self, settings: Settings, alerting: Alerting, *, url: str) -> None:
        """Put other policies and receivers into force; alerting routes by these settings already."""
        self.outbox.reload(settings.alerting.external_url)
        await alerting.change(self.escalation.reload(escalation_means(settings, url)))


def build_answering(
    settings: Settings, documents: DocumentStore, outbox: Outbox, *, url: str, ground: Ground
) -> tuple[Alerting, Answering]:
    """Alerting, and what answers to it.

    Args:
        url: where people reach the server.
    """
    clock, ids, registry = ground.clock, ground.ids, ground.registry
    escalation = Escalation(documents, means=escalation_means(settings, url), clock=clock, ids=ids, registry=registry)
    keys = LinkKeys(_key_directory(settings), clock=clock)
    linked = LinkedOutbox(outbox, keys, url=settings.alerting.external_url, clock=clock)
    alerting = Alerting(
        documents,
        linked,
        options=reachable(settings.alerting, url),
        clock=clock,
        ids=ids,
        registry=registry,
        followers=[escalation],
        note=EventLog(ids).put,
        stages=[escalation],
    )
    responder = Responder(alerting, escalation, documents)
    links = LinkDesk(alerting, escalation, documents, keys=keys, clock=clock, registry=registry)
    upkeep = TimelineUpkeep(documents, clock=clock)
    return alerting, Answering(escalation, responder, keys, linked, links, upkeep)


def escalation_means(settings: Settings, url: str) -> Means:
    """What escalation works with; `url` is where people reach the server, where none was configured."""
    receivers = settings.alerting.receivers
    options = escalation_options(settings.escalation, receivers)
    return Means(options, receivers, reachable(settings.alerting, url).external_url)


def reachable(options: AlertingOptions, url: str) -> AlertingOptions:
    """With an address for links, where none was configured."""
    return options if options.external_url else replace(options, external_url=url)


def _key_directory(settings: Settings) -> Path | None:
    return settings.storage.directory if settings.storage.kind is StoreKind.CHDB else None
