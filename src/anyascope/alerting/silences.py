"""Silences: for a while, alerts that match are not told. Durable, with their history."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from anyascope.alerting.intake import HeldAlert
from anyascope.alerting.matchers import LabelTest, compile_matchers
from anyascope.alerting.silence_documents import KIND_SILENCE, put_silence, silence_of
from anyascope.alerting.silence_index import SilenceIndex
from anyascope.alerting.silence_rules import (
    check_length,
    check_matchers,
    check_times,
    difference,
    ended,
    may_replace,
    next_change_ns,
    remembering,
    state_of,
)
from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import ConflictError, InvalidInputError, NotFoundError
from anyascope.ids import Ids
from anyascope.model.documents import Change, Delete
from anyascope.model.silences import Silence, SilenceChange, SilenceState, SilenceStatus
from anyascope.store.api.documents import DocumentStore, every_document
from anyascope.wire.durations import format_duration_ms

KEPT_S = 5 * 86_400.0  # Alertmanager's retention (120 h): people look up last week's silences
SILENCES_MAX = 10_000  # 10 MB in memory with their histories; people have dozens
SILENCE_BYTES_MAX = 128 * 1024  # of one as JSON; a person writes some hundred bytes, a deployment script lists hosts
SPAN_S_MAX = 60.0  # in the hour that daylight saving repeats or leaves out, the edge of a window may be missed

_ORDER = {SilenceState.ACTIVE: 0, SilenceState.PENDING: 1, SilenceState.EXPIRED: 2}


@dataclass(frozen=True, slots=True)
class _Span:
    """Which silences hold from a moment until another, exclusive."""

    from_ns: int
    until_ns: int
    holding: SilenceIndex = field(default_factory=SilenceIndex)


def _tell_nobody() -> None:
    """Nobody waits for changes."""


class Silences:
    """All silences, durable, with an index of compiled tests.

    Attributes:
        version: another one after each change.
    """

    def __init__(
        self, documents: DocumentStore, *, clock: Clock, ids: Ids, changed: Callable[[], None] = _tell_nobody
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._ids = ids
        self._silences: dict[str, tuple[Silence, LabelTest]] = {}
        self._changing = asyncio.Lock()  # memory and store change together, one change at a time
        self._changed = changed
        self.version = 0
        self._span: _Span | None = None

    async def load(self) -> None:
        """Read what is stored."""
        async for document in every_document(self._documents, KIND_SILENCE):
            self._hold(silence_of(document))

    # --- asking -------------------------------------------------------------------------------------------------------

    def list(self) -> Sequence[SilenceStatus]:
        """All that are kept: active ones by their end, pending ones by their start, then expired ones, latest first."""
        now_ns = self._clock.now_ns()
        found = [SilenceStatus(silence, state_of(silence, now_ns)) for silence, _ in self._silences.values()]
        return sorted(found, key=_place)

    def get(self, silence_id: str) -> SilenceStatus:
        """One silence.

        Raises:
            NotFoundError: its id is not known.
        """
        silence = self._held(silence_id)
        return SilenceStatus(silence, state_of(silence, self._clock.now_ns()))

    def silenced_by(self, alert: HeldAlert, *, now_ns: int) -> tuple[str, ...]:
        """Ids of the silences that hold for this alert now."""
        span = self._span
        if span is None or not span.from_ns <= now_ns < span.until_ns:
            span = self._span = self._span_at(now_ns)
        return span.holding.matching(dict(alert.labels))

    def next_edge_ns(self, now_ns: int) -> int | None:
        """When the first of them begins or ends to hold, after now; None where none will."""
        edges = (next_change_ns(silence, now_ns) for silence, _ in self._silences.values())
        return min((edge_ns for edge_ns in edges if edge_ns is not None), default=None)

    def _span_at(self, now_ns: int) -> _Span:
        """Those that hold at a moment: the same ones until the first of all begins or ends to hold."""
        edge_ns, bound_ns = self.next_edge_ns(now_ns), now_ns + int(SPAN_S_MAX * NS_PER_S)
        span = _Span(now_ns, bound_ns if edge_ns is None else min(edge_ns, bound_ns))
        for silence, is_match in self._silences.values():
            if state_of(silence, now_ns) is SilenceState.ACTIVE:
                span.holding.add(silence, is_match)
        return span

    # --- changing -----------------------------------------------------------------------------------------------------

    async def put(self, silence: Silence) -> Silence:
        """Store a silence, new where its id is empty. A change that would rewrite what was silenced ends the old one.

        Raises:
            InvalidInputError: its matchers or times are senseless, it is too large, or there are too many.
            NotFoundError: its id is not known.
            UnavailableError: the store cannot write.
        """
        async with self._changing:
            now_ns = self._clock.now_ns()
            check_times(silence.starts_ns, silence.ends_ns, now_ns=now_ns)
            check_matchers(silence.matchers)
            held = self._held(silence.id) if silence.id else None
            by = silence.created_by
            if held is not None and may_replace(held, silence, now_ns=now_ns):
                updated = replace(silence, updated_ns=now_ns, history=held.history)
                return await self._store(remembering(updated, SilenceChange(now_ns, by, difference(held, silence))))
            identity = self._ids.uuid4()
            change = f"created to replace {held.id}" if held is not None else "created"
            stored = replace(
                silence,
                id=identity,
                starts_ns=max(silence.starts_ns, now_ns),
                updated_ns=now_ns,
                history=(SilenceChange(now_ns, by, change),),
            )
            if held is None or held.ends_ns <= now_ns:
                return await self._store(stored)
            # History is not rewritten: the old one ends here, a new one begins.
            over = ended(held, now_ns, SilenceChange(now_ns, by, f"expired, replaced by {identity}"))
            return await self._store(stored, over)

    async def expire(self, silence_id: str, *, by: str = "") -> Silence:
        """End a silence now; one that is over stays as it is.

        Raises:
            NotFoundError: its id is not known.
            UnavailableError: the store cannot write.
        """
        async with self._changing:
            silence, now_ns = self._held(silence_id), self._clock.now_ns()
            if silence.ends_ns <= now_ns:
                return silence
            return await self._store(ended(silence, now_ns, SilenceChange(now_ns, by, "expired")))

    async def extend(self, silence_id: str, *, by: str, for_s: float) -> Silence:
        """Let a silence last so many seconds longer than it would.

        Raises:
            NotFoundError: its id is not known.
            ConflictError: it is over.
            InvalidInputError: `for_s` is out of bounds.
            UnavailableError: the store cannot write.
        """
        check_length(for_s)
        async with self._changing:
            silence, now_ns = self._held(silence_id), self._clock.now_ns()
            if silence.ends_ns <= now_ns:
                raise ConflictError(f"silence {silence_id} has expired; clone it")
            ends_ns = silence.ends_ns + int(for_s * NS_PER_S)
            check_times(silence.starts_ns, ends_ns, now_ns=now_ns)
            longer = replace(silence, ends_ns=ends_ns, updated_ns=now_ns)
            return await self._store(remembering(longer, SilenceChange(now_ns, by, f"extended by {_length(for_s)}")))

    async def clone(self, silence_id: str, *, by: str, for_s: float) -> Silence:
        """A new silence like that one, from now on for so many seconds, made by whoever asks.

        Raises:
            NotFoundError: its id is not known.
            InvalidInputError: `for_s` is out of bounds, or there are too many silences.
            UnavailableError: the store cannot write.
        """
        check_length(for_s)
        async with self._changing:
            silence, now_ns = self._held(silence_id), self._clock.now_ns()
            copy = replace(
                silence,
                id=self._ids.uuid4(),
                starts_ns=now_ns,
                ends_ns=now_ns + int(for_s * NS_PER_S),
                created_by=by,
                updated_ns=now_ns,
                history=(SilenceChange(now_ns, by, f"cloned from {silence_id}"),),
            )
            return await self._store(copy)

    async def prune(self) -> None:
        """Forget those that ended long ago."""
        async with self._changing:
            oldest_ns = self._clock.now_ns() - int(KEPT_S * NS_PER_S)
            old = [key for key, (silence, _) in self._silences.items() if silence.ends_ns < oldest_ns]
            if old:
                await self._documents.commit([Delete(KIND_SILENCE, key) for key in old])
                for key in old:
                    del self._silences[key]

    async def _store(self, silence: Silence, *others: Silence) -> Silence:
        """Commit these together, then hold them; the first one."""
        if silence.id not in self._silences and len(self._silences) >= SILENCES_MAX:
            count = len(self._silences)
            raise InvalidInputError(f"exceeded maximum number of silences: {count} (limit: {SILENCES_MAX})")
        puts = [put_silence(one) for one in (silence, *others)]
        size = len(json.dumps(puts[0].body, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        if size > SILENCE_BYTES_MAX:
            raise InvalidInputError(f"silence exceeded maximum size: {size} bytes (limit: {SILENCE_BYTES_MAX} bytes)")
        changes: Sequence[Change] = puts
        await self._documents.commit(changes)
        for one in (silence, *others):
            self._hold(one)
        return silence

    def _hold(self, silence: Silence) -> None:
        self._silences[silence.id] = (silence, compile_matchers(silence.matchers))
        self._span = None
        self.version += 1
        self._changed()

    def _held(self, silence_id: str) -> Silence:
        found = self._silences.get(silence_id)
        if found is None:
            raise NotFoundError("silence not found")
        return found[0]


def _length(seconds: float) -> str:
    return format_duration_ms(round(seconds * 1000))


def _place(status: SilenceStatus) -> tuple[int, int, str]:
    silence = status.silence
    match status.state:
        case SilenceState.ACTIVE:
            at_ns = silence.ends_ns
        case SilenceState.PENDING:
            at_ns = silence.starts_ns
        case SilenceState.EXPIRED:
            at_ns = -silence.ends_ns
    return _ORDER[status.state], at_ns, silence.id
