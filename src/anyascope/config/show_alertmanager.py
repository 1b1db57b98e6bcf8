"""Of the configuration, what an Alertmanager has, for clients of its API: amtool reads it with upstream's own reader.

That reader refuses any field that upstream does not have, so that ours are left out here; `shown_yaml` has them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from anyascope.config.show import dump_yaml, masked_settings

SECTIONS: Final[tuple[str, ...]] = (
    *("global", "route", "inhibit_rules", "receivers", "templates", "mute_time_intervals", "time_intervals"),
)
# Prefixes and names of the fields of Alertmanager's `global`; Prometheus' own `global` may stand in the same file.
GLOBAL_PREFIXES: Final = (
    *("smtp_", "slack_", "pagerduty_", "opsgenie_", "wechat_", "victorops_", "telegram_", "webex_", "rocketchat_"),
    *("jira_", "mattermost_"),
)
GLOBAL_FIELDS: Final = frozenset(("resolve_timeout", "http_config"))
ROUTE_FIELDS: Final = frozenset(
    (
        *("receiver", "group_by", "continue", "match", "match_re", "matchers", "group_wait", "group_interval"),
        *("repeat_interval", "mute_time_intervals", "active_time_intervals", "labels"),
    )
)
RECEIVER_KINDS: Final = frozenset(
    (
        *("discord", "email", "incidentio", "jira", "mattermost", "msteams", "msteamsv2", "opsgenie", "pagerduty"),
        *("pushover", "rocketchat", "slack", "sns", "telegram", "victorops", "webex", "webhook", "wechat"),
    )
)
OUR_FIELDS: Final = frozenset(("signing_secret",))  # of integrations that upstream has, too


def alertmanager_yaml(files: Sequence[Path], *, default_receiver: str) -> str:
    """The sections of all files, secrets masked; a server without routes has one that nobody hears."""
    found: dict[str, Any] = {}
    for settings in map(masked_settings, files):
        found |= {name: value for name in SECTIONS if (value := settings.get(name))}
    shown = {
        name: _READERS[name](found[name]) if name in _READERS else found[name] for name in SECTIONS if name in found
    }
    if "route" not in shown:
        shown["route"] = {"receiver": default_receiver}
        shown.setdefault("receivers", [{"name": default_receiver}])
    return dump_yaml(shown)


def _global(settings: Any) -> Any:
    return _only(settings, lambda name: name in GLOBAL_FIELDS or name.startswith(GLOBAL_PREFIXES))


def _route(settings: Any) -> Any:
    route = _only(settings, lambda name: name in ROUTE_FIELDS)
    if isinstance(settings, Mapping) and isinstance(settings.get("routes"), list):
        route["routes"] = [_route(child) for child in settings["routes"]]
    return route


def _receivers(settings: Any) -> Any:
    return [_receiver(entry) for entry in settings] if isinstance(settings, list) else settings


def _receiver(settings: Any) -> Any:
    found = _only(settings, lambda name: name in ("name", "labels") or name.removesuffix("_configs") in RECEIVER_KINDS)
    return {
        name: [_only(entry, lambda field: field not in OUR_FIELDS) for entry in value]
        if isinstance(value, list)
        else value
        for name, value in found.items()
    }


def _only(settings: Any, is_wanted: Any) -> Any:
    if not isinstance(settings, Mapping):
        return settings
    return {name: value for name, value in settings.items() if is_wanted(str(name))}


_READERS: Final = {"global": _global, "route": _route, "receivers": _receivers}
