"""Links that act: signed by us, for one thing, once, for a while; everything else is refused."""

from __future__ import annotations

import asyncio
import random
import stat
import string
from dataclasses import replace

import pytest

from anyascope.alerting.escalation.link_desk import KIND_LINK
from anyascope.alerting.escalation.link_keys import KEY_FILE, ROTATE_S, LinkKeys
from anyascope.alerting.escalation.links import LINK_S, TOKEN_CHARS, Link, sign, verify
from anyascope.alerting.fingerprint import fingerprint_of
from anyascope.clock import NS_PER_S, ManualClock
from anyascope.errors import DeniedError, InvalidInputError, UnavailableError
from anyascope.model.labels import labels_of
from anyascope.model.responses import LinkState, ResponseAction
from support.pages import House

CONFIG = """
route: {receiver: team, group_by: [alertname], group_wait: 10s, group_interval: 1m, repeat_interval: 5m}
receivers: [{name: team, webhook_configs: [{url: 'http://hook', send_resolved: true}]}]
"""
A = {"alertname": "Down", "severity": "warning"}
ID = fingerprint_of(labels_of(A))
URL = "https://anya.example.org/base"
LINK = Link(ResponseAction.ACKNOWLEDGE, ID, "0" * 31 + "1", 5, 10_000)
ALPHABET = string.ascii_letters + string.digits + "-_"


async def told(house: House) -> dict[str, str]:
    """By action, the token in the last message."""
    links = house.channels["team/webhook/0"].sent[-1].alerts[0].links
    return {action: url.removeprefix(f"{URL}/r/") for action, url in links.items()}


async def firing() -> House:
    house = House(CONFIG, link_url=URL)
    await house.start()
    await house.fire(A, for_s=1e7)
    await house.advance(to_s=10)
    return house


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_a_token_says_what_was_signed():
    """And fits into an address as it is."""
    keys = LinkKeys(None, clock=ManualClock())
    token = sign(LINK, keys)
    assert len(token) == TOKEN_CHARS
    assert set(token) <= set(ALPHABET)
    assert verify(token, keys) == LINK


def test_a_thousand_mutations_are_refused():
    """Changed, cut, lengthened, swapped, of another server: none verifies."""
    keys, others = LinkKeys(None, clock=ManualClock()), LinkKeys(None, clock=ManualClock())
    token, chance = sign(LINK, keys), random.Random(6)
    refused = 0
    for _ in range(1000):
        place = chance.randrange(len(token))
        kind = chance.randrange(5)
        if kind == 0:
            mutated = token[:place] + chance.choice(ALPHABET) + token[place + 1 :]
        elif kind == 1:
            mutated = token[:place]
        elif kind == 2:
            mutated = token[:place] + chance.choice(ALPHABET + "=\n é%/") + token[place:]
        elif kind == 3:
            other = chance.randrange(len(token))
            swapped = list(token)
            swapped[place], swapped[other] = swapped[other], swapped[place]
            mutated = "".join(swapped)
        else:
            mutated = sign(LINK, others)
        if mutated != token:
            assert verify(mutated, keys) is None, mutated
            refused += 1
    assert refused > 900


def test_every_single_character_counts():
    """No character can be exchanged for any other: base 64 without idle bits."""
    keys = LinkKeys(None, clock=ManualClock())
    token = sign(LINK, keys)
    for place in range(len(token)):
        for character in ALPHABET:
            if character != token[place]:
                assert verify(token[:place] + character + token[place + 1 :], keys) is None


# --- keys -------------------------------------------------------------------------------------------------------------


def test_keys_are_made_once_and_are_for_their_owner_alone(tmp_path):
    """A restart verifies what was signed before it."""
    keys = LinkKeys(tmp_path, clock=ManualClock())
    keys.open()
    token = sign(LINK, keys)
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    again = LinkKeys(tmp_path, clock=ManualClock())
    again.open()
    assert verify(token, again) == LINK
    assert [file.name for file in tmp_path.iterdir()] == [KEY_FILE]


async def test_keys_are_exchanged_each_month_and_kept_while_a_link_of_theirs_lives(tmp_path):
    """What was signed a minute before the exchange is good for its whole time."""
    clock = ManualClock()
    keys = LinkKeys(tmp_path, clock=clock)
    keys.open()
    first = sign(LINK, keys)
    await clock.advance(ROTATE_S)
    second = sign(LINK, keys)
    assert first != second
    assert verify(first, keys) == verify(second, keys) == LINK
    await clock.advance(ROTATE_S)
    sign(LINK, keys)
    await clock.advance(ROTATE_S + LINK_S)
    third = sign(LINK, keys)
    assert verify(first, keys) is None
    assert verify(third, keys) == LINK


