"""What the own API answers: its JSON as nouns, written by the server and read by the client. Null is what is not known.

Times are RFC 3339 in UTC with nanoseconds, ids lower-case hex, empty where absent.
Plain dataclasses: the API's description reads them, `api.encode` writes and `client` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

# Python's own cannot be described by pydantic before 3.12.
from typing_extensions import TypedDict

# --- the SDK ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkSettingsView:
    """What a service's SDK is asked to do; null leaves it to the service."""

    service: str
    sample_ratio: float | None
    log_level: str | None


# --- status and health ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigView:
    """Which configuration is in force. `error` says why the last reload kept the old one; empty where it did not."""

    file: str
    loaded_at: str | None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceView:
    """An address that the server has, or wanted to have: `state` is `listening` or `skipped`, `note` says why."""

    name: str
    address: str
    state: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalView:
    """What one signal takes in the store."""

    rows: int
    disk_bytes: int
    oldest: str | None
    newest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorView:
    """Something that looks outward; `state` is a health status."""

    name: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemView:
    """Something that is wrong with the server, and what to do."""

    what: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    """All that `anyascope doctor` shows."""

    version: str
    started_at: str
    uptime_s: float
    pid: int
    data_directory: str
    config: ConfigView
    faces: list[FaceView]
    memory_bytes: int
    cpu_seconds: float
    disk_free_bytes: int
    storage: dict[str, SignalView]
    series: int
    collectors: list[CollectorView]
    problems: list[ProblemView]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryView:
    """A PromQL query that waits or runs.

    Attributes:
        asked: when it was asked.
        running_s: how long ago that is.
        start, end: of its steps; the same for an instant query.
        step_s: 0 for an instant query.
        client: address of who asked over HTTP.
        rule_group: which asked otherwise.
    """

    query: str
    asked: str
    running_s: float
    start: str
    end: str
    step_s: float
    client: str | None
    rule_group: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueriesView:
    """What is evaluated now, the oldest first."""

    queries: list[QueryView]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountView:
    """How many series, or values of a label, there are of something."""

    name: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CardinalityView:
    """Who makes the series. Lists begin with the largest.

    Attributes:
        series: that are stored.
        new, quiet: of these, began within the last hour; had no sample in it.
        limit, source_limit: how many are let in together, and of one source.
        sources: series that count against the limits, by source.
        metrics, pairs: series by metric, and by `name=value`.
        labels: distinct values by label.
        bytes: length of names and values in all series, by label.
        by: series by value of the label that was asked for.
    """

    series: int
    new: int
    quiet: int
    limit: int
    source_limit: int
    sources: list[CountView]
    metrics: list[CountView]
    labels: list[CountView]
    pairs: list[CountView]
    bytes: list[CountView]
    by: list[CountView]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentView:
    """One component's health."""

    component: str
    kind: str
    status: Literal["healthy", "degraded", "unhealthy", "unknown"]
    message: str
    advice: str
    since: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthView:
    """The whole's health, and its parts': the worst first."""

    status: Literal["healthy", "degraded", "unhealthy", "unknown"]
    components: list[ComponentView]


# --- logs -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeView:
    """The library that produced a record."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRowView:
    """One log record. Ids are lower-case hex, empty where absent."""

    time: str
    observed_time: str | None
    severity: str
    severity_number: int
    body: str
    service: str
    host: str
    stream: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    scope: ScopeView
    trace_id: str
    span_id: str
    correlation_id: str
    event_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSearchView:
    """A page of records; `cursor` asks for the next one, null at the end."""

    rows: list[LogRowView]
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramBucketView:
    """One bar: records by severity, those without one under `UNSPECIFIED`."""

    start: str
    counts: dict[str, int]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramView:
    """Bars that cover the stretch; the first and the last may stand out of it."""

    bucket_s: float
    buckets: list[HistogramBucketView]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """A field, and how many records have it."""

    name: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldsView:
    """Which fields the records have, the commonest first."""

    fields: list[FieldView]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueView:
    """A value, and how many records have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesView:
    """The commonest values of a field."""

    values: list[ValueView]


