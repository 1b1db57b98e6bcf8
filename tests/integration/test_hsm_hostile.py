"""Modules, tokens and settings as bad as they come, on a real SoftHSM behind a module that misbehaves when told to."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import shutil
import sys
import uuid
from pathlib import Path

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from anyascope.clock import SystemClock
from anyascope.collect.collectors.hsm import pkcs11
from anyascope.collect.collectors.hsm.pin import PinGates
from anyascope.model.secret import SecretFile
from anyascope.store.documents import MemoryDocuments
from support.hsm_scene import Scene, is_running, shown_of
from support.pkcs11_shim import Shim, compiled, shim
from support.server import eventually
from support.softhsm import SoftHsm, init_token, run_tool, softhsm

pytest.importorskip("pkcs11")

ANY_LIBRARY = next(Path(sys.prefix).rglob("*.so"))  # an extension of Python: no module
WRONG_PIN = "11111111"
IN_TIME_S = 1.0  # of a call that hangs by will
USER_PIN_INITIALIZED, WRITE_PROTECTED, TO_BE_CHANGED = 0x8, 0x2, 0x80000
PIN_COUNT_LOW, FINAL_TRY = 0x10000, 0x20000


@pytest.fixture
def token(tmp_path) -> SoftHsm:
    return softhsm(tmp_path)


@pytest.fixture
def front(token, tmp_path) -> Shim:
    return shim(token, tmp_path)


def scene_of(token: SoftHsm, front: Shim, **changes) -> Scene:
    return Scene(token, module=front.module, environment=front.environment, **changes)


# --- modules that hang, crash, print, fork and leak -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("GetSlotList", "look: no answer"),
        ("GetTokenInfo", "look: no answer"),
        ("Sign", "sign fails: canary: no answer"),
        ("GenerateRandom", "random fails: canary: no answer"),
        ("GetAttributeValue", "sign fails: canary: no answer"),
        ("FindObjectsInit", "sign fails: canary: no answer"),
    ],
)
async def test_a_call_that_hangs_costs_its_deadline(token, front, call, said):
    """Whichever it is: its process is killed, it is told as a time-out, and the next round has another process."""
    async with scene_of(token, front) as scene:
        assert (await scene.look()).faults == ()
        child = scene.process.pid
        front.tell(f"hang.{call}")
        meant = ("look",) if said.startswith("look") else ("canary", said.partition(" ")[0])
        with scene.deadline(IN_TIME_S, *meant):
            found = await scene.look()
        assert said in found.faults[0]
        assert found.is_down
        assert scene.value("anya_hsm_errors_total", error_type="timeout") == 1
        assert not is_running(child)
        front.untell(f"hang.{call}")
        assert (await scene.look()).faults == ()


async def test_a_module_that_hangs_while_it_starts_is_given_up(token, front, monkeypatch):
    """C_Initialize has the longer deadline of loading; so has nothing else."""
    monkeypatch.setattr("anyascope.collect.collectors.hsm.module_process.LOAD_TIMEOUT_S", IN_TIME_S)
    front.tell("hang.Initialize")
    async with scene_of(token, front, timeout_s=IN_TIME_S) as scene:
        found = await scene.look()
        assert found.faults == ("does not answer: load: no answer within 1 s, its process was killed",)
        assert scene.process.pid == 0


async def test_a_module_that_cannot_let_go_holds_nobody_up(token, front, tmp_path):
    """C_Finalize hangs when a removed token is looked for: it is a late call like any other, and closing the watch does not wait."""
    async with scene_of(token, front) as scene:
        await scene.look()
        front.tell("hang.Finalize")
        front.tell("hang.CloseSession")
        front.tell("label", "another")
        with scene.deadline(IN_TIME_S, "look"):
            found = await scene.look()
        assert "look: no answer within 1 s" in found.faults[0]
        front.untell("label")
        assert (await scene.look()).faults == ()
        child = scene.process.pid
    assert not is_running(child)


@pytest.mark.parametrize("call", ["Initialize", "GetSlotList", "Login", "Sign"])
async def test_a_module_that_reads_where_nothing_is_costs_its_round(token, front, call):
    """A segmentation fault ends the child alone; it is told with its signal."""
    front.tell(f"segv.{call}")
    async with scene_of(token, front) as scene:
        found = await scene.look()
        assert "the module's process ended (signal 11)" in found.faults[0]
        assert scene.value("anya_hsm_errors_total", error_type="io_failed") == 1
        front.untell(f"segv.{call}")
        assert (await scene.look()).faults == ()


async def test_a_module_that_prints_and_reads_disturbs_no_answer(token, front):
    """What it prints goes nowhere, and there is nothing for it to read."""
    front.tell("noise")
    async with scene_of(token, front) as scene:
        for _ in range(3):
            assert (await scene.look()).faults == ()


async def test_what_a_module_leaves_behind_ends_with_it(token, front):
    """A process that it forked holds the pipes open: neither is its end awaited, nor does it live on."""
    front.tell("fork")
    async with scene_of(token, front) as scene:
        assert (await scene.look()).faults == ()
        left = int((front.folder / "forked").read_text())
        assert is_running(left)
        front.tell("segv.Sign")
        found = await scene.look()
        assert found.faults[0] == "sign fails: canary: the module's process ended (signal 11)"
        eventually(lambda: not is_running(left), within_s=30, what="the end of what it left behind")


async def test_a_module_that_leaks_starts_anew(token, front, monkeypatch):
    """Memory and open files of its process are told, and beyond their bound the next round has another process."""
    monkeypatch.setitem(pkcs11._LIMITS, "open_files", 100)
    async with scene_of(token, front) as scene:
        await scene.look()
        child, before = scene.process.pid, scene.value("anya_hsm_module_open_files") or 0
        assert (scene.value("anya_hsm_module_memory_bytes") or 0) > 1e6
        assert scene.value("anya_hsm_module_starts_total") == 1
        front.tell("leak", "120")
        await scene.look()
        front.untell("leak")
        with structlog.testing.capture_logs() as logged:
            assert (await scene.look()).faults == ()
        assert (scene.value("anya_hsm_module_open_files") or 0) >= before + 120
        assert [line["event"] for line in logged if line["event"].startswith("hsm_")] == ["hsm_module_grown"]
        assert (await scene.look()).faults == ()
        assert scene.process.pid != child
        assert scene.value("anya_hsm_module_open_files") == before
        assert scene.value("anya_hsm_module_starts_total") == 2


# --- libraries that are none ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["folder", "no PKCS#11", "another machine's", "cut short"])
async def test_what_is_no_module_is_told_in_the_loaders_words(token, tmp_path, kind):
    """Whatever is wrong with the path, the HSM is down with a sentence, and no process stays."""
    path = tmp_path / "module.so"
    whole = token.module.read_bytes()
    match kind:
        case "folder":
            path.mkdir()
        case "no PKCS#11":
            shutil.copy(ANY_LIBRARY, path)
        case "another machine's":
            path.write_bytes(whole[:18] + b"\xf3\x00" + whole[20:])  # RISC-V
        case "cut short":
            path.write_bytes(whole[:2000])
    async with Scene(token, module=path) as scene:
        found = await scene.look()
        assert found.is_down
        error_type = "io_failed" if kind == "cut short" else "library_load_failed"
        assert scene.value("anya_hsm_errors_total", error_type=error_type) == 1
        # A file that is cut short ends the process when what is missing is read.
        assert ("signal 7" if kind == "cut short" else str(path)) in found.faults[0]
        assert scene.process.pid == 0


# --- tokens ---------------------------------------------------------------------------------------------------------------


async def test_of_two_tokens_with_one_label_the_serial_number_says_which(token):
    """Without it nothing is sent to either; with it the right one is watched."""
    init_token(token, token.label)
    async with Scene(token) as scene:
        found = await scene.look()
        assert found.faults == ("does not answer: 2 tokens are there: say which one with `token`, `serial`",)
        serials = [str(value) for value in serials_of(await scene.look(), scene)]
    one = await serial_with_keys(token)
    async with Scene(token, serial=one) as scene:
        assert (await scene.look()).faults == ()
        assert scene.watch._token is not None
        assert scene.watch._token.serial == one
    assert serials == []  # nothing is told of tokens of which none is meant


def serials_of(found, scene: Scene) -> list[str]:
    return [
        dict(own)["serial"]
        for family in found.families
        if family.name == "anya_hsm_token_info"
        for own, _ in family.points
    ]


async def serial_with_keys(token: SoftHsm) -> str:
    said = token.run(
        "import sys, pkcs11\n"
        "for one in pkcs11.lib(sys.argv[1]).get_tokens(token_label=sys.argv[2]):\n"
        "    with one.open(user_pin=sys.argv[3]) as session:\n"
        "        if list(session.get_objects()):\n"
        "            print(one.serial.decode())\n"
    )
    return said.strip()


async def test_a_token_in_the_place_of_another_gets_no_silent_welcome(token, front):
    """The same label and another serial number: it is told until somebody accepts it, and the session is a new one."""
    async with scene_of(token, front) as scene:
        assert (await scene.look()).faults == ()
        front.tell("serial", "0123456789abcdef")
        found = await scene.look()
        assert found.faults[0].startswith("another token is in its place: serial number 0123456789abcdef, ")
        assert not found.is_down
        assert scene.value("anya_hsm_token_replaced") == 1
        assert front.logins() == 2
        assert "hsm.token_replaced" in scene.events()
        await scene.watch.accept(by="ann")
        assert (await scene.look()).faults == ()
        assert scene.value("anya_hsm_token_replaced") == 0
        assert "hsm.token_as_accepted" in scene.events()


async def test_a_token_that_moved_to_another_slot_is_the_same(token):
    """SoftHSM numbers its slots anew when a token comes or goes: the watched one is found by what it is."""
    async with Scene(token) as scene:
        await scene.look()
        slot = scene.watch._token.slot if scene.watch._token else ""
        init_token(token, "other")
        await scene.process.close()
        found = await scene.look()
        assert found.faults == ()
        assert scene.value("anya_hsm_tokens") == 2
        assert scene.watch._token is not None
        assert scene.watch._token.label == token.label
        assert slot


async def test_a_token_without_a_users_pin_gets_none(token, front):
    """CKF_USER_PIN_INITIALIZED is not set: no login is tried, and what to do is said."""
    front.tell("noflags", hex(USER_PIN_INITIALIZED))
    async with scene_of(token, front) as scene:
        found = await scene.look()
        assert found.faults[0] == "login is held back: pin_uninitialized"
        assert found.advice == "the security officer has to set the user's PIN first"
        assert scene.value("anya_hsm_pin_state", state="uninitialized") == 1
        assert front.logins() == 0


async def test_nobody_uses_up_the_last_try(token, front):
    """CKF_USER_PIN_FINAL_TRY is told as such, and no PIN goes out, not even the right one."""
    front.tell("flags", hex(FINAL_TRY))
    async with scene_of(token, front) as scene:
        found = await scene.look()
        assert found.faults[0] == "login is held back: pin_final_try"
        assert scene.value("anya_hsm_pin_state", state="final_try") == 1
        assert front.logins() == 0


async def test_a_login_that_is_held_back_costs_no_process(token, front, monkeypatch):
    """It runs on; a library that keeps the flags that it read first begins anew in it, and so sees that the PIN was unlocked."""
    front.tell("keeps")
    front.tell("flags", hex(FINAL_TRY))
    async with scene_of(token, front) as scene:
        for at in range(4):
            if at == 1:
                front.untell("flags")
            assert (await scene.look()).faults[0] == "login is held back: pin_final_try"
        monkeypatch.setattr(pkcs11, "RENEW_S", 0.0)
        assert (await scene.look()).faults == ()
        assert scene.value("anya_hsm_module_starts_total") == 1
        assert front.logins() == 1


async def test_a_library_that_cannot_begin_anew_has_another_process(token, front, monkeypatch):
    """Nothing is told of it: the round goes on in the other."""
    front.tell("flags", hex(FINAL_TRY))
    async with scene_of(token, front) as scene:
        await scene.look()
        monkeypatch.setattr(pkcs11, "RENEW_S", 0.0)
        front.tell("segv.Finalize")
        assert (await scene.look()).faults[0] == "login is held back: pin_final_try"
        assert scene.value("anya_hsm_module_starts_total") == 2
        assert scene.value("anya_hsm_errors_total", error_type="io_failed") == 0


async def test_a_token_without_sessions_gets_no_pin(token, front):
    """Whatever C_OpenSession says: what fails before the login uses no try up, and nobody has to look at the token."""
    front.tell("rv.OpenSession", "0x30")
    async with scene_of(token, front) as scene:
        for _ in range(4):
            assert (await scene.look()).faults == ("does not answer: CKR_DEVICE_ERROR",)
        assert front.logins() == 0
        front.untell("rv.OpenSession")
        assert (await scene.look()).faults == ()
        assert front.logins() == 1


async def test_a_key_that_wants_the_pin_for_each_operation_is_no_canary(token, front):
    """CKA_ALWAYS_AUTHENTICATE is named; the PIN went out once, and neither session nor process is given up for it."""
    token.run(ASKS_EACH_TIME)
    async with scene_of(token, front, sign="asking") as scene:
        for _ in range(3):
            found = await scene.look()
            assert found.faults == (
                "sign fails: the key wants the PIN for each operation (CKA_ALWAYS_AUTHENTICATE) (CKR_USER_NOT_LOGGED_IN)",
            )
            assert "another key" in found.advice
        assert scene.value("anya_hsm_errors_total", error_type="user_not_logged_in") == 3
        assert scene.value("anya_hsm_canary_success", operation_type="canary_encrypt") == 1
        assert front.logins() == scene.value("anya_hsm_module_starts_total") == 1


ASKS_EACH_TIME = """
import sys, pkcs11
from pkcs11 import Attribute, KeyType
from pkcs11.util.ec import encode_named_curve_parameters
with pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2]).open(user_pin=sys.argv[3], rw=True) as session:
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
    session.create_domain_parameters(KeyType.EC, curve, local=True).generate_keypair(
        store=True, label="asking", private_template={Attribute.ALWAYS_AUTHENTICATE: True}
    )
