"""Answers of Prometheus' query API as nouns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from anyascope.errors import UnsupportedError


class ResultKind(Enum):
    """What an expression gives."""

    SCALAR = "scalar"
    STRING = "string"
    VECTOR = "vector"
    MATRIX = "matrix"


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a time, in Unix seconds; the value is text, as it was sent: `NaN` and `+Inf` are values, too."""

    time_s: float
    value: str


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a result: its labels and its points by time, one in a vector."""

    labels: dict[str, str]
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """A result with what the server said about it. A scalar or a string is one series without labels."""

    kind: ResultKind
    series: tuple[Series, ...]
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()


def read_answer(document: dict[str, Any]) -> QueryAnswer:
    """The answer that this JSON is.

    Raises:
        UnsupportedError: it is none.

    Source: Prometheus, HTTP API, "Expression queries".
    """
    try:
        data = document["data"]
        kind = ResultKind(data["resultType"])
        return QueryAnswer(
            kind,
            tuple(_series(kind, data["result"])),
            tuple(document.get("warnings") or ()),
            tuple(document.get("infos") or ()),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnsupportedError(f"the answer is not one of Prometheus' query API: {error!r}") from error


def _series(kind: ResultKind, result: Any) -> list[Series]:
    match kind:
        case ResultKind.SCALAR | ResultKind.STRING:
            return [Series({}, (_point(result),))]
        case ResultKind.VECTOR:
            return [Series(item["metric"], (_point(item["value"]),)) for item in result if "value" in item]
        case ResultKind.MATRIX:
            return [Series(item["metric"], tuple(map(_point, item.get("values", ())))) for item in result]


def _point(pair: list[Any]) -> Point:
    time_s, value = pair
    return Point(float(time_s), str(value))
