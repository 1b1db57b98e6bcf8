"""Stories of alerts, told to a real Alertmanager and to us at the same moments; what each of them said is compared.

All stories run at once in one pair of servers: each has a label `story`, a route of its own below the root, and receivers
whose names begin with its own.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import httpx

SIDES = ("theirs", "ours")
LATE_S = 0.5  # of a story's act
STAGGER_S = 0.04  # seventy posts at one moment would be the client's story
Action = Callable[["Stage"], Any]


@dataclass(frozen=True)
class Said:
    """One notification as it arrived. Alerts are `(instance, status)`, sorted."""

    at_s: float
    receiver: str
    group: str
    status: str
    alerts: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        alerts = " ".join(f"{'' if status == 'firing' else '-'}{name}" for name, status in self.alerts)
        return f"{self.at_s:6.2f} {self.receiver} {self.group} {self.status} [{alerts}]"

    @property
    def content(self) -> tuple[object, ...]:
        return (self.receiver, self.group, self.status, self.alerts)


@dataclass(frozen=True)
class Story:
    """What happens, by second.

    Attributes:
        route: of the story, without receiver and matcher; receivers are named `{story}` or `{story}-x`.
        script: at which second what is done.
        receivers: settings of webhooks by suffix of the receiver's name.
        inhibit: rules; a matcher for the story is added to each side.
        intervals: time intervals.
        differs: why the two may differ, and what ours says instead; empty where they must be the same.
    """

    name: str
    script: Sequence[tuple[float, Action]]
    route: dict[str, Any] = field(default_factory=dict)
    receivers: dict[str, dict[str, Any]] = field(default_factory=dict)
    inhibit: Sequence[dict[str, Any]] = ()
    intervals: Sequence[dict[str, Any]] = ()
    differs: str = ""
    ours: Sequence[tuple[float, str, str]] = ()


class TooLateError(Exception):
    """The machine stalled: what a story does came too late to be what it tells of."""


class Stage:
    """Where one story plays: posts to one side, at one moment."""

    def __init__(self, story: str, client: httpx.AsyncClient, urls: dict[str, str]) -> None:
        self.story = story
        self.client = client
        self.urls = urls
        self.now_s = 0.0
        self.lag_s = 0.0  # the longest that a side took to answer: its times may be late by that much
        self.silences: dict[str, dict[str, str]] = {}

    async def post(self, path: str, body: object) -> dict[str, httpx.Response]:
        """To both sides at once."""
        answers = await asyncio.gather(*(self.client.post(f"{self.urls[side]}{path}", json=body) for side in SIDES))
        self.lag_s = max(self.lag_s, time.time() - self.now_s)
        for answer in answers:
            if answer.status_code != 200 and self.lag_s > LATE_S:
                raise TooLateError  # what was to end soon has ended before it was told
            assert answer.status_code == 200, (self.story, str(answer.url), answer.status_code, answer.text)
        return dict(zip(SIDES, answers, strict=True))


def stamp(at_s: float) -> str:
    """RFC 3339 of a Unix time."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fire(*names: str, starts_s: float = 0.0, ends_s: float | None = 600.0, **labels: str) -> Action:
    """Alerts fire; times are relative to the moment of the post; `ends_s` None leaves the end to the resolve timeout."""

    async def act(stage: Stage) -> None:
        alerts = [
            {
                "labels": {"story": stage.story, "alertname": "A", "instance": name, **labels},
                "startsAt": stamp(stage.now_s + starts_s),
                **({} if ends_s is None else {"endsAt": stamp(stage.now_s + ends_s)}),
            }
            for name in names
        ]
        await stage.post("/api/v2/alerts", alerts)

    return act


def end(*names: str, starts_s: float = -1.0, ends_s: float = 0.0, **labels: str) -> Action:
    """Alerts end."""
    return fire(*names, starts_s=starts_s, ends_s=ends_s, **labels)


def silence(*, starts_s: float = 0.0, ends_s: float, key: str = "it", **labels: str) -> Action:
    """A silence on the story's alerts with these labels."""

    async def act(stage: Stage) -> None:
        matchers = [
            {"name": name, "value": value, "isRegex": False, "isEqual": True}
            for name, value in {"story": stage.story, **labels}.items()
        ]
        body = {
            "matchers": matchers,
            "startsAt": stamp(stage.now_s + starts_s),
            "endsAt": stamp(stage.now_s + ends_s),
            "createdBy": "story",
            "comment": "story",
        }
        answers = await stage.post("/api/v2/silences", body)
        stage.silences[key] = {side: answer.json()["silenceID"] for side, answer in answers.items()}

    return act


def expire(key: str = "it") -> Action:
    """That silence ends now."""

    async def act(stage: Stage) -> None:
        for side in SIDES:
            answer = await stage.client.delete(f"{stage.urls[side]}/api/v2/silence/{stage.silences[key][side]}")
            assert answer.status_code == 200, (stage.story, side, answer.text)

    return act


