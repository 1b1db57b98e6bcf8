"""Makes `prometheus_client` usable in a forked child, whatever its parent's threads were doing at the moment of the fork.

Its metrics have locks, and a lock that another thread held when the process forked stays held in the child for ever: the
first thing that the child counts would wait without end (prometheus/client_python issue 431). The values behind the locks are
sound, since each changes within one step of the interpreter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Any

from prometheus_client import CollectorRegistry, values
from prometheus_client.metrics import MetricWrapperBase

from anyascope.sdk.guard import tell_once
from anyascope.sdk.metrics.registries import collectors_of


def renew_locks(registries: Iterable[CollectorRegistry]) -> None:
    """Give every metric of these registries fresh locks; threads that wait for the old ones are not there any more."""
    _renew_multiprocess_lock()
    for registry in registries:
        try:
            registry._lock = Lock()  # noqa: SLF001  # prometheus_client has no public way
            for collector in collectors_of(registry):
                if isinstance(collector, MetricWrapperBase):
                    _renew(collector)
        except Exception as error:  # noqa: BLE001  # an inside of prometheus_client that changed
            tell_once("renewing the locks of metrics after a fork", error)


def _renew(metric: Any) -> None:
    if hasattr(metric, "_lock"):
        metric._lock = Lock()  # noqa: SLF001  # see above
    for value in _values_of(metric):
        if hasattr(value, "_lock"):
            value._lock = Lock()  # noqa: SLF001  # see above
    for child in list(getattr(metric, "_metrics", {}).values()):
        _renew(child)


def _values_of(metric: Any) -> Iterator[Any]:
    for name in ("_value", "_sum", "_count"):
        if hasattr(metric, name):
            yield getattr(metric, name)
    yield from getattr(metric, "_buckets", ())


def _renew_multiprocess_lock() -> None:
    """In multiprocess mode all values share one lock, which only their methods can reach."""
    method = getattr(values.ValueClass, "inc", None)
    if not getattr(values.ValueClass, "_multiprocess", False) or method is None:
        return
    for name, cell in zip(method.__code__.co_freevars, method.__closure__ or (), strict=False):
        if name == "lock":
            cell.cell_contents = Lock()
