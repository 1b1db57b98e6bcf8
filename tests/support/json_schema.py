"""A validator for the part of JSON Schema (draft 7) that Grafana's schema uses; any other word is refused, not passed over.

Source: https://json-schema.org/draft-07/json-schema-validation
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "number": (int, float),
    "integer": (int,),
    "null": (type(None),),
}
# They say nothing about what is valid.
_NOTES = {"$schema", "definitions", "description", "default", "deprecated", "x-deprecation-message", "format"}


class Schema:
    """One schema document, with its definitions."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def mistakes(self, value: object) -> list[str]:
        """What is wrong with a value, each with its path; empty where it is valid."""
        return list(self._check(self._document, value, "$"))

    def _check(self, schema: Mapping[str, Any], value: object, path: str) -> Iterator[str]:
        for word, asked in schema.items():
            if word not in _NOTES and word not in ("properties", "additionalProperties"):
                yield from getattr(self, f"_{word.lstrip('$')}")(asked, value, path)
        if isinstance(value, dict) and ("properties" in schema or "additionalProperties" in schema):
            yield from self._members(schema, value, path)

    def _members(self, schema: Mapping[str, Any], value: Mapping[str, object], path: str) -> Iterator[str]:
        known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        for name, member in value.items():
            if name in known:
                yield from self._check(known[name], member, f"{path}.{name}")
            elif others is False:
                yield f"{path}.{name}: is not known"
            else:
                yield from self._check(others, member, f"{path}.{name}")

    def _ref(self, asked: str, value: object, path: str) -> Iterator[str]:
        found: Any = self._document
        for step in asked.removeprefix("#/").split("/"):
            found = found[step]
        yield from self._check(found, value, path)

    def _type(self, asked: str, value: object, path: str) -> Iterator[str]:
        if not isinstance(value, _TYPES[asked]) or (isinstance(value, bool) and asked != "boolean"):
            yield f"{path}: must be {asked}, got {type(value).__name__}"

    def _required(self, asked: list[str], value: object, path: str) -> Iterator[str]:
        if isinstance(value, dict):
            yield from (f"{path}.{name}: is missing" for name in asked if name not in value)

    def _items(self, asked: Mapping[str, Any], value: object, path: str) -> Iterator[str]:
        for at, item in enumerate(value) if isinstance(value, list) else ():
            yield from self._check(asked, item, f"{path}[{at}]")

    def _enum(self, asked: list[object], value: object, path: str) -> Iterator[str]:
        if value not in asked:
            yield f"{path}: must be one of {asked}, got {value!r}"

    def _const(self, asked: object, value: object, path: str) -> Iterator[str]:
        yield from self._enum([asked], value, path)

    def _allOf(self, asked: list[Mapping[str, Any]], value: object, path: str) -> Iterator[str]:  # noqa: N802
        for schema in asked:
            yield from self._check(schema, value, path)

    def _anyOf(self, asked: list[Mapping[str, Any]], value: object, path: str) -> Iterator[str]:  # noqa: N802
        answers = [list(self._check(schema, value, path)) for schema in asked]
        if all(answers):
            yield from min(answers, key=len)

    def _oneOf(self, asked: list[Mapping[str, Any]], value: object, path: str) -> Iterator[str]:  # noqa: N802
        answers = [list(self._check(schema, value, path)) for schema in asked]
        fitting = sum(not answer for answer in answers)
        if fitting == 0:
            yield from min(answers, key=len)
        elif fitting > 1:
            yield f"{path}: fits {fitting} alternatives, must fit one"

    def _minLength(self, asked: int, value: object, path: str) -> Iterator[str]:  # noqa: N802
        if isinstance(value, str) and len(value) < asked:
            yield f"{path}: must have {asked} characters"

    def _minimum(self, asked: float, value: object, path: str) -> Iterator[str]:
        if isinstance(value, int | float) and value < asked:
            yield f"{path}: must be at least {asked}"

    def _maximum(self, asked: float, value: object, path: str) -> Iterator[str]:
        if isinstance(value, int | float) and value > asked:
            yield f"{path}: must be at most {asked}"

    def _exclusiveMinimum(self, asked: float, value: object, path: str) -> Iterator[str]:  # noqa: N802
        if isinstance(value, int | float) and value <= asked:
            yield f"{path}: must be more than {asked}"

    def _exclusiveMaximum(self, asked: float, value: object, path: str) -> Iterator[str]:  # noqa: N802
        if isinstance(value, int | float) and value >= asked:
            yield f"{path}: must be less than {asked}"