"""


async def test_an_expired_pin_is_sent_once(token, front):
    """CKR_PIN_EXPIRED holds the login until the PIN is another; CKF_USER_PIN_TO_BE_CHANGED alone holds nothing."""
    front.tell("flags", hex(TO_BE_CHANGED))
    async with scene_of(token, front) as scene:
        assert (await scene.look()).faults == ()
        assert scene.value("anya_hsm_pin_state", state="to_be_changed") == 1
        front.tell("rv.Login", "0xA3")
        await scene.process.close()
        for _ in range(3):
            found = await scene.look()
            assert found.faults[0] == "login is held back: pin_expired"
        assert front.logins() == 2
        assert scene.value("anya_hsm_errors_total", return_code="CKR_PIN_EXPIRED") == 1


async def test_a_write_protected_token_is_watched_like_any_other(token, front):
    """The session only reads."""
    front.tell("flags", hex(WRITE_PROTECTED))
    async with scene_of(token, front) as scene:
        assert (await scene.look()).faults == ()


async def test_a_library_without_sessions_that_only_read_is_used_for_writing(token, front):
    """AWS CloudHSM's has none. It is found out without the PIN, which goes out once."""
    front.tell("writing")
    async with scene_of(token, front) as scene:
        assert (await scene.look()).faults == ()
        assert front.logins() == 1


