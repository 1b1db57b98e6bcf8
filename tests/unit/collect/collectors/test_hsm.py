"""Unit tests of watching an HSM: the PIN's gate, the series, the rhythm; the provider is a stand-in."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from dataclasses import dataclass, field, replace
from random import Random

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from anyascope.clock import ManualClock
from anyascope.collect.collectors.hsm.clients import clients_of, suspects
from anyascope.collect.collectors.hsm.families import inventory_families
from anyascope.collect.collectors.hsm.leaks import SLOTS_S, LeakWatch
from anyascope.collect.collectors.hsm.module_process import PROGRAM, passed_on
from anyascope.collect.collectors.hsm.nouns import (
    HsmFailure,
    Inventory,
    KeyIdentity,
    Operation,
    Pending,
    PinState,
    Sight,
    TokenSight,
)
from anyascope.collect.collectors.hsm.pin import PinGate, PinGates, PinUnreadError, read_pin
from anyascope.collect.collectors.hsm.pkcs11 import Pkcs11Provider, pin_state, so_pin_state
from anyascope.collect.collectors.hsm.sessions import SessionTrend
from anyascope.collect.collectors.hsm.tally import ERRORS_MAX, OperationTally
from anyascope.collect.collectors.hsm.token_info import UNAVAILABLE, known_counts
from anyascope.collect.collectors.hsm.watch import HsmWatch
from anyascope.collect.hsm_options import CanaryOptions, HsmOptions, Pkcs11Options, RemoteOptions, SignerKind
from anyascope.collect.hsm_settings import read_hsms
from anyascope.collect.points import Family
from anyascope.errors import ConflictError, UnavailableError
from anyascope.model.documents import Put
from anyascope.model.secret import Secret, SecretFile
from anyascope.ports import ComponentHealth, HealthStatus
from anyascope.store.documents import MemoryDocuments
from anyascope.wire.settings import SettingsError, read_settings
from support.collecting import RecordingIntake

TOKEN = TokenSight("1", "core", serial="ab", mechanisms=frozenset({"ECDSA", "AES_CBC"}))


CARD = TokenSight("1", "core", serial="ab", model="Card")


def gate_of(documents: MemoryDocuments | None = None) -> PinGate:
    return PinGates(documents or MemoryDocuments(clock=ManualClock()), cost=2).of(CARD)


async def told(gate: PinGate, pin: str, answer: str) -> None:
    """A login that was made and came to this."""
    assert await gate.sending(pin)
    await gate.answered(pin, answer)


async def test_a_refused_pin_is_held_until_it_is_another() -> None:
    """The same PIN never goes out again, not after others either; another goes once; success clears the count."""
    gate = gate_of()
    assert await gate.holds("1", PinState.OK) == ""
    await told(gate, "1", "pin_incorrect")
    assert await gate.holds("1", PinState.LOW) == await gate.holds("1", PinState.OK) == "pin_incorrect"
    assert await gate.holds("2", PinState.LOW) == ""
    await told(gate, "2", "")
    assert await gate.holds("1", PinState.OK) == "pin_incorrect"
    assert await gate.holds("3", PinState.OK) == ""


async def test_what_was_refused_is_known_after_a_restart() -> None:
    """Also by another HSM of the settings with the same token; and no PIN stands in what is kept."""
    documents = MemoryDocuments(clock=ManualClock())
    await told(gate_of(documents), "24681357", "pin_len_range")
    again = gate_of(documents)
    assert await again.holds("24681357", PinState.OK) == "pin_len_range"
    kept = await documents.get("collect.hsm.pin", "Card/ab")
    assert kept is not None
    assert "24681357" not in repr(kept.body)
    assert len(kept.body["trials"][0][0]) == 4  # 16 bits of a hash


async def test_two_wrong_pins_are_enough_until_somebody_looked_at_the_token() -> None:
    """A token that tells no count would lock at the third; a person who takes it upon himself may go on."""
    gate = gate_of()
    for pin in ("1", "2"):
        await told(gate, pin, "pin_incorrect")
    assert await gate.holds("3", PinState.OK) == "pins_refused"
    await gate.release()
    assert await gate.holds("3", PinState.OK) == await gate.holds("1", PinState.OK) == ""


async def test_a_login_without_answer_is_tried_once_more() -> None:
    """A PIN that was taken before is tried on; an answer that comes before the PIN is looked at uses nothing up."""
    gate = gate_of()
    for _ in range(4):
        await told(gate, "1", "device_removed")
    for _ in range(2):
        assert await gate.holds("1", PinState.OK) == ""
        await told(gate, "1", "timeout")
    assert await gate.holds("1", PinState.OK) == "pin_unanswered"
    gate = gate_of()
    await told(gate, "1", "")
    for _ in range(9):
        await told(gate, "1", "timeout")
    assert await gate.holds("1", PinState.OK) == ""


async def test_somebody_elses_tries_are_not_used_up() -> None:
    """A count of wrong tries that is none of ours holds the PIN until it is cleared."""
    gate = gate_of()
    assert await gate.holds("1", PinState.LOW) == "pin_low"
    assert await gate.holds("1", PinState.OK) == ""


@pytest.mark.parametrize("state", [PinState.FINAL_TRY, PinState.LOCKED, PinState.UNINITIALIZED])
async def test_the_last_try_is_nobodys(state: PinState) -> None:
    """Not even another PIN is sent where the next wrong one locks, when it is locked, or where none was set."""
    gate = gate_of()
    await told(gate, "1", "pin_incorrect")
    assert await gate.holds("2", state) == f"pin_{state.value}"


async def test_nothing_is_sent_that_cannot_be_written_down() -> None:
    """After a crash nobody would know of it. A PIN that is known to be right needs no record."""

    class Full(MemoryDocuments):
        is_full = False

        async def commit(self, changes):
            if self.is_full:
                raise UnavailableError("full", retry_after_s=1.0)
            await super().commit(changes)

    documents = Full(clock=ManualClock())
    gate = gate_of(documents)
    documents.is_full = True
    assert not await gate.sending("1")
    documents.is_full = False
    await told(gate, "1", "")
    documents.is_full = True
    assert await gate.sending("1")


def test_half_a_pin_is_none(tmp_path) -> None:
    """An empty file, one that was written this moment and one that is not there send nothing; white space around a PIN is no part of it."""
    path = tmp_path / "pin"
    for wanted, text, age_s in (("pin_empty", " \n", 60), ("pin_changing", "246", 0.2)):
        path.write_text(text)
        now_ns = path.stat().st_mtime_ns + round(age_s * 1e9)
        with pytest.raises(PinUnreadError) as unread:
            read_pin(SecretFile(str(path)), now_ns=now_ns)
        assert unread.value.reason == wanted
    path.write_text("24681357\r\n")
    assert read_pin(SecretFile(str(path)), now_ns=path.stat().st_mtime_ns + 10**9) == "24681357"
    with pytest.raises(PinUnreadError, match="cannot be read"):
        read_pin(SecretFile(str(tmp_path / "gone")), now_ns=0)
    with pytest.raises(PinUnreadError):
        read_pin(Secret(""), now_ns=0)


async def test_a_file_that_was_written_this_moment_is_read_a_second_later(tmp_path) -> None:
    """What stands in it then is the PIN; one that is written again and again is none."""
    clock, path = ManualClock(), tmp_path / "pin"

    def write(text: str) -> None:
        path.write_text(text)
        os.utime(path, ns=(clock.now_ns(), clock.now_ns()))

    secret = SecretFile(str(path))
    options = HsmOptions("core", "x", Pkcs11Options(tmp_path / "m.so", pin=secret))
    gates = PinGates(MemoryDocuments(clock=clock), cost=2)
    provider = Pkcs11Provider(options, Pkcs11Options(tmp_path / "m.so", pin=secret), gates=gates, clock=clock)
    write("2468")
    reading = asyncio.create_task(provider._pin_of(secret))
    await clock.advance(0.5)
    path.write_text("24681357")
    os.utime(path, ns=(clock.now_ns(), clock.now_ns() - 5 * 10**8))  # the last change was the first, by its clock
    await clock.advance(0.5)
    assert await reading == "24681357"
    write("2468")
    reading = asyncio.create_task(provider._pin_of(secret))
    await clock.advance(0.5)
    write("246813")
    await clock.advance(0.5)
    with pytest.raises(PinUnreadError) as unread:
        await reading
    assert unread.value.reason == "pin_changing"


def test_no_variable_of_the_server_takes_the_pin_to_the_library() -> None:
    """Neither one that is the PIN nor one that holds it among other words, nor the server's own settings."""
    environment = {
        "PATH": "/bin:/usr/bin",
        "HSM_PIN": "24681357",
        "HSM": "user=a;pin=24681357",
        "ANYASCOPE_TOKEN": "t",
        "LD_LIBRARY_PATH": "/opt/24681357x",
    }
    assert set(passed_on(environment, "24681357")) == {"PATH", "LD_LIBRARY_PATH"}
    assert "HSM_PIN" in passed_on(environment, "")


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        (0x42D, "ok"),
        (0x1042D, "low"),
        (0x3042D, "final_try"),
        (0x7042D, "locked"),
        (0x8042D, "to_be_changed"),
        (0x405, "uninitialized"),
    ],
)
def test_flags_of_a_token_say_how_its_pin_is(flags: int, wanted: str) -> None:
    """The gravest counts."""
    assert pin_state(flags).value == wanted


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        (0x42D, "ok"),
        (0x7042D, "ok"),  # the user's
        (0x10042D, "low"),
        (0x30042D, "final_try"),
        (0x70042D, "locked"),
        (0x80042D, "to_be_changed"),
        (0x405, "ok"),
    ],
)
def test_flags_of_a_token_say_how_the_officers_pin_is(flags: int, wanted: str) -> None:
    """The gravest counts, and none of the user's."""
    assert so_pin_state(flags).value == wanted


