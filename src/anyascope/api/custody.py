"""Spends of our wallets out, and what people say of those that nobody asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Protocol

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from anyascope.api.bodies import described_body, document_of
from anyascope.api.encode import json_response
from anyascope.api.params import BY_CHARS_MAX, NAME_CHARS_MAX, CursorParam, answers
from anyascope.api.render import time_or_none
from anyascope.custody.book import LIMIT_MAX, SpendPage
from anyascope.custody.nouns import Item, SpendKey, State
from anyascope.errors import InvalidInputError
from anyascope.wire.own_custody import AcceptSpend, SpendsView, SpendView

NOTE_CHARS_MAX = 2_000  # a paragraph


class SpendDesk(Protocol):
    """Who compares spends with what is on record."""

    async def spends(self, *, limit: int, cursor: str, state: State | None) -> SpendPage:
        """Spends, newest first.

        Raises:
            InvalidInputError: the limit is out of bounds, or the cursor is not one of ours.
            UnavailableError: the store cannot be read.
        """

    async def related(self, ids: Collection[str], keys: Collection[SpendKey]) -> Sequence[Item]:
        """Spends that are open and about one of these txids or correlation ids, and those of these keys; newest first.

        Raises:
            UnavailableError: the store cannot be read.
        """

    async def accept(self, key: SpendKey, *, by: str, note: str) -> Item:
        """Take an unmatched spend for one that is in order.

        Raises:
            NotFoundError: there is no such spend.
            ConflictError: it is not unmatched.
            UnavailableError: it cannot be kept now.
        """


def custody_router(desk: SpendDesk) -> APIRouter:
    """The routes below `/custody`."""
    router = APIRouter(tags=["custody"])

    @router.get(
        "/custody/spends",
        operation_id="listSpends",
        summary="Transactions that spend from watched wallets: was each asked for, approved and signed?",
        response_model=SpendsView,
        responses=answers(),
    )
    async def list_spends(
        state: Annotated[State | None, Query(description="Only those that stand so.")] = None,
        limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="At most so many.")] = 100,
        cursor: CursorParam = "",
    ) -> Response:
        """Newest first, those that wait before all others. A page may be short and have a cursor all the same."""
        page = await desk.spends(limit=limit, cursor=cursor, state=state)
        return json_response(SpendsView(spends=[spend_view(item) for item in page.items], cursor=page.cursor or None))

    @router.post(
        "/custody/spends/{chain}/{txid}/accept",
        operation_id="acceptSpend",
        summary="Say that an unmatched spend is in order, by whose word and why; its page ends",
        response_model=SpendView,
        responses=answers(problems=(400, 404, 409)),
        openapi_extra=described_body(AcceptSpend),
    )
    async def accept(
        chain: Annotated[str, Path(max_length=NAME_CHARS_MAX)],
        txid: Annotated[str, Path(max_length=NAME_CHARS_MAX)],
        request: Request,
    ) -> Response:
        """Such as one that was made by hand in an emergency. It stays on record with the name and the reason."""
        asked = await document_of(request, AcceptSpend)
        by, note = asked.by.strip(), asked.note.strip()
        for path, text, chars_max in (("by", by, BY_CHARS_MAX), ("note", note, NOTE_CHARS_MAX)):
            if not 0 < len(text) <= chars_max:
                raise InvalidInputError(f"must have 1 to {chars_max} characters", path=path)
        return json_response(spend_view(await desk.accept((chain, txid), by=by, note=note)))

    return router


def spend_view(item: Item) -> SpendView:
    """A spend as the API shows it."""
    spend = item.spend
    return SpendView(
        chain=spend.chain,
        txid=spend.txid,
        wallet=spend.wallet,
        node=spend.node,
        direction=spend.direction,
        amount_sats=spend.amount_sats,
        fee_sats=spend.fee_sats,
        state=item.state.value,
        lacks=[lack.value for lack in item.lacks],
        correlation_ids=list(item.correlation_ids),
        operation=item.operation,
        replaces=spend.replaces,
        is_gone=item.is_gone,
        seen_at=time_or_none(spend.seen_ns),
        settled_at=time_or_none(item.settled_ns),
        matched_at=time_or_none(item.matched_ns),
        signature=item.proof.value if item.proof is not None else "",
        rivals=list(spend.rivals),
        accepted_by=item.accepted_by,
        note=item.note,
        coin=spend.coin,
    )