async def test_a_login_that_fails_for_no_said_reason_is_tried_once_more(token, front):
    """Nobody knows whether CKR_FUNCTION_FAILED used up a try: the PIN goes out twice at most, and a person decides."""
    front.tell("rv.Login", "0x6")
    async with scene_of(token, front) as scene:
        await scene.look()
        assert front.logins() == 1
        for _ in range(3):
            found = await scene.look()
        assert found.faults[0] == "login is held back: pin_unanswered"
        assert front.logins() == 2
        assert scene.value("anya_hsm_errors_total", return_code="CKR_FUNCTION_FAILED") == 2


async def test_a_token_that_is_not_initialized_is_no_token_yet(token, tmp_path):
    """It is absent, and the advice says that there is one to be initialized."""
    shutil.rmtree(tmp_path / "tokens")
    (tmp_path / "tokens").mkdir()
    async with Scene(token) as scene:
        found = await scene.look()
        assert found.faults == ("token 'anya' is absent; 0 others are there",)
        assert "1 are not initialized" in found.advice


async def test_memory_and_sessions_of_a_token_are_told(token, front):
    """What a device tells and SoftHSM does not: here the module in front says it, in the structure of the standard."""
    for name, text in (("total", "65536"), ("free", "4096"), ("max", "16")):
        front.tell(name, text)
    (front.folder / "sessions").mkdir()
    async with scene_of(token, front) as scene:
        await scene.look()
        await scene.look()
        assert scene.value("anya_hsm_token_memory_bytes", area="private") == 65536
        assert scene.value("anya_hsm_token_memory_free_bytes", area="private") == 4096
        assert scene.value("anya_hsm_sessions", kind="all") == 1
        assert scene.value("anya_hsm_sessions_max", kind="all") == 16


