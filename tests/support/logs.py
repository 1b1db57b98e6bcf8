"""Logging as a fresh process has it, for tests that set it up, and put back afterwards."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import structlog

from anyascope.sdk.logs import initialize_logs, shutdown_logs


@contextlib.contextmanager
def bare_logging() -> Iterator[None]:
    """While this lasts the root has no handlers, structlog nobody's settings; then all is as it was."""
    root, factory = logging.getLogger(), logging.getLogRecordFactory()
    handlers, level, showwarning = root.handlers[:], root.level, warnings.showwarning
    # Who captured warnings before, such as Celery in a test that ran first, may have left it half undone: then doing it again
    # does nothing.
    logging.captureWarnings(capture=False)
    warnings.showwarning = showwarning
    config, is_configured = structlog.get_config(), structlog.is_configured()
    processors = list(config["processors"])
    structlog.reset_defaults()
    root.handlers[:] = []
    root.setLevel(logging.WARNING)
    try:
        yield
    finally:
        shutdown_logs()
        root.handlers[:] = handlers
        root.setLevel(level)
        for known in logging.root.manager.loggerDict.values():
            if isinstance(known, logging.Logger):
                known.disabled = False  # `logging.config` disables all that it does not know
        logging.setLogRecordFactory(factory)
        warnings.showwarning = showwarning
        structlog.reset_defaults()
        config["processors"][:] = processors
        if is_configured:
            structlog.configure(**config)


class Written:
    """The lines that were written, read as JSON at each call."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __call__(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@contextlib.contextmanager
def written(stream: Any = ..., **options: Any) -> Iterator[Written]:
    """Logs that are set up, written to a stream of the test's own unless one is given."""
    chosen = io.StringIO() if stream is ... else stream
    initialize_logs("custody", **{"environment": "test", **options}, stream=chosen)
    yield Written(chosen)


Reader = Callable[[], list[dict[str, Any]]]
