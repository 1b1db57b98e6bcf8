"""A WSGI service for gunicorn that counts each request under its own number, pushes, and has a page of metrics.

Loaded before the fork it has threads that hold the locks of its metrics most of the time: a child is born with some of them
held by a thread that it does not have.
"""

from __future__ import annotations

import os
import threading
import time
from urllib.parse import parse_qs

from prometheus_client import REGISTRY, values

from anyascope.sdk.delivery import limit_exit
from anyascope.sdk.metrics import AnyaMetrics, BitcoinMetricsCollector, metrics_wsgi_app
from anyascope.sdk.metrics.push import push_metrics
from support.prefork import AMOUNT_SATS

PUSH_EVERY_S = 0.25
EXIT_WITHIN_S = 15.0  # a far end may be late on a busy machine; gunicorn is told to wait for longer
HOLD_S = 0.004
REQUESTS_MAX = 100_000
WALLET = "hot"

metrics = AnyaMetrics.init(label_limits={"wallet_id": REQUESTS_MAX})
collector = BitcoinMetricsCollector()
page = metrics_wsgi_app()
if os.environ.get("PREFORK_ENDPOINT"):
    push_metrics(os.environ["PREFORK_ENDPOINT"], service_name="prefork", every_s=PUSH_EVERY_S)
    limit_exit(EXIT_WITHIN_S)


def application(environ, start_response):
    """`/pay?id=7` counts request 7 and answers; `/metrics` is the page."""
    if environ["PATH_INFO"] == "/metrics":
        return page(environ, start_response)
    number = parse_qs(environ["QUERY_STRING"])["id"][0]
    collector.record_transaction("receive", number, "success", 0.02)
    metrics.bitcoin_wallet_balance_sats.labels(WALLET, "main").inc(AMOUNT_SATS)
    body = f"paid {number} by {os.getpid()}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def _multiprocess_lock():
    method = values.ValueClass.inc
    cells = zip(method.__code__.co_freevars, method.__closure__ or (), strict=True)
    return next((cell.cell_contents for name, cell in cells if name == "lock"), None)


def _hold(lock):
    while True:
        with lock:
            time.sleep(HOLD_S)
        time.sleep(HOLD_S / 8)


def hold_locks():
    """Threads that hold what a worker needs for its first request."""
    counter = metrics.bitcoin_transactions_total
    held = [counter._lock, REGISTRY._lock, metrics.label_guard._lock]
    if lock := _multiprocess_lock():
        held.append(lock)
    else:
        held += [
            metrics.bitcoin_wallet_balance_sats.labels(WALLET, "main")._value._lock,
            metrics.bitcoin_block_height._value._lock,
        ]
    for lock in held:
        threading.Thread(target=_hold, args=(lock,), daemon=True).start()


if os.environ.get("PREFORK_PRELOAD"):
    hold_locks()
