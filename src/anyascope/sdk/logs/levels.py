"""The level below which records are not written, changeable while the process runs."""

from __future__ import annotations

import logging

from anyascope.sdk.guard import as_number, as_text, guarded, quoted, report_misuse

DEFAULT_LEVEL = logging.INFO
LEVEL_MAX = 1_000  # far above CRITICAL's 50: a level that silences everything
AUDIT_LOGGERS = ("anyascope.audit", "anyascope.security")  # what an auditor wants is not a matter of verbosity


@guarded(None)
def set_level(level: str | int | None, logger: str | None = None) -> None:
    """Write records of at least this level from now on, in every thread and from structlog and `logging` alike.

    Audit and security events are written whatever the level is.

    Args:
        level: `debug`, `info`, `warning`, `error`, `critical`, in any case, or a number of `logging`; None lets the logger
            follow its parent again.
        logger: name of the logger, with all below it; by default all.
    """
    name = as_text(logger)
    if logger is not None and name is None:
        report_misuse(f"a logger's name is a text, got {quoted(logger)}")
        return
    chosen = logging.getLogger(name) if name else logging.getLogger()
    number = (DEFAULT_LEVEL if chosen is logging.root else logging.NOTSET) if level is None else parse_level(level)
    if number is not None:
        chosen.setLevel(number)


def parse_level(level: object) -> int | None:
    """The number of a level; None, with a report, where it is none."""
    number = as_number(level)
    if isinstance(number, int) and 0 <= number <= LEVEL_MAX:
        return number
    text = (as_text(level) or "").strip().upper()
    if text:
        known = logging.getLevelNamesMapping().get(text)
        if known is not None:
            return known
        if text.isascii() and text.isdigit() and int(text[:6]) <= LEVEL_MAX:
            return int(text[:6])
    report_misuse(f"a log level is one of debug, info, warning, error, critical, or a number, got {quoted(level)}")
    return None


def keep_audit_levels() -> None:
    """Let audit and security events pass whatever the host's level is."""
    for name in AUDIT_LOGGERS:
        own = logging.getLogger(name)
        if own.level == logging.NOTSET:
            own.setLevel(logging.INFO)