async def test_no_session_left_is_told_by_its_code(token, front):
    """CKR_SESSION_COUNT uses no try of the PIN: it goes on as soon as there is one."""
    front.tell("rv.OpenSession", "0xB1")
    async with scene_of(token, front) as scene:
        for _ in range(3):
            found = await scene.look()
            assert "CKR_SESSION_COUNT" in found.faults[0]
        assert scene.value("anya_hsm_errors_total", error_type="session_count", return_code="CKR_SESSION_COUNT") >= 1
        front.untell("rv.OpenSession")
        assert (await scene.look()).faults == ()


async def test_a_mechanism_that_a_token_lost_or_gained_is_named(token):
    """SoftHSM's own setting takes mechanisms away; what was accepted is the measure, over restarts of its process."""
    clock = SystemClock()
    documents = MemoryDocuments(clock=clock)
    whole = token.config.read_text()

    def allow(mechanisms: str) -> None:
        token.config.write_text(whole.replace("slots.mechanisms = ALL", f"slots.mechanisms = {mechanisms}"))

    allow("-,CKM_RSA_X_509")
    async with Scene(token, documents=documents) as scene:
        assert (await scene.look()).faults == ()
        allow("-,CKM_AES_ECB")
        await scene.process.close()
        found = await scene.look()
        assert found.faults == ("1 mechanisms are gone, such as AES_ECB", "1 mechanisms are new, such as RSA_X_509")
        assert scene.value("anya_hsm_mechanisms_lost") == scene.value("anya_hsm_mechanisms_gained") == 1
        assert scene.value("anya_hsm_mechanism_lost", mechanism="AES_ECB") == 1
        assert scene.value("anya_hsm_mechanism_gained", mechanism="RSA_X_509") == 1
        assert scene.events() == ["hsm.mechanism_lost", "hsm.mechanism_gained"]


