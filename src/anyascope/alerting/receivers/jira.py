"""`jira_configs`."""

from __future__ import annotations

from typing import Final

from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.secrets import parse_url
from anyascope.alerting.receivers.vendor import Shared, read_mapping, read_shared
from anyascope.model.channels.jira import JiraOptions
from anyascope.wire.settings import Section

API_TYPES: Final = ("auto", "cloud", "datacenter")


def _read(section: Section, inherited: GlobalOptions) -> JiraOptions:
    project, issue_type = section.text("project", ""), section.text("issue_type", "")
    if not project:
        section.wrong("missing project in jira_config")
    if not issue_type:
        section.wrong("missing issue_type in jira_config")
    api_type = section.text("api_type", "auto")
    if api_type not in API_TYPES:
        section.wrong("unknown api_type on jira_config, must be auto, cloud or datacenter")
    api_url = section.parsed("api_url", parse_url, inherited.jira_api_url)
    if api_url is None:
        section.wrong("no global Jira Cloud URL set")
    shared = read_shared(section, inherited, ("priority",))
    texts, kept = _read_updatable(section)
    labels, are_kept = _read_labels(section)
    return JiraOptions(
        api_url=api_url or "",
        project=project,
        issue_type=issue_type,
        api_type=api_type,
        labels=labels,
        kept=frozenset(kept | ({"labels"} if are_kept else set())),
        reopen_transition=section.text("reopen_transition", ""),
        resolve_transition=section.text("resolve_transition", ""),
        wont_fix_resolution=section.text("wont_fix_resolution", ""),
        reopen_duration_s=section.duration_s("reopen_duration", 0.0),
        fields=read_mapping(section, "fields"),
        **Shared(texts={**shared["texts"], **texts}, timeout_s=shared["timeout_s"], http=shared["http"]),
    )


def _read_updatable(section: Section) -> tuple[dict[str, str], set[str]]:
    """`summary` and `description`, each a text or `{template, enable_update}`, and which of them updates leave alone."""
    texts: dict[str, str] = {}
    kept: set[str] = set()
    for name in ("summary", "description"):
        if not isinstance(section.plain(name), dict):
            if section.has(name):
                texts[name] = section.text(name, "")
            continue
        inner = section.section(name)
        if inner.has("template"):
            texts[name] = inner.text("template", "")
        if not inner.boolean("enable_update", True):
            kept.add(name)
        inner.done("jira.plain")
    return texts, kept


def _read_labels(section: Section) -> tuple[tuple[str, ...], bool]:
    """`labels`, a list or `{values, enable_update}`, and whether updates leave them alone."""
    if not isinstance(section.plain("labels"), dict):
        return section.texts("labels"), False
    inner = section.section("labels")
    values, is_updated = inner.texts("values"), inner.boolean("enable_update", True)
    inner.done("jira.plain")
    return values, not is_updated


JIRA: Final = Kind("jira", _read, is_resolved_sent=True, type_name="jira.plain")