# --- alerts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgementView:
    """Who said that they act; `until` is when that lapses, null where it does not."""

    by: str
    at: str
    until: str | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationView:
    """How far an alert's policy has climbed.

    Attributes:
        level: the highest that was told, from 0; -1 before the first.
        levels: how many there are.
        next_at: when somebody is told next; null where nobody is.
        is_stopped: whether an answer, an end or a mute holds it.
    """

    level: int
    levels: int
    next_at: str | None
    is_stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """An alert: of a rule while it is pending, of `alerting` from then on. `value` is null where it is not known.

    Attributes:
        policy: the escalation policy that acts on it; null where none does, and then there is no deadline either.
        deadline_at: until when somebody must have acted.
        is_flapping: whether it comes and goes; then its end is told only once it is calm.
    """

    id: str
    name: str
    state: Literal["pending", "firing", "resolved"]
    severity: Literal["critical", "high", "medium", "low"]
    category: str
    source: str
    title: str
    labels: dict[str, str]
    annotations: dict[str, str]
    value: float | None
    starts_at: str | None
    ends_at: str | None
    correlation_id: str
    generator_url: str
    receivers: list[str]
    silenced_by: list[str]
    inhibited_by: list[str]
    muted_by: list[str]
    policy: str | None = None
    acknowledgement: AcknowledgementView | None = None
    assigned_to: str | None = None
    snoozed_until: str | None = None
    deadline_at: str | None = None
    is_deadline_missed: bool = False
    escalation: EscalationView | None = None
    is_flapping: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsView:
    """Alerts, the most severe first, then the newest."""

    alerts: list[AlertView]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifiedAlertView:
    """An alert as it was told."""

    id: str
    name: str
    state: Literal["firing", "resolved"]
    severity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One attempt to deliver; `detail` is the far end's answer, or why there was none."""

    at: str
    outcome: Literal["ok", "retry", "failed"]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayView:
    """Somebody had a notification sent again."""

    at: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationView:
    """What was said to whom, why, and every attempt.

    Attributes:
        told_in: the summary that told it in a storm; its status is the summary's.
        merged: of a summary, how many notifications it tells.
        stands_in_for: of a fallback, the integration that was down.
        copies: the fallbacks' notifications that told it while its own channel was down.
        replays: who had it sent again after it had failed.
        policy: the escalation policy that called, and its `level` from 0; null where the route told.
    """

    id: str
    at: str
    receiver: str
    channel: str
    status: Literal["queued", "sent", "failed"]
    group_key: str
    reason: Literal["firing", "resolved", "repeat"]
    alerts: list[NotifiedAlertView]
    attempts: list[AttemptView]
    integration: str = ""
    told_in: str | None = None
    merged: int = 0
    stands_in_for: str | None = None
    copies: list[str] = field(default_factory=list)
    replays: list[ReplayView] = field(default_factory=list)
    policy: str | None = None
    level: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationsView:
    """A page of the journal, newest first; `cursor` asks for the next one, null at the end."""

    notifications: list[NotificationView]
    cursor: str | None


# --- routing ----------------------------------------------------------------------------------------------------------

# A route with all that it inherits, and those below it. A dictionary, since a field is called `continue`.
#   id: its place in the tree: `0` is the root, `0/2` the root's third child.
#   matchers: its own, as text.
#   policy: the escalation policy that it names by a label of its own; null where none.
RouteView = TypedDict(
    "RouteView",
    {
        "id": str,
        "receiver": str,
        "matchers": list[str],
        "group_by": list[str],
        "group_by_all": bool,
        "group_wait_s": float,
        "group_interval_s": float,
        "repeat_interval_s": float,
        "continue": bool,
        "mute_time_intervals": list[str],
        "active_time_intervals": list[str],
        "labels": dict[str, str],
        "policy": str | None,
        "routes": "list[RouteView]",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationView:
    """One channel of a receiver; `key` is `receiver/kind/index`."""

    kind: str
    key: str
    send_resolved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverView:
    """A name in the routes, and the channels behind it."""

    name: str
    integrations: list[IntegrationView]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingView:
    """The tree of routes in force, and the receivers that they name."""

    route: RouteView
    receivers: list[ReceiverView]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTest:
    """The labels of an alert that may come one day."""

    labels: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledLevelView:
    """A level of a policy for one receiver: the keys of the channels that it tells; `repeat_s` is null where it tells once."""

    delay_s: float
    repeat_s: float | None
    channels: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedRouteView:
    """A route that such an alert takes.

    Attributes:
        path: the matchers of each route from the root's children down; empty where the root takes it.
        group_key: Alertmanager's name of the group that the alert joins.
        group_labels: what names that group.
        policy: the escalation policy that would act; null where none would.
        levels: whom that policy calls when.
    """

    id: str
    receiver: str
    path: list[list[str]]
    group_key: str
    group_labels: dict[str, str]
    group_wait_s: float
    group_interval_s: float
    repeat_interval_s: float
    mute_time_intervals: list[str]
    active_time_intervals: list[str]
    labels: dict[str, str]
    integrations: list[IntegrationView]
    policy: str | None
    levels: list[CalledLevelView]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTestView:
    """The routes that such an alert takes, in the order in which they are tried."""

    routes: list[MatchedRouteView]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRequest:
    """Who wants a notification sent again."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """One channel of a receiver; `open` is one that is down and only probed."""

    key: str
    kind: str
    receiver: str
    state: Literal["healthy", "degraded", "open"]
    waiting: int
    dead: int
    since: str | None
    last_error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelsView:
    """Every channel, by key."""

    channels: list[ChannelView]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """A test message at one channel; `retry` is a far end that does not take it now, `answers` are its words."""

    key: str
    kind: str
    outcome: Literal["ok", "retry", "failed"]
    answers: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialsView:
    """A test message at each channel of a receiver."""

    receiver: str
    channels: list[TrialView]