@pytest.mark.parametrize(
    ("source", "said", "error_type"),
    [
        ("__attribute__((constructor)) static void f(void) { *(volatile int *)8 = 1; }", "(signal 11)", "io_failed"),
        ("void exit(int); __attribute__((constructor)) static void f(void) { exit(3); }", "(code 3)", "io_failed"),
        ("unsigned long C_GetFunctionList(void **out) { *out = 0; return 0; }", "(signal 11)", "io_failed"),
        ("unsigned long C_GetFunctionList(void **out) { return 0x30; }", "CKR_DEVICE_ERROR", "device_error"),
    ],
    ids=["crashes", "exits", "gives no functions", "refuses"],
)
async def test_what_a_library_does_while_it_loads_is_told(token, tmp_path, *, source, said, error_type):
    """Before any function of it is called; the next round tries anew."""
    module = compiled(source, tmp_path / "module.so")
    async with Scene(token, module=module) as scene:
        for at in (1, 2):
            found = await scene.look()
            assert said in found.faults[0]
            assert scene.value("anya_hsm_errors_total", error_type=error_type) == at
            assert scene.process.pid == 0


# --- keys and certificates ------------------------------------------------------------------------------------------------


async def test_labels_may_be_in_any_script(token):
    """A label that is allowed is found whatever its letters; others leave nothing."""
    label = "ключ-離線 ✓"
    run_tool(token, "--keygen", "--key-type", "AES:32", "--label", label, "--id", "0b", "--sensitive")
    async with Scene(token, key_labels=(label, "ec")) as scene:
        assert (await scene.look()).faults == ()
        assert scene.value("anya_hsm_key_present", label=label) == 1


