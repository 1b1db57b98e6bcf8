"""The door to PromQL: asks the store, evaluates, answers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from anyascope.clock import MS_PER_S, NS_PER_MS, Clock
from anyascope.errors import AnyascopeError, InvalidInputError
from anyascope.frames.samples import SampleFrame
from anyascope.frames.steps import StepFrame
from anyascope.model.labels import Labels
from anyascope.promql.asking import Asked, Leash
from anyascope.promql.boxes import NativeTable
from anyascope.promql.errors import QueryCancelledError, QueryTimeoutError
from anyascope.promql.evaluate import evaluate, range_samples
from anyascope.promql.fetch import fetch, spans, steps_within
from anyascope.promql.lexer import place
from anyascope.promql.memory import give_back, let_go
from anyascope.promql.options import INLINE_SAMPLES_MAX, PLANS_MAX, EngineOptions, QueryLimits
from anyascope.promql.parse import Query, parse
from anyascope.promql.querylog import Done, QueryLog
from anyascope.promql.result import QueryResult, QueryStats, ResultKind
from anyascope.promql.signatures import Feature
from anyascope.promql.syntax import is_range, kind_of, unwrapped
from anyascope.promql.values import Context, Notes, Scalars, Value, Vector, Words, settled, without_reserved
from anyascope.store.api.metrics import MetricReader

log = structlog.get_logger("anyascope.promql")

SLOW_QUERY_S = 10.0  # worth a line in the log: a page that waits longer is not used
LONG_MS = 250.0  # a query that takes longer took memory that is worth giving back
GIVE_BACK_AFTER_S = 1.0  # the answer is written by then
DURATION_BUCKETS_S = (0.001, 0.005, 0.025, 0.1, 0.5, 2.0, 10.0, 60.0)


@dataclass(frozen=True, slots=True)
class _Steps:
    """When a query is asked for, and how far back it looks: `step_ms` is 0 for an instant query."""

    start_ms: int
    end_ms: int
    step_ms: int
    lookback_ms: int


class Engine:
    """Evaluates PromQL over what a reader gives.

    Args:
        reader: where samples come from.
        options: how it evaluates, and what it allows by default.
        clock: measures durations.
        registry: gets the engine's own metrics, `anyascope_query_*`.
        query_log: is told of every query that ended.
    """

    def __init__(
        self,
        reader: MetricReader,
        *,
        options: EngineOptions | None = None,
        clock: Clock,
        registry: CollectorRegistry,
        query_log: QueryLog | None = None,
    ) -> None:
        self._reader = reader
        self._log = query_log
        self._asked: dict[int, Asked] = {}
        self._options = options or EngineOptions()
        self._clock = clock
        self._turns = asyncio.Semaphore(self._options.concurrency_max)
        self._threads = ThreadPoolExecutor(self._options.concurrency_max, thread_name_prefix="promql")
        self._plans: OrderedDict[str, Query] = OrderedDict()
        self._running = Gauge("anyascope_query_running", "PromQL queries that are evaluated now.", registry=registry)
        self._seconds = Histogram(
            "anyascope_query_duration_seconds",
            "How long PromQL queries took, waiting included.",
            ["kind"],
            buckets=DURATION_BUCKETS_S,
            registry=registry,
        )
        self._samples = Counter("anyascope_query_samples_total", "Samples that PromQL queries read.", registry=registry)
        self._failures = Counter(
            "anyascope_query_failures_total", "PromQL queries that failed.", ["code"], registry=registry
        )
        self._took = {kind: self._seconds.labels(kind) for kind in ("instant", "range")}

    @property
    def options(self) -> EngineOptions:
        """What the engine was made with."""
        return self._options

    @property
    def running(self) -> list[Asked]:
        """The queries that wait or run now, the oldest first."""
        return list(self._asked.values())

    def reload(self, options: EngineOptions) -> None:
        """Evaluate by these options from the next query on; how many run at once stays as it was at the start."""
        self._options = options

    def close(self) -> None:
        """Let go of the threads; queries that run finish by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._log is not None:
            self._log.close()

    def parse(self, query: str) -> Query:
        """Read a query, or remember how it was read.

        Raises:
            QuerySyntaxError: it is not PromQL.
            UnsupportedError: it uses what this engine does not evaluate.
        """
        plan = self._plans.get(query)
        if plan is None:
            plan = parse(query, self._options.features)
            if len(self._plans) >= PLANS_MAX:
                self._plans.popitem(last=False)
            self._plans[query] = plan
        else:
            self._plans.move_to_end(query)
        return plan

    async def instant(
        self,
        query: str | Query,
        time_ms: int,
        *,
        lookback_ms: int | None = None,
        limits: QueryLimits | None = None,
    ) -> QueryResult:
        """The value of a query at one time.

        Args:
            query: its text, or what `parse` made of it.
            time_ms: UTC milliseconds.
            lookback_ms: how far back instant selectors look, where not as far as the engine's options say.
            limits: what it may take, where not what the options say.

        Raises:
            QuerySyntaxError: it is not PromQL.
            QueryError: the data do not fit the query.
            QueryTimeoutError: it took longer than its limit.
            LimitExceededError: it would take more than its limits.
            UnsupportedError: it uses what this engine does not evaluate.
        """
        return await self._answer(query, _Steps(time_ms, time_ms, 0, lookback_ms or self._options.lookback_ms), limits)

    async def range(
        self,
        query: str | Query,
        start_ms: int,
        end_ms: int,
        step_ms: int,
        *,
        lookback_ms: int | None = None,
        limits: QueryLimits | None = None,
    ) -> QueryResult:
        """The value of a query at `start_ms` and every `step_ms` after it, up to and including `end_ms`.

        Raises:
            InvalidInputError: the steps make no sense, there are more than `EngineOptions.steps_max`, or the query is a
                range vector or a string.
            AnyascopeError: as `instant`.
        """
        if step_ms <= 0:
            raise InvalidInputError("zero or negative query resolution step widths are not accepted")
        if end_ms < start_ms:
            raise InvalidInputError("end timestamp must not be before start time")
        if (end_ms - start_ms) // step_ms > self._options.steps_max:
            raise InvalidInputError(
                f"exceeded maximum resolution of {self._options.steps_max:,} points per timeseries. "
                "Try decreasing the query resolution (?step=XX)"
            )
        return await self._answer(
            query, _Steps(start_ms, end_ms, step_ms, lookback_ms or self._options.lookback_ms), limits
        )

    async def _answer(self, query: str | Query, steps: _Steps, limits: QueryLimits | None) -> QueryResult:
        began_ns = self._clock.monotonic_ns()
        limits = limits or self._options.limits
        text = query.text if isinstance(query, Query) else query
        asked = Asked(text, steps.start_ms, steps.end_ms, steps.step_ms, asked_ns=self._clock.now_ns())
        self._asked[id(asked)] = asked
        try:
            plan = query if isinstance(query, Query) else self.parse(query)
            plan = plan.at_steps(step_ms=steps.step_ms, range_ms=steps.end_ms - steps.start_ms)
            if steps.step_ms and kind_of(plan.root) in {ResultKind.MATRIX, ResultKind.STRING}:
                kind = "range vector" if kind_of(plan.root) is ResultKind.MATRIX else "string"
                raise InvalidInputError(
                    f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector'
                )
            self._running.inc()
            try:
                result = await self._within_limits(plan, steps, limits)
            finally:
                self._running.dec()
        except AnyascopeError as error:
            self._failures.labels(error.code).inc()
            let_go(error)
            self._note(asked, QueryStats(fetch_ms=self._ms_since(began_ns)), str(error))
            raise
        except asyncio.CancelledError:
            self._failures.labels(QueryCancelledError.code).inc()
            self._note(asked, QueryStats(fetch_ms=self._ms_since(began_ns)), "query was canceled")
            raise
        finally:
            del self._asked[id(asked)]
        duration_s = self._ms_since(began_ns) / MS_PER_S
        self._took["range" if steps.step_ms else "instant"].observe(duration_s)
        self._samples.inc(result.stats.samples)
        self._note(asked, result.stats)
        if duration_s > SLOW_QUERY_S:
            log.warning("query_was_slow", query=plan.text, duration_s=duration_s, samples=result.stats.samples)
        return result

    def _ms_since(self, began_ns: int) -> float:
        return (self._clock.monotonic_ns() - began_ns) / NS_PER_MS

    def _note(self, asked: Asked, stats: QueryStats, error: str = "") -> None:
        if self._log is not None and self._log.is_on:
            self._log.note(Done(asked, stats, error))

    async def _within_limits(self, plan: Query, steps: _Steps, limits: QueryLimits) -> QueryResult:
        leash = Leash(time.monotonic() + limits.timeout_s)
        queued_ns = self._clock.monotonic_ns()
        try:
            async with asyncio.timeout(limits.timeout_s), self._turns:
                queue_ms = self._ms_since(queued_ns)
                result = await self._run(plan, steps, limits, leash)
                return replace(result, stats=replace(result.stats, queue_ms=queue_ms))
        except TimeoutError as error:
            raise QueryTimeoutError("query timed out in query execution") from error
        finally:
            leash.is_cut = True  # where an evaluation is still under way, nobody waits for it

    def _judge_beside(self, plan: Query, context: Context, loop: asyncio.AbstractEventLoop) -> QueryResult:
        began_ns = self._clock.monotonic_ns()
        try:
            return _judge(plan, context)
        finally:
            if self._ms_since(began_ns) > LONG_MS:
                with contextlib.suppress(RuntimeError):  # closed meanwhile
                    loop.call_soon_threadsafe(loop.call_later, GIVE_BACK_AFTER_S, self._give_back)

    def _give_back(self) -> None:
        with contextlib.suppress(RuntimeError):  # closed meanwhile
            self._threads.submit(give_back)

    async def _run(self, plan: Query, steps: _Steps, limits: QueryLimits, leash: Leash) -> QueryResult:
        options = self._options
        wanted = list(
            spans(
                plan.root,
                steps.start_ms,
                steps.end_ms,
                edges=(steps.start_ms, steps.end_ms),
                lookback_ms=steps.lookback_ms,
                subquery_step_ms=options.subquery_step_ms,
            )
        )
        began_ns = self._clock.monotonic_ns()
        natives = NativeTable()
        frames = await fetch(self._reader, wanted, limits, natives) if wanted else []
        fetch_ms = self._ms_since(began_ns)
        step_ms = steps.step_ms or 1
        times_ms = np.arange(steps.start_ms, steps.end_ms + 1, step_ms, dtype=np.int64)
        context = Context(
            times_ms=times_ms,
            step_ms=step_ms,
            edges=(steps.start_ms, steps.end_ms),
            query_step_ms=steps.step_ms,
            frames=frames,
            lookback_ms=steps.lookback_ms,
            subquery_step_ms=options.subquery_step_ms,
            is_name_removal_delayed=Feature.DELAYED_NAME_REMOVAL in options.features,
            samples_max=limits.samples_max,
            leash=leash,
            notes=Notes(),
            natives=natives,
        )
        distinct = list({id(frame): frame for frame in frames}.values())
        samples = sum(len(frame.values) for frame in distinct)
        series = sum(len(frame) for frame in distinct)
        cells = max(
            len(times_ms), steps_within(plan.root, steps.end_ms - steps.start_ms, options.subquery_step_ms)
        ) * max(series, 1)
        if samples + cells <= INLINE_SAMPLES_MAX:
            result = _judge(plan, context)
        else:
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(self._threads, self._judge_beside, plan, context, loop)
        stats = QueryStats(
            series,
            samples,
            disk_samples=sum(frame.disk_samples for frame in distinct),
            result_series=len(result.frame),
            fetch_ms=fetch_ms,
            evaluate_ms=self._ms_since(began_ns) - fetch_ms,
        )
        return replace(result, stats=stats)


