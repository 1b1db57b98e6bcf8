"""Who the service is, in OpenTelemetry's words."""

from __future__ import annotations

from opentelemetry.sdk.resources import Resource


def service_resource(service_name: str, *, environment: str, version: str) -> Resource:
    """The resource of a service; attributes of `OTEL_RESOURCE_ATTRIBUTES` are added.

    The environment stands under its current name and under the older `service.environment`.
    """
    attributes = {
        "service.name": service_name,
        "deployment.environment.name": environment,
        "service.environment": environment,
    }
    if version:
        attributes["service.version"] = version
    return Resource.create(attributes)
