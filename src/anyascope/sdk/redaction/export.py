"""Spans and log records without secrets, as the thread that exports sends them."""

from __future__ import annotations

import copy
import dataclasses
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link, Status

from anyascope.sdk.guard import tell_once
from anyascope.sdk.redaction.texts import UNREADABLE, redact_text, redact_value

_T = TypeVar("_T")

RESOURCES_KNOWN_MAX = 64  # a process has one, or a few


class Redacting:
    """Stands before an exporter; see `anyascope.sdk.redaction.redacting`."""

    def __init__(self, exporter: Any) -> None:
        self._exporter = exporter
        self._resources = _Resources()

    def export(self, batch: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
        """Hand the batch on without secrets, and give what the exporter answers."""
        return self._exporter.export(list(self._cleaned(batch)), *args, **kwargs)

    def _cleaned(self, batch: Sequence[Any]) -> Iterator[Any]:
        for item in batch:
            try:
                yield self._item(item)
            except Exception as error:  # noqa: BLE001  # one that cannot be looked at must not cost the others
                tell_once("redacting what is exported", error)

    def _item(self, item: Any) -> Any:
        if isinstance(item, ReadableSpan):
            return _span(item, self._resources)
        if hasattr(item, "log_record"):
            return _record(item, self._resources)
        return item

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exporter, name)


class _Resources:
    """Clean resources by the identity of those that they come from, which are kept so that the identity holds."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Resource, Resource]] = {}

    def cleaned(self, resource: Resource) -> Resource:
        known = self._known.get(id(resource))
        if known is not None:
            return known[1]
        before = resource.attributes
        attributes = _attributes(before)
        clean = resource if attributes is before else Resource(dict(attributes), resource.schema_url)
        if len(self._known) >= RESOURCES_KNOWN_MAX:
            self._known.clear()
        self._known[id(resource)] = (resource, clean)
        return clean


def _attributes(attributes: Any, dropped: int = 0) -> Any:
    """The same attributes where they hold no secret; others in their place where they do, with this count of drops."""
    if not attributes:
        return attributes
    before = dict(attributes)
    after = redact_value("", before)
    if after == before:
        return attributes
    if not isinstance(after, Mapping):
        return {"attributes": UNREADABLE}
    clean = BoundedAttributes(attributes=after, immutable=True)
    clean.dropped = dropped
    return clean


def _span(span: ReadableSpan, resources: _Resources) -> ReadableSpan:
    # Read once: OpenTelemetry gives new views of the same attributes, events and links at each call.
    before = (span.name, span.attributes, span.resource, span.status, span.events, span.links)
    after = (
        redact_text(span.name),
        _attributes(before[1], span.dropped_attributes),
        resources.cleaned(before[2]),
        _status(before[3]),
        _sequence(before[4], list(map(_event, before[4])), span.dropped_events),
        _sequence(before[5], list(map(_link, before[5])), span.dropped_links),
    )
    if all(map(operator.is_, before, after)):
        return span
    name, attributes, resource, status, events, links = after
    return ReadableSpan(
        name=name,
        context=span.context,
        parent=span.parent,
        resource=resource,
        attributes=attributes,
        events=events,
        links=links,
        kind=span.kind,
        status=status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _sequence(before: Sequence[_T], after: list[_T], dropped: int) -> Sequence[_T]:
    """The same items where none is new; the new ones with this count of drops where one is."""
    if all(map(operator.is_, before, after)):
        return before
    bounded: BoundedList[_T] = BoundedList.from_seq(len(after), after)
    bounded.dropped = dropped
    return bounded


def _event(event: Event) -> Event:
    name, before = event.name, event.attributes
    clean, attributes = redact_text(name), _attributes(before, event.dropped_attributes)
    return event if clean is name and attributes is before else Event(clean, attributes, event.timestamp)


def _link(link: Link) -> Link:
    before = link.attributes
    attributes = _attributes(before, link.dropped_attributes)
    return link if attributes is before else Link(link.context, attributes)


def _status(status: Status) -> Status:
    if not status.description:
        return status
    description = redact_text(status.description)
    return status if description == status.description else Status(status.status_code, description)


def _record(item: Any, resources: _Resources) -> Any:
    """A log record of OpenTelemetry with the clean likeness of what it says."""
    record = item.log_record
    changed = {
        name: clean
        for name, value in (
            ("body", record.body),
            ("event_name", record.event_name),
            ("severity_text", record.severity_text),
        )
        if value is not None and (clean := redact_value("", value)) != value
    }
    before = record.attributes
    attributes = _attributes(before, item.dropped_attributes)
    if attributes is not before:
        changed["attributes"] = attributes
    resource = resources.cleaned(item.resource) if item.resource is not None else None
    if not changed and resource is item.resource:
        return item
    copied = copy.copy(record)
    for name, clean in changed.items():
        setattr(copied, name, clean)
    return dataclasses.replace(item, log_record=copied, resource=resource)
