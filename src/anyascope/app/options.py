"""What `anyascope up` was told on its command line or by the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class UpOptions:
    """Options of one start; None means that the settings file or the default decides.

    Attributes:
        config: `anyascope.yml`.
        data: the data directory.
        listen: address of the main face, `host:port`.
        prometheus_config, alertmanager_config: files in these programs' own formats, taken as they are.
        log_format: `text` or `json`.
        collect: whether the host and the server itself are observed.
        store: `chdb` or `memory`.
    """

    config: Path | None = None
    data: Path | None = None
    listen: str | None = None
    prometheus_config: Path | None = None
    alertmanager_config: Path | None = None
    log_format: str | None = None
    collect: bool = True
    store: str | None = None
