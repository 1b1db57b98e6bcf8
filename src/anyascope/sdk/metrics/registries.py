"""Of `prometheus_client`'s registries: which one is meant, and what stands in it."""

from __future__ import annotations

from typing import Any, cast

from prometheus_client import REGISTRY, CollectorRegistry

from anyascope.sdk.guard import report_misuse


def is_a(value: object, kind: type) -> bool:
    """`isinstance` that asks nothing of the value, which may refuse to say what it is."""
    return issubclass(type(value), kind)


def sound_registry(value: object) -> CollectorRegistry:
    """The registry that is meant: `prometheus_client.REGISTRY` for None, and for what is none."""
    if is_a(value, CollectorRegistry):
        return cast("CollectorRegistry", value)
    if value is not None:
        report_misuse(f"registry must be a CollectorRegistry, got a {type(value).__name__}; the usual one is used")
    return REGISTRY


def collectors_of(registry: CollectorRegistry) -> list[Any]:
    """What is registered, in order."""
    return list(registry._collector_to_names)  # noqa: SLF001  # prometheus_client has no public way
