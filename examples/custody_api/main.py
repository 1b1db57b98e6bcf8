"""Runs the custody service with some load: `python examples/custody_api/main.py --help`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from random import Random

import httpx
import uvicorn
from service import Custody, create_app

import anyascope.sdk

LOAD_AMOUNTS_SAT = (1_000, 25_000)


async def keep_busy(base_url: str, *, rate_per_s: float, random: Random) -> None:
    """Send withdrawals and look-ups, about `rate_per_s` of them, until cancelled."""
    async with httpx.AsyncClient(base_url=base_url, timeout=35.0) as client:
        while True:
            await asyncio.sleep(random.expovariate(rate_per_s))
            wallet_id = random.choice(("hot-1", "hot-1", "hot-2", "cold-1"))
            with contextlib.suppress(httpx.HTTPError):
                if random.random() < 0.5:
                    await client.get(f"/wallets/{wallet_id}")
                else:
                    amount_sat = random.randint(*LOAD_AMOUNTS_SAT)
                    await client.post("/withdrawals", json={"wallet_id": wallet_id, "amount_sat": amount_sat})


async def run(options: argparse.Namespace) -> None:
    """Serve until interrupted."""
    random = Random(options.seed)
    server = uvicorn.Server(
        uvicorn.Config(create_app(Custody(random)), host="127.0.0.1", port=options.port, log_config=None)
    )
    serving = asyncio.create_task(server.serve())
    load = (
        [asyncio.create_task(keep_busy(f"http://127.0.0.1:{options.port}", rate_per_s=options.load, random=random))]
        if options.load > 0
        else []
    )
    await serving
    for task in load:
        task.cancel()


def main() -> None:
    """Read the options, set the telemetry up, run."""
    parser = argparse.ArgumentParser(description="A small custody service whose every signal is visible in anyascope.")
    parser.add_argument("--port", type=int, default=8088, help="where it listens on 127.0.0.1 (default 8088)")
    parser.add_argument(
        "--endpoint", default="http://127.0.0.1:4318", help="OTLP/HTTP address of anyascope or a collector"
    )
    parser.add_argument("--load", type=float, default=5.0, help="requests a second that it sends itself; 0 for none")
    parser.add_argument("--seed", type=int, default=1, help="makes the load repeatable")
    options = parser.parse_args()
    telemetry = anyascope.sdk.init("custody", endpoint=options.endpoint, environment="example", version="1.0.0")
    try:
        asyncio.run(run(options))
    finally:
        telemetry.shutdown()


if __name__ == "__main__":
    main()
