"""The HSM collector on a real SoftHSM: what it measures, and what each fault looks like."""

from __future__ import annotations

import shutil

import pytest

from anyascope.clock import ManualClock, SystemClock
from anyascope.collect.collectors.hsm.leaks import CLIENTS_INTERVAL_S
from anyascope.store.documents import MemoryDocuments
from support.hsm_scene import Scene, is_running, shown_of
from support.pkcs11_shim import leaking, shim
from support.softhsm import SoftHsm, run_tool, softhsm

pytest.importorskip("pkcs11")

WRONG_PIN = "11111111"


@pytest.fixture
def token(tmp_path) -> SoftHsm:
    return softhsm(tmp_path)


async def test_a_healthy_token_signs_and_tells_what_it_holds(token):
    """Canary, key counts, allowed labels and the token's own description become series; nothing is at fault."""
    async with Scene(token) as scene:
        found = await scene.look()
        assert found.faults == ()
        assert scene.value("anya_hsm_up") == 1
        assert scene.value("anya_hsm_keys", **{"class": "private"}) == 1
        assert scene.value("anya_hsm_keys", **{"class": "secret"}) == 1
        assert scene.value("anya_hsm_active_keys") == 2
        assert scene.value("anya_hsm_key_present", label="ec") == 2
        for kind in ("sign", "verify", "encrypt", "decrypt", "random"):
            assert scene.value("anya_hsm_canary_success", operation_type=f"canary_{kind}") == 1
        assert scene.value("anya_hsm_operation_duration_seconds_count", operation_type="canary_sign") == 1
        assert scene.value("anya_hsm_pin_state", state="ok") == 1
        assert scene.value("anya_hsm_token_info", model="SoftHSM v2") == 1
        assert (scene.value("anya_hsm_mechanisms") or 0) > 20
        assert scene.value("anya_hsm_sessions") is None  # SoftHSM does not say
        assert not any(
            "aes" in str(own) for family in found.families for own, _ in family.points if "key" in family.name
        )


async def test_the_pin_stands_in_no_argument_or_variable(token):
    """The module's process got it through a pipe; it ends with the collector."""
    async with Scene(token) as scene:
        await scene.look()
        child = scene.process.pid
        assert token.pin not in shown_of(child)
        assert is_running(child)
    assert not is_running(child)


async def test_a_wrong_pin_is_sent_once(token, tmp_path):
    """A refused PIN is not tried again, not by a new collector either; the right one is, and all is well."""
    front, documents = shim(token, tmp_path), MemoryDocuments(clock=SystemClock())
    place = {"module": front.module, "environment": front.environment, "documents": documents}
    async with Scene(token, pin=WRONG_PIN, **place) as scene:
        for _ in range(3):
            found = await scene.look()
            assert found.is_down
            assert found.faults[0] == "login is held back: pin_incorrect"
            assert scene.value("anya_hsm_login_held") == 1
        assert scene.value("anya_hsm_errors_total", error_type="pin_incorrect", return_code="CKR_PIN_INCORRECT") == 1
        assert scene.value("anya_hsm_pin_state", state="low") == 1
    async with Scene(token, pin=WRONG_PIN, **place) as scene:
        await scene.look()
        assert front.logins() == 1
    async with Scene(token, **place) as scene:
        assert (await scene.look()).faults == ()
        assert front.logins() == 2


async def test_a_restarted_server_spends_no_try_of_a_token_that_counts_one(token):
    """With a wrong try on the token's count and nothing known of the PIN, it is held back until somebody logged in."""
    async with Scene(token, pin=WRONG_PIN) as scene:
        await scene.look()
    async with Scene(token) as scene:
        assert (await scene.look()).faults[0] == "login is held back: pin_low"
        run_tool(token, "--list-objects")  # logs in
        await scene.watch.close()  # SoftHSM reads a token's flags when it starts
        assert (await scene.look()).faults == ()


async def test_a_locked_pin_is_told_and_nothing_is_tried(token, tmp_path):
    """SoftHSM never locks a PIN: a module in front of it says CKF_USER_PIN_LOCKED and counts logins, which stay at 0."""
    front = shim(token, tmp_path)
    front.tell("locked")
    async with Scene(token, module=front.module, environment=front.environment) as scene:
        found = await scene.look()
        assert (found.is_down, found.faults[0]) == (True, "the PIN is locked")
        assert "security officer" in found.advice
        assert scene.value("anya_hsm_pin_state", state="locked") == 1
        assert front.logins() == 0


