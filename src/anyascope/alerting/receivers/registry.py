"""All receivers of a file, and which module reads which kind of channel."""

from __future__ import annotations

from typing import Final

from anyascope.alerting.receivers.email import EMAIL
from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.slack import SLACK
from anyascope.alerting.receivers.webhook import WEBHOOK
from anyascope.model.receivers import Integration, Receiver
from anyascope.wire.settings import Section

KINDS: Final[tuple[Kind, ...]] = (
    WEBHOOK,
    SLACK,
    EMAIL,
)

# Channels of Alertmanager that this version cannot serve; named so that the mistake can say what is missing.
UNSUPPORTED_KINDS: Final = (
    "discord",
    "incidentio",
    "jira",
    "mattermost",
    "msteams",
    "msteamsv2",
    "opsgenie",
    "pagerduty",
    "pushover",
    "rocketchat",
    "sns",
    "telegram",
    "victorops",
    "webex",
    "wechat",
)


def read_receivers(section: Section, inherited: GlobalOptions) -> dict[str, Receiver]:
    """The `receivers` by name, in file order."""
    found: dict[str, Receiver] = {}
    for entry in section.sections("receivers"):
        receiver = _read_receiver(entry, inherited)
        if receiver.name in found:
            entry.wrong(f'notification config name "{receiver.name}" is not unique', name="name")
        found.setdefault(receiver.name, receiver)
    return found


def _read_receiver(section: Section, inherited: GlobalOptions) -> Receiver:
    name = section.text("name", "")
    if not name:
        section.wrong("missing name in receiver")
    section.text_map("labels")
    integrations = tuple(
        _read_integration(entry, f"{name}/{kind.name}/{index}", kind, inherited)
        for kind in KINDS
        for index, entry in enumerate(section.sections(f"{kind.name}_configs"))
    )
    for unsupported in UNSUPPORTED_KINDS:
        if section.has(f"{unsupported}_configs"):
            section.plain(f"{unsupported}_configs")
            known = ", ".join(f"{kind.name}_configs" for kind in KINDS)
            message = f"{unsupported}_configs are not supported yet; use one of {known}"
            section.wrong(message, name=f"{unsupported}_configs")
    section.done()
    return Receiver(name, integrations)


def _read_integration(section: Section, key: str, kind: Kind, inherited: GlobalOptions) -> Integration:
    integration = Integration(
        key=key,
        kind=kind.name,
        options=kind.read(section, inherited),
        send_resolved=section.boolean("send_resolved", kind.is_resolved_sent),
    )
    section.done()
    return integration
