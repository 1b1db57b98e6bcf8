"""Escalation policies: who is told when, and how often, until somebody answers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from anyascope.clock import NS_PER_S
from anyascope.sdk.alerting.texts import is_a, items_of, text_of, wanted_text
from anyascope.sdk.guard import as_number, as_text, report_misuse

NAME_CHARS_MAX = 200
LEVELS_MAX = 20  # of a policy; people know theirs by heart
CHANNELS_MAX = 20  # of a level
DELAY_MAX = timedelta(days=365)
REPEAT_MIN = timedelta(seconds=1)  # more often than that nobody can answer


@dataclass(frozen=True, slots=True, init=False)
class EscalationLevel:
    """One step: after `delay` these channels are told, and again every `repeat_interval`.

    Args:
        delay: since the alert was sent; a `timedelta`, or seconds.
        channels: names of channels.
        repeat_interval: a `timedelta`, or seconds, at least `REPEAT_MIN`; None tells once.
    """

    delay: timedelta
    channels: tuple[str, ...]
    repeat_interval: timedelta | None

    def __init__(
        self,
        delay: timedelta | float = 0,
        channels: Iterable[str] = (),
        repeat_interval: timedelta | float | None = None,
    ) -> None:
        object.__setattr__(self, "delay", _duration(delay, name="delay", least=timedelta()) or timedelta())
        object.__setattr__(self, "channels", _channels(channels))
        repeat = (
            None if repeat_interval is None else _duration(repeat_interval, name="repeat_interval", least=REPEAT_MIN)
        )
        object.__setattr__(self, "repeat_interval", repeat)

    @property
    def delay_ns(self) -> int:
        """The delay in nanoseconds."""
        return nanoseconds(self.delay)

    @property
    def repeat_ns(self) -> int:
        """The interval in nanoseconds; 0 where it is told once."""
        return nanoseconds(self.repeat_interval) if self.repeat_interval is not None else 0


@dataclass(frozen=True, slots=True, init=False)
class EscalationPolicy:
    """A name and its levels, each of which runs beside the others from its delay on."""

    name: str
    levels: tuple[EscalationLevel, ...]

    def __init__(self, name: str, levels: Iterable[EscalationLevel]) -> None:
        object.__setattr__(self, "name", wanted_text(name, name="a policy's name", chars_max=NAME_CHARS_MAX))
        object.__setattr__(self, "levels", _levels(levels))


def nanoseconds(duration: timedelta) -> int:
    """Whole nanoseconds of a duration."""
    return (duration.days * 86_400 + duration.seconds) * NS_PER_S + duration.microseconds * 1_000


def _duration(value: object, *, name: str, least: timedelta) -> timedelta | None:
    """The duration within its bounds; None, with a word on it, where it is none."""
    try:
        number = as_number(value)
        if is_a(value, timedelta):
            found = value
        elif number is not None and math.isfinite(number):
            found = timedelta(seconds=number)
        else:
            report_misuse(f"{name} must be a timedelta or seconds, got {text_of(value, chars_max=100)!r}")
            return None
    except OverflowError:
        found = timedelta.max
    if least <= found <= DELAY_MAX:
        return found
    report_misuse(f"{name} must be {least} to {DELAY_MAX}, got {text_of(value, chars_max=100)}")
    return min(max(found, least), DELAY_MAX)


def _channels(value: object) -> tuple[str, ...]:
    names = items_of(value, name="channels", most=CHANNELS_MAX) if as_text(value) is None else [value]
    found = (text_of(name, chars_max=NAME_CHARS_MAX) for name in map(as_text, names) if name)
    return tuple(dict.fromkeys(found))


def _levels(value: object) -> tuple[EscalationLevel, ...]:
    found = items_of(value, name="levels", most=LEVELS_MAX)
    return tuple(level for level in found if is_a(level, EscalationLevel))


DEFAULT_POLICIES: Final[Mapping[str, EscalationPolicy]] = MappingProxyType(
    {
        "critical": EscalationPolicy(
            "critical",
            (
                EscalationLevel(timedelta(), ("slack", "email"), timedelta(minutes=5)),
                EscalationLevel(timedelta(minutes=15), ("phone",), timedelta(minutes=10)),
            ),
        ),
        "default": EscalationPolicy("default", (EscalationLevel(timedelta(), ("slack",), None),)),
    }
)
