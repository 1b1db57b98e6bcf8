"""Checks answers against a Swagger 2.0 description: the part of it that Alertmanager's uses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool}


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str = "$") -> Iterator[str]:
    """What of a value is not as the schema says, with its place. A field that the schema does not name is a fault, too."""
    schema, named = _merged(schema, root)
    kind = schema.get("type", "object")
    if not isinstance(value, _TYPES[kind]):
        yield f"{at}: {value!r} is no {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    if schema.get("format") == "date-time":
        datetime.fromisoformat(value)
    if kind == "array":
        if len(value) < schema.get("minItems", 0):
            yield f"{at}: too short"
        for index, entry in enumerate(value):
            yield from faults(entry, schema["items"], root, f"{at}[{index}]")
    if kind == "object":
        yield from (f"{at}.{name} is missing" for name in named if name not in value)
        rest = schema.get("additionalProperties")
        for name, entry in value.items():
            below = schema.get("properties", {}).get(name, rest)
            if below is None:
                yield f"{at}.{name} is not described"
            else:
                yield from faults(entry, below, root, f"{at}.{name}")


def _merged(schema: dict[str, Any], root: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A schema with its references and parts put together, and the fields that it requires."""
    if "$ref" in schema:
        found: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return _merged(found, root)
    if "allOf" not in schema:
        return schema, schema.get("required", [])
    properties: dict[str, Any] = {}
    required: list[str] = []
    for part in schema["allOf"]:
        merged, named = _merged(part, root)
        properties |= merged.get("properties", {})
        required += named
    return {"type": "object", "properties": properties}, required
