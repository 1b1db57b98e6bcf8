"""Which alerts, silences and receivers a GET asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from starlette.datastructures import QueryParams

from anyascope.alerting.matchers import LabelTest, compile_matchers, compile_whole, parse_matcher
from anyascope.errors import InvalidInputError
from anyascope.model.labels import Matcher
from anyascope.model.notifications import AlertStatus

FILTERS_MAX = 100  # a person writes a handful
_TRUE: Final = frozenset(("true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"))  # go-openapi's


Receivers: TypeAlias = Mapping[str, Mapping[str, str]]
"""The labels of each receiver, by its name, which is one of them; in the order of the configuration."""


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts are asked for, by how they are muted and by their labels."""

    active: bool
    silenced: bool
    inhibited: bool
    labels: LabelTest

    def takes(self, alert: AlertStatus) -> bool:
        """Whether it is one of them. Time intervals mute routes, not alerts: they do not count here."""
        return (
            alert.is_firing
            and (self.active or bool(alert.silenced_by or alert.inhibited_by))
            and (self.silenced or not alert.silenced_by)
            and (self.inhibited or not alert.inhibited_by)
            and self.labels(dict(alert.labels))
        )


def alert_filter(params: QueryParams) -> AlertFilter:
    """`active`, `silenced`, `inhibited` and `filter`.

    Raises:
        InvalidInputError: a matcher cannot be read.
    """
    return AlertFilter(
        active=flag(params, "active"),
        silenced=flag(params, "silenced"),
        inhibited=flag(params, "inhibited"),
        labels=compile_matchers(matchers(params, "filter")),
    )


def flag(params: QueryParams, name: str) -> bool:
    """A boolean parameter; true where it is absent."""
    text = params.get(name, "")
    return text.lower() in _TRUE if text else True


def matchers(params: QueryParams, name: str) -> list[Matcher]:
    """The matchers of a parameter that may be repeated.

    Raises:
        InvalidInputError: one cannot be read, or there are too many.
    """
    texts = params.getlist(name)
    if len(texts) > FILTERS_MAX:
        raise InvalidInputError(f"{name} is given {len(texts)} times, at most {FILTERS_MAX} are read")
    return [parse_matcher(text) for text in texts]


def receiver_labels(params: QueryParams) -> LabelTest:
    """`receiver_matchers`: whether a receiver is asked for by its labels.

    Raises:
        InvalidInputError: a matcher cannot be read.
    """
    try:
        return compile_matchers(matchers(params, "receiver_matchers"))
    except InvalidInputError as error:
        raise InvalidInputError(f"failed to parse receiver_matchers param: {error.message}") from error


def receiver_test(params: QueryParams, receivers: Receivers) -> Callable[[str], bool]:
    """`receiver` and `receiver_matchers`: whether a receiver is asked for, by its name and by its labels.

    Raises:
        InvalidInputError: a matcher or the regular expression cannot be read.
    """
    labels = receiver_labels(params)
    text = params.get("receiver", "")
    try:
        is_named = compile_whole(text) if text else lambda _name: True
    except InvalidInputError as error:
        raise InvalidInputError(f"failed to parse receiver param: {error.message}") from error
    return lambda name: labels(receivers.get(name, {"name": name})) and is_named(name)
