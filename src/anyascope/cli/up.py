"""`anyascope up`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

ENV = "ANYASCOPE_"


class LogFormat(StrEnum):
    """How the server writes its own log."""

    TEXT = "text"
    JSON = "json"


class StoreKind(StrEnum):
    """Where data is kept."""

    CHDB = "chdb"
    MEMORY = "memory"


ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar=f"{ENV}CONFIG", help="Configuration; anyascope.yml here, if there is one."),
]
DataOption = Annotated[
    Path | None, typer.Option("--data", envvar=f"{ENV}DATA", help="Directory for everything that is kept.")
]
ListenOption = Annotated[
    str | None,
    typer.Option("--listen", envvar=f"{ENV}LISTEN", metavar="HOST:PORT", help="Main address; 127.0.0.1:9470."),
]
PrometheusConfigOption = Annotated[
    Path | None,
    typer.Option("--prometheus-config", envvar=f"{ENV}PROMETHEUS_CONFIG", help="A prometheus.yml, as it is."),
]
AlertmanagerConfigOption = Annotated[
    Path | None,
    typer.Option("--alertmanager-config", envvar=f"{ENV}ALERTMANAGER_CONFIG", help="An alertmanager.yml, as it is."),
]
LogFormatOption = Annotated[
    LogFormat | None, typer.Option("--log-format", envvar=f"{ENV}LOG_FORMAT", help="How it logs about itself.")
]
NoCollectOption = Annotated[
    bool,
    typer.Option("--no-collect", envvar=f"{ENV}NO_COLLECT", help="Collect nothing of this host or the server itself."),
]
FeaturesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--enable-feature",
        envvar=f"{ENV}ENABLE_FEATURE",
        metavar="NAME",
        help="What of PromQL is experimental, under Prometheus' names, such as promql-experimental-functions.",
    ),
]
AdminApiOption = Annotated[
    bool,
    typer.Option(
        "--enable-admin-api",
        "--web.enable-admin-api",
        envvar=f"{ENV}ENABLE_ADMIN_API",
        help="Let clients delete series and make snapshots.",
    ),
]
StoreOption = Annotated[
    StoreKind | None,
    typer.Option("--store", envvar=f"{ENV}STORE", help="chdb, on disk; or memory, which forgets at the end."),
]


def up(  # noqa: PLR0913  # each an option of its own
    *,
    config: ConfigOption = None,
    data: DataOption = None,
    listen: ListenOption = None,
    prometheus_config: PrometheusConfigOption = None,
    alertmanager_config: AlertmanagerConfigOption = None,
    log_format: LogFormatOption = None,
    no_collect: NoCollectOption = False,
    enable_feature: FeaturesOption = None,
    admin_api: AdminApiOption = False,
    store: StoreOption = None,
) -> None:
    """Start the server in the foreground."""
    import gc
    import signal

    # A reload that is asked for while it starts waits until it can be done; it would end the process.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    # What is imported stays: looking through it for garbage, again and again, takes a fifth of the start.
    gc.disable()
    from anyascope.app.main import run_server
    from anyascope.config.load import Sources

    sources = Sources(
        config=config,
        data=data,
        listen=listen,
        prometheus_config=prometheus_config,
        alertmanager_config=alertmanager_config,
        log_format=log_format.value if log_format else None,
        collect=not no_collect,
        features=tuple(enable_feature or ()),
        admin_api=admin_api,
        store=store.value if store else None,
    )
    raise typer.Exit(run_server(sources))