def settings(stories: Sequence[Story], *, sink: str, resolve_timeout: str = "5m") -> str:
    """Alertmanager's configuration for these stories, as JSON, which is YAML. `sink` is the address of one side's sink."""
    routes, receivers, rules, intervals = [], [{"name": "nobody"}], [], []
    for story in stories:
        mine = {"story": story.name}
        matcher = f'story="{story.name}"'
        routes.append(
            {
                "receiver": story.name,
                "matchers": [matcher],
                "group_wait": "1s",
                "group_interval": "2s",
                "repeat_interval": "1h",
                "group_by": ["alertname"],
                **_named(story.route, story.name),
            }
        )
        for suffix, webhook in {"": {}, **story.receivers}.items():
            name = f"{story.name}{'-' if suffix else ''}{suffix}"
            receivers.append({"name": name, "webhook_configs": [{"url": f"{sink}/{name}", **webhook}]})
        for rule in story.inhibit:
            old = {side: {**rule[side], **mine} for side in ("source_match", "target_match") if side in rule}
            new = {side: [*rule[side], matcher] for side in ("source_matchers", "target_matchers") if side in rule}
            rules.append({**rule, **old, **new})
        intervals.extend(interval for interval in story.intervals if interval not in intervals)
    return json.dumps(
        {
            "global": {"resolve_timeout": resolve_timeout},
            "route": {"receiver": "nobody", "routes": routes},
            "receivers": receivers,
            "inhibit_rules": rules,
            "time_intervals": intervals,
        }
    )


def _named(route: dict[str, Any], story: str) -> dict[str, Any]:
    """The route with receivers under the story's name."""
    named = {**route}
    if "receiver" in route:
        named["receiver"] = f"{story}-{route['receiver']}"
    if "routes" in route:
        named["routes"] = [_named(child, story) for child in route["routes"]]
    return named


class StorySink:
    """Takes webhooks, each side's below its own path, and remembers when they came."""

    def __init__(self) -> None:
        self.heard: dict[str, list[tuple[float, str, dict[str, Any]]]] = {side: [] for side in SIDES}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._served: set[asyncio.Task[None] | None] = set()
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(task for task in self._served if task is not None), return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self._served.add(asyncio.current_task())
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
                body = await reader.readexactly(int(fields["content-length"]))
                side, receiver = lines[0].split(" ")[1].lstrip("/").split("/")
                self.heard[side].append((time.time(), receiver, json.loads(body)))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self._writers.discard(writer)

    def said(self, side: str, stories: Sequence[Story], story: Story, *, began_s: float) -> list[Said]:
        """What one side said in a story, in order."""
        began_s += stories.index(story) * STAGGER_S
        mine = [
            Said(
                at_s=at_s - began_s,
                receiver=receiver.removeprefix(story.name).lstrip("-"),
                group=body["groupKey"],
                status=body["status"],
                alerts=tuple(sorted((one["labels"]["instance"], one["status"]) for one in body["alerts"])),
            )
            for at_s, receiver, body in self.heard[side]
            if receiver.split("-")[0] == story.name
        ]
        return sorted(mine, key=lambda one: one.at_s)


async def play(stories: Sequence[Story], urls: dict[str, str], *, began_s: float) -> dict[str, float]:
    """Do what the scripts say, at their times after `began_s`; each story begins `STAGGER_S` after the one before.

    Gives, by story, the longest that a side took to answer, in seconds: how late its times may be for the machine's sake.
    It is infinite for a story that could not be told in time.
    """
    # No connection is given up for being idle: httpx may close one that another post was just given.
    limits = httpx.Limits(max_connections=100, keepalive_expiry=None)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client, asyncio.TaskGroup() as group:
        plays = {
            story.name: group.create_task(_play(story, client, urls, began_s + number * STAGGER_S))
            for number, story in enumerate(stories)
        }
    return {name: task.result() for name, task in plays.items()}


async def _play(story: Story, client: httpx.AsyncClient, urls: dict[str, str], began_s: float) -> float:
    stage = Stage(story.name, client, urls)
    for at_s, act in story.script:
        stage.now_s = began_s + at_s
        # A sleep is of another clock, and what ends now is to have ended.
        while (left_s := stage.now_s - time.time()) > 0:  # noqa: ASYNC110  # no event tells the time
            await asyncio.sleep(left_s)
        try:
            await act(stage)
        except TooLateError:
            return math.inf
    return stage.lag_s


def differences(theirs: Sequence[Said], ours: Sequence[Said], *, within_s: float) -> list[str]:
    """What of the one side has no counterpart of the other: same content, and a time within `within_s`."""
    missing: list[str] = []
    left = list(ours)
    for one in theirs:
        twin = next((o for o in left if o.content == one.content and abs(o.at_s - one.at_s) <= within_s), None)
        if twin is None:
            missing.append(f"theirs only: {one}")
        else:
            left.remove(twin)
    return missing + [f"ours only:   {one}" for one in left]
