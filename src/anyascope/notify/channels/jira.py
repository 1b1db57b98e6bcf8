"""Jira: an issue a group, found again by its label, updated, resolved and reopened.

Source: Atlassian, "Jira Cloud REST API" v2 and v3; what is searched, sent and moved as Alertmanager 0.34.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote, urlsplit

from anyascope.clock import Clock
from anyascope.model.channels.jira import JiraOptions
from anyascope.model.notifications import AttemptOutcome, Notification
from anyascope.notify.channel import Outcome
from anyascope.notify.http import HttpSender, judge
from anyascope.notify.templates import Templates
from anyascope.notify.texts import Texts
from anyascope.notify.vendor import Call, UnsendableError, ask, calls_or_outcome
from anyascope.wire.go_json import go_json
from anyascope.wire.http_post import Answer
from anyascope.wire.notices.answers import shown
from anyascope.wire.notices.cut import cut_chars
from anyascope.wire.notices.data import group_hash

SUMMARY_CHARS_MAX = 255  # what Jira takes, as the next
DESCRIPTION_CHARS_MAX = 32_767
ANSWER_BYTES_MAX = 512 * 1024  # two issues and a workflow's transitions are under 100 kB

_HEADERS: Final = {"Accept-Language": "en"}  # names of transitions are compared
_DEFAULTS: Final = {
    "summary": '{{ template "jira.default.summary" . }}',
    "description": '{{ template "jira.default.description" . }}',
    "priority": '{{ template "jira.default.priority" . }}',
}


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue that was found."""

    key: str
    is_done: bool