async def test_what_becomes_of_the_officers_pin_is_told() -> None:
    """It degrades and does not stop: what is logged in signs. A signer without one has no such series."""
    provider = StandIn(seen(replace(TOKEN, so_pin=PinState.OK)))
    watch, clock = watch_of(provider)
    for state, message in (
        (PinState.OK, ""),
        (PinState.LOW, "wrong PINs of the security officer were entered (low)"),
        (PinState.FINAL_TRY, "wrong PINs of the security officer were entered (final_try)"),
        (PinState.LOCKED, "the security officer's PIN is locked"),
        (PinState.TO_BE_CHANGED, ""),
    ):
        provider.sight = seen(replace(TOKEN, so_pin=state))
        found = await watch.gather()
        assert (found.faults, found.is_down) == ((message,) if message else (), False)
        points = points_of(found.families)
        assert points["anya_hsm_so_pin_state", "core", "ab", state.value] == 1
        assert sum(value for key, value in points.items() if key[0] == "anya_hsm_so_pin_state") == 1
        await clock.advance(60)
    assert watch.events() == ["hsm.so_pin_low", "hsm.so_pin_locked", "hsm.so_pin_cleared", "hsm.so_pin_unlocked"]
    provider.sight = seen(TOKEN)
    assert "anya_hsm_so_pin_state" not in {key[0] for key in points_of((await watch.gather()).families)}