@pytest.mark.parametrize("label", ["it's", 'say "x"', "two\nlines", "a'b\"c}"])
async def test_a_label_with_quotes_is_told_as_it_is(token, label):
    """Where the key is missing, and where it is there."""
    async with Scene(token, sign=label, key_labels=(label,)) as scene:
        found = await scene.look()
        assert found.faults[0] == f"sign fails: No key matching private key {label!r}"
        run_tool(token, "--keypairgen", "--key-type", "EC:prime256v1", "--usage-sign", "--label", label, "--id", "0b")
        found = await scene.look()
        assert not any("sign" in fault or "no key" in fault for fault in found.faults)
        assert scene.value("anya_hsm_key_present", label=label) == 2


@pytest.mark.parametrize(
    ("kind", "made", "said"),
    [
        (
            "sign",
            "s.generate_keypair(KeyType.RSA, 1024, **kept, capabilities=F.DECRYPT | F.ENCRYPT)",
            "RSA may not sign",
        ),
        ("encrypt", "s.generate_key(KeyType.AES, 256, **kept, capabilities=F.ENCRYPT)", "AES may not decrypt"),
        ("encrypt", "s.generate_key(KeyType.DES3, **kept)", "CKR_KEY_TYPE_INCONSISTENT"),
        ("hmac", "s.generate_key(KeyType.AES, 256, **kept, capabilities=F.SIGN)", "CKR_KEY_TYPE_INCONSISTENT"),
        ("hmac", "s.generate_key(KeyType.GENERIC_SECRET, 64, **kept, capabilities=F.SIGN)", "CKR_KEY_SIZE_RANGE"),
    ],
)
async def test_a_key_that_is_no_canary_says_why(token, front, *, kind, made, said):
    """By PKCS#11's code for it. The session is kept: the PIN goes out once."""
    token.run(MAKES_A_KEY, made)
    async with scene_of(token, front, **{"sign": "", "encrypt": "", kind: "odd"}) as scene:
        for _ in range(3):
            found = await scene.look()
            assert said in found.faults[0]
        code = said if said.startswith("CKR_") else "CKR_KEY_FUNCTION_NOT_PERMITTED"
        error_type = code.removeprefix("CKR_").lower()
        assert scene.value("anya_hsm_errors_total", error_type=error_type, return_code=code) == 3
        assert scene.value("anya_hsm_canary_success", operation_type="canary_random") == 1
        assert front.logins() == scene.value("anya_hsm_module_starts_total") == 1


