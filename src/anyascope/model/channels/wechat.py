"""WeChat Work."""

from __future__ import annotations

from dataclasses import dataclass

from anyascope.model.channels.base import VendorOptions
from anyascope.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class WechatOptions(VendorOptions):
    """`wechat_configs`. `api_url` ends in a slash; `message_type` is `text` or `markdown`."""

    api_secret: Secret
    corp_id: str
    api_url: str = "https://qyapi.weixin.qq.com/cgi-bin/"
    message_type: str = "text"
