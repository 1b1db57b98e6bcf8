"""Whether a spend was asked for, approved and signed: pure, and the same in whatever order things became known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from anyascope.clock import NS_PER_S
from anyascope.custody.nouns import Evidence, EvidenceKind, Lack, Spend, Verdict

CLOCK_SKEW_NS = 2 * NS_PER_S  # by which the clocks of service, signer and node may differ; NTP keeps them within 0.1 s
DEPOSIT = "deposit"  # the one kind of operation that asks for no spend
REVOKED = frozenset(
    ("refused", "cancelled", "expired")
)  # outcomes that take an approval back; `error` does not: a broadcast whose answer was lost ends so

Dossiers = Mapping[str, Collection[Evidence]]
"""Correlation id -> everything on record under it."""


@dataclass(frozen=True, slots=True)
class _Request:
    """One operation that the spend may belong to, as it stood when the spend was seen."""

    correlation_id: str
    operation: str
    began_ns: int | None
    is_approved: bool
    amount_sats: int | None
    signed_ns: tuple[int, ...]


def judge(
    spend: Spend, dossiers: Dossiers, *, approval_steps: Collection[str], gone: Collection[str] = frozenset()
) -> Verdict:
    """What a spend lacks.

    One transaction may carry out several requests (a batch), and one request be carried out by several transactions: what the
    approved requests of a spend allow together, less what their other transactions took, must cover it.

    Args:
        dossiers: of the operations that named the spend, or the transaction that it replaces.
        approval_steps: which steps approve.
        gone: txids that move nothing any more, and take nothing from what was approved.
    """
    requests = [
        _request(spend, correlation_id, evidence, approval_steps=approval_steps)
        for correlation_id, evidence in sorted(dossiers.items())
    ]
    begun = [each for each in requests if each.began_ns is not None]
    approved = [each for each in begun if each.is_approved]
    lacks = []
    if not begun:
        lacks.append(Lack.REQUEST)
    if not approved:
        lacks.append(Lack.APPROVAL)
    if not _is_signed(requests, approved or begun):
        lacks.append(Lack.SIGNATURE)
    if approved and _exceeds(spend, approved, dossiers, gone):
        lacks.append(Lack.AMOUNT)
    ordered = sorted(approved or begun or requests, key=lambda each: (each.began_ns or 0, each.correlation_id))
    return Verdict(
        tuple(lacks),
        tuple(each.correlation_id for each in ordered),
        next((each.operation for each in ordered if each.operation), ""),
    )


def _request(
    spend: Spend, correlation_id: str, evidence: Iterable[Evidence], *, approval_steps: Collection[str]
) -> _Request:
    known = sorted(evidence, key=lambda each: (each.at_ns, each.text, each.is_well))
    before = [each for each in known if each.at_ns <= spend.seen_ns + CLOCK_SKEW_NS]
    began = [each for each in before if each.kind is EvidenceKind.BEGAN and each.text != DEPOSIT]
    amounts = [each.amount_sats for each in began if each.amount_sats is not None]
    return _Request(
        correlation_id=correlation_id,
        operation=began[0].text if began else "",
        began_ns=began[0].at_ns if began else None,
        is_approved=_is_approved(spend, before, approval_steps),
        amount_sats=max(amounts) if amounts else None,
        signed_ns=tuple(_signatures(spend, known, before)),
    )


def _is_approved(spend: Spend, before: Iterable[Evidence], approval_steps: Collection[str]) -> bool:
    """Whether an approving step went well, none went wrong last, and nobody took it back before the spend."""
    last: dict[str, bool] = {}
    outcome = ""
    for each in before:
        if each.kind is EvidenceKind.STEP and each.text in approval_steps:
            last[each.text] = each.is_well
        elif each.kind is EvidenceKind.ENDED and each.at_ns <= spend.seen_ns:
            outcome = each.text
    return bool(last) and all(last.values()) and outcome not in REVOKED


def _signatures(spend: Spend, known: Iterable[Evidence], before: Iterable[Evidence]) -> Iterable[int]:
    """When something was signed that may be this spend: of a replacement, after the replaced one was complete."""
    complete_ns = min(
        (
            each.at_ns
            for each in known
            if spend.replaces and each.kind is EvidenceKind.NAMED and each.txid == spend.replaces
        ),
        default=None,
    )
    for each in before:
        if each.kind is EvidenceKind.SIGNED and (complete_ns is None or each.at_ns > complete_ns):
            yield each.at_ns


def _is_signed(requests: Iterable[_Request], asked: Iterable[_Request]) -> bool:
    """Whether a signature followed the first request; one signature serves all requests of a batch."""
    first_ns = min((each.began_ns for each in asked if each.began_ns is not None), default=None)
    floor_ns = None if first_ns is None else first_ns - CLOCK_SKEW_NS
    return any(floor_ns is None or at_ns >= floor_ns for each in requests for at_ns in each.signed_ns)


def _exceeds(spend: Spend, approved: Iterable[_Request], dossiers: Dossiers, gone: Collection[str]) -> bool:
    """Whether more is spent than was approved. A request that named no amount allows any."""
    allowed, others = 0, dict[str, int]()
    for each in approved:
        if each.amount_sats is None:
            return False
        allowed += each.amount_sats
        for spent in dossiers[each.correlation_id]:
            if spent.kind is EvidenceKind.SPENT and spent.txid not in {spend.txid, spend.replaces, *gone}:
                others[spent.txid] = max(others.get(spent.txid, 0), spent.amount_sats or 0)
    return spend.amount_sats > allowed - sum(others.values()) + spend.fee_sats