def _judge(plan: Query, context: Context) -> QueryResult:
    """Evaluate, and put the value into the form of an answer."""
    kind = kind_of(plan.root)
    text = ""
    if kind is ResultKind.MATRIX:
        frame = _range_answer(plan, context)
    else:
        value = evaluate(plan.root, context)
        text = value.text if isinstance(value, Words) else ""
        frame = _frame_of(value, context)
        if context.query_step_ms:
            kind, frame = ResultKind.MATRIX, _sorted(frame)
    return QueryResult(
        kind,
        frame,
        int(context.times_ms[-1]),
        text,
        _placed(plan.text, context.notes.warnings),
        _placed(plan.text, context.notes.infos),
        natives=context.natives,
    )


def _range_answer(plan: Query, context: Context) -> SampleFrame:
    node = unwrapped(plan.root)
    assert is_range(node)
    frame, fading = range_samples(node, context)
    if fading is not None and fading.any():
        labels = [
            without_reserved(labels) if fades else labels
            for labels, fades in zip(frame.labels, fading.tolist(), strict=True)
        ]
        frame = replace(frame, labels=labels)
    return _sorted(frame)


def _frame_of(value: Value, context: Context) -> SampleFrame:
    match value:
        case Words():
            return SampleFrame.empty()
        case Scalars(values=values):
            offsets = np.array([0, len(values)], np.int64)
            return SampleFrame([()], offsets, context.times_ms, values)
        case Vector():
            vector = settled(value)
            present = vector.present
            if not present.all():
                kept = present.any(axis=1)
                if not kept.all():
                    numbers = np.flatnonzero(kept)
                    labels: Sequence[Labels] = [vector.labels[row] for row in numbers.tolist()]
                    return StepFrame(labels, vector.values[numbers], present[numbers]).to_samples(context.times_ms)
            return StepFrame(vector.labels, vector.values, present).to_samples(context.times_ms)


def _sorted(frame: SampleFrame) -> SampleFrame:
    """The frame with its series in the order of their labels."""
    labels = list(frame.labels)
    if all(before <= after for before, after in pairwise(labels)):
        return frame
    order = sorted(range(len(labels)), key=labels.__getitem__)
    rows = np.array(order)
    lengths = np.diff(frame.offsets)[rows]
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    samples = np.arange(offsets[-1]) + np.repeat(frame.offsets[:-1][rows] - offsets[:-1], lengths)
    return SampleFrame([labels[row] for row in order], offsets, frame.times_ms[samples], frame.values[samples])


def _placed(text: str, notes: dict[str, int]) -> tuple[str, ...]:
    return tuple(f"{note} ({place(text, pos)})" if pos >= 0 else note for note, pos in notes.items())
