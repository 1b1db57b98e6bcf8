"""What all tests of the SDK share."""

from __future__ import annotations

import logging

import pytest

from anyascope.sdk.guard import forget_told


@pytest.fixture(autouse=True)
def _fresh_process():
    """What a process does once, or keeps for all: faults are told anew, and nobody has turned the loggers down."""
    forget_told()
    logging.disable(logging.NOTSET)
    logging.getLogger().setLevel(logging.WARNING)
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if name.startswith("anyascope") and isinstance(logger, logging.Logger):
            logger.disabled, logger.propagate = False, True
            logger.setLevel(logging.NOTSET)