MAKES_A_KEY = """
import sys, pkcs11
from pkcs11 import KeyType, MechanismFlag as F
kept = {"store": True, "label": "odd"}
with pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2]).open(user_pin=sys.argv[3], rw=True) as s:
    exec(sys.argv[4])
"""


async def test_a_long_list_of_keys_holds_up_neither_looks_nor_the_canary(token, monkeypatch, tmp_path):
    """It goes on over as many looks as it takes; a key that is deleted meanwhile is left out."""
    monkeypatch.setattr(pkcs11, "LIST_SLICE_S", 0.0)  # one key a look
    copies = copied(tmp_path / "tokens", times=10)
    async with Scene(token, encrypt="") as scene:
        rounds = 0
        while scene.value("anya_hsm_keys", **{"class": "secret"}) is None:
            found = await scene.look()
            assert found.faults == ()
            assert scene.value("anya_hsm_canary_success", operation_type="canary_sign") == 1
            if not rounds:
                copies[0].unlink()
            rounds += 1
        assert rounds > 10
        assert scene.value("anya_hsm_keys", **{"class": "secret"}) == 10
        assert scene.value("anya_hsm_key_present", label="ec") == 2


def copied(tokens: Path, *, times: int) -> list[Path]:
    """The AES key of a SoftHSM token as often again: an object is a file there."""
    (folder,) = tokens.iterdir()
    key = min((path for path in folder.glob("*-*.object")), key=lambda path: b"aes" not in path.read_bytes())
    made = [folder / f"{uuid.uuid4()}.object" for _ in range(times)]
    for path in made:
        shutil.copy(key, path)
        path.with_suffix(".lock").touch()
    return made


async def test_certificates_on_a_token_tell_when_they_end(token):
    """A real certificate object by its subject; one that stands elsewhere, and bytes that are none, do no harm."""
    ends = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
    token.run(STORES_CERTIFICATES, certificate("signer", ends).hex())
    async with Scene(token) as scene:
        found = await scene.look()
        expiry = scene.value("anya_hsm_certificate_expiry_timestamp_seconds", subject="CN=signer")
        assert expiry == ends.timestamp()
        assert found.faults == ("1 certificates cannot be read",)


STORES_CERTIFICATES = """
import sys, pkcs11
from pkcs11 import Attribute, CertificateType, ObjectClass
with pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2]).open(user_pin=sys.argv[3], rw=True) as session:
    for value in (bytes.fromhex(sys.argv[4]), b"none"):
        session.create_object({
            Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
            Attribute.SUBJECT: b"subject", Attribute.VALUE: value, Attribute.TOKEN: True,
        })
"""


