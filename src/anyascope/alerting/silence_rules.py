"""What may be a silence, when it holds, and what a change of one comes to. Pure.

Source: Alertmanager's `silence` package, release 0.33: its messages, and which changes keep a silence's id.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from anyascope.alerting.matchers import compile_matchers, regex_fault
from anyascope.alerting.recurrence import describe, is_in_window, next_edge_ns
from anyascope.clock import NS_PER_S
from anyascope.errors import InvalidInputError
from anyascope.model.labels import Matcher, MatchOp
from anyascope.model.silences import Silence, SilenceChange, SilenceState

LENGTH_S_MAX = 100 * 365 * 86_400.0  # "for ever" of Alertmanager's users is the year 2099 or so
ENDS_NS_MAX = 253_370_764_800 * NS_PER_S  # the year 9999; what is beyond cannot be written as RFC 3339
HISTORY_MAX = 100  # changes that are remembered: the first, and the latest ones
_REGEX = (MatchOp.REGEX, MatchOp.NOT_REGEX)


def state_of(silence: Silence, now_ns: int) -> SilenceState:
    """Whether it holds now; between its windows it is pending."""
    if silence.ends_ns <= now_ns:
        return SilenceState.EXPIRED
    is_open = silence.recurrence is None or is_in_window(silence.recurrence, now_ns)
    return SilenceState.ACTIVE if silence.starts_ns <= now_ns and is_open else SilenceState.PENDING


def next_change_ns(silence: Silence, now_ns: int) -> int | None:
    """When its state is another one than now; None where it is over. UTC nanoseconds."""
    if silence.ends_ns <= now_ns:
        return None
    if silence.recurrence is None:
        return silence.starts_ns if silence.starts_ns > now_ns else silence.ends_ns
    if silence.starts_ns > now_ns and is_in_window(silence.recurrence, silence.starts_ns):
        return silence.starts_ns
    edge_ns = next_edge_ns(silence.recurrence, max(now_ns, silence.starts_ns))
    return silence.ends_ns if edge_ns is None else min(edge_ns, silence.ends_ns)


def check_times(starts_ns: int, ends_ns: int, *, now_ns: int) -> None:
    """Whether a silence may last from then to then.

    Raises:
        InvalidInputError: it ends before it starts, or lies in the past.
    """
    if ends_ns <= starts_ns:
        raise InvalidInputError("Failed to create silence: start time must be before end time", path="ends_at")
    if ends_ns < now_ns:
        raise InvalidInputError("Failed to create silence: end time can't be in the past", path="ends_at")
    if ends_ns > ENDS_NS_MAX:
        raise InvalidInputError("Failed to create silence: end time must be before the year 9999", path="ends_at")


def check_length(for_s: float) -> None:
    """Whether a silence may last, or be extended, for so many seconds.

    Raises:
        InvalidInputError: it may not.
    """
    if not 0 < for_s <= LENGTH_S_MAX:
        raise InvalidInputError(f"must be above 0 and at most {LENGTH_S_MAX:.0f} s, got {for_s}", path="for_s")


def check_matchers(matchers: Sequence[Matcher]) -> None:
    """Whether these may be a silence's matchers.

    Raises:
        InvalidInputError: there is none, one is broken, or all of them match everything.
    """
    if not matchers:
        raise InvalidInputError("invalid silence: at least one matcher required", path="matchers")
    for index, matcher in enumerate(matchers):
        fault = _fault_of(matcher)
        if fault:
            message = f"invalid silence: invalid label matcher {index} in set 0: {fault}"
            raise InvalidInputError(message, path=f"matchers[{index}]")
    if all(compile_matchers([matcher])({}) for matcher in matchers):
        message = "invalid silence: matcher set 0: at least one matcher must not match the empty string"
        raise InvalidInputError(message, path="matchers")


def may_replace(old: Silence, new: Silence, *, now_ns: int) -> bool:
    """Whether the change leaves alone what has been silenced already; another silence must begin otherwise."""
    if old.matchers != new.matchers or old.ends_ns <= now_ns:
        return False
    if old.starts_ns <= now_ns:
        # To the second, since clients write times with fewer digits than they were given.
        return new.starts_ns // NS_PER_S == old.starts_ns // NS_PER_S
    return new.starts_ns >= now_ns


def ended(silence: Silence, now_ns: int, change: SilenceChange) -> Silence:
    """The silence, over from now on; one that had not begun yet never will."""
    starts_ns = min(silence.starts_ns, now_ns)
    return remembering(replace(silence, starts_ns=starts_ns, ends_ns=now_ns, updated_ns=now_ns), change)


def remembering(silence: Silence, change: SilenceChange) -> Silence:
    """The silence with one more line of history."""
    history = (*silence.history, change)
    if len(history) > HISTORY_MAX:
        history = (history[0], *history[-HISTORY_MAX + 1 :])
    return replace(silence, history=history)


def difference(old: Silence, new: Silence) -> str:
    """What an update changed, in words."""
    found = []
    if old.ends_ns != new.ends_ns:
        found.append("end brought forward" if new.ends_ns < old.ends_ns else "end put off")
    if old.starts_ns // NS_PER_S != new.starts_ns // NS_PER_S:
        found.append("start moved")
    if old.comment != new.comment:
        found.append(f"comment was {json.dumps(old.comment, ensure_ascii=False)}")
    if old.created_by != new.created_by:
        found.append(f"author was {json.dumps(old.created_by, ensure_ascii=False)}")
    if old.annotations != new.annotations:
        found.append("annotations changed")
    if old.recurrence != new.recurrence:
        found.append(f"recurrence was {describe(old.recurrence)}" if old.recurrence else "made to recur")
    return "updated: " + (", ".join(found) or "nothing changed")


def _fault_of(matcher: Matcher) -> str:
    if not matcher.name:
        return 'invalid label name ""'
    fault = regex_fault(matcher.value) if matcher.op in _REGEX else ""
    return f"invalid regular expression {json.dumps(matcher.value, ensure_ascii=False)}: {fault}" if fault else ""
