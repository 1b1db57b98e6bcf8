"""`--enable-feature`: what of PromQL is off by default, by Prometheus' names."""

from __future__ import annotations

import typer

FEATURE_OPTION = typer.Option(
    "--enable-feature", metavar="LIST", help="What of PromQL is off by default, by Prometheus' names; may be repeated."
)
