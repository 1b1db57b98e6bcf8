"""A bot that changes its message, or answers it in its thread, when there is news of a group."""

from __future__ import annotations

import json
from dataclasses import replace

from anyascope.clock import ManualClock
from anyascope.model.channels.slack import SlackOptions
from anyascope.model.notifications import AttemptOutcome, NotificationReason
from anyascope.model.secret import Secret
from anyascope.notify.channels.registry import build_channel
from anyascope.notify.memory import KEPT_S, KIND_REMEMBERED, DocumentMemory
from anyascope.notify.templates import load_templates
from anyascope.store.documents import MemoryDocuments
from support.notifications import SIGNING_FAILED, ended, notification
from support.scripted_end import Say, scripted_end

OK, RETRY = AttemptOutcome.OK, AttemptOutcome.RETRY
FIRST, MORE, ENDED, REPEAT = (
    notification(),
    notification(reason=NotificationReason.NEW_ALERTS),
    notification(ended(SIGNING_FAILED), reason=NotificationReason.ALL_RESOLVED),
    notification(reason=NotificationReason.REPEAT),
)


def sent(ts="1.5"):
    return Say(200, json.dumps({"ok": True, "message": {"text": "x" * 9000}, "channel": "C1", "ts": ts}).encode())


class Bot:
    def __init__(self, end, documents=None, **changes):
        options = SlackOptions(
            app_token=Secret("xoxb-12345678"), app_url=f"{end.url}/api/chat.postMessage", channel="#ops", **changes
        )
        clock = ManualClock()
        self.documents = documents or MemoryDocuments(clock=clock)
        memory = DocumentMemory(self.documents, clock=clock)
        templates = load_templates((), now_ns=lambda: 0)
        self.channel = build_channel(options, templates=templates, clock=clock, memory=memory)
        self.end, self.clock = end, clock

    async def tell(self, told):
        """The outcome, and what Slack heard: the method with `ts` and `thread_ts`."""
        self.end.heard.clear()
        outcome = await self.channel.send(told, done=frozenset())
        bodies = [(one.path.rpartition("/")[2], json.loads(one.body)) for one in self.end.heard]
        return outcome.kind, [
            (method, body.get("ts"), body.get("thread_ts"), body["channel"]) for method, body in bodies
        ]


async def test_a_groups_message_is_changed_until_the_group_ends():
    """The first news is a message; what follows changes it, over a restart too; after its end the next is a new one."""
    with scripted_end() as end:
        end.otherwise = sent()
        bot = Bot(end, templates={"text": "t"}, update_message=True)
        assert await bot.tell(FIRST) == (OK, [("chat.postMessage", None, None, "#ops")])
        assert await bot.tell(MORE) == (OK, [("chat.update", "1.5", None, "C1")])
        called = replace(MORE, policy="critical", reason=NotificationReason.ESCALATION_REPEAT)
        assert await bot.tell(called) == (OK, [("chat.postMessage", None, None, "#ops")])
        again = Bot(end, bot.documents, templates={"text": "t"}, update_message=True)
        assert await again.tell(ENDED) == (OK, [("chat.update", "1.5", None, "C1")])
        assert await again.tell(MORE) == (OK, [("chat.postMessage", None, None, "#ops")])
        assert await again.tell(FIRST) == (OK, [("chat.postMessage", None, None, "#ops")])


async def test_news_answers_in_the_thread():
    """With threads each piece of news is an answer; with both the message is changed and answered."""
    with scripted_end() as end:
        end.otherwise = sent()
        bot = Bot(end, templates={"text": "t"}, post_updates_to_thread=True)
        await bot.tell(FIRST)
        assert await bot.tell(MORE) == (OK, [("chat.postMessage", None, "1.5", "C1")])
        both = Bot(end, bot.documents, templates={"text": "t"}, post_updates_to_thread=True, update_message=True)
        assert await both.tell(MORE) == (
            OK,
            [("chat.update", "1.5", None, "C1"), ("chat.postMessage", None, "1.5", "C1")],
        )


async def test_in_our_layout_an_alerts_own_message_is_changed():
    """Its end and its repeats change it; a new alert of the group is a message that wakes somebody."""
    other = replace(SIGNING_FAILED, fingerprint="00000000000000aa")
    with scripted_end() as end:
        end.otherwise = sent()
        bot = Bot(end, update_message=True)
        await bot.tell(FIRST)
        assert await bot.tell(replace(MORE, alerts=(other,))) == (OK, [("chat.postMessage", None, None, "#ops")])
        assert await bot.tell(REPEAT) == (OK, [("chat.update", "1.5", None, "C1")])
        assert await bot.tell(ENDED) == (OK, [("chat.update", "1.5", None, "C1")])
        assert await bot.tell(REPEAT) == (OK, [("chat.postMessage", None, None, "#ops")])


async def test_a_message_that_is_gone_is_told_anew():
    """Slack no longer has it: the next attempt posts; any other refusal is what it always is."""
    with scripted_end() as end:
        end.otherwise = sent()
        bot = Bot(end, templates={"text": "t"}, update_message=True)
        await bot.tell(FIRST)
        end.says(Say(200, b'{"ok":false,"error":"message_not_found"}'))
        assert (await bot.tell(MORE))[0] is RETRY
        assert await bot.tell(MORE) == (OK, [("chat.postMessage", None, None, "#ops")])
        end.says(Say(200, b'{"ok":false,"error":"invalid_auth"}'))
        assert (await bot.tell(MORE))[0] is AttemptOutcome.FAILED
        end.says(Say(503))
        assert (await bot.tell(MORE))[0] is RETRY


async def test_what_is_remembered_does_not_grow_for_ever():
    """What was not written for a month is dropped, and a store that fails costs no page."""
    clock = ManualClock()
    documents = MemoryDocuments(clock=clock)
    await DocumentMemory(documents, clock=clock).remember("old", {"ts": "1"})
    await clock.advance(KEPT_S + 1)
    memory = DocumentMemory(documents, clock=clock)
    await memory.remember("new", {"ts": "2"})
    page = await documents.page(KIND_REMEMBERED)
    assert [document.key for document in page.documents] == ["new"]
    assert await memory.recall("new") == {"ts": "2"}
    assert await memory.recall("old") == {}