def test_what_a_module_does_not_know_is_left_out() -> None:
    """Neither unavailable figures nor limits without limit are told; a 0 of anything else is."""
    known = known_counts({"sessions": 0, "sessions_max": 0, "rw_sessions_max": 9, "public_free": UNAVAILABLE})
    assert known == {"sessions": 0, "rw_sessions_max": 9}


def test_operations_are_counted_timed_and_their_errors_told() -> None:
    """A histogram's buckets hold what is at most their bound; an error counts by type and return code."""
    tally = OperationTally(["sign"])
    tally.add(Operation("sign", 0.005))
    tally.add(Operation("sign", 30.0, HsmFailure("device_error", code="CKR_DEVICE_ERROR")))
    points = points_of(tally.families())
    name = "anya_hsm_operation_duration_seconds"
    assert points[f"{name}_bucket", "canary_sign", "0.001"] == 0
    assert points[f"{name}_bucket", "canary_sign", "0.005"] == points[f"{name}_bucket", "canary_sign", "10.0"] == 1
    assert points[f"{name}_bucket", "canary_sign", "+Inf"] == points[f"{name}_count", "canary_sign"] == 2
    assert points["anya_hsm_operations_total", "canary_sign", "error"] == 1
    assert points["anya_hsm_errors_total", "device_error", "CKR_DEVICE_ERROR"] == 1


def test_a_module_that_answers_with_noise_makes_no_series_without_end() -> None:
    """Beyond the limit errors are counted by their type alone; none is lost."""
    tally = OperationTally([])
    for code in range(1_000):
        tally.fail("vendor_defined", f"CKR_VENDOR_DEFINED+{code:#x}")
    (errors,) = [family for family in tally.families() if family.name == "anya_hsm_errors_total"]
    assert len(errors.points) <= ERRORS_MAX + 1
    assert sum(value for _, value in errors.points) == 1_000


