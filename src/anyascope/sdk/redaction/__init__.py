"""Keys, seed words, PINs, macaroons and tokens out of everything before it leaves the process.

A log line is cleaned on the caller's thread before it is written; spans and exported records are cleaned on the thread that
exports them, before the spool and the wire: `redacting(exporter)`.
"""

from __future__ import annotations

from typing import TypeVar

from anyascope.sdk.redaction.texts import VALUE_CHARS_MAX, redact_text, redact_value, redacted_counts, register

__all__ = ["VALUE_CHARS_MAX", "redact_text", "redact_value", "redacted_counts", "redacting", "register"]

_E = TypeVar("_E")


def redacting(exporter: _E) -> _E:
    """An exporter of spans or of log records that sees everything without secrets.

    Works on the thread that exports. Whatever else the exporter has (`shutdown`, `force_flush`, its own attributes) is
    passed on. The host's own spans and records are not changed: others may read them too. A span or record that cannot be
    looked at is left out, with one log line.
    """
    from anyascope.sdk.redaction.export import Redacting  # noqa: PLC0415  # whoever exports has loaded what it needs

    return Redacting(exporter)  # type: ignore[return-value]  # it answers to everything that the exporter does
