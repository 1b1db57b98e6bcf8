"""`notify`: how delivery goes about it, and who is told where a channel stays down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from anyascope.model.receivers import Integration, Receiver
from anyascope.notify.pace import Rate
from anyascope.notify.patience import CourierOptions, Target
from anyascope.wire.settings import Mistake, Section, SettingsError

T = TypeVar("T")

_DEFAULT = CourierOptions()
FAILURES_MAX = 1_000  # a breaker that opens later than that is none


@dataclass(frozen=True, slots=True)
class Chosen(Generic[T]):
    """What was set for a receiver or one of its integrations, and where in the file: names are looked up later."""

    name: str
    value: T
    place: Mistake

    def wrong(self, message: str) -> Mistake:
        """A mistake at this place."""
        return replace(self.place, message=message)


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """The section as it is written. Receivers may stand in another file, so `courier_options` looks them up."""

    breaker_failures: int = _DEFAULT.breaker_failures
    storm_waiting_max: int = _DEFAULT.storm_waiting_max
    give_up_s: float = _DEFAULT.give_up_s
    fallbacks: tuple[Chosen[str], ...] = ()
    rates: tuple[Chosen[Rate], ...] = ()


def read_notify(section: Section) -> NotifySettings:
    """The section `notify`."""
    default = _DEFAULT
    failures = section.integer("breaker_failures", default.breaker_failures)
    if not 1 <= failures <= FAILURES_MAX:
        section.wrong(f"must be 1 to {FAILURES_MAX}, got {failures}", name="breaker_failures")
    waiting = section.integer("storm_waiting", default.storm_waiting_max)
    if waiting < 0:
        section.wrong(f"must not be negative, got {waiting}; 0 merges nothing", name="storm_waiting")
    give_up_s = section.duration_s("give_up_after", default.give_up_s)
    if give_up_s <= 0:
        section.wrong("must be more than 0", name="give_up_after")
    found = NotifySettings(
        breaker_failures=failures,
        storm_waiting_max=waiting,
        give_up_s=give_up_s,
        fallbacks=tuple(_read_fallbacks(section.section("fallbacks"))),
        rates=tuple(_read_rates(section.section("rate_limits"))),
    )
    section.done()
    return found


def _place(section: Section, name: str) -> Mistake:
    return Mistake(section.file, section.line(name), f"{section.path}.{name}", "")


def _read_fallbacks(section: Section) -> Iterator[Chosen[str]]:
    for name in section.names():
        if target := section.text(name, ""):
            yield Chosen(name, target, _place(section, name))


def _read_rates(section: Section) -> Iterator[Chosen[Rate]]:
    for name in section.names():
        place = _place(section, name)
        inner = section.section(name)
        messages = inner.integer("messages", 0)
        per_s = inner.duration_s("per", 1.0)
        if messages < 1:
            inner.wrong("must be at least 1", name="messages")
        if per_s <= 0:
            inner.wrong("must be more than 0", name="per")
        inner.done()
        if messages >= 1 and per_s > 0:
            yield Chosen(name, Rate(messages, per_s), place)


def courier_options(settings: NotifySettings, receivers: Mapping[str, Receiver]) -> CourierOptions:
    """The settings with their names looked up.

    Raises:
        SettingsError: a receiver or integration is not there, or fallbacks go in a circle.
    """
    mistakes: list[Mistake] = []
    fallbacks: dict[str, tuple[Target, ...]] = {}
    for chosen, keys in _looked_up(settings.fallbacks, receivers, mistakes):
        target = receivers.get(chosen.value)
        if target is None:
            mistakes.append(chosen.wrong(f"there is no receiver {chosen.value!r} to fall back on"))
        elif not target.integrations:
            mistakes.append(chosen.wrong(f"receiver {chosen.value!r} has no channel to fall back on"))
        else:
            fallbacks |= dict.fromkeys(keys, tuple(map(_target, target.integrations)))
            if circle := next((key for key in keys if _leads_back(key, fallbacks)), ""):
                mistakes.append(chosen.wrong(f"the fallbacks of {circle} lead back to it"))
    rates: dict[str, Rate] = {}
    for chosen_rate, keys in _looked_up(settings.rates, receivers, mistakes):
        rates |= dict.fromkeys(keys, chosen_rate.value)
    if mistakes:
        raise SettingsError(mistakes)
    return CourierOptions(
        breaker_failures=settings.breaker_failures,
        storm_waiting_max=settings.storm_waiting_max,
        give_up_s=settings.give_up_s,
        fallbacks=fallbacks,
        rates=rates,
    )


def _looked_up(
    every: Iterable[Chosen[T]], receivers: Mapping[str, Receiver], mistakes: list[Mistake]
) -> list[tuple[Chosen[T], list[str]]]:
    """Each with the integrations that it is for; those of a whole receiver come first, so that a single one wins."""
    keys = {one.key for receiver in receivers.values() for one in receiver.integrations}
    whole: list[tuple[Chosen[T], list[str]]] = []
    single: list[tuple[Chosen[T], list[str]]] = []
    for chosen in every:
        if chosen.name in keys:
            single.append((chosen, [chosen.name]))
        elif chosen.name in receivers:
            whole.append((chosen, [one.key for one in receivers[chosen.name].integrations]))
        else:
            message = f"there is no receiver or integration {chosen.name!r}; an integration is RECEIVER/KIND/INDEX"
            mistakes.append(chosen.wrong(message))
    return whole + single


def _target(integration: Integration) -> Target:
    return Target(integration.key, integration.kind, integration.key.rsplit("/", 2)[0])


def _leads_back(key: str, fallbacks: Mapping[str, tuple[Target, ...]]) -> bool:
    seen: set[str] = set()
    waiting = [key]
    while waiting:
        for target in fallbacks.get(waiting.pop(), ()):
            if target.key == key:
                return True
            if target.key not in seen:
                seen.add(target.key)
                waiting.append(target.key)
    return False
