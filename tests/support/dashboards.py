"""Published Grafana dashboards: their expressions, with the variables replaced as Grafana replaces them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

VARIABLES = {
    "node-exporter-full": {"node": "host:9100", "job": "node"},
    "prometheus": {"cluster": ".*", "job": "prometheus", "instance": ".*"},
    "bitcoin-grafana": {},
}
BUILT_IN = {
    "__rate_interval": "1m",
    "__interval": "15s",
    "__interval_ms": "15000",
    "__range": "1h",
    "__range_s": "3600",
}
_VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)|\[\[(\w+)\]\]")


def expressions(folder: Path, name: str) -> list[str]:
    """Each expression of a dashboard once, in its order."""
    document = json.loads((folder / f"{name}.json").read_text("utf-8"))
    known = {**BUILT_IN, **VARIABLES[name]}
    replaced = (
        _VARIABLE.sub(lambda found: known[next(group for group in found.groups() if group)], text)
        for text in _expressions(document)
    )
    return list(dict.fromkeys(replaced))


def _expressions(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "expr" and isinstance(value, str):
                yield value
            else:
                yield from _expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from _expressions(value)
