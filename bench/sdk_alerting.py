"""What raising an alert costs the service: `send_alert` beside a log line of the SDK, with channels that work and that hang."""

from __future__ import annotations

import logging
import threading
import time

from prometheus_client import CollectorRegistry

from anyascope.sdk.alerting import AlertBuilders, AlertManager
from anyascope.sdk.logs import emit
from figures import quantile, show

CALLS = 900  # below the number of alerts that are held at once
SEND_US_MAX = 1_000.0  # of the caller's time: an alert is rare, and must not be felt
BLACK_HOLE_RATIO_MAX = 1.5  # what may differ between channels that work and that hang is noise


class Channel:
    """Takes everything at once, or never comes back."""

    def __init__(self, name: str, gate: threading.Event) -> None:
        self._name = name
        self._gate = gate

    def channel_name(self) -> str:
        return self._name

    def supports_severity(self, _severity) -> bool:
        return True

    def send_alert(self, _alert) -> None:
        self._gate.wait()


def measured(gate: threading.Event) -> list[float]:
    """Microseconds of each call, of alerts that are all different."""
    manager = AlertManager([Channel(name, gate) for name in ("slack", "email", "phone")], registry=CollectorRegistry())
    took = []
    for number in range(CALLS):
        began = time.perf_counter()
        manager.send_alert(AlertBuilders.hsm_operation_failed("sign", f"hsm-{number}", "CKR_DEVICE_ERROR"))
        took.append((time.perf_counter() - began) * 1e6)
        time.sleep(0.001)  # the rest of the service has its turn, as between two failures
    gate.set()
    manager.close()
    return took


def main() -> None:
    logging.getLogger("anyascope").addHandler(logging.NullHandler())
    logging.getLogger("anyascope").propagate = False
    logging.getLogger("anyascope").setLevel(logging.INFO)
    working, hanging = threading.Event(), threading.Event()
    working.set()
    works, hangs = measured(working), measured(hanging)
    log = logging.getLogger("anyascope.alerting")
    lines = []
    for number in range(CALLS):
        began = time.perf_counter()
        emit(log, logging.INFO, "alert_raised", provider=f"hsm-{number}")
        lines.append((time.perf_counter() - began) * 1e6)
    show("send_alert, caller's time, p50", quantile(works, 0.5), "µs", bar=SEND_US_MAX, is_most=True)
    show("send_alert, caller's time, p99", quantile(works, 0.99), "µs")
    show("send_alert, every channel hangs, p99", quantile(hangs, 0.99), "µs")
    ratio = quantile(hangs, 0.5) / quantile(works, 0.5)
    show("send_alert, hanging to working channels, p50", ratio, "x", bar=BLACK_HOLE_RATIO_MAX, is_most=True)
    show("a log line of the SDK alone, p50", quantile(lines, 0.5), "µs")


if __name__ == "__main__":
    main()