def test_certificates_on_the_token_tell_when_they_end() -> None:
    """By subject and serial number; what is no certificate is a fault."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer")])
    ends = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
    built = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(255)
    )
    built = built.not_valid_before(ends - dt.timedelta(days=9)).not_valid_after(ends)
    der = built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    families, faults = inventory_families(Inventory(certificates=(der, b"none")))
    points = points_of(families)
    assert points["anya_hsm_certificate_expiry_timestamp_seconds", "CN=signer", "ff"] == ends.timestamp()
    assert faults == ("1 certificates cannot be read",)


@pytest.mark.parametrize(
    ("counts", "is_leak"),
    [
        (range(10, 30), True),
        ([10, 12, 11, 14, 15, 60, 16, 18, 19, 21, 20, 23], True),
        ([10, 40, 8, 30, 11, 35, 9, 38, 12, 33], False),
        ([10] * 20, False),
        (range(7), False),
    ],
    ids=["steady", "with a burst", "busy", "still", "too few"],
)
def test_a_leak_is_told_from_work(counts, is_leak) -> None:
    """Sessions that only come are a leak, even with a burst among them; those that come and go are work."""
    trend = SessionTrend()
    for at, count in enumerate(counts):
        trend.add(60.0 * at, count)
    assert (trend.exhausted_in_s(2048) is not None) is is_leak


def test_a_steady_leak_runs_out_when_arithmetic_says() -> None:
    """One session a minute from 30 to 2048; beyond the limit it is now."""
    trend = SessionTrend()
    for at in range(21):
        trend.add(60.0 * at, 10 + at)
    assert trend.exhausted_in_s(2048) == pytest.approx(2018 * 60)
    assert trend.exhausted_in_s(5) == 0


def worked(random: Random, *, seconds: int, per_hour: float, load: float) -> list[tuple[float, int]]:
    """(second, open sessions) once a second: what leaks at this pace, work that comes and goes, and now and then a burst."""
    burst_until, found = 0, []
    for at in range(seconds):
        if random.random() < 1 / 600:
            burst_until = at + random.randrange(5, 40)
        busy = sum(random.random() < load / 20 for _ in range(20)) + (
            random.randrange(20, 60) if at < burst_until else 0
        )
        found.append((float(at), 10 + int(at * per_hour / 3600) + busy))
    return found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("per_hour", [30.0, 240.0, 2000.0])
def test_a_leak_among_work_is_forecast_within_a_fifth(seed: int, per_hour: float) -> None:
    """Whatever its pace, with a busy service and bursts around it: half an hour of counts says when the limit is reached."""
    trend, seconds = SessionTrend(), 1_800
    for at, count in worked(Random(seed), seconds=seconds, per_hour=per_hour, load=4.0):
        trend.add(at, count)
    left_s = trend.exhausted_in_s(2048)
    assert left_s == pytest.approx((2048 - 10 - seconds * per_hour / 3600) / per_hour * 3600, rel=0.2)


@pytest.mark.parametrize("seed", range(5))
def test_work_alone_is_no_leak(seed: int) -> None:
    """A busy service with bursts, for four hours, in both trends."""
    trends = [SessionTrend(slot_s=slot_s) for slot_s in SLOTS_S]
    for at, count in worked(Random(seed), seconds=4 * 3600, per_hour=0.0, load=6.0):
        for trend in trends:
            trend.add(at, count)
        if at % 300 == 0:
            assert [trend.exhausted_in_s(2048) for trend in trends] == [None, None]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("filled_s", "size"), [(240, 50), (600, 50), (1_800, 200)])
def test_a_pool_that_is_full_is_no_leak(seed: int, filled_s: int, size: int) -> None:
    """Beside work: a leak while it is filled, and none once it stayed full for a third of that and three minutes."""
    random, trend, told = Random(seed), SessionTrend(), []
    for at in range(0, 2 * filled_s + 1_200, 3):
        busy = sum(random.random() < 0.1 for _ in range(20))
        trend.add(float(at), 10 + size * min(at, filled_s) // filled_s + busy)
        if trend.exhausted_in_s(2048) is not None:
            told.append(at)
    assert filled_s * 0.9 < max(told) < filled_s * 4 / 3 + 180


def test_a_client_that_leaks_again_after_its_restart_is_forecast_anew() -> None:
    """What it held is given back at its end: two minutes later the forecast is that of its new life."""
    trend = SessionTrend()
    for at in range(60):
        trend.add(15.0 * at, 10 + 4 * at)
    for at in range(60, 64):
        trend.add(15.0 * at, 10 + 4 * (at - 60))
    assert trend.exhausted_in_s(2048) is None
    for at in range(64, 70):
        trend.add(15.0 * at, 10 + 4 * (at - 60))
    assert trend.exhausted_in_s(2048) == pytest.approx((2048 - 46) / 4 * 15, rel=0.05)


def test_a_session_lost_every_ten_minutes_is_seen_on_a_small_device() -> None:
    """Half an hour does not show it; the longer trend does before the 16 sessions of a YubiHSM are gone."""
    short, long = (SessionTrend(slot_s=slot_s) for slot_s in SLOTS_S)
    for at in range(0, 90 * 60, 5):
        for trend in (short, long):
            trend.add(float(at), 2 + at // 600)
    assert short.exhausted_in_s(16) is None
    assert long.exhausted_in_s(16) == pytest.approx((16 - 2 - 9) * 600, rel=0.2)


async def test_a_clock_that_is_set_changes_no_forecast() -> None:
    """Sessions are followed by the clock that only goes forward, and the forecast counts down between two points."""
    clock = ManualClock()
    leaks = LeakWatch(tuple, clock=clock)
    for at in range(20):
        await leaks.judge(replace(TOKEN, counts={"sessions": 10 + at, "sessions_max": 1000}))
        clock.set_wall(by_s=(-1) ** at * 3600.0)
        await clock.advance(15)
    (found,) = await leaks.judge(replace(TOKEN, counts={"sessions": 30, "sessions_max": 1000}))
    left_s = points_of(leaks.families())["anya_hsm_sessions_exhausted_in_seconds",]
    assert left_s == pytest.approx(970 * 15, rel=0.01)
    assert found.message == "30 sessions are open and become more: 1000 are reached in 4.0 h; client: not seen here"


@pytest.mark.parametrize(
    ("comm", "arguments", "wanted"),
    [
        ("python3", ["python3", "-u", "/opt/custody/signer.py", "--pin", "1234"], "signer.py"),
        ("python3.11", ["python3", "-m", "custody.signer", "x"], "custody.signer"),
        ("python3", ["python3", "-c", "pin = '1234'"], "python3"),
        ("node", ["node"], "node"),
        ("signerd", ["signerd", "/etc/secret"], "signerd"),
    ],
)
def test_a_client_is_named_by_what_runs_and_by_nothing_else(tmp_path, comm, arguments, wanted) -> None:
    """The script of an interpreter; no further argument, as one may be a PIN. And whose it is."""
    (tmp_path / "7/fd").mkdir(parents=True)
    (tmp_path / "7/maps").write_text(f"7f0-7f1 r-xp 0 08:01 7    {tmp_path / 'm.so'}\n")
    (tmp_path / "7/comm").write_text(f"{comm}\n")
    (tmp_path / "7/cmdline").write_text("\0".join(arguments) + "\0")
    (tmp_path / "7/status").write_text("Name:\tx\nUid:\t0\t0\t0\t0\n")
    (client,) = clients_of(tmp_path / "m.so", procfs=tmp_path)
    assert (client.command, client.user, client.words) == (wanted, "root", f"{wanted} (pid 7) of root")


def test_the_client_whose_files_grow_is_suspected(tmp_path) -> None:
    """By the process table: who has mapped the module; of several those who opened more, else all of them."""
    module = tmp_path / "m.so"
    for pid, mapped, files in ((11, module, 3), (12, module, 9), (13, tmp_path / "other.so", 1), (14, module, 4)):
        (tmp_path / f"{pid}/fd").mkdir(parents=True)
        (tmp_path / f"{pid}/maps").write_text(f"7f0-7f1 r-xp 0 08:01 7    {mapped}\n")
        (tmp_path / f"{pid}/comm").write_text("signer\n")
        (tmp_path / f"{pid}/cmdline").write_text("\0".join(["python", "-m", PROGRAM if pid == 14 else "signer"]))
        for file in range(files):
            (tmp_path / f"{pid}/fd/{file}").touch()
    found = clients_of(module, procfs=tmp_path)
    assert [(client.pid, client.command, client.open_files) for client in found] == [
        (11, "signer", 3),
        (12, "signer", 9),
    ]
    assert [client.pid for client in suspects(found, {11: 3, 12: 4})] == [12]
    assert [client.pid for client in suspects(found, {11: 3, 12: 9})] == [11, 12]


@dataclass
class StandIn:
    """A provider that says what it is told to."""

    sight: Sight | HsmFailure
    found: Inventory | HsmFailure = field(default_factory=Inventory)
    operations: tuple[Operation, ...] = (Operation("sign", 0.002),)
    calls: list[str] = field(default_factory=list)
    waiting: Pending | None = None
    holds: asyncio.Event | None = None

    async def look(self) -> Sight:
        self.calls.append("look")
        if isinstance(self.sight, HsmFailure):
            raise self.sight
        return self.sight

    async def inventory(self) -> Inventory | None:
        self.calls.append("inventory")
        if isinstance(self.found, HsmFailure):
            raise self.found
        return self.found

    def pending(self) -> Pending | None:
        return self.waiting

    async def canary(self) -> tuple[Operation, ...]:
        self.calls.append("canary")
        if self.holds is not None:
            await self.holds.wait()
        return self.operations

    def drain(self) -> tuple[Operation, ...]:
        return ()

    async def release(self, token: TokenSight) -> None:
        self.calls.append(f"release {token.label}")

    async def close(self) -> None:
        self.calls.append("close")


class Watched(HsmWatch):
    """A watch with its intake and documents at hand."""

    def __init__(self, provider: StandIn, *, clock: ManualClock, documents=None, **changes) -> None:
        options = HsmOptions("core", "x", Pkcs11Options("m.so"), canary=CanaryOptions(sign="c"))
        self.intake = RecordingIntake()
        self.documents = documents or MemoryDocuments(clock=clock)
        super().__init__(
            replace(options, **changes), provider=provider, intake=self.intake, documents=self.documents, clock=clock
        )

    def events(self) -> list[str]:
        return [record.event_name for record in self.intake.log_records]


def watch_of(provider: StandIn, **changes) -> tuple[Watched, ManualClock]:
    clock = ManualClock()
    return Watched(provider, clock=clock, **changes), clock


def seen(token: TokenSight = TOKEN, **changes) -> Sight:
    return Sight("lib", "1.0", 1, (token,), token, **changes)


async def test_keys_and_canary_have_their_own_rhythm() -> None:
    """Each is asked for when its interval is over, however often the HSM is looked at."""
    provider = StandIn(seen())
    canary = CanaryOptions(sign="c", interval_s=30.0)
    watch, clock = watch_of(provider, interval_s=15.0, inventory_interval_s=60.0, canary=canary)
    for _ in range(8):
        await watch.gather()
        await clock.advance(15)
    assert {name: provider.calls.count(name) for name in ("look", "canary", "inventory")} == {
        "look": 8,
        "canary": 4,
        "inventory": 2,
    }


async def test_a_token_is_compared_with_what_was_accepted_over_restarts() -> None:
    """Mechanisms, firmware and keys that are others degrade it, after a restart of the server too; until somebody accepts."""
    provider = StandIn(seen(), found=Inventory(keys={("private", "EC"): 2}))
    watch, clock = watch_of(provider)
    assert (await watch.gather()).faults == ()
    changed = replace(TOKEN, mechanisms=frozenset({"AES_CBC", "AES_GCM"}), firmware="2.0")
    later = StandIn(seen(changed), found=Inventory(keys={("private", "EC"): 1}))
    again = Watched(later, clock=clock, documents=watch.documents)
    found = await again.gather()
    points = points_of(found.families)
    assert points["anya_hsm_mechanism_lost", "core", "ab", "ECDSA"] == 1
    assert points["anya_hsm_mechanism_gained", "core", "ab", "AES_GCM"] == 1
    assert points["anya_hsm_firmware_changed", "core", "ab"] == 1
    assert points["anya_hsm_keys_change", "private", "EC"] == -1
    assert (found.is_down, found.faults) == (
        False,
        (
            "1 mechanisms are gone, such as ECDSA",
            "1 mechanisms are new, such as AES_GCM",
            "its firmware is 2.0, was unknown",
            "1 keys of private EC fewer than accepted",
        ),
    )
    assert again.events() == [
        "hsm.mechanism_lost",
        "hsm.mechanism_gained",
        "hsm.firmware_changed",
        "hsm.keys_changed",
    ]


async def test_another_token_in_its_place_is_told_until_it_is_accepted_or_gone() -> None:
    """It is judged by nothing but that; the first comes back to its own baseline. Who tells no serial number over HTTP is no other."""
    provider = StandIn(seen())
    watch, clock = watch_of(provider)
    await watch.gather()
    provider.sight = seen(replace(TOKEN, serial="cd", firmware="2.0"))
    await clock.advance(1)
    found = await watch.gather()
    assert found.faults == ("another token is in its place: serial number cd, ab was accepted",)
    points = points_of(found.families)
    assert points["anya_hsm_token_replaced", "core", "cd"] == 1
    assert not [key for key in points if key[0] == "anya_hsm_baseline_timestamp_seconds"]
    provider.sight = seen()
    await clock.advance(1)
    assert (await watch.gather()).faults == ()
    assert watch.events() == ["hsm.token_replaced", "hsm.token_as_accepted"]
    provider.sight = seen(replace(TOKEN, serial="", pin=None))
    await clock.advance(1)
    assert (await watch.gather()).faults == ()


async def test_what_somebody_accepts_is_the_baseline_from_then_on() -> None:
    """The next look finds nothing changed, a restart neither; who accepted it, and what, is an event."""
    provider = StandIn(seen())
    watch, clock = watch_of(provider)
    await watch.gather()
    provider.sight = seen(replace(TOKEN, firmware="2.0"))
    assert (await watch.gather()).faults == ("its firmware is 2.0, was unknown",)
    await clock.advance(7)
    await watch.accept(by="ann")
    assert watch.nudge.is_set()
    assert provider.calls[-1] == "release core"  # and what held back the PIN is forgotten
    found = await watch.gather()
    assert found.faults == ()
    assert points_of(found.families)["anya_hsm_firmware_changed", "core", "ab"] == 0
    again = Watched(provider, clock=clock, documents=watch.documents)
    assert (await again.gather()).faults == ()
    assert watch.events() == ["hsm.firmware_changed", "hsm.state_accepted", "hsm.firmware_as_accepted"]
    accepted = watch.intake.log_records[1]
    assert accepted.attributes["user.name"] == "ann"
    assert accepted.body == "HSM core: ann accepted the token as it is: its firmware is 2.0, was unknown"


async def test_a_baseline_of_an_older_version_learns_which_keys_they_are() -> None:
    """Once, with a word in the log and no alarm; from then on another key is told."""
    key = KeyIdentity("public", "EC", "01", "", "aa")
    listed = Inventory(keys={("public", "EC"): 1}, labels={"k": 1}, identities={"k": (key,)})
    watch, clock = watch_of(StandIn(seen(), found=replace(listed, identities={})))
    await watch.gather()
    (kept,) = [(await watch.documents.get("collect.hsm.baseline", "core")).body]
    del kept["ab"]["identities"]
    await watch.documents.commit([Put("collect.hsm.baseline", "core", kept)])
    for name, told in (("aa", ["hsm_keys_learned"]), ("aa", []), ("bb", [])):
        found = replace(listed, identities={"k": (replace(key, fingerprint=name),)})
        again = Watched(StandIn(seen(), found=found), clock=clock, documents=watch.documents)
        with structlog.testing.capture_logs() as logged:
            faults = (await again.gather()).faults
        assert [line["event"] for line in logged] == told
        assert [fault.partition(":")[0] for fault in faults] == (
            ["key 'k' is not the accepted one"] if name == "bb" else []
        )
        assert again.sight(ComponentHealth("collect.hsm.core", "collector", HealthStatus.HEALTHY)).changes == faults
    assert again.events() == ["hsm.key_replaced"]
    assert again.intake.log_records[0].severity_text == "ERROR"


async def test_keys_are_accepted_as_they_are_and_not_as_they_were_listed_last() -> None:
    """Whoever replaces a key and says so at once is not told of it minutes later; what comes after that is told."""
    provider = StandIn(seen(), found=Inventory(keys={("private", "EC"): 1}))
    watch, clock = watch_of(provider)
    await watch.gather()
    provider.found = Inventory(keys={("private", "RSA"): 1})
    await watch.accept(by="ann")
    for _ in range(2):
        assert (await watch.gather()).faults == ()
        await clock.advance(600)
    provider.found = Inventory(keys={("private", "RSA"): 2})
    assert (await watch.gather()).faults == ("1 keys of private RSA more than accepted",)


async def test_keys_of_another_token_are_listed_before_they_are_told() -> None:
    """Those of the one before are neither told of it nor accepted with it."""
    provider = StandIn(seen(), found=Inventory(keys={("private", "EC"): 1}, labels={"k": 1}))
    watch, clock = watch_of(provider)
    await watch.gather()
    provider.sight = seen(replace(TOKEN, serial="cd"))
    provider.found = Inventory(keys={("private", "EC"): 3}, labels={"k": 0})
    await clock.advance(1)
    found = await watch.gather()
    assert found.faults == (
        "no key is called k",
        "another token is in its place: serial number cd, ab was accepted",
    )
    assert points_of(found.families)["anya_hsm_keys", "private", "EC"] == 3
    await watch.accept(by="ann")
    await clock.advance(600)
    assert (await watch.gather()).faults == ("no key is called k",)


async def test_a_token_that_is_not_there_is_not_accepted() -> None:
    """Nor one that was not looked at yet."""
    watch, _ = watch_of(StandIn(HsmFailure("device_removed")))
    with pytest.raises(ConflictError, match="is not there"):
        await watch.accept(by="ann")
    await watch.gather()
    with pytest.raises(ConflictError, match="is not there"):
        await watch.accept(by="ann")


async def test_a_call_without_an_answer_is_told_before_its_deadline() -> None:
    """The last round is told again with how long it is waited for; when the answer comes it is news at once."""
    provider = StandIn(seen())
    watch, clock = watch_of(provider, late_after_s=0.5)
    assert points_of((await watch.gather()).families)["anya_hsm_call_late_seconds", "canary_sign"] == 0
    answers = asyncio.Event()
    provider.holds = answers
    await clock.advance(1)
    provider.waiting = Pending("canary_sign", clock.monotonic_ns())
    late = asyncio.create_task(watch.gather())
    await clock.advance(0.49)
    assert not late.done()
    await clock.advance(0.01)
    found = await late
    points = points_of(found.families)
    assert points["anya_hsm_call_late_seconds", "canary_sign"] == 0.5
    assert points["anya_hsm_up",] == 1
    assert (found.is_down, found.faults) == (False, ("canary_sign has had no answer for 0.5 s",))
    provider.waiting = None
    answers.set()
    await asyncio.wait_for(watch.nudge.wait(), 60)
    assert (await watch.gather()).faults == ()
    assert watch.events() == ["hsm.call_late", "hsm.call_answered"]


async def test_what_fails_is_tried_less_and_less_often() -> None:
    """Each try may start a process; the last round holds meanwhile, and the first success ends it."""
    provider = StandIn(HsmFailure("connection_failed", "no way"))
    watch, clock = watch_of(provider, interval_s=1.0)
    for _ in range(31):
        assert (await watch.gather()).is_down
        await clock.advance(1)
    assert provider.calls == ["look"] * 6  # after 1, 2, 4, 8 and 15 s
    provider.sight = seen()
    await clock.advance(15)
    assert (await watch.gather()).faults == ()
    await clock.advance(1)
    await watch.gather()
    assert provider.calls.count("look") == 8
    assert watch.events() == ["hsm.down", "hsm.up"]


async def test_an_hsm_that_is_down_has_no_other_trouble_ended() -> None:
    """A key that is missing is not found by losing the whole HSM."""
    provider = StandIn(seen(), found=Inventory(labels={"k": 0}))
    watch, clock = watch_of(provider)
    await watch.gather()
    provider.sight = HsmFailure("device_removed")
    await clock.advance(1)
    await watch.gather()
    provider.sight = seen()
    provider.found = Inventory(labels={"k": 1})
    await clock.advance(600)
    await watch.gather()
    assert watch.events() == ["hsm.key_missing", "hsm.down", "hsm.up", "hsm.key_found"]
    missing = watch.intake.log_records[0]
    assert (missing.stream, missing.body) == ("hsm", "HSM core: no key is called k")
    assert missing.attributes == {
        "hsm.name": "core",
        "hsm.provider": "x",
        "hsm.token": "core",
        "hsm.serial": "ab",
        "hsm.key.label": "k",
    }


async def test_a_canary_that_failed_works_again_only_when_it_was_tried() -> None:
    """The token was out and is back: its canary is tried at once, and not told to work before."""
    provider = StandIn(seen(), operations=(Operation("sign", 0.002, failure=HsmFailure("key_not_found")),))
    watch, clock = watch_of(provider, interval_s=1.0, canary=CanaryOptions(sign="c", interval_s=60.0))
    await watch.gather()
    provider.sight = HsmFailure("device_removed")
    await clock.advance(1)
    await watch.gather()
    provider.sight = seen()
    await clock.advance(1)
    assert (await watch.gather()).faults == ("sign fails: key_not_found",)
    provider.operations = (Operation("sign", 0.002),)
    await clock.advance(60)
    await watch.gather()
    assert watch.events() == ["hsm.canary_failed", "hsm.down", "hsm.up", "hsm.canary_recovered"]


async def test_an_hsm_that_does_not_answer_is_down_with_its_error() -> None:
    """The error counts, nothing else is asked, and what was measured of it ends."""
    provider = StandIn(seen())
    watch, clock = watch_of(provider)
    await watch.gather()
    await clock.advance(15)
    provider.sight = HsmFailure("device_removed", code="CKR_DEVICE_REMOVED")
    found = await watch.gather()
    points = points_of(found.families)
    assert provider.calls[-1] == "look"
    assert (found.is_down, found.faults) == (True, ("does not answer: CKR_DEVICE_REMOVED",))
    assert (points["anya_hsm_up",], points["anya_hsm_errors_total", "device_removed", "CKR_DEVICE_REMOVED"]) == (0, 1)
    assert not [name for name, *_ in points if name == "anya_hsm_canary_success"]


async def test_a_list_of_keys_that_is_too_slow_is_not_asked_for_in_every_round() -> None:
    """It would cost the module's process, and so the canary, each time; health says so until the next list."""
    provider = StandIn(seen(), found=HsmFailure("timeout", "no answer within 5 s"))
    watch, clock = watch_of(provider, inventory_interval_s=60.0)
    for _ in range(4):
        found = await watch.gather()
        assert found.faults == ("keys cannot be listed: no answer within 5 s",)
        await clock.advance(15)
    assert provider.calls.count("inventory") == 1
    provider.found = Inventory(labels={"k": 0}, certificates=(b"none",))
    assert (await watch.gather()).faults == ("1 certificates cannot be read", "no key is called k")