AS_OFFICER = """
import sys, pkcs11
try:
    pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2]).open(so_pin=sys.argv[4], rw=True)
except pkcs11.PinIncorrect:
    print("refused")
"""


async def test_a_wrong_pin_of_the_officer_is_told_until_a_right_one(token):
    """SoftHSM counts it (CKF_SO_PIN_COUNT_LOW); the user's PIN is as before, and signing goes on."""
    async with Scene(token) as scene:
        assert (await scene.look()).faults == ()
        assert scene.value("anya_hsm_so_pin_state", state="ok") == 1
        assert token.run(AS_OFFICER, WRONG_PIN) == "refused\n"
        found = await scene.look()
        assert (found.is_down, found.faults) == (False, ("wrong PINs of the security officer were entered (low)",))
        assert scene.value("anya_hsm_so_pin_state", state="low") == 1
        assert scene.value("anya_hsm_pin_state", state="ok") == 1
        assert scene.value("anya_hsm_canary_success", operation_type="canary_sign") == 1
    token.run(AS_OFFICER, token.so_pin)
    async with Scene(token) as scene:
        assert (await scene.look()).faults == ()


async def test_a_locked_pin_of_the_officer_is_told(token, tmp_path):
    """SoftHSM never locks it: a module in front of it says CKF_SO_PIN_LOCKED."""
    front = shim(token, tmp_path)
    front.tell("flags", hex(0x40_0000))
    async with Scene(token, module=front.module, environment=front.environment) as scene:
        found = await scene.look()
        assert (found.is_down, found.faults) == (False, ("the security officer's PIN is locked",))
        assert scene.value("anya_hsm_so_pin_state", state="locked") == 1
        assert scene.events() == ["hsm.so_pin_locked"]


async def test_a_deleted_key_is_missed_by_canary_and_count(token):
    """The next round says which label is missing, and the canary fails with key_not_found; other operations go on."""
    async with Scene(token) as scene:
        await scene.look()
        for kind in ("privkey", "pubkey"):
            run_tool(token, "--delete-object", "--type", kind, "--label", "ec")
        found = await scene.look()
        assert found.faults[0].startswith("sign fails: No key matching")
        assert found.faults[1] == "no key is called ec"
        assert scene.value("anya_hsm_keys", **{"class": "private"}) == 0
        assert scene.value("anya_hsm_keys_change", **{"class": "private"}) == -1
        assert scene.events() == [
            "hsm.canary_failed sign",
            "hsm.key_missing ec",
            "hsm.keys_changed private",
            "hsm.keys_changed public",
        ]
        assert scene.value("anya_hsm_key_present", label="ec") == 0
        assert scene.value("anya_hsm_canary_success", operation_type="canary_sign") == 0
        assert scene.value("anya_hsm_errors_total", error_type="key_not_found") == 1
        assert scene.value("anya_hsm_canary_success", operation_type="canary_encrypt") == 1


EC = ("--keypairgen", "--key-type", "EC:secp256k1", "--usage-sign")


def replace_key(token: SoftHsm, label: str, *how: str, kinds: tuple[str, ...] = ("privkey", "pubkey")) -> None:
    """Delete a key and make another one of its label."""
    for kind in kinds:
        run_tool(token, "--delete-object", "--type", kind, "--label", label)
    run_tool(token, *how, "--label", label)


async def test_a_key_that_is_replaced_under_its_label_is_told_until_it_is_accepted(token):
    """Counts, label, CKA_ID and curve are as before, and the canary signs: the fingerprint alone says it, after a restart, too."""
    documents = MemoryDocuments(clock=SystemClock())
    async with Scene(token, documents=documents) as scene:
        assert (await scene.look()).faults == ()
        assert scene.value("anya_hsm_key_replaced", label="ec") == 0
    replace_key(token, "ec", *EC, "--id", "01")
    async with Scene(token, documents=documents) as scene:
        found = await scene.look()
        assert len(found.faults) == 1
        assert found.faults[0].startswith("key 'ec' is not the accepted one: public EC id 01 ")
        assert scene.value("anya_hsm_key_replaced", label="ec") == 1
        assert scene.value("anya_hsm_keys_change", **{"class": "public"}) == 0
        assert scene.events() == ["hsm.key_replaced ec public"]
        told = scene.intake.log_records[0].attributes
        assert told["hsm.key.fingerprint"] != told["hsm.key.fingerprint.was"]
        await scene.watch.accept(by="ann")
        assert (await scene.look()).faults == ()
        assert scene.value("anya_hsm_key_replaced", label="ec") == 0
        assert scene.events()[1:] == ["hsm.state_accepted", "hsm.key_as_accepted ec public"]


