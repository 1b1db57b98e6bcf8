"""`msteams_configs` and `msteamsv2_configs`."""

from __future__ import annotations

from typing import Final

from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.vendor import read_shared, read_webhook_url
from anyascope.model.channels.msteams import MsteamsOptions
from anyascope.model.channels.msteamsv2 import Msteamsv2Options
from anyascope.wire.settings import Section


def _read(section: Section, inherited: GlobalOptions) -> MsteamsOptions:
    return MsteamsOptions(
        webhook_url=read_webhook_url(section), **read_shared(section, inherited, ("title", "summary", "text"))
    )


def _read_v2(section: Section, inherited: GlobalOptions) -> Msteamsv2Options:
    return Msteamsv2Options(webhook_url=read_webhook_url(section), **read_shared(section, inherited, ("title", "text")))


MSTEAMS: Final = Kind("msteams", _read, is_resolved_sent=True, type_name="msteams.plain")
MSTEAMSV2: Final = Kind("msteamsv2", _read_v2, is_resolved_sent=True)
