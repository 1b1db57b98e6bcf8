"""Load on demand: customers that look at their wallets and withdraw, approvers, and now and then somebody with a wrong token."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from random import Random

import httpx

AMOUNTS_SAT = (1_000, 25_000)
LARGE_SHARE = 0.05  # need a second person
LARGE_AMOUNT_SAT = 15_000_000
WRONG_TOKEN_SHARE = 0.1  # of approvals
TIMEOUT_S = 35.0


async def keep_busy(
    base_url: str, *, wallets: Sequence[str], approver_token: str, rate_per_s: float, random: Random
) -> None:
    """Send withdrawals and look-ups, about `rate_per_s` of them, until cancelled."""
    async with httpx.AsyncClient(base_url=base_url, timeout=TIMEOUT_S, trust_env=False) as client:
        while True:
            await asyncio.sleep(random.expovariate(rate_per_s))
            with contextlib.suppress(httpx.HTTPError):
                await _one(client, wallets=wallets, approver_token=approver_token, random=random)


async def _one(client: httpx.AsyncClient, *, wallets: Sequence[str], approver_token: str, random: Random) -> None:
    wallet_id = random.choice(wallets)
    if random.random() < 0.5:
        await client.get(f"/wallets/{wallet_id}")
        return
    is_large = random.random() < LARGE_SHARE
    amount_sat = LARGE_AMOUNT_SAT if is_large else random.randint(*AMOUNTS_SAT)
    answer = await client.post("/withdrawals", json={"wallet_id": wallet_id, "amount_sat": amount_sat})
    if answer.status_code == httpx.codes.ACCEPTED:
        token = "guessed" if random.random() < WRONG_TOKEN_SHARE else approver_token
        await client.post(f"/withdrawals/{answer.json()['id']}/approval", headers={"x-approver-token": token})
