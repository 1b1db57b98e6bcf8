"""The configuration as people wrote it, for showing: every secret stands as `<secret>`."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from ruamel.yaml import YAML

from anyascope.errors import InvalidInputError
from anyascope.wire.settings import read_settings

SECRET = "<secret>"  # noqa: S105  # what stands in a secret's place
# Fields of Prometheus' and Alertmanager's formats, and ours, whose value is a secret wherever they stand.
SECRET_FIELDS = frozenset(
    (
        "alert_source_token",
        "api_key",
        "api_secret",
        "app_token",
        "auth_password",
        "auth_secret",
        "auth_token",
        "bearer_token",
        "bot_token",
        "client_secret",
        "credentials",
        "documents",
        "key",
        "mattermost_webhook_url",
        "opsgenie_api_key",
        "password",
        "rocketchat_token",
        "rocketchat_token_id",
        "routing_key",
        "secret_key",
        "secrets",
        "service_key",
        "signing_secret",
        "slack_api_url",
        "slack_app_token",
        "smtp_auth_password",
        "smtp_auth_secret",
        "telegram_bot_token",
        "token",
        "token_id",
        "user_key",
        "victorops_api_key",
        "webhook_url",
        "wechat_api_secret",
    )
)
# Lists of receivers with an address that alone lets anybody post; elsewhere a field of that name is no secret.
SECRET_ADDRESSES = frozenset(
    (("phone_configs", "url"), ("watchdog", "url"), ("webhook_configs", "url"), ("slack_configs", "api_url"))
)
# Mappings whose every value is a secret.
SECRET_MAPPINGS = frozenset(("proxy_connect_header",))
# Mappings by names of labels, which say nothing of what the values are.
LABEL_MAPPINGS = frozenset(
    ("match", "match_re", "source_match", "source_match_re", "target_match", "target_match_re", "labels")
)
# Lists whose `url` is no secret, but may carry a token behind its question mark.
TOKEN_URL_LISTS = frozenset(("remote_write",))


def shown_yaml(files: Sequence[Path]) -> str:
    """The files' settings as YAML, one document a file; a file that cannot be read is left out."""
    return "---\n".join(dump_yaml(masked) for masked in map(masked_settings, files) if masked)


def masked_settings(path: Path) -> dict[str, object]:
    """A file's settings with its secrets masked; empty where it cannot be read."""
    try:
        top = read_settings(path.read_text(encoding="utf-8"), file=str(path))
    except (OSError, UnicodeDecodeError, InvalidInputError):
        return {}
    return {name: _masked(name, top.plain(name), under="") for name in top.names()}


def dump_yaml(settings: Mapping[str, object]) -> str:
    """Settings as YAML in blocks, in their order."""
    out = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # untyped in the library
    yaml.dump(dict(settings), out)
    return out.getvalue()


def _masked(name: str, value: object, *, under: str) -> object:
    if isinstance(value, dict):
        return {key: _masked(str(key), inner, under=name or under) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(name, inner, under=under if under in SECRET_MAPPINGS else name) for inner in value]
    if value is None or under in LABEL_MAPPINGS:
        return value
    if name in SECRET_FIELDS or under in SECRET_MAPPINGS or (under, name) in SECRET_ADDRESSES:
        return SECRET
    if name == "url" and under in TOKEN_URL_LISTS and isinstance(value, str):
        address, mark, query = value.partition("?")
        return _without_userinfo(address) + (f"{mark}{SECRET}" if query else "")
    return _without_userinfo(value) if isinstance(value, str) else value


def _without_userinfo(text: str) -> str:
    """An address without the password that it may carry."""
    if "://" not in text or "@" not in text:
        return text
    parts = urlsplit(text)
    return text.replace(parts.netloc.rpartition("@")[0] + "@", f"{SECRET}@", 1) if parts.password else text
