"""Labels of routes are templates."""

from __future__ import annotations

from anyascope.model.notifications import AttemptOutcome
from anyascope.notify.channel import Outcome
from anyascope.notify.route_labels import RouteLabelled
from anyascope.notify.templates import load_templates
from support.notifications import notification


class Recorder:
    def __init__(self):
        self.told = []
        self.is_closed = False

    async def send(self, notification, *, done):
        self.told.append((notification, done))
        return Outcome(AttemptOutcome.OK, "ok")

    async def close(self):
        self.is_closed = True


async def test_labels_of_routes_are_filled_in():
    """From the notification's data, each for itself; one that fails stays, and plain ones cost nothing."""
    recorder = Recorder()
    channel = RouteLabelled(recorder, templates=load_templates((), now_ns=lambda: 0))
    labels = (
        ("broken", "{{ .Nothing }}"),
        ("desk", "{{ .CommonLabels.wallet | toUpper }}-{{ len .Alerts }}"),
        ("other", "{{ .RouteLabels.desk }}|"),
        ("plain", "x"),
    )
    plain = notification(route_labels=(("plain", "x"),))
    await channel.send(notification(route_labels=labels), done=frozenset({"a"}))
    await channel.send(plain, done=frozenset())
    (told, done), (same, _) = recorder.told
    assert told.route_labels == (("broken", "{{ .Nothing }}"), ("desk", "COLD-1"), ("other", "|"), ("plain", "x"))
    assert done == {"a"}
    assert same is plain
    await channel.close()
    assert recorder.is_closed
