"""One operation out: everything that carries its correlation id, or that its transaction joins to it, as one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from anyascope.api.alerts import About, RulesSource, all_alerts
from anyascope.api.correlation_views import correlation_view
from anyascope.api.custody import SpendDesk
from anyascope.api.encode import json_response
from anyascope.api.params import answers
from anyascope.clock import Clock
from anyascope.custody.nouns import Item, SpendKey
from anyascope.errors import AnyascopeError, NotFoundError, UnavailableError
from anyascope.explore.correlated.ids import Names, checked_id, txids_in
from anyascope.explore.correlated.nouns import Found
from anyascope.explore.correlated.search import (
    Figure,
    Stretch,
    find_exemplars,
    find_figures,
    find_records,
    find_spans,
    join,
)
from anyascope.explore.times import TEXT_CHARS_MAX, format_time, parse_range
from anyascope.model.labels import Labels
from anyascope.model.metrics import Exemplar
from anyascope.ports import AlertDesk, AlertResponder
from anyascope.semconv.alerts import LABEL_CORRELATION_ID
from anyascope.store.api.logs import LogReader
from anyascope.store.api.metrics import MetricReader
from anyascope.store.api.spans import SpanReader
from anyascope.wire.own_api import AlertView
from anyascope.wire.own_correlation import CorrelationView, PartView

T = TypeVar("T")
PartName = Literal["logs", "traces", "spends", "metrics"]

BACK = "-30d"  # what is kept by default
ANSWER_S_MAX = 5.0  # a person waits so long; what is not there by then is told as late
RETRY_AFTER_S = 2.0


@dataclass(frozen=True, slots=True)
class CorrelationParts:
    """Whom the resource asks."""

    logs: LogReader
    spans: SpanReader
    metrics: MetricReader
    desk: AlertDesk
    rules: RulesSource
    responder: AlertResponder
    spends: SpendDesk
    clock: Clock


def correlations_router(parts: CorrelationParts) -> APIRouter:
    """The route `/correlations/{id}`."""
    router = APIRouter(tags=["correlations"])

    @router.get(
        "/correlations/{id:path}",
        operation_id="getCorrelation",
        summary="One operation across traces, logs, audit, metrics, chain, alerts and reconciliation",
        response_model=CorrelationView,
        responses=answers(problems=(400, 404)),
    )
    async def get_correlation(
        identity: Annotated[str, Path(alias="id", description="A correlation id, or a transaction's id.")],
        start: Annotated[str, Query(max_length=TEXT_CHARS_MAX, description="How far back to look.")] = BACK,
    ) -> Response:
        """Answers within 5 s with what is there; `parts` say what is missing."""
        now_ns = parts.clock.now_ns()
        stretch = parse_range(start, "", now_ns=now_ns)
        asked = checked_id(identity)
        gathering = _Gathering(parts, Stretch(stretch.start_ns, stretch.end_ns), now_ns)
        return json_response(await gathering.gather(asked))

    return router


@dataclass(slots=True)
class _Gathering:
    """One answer in the making."""

    parts: CorrelationParts
    stretch: Stretch
    now_ns: int
    told: dict[PartName, PartView] = field(default_factory=dict)
    deadline_s: float = 0.0  # of the event loop's clock

    async def gather(self, asked: str) -> CorrelationView:
        """Everything that is there in time.

        Raises:
            NotFoundError: nothing carries the id.
            UnavailableError: nothing was found, and not all could be asked.
        """
        parts = self.parts
        self.deadline_s = asyncio.get_running_loop().time() + ANSWER_S_MAX
        ids: Sequence[str] = self._joined_by_alerts([asked])
        ids, records, is_cut = await self._part("logs", find_records(parts.logs, ids, self.stretch), (ids, [], False))
        self._note_cut("logs", is_cut=is_cut, what="records")
        ids = self._joined_by_alerts(ids)
        keys = {
            (chain, txid)
            for said in (one.attributes for one in records)
            if isinstance(chain := said.get("bitcoin.chain"), str)
            for txid in txids_in([said])
        }
        (spans, is_cut), items = await asyncio.gather(
            self._part("traces", find_spans(parts.spans, ids, records, self.stretch), ([], False)),
            self._part("spends", self._spends(ids, keys), ()),
        )
        self._note_cut("traces", is_cut=is_cut, what="spans")
        named = [one for item in items for one in (item.spend.txid, *item.correlation_ids)]
        ids = join(ids, [*txids_in(span.attributes for span in spans), *named])
        found = Found(ids, records, spans)
        (exemplars, is_cut), (figures, are_cut) = await self._part(
            "metrics", self._measured(found), (([], False), ([], False))
        )
        self._note_cut("metrics", is_cut=is_cut or are_cut, what="measurements")
        found = replace(found, exemplars=exemplars)
        alerts = self._alerts(ids)
        if not (records or spans or items or alerts):
            raise self._nothing(asked)
        return correlation_view(found, alerts=alerts, items=items, figures=figures, parts=list(self.told.values()))

    def _joined_by_alerts(self, ids: Sequence[str]) -> Sequence[str]:
        """With what alerts about one of the ids are about, too. One that only speaks of it, among others, joins nothing."""
        every = all_alerts(self.parts.desk, self.parts.rules, self.parts.responder, about=about_any_of(ids))
        return join(
            ids, [one for alert in every for one in subjects_of(alert.labels, alert.annotations, alert.correlation_id)]
        )

    def _alerts(self, ids: Sequence[str]) -> list[AlertView]:
        """Those that are about one of the ids, or speak of it."""
        names = Names(ids)

        def is_asked(labels: Labels, annotations: Mapping[str, str], correlation_id: str) -> bool:
            return names.are_in((correlation_id, *(value for _, value in labels), *annotations.values()))

        return all_alerts(self.parts.desk, self.parts.rules, self.parts.responder, about=is_asked)

    async def _spends(self, ids: Sequence[str], keys: set[SpendKey]) -> Sequence[Item]:
        return await self.parts.spends.related(ids, sorted(keys))

    async def _measured(self, found: Found) -> tuple[tuple[list[Exemplar], bool], tuple[list[Figure], bool]]:
        metrics = self.parts.metrics
        return await asyncio.gather(
            find_exemplars(metrics, found), find_figures(metrics, found.ids, now_ns=self.now_ns)
        )

    async def _part(self, name: PartName, asking: Awaitable[T], nothing: T) -> T:
        """What is asked for, or nothing where that does not come in time; which of them it was is told."""
        try:
            async with asyncio.timeout_at(self.deadline_s):
                found = await asking
        except TimeoutError:
            text = f"no answer within {ANSWER_S_MAX:g} s"
            self.told[name] = PartView(name=name, state="late", detail=text)
            return nothing
        except AnyascopeError as error:
            self.told[name] = PartView(name=name, state="failed", detail=str(error))
            return nothing
        self.told[name] = PartView(name=name, state="whole", detail="")
        return found

    def _note_cut(self, name: PartName, *, is_cut: bool, what: str) -> None:
        if is_cut:
            text = f"there are more {what} than are given"
            self.told[name] = PartView(name=name, state="cut", detail=text)

    def _nothing(self, asked: str) -> AnyascopeError:
        missing = [f"{part.name}: {part.detail}" for part in self.told.values() if part.state in {"late", "failed"}]
        if missing:
            return UnavailableError(f"not all could be asked: {'; '.join(missing)}", retry_after_s=RETRY_AFTER_S)
        return NotFoundError(
            f"nothing carries {asked} since {format_time(self.stretch.start_ns)}: a correlation id stands on spans "
            "(anya.correlation_id), log records and alerts; a transaction's id joins what a watched wallet told"
        )


def subjects_of(labels: Mapping[str, str], annotations: Mapping[str, str], correlation_id: str) -> list[str]:
    """The operations and transactions that an alert is about: by its correlation id, and by labels such as `txid`."""
    named = (correlation_id, labels.get(LABEL_CORRELATION_ID, ""), annotations.get(LABEL_CORRELATION_ID, ""))
    return [one for one in (*named, *txids_in((labels, annotations))) if one]


def about_any_of(ids: Sequence[str]) -> About:
    """Holds for alerts whose subjects are among the ids."""
    known = frozenset(ids)
    return lambda labels, annotations, joined: not known.isdisjoint(subjects_of(dict(labels), annotations, joined))
