"""How far an operation came: request, approval, signing, broadcast, confirmation; pure.

Source: the spans and audit events of the SDK's custody operations (docs/guide/custody.md); of services without them,
the names of their spans.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anyascope.explore.correlated.entries import time_of
from anyascope.explore.correlated.life import Sighting, lost_all, setbacks_of, sightings_of
from anyascope.explore.correlated.nouns import Found, Setback, SetbackKind, Stage, StageName, StageState
from anyascope.model.attributes import Attributes, AttributeValue
from anyascope.model.logs import LogRecord
from anyascope.model.traces import Span, SpanStatus

STAGE, CONFIRMATIONS, WANTED = "custody.stage", "custody.confirmations", "custody.confirmations_wanted"
BY_POLICY = "by policy"
_ORDER = list(StageName)
_NAMED = {
    "policy": StageName.APPROVAL,
    **{name.value: name for name in StageName if name is not StageName.REQUEST},
}
_BY_NAME = (
    (re.compile(r"approv", re.IGNORECASE), StageName.APPROVAL),
    (re.compile(r"broadcast|sendrawtransaction", re.IGNORECASE), StageName.BROADCAST),
    (re.compile(r"(^|[._ ])sign(ing)?$", re.IGNORECASE), StageName.SIGNING),
    (re.compile(r"confirm", re.IGNORECASE), StageName.CONFIRMATION),
)
_ASKED = frozenset((StageName.REQUEST, StageName.APPROVAL, StageName.SIGNING))  # what a payment to others needs
_STEP_EVENT = re.compile(r"audit\.[^.]+\.(\w+)\.event")


@dataclass(frozen=True, slots=True)
class _Fact:
    """Something that says that a stage was come to."""

    stage: StageName
    at_ns: int
    end_ns: int
    is_bad: bool
    detail: str


def stages_of(found: Found) -> list[Stage]:
    """The five stages: which were passed, when, how long each took, and which is missing. Empty where it is no operation.

    What comes from others has no request, approval and signature of ours: of a deposit none of them is missing.
    """
    facts, sightings, is_received = _facts_of(found), sightings_of(found.records), _is_received(found.records)
    if not facts:
        return []
    latest = max(_ORDER.index(fact.stage) for fact in facts)
    stages: list[Stage] = []
    end_ns: int | None = None
    for number, name in enumerate(_ORDER):
        own = [fact for fact in facts if fact.stage is name]
        if not own and is_received and name in _ASKED:
            continue
        if not own:
            stages.append(Stage(name, StageState.MISSING if number < latest else StageState.WAITING))
            continue
        last = max(own, key=lambda fact: fact.end_ns)
        took_ns = None if end_ns is None else max(0, last.end_ns - end_ns)
        end_ns = last.end_ns
        has_failed = any(fact.is_bad for fact in own if fact.end_ns == last.end_ns)
        state = StageState.FAILED if has_failed else StageState.DONE
        stages.append(Stage(name, state, min(fact.at_ns for fact in own), took_ns, _detail(own)))
    stages[-1] = _confirmation(stages[-1], found, sightings)
    return stages


def _is_received(records: Sequence[LogRecord]) -> bool:
    """Whether all that was seen on the network are payments to wallets of ours."""
    told = [one.attributes for one in records if one.event_name.startswith("bitcoin.transaction.")]
    return {_text(each.get("bitcoin.transaction.direction")) for each in told} == {"deposit"}


def setbacks_in(found: Found) -> list[Setback]:
    """What did not go straight on, the oldest first."""
    facts = _facts_of(found)
    tries = [
        Setback(
            SetbackKind.FAILED,
            fact.end_ns,
            "",
            f"{fact.stage.value}: {fact.detail}" if fact.detail else fact.stage.value,
            is_over=any(
                other.stage is fact.stage and not other.is_bad and other.end_ns > fact.end_ns for other in facts
            ),
        )
        for fact in {(fact.stage, fact.end_ns): fact for fact in facts if fact.is_bad}.values()
    ]
    return sorted([*tries, *setbacks_of(sightings_of(found.records))], key=lambda one: one.at_ns)


def outcome_of(found: Found) -> str:
    """How the operation ended by its own word, such as `success` or `refused`; empty while it is under way."""
    ends = [
        (time_of(record), _text(record.attributes.get("audit.outcome")))
        for record in found.records
        if _is_audit(record)
        and record.attributes.get("audit.action") == record.attributes.get("custody.operation")
        and record.attributes.get("audit.phase") != "intent"
    ]
    last = max(ends, default=(0, ""))[1]
    return "" if last == "reopened" else last


def is_under_way(stages: Sequence[Stage], outcome: str) -> bool:
    """Whether more of the operation may come."""
    states = {stage.state for stage in stages}
    is_done = bool(outcome) or StageState.FAILED in states
    return bool(stages) and not is_done and stages[-1].state is not StageState.DONE


def _confirmation(stage: Stage, found: Found, sightings: Sequence[Sighting]) -> Stage:
    """Counted, and taken back by a reorg; failed where no transaction is left that could confirm."""
    if (end := lost_all(sightings)) is not None:
        return Stage(stage.name, StageState.FAILED, end.at_ns, None, f"transaction {end.event}")
    if stage.state is StageState.WAITING or stage.state is StageState.MISSING:
        return stage
    has, wanted = _counted(found)
    moves = [one for one in sightings if one.event in {"confirmed", "unconfirmed"}]
    if moves and moves[-1].event == "unconfirmed":
        lost = f"lost {moves[-1].place or 'its block'} in a reorg"
        return Stage(stage.name, StageState.OPEN, stage.at_ns, stage.took_ns, lost)
    number = f"{has} of {wanted}" if wanted and has else str(has or "")
    detail = ", ".join(text for text in (number, stage.detail) if text)
    is_short = stage.state is StageState.DONE and 0 <= has < wanted
    return Stage(stage.name, StageState.OPEN if is_short else stage.state, stage.at_ns, stage.took_ns, detail)


def _counted(found: Found) -> tuple[int, int]:
    """How many confirmations there are by the newest count, and how many are wanted; 0 where it is not said."""
    held: list[tuple[int, Attributes]] = [(span.start_ns + span.duration_ns, span.attributes) for span in found.spans]
    held += [(time_of(record), record.attributes) for record in found.records]
    counts = [(at_ns, number) for at_ns, said in held if (number := _count(said)) is not None]
    wanted = max((_whole(said.get(WANTED)) or 0 for _, said in held), default=0)
    return (max(counts)[1] if counts else 0), wanted


def _count(said: Attributes) -> int | None:
    number = _whole(said.get(CONFIRMATIONS))
    return _whole(said.get("confirmations")) if number is None else number


def _detail(own: Sequence[_Fact]) -> str:
    """A person's approval says more than the policy's."""
    details = [fact.detail for fact in own if fact.detail]
    return next((one for one in reversed(details) if one != BY_POLICY), details[0] if details else "")


def _facts_of(found: Found) -> list[_Fact]:
    facts = [fact for span in found.spans for fact in _of_span(span)]
    facts += [fact for record in found.records for fact in _of_record(record)]
    if not any(fact.stage is not StageName.REQUEST for fact in facts):
        facts += [fact for span in found.spans for fact in _by_name(span)]
    first = min(found.spans, key=lambda span: span.start_ns, default=None)
    if facts and first is not None and not any(fact.stage is StageName.REQUEST for fact in facts):
        facts.append(_Fact(StageName.REQUEST, first.start_ns, first.start_ns, is_bad=False, detail=first.name))
    return facts


def _of_span(span: Span) -> Iterator[_Fact]:
    said = _text(span.attributes.get(STAGE))
    stage = _NAMED.get(said) or (StageName.CONFIRMATION if span.name == "custody.confirmation" else None)
    if stage is None:
        return
    height = _whole(span.attributes.get("custody.block_height"))
    is_bad = span.status == SpanStatus.ERROR
    detail = (
        span.status_message
        if is_bad
        else BY_POLICY
        if said == "policy"
        else f"block {height:,}"
        if height is not None
        else _text(span.attributes.get("audit.actor"))
    )
    yield _Fact(stage, span.start_ns, span.start_ns + span.duration_ns, is_bad=is_bad, detail=detail)


def _of_record(record: LogRecord) -> Iterator[_Fact]:
    said, at_ns = record.attributes, time_of(record)
    if record.event_name == "bitcoin.transaction.seen":
        node = _text(said.get("bitcoin.node"))
        yield _Fact(StageName.BROADCAST, at_ns, at_ns, is_bad=False, detail=f"seen by {node}")
    elif record.event_name == "bitcoin.transaction.confirmed":
        height = _whole(said.get("bitcoin.block.height"))
        detail = "" if height is None else f"block {height:,}"
        yield _Fact(StageName.CONFIRMATION, at_ns, at_ns, is_bad=False, detail=detail)
    elif _is_audit(record):
        yield from _of_audit(record, at_ns)


def _is_audit(record: LogRecord) -> bool:
    """By the SDK's name of the event, or by the attribute that services without it send (docs/guide/reconciliation.md)."""
    return record.event_name.startswith("audit.") or bool(_text(record.attributes.get("audit.action")))


