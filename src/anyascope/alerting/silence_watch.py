"""Notes in the time line of alerts when a silence begins and ends to hold for them: by whom, why and until when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from anyascope.alerting.book import Book
from anyascope.alerting.intake import HeldAlert
from anyascope.alerting.silences import Silences
from anyascope.alerting.steps import NO_STEP, Heard, Look, Step
from anyascope.errors import NotFoundError
from anyascope.model.documents import Change, Json
from anyascope.model.responses import AlertEvent, AlertEventKind
from anyascope.model.silences import Silence
from anyascope.wire.alertmanager_post import format_time

NoteEvent: TypeAlias = Callable[[str, AlertEvent], Change]
"""What stores an event in the time line of the alert with this fingerprint."""


class SilenceWatch:
    """A `Follower`. After a restart it begins with what is silenced then, which is no news.

    Args:
        silences: tells which hold, and when that changes.
        note: what stores an event.
    """

    def __init__(self, silences: Silences, note: NoteEvent) -> None:
        self._silences = silences
        self._note = note
        self._known: dict[str, tuple[str, ...]] = {}  # alerts that fire and are silenced, with the silences' ids
        self._is_begun = False
        self._version = -1
        self._edge_ns: int | None = None

    def next_ns(self) -> int | None:
        """At once after a change of the silences, else when one begins or ends to hold."""
        return 0 if self._silences.version != self._version else self._edge_ns

    def on_heard(self, book: Book, heard: Sequence[Heard], *, now_ns: int) -> Step:  # noqa: ARG002
        """Alerts that fire under a silence from their beginning."""
        return self._step([one.alert for one in heard], now_ns=now_ns)

    def on_looked(self, book: Book, looks: Sequence[Look], *, now_ns: int) -> Step:  # noqa: ARG002
        """A look at a group changes no silence."""
        return NO_STEP

    def on_due(self, book: Book, *, now_ns: int) -> Step:
        """Silences were changed, or one begins or ends to hold."""
        version, edge_ns = self._silences.version, self._silences.next_edge_ns(now_ns)
        step = self._step(book.alerts.values(), now_ns=now_ns, is_quiet=not self._is_begun)

        def hold() -> None:
            step.hold()
            self._is_begun, self._version, self._edge_ns = True, version, edge_ns

        return Step(changes=step.changes, hold=hold)

    def on_clock_set(self, *, by_ns: int, now_ns: int) -> Step:  # noqa: ARG002
        """Silences hold by the wall clock: what it says now counts."""
        return Step(hold=lambda: setattr(self, "_version", -1))

    def _step(self, alerts: Iterable[HeldAlert], *, now_ns: int, is_quiet: bool = False) -> Step:
        after: dict[str, tuple[str, ...]] = {}
        changes: list[Change] = []
        for alert in alerts:
            before = self._known.get(alert.fingerprint, ())
            is_firing = alert.is_firing(now_ns)
            found = self._silences.silenced_by(alert, now_ns=now_ns) if is_firing else ()
            if found == before:
                continue
            after[alert.fingerprint] = found
            if is_firing and not is_quiet:
                event = self._begun(found, now_ns=now_ns) if found else self._over(before, now_ns=now_ns)
                changes.append(self._note(alert.fingerprint, event))

        def hold() -> None:
            self._known = {key: ids for key, ids in (self._known | after).items() if ids}

        return Step(changes=changes, hold=hold) if after else NO_STEP

    def _begun(self, ids: Sequence[str], *, now_ns: int) -> AlertEvent:
        found = [silence for identity in ids if (silence := self._silence(identity)) is not None]
        by, text = (found[0].created_by, found[0].comment) if found else ("", "")
        silences: list[Json] = [{"id": one.id, "until": format_time(one.ends_ns)} for one in found]
        return AlertEvent(now_ns, AlertEventKind.SILENCED, by, text, {"silences": silences})

    def _over(self, ids: Sequence[str], *, now_ns: int) -> AlertEvent:
        silence = self._silence(ids[0])
        last = silence.history[-1] if silence is not None and silence.history else None
        # Whoever expired it ended it; one that ran out ended by itself.
        by = last.by if silence is not None and last is not None and last.at_ns == silence.ends_ns else ""
        return AlertEvent(now_ns, AlertEventKind.UNSILENCED, by, "", {"silences": [*ids]})

    def _silence(self, identity: str) -> Silence | None:
        try:
            return self._silences.get(identity).silence
        except NotFoundError:
            return None  # forgotten meanwhile
