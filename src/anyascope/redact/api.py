"""`Redactor`: private keys, seeds, PINs and tokens out of texts, attributes, labels, logs and spans.

A batch's distinct texts are joined and scanned at once, so that clean text costs some 10 ns a byte; only texts in which a
scan finds something are looked at closely. Where a secret was stands `<redacted:kind>`; the counter knows kinds, never
values.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, chain

from prometheus_client import CollectorRegistry, Counter

from anyascope.model.attributes import Attributes, AttributeValue, Resource
from anyascope.model.labels import Labels, labels_of
from anyascope.model.logs import LogBatch
from anyascope.model.traces import SpanBatch, SpanEvent, SpanLink
from anyascope.redact.gates import GATES
from anyascope.redact.names import secrecy_of
from anyascope.redact.text import KINDS, clean
from anyascope.redact.values import clean_value

_SEPARATOR = "\0"  # between joined texts: no scan matches across it
_STRUCTURED = frozenset((list, dict, bytes, tuple))


class Redactor:
    """Finds secrets and puts marks in their place. Stateless but for its counter: any thread may use it."""

    def __init__(self, *, registry: CollectorRegistry) -> None:
        counter = Counter(
            "anyascope_redacted",
            "Secrets taken out of telemetry and messages, by kind.",
            ["kind"],
            registry=registry,
        )
        self._found = {kind: counter.labels(kind) for kind in KINDS}

    def text(self, text: str) -> str:
        """The text without secrets."""
        cleaned, kinds = clean(text)
        for kind in kinds:
            self._note(kind)
        return cleaned

    def texts(self, texts: Sequence[str]) -> dict[int, str]:
        """Position -> clean text, only of those that held a secret."""
        replaced = self._replacements(texts)
        return {row: replaced[text] for row, text in enumerate(texts) if text in replaced} if replaced else {}

    def attributes(self, attributes: Attributes) -> dict[str, AttributeValue]:
        """The same attributes, with neither secrets in values nor values under secret names."""
        return {name: clean_value(name, value, self._note) for name, value in attributes.items()}

    def labels(self, sets: Sequence[Labels]) -> dict[int, Labels]:
        """Position -> clean label set, only of those that held a secret."""
        replaced = self._replacements(value for labels in sets for _, value in labels)
        secret = {name for name in {name for labels in sets for name, _ in labels} if secrecy_of(name)}
        if not replaced and not secret:
            return {}
        found: dict[int, Labels] = {}
        for row, labels in enumerate(sets):
            clean = labels_of(
                (name, str(clean_value(name, value, self._note)) if name in secret else replaced.get(value, value))
                for name, value in labels
            )
            if clean != labels:
                found[row] = clean
        return found

    def logs(self, batch: LogBatch) -> None:
        """Clean bodies, attributes and resources of a batch, in place."""
        for row, text in self.texts(batch.bodies).items():
            batch.bodies[row] = text
        for row, value in batch.body_values.items():
            batch.body_values[row] = clean_value("", value, self._note)
        self._column(batch.attributes)
        batch.resources[:] = [self._resource(resource) for resource in batch.resources]

    def spans(self, batch: SpanBatch) -> None:
        """Clean names, messages, attributes, events, links and resources of a batch, in place."""
        for column in (batch.names, batch.status_messages):
            for row, text in self.texts(column).items():
                column[row] = text
        self._column(batch.attributes)
        if batch.events:
            self._events(batch)
        for row, links in batch.links.items():
            batch.links[row] = tuple(self._link(link) for link in links)
        batch.resources[:] = [self._resource(resource) for resource in batch.resources]

    def _events(self, batch: SpanBatch) -> None:
        flat = [event for events in batch.events.values() for event in events]
        names = [event.name for event in flat]
        for row, text in self.texts(names).items():
            names[row] = text
        column = [dict(event.attributes) for event in flat]
        self._column(column)
        clean = iter(
            event
            if event.name == name and event.attributes == attributes
            else SpanEvent(event.time_ns, name, attributes)
            for event, name, attributes in zip(flat, names, column, strict=True)
        )
        for row, events in batch.events.items():
            batch.events[row] = tuple(next(clean) for _ in events)

    def _link(self, link: SpanLink) -> SpanLink:
        return replace(link, attributes=self.attributes(link.attributes)) if link.attributes else link

    def _resource(self, resource: Resource) -> Resource:
        clean = self.attributes(resource.attributes)
        return resource if clean == resource.attributes else replace(resource, attributes=clean)

    def _column(self, column: list[dict[str, AttributeValue]]) -> None:
        """Clean the attributes of many records, in place; entries that change are replaced."""
        names: set[str] = set().union(*column)
        secret = {name for name in names if secrecy_of(name)}
        values = list(chain.from_iterable(map(dict.values, column)))
        structured = not _STRUCTURED.isdisjoint(map(type, values))
        replaced = self._replacements(value for value in values if value.__class__ is str)
        if not (secret or structured or replaced):
            return
        for row, entry in enumerate(column):
            if structured or not secret.isdisjoint(entry):
                column[row] = self.attributes(entry)
            elif replaced and not replaced.keys().isdisjoint(v for v in entry.values() if v.__class__ is str):
                column[row] = {
                    name: replaced.get(value, value) if isinstance(value, str) else value
                    for name, value in entry.items()
                }

    def _note(self, kind: str) -> None:
        self._found[kind].inc()

    def _replacements(self, texts: Iterable[str]) -> Mapping[str, str]:
        """Text -> clean text, of those that held a secret."""
        distinct = list(dict.fromkeys(texts))
        found: dict[str, str] = {}
        for row in sorted(_suspects(distinct)):
            clean = self.text(distinct[row])
            if clean != distinct[row]:
                found[distinct[row]] = clean
        return found


def _suspects(texts: Sequence[str]) -> set[int]:
    """Positions of the texts that deserve a close look."""
    data = _SEPARATOR.join(texts).encode("utf-8", "surrogatepass")
    suspects: set[int] = set()
    ends: list[int] | None = None
    for gate in GATES:
        at = 0
        while (found := gate.search(data, at)) is not None:
            if ends is None:
                ends = _ends(texts, is_ascii=data.isascii())
            row = bisect_right(ends, found.start())
            suspects.add(row)
            if row + 1 >= len(texts):
                break
            at = ends[row]
    return suspects


def _ends(texts: Sequence[str], *, is_ascii: bool) -> list[int]:
    """Where each text's bytes and its separator end in the joined bytes."""
    sizes = map(len, texts) if is_ascii else (len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return list(accumulate(size + len(_SEPARATOR) for size in sizes))
