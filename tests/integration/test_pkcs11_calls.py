"""Real uses of keys in SoftHSM: each is an operation on record, and no data is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.softhsm import SoftHsm, softhsm

# What every program below begins with; it ends by printing what was captured.
BEGIN = """
import hashlib, json, sys
import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from anyascope.sdk.integrations.pkcs11 import instrument_pkcs11
from anyascope.sdk.testing import capture

module, label, pin = sys.argv[1:4]
SECRET = b"data-that-must-not-leave-71c9"
values = {}

def told(captured):
    spans = [
        {"name": s.name, "status": s.status, "attributes": dict(s.attributes), "events": [list(e) for e in s.events]}
        for s in captured.spans()
    ]
    logs = [{"event": l.event, "logger": l.logger, "own": dict(l.own)} for l in captured.logs()]
    metrics = [[s.name, dict(s.labels), s.value] for s in captured.metrics()]
    print(json.dumps({"spans": spans, "logs": logs, "metrics": metrics, "values": values}, default=repr))

with capture() as captured:
    lib = instrument_pkcs11(pkcs11.lib(module), provider="softhsm")
    token = lib.get_token(token_label=label)
"""
END = "\ntold(captured)\n"


@pytest.fixture(scope="module")
def token(tmp_path_factory) -> SoftHsm:
    return softhsm(tmp_path_factory.mktemp("softhsm"))


def told(token: SoftHsm, program: str) -> dict[str, Any]:
    """What was captured while these lines ran within `with capture()`."""
    lines = "".join(f"    {line}\n" for line in program.strip().splitlines())
    found: dict[str, Any] = json.loads(token.run(BEGIN + lines + END).splitlines()[-1])
    return found


def operations(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Operation, key and status of each span, in order."""
    names = ("operation", "key_id", "operation.status")
    return [
        tuple(span["attributes"][name] for name in names) for span in found["spans"] if span["name"] == "hsm_operation"
    ]  # type: ignore[misc]


def test_a_signature_is_an_operation_of_its_key(token):
    """Logging in, finding a key and signing are three operations with key, mechanism and provider."""
    found = told(
        token,
        """
with token.open(user_pin=pin) as session:
    key = session.get_key(ObjectClass.PRIVATE_KEY, label="ec")
    signature = key.sign(hashlib.sha256(SECRET).digest(), mechanism=Mechanism.ECDSA)
    values["length"] = len(signature)
    from anyascope.semconv.signatures import signature_name
    values["name"] = signature_name(signature)
    values["is"] = [isinstance(key, pkcs11.PrivateKey), isinstance(session, pkcs11.Session)]
""",
    )
    name = found["values"].pop("name")
    assert found["values"] == {"length": 64, "is": [True, True]}
    outcomes = [line["own"] for line in found["logs"] if line["event"] == "audit.hsm_operation.outcome"]
    assert [outcome.get("signature_name") for outcome in outcomes] == [None, None, name]
    assert operations(found) == [
        ("login", "token:anya", "success"),
        ("find_key", "ec", "success"),
        ("sign", "ec", "success"),
    ]
    attributes = found["spans"][-1]["attributes"]
    assert attributes["hsm_provider"] == "softhsm"
    assert attributes["pkcs11.mechanism"] == "ECDSA"
    assert attributes["pkcs11.key_type"] == "EC"
    assert attributes["pkcs11.token"] == "anya"


