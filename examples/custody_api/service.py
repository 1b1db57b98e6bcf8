"""A small custody service: withdrawals pass a policy, are signed and broadcast, and every step is seen.

Real here: HTTP, the signature (ECDSA over secp256k1), the telemetry. Stand-ins: the key lies in memory instead of an HSM,
and the broadcast ends in a list instead of a Bitcoin node.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from dataclasses import dataclass, field
from enum import Enum
from random import Random

import structlog
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI, HTTPException
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode
from prometheus_client import Counter, Gauge, Histogram
from pydantic import BaseModel, Field

from anyascope.sdk import TelemetryMiddleware, metrics_app

log = structlog.get_logger("custody")
tracer = trace.get_tracer("custody")

AMOUNT_SAT_MAX = 2_100_000_000_000_000  # all bitcoin that will ever be
WALLETS = {"hot-1": 50_000_000, "hot-2": 20_000_000, "cold-1": 900_000_000}

signatures = Counter(
    "anya_hsm_operations_total",
    "HSM operations by type, provider and outcome.",
    ["operation_type", "provider", "status"],
)
transactions = Counter(
    "anya_bitcoin_transactions_total",
    "Bitcoin operations by type, outcome and wallet.",
    ["operation_type", "status", "wallet_id"],
)
signing_time = Histogram(
    "anya_hsm_operation_duration_seconds",
    "Time of an HSM operation.",
    ["operation_type", "provider"],
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0),
)
balance = Gauge("anya_bitcoin_wallet_balance_sats", "Balance of a wallet.", ["wallet_id", "wallet_type"])


class Part(Enum):
    """What can be made to fail."""

    POLICY = "policy"
    SIGNER = "signer"
    BROADCAST = "broadcast"


class Failure(BaseModel):
    """How a part misbehaves: which share of its calls fails, and how much slower all of them are."""

    part: Part
    ratio: float = Field(default=1.0, ge=0.0, le=1.0)
    delay_s: float = Field(default=0.0, ge=0.0, le=30.0)


class Withdrawal(BaseModel):
    """What a client asks for."""

    wallet_id: str
    amount_sat: int = Field(gt=0, le=AMOUNT_SAT_MAX)


@dataclass
class Custody:
    """The service's state."""

    random: Random
    balances: dict[str, int] = field(default_factory=lambda: dict(WALLETS))
    failures: dict[Part, Failure] = field(default_factory=dict)
    broadcasts: list[str] = field(default_factory=list)
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256K1()))

    async def misbehave(self, part: Part) -> None:
        """Wait and fail as somebody asked this part to."""
        failure = self.failures.get(part)
        if failure is None:
            return
        await asyncio.sleep(failure.delay_s)
        if self.random.random() < failure.ratio:
            raise RuntimeError(f"{part.value} failed on demand")

    async def withdraw(self, request: Withdrawal) -> str:
        """Carry one withdrawal out and give its transaction id."""
        held = self.balances.get(request.wallet_id)
        if held is None:
            raise HTTPException(404, f"there is no wallet {request.wallet_id}")
        if held < request.amount_sat:
            raise HTTPException(
                409, f"wallet {request.wallet_id} holds {held} sat, {request.amount_sat} were asked for"
            )
        await self._step(Part.POLICY, "check_policy")
        signature = await self._sign(f"{request.wallet_id}:{request.amount_sat}:{uuid.uuid4()}".encode())
        await self._step(Part.BROADCAST, "broadcast")
        txid = hashlib.sha256(hashlib.sha256(signature).digest()).hexdigest()
        self.broadcasts.append(txid)
        self.balances[request.wallet_id] = held - request.amount_sat
        balance.labels(request.wallet_id, "main").set(self.balances[request.wallet_id])
        return txid

    async def _step(self, part: Part, name: str) -> None:
        with tracer.start_as_current_span(name):
            await self.misbehave(part)

    async def _sign(self, message: bytes) -> bytes:
        started_s = time.perf_counter()
        with tracer.start_as_current_span("hsm_operation") as span:
            span.set_attribute("hsm_provider", "memory")
            try:
                await self.misbehave(Part.SIGNER)
                signature = self.key.sign(message, ec.ECDSA(hashes.SHA256()))
            except Exception as error:
                signatures.labels("sign", "memory", "error").inc()
                span.set_status(Status(StatusCode.ERROR, str(error)))
                log.error("signing_failed", key_id="withdrawals", error=str(error))  # noqa: TRY400  # the span has the trace
                raise
            signatures.labels("sign", "memory", "success").inc()
            signing_time.labels("sign", "memory").observe(time.perf_counter() - started_s)
            return signature


def create_app(custody: Custody) -> FastAPI:
    """The service's HTTP API."""
    app = FastAPI(title="custody example", telemetry={"tracing": False})  # the middleware traces
    app.add_middleware(TelemetryMiddleware)
    app.mount("/metrics", metrics_app())
    for wallet_id, held in custody.balances.items():
        balance.labels(wallet_id, "main").set(held)

    @app.get("/wallets/{wallet_id}")
    async def wallet(wallet_id: str) -> dict[str, int | str]:
        if wallet_id not in custody.balances:
            raise HTTPException(404, f"there is no wallet {wallet_id}")
        return {"wallet_id": wallet_id, "balance_sat": custody.balances[wallet_id]}

    @app.post("/withdrawals", status_code=201)
    async def withdraw(request: Withdrawal) -> dict[str, str]:
        try:
            txid = await custody.withdraw(request)
        except RuntimeError as error:
            transactions.labels("send", "error", request.wallet_id).inc()
            raise HTTPException(503, str(error)) from error
        transactions.labels("send", "success", request.wallet_id).inc()
        log.info("withdrawal_broadcast", wallet_id=request.wallet_id, amount_sat=request.amount_sat, txid=txid)
        return {"txid": txid}

    @app.put("/failures")
    async def fail(failure: Failure) -> Failure:
        custody.failures[failure.part] = failure
        log.warning("failure_ordered", part=failure.part.value, ratio=failure.ratio, delay_s=failure.delay_s)
        return failure

    @app.delete("/failures", status_code=204)
    async def recover() -> None:
        custody.failures.clear()
        log.info("failures_cleared")

    return app
