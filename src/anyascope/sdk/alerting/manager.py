"""`AlertManager`: takes alerts of the service, and tells people until somebody answers."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, cast
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry

from anyascope.clock import Clock, SystemClock
from anyascope.sdk.alerting.accounts import Accounts
from anyascope.sdk.alerting.alert import Alert
from anyascope.sdk.alerting.attempt import name_of
from anyascope.sdk.alerting.channel import NotificationChannel
from anyascope.sdk.alerting.desk import Desk
from anyascope.sdk.alerting.forward import Forwarder, addresses
from anyascope.sdk.alerting.policy import EscalationPolicy
from anyascope.sdk.alerting.runner import Runner
from anyascope.sdk.alerting.status import AlertStatus
from anyascope.sdk.alerting.texts import finite, is_a, items_of, text_of, wanted_text
from anyascope.sdk.correlation import current_correlation_id
from anyascope.sdk.delivery.http import HttpSender
from anyascope.sdk.delivery.process import enrol, exit_remaining_s
from anyascope.sdk.delivery.target import Format, Target
from anyascope.sdk.guard import as_text, guarded, report_misuse, tell_once
from anyascope.sdk.metrics import trace_exemplar
from anyascope.sdk.redaction import redact_text, redact_value

TARGETS_MAX = 10  # Alertmanagers of one cluster; people run two or three
CHANNELS_MAX = 50
POLICIES_MAX = 200
BY_CHARS_MAX = 200  # who answered
FLUSH_WITHIN_S = 5.0
FLUSH_WITHIN_S_MAX = 3_600.0
EXIT_SHARE = 0.6  # of the time that the process has to end: a channel that hangs leaves the rest some
WITHHELD = "(withheld: it could not be looked through for secrets)"


class AlertManager:
    """Looks the alert's policy up, tells its channels, again and level by level, until it is acknowledged or resolved.

    Nothing that the host calls waits: alerts are told by threads of their own, one a channel, which start with the first
    alert. What is the same alert (see `fingerprint_of`) is told as one until it is over: resolved, or told to its end and
    not sent again for 15 minutes. At most 1,000 are held; more are dropped and counted.

    Args:
        channels: the first channels; see `add_channel`.
        policies: beside `critical` and `default`; see `add_policy`.
        forward_to: address of anyascope or an Alertmanager, or several, to which every alert is handed over: posted once a
            minute until it is resolved. Channels are told beside it, where there are any.
        token: sent to `forward_to` as `Authorization: Bearer`; `ANYASCOPE_TOKEN` where empty.
        generator_url: where the service is looked at, for links; sent to `forward_to`.
        state_file: where what is held survives the process, so that an escalation goes on after a restart.
        registry: for the counters; None is `prometheus_client`'s own.
        clock: time.
        is_driven: no threads: everything happens in `tick`; for tests.
    """

    flush_order = -1  # before the queues of log and audit, to which it tells what it did

    def __init__(
        self,
        channels: Iterable[NotificationChannel] = (),
        *,
        policies: Iterable[EscalationPolicy] = (),
        forward_to: str | Iterable[str] = (),
        token: str = "",
        generator_url: str = "",
        state_file: str | os.PathLike[str] | None = None,
        registry: CollectorRegistry | None = None,
        clock: Clock | None = None,
        is_driven: bool = False,
    ) -> None:
        chosen = _clock(clock) or SystemClock()
        random = Random()  # noqa: S311  # spreads retries, guards nothing
        self._desk = Desk(
            clock=chosen,
            accounts=Accounts(registry),
            forwarders=_forwarders(forward_to, token=token, generator_url=generator_url, random=random),
            state_file=_path(state_file),
            random=random,
        )
        self._runner = Runner(self._desk, clock=chosen, is_driven=is_driven is True)
        for channel in items_of(channels, name="channels", most=CHANNELS_MAX):
            self.add_channel(cast("NotificationChannel", channel))
        for policy in items_of(policies, name="policies", most=POLICIES_MAX):
            self.add_policy(cast("EscalationPolicy", policy))
        enrol(self)
        if state_file is not None:
            self._runner.nudge()  # what the last process left goes on without waiting for a new alert

    # --- what the host says -------------------------------------------------------------------------------------------

    @guarded(None)
    def add_channel(self, channel: NotificationChannel) -> None:
        """Let policies reach this channel by its name; one of its name is replaced."""
        self._add_channel(channel)

    @guarded(None)
    def add_policy(self, policy: EscalationPolicy) -> None:
        """Let alerts name this policy; one of its name is replaced for alerts that are sent from now on."""
        self._add_policy(policy)

    @guarded("")
    def send_alert(self, alert: Alert) -> str:
        """Take an alert over and tell it at once; never waits.

        Secrets are taken out of all of its texts first. An unknown policy is told as misuse, and `default` stands for it.

        Returns:
            The id under which it is held: its own, or that of the held alert that it repeats; empty where it was dropped.
        """
        if not _is_alert(alert, "send_alert"):
            return ""
        clean = redacted(alert)
        try:
            identity = self._desk.take(clean, exemplar=trace_exemplar())
        finally:
            self._runner.nudge()
        if not self._desk.knows_policy(clean.escalation_policy):
            report_misuse(f"there is no escalation policy {clean.escalation_policy!r}: see add_policy")
        return identity

    @guarded(False)
    def acknowledge(self, alert: str | Alert, by: str = "") -> bool:
        """Say that somebody works on it: nobody else is told.

        Args:
            alert: its id, that of one that repeated it, or the alert itself.
            by: who; for log and audit.

        Returns:
            Whether it was held and nobody had answered yet.
        """
        done = self._desk.acknowledge(_wanted(alert, "acknowledge"), _one_line(by))
        self._runner.nudge()
        return done

    @guarded(False)
    def resolve(self, alert: str | Alert) -> bool:
        """Say that it is over: nothing is told any more, and who it was handed over to is told its end.

        Returns:
            Whether it was held and not over yet.
        """
        done = self._desk.resolve(_wanted(alert, "resolve"))
        self._runner.nudge()
        return done

    @guarded(None)
    def status(self, alert: str | Alert) -> AlertStatus | None:
        """Where an alert stands; None where it is not held, or no longer."""
        return self._desk.status(_wanted(alert, "status"))

    @guarded(())
    def statuses(self) -> tuple[AlertStatus, ...]:
        """Everything that is held, oldest first; what was resolved stands for 15 minutes more."""
        return self._desk.statuses()

    # --- life ---------------------------------------------------------------------------------------------------------

    @guarded(None)
    def tick(self) -> None:
        """Do everything that is due by the clock now; where threads do that, wake them."""
        if not self._runner.nudge():
            self._runner.drive()

    @guarded(False)
    def flush(self, within_s: float = FLUSH_WITHIN_S) -> bool:
        """Whether everything that is due is through within `within_s` seconds; called by itself when the process ends."""
        bounded_s = min(max(finite(within_s, default=FLUSH_WITHIN_S), 0.0), FLUSH_WITHIN_S_MAX)
        return self._runner.flush(exit_remaining_s(bounded_s))

    @guarded(None)
    def close(self, within_s: float = FLUSH_WITHIN_S) -> None:
        """Flush, end the threads and let the state file go; what is held goes on with the next manager of that file."""
        self.flush(within_s)
        self._runner.end()
        self._desk.close()

    def _add_channel(self, channel: object) -> None:
        name = name_of(channel)
        if not name or not callable(getattr(channel, "send_alert", None)):
            report_misuse(f"a channel needs channel_name and send_alert, got {type(channel).__name__}")
            return
        self._desk.add_channel(name, cast("NotificationChannel", channel))

    def _add_policy(self, policy: object) -> None:
        if not is_a(policy, EscalationPolicy) or not policy.name:
            report_misuse(f"a policy must be an EscalationPolicy with a name, got {type(policy).__name__}")
            return
        self._desk.add_policy(policy)

    def after_fork(self) -> None:
        """Hold nothing and run nothing, in the child."""
        self._desk.after_fork()
        self._runner.after_fork()

    def flush_at_exit(self, deadline_s: float) -> None:
        """Send what still can be sent until `deadline_s` of `time.monotonic()`."""
        self._runner.flush((deadline_s - time.monotonic()) * EXIT_SHARE)
        self._desk.close()


def redacted(alert: Alert) -> Alert:
    """The alert without secrets in any text, under the correlation id that holds here if it has none."""
    try:
        return replace(
            alert,
            title=redact_text(alert.title),
            description=redact_text(alert.description),
            source_component=redact_text(alert.source_component),
            id=redact_text(alert.id),
            labels=_clean(alert.labels),
            annotations=_clean(alert.annotations),
            escalation_policy=redact_text(alert.escalation_policy),
            correlation_id=redact_text(alert.correlation_id or current_correlation_id()) or None,
        )
    except Exception as error:  # noqa: BLE001  # a page without its texts is worth more than none
        tell_once("taking secrets out of an alert", error)
        return replace(alert, description=WITHHELD, labels={}, annotations={})


def _clean(texts: Mapping[str, str]) -> dict[str, str]:
    return {redact_text(name): str(redact_value(name, text)) for name, text in texts.items()}


def _is_alert(value: object, where: str) -> bool:
    if is_a(value, Alert):
        return True
    report_misuse(f"{where} wants an Alert, got {type(value).__name__}")
    return False


def _wanted(value: object, where: str) -> str | Alert:
    """An alert or its id; an id that nothing has, where it is neither."""
    if is_a(value, Alert):
        return value
    identity = as_text(value)
    if identity is None:
        report_misuse(f"{where} wants an alert or its id, got {type(value).__name__}")
    return identity or ""


def _one_line(value: object) -> str:
    return redact_text(" ".join(wanted_text(value, name="by", chars_max=BY_CHARS_MAX).split()))


@guarded(None)
def _clock(value: object) -> Clock | None:
    if value is None:
        return None
    if all(callable(getattr(value, name, None)) for name in ("now_ns", "monotonic_ns")):
        return cast("Clock", value)
    report_misuse(f"clock must be a Clock, got {type(value).__name__}")
    return None


@guarded(None)
def _path(value: Any) -> Path | None:
    if value is None:
        return None
    text = as_text(os.fspath(value) if issubclass(type(value), os.PathLike) else value)
    if text:
        return Path(text)
    report_misuse(f"state_file must be a path, got {type(value).__name__}")
    return None


@guarded(())
def _forwarders(urls: object, *, token: object, generator_url: object, random: Random) -> tuple[Forwarder, ...]:
    one = as_text(urls)
    given = items_of(urls, name="forward_to", most=TARGETS_MAX) if one is None else [one]
    sound = [url for url in map(as_text, given) if url is not None and _is_address(url)]
    if len(sound) < len(given):
        report_misuse("forward_to must be addresses such as http://127.0.0.1:9470; the others are left out")
    secret = as_text(token) or os.environ.get("ANYASCOPE_TOKEN", "")
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    link = text_of(as_text(generator_url) or "", chars_max=1_024)
    targets = [Target(url, headers=headers, format=Format.JSON) for url in addresses(sound)]
    return tuple(Forwarder(target.far_end, HttpSender(target), generator_url=link, random=random) for target in targets)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
