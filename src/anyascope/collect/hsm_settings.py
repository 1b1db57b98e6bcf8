"""Reads `collectors.hsm`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from anyascope.collect.hsm_options import (
    INTERVAL_S,
    INVENTORY_INTERVAL_S,
    LATE_AFTER_S,
    TIMEOUT_S,
    CanaryOptions,
    HsmOptions,
    Pkcs11Options,
    RemoteOptions,
    SignerKind,
)
from anyascope.wire.http_settings import HttpSpeaker, read_http_options, read_secret
from anyascope.wire.settings import Section

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")  # it becomes part of a component's name
LABEL_BYTES_MAX = 32  # of CK_TOKEN_INFO
MOUNT_DEFAULT = "transit"  # Vault's own
_SPEAKER = HttpSpeaker(proxy_schemes=("http", "https"), has_proxy_from_environment=False, needs_username=False)


def read_hsms(sections: Sequence[Section]) -> tuple[HsmOptions, ...]:
    """All entries. What is wrong is noted in the sections; the caller raises."""
    found = tuple(_read_hsm(section) for section in sections)
    seen: set[str] = set()
    for section, options in zip(sections, found, strict=True):
        if options.name in seen:
            section.wrong(f"HSM {options.name!r} is configured more than once", name="name")
        seen.add(options.name)
    return found


def _read_hsm(section: Section) -> HsmOptions:
    name = section.text("name")
    if section.has("name") and not NAME.fullmatch(name):
        section.wrong("must be letters, digits, '_', '.' and '-', at most 63", name="name")
    kind = section.choice("kind", SignerKind, SignerKind.PKCS11)
    interval_s = _positive(section, "interval", INTERVAL_S)
    options = HsmOptions(
        name=name,
        provider=section.text("provider", kind.value),
        source=_read_pkcs11(section) if kind is SignerKind.PKCS11 else _read_remote(section, kind),
        interval_s=interval_s,
        late_after_s=_positive(section, "late_after", LATE_AFTER_S),
        timeout_s=_positive(section, "timeout", TIMEOUT_S),
        inventory_interval_s=_positive(section, "inventory_interval", INVENTORY_INTERVAL_S),
        key_labels=section.texts("key_labels"),
        canary=_read_canary(section.section("canary"), interval_s, kind),
    )
    section.done()
    return options


def _read_pkcs11(section: Section) -> Pkcs11Options:
    module = section.text("module")
    token = section.text("token", "")
    if len(token.encode()) > LABEL_BYTES_MAX:
        section.wrong(f"must be at most {LABEL_BYTES_MAX} bytes long: no token has a longer label", name="token")
    return Pkcs11Options(
        module=section.beside(module),
        token=token,
        serial=section.text("serial", ""),
        pin=read_secret(section, "pin"),
        environment=section.text_map("environment"),
    )


def _read_remote(section: Section, kind: SignerKind) -> RemoteOptions:
    address = section.text("address")
    parts = urlsplit(address)
    if section.has("address") and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query):
        section.wrong("must be an http or https address with a host, such as https://vault:8200", name="address")
    if parts.username or parts.password:
        section.wrong("must hold no password: use http_config", name="address")
    mount = section.text("mount", MOUNT_DEFAULT).strip("/") if kind is SignerKind.VAULT else ""
    web = section.section("http_config")
    http = read_http_options(web, _SPEAKER)
    web.done()
    return RemoteOptions(kind, address.rstrip("/"), mount, http)


def _read_canary(section: Section, interval_s: float, kind: SignerKind) -> CanaryOptions:
    if kind is SignerKind.WEB3SIGNER:
        found = CanaryOptions(
            sign=section.text("sign", ""), has_random=False, interval_s=_positive(section, "interval", interval_s)
        )
    else:
        found = _read_whole_canary(section, interval_s)
    if found.interval_s < interval_s:
        section.wrong("must not be less than the HSM's own interval", name="interval")
    section.done()
    return found


def _read_whole_canary(section: Section, interval_s: float) -> CanaryOptions:
    return CanaryOptions(
        sign=section.text("sign", ""),
        hmac=section.text("hmac", ""),
        encrypt=section.text("encrypt", ""),
        has_random=section.boolean("random", True),
        interval_s=_positive(section, "interval", interval_s),
    )


def _positive(section: Section, name: str, default: float) -> float:
    seconds = section.duration_s(name, default)
    if seconds <= 0:
        section.wrong("must be more than 0", name=name)
    return seconds
