"""Escalation policies as an Alertmanager can follow them: a route for each level, its delay as `group_wait`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from anyascope.model.escalation import EscalationLevel, EscalationPolicy
from anyascope.semconv.alerts import LABEL_ESCALATION_POLICY
from anyascope.wire.durations import format_duration_ms

_HEAD = """\
# Who is told by an Alertmanager about alerts of the packs, by their label escalation_policy. Fill in the receivers.
# An Alertmanager cannot ask whether somebody has answered: a later level is left out only where the alert has ended before.
route:
  receiver: default
  group_by: [alertname, component]
  routes:
"""


def alertmanager_text(policies: Iterable[EscalationPolicy]) -> str:
    """An `alertmanager.yml` with a route and an empty receiver for each level of each policy.

    Source: https://prometheus.io/docs/alerting/latest/configuration/#route
    """
    levels = [(policy, number, level) for policy in policies for number, level in enumerate(policy.levels, start=1)]
    routes = [line for policy, number, level in levels for line in _route(policy, number, level)]
    receivers = [line for policy, number, level in levels for line in _receiver(policy, number, level)]
    return _HEAD + "\n".join([*routes, "receivers:", "- name: default", *receivers]) + "\n"


def _route(policy: EscalationPolicy, number: int, level: EscalationLevel) -> Iterator[str]:
    yield f"  - matchers: ['{LABEL_ESCALATION_POLICY}=\"{policy.name}\"']"
    yield f"    receiver: {policy.name}-{number}"
    yield f"    group_wait: {_duration(level.delay_s)}"
    if level.repeat_s:
        yield f"    repeat_interval: {_duration(level.repeat_s)}"
    yield "    continue: true"


def _receiver(policy: EscalationPolicy, number: int, level: EscalationLevel) -> Iterator[str]:
    yield f"- name: {policy.name}-{number}  # {', '.join(level.channels)}"


def _duration(seconds: float) -> str:
    return format_duration_ms(round(seconds * 1000))
