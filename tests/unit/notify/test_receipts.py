"""What a far end has taken is known after `kill -9`, although no commit came to pass."""

from __future__ import annotations

from random import Random

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock
from anyascope.model.notifications import DeliveryStatus
from anyascope.notify.courier import Courier
from anyascope.notify.patience import CourierOptions
from anyascope.notify.receipts import Receipts
from anyascope.store.documents import MemoryDocuments
from anyascope.wire.notification_documents import KIND_JOURNAL, KIND_OUTBOX, journal_entry_of
from support.notifications import notification
from support.pages import RecordingChannel


def test_ids_are_read_again(tmp_path):
    """Two lives' ids are known, until the next life says which of them it still needs."""
    receipts = Receipts(tmp_path)
    receipts.begin([])
    receipts.note("a")
    receipts.note("b")
    again = Receipts(tmp_path)
    assert again.take_up() == {"a", "b"}
    again.begin(["b"])
    again.note("c")
    assert Receipts(tmp_path).take_up() == {"b", "c"}


def test_the_file_is_bounded(tmp_path, monkeypatch):
    """Beyond its size it is turned over, and the turn before it is still known."""
    monkeypatch.setattr("anyascope.notify.receipts.BYTES_MAX", 8)
    receipts = Receipts(tmp_path)
    receipts.begin([])
    for number in range(100):
        receipts.note(f"n{number:02}")
    assert {"n99", "n96"} <= Receipts(tmp_path).take_up()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 24


@pytest.mark.parametrize("directory", [None, "missing"])
def test_a_file_that_cannot_be_written_stops_nothing(tmp_path, directory):
    """Without receipts everything goes on."""
    receipts = Receipts(None if directory is None else tmp_path / directory)
    receipts.begin(["a"])
    receipts.note("b")
    receipts.close()
    assert receipts.take_up() == frozenset()


async def test_what_arrived_is_not_sent_again(tmp_path):
    """A notification that is in the outbox and has a receipt is put on record as sent, and leaves the outbox."""
    clock, channel = ManualClock(), RecordingChannel()
    documents = MemoryDocuments(clock=clock)

    def courier() -> Courier:
        made = {"team/webhook/0": channel}
        options = CourierOptions()
        registry = CollectorRegistry()
        return Courier(
            documents,
            made,
            options=options,
            clock=clock,
            random=Random(1),
            registry=registry,
            receipts=Receipts(tmp_path),
        )

    one, other = (
        notification(id="1" * 32, integration="team/webhook/0"),
        notification(id="2" * 32, integration="team/webhook/0"),
    )
    await documents.commit(courier().changes_for([one, other]))
    before = Receipts(tmp_path)
    before.begin([])
    before.note(one.id)
    after = courier()
    await after.start()
    await clock.advance(1)
    assert [sent.id for sent in channel.sent] == [other.id]
    entries = [journal_entry_of(document) for document in (await documents.page(KIND_JOURNAL)).documents]
    assert [entry.status for entry in entries] == [DeliveryStatus.SENT] * 2
    assert entries[0].attempts[-1].detail == "it had arrived when the server was killed"
    assert not (await documents.page(KIND_OUTBOX)).documents
    await after.drain()
