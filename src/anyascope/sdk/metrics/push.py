"""Pushes `prometheus_client` metrics by OTLP, for services that nobody scrapes.

Each process pushes what it counted, as an instance of the service of its own: totals of two workers under one name would
overwrite each other. In multiprocess mode one of them pushes what all counted, as one instance (`turns`).
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from opentelemetry.sdk import resources
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from anyascope.clock import NS_PER_S, Clock, SystemClock
from anyascope.sdk.delivery import Target, open_door
from anyascope.sdk.delivery.bell import Bell
from anyascope.sdk.delivery.process import enrol, expect_exit
from anyascope.sdk.delivery.thread import LazyThread
from anyascope.sdk.exporters import OFF, Protocol, parse_protocol, target_of
from anyascope.sdk.guard import guarded, quoted, report_misuse
from anyascope.sdk.metrics.directory import directory
from anyascope.sdk.metrics.forks import renew_locks
from anyascope.sdk.metrics.otlp import Moment, encode_families
from anyascope.sdk.metrics.quantities import checked_number
from anyascope.sdk.metrics.reading import read_apart, read_folder, read_own
from anyascope.sdk.metrics.registries import is_a, sound_registry
from anyascope.sdk.metrics.since import Birth, birth_of, since
from anyascope.sdk.metrics.turns import Turns
from anyascope.sdk.options import checked_headers, checked_optional, checked_text
from anyascope.sdk.resource import INSTANCE_ATTRIBUTE, instance_id, service_resource

DEFAULT_SERVICE = "anya-core"
DEFAULT_ENVIRONMENT = "production"
PUSH_EVERY_S = 5.0  # live enough for a page, an eighth of what a scrape every second would cost
EVERY_S_MIN = 0.1  # a push reads and encodes everything
EVERY_S_MAX = 86_400.0  # a push a day; more is a mistake of units
SHUTDOWN_WITHIN_S = 5.0  # for the last push to be made and sent
READ_WITHIN_S = 0.5  # of the last reading; then a lock is taken to be held by the very code that the exit interrupted


class MetricsPush:
    """Sends a registry's metrics every few seconds from a background thread, at `shutdown()`, and when the process ends.

    A far end that is down or silent costs nothing but a bounded queue of what waits for it.

    Args:
        registry: what is sent; None for `prometheus_client.REGISTRY`.
        target: where to: the address for metrics, and how they travel.
        resource: who the service is.
        every_s: seconds between two pushes, `EVERY_S_MIN` to `EVERY_S_MAX`.
        clock: for times and intervals.
    """

    flush_order = 0  # before the couriers, to whom it hands what it has

    def __init__(
        self,
        registry: CollectorRegistry | None,
        target: Target,
        *,
        resource: Resource,
        every_s: float = PUSH_EVERY_S,
        clock: Clock | None = None,
    ) -> None:
        self._registry = sound_registry(registry)
        self._clock = clock or SystemClock()
        self._every_s = _sound_interval(every_s)
        self._resource = resource
        self._target = target
        self._door = open_door("metrics", target)
        self._birth = Birth(self._clock.now_ns())
        self._pid = os.getpid()
        self._is_running = False
        self._thread = LazyThread("metrics-push", self._run)
        self._renew()

    def start(self) -> None:
        """Push from now on."""
        self._is_running = True
        enrol(self)
        self._thread.ensure()

    @guarded(False)
    def flush(self, within_s: float = SHUTDOWN_WITHIN_S) -> bool:
        """Push now; whether everything was sent within `within_s`."""
        deadline_s = time.monotonic() + within_s
        return self._push_by(deadline_s) and self._door.flush(max(deadline_s - time.monotonic(), 0.0))

    @guarded(None)
    def shutdown(self, within_s: float = SHUTDOWN_WITHIN_S) -> None:
        """Push once more and stop; waits for `within_s` at the most."""
        if not self._is_running:
            return
        deadline_s = time.monotonic() + within_s
        self._push_by(deadline_s)
        self._is_running = False
        self._bell.ring()
        self._door.close(max(deadline_s - time.monotonic(), 0.0))

    # -- asked by the process itself -----------------------------------------------------------------------------------

    @guarded(None)
    def after_fork(self) -> None:
        """In a child: begin at 0, as an instance of its own."""
        self._renew()
        renew_locks([self._registry])
        if directory() is None:
            self._birth = birth_of(self._registry, at_ns=self._clock.now_ns())
        self._thread.after_fork()
        if self._is_running:
            self._thread.ensure()
            # A child of multiprocessing forgets, a moment from now, what was said of its end until then.
            if (util := sys.modules.get("multiprocessing.util")) is not None:
                util.register_after_fork(self, _expect_exit)

    @guarded(None)
    def flush_at_exit(self, deadline_s: float) -> None:
        """Push once more, as the process ends."""
        if self._is_running:
            self._push_by(deadline_s)

    # -- in the background ---------------------------------------------------------------------------------------------

    def _renew(self) -> None:
        self._bell = Bell()
        self._asked: deque[threading.Event] = deque()

    def _run(self) -> None:
        due_s = time.monotonic() + self._every_s
        while True:
            self._bell.wait(due_s - time.monotonic())
            asked = [self._asked.popleft() for _ in range(len(self._asked))]
            if asked or (self._is_running and time.monotonic() >= due_s):
                self._push(is_last=bool(asked))
                due_s = time.monotonic() + self._every_s
            for done in asked:
                done.set()
            if not self._is_running and self._thread.end_unless(lambda: bool(self._asked)):
                return

    def _push_by(self, deadline_s: float) -> bool:
        """Whether a push from now was made until `deadline_s`; made by the thread, since the caller may hold a lock."""
        done = threading.Event()
        self._asked.append(done)
        if not self._thread.ensure():
            self._push(is_last=True)
            return True
        self._bell.ring()
        if done.wait(min(max(deadline_s - time.monotonic(), 0.0), READ_WITHIN_S)):
            return True
        # Whoever waits for the old locks goes on waiting: somebody else reads, with new ones.
        renew_locks([self._registry])
        other = threading.Thread(
            target=self._push, kwargs={"is_last": True}, name="anyascope-metrics-last", daemon=True
        )
        other.start()
        other.join(max(deadline_s - time.monotonic(), 0.0))
        return not other.is_alive()

    @guarded(None)
    def _push(self, *, is_last: bool) -> None:
        folder = directory()
        if folder is None:
            self._send(since(self._birth, read_own(self._registry)), self._process_resource(), self._birth.at_ns)
            return
        self._send(read_apart(self._registry), self._process_resource(), self._birth.at_ns)
        with self._turns(folder).turn(is_forced=is_last) as family:
            if family is not None:
                together = self._resource.merge(Resource({INSTANCE_ATTRIBUTE: family.instance}))
                self._send(read_folder(folder), together, family.start_ns)

    def _send(self, families: Sequence[Metric], resource: Resource, start_ns: int) -> None:
        now_ns = self._clock.now_ns()
        moment = Moment(start_ns=min(start_ns, now_ns), now_ns=now_ns)
        for body, points in encode_families(families, resource, moment):
            self._door.deliver(body, items=points)

    def _turns(self, folder: Path) -> Turns:
        return Turns(folder, self._target.far_end, every_ns=round(self._every_s * NS_PER_S), clock=self._clock)

    def _process_resource(self) -> Resource:
        """The resource with the `service.instance.id` of this very process."""
        if os.getpid() == self._pid:
            return self._resource
        # One that the operator chose stays recognizable; two processes under one id would overwrite each other's totals.
        is_chosen = INSTANCE_ATTRIBUTE in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
        chosen = f"{self._resource.attributes.get(INSTANCE_ATTRIBUTE)}-{os.getpid()}"
        return self._resource.merge(Resource({INSTANCE_ATTRIBUTE: chosen if is_chosen else _instance_of_process()}))


@guarded(None)
def push_metrics(  # noqa: PLR0913  # what can be said about it; all but one by keyword
    endpoint: str | None = None,
    *,
    registry: CollectorRegistry | None = None,
    resource: Resource | None = None,
    service_name: str = DEFAULT_SERVICE,
    environment: str = DEFAULT_ENVIRONMENT,
    version: str = "",
    protocol: str = "otlp_http",
    token: str = "",
    headers: Mapping[str, str] | None = None,
    ca_file: str = "",
    cert_file: str = "",
    key_file: str = "",
    every_s: float = PUSH_EVERY_S,
) -> MetricsPush | None:
    """Push a registry's metrics from now on, and at the end of the process; `None`, with one log line, where that fails.

    Args:
        endpoint: of anyascope or a collector, as of `initialize_tracing`; `off` sends nothing.
        registry: None for `prometheus_client.REGISTRY`.
        resource: who the service is; by default made of the three that follow.
        service_name: `service.name`.
        environment: `deployment.environment.name`.
        version: `service.version`.
        protocol: `otlp_http` or `otlp_grpc`.
        token: sent as `Authorization: Bearer`.
        headers: sent with each request.
        ca_file, cert_file, key_file: for TLS.
        every_s: seconds between two pushes, 0.1 to 86,400.
    """
    where: object = endpoint
    if where is not None and not is_a(where, str):
        report_misuse(f"endpoint must be a text, got {quoted(where)}; metrics are not pushed")
        return None
    if _is_disabled() or (endpoint or "").strip().lower() == OFF:
        return None
    try:
        chosen = parse_protocol(protocol)
        if chosen is Protocol.JAEGER_THRIFT_HTTP:
            raise ValueError("Jaeger takes traces only")  # noqa: TRY301  # one place reports all that is wrong
        target = target_of(
            "metrics",
            protocol=chosen,
            endpoint=endpoint,
            token=checked_optional("token", token),
            headers=checked_headers(headers),
            ca_file=checked_optional("ca_file", ca_file),
            cert_file=checked_optional("cert_file", cert_file),
            key_file=checked_optional("key_file", key_file),
        )
    except ValueError as error:
        report_misuse(f"{error}; metrics are not pushed")
        return None
    if resource is None or not is_a(resource, Resource):
        resource = service_resource(
            checked_text("service_name", service_name, DEFAULT_SERVICE),
            environment=checked_text("environment", environment, DEFAULT_ENVIRONMENT),
            version=checked_text("version", version, "", may_be_empty=True),
        )
    push = MetricsPush(registry, target, resource=resource, every_s=every_s)
    push.start()
    return push


def _expect_exit(_push: MetricsPush) -> None:
    expect_exit()


def _instance_of_process() -> str:
    """The id under which OpenTelemetry knows this process, so that its traces and metrics have the same."""
    # Not by `Resource.create`, which asks a pool of threads: there are none any more at the end of a process.
    detector = getattr(resources, "ServiceInstanceIdResourceDetector", None)
    found = detector().detect().attributes.get(INSTANCE_ATTRIBUTE) if detector is not None else None
    return str(found or instance_id())


def _is_disabled() -> bool:
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def _sound_interval(every_s: object) -> float:
    number = checked_number("every_s", every_s, least=EVERY_S_MIN, most=EVERY_S_MAX)
    return PUSH_EVERY_S if number is None else number
