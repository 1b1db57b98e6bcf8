"""Jira."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anyascope.model.channels.base import VendorOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class JiraOptions(VendorOptions):
    """`jira_configs`.

    Attributes:
        api_url: with the path, such as `https://x.atlassian.net/rest/api/2/`.
        api_type: `auto`, `cloud` or `datacenter`.
        kept: of `summary`, `description` and `labels` those that an update leaves as they are.
        fields: any YAML; each text in it is a template.
        reopen_duration_s: how old a closed issue may be; 0 reopens none.
    """

    api_url: str
    project: str
    issue_type: str
    api_type: str = "auto"
    labels: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()
    reopen_transition: str = ""
    resolve_transition: str = ""
    wont_fix_resolution: str = ""
    reopen_duration_s: float = 0.0
    fields: Mapping[str, Any] = field(default_factory=dict)
