"""Whether a spend was asked for, approved and signed: pure, and the same in whatever order things became known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from anyascope.clock import NS_PER_S
from anyascope.custody.nouns import DEPOSIT, Evidence, EvidenceKind, Lack, Proof, Spend, Verdict
from anyascope.custody.options import FEE_SATS_MAX
from anyascope.semconv.coins import coin_of_label

CLOCK_SKEW_NS = 2 * NS_PER_S  # by which the clocks of service, signer and node may differ; NTP keeps them within 0.1 s
UNKNOWN_FEE_SATS_MAX = (
    100_000  # of a transaction that several pay for, whose fee no wallet knows: 250 virtual bytes at 400 sats
)
REVOKED = frozenset(
    ("refused", "cancelled", "expired")
)  # outcomes that take an approval back; `error` does not: a broadcast whose answer was lost ends so

Dossiers = Mapping[str, Collection[Evidence]]
"""Correlation id -> everything on record under it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is asked of a spend.

    Attributes:
        approval_steps: which steps approve.
        require_amount: whether a request without an amount covers nothing that leaves a wallet.
        fee_sats_max: a higher fee is more than was asked for.
    """

    approval_steps: Collection[str]
    require_amount: bool = True
    fee_sats_max: int = FEE_SATS_MAX


@dataclass(frozen=True, slots=True)
class _Request:
    """One operation that the spend may belong to, as it stood when the spend was seen.

    Attributes:
        names_coin: whether it says of which coin its amount is, which is the spend's then.
    """

    correlation_id: str
    operation: str
    began_ns: int | None
    is_approved: bool
    amount_sats: int | None
    signed: tuple[Evidence, ...]
    signatures: int
    names_coin: bool


def judge(spend: Spend, dossiers: Dossiers, policy: Policy, *, gone: Collection[str] = frozenset()) -> Verdict:
    """What a spend lacks.

    One transaction may carry out several requests (a batch), and one request be carried out by several transactions: what the
    approved requests of a spend allow together, less what their other transactions took, must cover it. Operations that named
    the transaction itself come first; those of the one that it replaces count where these do not suffice.

    A request that names a coin asks for nothing of another one. One that names none is of the coin of what it was spent for: a
    transaction of a second coin has no part in its amount.

    Args:
        dossiers: of the operations that named the spend, or the transaction that it replaces.
        gone: txids that move nothing any more, and take nothing from what was approved.
    """
    named = {joined: evidence for joined, evidence in dossiers.items() if _names(spend, evidence)}
    if named and len(named) < len(dossiers):
        verdict = _judge(spend, named, policy, gone)
        if verdict.is_matched:
            return verdict
    return _judge(spend, dossiers, policy, gone)


def _names(spend: Spend, evidence: Iterable[Evidence]) -> bool:
    return any(each.kind is EvidenceKind.NAMED and each.txid == spend.txid for each in evidence)


def _judge(spend: Spend, dossiers: Dossiers, policy: Policy, gone: Collection[str]) -> Verdict:
    requests = [
        _request(spend, correlation_id, evidence, approval_steps=policy.approval_steps)
        for correlation_id, evidence in sorted(dossiers.items())
    ]
    begun = [each for each in requests if each.began_ns is not None]
    approved = [each for each in begun if each.is_approved]
    proof = _proof(spend, requests, approved or begun, rivals=_rivals_spent(spend, dossiers))
    lacks = []
    if not begun:
        lacks.append(Lack.REQUEST)
    if not approved:
        lacks.append(Lack.APPROVAL)
    if proof is None:
        lacks.append(Lack.SIGNATURE)
    spent = _spent_otherwise(spend, approved, dossiers, gone)
    if approved and _exceeds(spend, _allowed_sats(spend, approved, spent, policy), _sum_sats(spend, spent), policy):
        lacks.append(Lack.AMOUNT)
    ordered = sorted(approved or begun or requests, key=lambda each: (each.began_ns or 0, each.correlation_id))
    return Verdict(
        tuple(lacks),
        tuple(each.correlation_id for each in ordered),
        next((each.operation for each in ordered if each.operation), ""),
        proof,
    )


def _request(
    spend: Spend, correlation_id: str, evidence: Iterable[Evidence], *, approval_steps: Collection[str]
) -> _Request:
    known = sorted(evidence, key=lambda each: (each.at_ns, each.text, each.is_well))
    before = [each for each in known if each.at_ns <= spend.seen_ns + CLOCK_SKEW_NS]
    coin = coin_of_label(spend.coin)
    asked = [each for each in before if each.kind is EvidenceKind.BEGAN and each.text != DEPOSIT]
    in_coin = [each for each in asked if each.coin == coin]
    began = in_coin or [each for each in asked if not each.coin]
    amounts = [each.amount_sats for each in began if each.amount_sats is not None]
    return _Request(
        correlation_id=correlation_id,
        operation=began[0].text if began else "",
        began_ns=began[0].at_ns if began else None,
        is_approved=_is_approved(spend, before, approval_steps),
        amount_sats=max(amounts) if amounts else None,
        signed=tuple(_signatures(spend, known, before)),
        signatures=sum(each.kind is EvidenceKind.SIGNED for each in before),
        names_coin=bool(in_coin),
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


def _signatures(spend: Spend, known: Iterable[Evidence], before: Iterable[Evidence]) -> Iterable[Evidence]:
    """What was signed that may be this spend: of a replacement, after the replaced one was complete."""
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
            yield each


def _rivals_spent(spend: Spend, dossiers: Dossiers) -> int:
    """How many others that spend the same outputs were matched with these requests."""
    spent = {each.txid for one in dossiers.values() for each in one if each.kind is EvidenceKind.SPENT}
    return len(spent & {spend.replaces, *spend.rivals} - {spend.txid})


def _proof(spend: Spend, requests: Iterable[_Request], asked: Iterable[_Request], *, rivals: int) -> Proof | None:
    """How it is known that what was asked for was signed; one signature serves all requests of a batch.

    A transaction that carries none of the signatures that were put on record by name was signed elsewhere, unless a signer that
    says no names signed, too. Where names say nothing, each transaction that took the place of another needs a signature more. One without a name that is of a key which also has one is the same signing, told by who asked for it.
    """
    first_ns = min((each.began_ns for each in asked if each.began_ns is not None), default=None)
    floor_ns = None if first_ns is None else first_ns - CLOCK_SKEW_NS
    signed = [each for one in requests for each in one.signed if floor_ns is None or each.at_ns >= floor_ns]
    names = {each.signature for each in signed if each.signature}
    if not names.isdisjoint(spend.signatures):
        return Proof.CARRIED
    if not signed or sum(one.signatures for one in requests) <= rivals:
        return None
    keys = {each.text for each in signed if each.signature}
    is_nameless = not names or not spend.signatures
    return Proof.TOLD if is_nameless or any(not each.signature and each.text not in keys for each in signed) else None


def _allowed_sats(spend: Spend, approved: Iterable[_Request], spent: Iterable[Evidence], policy: Policy) -> int | None:
    """What was approved together; None is any amount."""
    elsewhere = {each.correlation_id for each in spent if each.coin != coin_of_label(spend.coin)}
    amounts = [0 if each.correlation_id in elsewhere and not each.names_coin else each.amount_sats for each in approved]
    if None in amounts and not policy.require_amount:
        return None
    return sum(each for each in amounts if each is not None)


def _spent_otherwise(
    spend: Spend, approved: Iterable[_Request], dossiers: Dossiers, gone: Collection[str]
) -> list[Evidence]:
    """What other transactions took of what was approved; one that spends the same outputs is never mined beside this one."""
    never = {spend.txid, spend.replaces, *spend.rivals, *gone}
    known = (each for request in approved for each in dossiers[request.correlation_id])
    return [each for each in known if each.kind is EvidenceKind.SPENT and each.txid not in never]


def _sum_sats(spend: Spend, spent: Iterable[Evidence]) -> int:
    """What these took of the spend's own coin, each transaction once."""
    others = dict[str, int]()
    for each in spent:
        if each.coin == coin_of_label(spend.coin):
            others[each.txid] = max(others.get(each.txid, 0), each.amount_sats or 0)
    return sum(others.values())


def _exceeds(spend: Spend, allowed_sats: int | None, others_sats: int, policy: Policy) -> bool:
    """Whether more is spent than was approved. What stays in the wallet needs no amount; a fee may be too high for any."""
    if spend.fee_sats > policy.fee_sats_max:
        return True
    if allowed_sats is None or not spend.leaving_sats:
        return False
    slack_sats = (
        UNKNOWN_FEE_SATS_MAX if spend.shares_inputs else 0
    )  # what a wallet lost then has its part of the fee in it
    return spend.leaving_sats > allowed_sats - others_sats + slack_sats
