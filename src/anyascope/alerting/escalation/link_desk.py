"""Behind the `ActingLinks` port: a link acts once, and its use is on record in the same commit."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client import CollectorRegistry, Counter

from anyascope.alerting.book import Book
from anyascope.alerting.desk import Alerting
from anyascope.alerting.escalation.care import Request
from anyascope.alerting.escalation.escalation import Escalation
from anyascope.alerting.escalation.links import LINK_S, SNOOZE_S, Keys, Link, token_id, verify
from anyascope.alerting.steps import Step
from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import ConflictError
from anyascope.model.documents import Change, Delete, Document, Put
from anyascope.model.notifications import AlertStatus
from anyascope.model.responses import LinkSight, LinkState, ResponseAction
from anyascope.store.api.documents import DocumentStore, every_document
from anyascope.wire.notification_documents import KIND_JOURNAL, journal_entry_of

KIND_LINK = "link-used"
PRUNE_EVERY_S = 86_400.0  # uses are remembered until the link has run out; people use some dozen a day


class LinkDesk:
    """Looks at links and uses them.

    Args:
        desk: takes the step.
        escalation: decides it.
        documents: hold which links were used.
        keys: verify them.
    """

    def __init__(  # each by keyword but the three that it acts through
        self,
        desk: Alerting,
        escalation: Escalation,
        documents: DocumentStore,
        *,
        keys: Keys,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._desk = desk
        self._escalation = escalation
        self._documents = documents
        self._keys = keys
        self._clock = clock
        self._pruned_ns = 0
        self._uses = Counter(
            "anyascope_response_links",
            "Links in messages that somebody opened or used, by how they stood.",
            ["method", "state"],
            registry=registry,
        )

    async def look(self, token: str) -> LinkSight:
        """What the link is about."""
        sight, _ = await self._sight(token)
        self._uses.labels("look", sight.state.value).inc()
        return sight

    async def use(self, token: str, *, by: str) -> LinkSight:
        """Do what the link is for."""
        sight, link = await self._sight(token)
        if sight.state is LinkState.READY:
            assert link is not None
            sight = await self._act(sight, link, token, by=by)
        self._uses.labels("use", sight.state.value).inc()
        return sight

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _sight(self, token: str) -> tuple[LinkSight, Link | None]:
        link = verify(token, self._keys)
        if link is None:
            return LinkSight(LinkState.FORGED), None
        recipient = await self._recipient(link)
        alert, is_over = self._desk.ask(lambda book, now_ns: self._alert(book, link, now_ns=now_ns))
        sight = LinkSight(LinkState.READY, link.action, alert, recipient)
        if self._clock.now_ns() >= link.until_s * NS_PER_S:
            return replace(sight, state=LinkState.EXPIRED), link
        used = await self._documents.get(KIND_LINK, token_id(token))
        if used is not None:
            return _used(sight, used), link
        return (replace(sight, state=LinkState.OVER) if is_over else sight), link

    async def _act(self, sight: LinkSight, link: Link, token: str, *, by: str) -> LinkSight:
        name = by.strip() or sight.recipient
        via = {"via": "link", "notification": link.notification_id}
        for_s = SNOOZE_S if link.action is ResponseAction.SNOOZE else None
        request = Request(link.action, name, for_s=for_s, via=via).checked()
        notice = ""

        def decide(book: Book, now_ns: int) -> Step:
            nonlocal notice
            if self._alert(book, link, now_ns=now_ns)[1]:
                raise ConflictError("the alert has ended")
            step, notice = self._escalation.respond(book, link.alert_id, request, now_ns=now_ns)
            # Nobody used it before: a second use that comes at the same moment is refused by the store itself.
            record = Put(
                KIND_LINK,
                token_id(token),
                {"at_ns": now_ns, "by": name, "until_s": link.until_s},
                expected_version=0,
            )
            return replace(step, changes=[*step.changes, record])

        try:
            await self._desk.change(decide)
        except ConflictError:
            again, _ = await self._sight(token)
            return again if again.state is not LinkState.READY else replace(again, state=LinkState.OVER)
        await self._prune()
        now_ns = self._clock.now_ns()
        return replace(sight, state=LinkState.DONE, by=name, at_ns=now_ns, notice=notice)

    def _alert(self, book: Book, link: Link, *, now_ns: int) -> tuple[AlertStatus | None, bool]:
        """The alert, and whether the episode that the link is about is over."""
        held = book.alerts.get(link.alert_id)
        status = book.status(link.alert_id, now_ns=now_ns)
        if held is None or not held.is_told_as_firing(now_ns):
            return status, True
        return status, self._escalation.began_ns(held) > link.made_ns

    async def _recipient(self, link: Link) -> str:
        journal = await self._documents.get(KIND_JOURNAL, link.notification_id)
        if journal is None:
            return "somebody by a link"
        entry = journal_entry_of(journal)
        return f"{entry.receiver} by {entry.channel}"

    async def _prune(self) -> None:
        now_ns = self._clock.now_ns()
        if now_ns - self._pruned_ns < PRUNE_EVERY_S * NS_PER_S:
            return
        self._pruned_ns = now_ns
        old: list[Change] = []
        async for document in every_document(self._documents, KIND_LINK):
            until_s = document.body["until_s"]
            assert isinstance(until_s, int)  # we wrote it
            if (until_s + LINK_S) * NS_PER_S < now_ns:
                old.append(Delete(KIND_LINK, document.key))
        if old:
            await self._documents.commit(old)


def _used(sight: LinkSight, document: Document) -> LinkSight:
    at_ns = document.body["at_ns"]
    assert isinstance(at_ns, int)  # we wrote it
    return replace(sight, state=LinkState.USED, by=str(document.body["by"]), at_ns=at_ns)
