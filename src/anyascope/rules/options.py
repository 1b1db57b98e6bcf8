"""What rules may be told, and what they need of the house."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from anyascope.clock import Clock
from anyascope.model.documents import Change
from anyascope.ports import AlertSink, Intake
from anyascope.rules.definition import INTERVAL_DEFAULT_S
from anyascope.rules.turns import Turns

if TYPE_CHECKING:  # settings are read by programs that never evaluate
    from anyascope.rules.evaluate import Evaluator
    from anyascope.rules.metrics import RuleMetrics

DEBOUNCE_S = 0.2  # a scrape arrives in several batches; a person does not notice a fifth of a second
RESEND_S = 60.0  # Prometheus' default `--rules.alert.resend-delay`
OUTAGE_TOLERANCE_S = 3600.0  # Prometheus' default `--rules.alert.for-outage-tolerance`
FOR_GRACE_S = 600.0  # Prometheus' default `--rules.alert.for-grace-period`
RESTORE_GRACE_S = 120.0  # two scrape intervals of a minute: every source has sent again after a restart


@dataclass(frozen=True, slots=True)
class RulesOptions:
    """How rules are run.

    Attributes:
        interval_s: of groups that name none.
        query_offset_s: of groups that name none.
        debounce_s: at least so long between two evaluations of a group that arrivals cause.
        resend_s: a firing alert is handed on again after so long.
        external_url: where people reach this server; for templates and links.
        external_labels: added to every alert that lacks them; for templates.
        outage_tolerance_s: a pending alert is forgotten after a longer absence of the server.
        for_grace_s: an alert restored from its series alone fires no sooner after the start; a shorter `for` begins anew.
        restore_grace_s: so long after the start, a restored alert is not ended by the absence of its series.
        is_clock_demanded: whether a rule that counts blocks fails where no height is known, also while it has no alerts.
    """

    interval_s: float = INTERVAL_DEFAULT_S
    query_offset_s: float = 0.0
    debounce_s: float = DEBOUNCE_S
    resend_s: float = RESEND_S
    external_url: str = ""
    external_labels: Mapping[str, str] = field(default_factory=dict)
    outage_tolerance_s: float = OUTAGE_TOLERANCE_S
    for_grace_s: float = FOR_GRACE_S
    restore_grace_s: float = RESTORE_GRACE_S
    is_clock_demanded: bool = True


class StateKeeper(Protocol):
    """Where the state of alerts is kept: the writing half of `DocumentStore`."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Make all changes durable, or none."""


@dataclass(frozen=True, slots=True)
class House:
    """What every group's runner works with."""

    engine: Evaluator
    intake: Intake
    sink: AlertSink
    documents: StateKeeper
    clock: Clock
    options: RulesOptions
    metrics: RuleMetrics
    turns: Turns = field(default_factory=Turns)
    worked_ns: Callable[[], int] = time.thread_time_ns
