"""Packs and runbooks out."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from anyascope import packs
from anyascope.alerting.escalation.settings import read_policies
from anyascope.api.alerts import RulesSource
from anyascope.api.encode import json_response
from anyascope.api.params import NAME_CHARS_MAX, answers
from anyascope.errors import NotFoundError
from anyascope.model.status import RuleGroupView, RuleKind, RuleView
from anyascope.semconv.alerts import ANNOTATION_RUNBOOK
from anyascope.wire.own_packs import (
    PacksView,
    PackView,
    RunbookEntryView,
    RunbookRuleView,
    RunbooksView,
    RunbookView,
)

PacksInForce = Callable[[], Collection[str]]


def packs_router(in_force: PacksInForce, rules: RulesSource) -> APIRouter:
    """The routes `/packs` and `/runbooks`."""
    router = APIRouter(tags=["packs"])

    @router.get(
        "/packs",
        operation_id="listPacks",
        summary="The packs that ship with the server",
        response_model=PacksView,
        responses=answers(),
    )
    async def list_packs() -> Response:
        """Whether each is on, its rules, and which of them are left out."""
        on, groups = in_force(), rules.groups()
        return json_response(PacksView(packs=[_pack_view(name, on, groups) for name in packs.names()]))

    @router.get(
        "/runbooks",
        operation_id="listRunbooks",
        summary="Alerts that have a runbook",
        response_model=RunbooksView,
        responses=answers(),
    )
    async def list_runbooks() -> Response:
        """Those of packs, and of every rule with an annotation `runbook`."""
        entries = {
            rule.name: RunbookEntryView(alertname=rule.name, title=rule.name, pack="")
            for _, rule in _alerting(rules.groups())
            if rule.annotations.get(ANNOTATION_RUNBOOK)
        } | {
            name: RunbookEntryView(alertname=name, title=book.title, pack=book.pack)
            for name, book in packs.runbooks().items()
        }
        return json_response(RunbooksView(runbooks=[entries[name] for name in sorted(entries)]))

    @router.get(
        "/runbooks/{alertname}",
        operation_id="getRunbook",
        summary="What to do about an alert",
        response_model=RunbookView,
        responses=answers(problems=(404,)),
    )
    async def get_runbook(alertname: Annotated[str, Path(max_length=NAME_CHARS_MAX)]) -> Response:
        """Markdown, and the rules that raise the alert. Where no page was written it is made of the rule's annotations."""
        judged = [rule for _, rule in _alerting(rules.groups()) if rule.name == alertname]
        return json_response(_runbook_view(alertname, judged))

    return router


def _pack_view(name: str, on: Collection[str], groups: Sequence[RuleGroupView]) -> PackView:
    found = packs.pack(name)
    judged = {rule.name for file, rule in _alerting(groups) if file.startswith(f"{name}:")}
    uid, title = _dashboard(name)
    return PackView(
        name=name,
        about=found.about,
        is_on=name in on,
        rules=list(found.alerts),
        left_out=[alert for alert in found.alerts if alert not in judged] if name in on else [],
        policies=list(_policies(name)),
        dashboard_uid=uid,
        dashboard_title=title,
    )


@cache
def _policies(name: str) -> tuple[str, ...]:
    return tuple(policy.name for policy in read_policies(packs.pack(name).policies, file=name))


@cache
def _dashboard(name: str) -> tuple[str, str]:
    """Id and title."""
    found = json.loads(packs.pack(name).dashboard)
    return found["uid"], found["title"]


def _alerting(groups: Sequence[RuleGroupView]) -> Iterator[tuple[str, RuleView]]:
    for group in groups:
        for rule in group.rules:
            if rule.kind is RuleKind.ALERTING:
                yield group.file, rule


def _runbook_view(alertname: str, judged: Sequence[RuleView]) -> RunbookView:
    written = packs.runbooks().get(alertname)
    made = next((_made(rule) for rule in judged if rule.annotations.get(ANNOTATION_RUNBOOK)), "")
    if written is None and not made:
        raise NotFoundError(f"no runbook is called {alertname!r}: give its rule an annotation `runbook`")
    return RunbookView(
        alertname=alertname,
        title=written.title if written else alertname,
        pack=written.pack if written else "",
        markdown=written.markdown if written else made,
        rules=[
            RunbookRuleView(expr=rule.query, hold_s=rule.hold_s, hold_blocks=rule.hold_blocks, labels=dict(rule.labels))
            for rule in judged
        ],
    )


def _made(rule: RuleView) -> str:
    """A page of what the rule says; what its templates will say stands as it was written."""
    about = rule.annotations.get("description") or rule.annotations.get("summary", "")
    parts = [f"# {rule.name}", about, "## What to do", rule.annotations[ANNOTATION_RUNBOOK]]
    return "\n\n".join(part for part in parts if part) + "\n"