def _of_audit(record: LogRecord, at_ns: int) -> Iterator[_Fact]:
    said = record.attributes
    actor = _text(said.get("audit.actor"))
    by = f"by {actor}" if actor else ""
    is_named, is_hsm = record.event_name.startswith("audit."), said.get("audit.action") == "hsm_operation"
    if said.get("audit.phase") == "intent":
        if not is_hsm and not record.event_name.startswith("audit.hsm_operation"):
            yield _Fact(StageName.REQUEST, at_ns, at_ns, is_bad=False, detail=by)
        return
    step = _STEP_EVENT.fullmatch(record.event_name)
    named = _text(said.get(STAGE)) or (step[1] if step else "")
    stage = _NAMED.get(named)
    if stage is None and is_hsm and not is_named and _text(said.get("operation")).startswith("sign"):
        stage = StageName.SIGNING  # the SDK tells its stage beside it
    if stage is not None:
        is_bad = said.get("audit.outcome") == "error"
        yield _Fact(stage, at_ns, at_ns, is_bad=is_bad, detail=by or (BY_POLICY if named == "policy" else ""))


def _by_name(span: Span) -> Iterator[_Fact]:
    stage = next((stage for pattern, stage in _BY_NAME if pattern.search(span.name)), None)
    if stage is not None:
        is_bad = span.status == SpanStatus.ERROR
        end_ns = span.start_ns + span.duration_ns
        yield _Fact(stage, span.start_ns, end_ns, is_bad=is_bad, detail=span.resource.service)


def _text(value: AttributeValue) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: AttributeValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
