"""`wechat_configs`."""

from __future__ import annotations

from typing import Final

from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.kind import Kind
from anyascope.alerting.receivers.secrets import parse_url, read_secret
from anyascope.alerting.receivers.vendor import read_shared, with_slash
from anyascope.model.channels.wechat import WechatOptions
from anyascope.model.secret import Secret
from anyascope.wire.settings import Section

_TEXTS: Final = ("message", "to_user", "to_party", "to_tag", "agent_id")
_TYPES: Final = ("text", "markdown")


def _read(section: Section, inherited: GlobalOptions) -> WechatOptions:
    kind = section.text("message_type", "") or "text"
    if kind not in _TYPES:
        section.wrong(f'weChat message type "{kind}" does not match valid options ^({"|".join(_TYPES)})$')
    secret = read_secret(section, "api_secret") or inherited.wechat_api_secret
    corp_id = section.text("corp_id", "") or inherited.wechat_api_corp_id
    if secret is None:
        section.wrong("no global Wechat Api Secret set either inline or in a file")
    if not corp_id:
        section.wrong("no global Wechat CorpID set")
    return WechatOptions(
        api_secret=secret or Secret(""),
        corp_id=corp_id,
        api_url=with_slash(section.parsed("api_url", parse_url, inherited.wechat_api_url)),
        message_type=kind,
        **read_shared(section, inherited, _TEXTS),
    )


WECHAT: Final = Kind("wechat", _read, is_resolved_sent=False, is_null_allowed=True)
