"""For gunicorn's configuration file, where the workers' metrics live in files that they share (`PROMETHEUS_MULTIPROC_DIR`).

    from anyascope.sdk.metrics.gunicorn import child_exit, on_starting

The variable must be set before Python starts: `prometheus_client` reads it once.
"""

from __future__ import annotations

from typing import Any

from anyascope.sdk.metrics.archive import bury, clean_folder


def on_starting(server: Any) -> None:  # noqa: ARG001  # gunicorn's signature
    """The arbiter starts: what a former run left is removed, unless that run still lives (an upgrade in place)."""
    clean_folder()


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001  # gunicorn's signature
    """A worker ended, however it did: its gauges leave the page, its totals stay in it, its files do not."""
    bury(getattr(worker, "pid", 0))
