"""Control state: small JSON documents that are changed in one piece."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class Document:
    """One document. `version` counts its changes from 1; 0 stands for "does not exist yet" where one is expected."""

    kind: str
    key: str
    body: Mapping[str, Json]
    version: int = 0
    updated_ns: int = 0


@dataclass(frozen=True, slots=True)
class Put:
    """Write a document whole. With `expected_version` the write fails with a conflict if the stored one differs."""

    kind: str
    key: str
    body: Mapping[str, Json]
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a document; removing what is not there is no error."""

    kind: str
    key: str


Change: TypeAlias = Put | Delete


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Documents in the order asked for, and the key to go on from (empty at the end)."""

    documents: tuple[Document, ...] = field(default_factory=tuple)
    next_key: str = ""
