"""Silences: for a while, alerts that match are not told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from anyascope.alerting.intake import HeldAlert
from anyascope.alerting.matchers import LabelTest, check_matcher, compile_matchers
from anyascope.clock import NS_PER_S, Clock
from anyascope.errors import InvalidInputError, NotFoundError
from anyascope.ids import Ids
from anyascope.model.documents import Change, Delete, Document, Json, Put
from anyascope.model.labels import Matcher, MatchOp
from anyascope.store.api.documents import DocumentStore, every_document

KIND_SILENCE = "silence"
KEPT_S = 5 * 86_400.0  # Alertmanager's retention: people look up last week's silences
SILENCES_MAX = 10_000  # each alert is tested against all that are active; people have dozens


@dataclass(frozen=True, slots=True)
class Silence:
    """Who wants what to be quiet, from when to when, and why. `ends_ns` is exclusive."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_ns: int
    ends_ns: int
    created_by: str
    comment: str
    updated_ns: int = 0

    def is_active(self, now_ns: int) -> bool:
        """Whether it holds now."""
        return self.starts_ns <= now_ns < self.ends_ns


class Silences:
    """All silences, durable, with an index of compiled tests."""

    def __init__(self, documents: DocumentStore, *, clock: Clock, ids: Ids) -> None:
        self._documents = documents
        self._clock = clock
        self._ids = ids
        self._silences: dict[str, tuple[Silence, LabelTest]] = {}

    async def load(self) -> None:
        """Read what is stored."""
        async for document in every_document(self._documents, KIND_SILENCE):
            self._hold(_silence_of(document))

    def list(self) -> Sequence[Silence]:
        """All that are kept, the one that ends last first."""
        return sorted((silence for silence, _ in self._silences.values()), key=lambda one: (-one.ends_ns, one.id))

    async def put(self, silence: Silence) -> Silence:
        """Store a silence, new where its id is empty. What silenced until now may only be shortened or commented.

        Raises:
            InvalidInputError: it has no matchers, matches everything, ends before it starts, or lies in the past.
            NotFoundError: its id is not known.
        """
        now_ns = self._clock.now_ns()
        _check(silence, now_ns=now_ns)
        held = self._silences.get(silence.id) if silence.id else None
        if silence.id and held is None:
            raise NotFoundError(f"silence {silence.id} not found")
        changes: list[Change] = []
        if held is not None and not _may_replace(held[0], silence, now_ns=now_ns):
            # History is not rewritten: the old one ends here, a new one begins.
            changes.append(_put(replace(held[0], ends_ns=max(now_ns, held[0].starts_ns), updated_ns=now_ns)))
            silence = replace(silence, id="")
        if held is None and len(self._silences) >= SILENCES_MAX:
            raise InvalidInputError(f"at most {SILENCES_MAX} silences are kept; expire some first")
        stored = replace(
            silence,
            id=silence.id or self._ids.uuid4(),
            starts_ns=silence.starts_ns if silence.id else max(silence.starts_ns, now_ns),
            updated_ns=now_ns,
        )
        changes.append(_put(stored))
        await self._documents.commit(changes)
        if held is not None and stored.id != held[0].id:
            self._hold(replace(held[0], ends_ns=max(now_ns, held[0].starts_ns), updated_ns=now_ns))
        self._hold(stored)
        return stored

    async def expire(self, silence_id: str) -> None:
        """End a silence now.

        Raises:
            NotFoundError: its id is not known.
        """
        held = self._silences.get(silence_id)
        if held is None:
            raise NotFoundError(f"silence {silence_id} not found")
        silence, now_ns = held[0], self._clock.now_ns()
        if silence.ends_ns <= now_ns:
            return
        ended = replace(silence, starts_ns=min(silence.starts_ns, now_ns), ends_ns=now_ns, updated_ns=now_ns)
        await self._documents.commit([_put(ended)])
        self._hold(ended)

    async def prune(self) -> None:
        """Forget those that ended long ago."""
        oldest_ns = self._clock.now_ns() - int(KEPT_S * NS_PER_S)
        old = [key for key, (silence, _) in self._silences.items() if silence.ends_ns < oldest_ns]
        if old:
            await self._documents.commit([Delete(KIND_SILENCE, key) for key in old])
            for key in old:
                del self._silences[key]

    def silenced_by(self, alert: HeldAlert, *, now_ns: int) -> tuple[str, ...]:
        """Ids of the silences that hold for this alert now."""
        if not self._silences:
            return ()
        labels = dict(alert.labels)
        return tuple(
            silence.id
            for silence, is_match in self._silences.values()
            if silence.is_active(now_ns) and is_match(labels)
        )

    def _hold(self, silence: Silence) -> None:
        self._silences[silence.id] = (silence, compile_matchers(silence.matchers))


def _check(silence: Silence, *, now_ns: int) -> None:
    if not silence.matchers:
        raise InvalidInputError("at least one matcher required")
    for matcher in silence.matchers:
        check_matcher(matcher)
    if all(compile_matchers([matcher])({}) for matcher in silence.matchers):
        raise InvalidInputError("at least one matcher must not match the empty string")
    if silence.ends_ns <= silence.starts_ns:
        raise InvalidInputError("end time must not be before start time")
    if silence.ends_ns <= now_ns:
        raise InvalidInputError("end time can't be in the past")


def _may_replace(old: Silence, new: Silence, *, now_ns: int) -> bool:
    """Whether the change leaves alone what has been silenced already."""
    if set(old.matchers) != set(new.matchers) or old.ends_ns <= now_ns:
        return False
    if old.starts_ns <= now_ns:
        return new.starts_ns == old.starts_ns
    return new.starts_ns >= now_ns


def _put(silence: Silence) -> Put:
    matchers: Iterable[Json] = (
        {"name": matcher.name, "op": matcher.op.value, "value": matcher.value} for matcher in silence.matchers
    )
    body: dict[str, Json] = {
        "matchers": [*matchers],
        "starts_ns": silence.starts_ns,
        "ends_ns": silence.ends_ns,
        "created_by": silence.created_by,
        "comment": silence.comment,
        "updated_ns": silence.updated_ns,
    }
    return Put(KIND_SILENCE, silence.id, body)


def _silence_of(document: Document) -> Silence:
    body = document.body
    matchers, starts_ns, ends_ns, updated_ns = (body[k] for k in ("matchers", "starts_ns", "ends_ns", "updated_ns"))
    assert isinstance(matchers, list)  # we wrote it
    assert isinstance(starts_ns, int)
    assert isinstance(ends_ns, int)
    assert isinstance(updated_ns, int)
    return Silence(
        id=document.key,
        matchers=tuple(_matcher_of(matcher) for matcher in matchers),
        starts_ns=starts_ns,
        ends_ns=ends_ns,
        created_by=str(body["created_by"]),
        comment=str(body["comment"]),
        updated_ns=updated_ns,
    )


def _matcher_of(body: Json) -> Matcher:
    assert isinstance(body, dict)  # we wrote it
    return Matcher(str(body["name"]), MatchOp(body["op"]), str(body["value"]))
