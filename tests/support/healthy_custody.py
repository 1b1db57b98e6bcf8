"""A month of a healthy HSM and of a healthy hot wallet, as the collectors and the SDK tell it.

Sessions, operations and payments follow the day; one signature in 500 fails, calls are now and then slow. Withdrawals wait while
the mempool is full. In the reorg of a block (see `healthy_nodes`) the wallet's transactions are in the new block as well, as they
nearly always are. One spend is matched late.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from support.healthy_nodes import FULL_DAYS, REORG_STEP, REORG_STEPS, SPIKE_DAYS, SPIKE_SAT_PER_VB
from support.replay import DAY_STEPS, START_S, Replay, Values

HSM = {"job": "hsm", "instance": "core", "hsm": "core", "provider": "softhsm"}
TOKEN = {**HSM, "token": "vault", "serial": "1"}
APP = {"job": "custody", "instance": "a:1", "provider": "softhsm"}
WALLET = {"job": "bitcoin", "instance": "core-1:8332", "chain": "main", "node": "core-1", "wallet": "hot"}
CUSTODY = {"job": "custody", "instance": "here", "chain": "main", "wallet": "hot"}
PIN_STATES = ("ok", "low", "final_try", "locked", "to_be_changed", "uninitialized")
LATE_STEP = 15 * DAY_STEPS + 60
BUCKETS_S = ("0.01", "0.05", "0.1", "0.25", "0.5", "1", "+Inf")
SHARES = (0.3, 0.8, 0.93, 0.985, 0.996, 0.999, 1.0)  # of operations that take that long at most


def tell_hsm(replay: Replay, *, seed: int) -> None:
    """One token with a canary, and a service that signs."""
    chance = np.random.default_rng(seed)
    busy = _day(replay)
    now_s = START_S + replay.times_s
    for name, value in (("up", 1), ("tokens", 1), ("login_held", 0)):
        replay.add(f"anya_hsm_{name}", HSM, value)
    for kind in ("canary_sign", "canary_random"):
        labels = {**HSM, "operation_type": kind}
        replay.add("anya_hsm_canary_success", labels, 1)
        replay.add("anya_hsm_canary_last_success_timestamp_seconds", labels, now_s - 5)
        replay.add("anya_hsm_call_late_seconds", {**HSM, "call": kind}, 0)
        _operations(replay, labels, np.full(replay.steps, 4.0), np.zeros(replay.steps))
    operations = chance.poisson(20 * busy).astype(float)
    _operations(replay, {**APP, "operation_type": "sign"}, operations, chance.binomial(operations.astype(int), 0.002))
    _count(replay, "anya_hsm_errors_total", {**APP, "error_type": "device_busy"}, operations * 0.002)
    for state in PIN_STATES:
        replay.add("anya_hsm_pin_state", {**TOKEN, "state": state}, state == "ok")
        replay.add("anya_hsm_so_pin_state", {**TOKEN, "state": state}, state == "ok")
    replay.add("anya_hsm_key_present", {**HSM, "label": "withdrawals"}, 1)
    replay.add("anya_hsm_key_replaced", {**HSM, "label": "withdrawals"}, 0)
    replay.add("anya_hsm_keys_change", {**TOKEN, "class": "private", "key_type": "EC"}, 0)
    replay.add(
        "anya_hsm_sessions", {**TOKEN, "kind": "all"}, np.floor(10 + 40 * busy + chance.normal(0, 3, replay.steps))
    )
    replay.add("anya_hsm_sessions_max", {**TOKEN, "kind": "all"}, 100)
    # A forecast while sessions rise in the morning, far away; none otherwise.
    replay.add("anya_hsm_sessions_exhausted_in_seconds", HSM, np.where(np.gradient(busy) > 0.001, 200_000.0, np.nan))
    replay.add("anya_hsm_token_memory_free_bytes", {**TOKEN, "area": "private"}, 5_000)
    replay.add("anya_hsm_token_memory_bytes", {**TOKEN, "area": "private"}, 8_000)
    replay.add("anya_hsm_certificate_expiry_timestamp_seconds", {**HSM, "subject": "CN=core"}, START_S + 200 * 86_400.0)
    _count(replay, "anya_hsm_calls_hung_total", HSM, (np.arange(replay.steps) == 7 * DAY_STEPS).astype(float))
    for name in ("mechanisms_lost", "mechanisms_gained", "firmware_changed", "token_replaced"):
        replay.add(f"anya_hsm_{name}", TOKEN, 0)


def tell_wallet(replay: Replay, *, seed: int) -> None:
    """A hot wallet on a node, and the reconciliation of what leaves it."""
    chance = np.random.default_rng(seed + 1000)
    busy, steps = _day(replay), replay.steps
    days = replay.times_s / 86_400
    is_full = (days >= FULL_DAYS[0]) & (days < FULL_DAYS[1])
    is_spike = (days >= SPIKE_DAYS[0]) & (days < SPIKE_DAYS[1])
    sent, received = chance.poisson(0.02 + 0.1 * busy), chance.poisson(0.05 + 0.2 * busy)
    for direction, moved in (("withdrawal", sent), ("deposit", received), ("internal", np.zeros(steps))):
        labels = {**WALLET, "direction": direction}
        waiting = np.convolve(moved, np.ones(20), "full")[:steps]  # twenty minutes to be confirmed
        replay.add("anya_bitcoin_wallet_unconfirmed_transactions", labels, np.minimum(waiting, 9))
        blocks = np.where(waiting > 0, np.where(is_full, 5, 2), 0)
        replay.add("anya_bitcoin_wallet_unconfirmed_oldest_blocks", labels, blocks)
        replay.add("anya_bitcoin_wallet_reopened_transactions", labels, 0)
        replay.add("anya_bitcoin_wallet_movement_score", labels, np.abs(chance.normal(0, 0.7, steps)))
        replay.add("anya_bitcoin_wallet_unusual_movement", labels, 0)
        lost = np.arange(steps) == REORG_STEP + REORG_STEPS
        _count(replay, "anya_bitcoin_wallet_reorged_transactions_total", labels, lost * (direction == "deposit"))
    for name, value in (
        ("loaded", 1),
        ("stuck_transactions", 0),
        ("utxos_age_seconds", 30),
        ("consolidation_advised", 0),
    ):
        replay.add(f"anya_bitcoin_wallet_{name}", WALLET, value)
    replay.add("anya_bitcoin_wallet_stuck_transaction_blocks", {**WALLET, "txid": "aa"}, np.nan)
    ended = {**WALLET, "txid": "aa", "direction": "withdrawal"}
    replay.add("anya_bitcoin_wallet_unusual_transaction_score", ended, np.nan)
    replay.add("anya_bitcoin_wallet_reopened_transaction_sats", ended, np.nan)
    for name in ("replaced", "conflicted", "abandoned"):
        replay.add("anya_bitcoin_wallet_ended_transaction_sats", {**ended, "outcome": name}, np.nan)
        _count(replay, f"anya_bitcoin_wallet_{name}_total", WALLET, np.zeros(steps))
    utxos = np.floor(300 + 200 * np.sin(2 * np.pi * days / 11))
    funds = 5e9 + 2e9 * np.sin(2 * np.pi * days / 5)
    replay.add("anya_bitcoin_wallet_funds_sats", {**WALLET, "state": "trusted"}, funds)
    replay.add("anya_bitcoin_wallet_utxos", WALLET, utxos)
    replay.add(
        "anya_bitcoin_wallet_dust_utxos",
        WALLET,
        np.floor(utxos * np.where(is_spike, 0.4, np.where(is_full, 0.2, 0.02))),
    )
    replay.add(
        "anya_bitcoin_wallet_spend_cost_sats",
        WALLET,
        utxos * 68 * np.where(is_spike, SPIKE_SAT_PER_VB, np.where(is_full, 60, 8)),
    )
    replay.add("anya_bitcoin_wallet_keypool_size", WALLET, 1000 - np.arange(steps) % 400)
    labels = {"chain": "main", "wallet": "hot"}
    replay.add("wallet:floor_sats", labels, 1e9)
    replay.add("wallet:ceiling_sats", labels, 9e9)
    _reconcile(replay, sent.astype(float))


def _reconcile(replay: Replay, sent: Values) -> None:
    """Each spend waits for two minutes, then it is matched; one is late. None is unmatched: there is no series of one."""
    steps = replay.steps
    waiting = np.convolve(sent, np.ones(2), "full")[:steps]
    replay.add("anya_custody_waiting_spends", CUSTODY, waiting)
    late = (np.arange(steps) == LATE_STEP).astype(float)
    for result, values in (("matched", sent), ("late", late), ("unmatched", np.zeros(steps))):
        _count(replay, "anya_custody_spends_total", {**CUSTODY, "result": result}, values)
    replay.add("anya_custody_unmatched_spend", {**CUSTODY, "txid": "aa", "lacks": "request"}, np.nan)


def _day(replay: Replay) -> Values:
    """How busy it is, from 0 at night to 1 at noon."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * replay.times_s / 86_400))


def _operations(replay: Replay, labels: Mapping[str, str], done: Values, failed: Values) -> None:
    _count(replay, "anya_hsm_operations_total", {**labels, "status": "success"}, done - failed)
    _count(replay, "anya_hsm_operations_total", {**labels, "status": "error"}, failed)
    for bound, share in zip(BUCKETS_S, SHARES, strict=True):
        _count(replay, "anya_hsm_operation_duration_seconds_bucket", {**labels, "le": bound}, done * share)


def _count(replay: Replay, name: str, labels: Mapping[str, str], added: Values) -> None:
    """A counter by what each step adds."""
    replay.add(name, labels, np.cumsum(added))
