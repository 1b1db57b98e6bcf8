"""Time lines are forgotten with the journal's entries, and not before."""

from __future__ import annotations

from anyascope.alerting.escalation.events import KIND_EVENT, KIND_TOLD
from anyascope.alerting.escalation.upkeep import KEPT_S, PRUNE_EVERY_S, TimelineUpkeep
from anyascope.clock import ManualClock
from anyascope.errors import UnavailableError
from anyascope.model.documents import Put
from support.pages import TroubledDocuments


async def test_what_is_older_than_a_month_is_forgotten():
    """Events and what ties notifications to alerts, page by page."""
    clock = ManualClock()
    documents = TroubledDocuments(clock=clock)
    await documents.commit([Put(kind, f"old-{n:04}", {}) for n in range(700) for kind in (KIND_EVENT, KIND_TOLD)])
    await clock.advance(KEPT_S)
    await documents.commit([Put(KIND_EVENT, "new", {}), Put("other", "old", {})])
    upkeep = TimelineUpkeep(documents, clock=clock)
    assert await upkeep.prune() == 0
    await clock.advance(1)
    assert await upkeep.prune() == 1400
    assert [one.key for one in (await documents.page(KIND_EVENT)).documents] == ["new"]


async def test_a_store_that_cannot_write_is_tried_again():
    """Nothing else waits for it."""
    clock = ManualClock()
    documents = TroubledDocuments(clock=clock)
    await documents.commit([Put(KIND_EVENT, "old", {})])
    await clock.advance(KEPT_S + 1)
    documents.trouble = UnavailableError("the disk is full", retry_after_s=1)
    upkeep = TimelineUpkeep(documents, clock=clock)
    upkeep.start()
    await clock.advance(1)
    documents.trouble = None
    await clock.advance(PRUNE_EVERY_S)
    await upkeep.stop()
    assert (await documents.page(KIND_EVENT)).documents == ()