@pytest.mark.parametrize(
    ("how", "kinds"),
    [
        ((*EC, "--id", "0f"), ("privkey", "pubkey")),
        (("--keypairgen", "--key-type", "EC:secp256r1", "--usage-sign", "--id", "01"), ("privkey", "pubkey")),
        ((*EC, "--id", "0f"), ()),
    ],
    ids=["another CKA_ID", "another curve", "one more beside it"],
)
async def test_whatever_tells_another_key_under_a_label_is_told(token, how, kinds):
    """Each half of the pair counts, and what is put beside the accepted key as well: applications take the first that they find."""
    async with Scene(token, sign="", encrypt="") as scene:
        await scene.look()
        replace_key(token, "ec", *how, kinds=kinds)
        await scene.look()
        assert scene.value("anya_hsm_key_replaced", label="ec") == 2
        assert "hsm.key_replaced ec private" in scene.events()


async def test_a_key_without_a_watched_label_is_told_without_its_label(token):
    """A secret key by its check value; one that is made besides is counted, and is no replacement."""
    async with Scene(token, sign="", encrypt="") as scene:
        await scene.look()
        replace_key(token, "aes", "--keygen", "--key-type", "AES:32", "--id", "02", kinds=("secrkey",))
        found = await scene.look()
        assert found.faults[0].startswith("a key in no `key_labels` is not the accepted one: secret AES id 02 ")
        assert "'aes'" not in str(found)
        assert scene.events() == ["hsm.key_replaced secret"]
        await scene.watch.accept(by="ann")
        run_tool(token, "--keygen", "--key-type", "AES:32", "--id", "03", "--label", "more")
        await scene.look()
        (others,) = [one for one in scene.round.families if one.name == "anya_hsm_key_replaced"]
        assert dict(others.points) == {(): 0, (("label", "ec"),): 0}


async def test_a_key_that_tells_no_public_part_says_so_and_alarms_nobody(token):
    """A private EC key of SoftHSM tells none: without its public half it is unread, and what cannot be compared any more is said."""
    async with Scene(token, sign="", encrypt="") as scene:
        await scene.look()
        assert scene.value("anya_hsm_key_unread", label="ec") == 0
        run_tool(token, "--delete-object", "--type", "pubkey", "--label", "ec")
        found = await scene.look()
        assert (
            "key 'ec' cannot be compared with the accepted one: the token no longer says which one it is"
            in found.faults
        )
        assert scene.value("anya_hsm_key_unread", label="ec") == 1
        assert scene.value("anya_hsm_key_replaced", label="ec") == 0
        await scene.watch.accept(by="ann")
        assert (await scene.look()).faults == ()
        assert scene.value("anya_hsm_key_unread", label="ec") == 1


async def test_a_module_that_makes_an_error_of_an_attribute_is_read_without_it(token, tmp_path):
    """Some refuse the whole question for one attribute that they do not know: the list goes on, and the key says what it can."""
    front = shim(token, tmp_path)
    front.tell("refuses", "0x181")  # CKA_EC_POINT
    async with Scene(token, sign="", encrypt="", module=front.module, environment=front.environment) as scene:
        assert (await scene.look()).faults == ()
        assert scene.value("anya_hsm_key_unread", label="ec") == 2
        front.untell("refuses")
        assert (await scene.look()).faults == ()
        assert scene.value("anya_hsm_key_unread", label="ec") == 0
        front.tell("refuses", "0x181")
        replace_key(token, "ec", *EC, "--id", "01")
        await scene.look()
        front.untell("refuses")
        await scene.look()
        assert scene.value("anya_hsm_key_replaced", label="ec") == 1  # what it said once is known


async def test_a_module_that_hangs_is_killed_and_starts_anew(token, tmp_path):
    """A signature that never comes costs its deadline and the module's process; when it works again, so does the canary."""
    front = shim(token, tmp_path)
    async with Scene(token, module=front.module, environment=front.environment) as scene:
        assert (await scene.look()).faults == ()
        child = scene.process.pid
        front.tell("hang")
        with scene.deadline(0.5, "canary"):
            found = await scene.look()
        assert found.is_down
        assert "process was killed" in found.faults[0]
        assert scene.value("anya_hsm_errors_total", error_type="timeout") == 1
        assert scene.value("anya_hsm_calls_hung_total") == 1
        assert not is_running(child)
        (front.folder / "hang").unlink()
        assert (await scene.look()).faults == ()


