"""Remote signers behind the HSM's door. What answers is a double on loopback, made after the signers' documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyascope.clock import SystemClock
from anyascope.collect.collectors.hsm.pin import PinGates
from anyascope.collect.collectors.hsm.watch import HsmWatch, hsm_watch
from anyascope.collect.hsm_options import CanaryOptions, HsmOptions, RemoteOptions, SignerKind
from anyascope.collect.runner import Round
from anyascope.model.http import Authorization, HttpOptions
from anyascope.model.secret import Secret
from anyascope.store.documents import MemoryDocuments
from support.collecting import RecordingIntake
from support.signers import TOKEN, W3_KEY, signers


@pytest.fixture
def double():
    with signers() as made:
        yield made


def watch_of(double, kind: SignerKind, *, token: str = TOKEN, timeout_s: float = 30.0) -> HsmWatch:
    http = HttpOptions(authorization=Authorization(Secret(token)))
    source = RemoteOptions(kind, double.url, "transit", http)
    canary = CanaryOptions(sign="canary", hmac="mac", encrypt="canary")
    if kind is SignerKind.WEB3SIGNER:
        canary = CanaryOptions(sign=W3_KEY, has_random=False)
    options = HsmOptions("far", kind.value, source, timeout_s=timeout_s, key_labels=("withdrawals",), canary=canary)
    clock = SystemClock()
    documents = MemoryDocuments(clock=clock)
    return hsm_watch(
        options,
        gates=PinGates(documents),
        intake=RecordingIntake(),
        documents=documents,
        clock=clock,
        procfs=Path("/proc"),
    )


async def round_of(watch: HsmWatch) -> tuple[Round, dict[tuple[str, ...], float]]:
    try:
        found = await watch.gather()
    finally:
        await watch.close()
    points = {(family.name, *(value for _, value in own)): at for family in found.families for own, at in family.points}
    return found, points


async def test_vault_transit_makes_the_whole_canary(double) -> None:
    """Signing, verifying, HMAC, encryption and random bytes work; keys are counted; there is neither PIN nor mechanism."""
    found, points = await round_of(watch_of(double, SignerKind.VAULT))
    assert found.faults == ()
    done = sorted(name[1] for name in points if name[0] == "anya_hsm_canary_success")
    assert done == [f"canary_{kind}" for kind in ("decrypt", "encrypt", "hmac", "random", "sign", "verify")]
    assert points["anya_hsm_keys", "remote", "transit"] == 3
    assert points["anya_hsm_key_present", "withdrawals"] == 1
    assert found.detail == "transit (Vault Transit 1.18.0)"
    assert not {"anya_hsm_pin_state", "anya_hsm_mechanisms"} & {name[0] for name in points}


async def test_web3signer_signs(double) -> None:
    """Its signature has 65 bytes in hex, and its keys are counted; a missing allowed one is told."""
    found, points = await round_of(watch_of(double, SignerKind.WEB3SIGNER))
    assert points["anya_hsm_canary_success", "canary_sign"] == 1
    assert points["anya_hsm_keys", "remote", "eth1"] == 1
    assert found.faults == ("no key is called withdrawals",)


@pytest.mark.parametrize("kind", [SignerKind.VAULT, SignerKind.WEB3SIGNER])
async def test_a_signature_that_is_none_is_noticed(double, kind: SignerKind) -> None:
    """An answer of 200 is not enough."""
    double.is_lying = True
    found, points = await round_of(watch_of(double, kind))
    assert found.is_down
    assert points["anya_hsm_errors_total", "signature_invalid", ""] == 1


async def test_a_sealed_vault_is_down(double) -> None:
    """Nothing is tried on it."""
    double.is_sealed = True
    found, points = await round_of(watch_of(double, SignerKind.VAULT))
    assert (found.is_down, found.faults) == (True, ("does not answer: it is sealed (HTTP_503)",))
    assert points["anya_hsm_up",] == 0
    assert double.asked == ["GET /v1/sys/health"]


async def test_a_refused_token_a_missing_key_and_a_slow_signer_have_their_error_types(double) -> None:
    """`permission_denied`, `key_not_found` and `timeout`; what failed of the canary does not stop the rest, but lateness does."""
    found, points = await round_of(watch_of(double, SignerKind.VAULT, token="another"))
    assert points["anya_hsm_errors_total", "permission_denied", "HTTP_403"] == 5
    assert not any("another" in fault for fault in found.faults)
    double.keys.remove("canary")
    _, points = await round_of(watch_of(double, SignerKind.VAULT))
    assert points["anya_hsm_errors_total", "key_not_found", "HTTP_404"] == 2
    assert points["anya_hsm_canary_success", "canary_hmac"] == 1
    double.hang_s = 0.5
    _, points = await round_of(watch_of(double, SignerKind.VAULT, timeout_s=0.05))
    assert points["anya_hsm_errors_total", "timeout", ""] == 1


async def test_a_signer_that_is_gone_is_a_failed_connection() -> None:
    """Nobody listens."""
    with signers() as double:
        pass
    found, points = await round_of(watch_of(double, SignerKind.VAULT))
    assert found.is_down
    assert points["anya_hsm_errors_total", "connection_failed", ""] == 1
