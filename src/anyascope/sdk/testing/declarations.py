"""Contracts as a project declares them: by name, in TOML, or as an object of a module.

    [[contract]]
    name = "withdrawal"
    requires = [
        { span = "bitcoin_operation", operation = "send", wallet_id = "$wallet" },
        { metric = "anya_bitcoin_transactions_total", operation_type = "send", wallet_id = "$wallet" },
        { log = "withdrawal_paid", wallet_id = "$wallet" },
        { audit = "withdrawal", phase = "outcome" },
    ]

`when = { span = … }` says what tells that it happened; without it each of `requires` does. A value that begins with `$` is the
same in all signals of one operation, `"*"` is any value.
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anyascope.sdk.testing.contracts import TelemetryContract
from anyascope.sdk.testing.patterns import Kind, Pattern, same
from anyascope.sdk.testing.ready import READY

_KINDS = {kind.value: kind for kind in Kind}
_KNOWN = frozenset(("name", "requires", "when"))


class DeclarationError(ValueError):
    """A contract cannot be read; the message names the place and what was wanted."""


def load(source: str, *, directory: Path) -> list[TelemetryContract]:
    """The contracts of one declaration.

    Args:
        source: the name of a ready one, a TOML file relative to `directory`, or `module:object`; the object is a contract or
            several.
        directory: of the project's configuration.

    Raises:
        DeclarationError: it is none of these, or cannot be read.
    """
    if source in READY:
        return [READY[source]]
    if source.endswith(".toml"):
        return read_file(directory / source)
    if ":" in source:
        return _of_module(source)
    raise DeclarationError(
        f"{source!r} is no contract: wanted a TOML file, module:object, or one of {', '.join(sorted(READY))}"
    )


def read_file(path: Path) -> list[TelemetryContract]:
    """The contracts of a TOML file: its `[[contract]]`s, in `pyproject.toml` its `[[tool.anyascope.contract]]`s."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DeclarationError(f"{path}: {error}") from error
    if path.name == "pyproject.toml":
        document = document.get("tool", {}).get("anyascope", {})
    entries = document.get("contract", [])
    if not isinstance(entries, list) or not entries:
        raise DeclarationError(f"{path}: there is no [[contract]]")
    return [read(entry, where=f"{path}: contract[{number}]") for number, entry in enumerate(entries)]


def read(entry: Any, *, where: str) -> TelemetryContract:
    """One contract of a document.

    Raises:
        DeclarationError: a field is missing, unknown or of another type.
    """
    if not isinstance(entry, Mapping):
        raise DeclarationError(f"{where} must be a table, got {entry!r}")
    unknown = sorted(set(entry) - _KNOWN)
    name, requires = entry.get("name"), entry.get("requires")
    if unknown:
        raise DeclarationError(f"{where}.{unknown[0]} is unknown; known are {', '.join(sorted(_KNOWN))}")
    if not isinstance(name, str) or not name:
        raise DeclarationError(f"{where}.name must be a text, got {name!r}")
    if not isinstance(requires, list) or not requires:
        raise DeclarationError(f"{where}.requires must list at least one signal, got {requires!r}")
    when = entry.get("when")
    return TelemetryContract(
        name,
        tuple(_pattern(part, where=f"{where}.requires[{number}]") for number, part in enumerate(requires)),
        when=None if when is None else _pattern(when, where=f"{where}.when"),
    )


def _pattern(part: Any, *, where: str) -> Pattern:
    kinds = [key for key in part if key in _KINDS] if isinstance(part, Mapping) else []
    if len(kinds) != 1:
        raise DeclarationError(f"{where} must name one of {', '.join(_KINDS)}, got {part!r}")
    (kind,) = kinds
    name = part[kind]
    if not isinstance(name, str):
        raise DeclarationError(f"{where}.{kind} must be a text, got {name!r}")
    fields = {key: _value(value) for key, value in part.items() if key != kind}
    return Pattern(_KINDS[kind], None if name == "*" else name, fields)


def _value(value: Any) -> Any:
    if value == "*":
        return ...
    return same(value[1:]) if isinstance(value, str) and value.startswith("$") else value


def _of_module(source: str) -> list[TelemetryContract]:
    module, _, name = source.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise DeclarationError(f"{source!r}: {error}") from error
    contracts = [found] if isinstance(found, TelemetryContract) else found
    if not isinstance(contracts, Sequence) or not all(isinstance(one, TelemetryContract) for one in contracts):
        raise DeclarationError(f"{source!r} must be a TelemetryContract or several, got {found!r}")
    return list(contracts)
