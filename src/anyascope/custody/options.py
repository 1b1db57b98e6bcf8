"""`custody`: which wallets must reconcile, and how."""

from __future__ import annotations

from dataclasses import dataclass

from anyascope.custody.eras import covers
from anyascope.wire.settings import Section

GRACE_S = 0.5  # audit events are here some 50 ms after they were written, before a node's wallet is looked at; of 2 s to Slack that look takes up to 1
GRACE_S_MAX = 3_600.0  # who waits longer is not told of a theft in time
HORIZON_S = 30 * 86_400.0  # as long as logs are kept by default
HORIZON_S_MIN = 3_600.0
FEE_SATS_MAX = (
    10_000_000  # as Core's wallet: -maxtxfee is 0.1 BTC by default (src/wallet/wallet.h, DEFAULT_TRANSACTION_MAXFEE)
)
APPROVAL_STEPS = ("policy", "approval")


@dataclass(frozen=True, slots=True)
class CustodyOptions:
    """What is reconciled.

    Attributes:
        is_on: whether anything is.
        wallets: names, `*` stands for anything; every watched wallet where there is none.
        approval_steps: the steps of a custody operation that approve it; one of them must have gone well and none have failed last.
        grace_s: how long a spend may wait for what belongs to it before people are told.
        require_amount: whether a request that named no amount covers nothing that leaves a wallet; else it covers any.
        fee_sats_max: of one spend; a higher fee is more than was asked for, whoever gets it.
        horizon_s: how long before a spend its request and signature may lie, and how long spends are kept.
    """

    is_on: bool = False
    wallets: tuple[str, ...] = ()
    approval_steps: tuple[str, ...] = APPROVAL_STEPS
    grace_s: float = GRACE_S
    horizon_s: float = HORIZON_S
    require_amount: bool = True
    fee_sats_max: int = FEE_SATS_MAX

    def covers(self, wallet: str) -> bool:
        """Whether the spends of this wallet must reconcile."""
        return self.is_on and covers(self.wallets, wallet)


def read_custody(top: Section) -> CustodyOptions:
    """The section `custody` of the top of the configuration; off without one."""
    section = top.section("custody")
    if "custody" in top.names() and not top.has("custody"):
        top.wrong(
            "is empty: `custody: {}` reconciles every watched wallet; without the section nothing is", name="custody"
        )
    grace_s = section.duration_s("grace", GRACE_S)
    if grace_s > GRACE_S_MAX:
        section.wrong(f"must be at most {GRACE_S_MAX:.0f}s", name="grace")
    horizon_s = section.duration_s("horizon", HORIZON_S)
    if horizon_s < HORIZON_S_MIN:
        section.wrong(f"must be at least {HORIZON_S_MIN:.0f}s", name="horizon")
    steps = section.texts("approval_steps")
    if section.has("approval_steps") and not all(step.strip() for step in (steps or ("",))):
        section.wrong("must name at least one step, and no empty one", name="approval_steps")
    fee_sats_max = section.integer("fee_sats_max", FEE_SATS_MAX)
    if fee_sats_max < 0:
        section.wrong("must not be negative", name="fee_sats_max")
    found = CustodyOptions(
        is_on=top.has("custody"),
        wallets=section.texts("wallets"),
        approval_steps=steps or APPROVAL_STEPS,
        grace_s=grace_s,
        horizon_s=horizon_s,
        require_amount=section.boolean("require_amount", True),
        fee_sats_max=fee_sats_max,
    )
    section.done()
    return found
