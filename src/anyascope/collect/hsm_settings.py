"""Reads `collectors.hsm`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from anyascope.collect.hsm_options import (
    INTERVAL_S,
    INVENTORY_INTERVAL_S,
    TIMEOUT_S,
    CanaryOptions,
    HsmOptions,
    Pkcs11Options,
)
from anyascope.wire.http_settings import read_secret
from anyascope.wire.settings import Section

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")  # it becomes part of a component's name
PROVIDER_DEFAULT = "pkcs11"


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
    interval_s = _positive(section, "interval", INTERVAL_S)
    options = HsmOptions(
        name=name,
        provider=section.text("provider", PROVIDER_DEFAULT),
        source=_read_pkcs11(section),
        interval_s=interval_s,
        timeout_s=_positive(section, "timeout", TIMEOUT_S),
        inventory_interval_s=_positive(section, "inventory_interval", INVENTORY_INTERVAL_S),
        key_labels=section.texts("key_labels"),
        canary=_read_canary(section.section("canary"), interval_s),
    )
    section.done()
    return options


def _read_pkcs11(section: Section) -> Pkcs11Options:
    module = section.text("module")
    return Pkcs11Options(
        module=section.beside(module),
        token=section.text("token", ""),
        pin=read_secret(section, "pin"),
        environment=section.text_map("environment"),
    )


def _read_canary(section: Section, interval_s: float) -> CanaryOptions:
    found = CanaryOptions(
        sign=section.text("sign", ""),
        hmac=section.text("hmac", ""),
        encrypt=section.text("encrypt", ""),
        has_random=section.boolean("random", True),
        interval_s=_positive(section, "interval", interval_s),
    )
    if found.interval_s < interval_s:
        section.wrong("must not be less than the HSM's own interval", name="interval")
    section.done()
    return found


def _positive(section: Section, name: str, default: float) -> float:
    seconds = section.duration_s(name, default)
    if seconds <= 0:
        section.wrong("must be more than 0", name=name)
    return seconds
