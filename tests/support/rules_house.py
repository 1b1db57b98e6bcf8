"""A small house for rules: memory for samples and documents, an engine that answers what it is told, lists of what was sent."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock
from anyascope.errors import ConflictError, UnavailableError
from anyascope.frames.samples import SampleFrame
from anyascope.model.documents import Document, DocumentPage, Put
from anyascope.model.labels import labels_of
from anyascope.model.metrics import MetricBatch, SampleBatch
from anyascope.ports import Admission
from anyascope.promql.result import QueryResult, ResultKind
from anyascope.rules.load import load_rules
from anyascope.rules.manager import Rules
from anyascope.rules.options import RulesOptions


def vector(elements, time_ms=0):
    """A query's answer from (labels, value) pairs."""
    frame = SampleFrame(
        labels=[labels_of(labels) for labels, _ in elements],
        offsets=np.arange(len(elements) + 1, dtype=np.int64),
        times_ms=np.full(len(elements), time_ms, np.int64),
        values=np.array([value for _, value in elements], np.float64),
    )
    return QueryResult(ResultKind.VECTOR, frame, time_ms)


class ScriptedEngine:
    """Answers each expression with what stands in `answers`: (labels, value) pairs, or an error to raise."""

    def __init__(self):
        self.answers = {}
        self.asked = []

    async def instant(self, query, time_ms):
        self.asked.append((query, time_ms))
        answer = self.answers.get(query, [])
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, QueryResult) else vector(answer, time_ms)


class Pipe:
    """Intake and Arrivals in one: what is taken is kept (in `store` too, where there is one) and told to listeners."""

    def __init__(self, store=None):
        self.store = store
        self.batches = []
        self.listeners = []
        self.error = None

    async def metrics(self, batch, *, source):
        if self.error:
            raise self.error
        self.batches.append((source, batch))
        if self.store is not None:
            await self.store.write_metrics(batch)
        for listener in list(self.listeners):
            listener(batch)
        return Admission(batch.rows)

    async def logs(self, batches, *, source):
        raise NotImplementedError

    async def spans(self, batches, *, source):
        raise NotImplementedError

    def on_metrics(self, listener):
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def on_logs(self, listener):
        raise NotImplementedError

    def on_spans(self, listener):
        raise NotImplementedError

    def written(self):
        """Everything that rules stored: (labels as a dict, time_ms, value)."""
        return [
            (dict(batch.samples.series[row]), int(time_ms), float(value))
            for source, batch in self.batches
            if source == "rules"
            for row, time_ms, value in zip(
                batch.samples.rows, batch.samples.times_ms, batch.samples.values, strict=True
            )
        ]


class Sink:
    """Keeps what it is handed, or refuses with `error`."""

    def __init__(self):
        self.received = []
        self.error = None

    async def receive(self, alerts):
        if self.error:
            raise self.error
        self.received.extend(alerts)

    def take(self):
        taken, self.received = self.received, []
        return taken


class MemoryDocuments:
    """Documents in a dictionary."""

    def __init__(self):
        self.kept = {}

    async def get(self, kind, key):
        return self.kept.get((kind, key))

    async def page(self, kind, *, prefix="", after="", limit=1000, descending=False):
        keys = sorted(key for known, key in self.kept if known == kind and key.startswith(prefix) and key > after)
        found = tuple(self.kept[kind, key] for key in keys[:limit])
        return DocumentPage(found, keys[limit - 1] if len(keys) > limit else "")

    async def commit(self, changes):
        for change in changes:
            place = (change.kind, change.key)
            if isinstance(change, Put):
                version = self.kept[place].version if place in self.kept else 0
                if change.expected_version not in (None, version):
                    raise ConflictError("another version")
                self.kept[place] = Document(change.kind, change.key, change.body, version + 1)
            else:
                self.kept.pop(place, None)


@dataclass
class RulesHouse:
    """Everything that `Rules` works with, and `Rules` itself."""

    engine: object = field(default_factory=ScriptedEngine)
    pipe: Pipe = field(default_factory=Pipe)
    sink: Sink = field(default_factory=Sink)
    documents: MemoryDocuments = field(default_factory=MemoryDocuments)
    clock: ManualClock = field(default_factory=ManualClock)
    options: RulesOptions = field(default_factory=RulesOptions)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    rules: Rules | None = None
    worked_ns: int = 0  # of the processor; its own would make rests of hand-turned time as long as the machine is slow

    async def start(self, text, *, file="r.yml"):
        self.registry = CollectorRegistry()
        self.rules = Rules(
            self.engine,
            self.pipe,
            self.sink,
            self.pipe,
            options=self.options,
            documents=self.documents,
            clock=self.clock,
            registry=self.registry,
            worked_ns=lambda: self.worked_ns,
        )
        await self.rules.start(load_rules(text, file=file))

    async def crash(self):
        """End without a goodbye: nothing is saved."""
        self.pipe.listeners.clear()
        for runner in self.rules._runners.values():
            runner._task.cancel()

    async def reload(self, text, *, file="r.yml"):
        await self.rules.reload(load_rules(text, file=file))

    def now_ms(self):
        return self.clock.now_ns() // 1_000_000

    async def send(self, labels, value):
        """A sample of now arrives."""
        sample = (labels_of(labels), self.now_ms(), value)
        await self.pipe.metrics(MetricBatch(SampleBatch.of([sample])), source="test")
        await self.clock.advance(0)

    def metric(self, name, **labels):
        return self.registry.get_sample_value(name, labels)


UNAVAILABLE = UnavailableError("busy", retry_after_s=1.0)
