"""All receivers of a file, and which module reads which kind of channel."""

from __future__ import annotations

from typing import Final

from anyascope.alerting.label_names import go_quoted
from anyascope.alerting.receivers.discord import DISCORD
from anyascope.alerting.receivers.email import EMAIL
from anyascope.alerting.receivers.incidentio import INCIDENTIO
from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.jira import JIRA
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.mattermost import MATTERMOST
from anyascope.alerting.receivers.msteams import MSTEAMS, MSTEAMSV2
from anyascope.alerting.receivers.opsgenie import OPSGENIE
from anyascope.alerting.receivers.pagerduty import PAGERDUTY
from anyascope.alerting.receivers.phone import PHONE
from anyascope.alerting.receivers.pushover import PUSHOVER
from anyascope.alerting.receivers.rocketchat import ROCKETCHAT
from anyascope.alerting.receivers.slack import SLACK
from anyascope.alerting.receivers.sns import SNS
from anyascope.alerting.receivers.telegram import TELEGRAM
from anyascope.alerting.receivers.victorops import VICTOROPS
from anyascope.alerting.receivers.webex import WEBEX
from anyascope.alerting.receivers.webhook import WEBHOOK
from anyascope.alerting.receivers.wechat import WECHAT
from anyascope.model.labels import labels_of
from anyascope.model.receivers import Integration, Receiver
from anyascope.wire.settings import Section

KINDS: Final[tuple[Kind, ...]] = (
    WEBHOOK,
    SLACK,
    EMAIL,
    PAGERDUTY,
    OPSGENIE,
    WECHAT,
    VICTOROPS,
    PUSHOVER,
    SNS,
    TELEGRAM,
    DISCORD,
    WEBEX,
    MSTEAMS,
    MSTEAMSV2,
    JIRA,
    ROCKETCHAT,
    INCIDENTIO,
    MATTERMOST,
    PHONE,
)


def read_receivers(section: Section, inherited: GlobalOptions) -> dict[str, Receiver]:
    """The `receivers` by name, in file order."""
    found: dict[str, Receiver] = {}
    for entry in section.sections("receivers", "config.Receiver"):
        receiver = _read_receiver(entry, inherited)
        if receiver.name in found:
            entry.wrong(f"notification config name {go_quoted(receiver.name)} is not unique", name="name")
        found.setdefault(receiver.name, receiver)
    return found


def _read_receiver(section: Section, inherited: GlobalOptions) -> Receiver:
    name = section.text("name", "")
    if not name:
        section.wrong("missing name in receiver")
    labels = section.text_map("labels")
    integrations = tuple(
        _read_integration(entry, f"{name}/{kind.name}/{index}", kind, inherited)
        for kind in KINDS
        for index, entry in enumerate(section.sections(f"{kind.name}_configs"))
    )
    section.done()
    return Receiver(name, integrations, labels=labels_of(labels))


def _read_integration(section: Section, key: str, kind: Kind, inherited: GlobalOptions) -> Integration:
    if section.is_null and not kind.is_null_allowed:
        section.wrong(f"missing {kind.name} config")
    integration = Integration(
        key=key,
        kind=kind.name,
        options=kind.read(section, inherited),
        send_resolved=section.boolean("send_resolved", kind.is_resolved_sent),
    )
    section.done(kind.type_name)
    return integration