async def test_settings_name_an_hsm_and_its_canary(tmp_path) -> None:
    """Paths are seen from the file, the canary runs with the HSM's interval, and the PIN prints as a secret."""
    (found,) = settings(
        tmp_path, "{name: a, module: m.so, token: t, pin: '1234', interval: 5s, key_labels: [k], canary: {hmac: h}}"
    )
    assert (found.source.module, found.provider, found.source.token) == (tmp_path / "m.so", "pkcs11", "t")
    assert (found.canary.interval_s, found.canary.hmac, found.canary.has_random) == (5, "h", True)
    assert "1234" not in repr(found)


async def test_settings_name_a_remote_signer(tmp_path) -> None:
    """Vault has a mount; the kind is the provider's name where no other is given."""
    (found,) = settings(tmp_path, "{name: v, kind: vault, address: 'https://vault:8200/', canary: {sign: c}}")
    assert found.source == RemoteOptions(SignerKind.VAULT, "https://vault:8200", "transit")
    assert found.provider == "vault"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{name: a, kind: vault}", "address"),
        ("{name: a, kind: vault, address: 'vault:8200'}", "http or https"),
        ("{name: a, kind: vault, address: 'http://u:p@vault'}", "no password"),
        ("{name: a, kind: vault, address: 'http://v', pin: '1'}", "pin"),
        ("{name: a, kind: web3signer, address: 'http://w', canary: {hmac: k}}", "hmac"),
        ("{name: a}", "module"),
        ("{name: 'a b', module: m}", "letters"),
        ("{name: a, module: m, pins: 1}", "pins"),
        ("{name: a, module: m, timeout: 0s}", "more than 0"),
        ("{name: a, module: m, canary: {interval: 500ms}}", "not be less"),
        ("{name: a, module: m, pin: '1', pin_file: p}", "at most one"),
        ("{name: a, module: m}, {name: a, module: m}", "more than once"),
        (f"{{name: a, module: m, token: {'x' * 33}}}", "at most 32 bytes"),
    ],
)
def test_mistakes_of_settings_are_named(tmp_path, text: str, said: str) -> None:
    """Each with its place, and the server does not start."""
    with pytest.raises(SettingsError, match=said):
        settings(tmp_path, text)


def settings(folder, text: str) -> tuple[HsmOptions, ...]:
    section = read_settings(f"hsm: [{text}]", file=str(folder / "anyascope.yml"))
    found = read_hsms(section.sections("hsm"))
    section.raise_if_wrong()
    return found


def points_of(families: list[Family]) -> dict[tuple[str, ...], float]:
    """(name, label values in order) -> value."""
    return {(family.name, *(value for _, value in own)): point for family in families for own, point in family.points}
