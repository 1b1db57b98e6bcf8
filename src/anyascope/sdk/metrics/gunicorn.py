"""For gunicorn's configuration file, where metrics live in files that all workers share (`PROMETHEUS_MULTIPROC_DIR`).

from anyascope.sdk.metrics.gunicorn import child_exit, on_starting
"""
