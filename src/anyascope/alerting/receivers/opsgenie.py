"""`opsgenie_configs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.secrets import parse_url, read_secret
from anyascope.alerting.receivers.vendor import read_shared, read_texts, with_slash
from anyascope.model.channels.opsgenie import OpsgenieOptions
from anyascope.model.secret import Secret
from anyascope.wire.gotemplate import TemplateError, parse_template
from anyascope.wire.settings import Section

RESPONDER_TYPES: Final = ("team", "teams", "user", "escalation", "schedule")

_TEXTS: Final = ("message", "description", "source", "entity", "actions", "tags", "note", "priority")
_RESPONDER: Final = ("id", "name", "username", "type")


def _read(section: Section, inherited: GlobalOptions) -> OpsgenieOptions:
    key = read_secret(section, "api_key") or inherited.opsgenie_api_key
    responders = tuple(_read_responder(entry) for entry in section.sections("responders"))
    if key is None:
        section.wrong("no global OpsGenie API Key set either inline or in a file")
    return OpsgenieOptions(
        api_key=key or Secret(""),
        api_url=with_slash(section.parsed("api_url", parse_url, inherited.opsgenie_api_url)),
        details=section.text_map("details"),
        responders=responders,
        update_alerts=section.boolean("update_alerts", False),
        **read_shared(section, inherited, _TEXTS),
    )


def _read_responder(section: Section) -> Mapping[str, str]:
    found = dict.fromkeys(_RESPONDER, "") | read_texts(section, _RESPONDER)
    section.done("config.OpsGenieConfigResponder")
    if not found["id"] and not found["name"] and not found["username"]:
        shown = " ".join(found.values())
        section.wrong(
            f"opsGenieConfig responder {{{shown}}} has to have at least one of id, username or name specified"
        )
    if "{{" in found["type"]:
        try:
            parse_template("", found["type"])
        except TemplateError as error:
            shown = " ".join(found.values())
            section.wrong(f"opsGenieConfig responder {{{shown}}} type contains invalid template syntax: {error}")
    else:
        found["type"] = found["type"].lower()
        if found["type"] not in RESPONDER_TYPES:
            shown = " ".join(found.values())
            valid = f"^({'|'.join(RESPONDER_TYPES)})$"
            section.wrong(f"opsGenieConfig responder {{{shown}}} type does not match valid options {valid}")
    return found


OPSGENIE: Final = Kind("opsgenie", _read, is_resolved_sent=True, is_null_allowed=True)
