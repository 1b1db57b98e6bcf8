"""`escalation` and `escalation_policies`: read strictly, with the place of every mistake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from anyascope.alerting.escalation.policy import SHIPPED, Directory
from anyascope.model.alerts import AlertSeverity
from anyascope.model.escalation import EscalationLevel, EscalationOptions, EscalationPolicy
from anyascope.model.receivers import Receiver
from anyascope.wire.settings import Mistake, Section, SettingsError, read_settings

LEVELS_MAX = 20  # of a policy; people name three
REPEAT_S_MIN = 10.0  # a message takes longer to read, and a telephone longer to ring
DELAY_S_MAX = 7 * 86_400.0  # whoever is called after a week was not needed

_SEVERITIES = {severity.value: severity for severity in AlertSeverity}


@dataclass(frozen=True, slots=True)
class EscalationSettings:
    """The sections as they are written. Receivers may stand in another file, so `escalation_options` looks them up.

    Attributes:
        shipped_policies: whether `critical` and `default` act, as far as no policy of these names or severities is there;
            and those of packs, as far as no policy of their names is.
        pack_policies: of the packs that are on.
        places: each channel that a policy names, and where.
    """

    shipped_policies: bool = False
    policies: tuple[EscalationPolicy, ...] = ()
    places: tuple[tuple[str, Mistake], ...] = ()
    pack_policies: tuple[EscalationPolicy, ...] = ()


def read_escalation(top: Section) -> EscalationSettings:
    """Both sections of the file; the caller says `done` and `raise_if_wrong`."""
    section = top.section("escalation")
    shipped = section.boolean("shipped_policies", False)
    section.done()
    policies: dict[str, EscalationPolicy] = {}
    claimed: dict[AlertSeverity, str] = {}
    places: list[tuple[str, Mistake]] = []
    for entry in top.sections("escalation_policies"):
        policy = _read_policy(entry, places)
        if policy.name in policies:
            entry.wrong(f"policy {policy.name!r} is not unique", name="name")
        for severity in sorted(policy.severities, key=lambda one: one.value):
            if severity in claimed:
                entry.wrong(f"severity {severity.value} is {claimed[severity]}'s already", name="severities")
            claimed[severity] = policy.name
        policies[policy.name] = policy
    return EscalationSettings(shipped, tuple(policies.values()), tuple(places))


def read_policies(text: str, *, file: str) -> tuple[EscalationPolicy, ...]:
    """The policies of a file that has nothing but `escalation_policies`.

    Raises:
        SettingsError: with every mistake.
    """
    top = read_settings(text, file=file)
    found = read_escalation(top)
    top.done()
    top.raise_if_wrong()
    return found.policies


def escalation_options(settings: EscalationSettings, receivers: Mapping[str, Receiver]) -> EscalationOptions:
    """The policies that act, their names looked up. What a shipped one does not find is no mistake: `missing` tells it.

    Raises:
        SettingsError: a channel is neither a receiver nor a kind that a receiver has.
    """
    directory = Directory(receivers)
    mistakes = [
        replace(place, message=f"{channel!r} is no receiver, and no receiver has such a channel")
        for channel, place in settings.places
        if not directory.is_known(channel)
    ]
    if mistakes:
        raise SettingsError(mistakes)
    policies = {policy.name: policy for policy in settings.policies}
    if settings.shipped_policies:
        claimed = {severity for policy in settings.policies for severity in policy.severities}
        for policy in SHIPPED.values():
            policies.setdefault(policy.name, replace(policy, severities=policy.severities - claimed))
        for policy in settings.pack_policies:
            policies.setdefault(policy.name, policy)
    return EscalationOptions(policies)


def _read_policy(section: Section, places: list[tuple[str, Mistake]]) -> EscalationPolicy:
    name = section.text("name")
    if not name.strip():
        section.wrong("a policy needs a name", name="name")
    severities = section.texts("severities")
    for word in severities:
        if word not in _SEVERITIES:
            section.wrong(f"severities are {', '.join(_SEVERITIES)}, got {word!r}", name="severities")
    entries = section.sections("levels")
    if not 1 <= len(entries) <= LEVELS_MAX:
        section.wrong(f"a policy has 1 to {LEVELS_MAX} levels, got {len(entries)}", name="levels")
    levels = tuple(_read_level(entry, places) for entry in entries)
    for before, after, entry in zip(levels, levels[1:], entries[1:], strict=False):
        if after.delay_s <= before.delay_s:
            entry.wrong("must be longer than that of the level before", name="delay")
    timeout_s = section.duration_s("acknowledgement_timeout", 0.0)
    policy = EscalationPolicy(
        name=name,
        levels=levels,
        severities=frozenset(_SEVERITIES[word] for word in severities if word in _SEVERITIES),
        acknowledgement_timeout_s=timeout_s,
        send_resolved=section.boolean("send_resolved", True),
    )
    section.done()
    return policy


def _read_level(section: Section, places: list[tuple[str, Mistake]]) -> EscalationLevel:
    delay_s = section.duration_s("delay", 0.0)
    if delay_s > DELAY_S_MAX:
        section.wrong(f"must be at most {DELAY_S_MAX:.0f} seconds, got {delay_s:.0f}", name="delay")
    repeat_s = section.duration_s("repeat_interval", 0.0)
    if 0 < repeat_s < REPEAT_S_MIN:
        section.wrong(f"must be at least {REPEAT_S_MIN:.0f} seconds, got {repeat_s:g}", name="repeat_interval")
    channels = section.texts("channels")
    if not channels:
        section.wrong("a level needs channels", name="channels")
    place = Mistake(section.file, section.line("channels"), f"{section.path}.channels", "")
    places.extend((channel, place) for channel in channels)
    section.done()
    return EscalationLevel(delay_s=delay_s, channels=channels, repeat_s=repeat_s)
