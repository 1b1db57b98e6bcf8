"""What the own API answers about packs and runbooks. As `own_api`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PackView:
    """A pack that ships with the server.

    Attributes:
        about: what it watches.
        is_on: whether its rules are judged.
        rules: the alerts that it has, in file order.
        left_out: those of them that are not judged: disabled, or another rule has their name.
        policies: the escalation policies that it brings.
        dashboard_uid, dashboard_title: of its Grafana dashboard.
    """

    name: str
    about: str
    is_on: bool
    rules: list[str]
    left_out: list[str]
    policies: list[str]
    dashboard_uid: str
    dashboard_title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PacksView:
    """Every pack, by name."""

    packs: list[PackView]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookEntryView:
    """A runbook: `pack` is empty where it is made of a rule's annotation `runbook`."""

    alertname: str
    title: str
    pack: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbooksView:
    """Every runbook, by the alert's name."""

    runbooks: list[RunbookEntryView]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookRuleView:
    """A rule that raises the alert, as it is judged: `hold_s` is its `for`, `hold_blocks` the same where it counts blocks."""

    expr: str
    hold_s: float
    hold_blocks: str
    labels: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookView:
    """What to do about an alert. `rules` is empty where none that is judged has the name."""

    alertname: str
    title: str
    pack: str
    markdown: str
    rules: list[RunbookRuleView]