def certificate(name: str, ends: dt.datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    built = built.serial_number(255).not_valid_before(ends - dt.timedelta(days=9)).not_valid_after(ends)
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


# --- PINs -----------------------------------------------------------------------------------------------------------------


async def test_two_hsms_with_the_same_wrong_pin_send_it_once(token, front):
    """They share the token, and so what is known of it; also after a restart of the server."""
    documents = MemoryDocuments(clock=SystemClock())
    for _ in range(2):
        gates = PinGates(documents)
        scenes = [scene_of(token, front, pin=WRONG_PIN, gates=gates, documents=documents) for _ in range(2)]
        async with scenes[0], scenes[1]:
            found = await asyncio.gather(*(scene.look() for scene in scenes))
            assert all("login is held back: pin_" in one.faults[0] for one in found)
    assert front.logins() == 1


async def test_a_token_that_tells_its_count_takes_the_right_pin_after_any_number_of_wrong_ones(token, front, tmp_path):
    """It would tell the last try. What another HSM of the settings tried meanwhile is looked at anew before a PIN goes out."""
    path = tmp_path / "core.pin"
    documents = MemoryDocuments(clock=SystemClock())
    gates = PinGates(documents)
    other = scene_of(token, front, pin=WRONG_PIN, gates=gates, documents=documents)
    async with other, scene_of(token, front, secret=SecretFile(str(path)), gates=gates, documents=documents) as scene:
        await scene.look()
        assert scene.value("anya_hsm_pin_state", state="ok") == 1
        await other.look()
        for at, pin in enumerate(("22222222", "33333333", "44444444"), start=2):
            path.write_text(pin)
            os.utime(path, (1, 1))
            assert (await scene.look()).faults[0] == "login is held back: pin_incorrect"
            assert scene.value("anya_hsm_pin_state", state="low") == 1
            assert front.logins() == at
        path.write_text(token.pin)
        os.utime(path, (1, 1))
        assert (await scene.look()).faults == ()


async def test_after_two_wrong_pins_a_person_decides(token, front, tmp_path):
    """The third may lock a token that tells no count: it goes out only when somebody looked at the token and said so."""
    path = tmp_path / "core.pin"

    def write(pin: str) -> None:
        path.write_text(pin)
        os.utime(path, (1, 1))

    write(WRONG_PIN)
    front.tell("noflags", hex(PIN_COUNT_LOW))  # it tells none
    async with scene_of(token, front, secret=SecretFile(str(path))) as scene:
        for pin, held in ((WRONG_PIN, "pin_incorrect"), ("22222222", "pin_incorrect"), (token.pin, "pins_refused")):
            write(pin)
            for _ in range(2):
                assert (await scene.look()).faults[0] == f"login is held back: {held}"
        assert front.logins() == 2
        assert "anyascope hsm accept" in scene.round.advice
        await scene.watch.accept(by="ann")
        assert (await scene.look()).faults == ()
        assert front.logins() == 3


async def test_a_pin_that_cannot_be_read_is_said_by_its_file(token, front, tmp_path):
    """The token is there; what is missing is named, and with the PIN all goes on. Nothing is sent meanwhile."""
    path = tmp_path / "core.pin"
    async with scene_of(token, front, secret=SecretFile(str(path))) as scene:
        found = await scene.look()
        assert f"login is held back: pin_unreadable (secret file {path} cannot be read" in found.faults[0]
        path.write_text(f"{token.pin}\n")
        os.utime(path, (1, 1))
        assert (await scene.look()).faults == ()
        assert front.logins() == 1


async def test_the_pin_leaves_no_trace(token, front, monkeypatch, tmp_path):
    """Neither in what is logged, told, kept or counted, nor in what others may read of the child; also where the login fails."""
    monkeypatch.setenv("CORE_HSM_PIN", token.pin)
    documents = MemoryDocuments(clock=SystemClock())
    with structlog.testing.capture_logs() as logged:
        async with scene_of(token, front, documents=documents) as scene:
            await scene.look()
            assert token.pin not in shown_of(scene.process.pid)
            front.tell("rv.Login", "0x5")
            await scene.process.close()
            found = await scene.look()
            front.tell("rv.Login", "0xA0")
            await scene.process.close()
            await scene.look()
            kept = (await documents.page("collect.hsm.pin")).documents
            told = repr((found, scene.round, scene.intake.log_records, logged, kept))
    assert kept
    assert "GENERAL_ERROR" in told
    assert token.pin not in told


def test_nobody_may_look_into_the_process_that_has_the_pin(token):
    """It writes no core, not by a pipe either, and no debugger of the same user may attach; it goes first where memory ends."""
    said = token.run(
        "import ctypes, resource\n"
        "from anyascope.collect.collectors.hsm.child import _guard_itself\n"
        "_guard_itself()\n"
        "PR_GET_DUMPABLE = 3\n"
        "print(ctypes.CDLL(None).prctl(PR_GET_DUMPABLE), *resource.getrlimit(resource.RLIMIT_CORE))\n"
        "print(open('/proc/self/oom_score_adj').read().strip())\n"
        "try:\n"
        "    bytearray(3 * 1024**3)\n"
        "except MemoryError:\n"
        "    print('bound')\n"
    )
    assert said.split() == ["0", "0", "0", "1000", "bound"]
