"""Which policy acts on an alert, and whom the names in its levels stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from anyascope.model.alerts import AlertSeverity
from anyascope.model.escalation import EscalationLevel, EscalationPolicy
from anyascope.model.labels import Labels
from anyascope.model.receivers import Integration, Receiver
from anyascope.semconv.alerts import LABEL_ESCALATION_POLICY

CRITICAL: Final = EscalationPolicy(
    name="critical",
    levels=(
        EscalationLevel(delay_s=0.0, channels=("slack", "email"), repeat_s=300.0),
        EscalationLevel(delay_s=900.0, channels=("phone",), repeat_s=600.0),
    ),
    severities=frozenset({AlertSeverity.CRITICAL}),
)
DEFAULT: Final = EscalationPolicy(
    name="default",
    levels=(EscalationLevel(delay_s=0.0, channels=("slack",)),),
    severities=frozenset(AlertSeverity) - {AlertSeverity.CRITICAL},
)
SHIPPED: Final[Mapping[str, EscalationPolicy]] = MappingProxyType({one.name: one for one in (CRITICAL, DEFAULT)})


@dataclass(frozen=True, slots=True)
class Target:
    """One channel of one receiver."""

    receiver: str
    integration: Integration


class Directory:
    """Whom a name in a level stands for: a receiver, one kind of its channels (`team/slack`), or a kind (`slack`).

    A kind is the alert's own receiver's where that has it, else all that are configured: the team's own Slack, and the one
    phone that there is.
    """

    def __init__(self, receivers: Mapping[str, Receiver]) -> None:
        self._receivers = receivers
        self._by_key = {target.integration.key: target for target in _targets(receivers.values())}

    def targets(self, channel: str, *, receiver: str) -> Sequence[Target]:
        """The channels that this name stands for, for an alert that goes to `receiver`; none where nothing has it."""
        named = self._receivers.get(channel)
        if named is not None:
            return _targets([named])
        owner, _, kind = channel.rpartition("/")
        if owner:
            found = self._receivers.get(owner)
            return [] if found is None else _targets([found], kind)
        own = self._receivers.get(receiver)
        return (_targets([own], kind) if own is not None else []) or _targets(self._receivers.values(), kind)

    def target(self, key: str) -> Target | None:
        """The channel of this key; None where it is not configured any longer."""
        return self._by_key.get(key)

    def is_known(self, channel: str) -> bool:
        """Whether this name stands for anybody."""
        return channel in self._receivers or bool(self.targets(channel, receiver=""))

    def missing(self, policies: Iterable[EscalationPolicy]) -> list[str]:
        """What the policies want to tell and cannot, such as `critical: phone`."""
        return [
            f"{policy.name}: {channel}"
            for policy in policies
            for level in policy.levels
            for channel in level.channels
            if not self.is_known(channel)
        ]


def choose_policy(
    policies: Mapping[str, EscalationPolicy],
    *,
    labels: Labels,
    annotations: Mapping[str, str],
    route_labels: Labels,
    severity: AlertSeverity,
) -> EscalationPolicy | None:
    """The policy that acts on an alert; None where none does.

    The alert names it by its label `escalation_policy`, its rule by an annotation, its route by one of its `labels`; a name
    that no policy has counts as none. Otherwise it is the one of its severity.
    """
    for named in (dict(labels), annotations, dict(route_labels)):
        found = policies.get(named.get(LABEL_ESCALATION_POLICY, ""))
        if found is not None:
            return found
    return next((policy for policy in policies.values() if severity in policy.severities), None)


def _targets(receivers: Iterable[Receiver], kind: str = "") -> list[Target]:
    return [
        Target(receiver.name, integration)
        for receiver in receivers
        for integration in receiver.integrations
        if kind in ("", integration.kind)
    ]
