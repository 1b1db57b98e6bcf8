"""gunicorn with forked workers under load, while workers are killed: what clients were answered against what was counted."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from support.components import REPOSITORY
from support.far_end import FarEnd, far_end
from support.ports import free_port
from support.server import eventually

WORKERS = 4
THREADS = 2  # of each worker
CLIENTS = 4
ANSWER_WITHIN_S = 60.0  # a request that takes longer is taken for a deadlock
STOP_WITHIN_S = 60.0
AMOUNT_SATS = 10  # that each request adds to the balance
COUNTER = "anya_bitcoin_transactions"
BALANCE = "anya_bitcoin_wallet_balance_sats"


@dataclass
class Load:
    """What clients saw: numbers of requests that were answered, that broke off, and that were answered too late."""

    answered: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)


@dataclass
class Round:
    """One round's outcome; counts are by number of request."""

    load: Load
    page: dict[str, float]
    page_balance: float
    pushed: dict[str, float]
    pushed_balance: float
    instances: int
    killed: int


class Gunicorn:
    """A running arbiter with `WORKERS` workers of `THREADS` threads each."""

    def __init__(self, folder: Path, *, endpoint: str, multiprocess: bool) -> None:
        self.log = folder / "gunicorn.log"
        settings = folder / "gunicorn.conf.py"
        hooks = "from anyascope.sdk.metrics.gunicorn import child_exit, on_starting\n" if multiprocess else ""
        settings.write_text(hooks)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY / "tests")]),
            "PREFORK_ENDPOINT": endpoint,
            "PREFORK_PRELOAD": "1",
        }
        environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
        if multiprocess:
            environment["PROMETHEUS_MULTIPROC_DIR"] = str(folder / "metrics")
        self.port = free_port()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn", "--config", str(settings), "--preload"),
                    *("--workers", str(WORKERS), "--worker-class", "gthread", "--threads", str(THREADS)),
                    *("--bind", f"127.0.0.1:{self.port}", "--graceful-timeout", "20", "--timeout", "60"),
                    *("--no-control-socket", "support.prefork_app:application"),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=folder,
            )

    def workers(self) -> list[int]:
        """The ids of the workers that live."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(child) for child in children]

    def get(self, path: str) -> bytes:
        """The body of an answer; raises where the connection breaks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_WITHIN_S)
        try:
            connection.request("GET", path, headers={"connection": "close"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise http.client.HTTPException(f"{answer.status}: {body[:200]!r}")
            return body
        finally:
            connection.close()

    def stop(self) -> int:
        """End it gracefully; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_WITHIN_S)


@contextlib.contextmanager
def gunicorn(folder: Path, *, endpoint: str, multiprocess: bool) -> Iterator[Gunicorn]:
    """A service that answers, and that is gone afterwards."""
    running = Gunicorn(folder, endpoint=endpoint, multiprocess=multiprocess)
    try:
        eventually(lambda: _answers(running), what=f"gunicorn answers: {running.log}")
        yield running
    finally:
        if running.process.poll() is None:
            workers = running.workers()
            running.process.kill()
            running.process.wait()
            for worker in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)


def kill_round(
    folder: Path, *, multiprocess: bool, signals: tuple[signal.Signals, ...], requests: int, chance: random.Random
) -> Round:
    """Load the service with `requests`, send each of `signals` to a worker meanwhile, end it, and tell what was counted."""
    folder.mkdir(parents=True, exist_ok=True)
    with far_end() as end, gunicorn(folder, endpoint=end.url, multiprocess=multiprocess) as service:
        load, over = Load(), threading.Event()
        clients = [
            threading.Thread(target=_client, args=(service, load, range(first, requests, CLIENTS)), daemon=True)
            for first in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        killed = _kill(service, load, signals, requests=requests, chance=chance)
        for client in clients:
            client.join(ANSWER_WITHIN_S + 60)
        over.set()
        page = service.get("/metrics").decode() if multiprocess else ""
        assert service.stop() == 0, service.log.read_text()[-3000:]
        counts, balance = page_counts(page)
        pushed, pushed_balance, instances = pushed_counts(end)
    return Round(load, counts, balance, pushed, pushed_balance, instances, killed)


def page_counts(page: str) -> tuple[dict[str, float], float]:
    """Count by request, and the balance, as a page says."""
    counts: dict[str, float] = {}
    balance = 0.0
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == f"{COUNTER}_total":
                counts[sample.labels["wallet_id"]] = sample.value
            elif sample.name == BALANCE:
                balance += sample.value
    return counts, balance


def pushed_counts(end: FarEnd) -> tuple[dict[str, float], float, int]:
    """Count by request, and the balance, as the latest push of each instance says, and how many instances counted."""
    latest: dict[tuple[str, str, str], tuple[int, float]] = {}
    for path, body in zip(end.paths, end.bodies, strict=True):
        if path != "/v1/metrics":
            continue
        for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            instance = next(a.value.string_value for a in group.resource.attributes if a.key == "service.instance.id")
            for metric in group.scope_metrics[0].metrics:
                for point in (*metric.sum.data_points, *metric.gauge.data_points):
                    if metric.name in (COUNTER, BALANCE):
                        wallet = next(a.value.string_value for a in point.attributes if a.key == "wallet_id")
                        place = (instance, metric.name, wallet)
                        found = (point.time_unix_nano, point.as_double)
                        latest[place] = max(latest.get(place, (0, 0.0)), found, key=lambda pair: pair[0])
    counts: dict[str, float] = defaultdict(float)
    for (_, name, wallet), (_, value) in latest.items():
        if name == COUNTER:
            counts[wallet] += value
    balance = sum(value for (_, name, _), (_, value) in latest.items() if name == BALANCE)
    return dict(counts), balance, len({instance for instance, name, _ in latest if name == COUNTER})


def _answers(service: Gunicorn) -> bool:
    try:
        return bool(service.get("/metrics")) and len(service.workers()) == WORKERS
    except (OSError, http.client.HTTPException):
        assert service.process.poll() is None, service.log.read_text()[-3000:]
        return False


def _client(service: Gunicorn, load: Load, numbers: range) -> None:
    for number in map(str, numbers):
        try:
            service.get(f"/pay?id={number}")
        except TimeoutError:
            load.late.add(number)
        except (OSError, http.client.HTTPException):
            load.broken.add(number)
        else:
            load.answered.add(number)


def _kill(
    service: Gunicorn, load: Load, signals: tuple[signal.Signals, ...], *, requests: int, chance: random.Random
) -> int:
    """Send the signals at equal shares of the load; how many were sent."""
    killed = 0
    for number, kind in enumerate(signals, start=1):
        share = requests * number // (len(signals) + 1)
        eventually(
            lambda share=share: len(load.answered) + len(load.broken) + len(load.late) >= share,
            within_s=120,
            what="load",
        )
        workers = service.workers()
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(workers), kind)
            killed += 1
        time.sleep(chance.random() * 0.05)
    return killed
