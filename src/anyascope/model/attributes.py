"""OpenTelemetry's attributes, resources and scopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

AttributeValue: TypeAlias = "str | bool | int | float | bytes | list[AttributeValue] | dict[str, AttributeValue] | None"
"""OTLP's AnyValue. `None` is the value that was sent empty."""

Attributes: TypeAlias = Mapping[str, AttributeValue]


@dataclass(frozen=True, slots=True)
class Resource:
    """Who speaks: a service, a host. Shared by all records of one sender in a batch."""

    attributes: Attributes = field(default_factory=dict)
    schema_url: str = ""

    @property
    def service(self) -> str:
        """`service.name`, or `unknown_service` as OpenTelemetry's default has it."""
        name = self.attributes.get("service.name")
        return name if isinstance(name, str) and name else "unknown_service"

    @property
    def host(self) -> str:
        """`host.name`, empty where it was not said."""
        name = self.attributes.get("host.name")
        return name if isinstance(name, str) else ""


@dataclass(frozen=True, slots=True)
class Scope:
    """The library that produced a record."""

    name: str = ""
    version: str = ""
    attributes: Attributes = field(default_factory=dict)
    schema_url: str = ""