def test_every_use_of_a_key_is_an_operation(token):
    """Making, using, wrapping, deriving and destroying keys, random numbers, digests and searches are all traced."""
    found = told(
        token,
        """
with token.open(user_pin=pin, rw=True) as session:
    aes = session.generate_key(KeyType.AES, 256, label="made", store=False)
    iv = session.generate_random(128)
    assert aes.decrypt(aes.encrypt(SECRET, mechanism_param=iv), mechanism_param=iv) == SECRET
    parts = list(aes.encrypt(iter([SECRET, SECRET]), mechanism_param=iv))
    assert b"".join(aes.decrypt(iter(parts), mechanism_param=iv)) == SECRET * 2
    session.seed_random(b"1234")
    session.digest(SECRET, mechanism=Mechanism.SHA256)
    public, private = session.generate_keypair(KeyType.RSA, 2048, label="pair", store=False)
    assert public.verify(SECRET, private.sign(SECRET))
    assert not public.verify(SECRET, b"0" * 256)
    wanted = session.generate_key(KeyType.AES, 256, label="travels", store=False, template={Attribute.EXTRACTABLE: True,
        Attribute.SENSITIVE: False})
    blob = aes.wrap_key(wanted, mechanism=Mechanism.AES_KEY_WRAP)
    aes.unwrap_key(ObjectClass.SECRET_KEY, KeyType.AES, blob, label="back", mechanism=Mechanism.AES_KEY_WRAP)
    values["found"] = sorted(key.label for key in session.get_objects({Attribute.LABEL: "ec"}))
    wanted.destroy()
""",
    )
    assert [operation for operation, _, _ in operations(found)] == [
        *(
            "login",
            "generate_key",
            "generate_random",
            "encrypt",
            "decrypt",
            "encrypt",
            "decrypt",
            "seed_random",
            "digest",
        ),
        *("generate_keypair", "sign", "verify", "verify", "generate_key", "wrap", "unwrap", "find_objects"),
        "destroy_object",
    ]
    assert {status for _, _, status in operations(found)} == {"success"}
    assert found["values"]["found"] == ["ec", "ec"]
    verified = [
        span["attributes"]["pkcs11.verified"] for span in found["spans"] if "pkcs11.verified" in span["attributes"]
    ]
    assert verified == [True, False]


def test_data_and_pins_are_written_nowhere(token):
    """Neither what is signed or encrypted nor the PIN is on any span, line, metric or audit event."""
    found = told(
        token,
        """
with token.open(user_pin=pin) as session:
    key = session.get_key(key_type=KeyType.AES, label="aes")
    iv = session.generate_random(128)
    values["cipher"] = "kept in the values alone"
    cipher = key.encrypt(SECRET, mechanism_param=iv)
    try:
        key.decrypt(SECRET, mechanism_param=iv)
    except pkcs11.PKCS11Error as error:
        values["error"] = type(error).__name__
    try:
        session.get_key(label="absent")
    except pkcs11.NoSuchKey as error:
        values["absent"] = type(error).__name__
""",
    )
    text = json.dumps({name: part for name, part in found.items() if name != "values"})
    assert "data-that-must-not-leave" not in text
    assert token.pin not in text
    assert found["values"]["absent"] == "NoSuchKey"
    assert ("find_key", "absent", "error") in operations(found)


def test_a_wrong_pin_is_an_error_and_a_security_event(token):
    """The span has the standard's return code, the metric its label, and the failed login is a security event."""
    found = told(
        token,
        """
try:
    token.open(user_pin="11111111")
except pkcs11.PinIncorrect as error:
    values["error"] = type(error).__name__
""",
    )
    assert found["values"] == {"error": "PinIncorrect"}
    (span,) = [span for span in found["spans"] if span["name"] == "hsm_operation"]
    assert span["status"] == "ERROR"
    assert span["attributes"]["operation"] == "login"
    assert span["attributes"]["pkcs11.return_code"] == "CKR_PIN_INCORRECT"
    assert ["anya_hsm_errors_total", {"error_type": "pin_incorrect", "provider": "softhsm"}, 1.0] in found["metrics"]
    assert any(log["event"] == "security.authentication_failed" for log in found["logs"])
    assert ["anya_failed_auth_attempts_total", {}, 1.0] in found["metrics"]


def test_a_key_that_cannot_do_it_is_an_error_with_its_code(token):
    """A refusal of the module passes through unchanged and is told by its code's name."""
    found = told(
        token,
        """
with token.open(user_pin=pin) as session:
    key = session.get_key(ObjectClass.PRIVATE_KEY, label="ec")
    try:
        key.sign(SECRET, mechanism=Mechanism.SHA256_RSA_PKCS)
    except pkcs11.PKCS11Error as error:
        values["error"] = type(error).__name__
""",
    )
    attributes = found["spans"][-1]["attributes"]
    assert attributes["operation.status"] == "error"
    assert attributes["pkcs11.return_code"].startswith("CKR_")
    assert attributes["error.message"]


def test_each_operation_is_audited_before_and_after(token):
    """An intent and an outcome of the same audit id stand on record for every operation."""
    found = told(token, "token.open(user_pin=pin).generate_random(64)")
    audits = [log["own"] for log in found["logs"] if log["logger"] == "anyascope.audit"]
    assert [own["audit.phase"] for own in audits] == ["intent", "outcome"] * 2
    assert len({own["audit.correlation_id"] for own in audits}) == 2
