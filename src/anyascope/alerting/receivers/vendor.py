"""What the readers of channels to vendors' HTTP APIs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from anyascope.alerting.receivers.fields import read_http_or, read_timeout
from anyascope.alerting.receivers.inherited import GlobalOptions
from anyascope.alerting.receivers.secrets import read_secret_url
from anyascope.model.channels.base import TIMEOUT_S_DEFAULT
from anyascope.model.http import HttpOptions
from anyascope.model.secret import Secret
from anyascope.wire.settings import GO_TYPE, Section


class Shared(TypedDict):
    """The options that all of them have."""

    texts: Mapping[str, str]
    timeout_s: float
    http: HttpOptions


def read_shared(
    section: Section, inherited: GlobalOptions, names: Sequence[str], *, has_timeout: bool = False
) -> Shared:
    """`http_config`, where upstream has it `timeout`, and those of these template fields that are set."""
    return Shared(
        texts=read_texts(section, names),
        timeout_s=read_timeout(section) if has_timeout else TIMEOUT_S_DEFAULT,
        http=read_http_or(section, inherited.http),
    )


def read_texts(section: Section, names: Sequence[str]) -> dict[str, str]:
    """Those of these texts that are set."""
    return {name: section.text(name, "") for name in names if section.has(name)}


def read_webhook_url(section: Section) -> Secret:
    """`webhook_url` or `webhook_url_file`, one of which must be there."""
    url = read_secret_url(section, "webhook_url")
    if url is None:
        section.wrong("one of webhook_url or webhook_url_file must be configured")
    return url or Secret("")


def read_mapping(section: Section, name: str) -> Mapping[str, Any]:
    """An open mapping; empty where absent."""
    inner = section.section(name, "map[string]interface {}")
    return {key: inner.plain(key) for key in inner.names()}


def read_entries(
    section: Section, name: str, fields: Sequence[str], *, kind: str = GO_TYPE
) -> tuple[Mapping[str, str], ...]:
    """A list of mappings of these texts, each of which upstream's program calls `kind`."""
    found: list[Mapping[str, str]] = []
    for entry in section.sections(name):
        found.append(read_texts(entry, fields))
        entry.done(kind)
    return tuple(found)


def read_chat_fields(section: Section, *, needs: str = "") -> tuple[Mapping[str, Any], ...]:
    """`fields` of an attachment: `title`, `value` and maybe `short`; where `needs` names a vendor both texts must be there."""
    found: list[Mapping[str, Any]] = []
    for entry in section.sections("fields"):
        field = read_texts(entry, ("title", "value"))
        for name in ("title", "value") if needs else ():
            if not field.get(name):
                entry.wrong(f"missing {name} in {needs} field configuration")
        found.append({"title": "", "value": "", "short": entry.boolean("short", None), **field})
        entry.done()
    return tuple(found)


def with_slash(url: str) -> str:
    """An address under which others stand."""
    return url if url.endswith("/") else f"{url}/"