async def test_a_module_that_crashes_costs_its_round(token, tmp_path):
    """The process ends by a signal, which is told; the next round has another one."""
    front = shim(token, tmp_path)
    async with Scene(token, module=front.module, environment=front.environment) as scene:
        front.tell("crash")
        found = await scene.look()
        assert found.faults == ("sign fails: canary: the module's process ended (signal 6)",)
        assert scene.value("anya_hsm_errors_total", error_type="io_failed") == 1
        (front.folder / "crash").unlink()
        assert (await scene.look()).faults == ()


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("sign", ("--keypairgen", "--key-type", "rsa:2048")),
        ("sign", ("--keypairgen", "--key-type", "EC:edwards25519")),
        ("hmac", ("--keygen", "--key-type", "GENERIC:32")),
    ],
    ids=["RSA", "Ed25519", "HMAC"],
)
async def test_the_canary_takes_other_kinds_of_keys(token, kind, how):
    """RSA and Ed25519 sign and are verified; a generic secret makes HMACs."""
    run_tool(token, *how, "--label", "other", "--id", "0a", "--usage-sign")
    async with Scene(token, **{"sign": "", "encrypt": "", "has_random": False, kind: "other"}) as scene:
        found = await scene.look()
        assert found.faults == ()
        assert scene.value("anya_hsm_canary_success", operation_type=f"canary_{kind}") == 1


async def test_a_token_that_is_taken_away_and_put_back(token, tmp_path):
    """Its absence is told with what to do, and it is used again when it is back."""
    async with Scene(token) as scene:
        await scene.look()
        away = shutil.move(tmp_path / "tokens", tmp_path / "away")
        (tmp_path / "tokens").mkdir()
        await scene.look()
        found = await scene.look()
        assert found.is_down
        assert scene.value("anya_hsm_up") == 0
        assert found.faults == ("token 'anya' is absent; 0 others are there",)
        (tmp_path / "tokens").rmdir()
        shutil.move(away, tmp_path / "tokens")
        assert (await scene.look()).faults == ()
        assert scene.value("anya_hsm_up") == 1


@pytest.mark.parametrize(
    ("module", "said"), [("gone.so", "cannot open shared object"), ("text.so", "")], ids=["absent", "no module"]
)
async def test_a_module_that_cannot_be_loaded_is_told(token, tmp_path, module, said):
    """It is down with the loader's words; nothing else happens."""
    (tmp_path / "text.so").write_text("no library")
    async with Scene(token, module=tmp_path / module) as scene:
        found = await scene.look()
        assert found.is_down
        assert found.faults[0].startswith("does not answer: ")
        assert said in found.faults[0]
        assert scene.value("anya_hsm_up") == 0


async def test_a_session_leak_is_forecast_and_its_client_named(token, tmp_path):
    """A real client leaks 2 to 4 sessions a round, with a burst in between: when they run out is known within 20%.

    SoftHSM knows no count over all applications: a module in front of it adds them up, as a device does. Time is manual.
    """
    front, clock = shim(token, tmp_path), ManualClock()
    (front.folder / "sessions").mkdir()
    front.tell("max", "2048")
    with leaking(token, front) as client:
        async with Scene(token, module=front.module, environment=front.environment, clock=clock) as scene:
            opened = 0
            for leaked in (2, 3, 4, 12, 3, 2, 4, 3, 3, 2, 4, 3):
                client.stdin.write(f"{leaked}\n")
                client.stdin.flush()
                opened = int(client.stdout.readline())
                found = await scene.look()
                await clock.advance(CLIENTS_INTERVAL_S)
            assert scene.value("anya_hsm_sessions", kind="all") == opened + 1  # and the collector's own
            left_s = scene.value("anya_hsm_sessions_exhausted_in_seconds")
            assert left_s == pytest.approx((2048 - opened) / 3 * CLIENTS_INTERVAL_S, rel=0.2)
            assert scene.value("anya_hsm_session_leak_suspect", pid=str(client.pid)) == 1
            assert f"(pid {client.pid})" in found.faults[0]
