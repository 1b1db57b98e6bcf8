"""How what is heard of an alert is merged, and what a store that cannot write does."""

from __future__ import annotations

import asyncio

import pytest

from anyascope.alerting.fingerprint import fingerprint_of
from anyascope.alerting.intake import alert_of, is_refresh, merge, put_alert, take_over
from anyascope.clock import NS_PER_S
from anyascope.errors import UnavailableError
from anyascope.model.alerts import Alert
from anyascope.model.documents import Document
from anyascope.model.labels import labels_of
from support.pages import House

NOW = 1_000
LABELS = labels_of({"alertname": "A", "correlation_id": "c-1"})
CONFIG = """
route: {receiver: team, group_wait: 1s}
receivers: [{name: team, webhook_configs: [{url: 'http://hook'}]}]
"""


def held(starts=0, ends=0, *, old=None, now=NOW, **fields):
    alert = Alert(LABELS, starts_ns=starts, ends_ns=ends, **fields)
    return merge(old, alert, fingerprint_of(LABELS), now_ns=now, resolve_timeout_ns=300)


@pytest.mark.parametrize(
    ("first", "second", "starts", "ends"),
    [
        ((100, 2000), (500, 3000), 100, 3000),  # prolonged
        ((100, 3000), (500, 2000), 100, 3000),  # an end that was named for a firing alert is not pulled forward
        ((100, 0), (100, 1200), 100, 1200),  # our guess gives way to a named end
        ((100, 2000), (100, 900), 100, 900),  # it has ended
        ((100, 900), (100, 800), 100, 900),  # of two ends the later one
        ((100, 900), (950, 2000), 950, 2000),  # a new episode is another alert in time
        ((500, 2000), (100, 1500), 100, 2000),  # the earliest start
    ],
)
def test_merges_as_alertmanager(first, second, starts, ends):
    """Overlapping episodes become one; see `merge`."""
    merged = held(*second, old=held(*first))
    assert (merged.starts_ns, merged.ends_ns) == (starts, ends)


def test_missing_times_are_filled_in():
    """Without a start it starts now; without an end it ends after the resolve timeout; an ended one started at its end."""
    assert (held().starts_ns, held().ends_ns, held().is_timeout) == (NOW, NOW + 300, True)
    assert held(ends=500).starts_ns == 500
    assert held().correlation_id == "c-1"


def test_a_mere_repeat_needs_no_write():
    """A later end of a firing alert changes nothing on disk; new annotations, a return or an end do."""
    first = held(100, 2000)
    assert is_refresh(first, held(100, 3000, old=first), now_ns=NOW)
    assert not is_refresh(first, held(100, 3000, old=first, annotations={"a": "b"}), now_ns=NOW)
    assert not is_refresh(first, held(100, 900, old=first), now_ns=NOW)
    assert not is_refresh(None, first, now_ns=NOW)


def test_is_stored_whole():
    """What is read back is what was held; a firing one has grace, an ended one keeps its end."""
    alert = held(100, 2000, annotations={"summary": "s"}, generator_url="http://g")
    put = put_alert(alert)
    assert alert_of(Document(put.kind, put.key, put.body), now_ns=1500, grace_s=0) == alert
    later = alert_of(Document(put.kind, put.key, put.body), now_ns=5000, grace_s=1)
    assert later.ends_ns == 5000 + NS_PER_S
    ended = put_alert(held(100, 900))
    assert alert_of(Document(ended.kind, ended.key, ended.body), now_ns=5000, grace_s=1).ends_ns == 900


async def test_a_store_that_cannot_write_takes_nothing_over():
    """The sender hears that nothing was taken, and may send it again; afterwards all goes on."""
    async with House(CONFIG) as house:
        commit = house.documents.commit

        async def full(changes):
            raise UnavailableError("the disk is full", retry_after_s=2.0)

        house.documents.commit = full
        with pytest.raises(UnavailableError):
            await house.fire({"alertname": "A"}, for_s=600)
        assert house.alerting.alerts() == []
        house.documents.commit = commit
        await house.fire({"alertname": "A"}, for_s=600)
        house.documents.commit = full
        await house.advance(to_s=2)
        assert house.told() == []
        assert house.alerting.health()[0].message.startswith("the store cannot write")
        house.documents.commit = commit
        await house.advance(to_s=6)
        assert len(house.told()) == 1
        assert house.alerting.health()[0].status.value == "healthy"


async def test_a_fault_in_a_look_is_survived():
    """Whatever breaks, the groups concerned are looked at again."""
    async with House(CONFIG) as house:
        changes_for = house.courier.changes_for

        def broken(notifications):
            house.courier.changes_for = changes_for
            raise RuntimeError("bug")

        house.courier.changes_for = broken
        await house.fire({"alertname": "A"}, for_s=600)
        await house.advance(to_s=4)
        assert len(house.told()) == 1


async def test_posts_that_wait_are_stored_together():
    """While one commit is under way the next posts gather, and one commit serves them all."""
    async with House(CONFIG) as house:
        sizes: list[int] = []
        commit, gate = house.documents.commit, asyncio.Event()

        async def slow(changes):
            sizes.append(sum(change.kind == "alert" for change in changes))
            await gate.wait()
            await commit(changes)

        house.documents.commit = slow
        alerts = [Alert(labels_of({"alertname": f"x{number}"})) for number in range(9)]
        posts = [asyncio.create_task(house.alerting.receive([alert])) for alert in alerts]
        await house.clock.advance(0)
        gate.set()
        await asyncio.gather(*posts)
        assert sizes in ([9], [1, 8])
        assert len(house.alerting.alerts()) == 9


def test_a_post_that_is_too_much_is_refused_whole(monkeypatch):
    """Once no more alerts are held a post with new ones is refused, and posts of known ones go on."""
    monkeypatch.setattr("anyascope.alerting.intake.ALERTS_MAX", 2)
    one, two, three = (Alert(labels_of({"alertname": name})) for name in "abc")
    taken = take_over({}, [[one], [two, three], [two], [one, two]], now_ns=NOW, resolve_timeout_ns=300)
    assert [fault is None for fault in taken.faults] == [True, False, True, True]
    assert [alert.labels for alert in taken.alerts.values()] == [one.labels, two.labels]
