"""The service's HTTP API and page."""

from __future__ import annotations

from typing import Annotated

import structlog
from book import Failure, Part, Withdrawal
from fastapi import FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from node import NodeError, Tip
from page import render
from pydantic import BaseModel, Field
from service import AMOUNT_SAT_MAX, Custody, NotNowError, RefusedError, UnknownError

from anyascope.sdk import OperationFailed, TransactionFailed, instrument

log = structlog.get_logger("custody.api")

ADDRESS_CHARS_MAX = 100  # the longest, of segregated witness, have 90
NEWEST_SHOWN = 20


class WithdrawalRequest(BaseModel):
    """What a customer asks for; without an address the money goes where the service was told that tests pay to."""

    wallet_id: str
    amount_sat: int = Field(gt=0, le=AMOUNT_SAT_MAX)
    address: str = Field(default="", max_length=ADDRESS_CHARS_MAX)


class FailureOrder(BaseModel):
    """How a part is to misbehave: which share of its calls fails, and how much slower all of them are."""

    part: Part
    ratio: float = Field(default=1.0, ge=0.0, le=1.0)
    delay_s: float = Field(default=0.0, ge=0.0, le=30.0)


class WithdrawalView(BaseModel):
    """A withdrawal as customers see it."""

    id: str
    wallet_id: str
    amount_sat: int
    state: str
    txid: str
    confirmations: int


def view_of(withdrawal: Withdrawal) -> WithdrawalView:
    """What a customer sees of a withdrawal."""
    return WithdrawalView(
        id=withdrawal.id,
        wallet_id=withdrawal.wallet_id,
        amount_sat=withdrawal.amount_sat,
        state=withdrawal.state.value,
        txid=withdrawal.txid,
        confirmations=withdrawal.confirmations,
    )


def create_app(custody: Custody, *, pay_to: str = "") -> FastAPI:
    """The application; `pay_to` is where withdrawals without an address go."""
    app = FastAPI(title="custody example", telemetry={"tracing": False})  # the line below traces
    instrument(app, metrics_path="/metrics")
    _add_money(app, custody, pay_to=pay_to)
    _add_operators(app, custody)
    _add_errors(app)
    return app


def _add_money(app: FastAPI, custody: Custody, *, pay_to: str) -> None:
    @app.get("/wallets/{wallet_id}")
    async def wallet(wallet_id: str) -> dict[str, int | str]:
        held_sat = await custody.balance_sat(wallet_id)
        return {"wallet_id": wallet_id, "balance_sat": held_sat, "address": await custody.node.address_of(wallet_id)}

    @app.post("/withdrawals", status_code=201)
    async def withdraw(request: WithdrawalRequest, response: Response) -> WithdrawalView:
        address = request.address or pay_to
        if not address:
            raise HTTPException(422, "address is missing, and the service was started without --pay-to")
        withdrawal = await custody.request(wallet_id=request.wallet_id, address=address, amount_sat=request.amount_sat)
        if not withdrawal.txid:
            response.status_code = 202
        return view_of(withdrawal)

    @app.post("/withdrawals/{withdrawal_id}/approval")
    async def approve(withdrawal_id: str, x_approver_token: Annotated[str, Header()] = "") -> WithdrawalView:
        return view_of(await custody.approve(withdrawal_id, token=x_approver_token))

    @app.post("/withdrawals/{withdrawal_id}/fee-bump")
    async def bump(withdrawal_id: str) -> WithdrawalView:
        return view_of(await custody.bump(withdrawal_id))

    @app.get("/withdrawals/{withdrawal_id}")
    async def withdrawal(withdrawal_id: str) -> WithdrawalView:
        found = custody.book.withdrawal(withdrawal_id)
        if found is None:
            raise UnknownError(f"there is no withdrawal {withdrawal_id}")
        return view_of(found)


def _add_operators(app: FastAPI, custody: Custody) -> None:
    @app.put("/failures")
    async def fail(order: FailureOrder) -> FailureOrder:
        custody.book.order_failure(Failure(order.part, order.ratio, order.delay_s))
        log.warning("failure_ordered", part=order.part.value, ratio=order.ratio, delay_s=order.delay_s)
        return order

    @app.delete("/failures", status_code=204)
    async def recover() -> None:
        custody.book.clear_failures()
        log.info("failures_cleared")

    @app.get("/", response_class=HTMLResponse)
    async def page() -> str:
        tip: Tip | None = None
        balances: dict[str, int | None] = dict.fromkeys(custody.wallets)
        try:
            tip = await custody.node.tip()
            for wallet_id in custody.wallets:
                balances[wallet_id] = await custody.node.balance_sat(wallet_id)
        except NodeError as error:
            log.warning("page_incomplete", error=str(error))
        return render(
            node=(custody.node.name, custody.node.is_real),
            signer=(custody.signer.name, custody.signer.is_real),
            balances=balances,
            tip=tip,
            withdrawals=custody.book.newest(NEWEST_SHOWN),
            failures=[failure for part in Part if (failure := custody.book.failure(part)) is not None],
        )


STATUSES: dict[type[Exception], int] = {
    UnknownError: 404,
    RefusedError: 409,
    NotNowError: 409,
    PermissionError: 401,
    NodeError: 503,
    TransactionFailed: 503,
    OperationFailed: 503,
}


def _add_errors(app: FastAPI) -> None:
    async def answer(_request: Request, error: Exception) -> JSONResponse:
        status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
        return JSONResponse({"detail": str(error)}, status)

    for kind in STATUSES:
        app.add_exception_handler(kind, answer)
