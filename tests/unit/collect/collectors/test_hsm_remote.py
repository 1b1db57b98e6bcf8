"""Remote signers behind the HSM's door. What answers is a double on loopback, made after the signers' documents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from anyascope.clock import SystemClock
from anyascope.collect.collectors.hsm.pin import PinGates
from anyascope.collect.collectors.hsm.remote import is_signed
from anyascope.collect.collectors.hsm.watch import HsmWatch, hsm_watch
from anyascope.collect.hsm_options import CanaryOptions, HsmOptions, RemoteOptions, SignerKind
from anyascope.collect.runner import Round
from anyascope.model.http import Authorization, HttpOptions
from anyascope.model.secret import Secret, SecretFile
from anyascope.store.documents import MemoryDocuments
from anyascope.wire.keccak import keccak_256
from support.collecting import RecordingIntake
from support.signers import TOKEN, W3_KEY, signers


@pytest.fixture
def double():
    with signers() as made:
        yield made


def watch_of(
    double, kind: SignerKind, *, token: str = TOKEN, timeout_s: float = 30.0, secret: Secret | None = None
) -> HsmWatch:
    http = HttpOptions(authorization=Authorization(secret or Secret(token)))
    source = RemoteOptions(kind, double.url, "transit", http)
    canary = CanaryOptions(sign="canary", hmac="mac", encrypt="canary")
    if kind is SignerKind.WEB3SIGNER:
        canary = CanaryOptions(sign=W3_KEY, has_random=False)
    options = HsmOptions(
        "far",
        kind.value,
        source,
        timeout_s=timeout_s,
        interval_s=1e-6,
        key_labels=("withdrawals",),
        canary=replace(canary, interval_s=1e-6),
    )
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


def test_a_signature_is_held_against_each_spelling_of_its_key() -> None:
    """Whole with and without 04 and 0x, and compressed; over Keccak-256 or the data itself. An address cannot be held against it."""
    data = bytes(range(32))
    private = ec.generate_private_key(ec.SECP256K1())
    points = (PublicFormat.UncompressedPoint, PublicFormat.CompressedPoint)
    whole, short = (private.public_key().public_bytes(Encoding.X962, form).hex() for form in points)
    for digest in (keccak_256(data), data):
        r, s = decode_dss_signature(private.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256()))))
        made = r.to_bytes(32) + s.to_bytes(32) + b"\x1b"
        for key in (whole, f"0x{whole}", whole[2:], f"0x{whole[2:]}", short, f"0x{short}", f"0x{'ab' * 20}"):
            assert is_signed(data, made, key)
        assert not is_signed(bytes(32), made, whole)
        assert not is_signed(data, bytes(65), whole)
        assert not is_signed(data, made, f"0x{'ab' * 64}")  # no point of the curve


@pytest.mark.parametrize("kind", [SignerKind.VAULT, SignerKind.WEB3SIGNER])
@pytest.mark.parametrize("lie", ["short", "0x00"])
async def test_a_signature_that_is_none_is_noticed(double, kind: SignerKind, lie: str) -> None:
    """An answer of 200 is not enough, nor the form of a signature: it must be this key's over what was sent."""
    double.lie = lie
    found, points = await round_of(watch_of(double, kind))
    assert found.is_down
    assert points["anya_hsm_errors_total", "signature_invalid", ""] == 1


@pytest.mark.parametrize(
    ("status", "said", "advice"),
    [
        (503, "it is sealed (HTTP_503)", "unseal it"),
        (501, "it is not initialized (HTTP_501)", "initialize it"),
        (472, "a secondary for disasters (HTTP_472)", "watch the primary"),
        (474, "a standby without way to the active node (HTTP_474)", "cannot reach the active node"),
        (530, "removed from its cluster (HTTP_530)", "removed from its cluster"),
        (500, "500 Internal Server Error", "HTTP_500"),
    ],
)
async def test_a_vault_that_does_not_serve_is_down(double, status: int, said: str, advice: str) -> None:
    """By the statuses of its own health check; nothing is tried on it."""
    double.health = status
    found, points = await round_of(watch_of(double, SignerKind.VAULT))
    assert found.is_down
    assert said in found.faults[0]
    assert advice in found.advice
    assert points["anya_hsm_up",] == 0
    assert points["anya_hsm_errors_total", "operation_failed", f"HTTP_{status}"] == 1
    assert double.asked == ["GET /v1/sys/health"]


@pytest.mark.parametrize("status", [429, 473])
async def test_a_standby_of_vault_is_up(double, status: int) -> None:
    """It hands requests on to the active node, or answers itself."""
    double.health = status
    found, points = await round_of(watch_of(double, SignerKind.VAULT))
    assert found.faults == ()
    assert points["anya_hsm_canary_success", "canary_sign"] == 1


@pytest.mark.parametrize("kind", [SignerKind.VAULT, SignerKind.WEB3SIGNER])
@pytest.mark.parametrize(
    "refusal",
    [
        (429, "operation_failed", "raise `canary.interval`"),
        (500, "operation_failed", "HTTP_500"),
        (503, "operation_failed", "unseal it"),
        (400, "invalid_argument", "HTTP_400"),
        (404, "key_not_found", "the key is missing"),
    ],
)
async def test_a_refusal_has_its_status_and_what_to_do(double, kind, refusal: tuple[int, str, str]) -> None:
    """Of both signers, by what their documents name."""
    status, error_type, advice = refusal
    double.refuses = status
    found, points = await round_of(watch_of(double, kind))
    assert found.is_down
    assert found.faults[0].startswith(f"sign fails: {status} ")
    assert advice in found.advice
    assert points["anya_hsm_errors_total", error_type, f"HTTP_{status}"] == 1
    assert points["anya_hsm_up",] == 1


async def test_a_token_that_was_renewed_in_its_file_counts_at_once(double, tmp_path) -> None:
    """An agent writes it; the old one is refused with what to do, and there is no need to reload."""
    path = tmp_path / "vault.token"
    path.write_text(f"{TOKEN}\n")
    watch = watch_of(double, SignerKind.VAULT, secret=SecretFile(str(path)))
    assert (await watch.gather()).faults == ()
    double.token = "renewed"
    refused = await watch.gather()
    assert "403" in refused.faults[0]
    assert "has expired" in refused.advice
    path.write_text("renewed\n")
    found, _ = await round_of(watch)
    assert found.faults == ()


async def test_a_web3signer_that_is_not_well_says_what(double) -> None:
    """Its health check names what is down; it signs all the same, and so is degraded."""
    double.unwell = ["keys-check"]
    found, points = await round_of(watch_of(double, SignerKind.WEB3SIGNER))
    assert not found.is_down
    assert found.faults[0] == "its health check fails: keys-check"
    assert points["anya_hsm_canary_success", "canary_sign"] == 1


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
