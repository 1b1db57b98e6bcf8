"""Serves the page that `web/` builds: `routes` is all that `app` needs."""

from anyascope.webui.pages import routes

__all__ = ["routes"]