class _EndedError(Exception):
    """The conversation ends here, with this outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class JiraChannel:
    """Searches, writes and moves in one attempt; each attempt begins with the search, so that none makes a second issue."""

    def __init__(self, options: JiraOptions, *, templates: Templates, clock: Clock) -> None:
        self._options = options
        self._templates = templates
        self._sender = HttpSender(options.http, timeout_s=options.timeout_s, clock=clock)

    async def send(self, notification: Notification, *, done: frozenset[str]) -> Outcome:  # noqa: ARG002  # has one part
        given = self._options.texts
        texts = Texts(self._templates, notification, given=given, defaults=_DEFAULTS, said="summary")
        try:
            return await self._converse(texts)
        except _EndedError as error:
            return error.outcome

    async def close(self) -> None:
        await self._sender.close()

    async def _converse(self, texts: Texts) -> Outcome:
        options, notification = self._options, texts.notification
        search = calls_or_outcome(lambda: search_call(options, texts))
        issue = _found(_read(await self._ask(search, notification)))
        if issue is None and not notification.is_firing:
            return Outcome(AttemptOutcome.OK, "no open issue to resolve")
        write = calls_or_outcome(lambda: write_call(options, texts, issue))
        answer = await self._ask(write, notification)
        if issue is not None:
            await self._move(issue, notification)
        return Outcome(AttemptOutcome.OK, shown(f"{answer.status} {answer.phrase}".strip() + texts.note, answer.hidden))

    async def _move(self, issue: Issue, notification: Notification) -> None:
        """Reopen what was done and fires again; resolve what ended."""
        if issue.is_done is not notification.is_firing:
            return
        options = self._options
        wanted = options.reopen_transition if notification.is_firing else options.resolve_transition
        if not wanted:
            return  # upstream fails here, though nothing was asked for
        url = f"{_base(options)}/issue/{quote(issue.key, safe='')}/transitions"
        known = _read(await self._ask(Call(url, b"", method="GET", headers=_HEADERS), notification))
        for transition in _listed(known, "transitions"):
            if transition.get("name") == wanted:
                body = go_json({"transition": {"id": str(transition.get("id", ""))}})
                await self._ask(Call(url, body, headers=_HEADERS), notification)
                return
        raise _EndedError(Outcome(AttemptOutcome.FAILED, f"issue {issue.key} has no transition {wanted!r}"))

    async def _ask(self, call: Call | Outcome, notification: Notification) -> Answer:
        if isinstance(call, Outcome):
            raise _EndedError(call)
        answer = await ask(self._sender, call, notification, answer_bytes_max=ANSWER_BYTES_MAX)
        outcome = answer if isinstance(answer, Outcome) else judge(answer)
        if isinstance(answer, Outcome) or outcome.kind is not AttemptOutcome.OK:
            verb = f"{call.method} {urlsplit(call.url).path.rpartition('/rest/api/')[2]}"
            raise _EndedError(replace(outcome, detail=shown(f"{verb}: {outcome.detail}", ())))
        return answer


# --- what is asked ----------------------------------------------------------------------------------------------------


def search_call(options: JiraOptions, texts: Texts) -> Call:
    """The search for the group's issue: an open one, or one that may be reopened."""
    parts = [f"resolution != {_quoted(options.wont_fix_resolution)}"] if options.wont_fix_resolution else []
    reopened_min = int(options.reopen_duration_s // 60)
    if texts.notification.is_firing and options.reopen_transition and reopened_min > 0:
        parts.append(f"(resolutiondate is EMPTY OR resolutiondate >= -{reopened_min}m)")
    else:
        parts.append("statusCategory != Done")
    parts.append(f"project={_quoted(texts.must(options.project))}")
    parts.append(f"labels={_quoted(_label(texts.notification))}")
    jql = " and ".join(parts) + " order by status ASC,resolutiondate DESC"
    body = go_json({"fields": ["status"], "jql": jql, "maxResults": 2})
    return Call(f"{_search_base(options)}", body, headers=_HEADERS)


def write_call(options: JiraOptions, texts: Texts, issue: Issue | None) -> Call:
    """A new issue, or what an update says of an old one."""
    fields: dict[str, object] = {
        "description": _description(options, texts),
        "summary": cut_chars(texts["summary"], SUMMARY_CHARS_MAX),
        "issuetype": {"name": texts.must(options.issue_type)},
        "labels": sorted([*(texts.of(label) for label in options.labels), _label(texts.notification)]),
        "project": {"key": texts.must(options.project)},
    }
    if priority := texts["priority"]:
        fields["priority"] = {"name": priority}
    fields |= {name: texts.deep(value) for name, value in options.fields.items()}
    if issue is not None:
        fields = {name: value for name, value in fields.items() if name not in options.kept}
    body = go_json({"fields": dict(sorted(fields.items()))})
    url = f"{_base(options)}/issue"
    if issue is None:
        return Call(url, body, headers=_HEADERS)
    return Call(f"{url}/{quote(issue.key, safe='')}", body, method="PUT", headers=_HEADERS)


def _description(options: JiraOptions, texts: Texts) -> object:
    """Text in version 2; in version 3 the document that the template writes."""
    text = cut_chars(texts["description"], DESCRIPTION_CHARS_MAX)
    if not _base(options).endswith("/3"):
        return text or None
    if not text.strip():
        return None
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnsendableError("description: invalid JSON for API v3") from error
    return document


def _base(options: JiraOptions) -> str:
    return options.api_url.rstrip("/")


def _search_base(options: JiraOptions) -> str:
    base = _base(options)
    host = urlsplit(base).hostname or ""
    is_cloud = options.api_type == "cloud" or (options.api_type == "auto" and host.endswith("atlassian.net"))
    # The old search is gone from the cloud, and the new one has not come to data centres.
    return f"{base}/search/jql".replace("/rest/api/2/", "/rest/api/3/", 1) if is_cloud else f"{base}/search"


def _label(notification: Notification) -> str:
    return f"ALERT{{{group_hash(notification)}}}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


# --- what is answered -------------------------------------------------------------------------------------------------


def _read(answer: Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        # A proxy's page, or a body in halves: to go on would make a second issue.
        detail = shown(f"not an answer of Jira: {answer.detail}", answer.hidden)
        raise _EndedError(Outcome(AttemptOutcome.RETRY, detail))
    return said


def _found(said: dict[str, Any]) -> Issue | None:
    for entry in _listed(said, "issues"):
        key = entry.get("key")
        if isinstance(key, str) and key:
            return Issue(key, _category(entry) == "done")
    return None


def _category(entry: dict[str, Any]) -> object:
    try:
        return entry["fields"]["status"]["statusCategory"]["key"]
    except (KeyError, TypeError):
        return ""


def _listed(said: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = said.get(name)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
