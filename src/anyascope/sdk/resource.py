"""Who the service is, in OpenTelemetry's words."""

from __future__ import annotations

import os
import socket
import uuid

from opentelemetry.sdk.resources import Resource

from anyascope.sdk.options import DEFAULT_ENVIRONMENT, DEFAULT_SERVICE, checked_text

INSTANCE_ATTRIBUTE = "service.instance.id"

_instance: tuple[int, str] = (0, "")


def service_resource(service_name: str, *, environment: str, version: str) -> Resource:
    """The resource of a service in this process; attributes of `OTEL_RESOURCE_ATTRIBUTES` are added.

    The environment stands under its current name and under the older `service.environment`. Each process is an instance of
    its own: after a fork this gives another `service.instance.id` and `process.pid`.
    """
    environment = checked_text("environment", environment, DEFAULT_ENVIRONMENT)
    version = checked_text("version", version, "", may_be_empty=True)
    attributes = {
        "service.name": checked_text("service_name", service_name, DEFAULT_SERVICE),
        "deployment.environment.name": environment,
        "service.environment": environment,
    }
    if version:
        attributes["service.version"] = version
    # Which process of which machine; what the operator or the host's own detectors say of these wins.
    identity: dict[str, str | int] = {
        INSTANCE_ATTRIBUTE: instance_id(),
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
    }
    known = Resource.create(attributes)
    return Resource({**identity, **known.attributes}, known.schema_url)


def instance_id() -> str:
    """A random id of this process, for versions of OpenTelemetry that make none."""
    global _instance  # noqa: PLW0603  # one for the process; a tuple, so that no thread sees half of a change
    pid, known = _instance
    if pid != os.getpid():
        known = str(uuid.uuid4())
        _instance = (os.getpid(), known)
    return known
