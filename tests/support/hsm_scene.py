"""One HSM that is watched, on the real clock where no other is given, and what was told of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from anyascope.clock import SystemClock
from anyascope.collect.collectors.hsm.module_process import ModuleProcess
from anyascope.collect.collectors.hsm.pin import PinGates
from anyascope.collect.collectors.hsm.pkcs11 import Pkcs11Provider
from anyascope.collect.collectors.hsm.watch import hsm_watch
from anyascope.collect.hsm_options import CanaryOptions, HsmOptions, Pkcs11Options
from anyascope.collect.runner import Round
from anyascope.model.secret import Secret
from anyascope.store.documents import MemoryDocuments
from support.collecting import RecordingIntake
from support.softhsm import SoftHsm

CALL_WITHIN_S = 30.0  # of a busy machine; a hang is tried with its own


class Scene:
    """One HSM that is watched, on the real clock."""

    def __init__(
        self, token: SoftHsm, *, gates: PinGates | None = None, pin: str = "", clock=None, documents=None, **changes
    ) -> None:
        source = Pkcs11Options(
            module=changes.pop("module", token.module),
            token=changes.pop("label", token.label),
            serial=changes.pop("serial", ""),
            pin=changes.pop("secret", Secret(pin or token.pin)),
            environment={"SOFTHSM2_CONF": str(token.config), **changes.pop("environment", {})},
        )
        options = HsmOptions(
            "core",
            "softhsm",
            source,
            timeout_s=changes.pop("timeout_s", CALL_WITHIN_S),
            interval_s=1e-6,
            late_after_s=changes.pop("late_after_s", CALL_WITHIN_S),
            inventory_interval_s=1e-6,
            key_labels=changes.pop("key_labels", ("ec",)),
            canary=replace(CanaryOptions(interval_s=1e-6, sign="ec", encrypt="aes"), **changes),
        )
        clock = clock or SystemClock()
        documents = documents or MemoryDocuments(clock=clock)
        self.intake = RecordingIntake()
        self.watch = hsm_watch(
            options,
            gates=gates or PinGates(documents),
            intake=self.intake,
            documents=documents,
            clock=clock,
            procfs=Path("/proc"),
        )
        self.round = Round([])

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.watch.close()

    @property
    def process(self) -> ModuleProcess:
        """That of the module."""
        provider = self.watch._provider
        assert isinstance(provider, Pkcs11Provider)
        return provider.process

    @contextlib.contextmanager
    def deadline(self, seconds: float, call: str, *first: str) -> Iterator[None]:
        """This call of the module's process, with these first arguments, takes no longer.

        All others may: on a busy machine everything takes its time.
        """
        within = self.process._within

        async def sooner(timeout_s: float, asked: str, *arguments: object) -> dict[str, object]:
            is_meant = asked == call and arguments[: len(first)] == first
            return await within(seconds if is_meant else timeout_s, asked, *arguments)

        self.process._within = sooner  # type: ignore[method-assign]
        yield
        self.process._within = within  # type: ignore[method-assign]

    async def look(self) -> Round:
        self.round = await self.watch.gather()
        return self.round

    def events(self) -> list[str]:
        """What was told so far: the events' names, and their subjects where they have one."""
        subjects = ("hsm.operation_type", "hsm.key.label", "hsm.key.class")
        return [
            " ".join(
                [record.event_name, *(str(record.attributes[one]) for one in subjects if one in record.attributes)]
            )
            for record in self.intake.log_records
        ]

    def value(self, name: str, **labels: str) -> float | None:
        """The only point with these labels among its own; None where there is none."""
        found = [
            value
            for family in self.round.families
            if family.name == name
            for own, value in family.points
            if labels.items() <= dict(own).items()
        ]
        assert len(found) <= 1, found
        return found[0] if found else None


def shown_of(pid: int) -> str:
    """What others may read of a process: its arguments, and its variables where they are given to us."""
    shown = Path(f"/proc/{pid}/cmdline").read_text()
    with contextlib.suppress(PermissionError):  # of root alone, as nobody may look into this process
        shown += Path(f"/proc/{pid}/environ").read_text()
    return shown


def is_running(pid: int) -> bool:
    """Whether there is such a process, other than one that has ended and was not asked how."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
