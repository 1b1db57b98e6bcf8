"""Loads what background threads will need before they run.

A thread that imports holds the module's lock, and a process that forks at that moment leaves it held in the child for ever:
the child's own thread would wait for it without end. So nothing is imported by a thread of ours; whoever opens a door or makes
a processor, which is when the service starts, pays for it once.
"""

from __future__ import annotations

import importlib

from anyascope.sdk.guard import tell_once

SENDING = ("encodings.idna", "stringprep", "anyascope.redact.text")


def preload(*modules: str) -> None:
    """Import these; what is not installed is told where it is used."""
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            tell_once(f"loading {module}", error)