def test_a_key_file_that_cannot_serve_is_refused(tmp_path):
    """Open to others, damaged, or not to be written: one line that says what to do."""
    file = tmp_path / KEY_FILE
    file.write_text("[]")
    file.chmod(0o644)
    with pytest.raises(DeniedError, match="mode 0644, others may use it: chmod 600"):
        LinkKeys(tmp_path, clock=ManualClock()).open()
    file.chmod(0o600)
    file.write_text('[{"number": 1}]')
    with pytest.raises(InvalidInputError, match="is damaged; delete it"):
        LinkKeys(tmp_path, clock=ManualClock()).open()
    with pytest.raises(UnavailableError, match="cannot be written"):
        LinkKeys(tmp_path / "missing", clock=ManualClock()).open()


# --- use --------------------------------------------------------------------------------------------------------------


async def test_a_link_acknowledges_once_and_only_once():
    """Looking does nothing; its use is on record, and no restart makes it good again."""
    house = await firing()
    token = (await told(house))["acknowledge"]
    for _ in range(3):
        sight = await house.links.look(token)
        assert (sight.state, sight.recipient) == (LinkState.READY, "team by webhook")
    assert house.responder.care_of(ID).acknowledgement is None
    done = await house.links.use(token, by="alice")
    assert (done.state, done.by) == (LinkState.DONE, "alice")
    assert house.responder.care_of(ID).acknowledgement.by == "alice"
    keys = house.keys
    await house.restart()
    house.links._keys = keys
    for sight in (await house.links.use(token, by="mallory"), await house.links.look(token)):
        assert (sight.state, sight.by) == (LinkState.USED, "alice")
    story = await house.responder.story(ID)
    (event,) = [event for event in story.timeline if event.kind.value == "acknowledged"]
    assert event.details["via"] == "link"
    await house.crash()


async def test_two_uses_at_one_moment_act_once():
    """The store itself refuses the second."""
    house = await firing()
    token = (await told(house))["acknowledge"]
    sights = await asyncio.gather(*(house.links.use(token, by=name) for name in "abcdef"))
    assert sorted(sight.state.value for sight in sights) == ["done", *["used"] * 5]
    story = await house.responder.story(ID)
    assert sum(event.kind.value == "acknowledged" for event in story.timeline) == 1
    await house.crash()


async def test_each_link_has_its_purpose():
    """Snooze and resolve; without a name the recipient stands for the person."""
    house = await firing()
    links = await told(house)
    assert list(links) == ["acknowledge", "snooze", "resolve"]
    assert (await house.links.use(links["snooze"], by=" ")).by == "team by webhook"
    assert house.responder.care_of(ID).snoozed_until_ns == house.clock.now_ns() + 3600 * 10**9
    assert (await house.links.use(links["resolve"], by="bob")).state is LinkState.DONE
    assert not house.alerting.alerts()[0].is_firing
    assert (await house.links.use(links["acknowledge"], by="bob")).state is LinkState.OVER
    await house.crash()


async def test_a_link_is_for_its_own_episode():
    """What fires again is not acknowledged by last week's message."""
    house = await firing()
    token = (await told(house))["acknowledge"]
    await house.resolve(A)
    await house.clock.advance(5)
    await house.fire(A, for_s=1e7)
    assert (await house.links.use(token, by="alice")).state is LinkState.OVER
    assert house.responder.care_of(ID).acknowledgement is None
    await house.crash()


async def test_a_link_expires():
    """To the second."""
    house = await firing()
    link = verify((await told(house))["acknowledge"], house.keys)
    assert link.until_s == house.clock.now_ns() // NS_PER_S + LINK_S
    token = sign(replace(link, until_s=link.until_s - LINK_S + 5), house.keys)
    await house.clock.advance(4.9)
    assert (await house.links.look(token)).state is LinkState.READY
    await house.clock.advance(0.1)
    assert (await house.links.use(token, by="alice")).state is LinkState.EXPIRED
    assert (await house.documents.page(KIND_LINK)).documents == ()
    await house.crash()


async def test_a_use_that_cannot_be_stored_leaves_the_link_good():
    """Nothing was done."""
    house = await firing()
    token = (await told(house))["acknowledge"]
    house.documents.trouble = UnavailableError("the disk is full", retry_after_s=1)
    with pytest.raises(UnavailableError):
        await house.links.use(token, by="alice")
    house.documents.trouble = None
    assert (await house.links.use(token, by="alice")).state is LinkState.DONE
    await house.crash()


async def test_links_need_an_address_that_people_reach():
    """Without `external_url` there are none, and what ended has none."""
    async with House(CONFIG) as house:
        await house.fire(A, for_s=1e7)
        await house.advance(to_s=10)
        assert house.channels["team/webhook/0"].sent[-1].alerts[0].links == {}
    house = await firing()
    await house.resolve(A)
    await house.advance(to_s=100)
    assert house.channels["team/webhook/0"].sent[-1].alerts[0].links == {}
    await house.crash()
