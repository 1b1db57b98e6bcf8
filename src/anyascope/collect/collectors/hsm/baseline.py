"""What a token was when it was seen first, or when somebody accepted it: mechanisms, firmware, keys; kept over restarts."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import structlog

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.hsm import identities
from anyascope.collect.collectors.hsm.findings import ACCEPT, Finding, Trouble
from anyascope.collect.collectors.hsm.identities import Identities
from anyascope.collect.collectors.hsm.nouns import Inventory, TokenSight
from anyascope.collect.points import Family, gauge
from anyascope.errors import UnavailableError
from anyascope.model.documents import Json, Put
from anyascope.model.metrics import MetricType
from anyascope.store.api.documents import DocumentStore

DOCUMENT_KIND = "collect.hsm.baseline"
TOKENS_MAX = 20  # of one HSM: cards that take turns in a reader; the one accepted longest ago is forgotten
RETRY_AFTER_S = 1.0

Keys = Mapping[tuple[str, str], int]
"""Count of keys by class and type, such as (`private`, `EC`)."""

log = structlog.get_logger("anyascope.collect.hsm")


@dataclass(frozen=True, slots=True)
class Baseline:
    """A token as it was accepted.

    Attributes:
        keys: None until they were listed once.
        instead_of: of a token that nobody accepted: the one that was seen last in its place.
        identities: which keys they are; a label that is not in it was never seen.
    """

    mechanisms: frozenset[str]
    firmware: str
    keys: Keys | None = None
    accepted_ns: int = 0
    instead_of: str = ""
    identities: Identities = field(default_factory=dict)

    def changed_keys(self, keys: Keys) -> dict[tuple[str, str], int]:
        """(class, type) -> how many more or fewer there are; without those that are as they were."""
        if self.keys is None:
            return {}
        found = {one: keys.get(one, 0) - self.keys.get(one, 0) for one in {*keys, *self.keys}}
        return {one: change for one, change in sorted(found.items()) if change}


class Baselines:
    """The baselines of one HSM's tokens.

    Args:
        name: of the HSM.
        documents: where they are kept.
    """

    def __init__(self, name: str, *, documents: DocumentStore, clock: Clock) -> None:
        self._name = name
        self._documents = documents
        self._clock = clock
        self._known: dict[str, Baseline] = {}
        self._is_loaded = False
        self._is_kept = True

    async def settle(self, token: TokenSight, inventory: Inventory | None) -> Baseline:
        """The token's baseline. The first token of all is taken as it is, and what was never seen of one that is known becomes part of it.

        A token that comes in another's place is not: it has the baseline that it shows, and what it is told instead of.

        Args:
            inventory: as it was listed last; None where it was not.
        """
        if not await self._load():
            return baseline_of(token, inventory)
        known = self._known.get(key_of(token))
        # A signer behind HTTP tells what it is not with every answer.
        if known is None and self._known and (token.serial or token.pin is not None):
            last = max(self._known, key=lambda key: self._known[key].accepted_ns)
            return replace(baseline_of(token, inventory), instead_of=last)
        if known is None:
            known = self._put(token, baseline_of(token, inventory, at_ns=self._clock.now_ns()))
        elif inventory is not None:
            known = self._learn(token, known, inventory)
        await self._keep()
        return known

    def _learn(self, token: TokenSight, known: Baseline, inventory: Inventory) -> Baseline:
        found = identities.learned(inventory, known.identities)
        if known.keys is not None and found == known.identities:
            return known
        labels = sorted(label for label in found if found[label] != known.identities.get(label))
        log.info("hsm_keys_learned", hsm=self._name, token=token.label, serial=token.serial, labels=labels)
        keys = inventory.keys if known.keys is None else known.keys
        return self._put(token, replace(known, keys=keys, identities=found))

    async def accept(self, token: TokenSight, inventory: Inventory | None) -> Baseline:
        """Make what the token is now its baseline.

        Raises:
            UnavailableError: it cannot be kept now.
        """
        if not await self._load():
            raise UnavailableError("what was accepted before cannot be read now", retry_after_s=RETRY_AFTER_S)
        accepted = self._put(token, baseline_of(token, inventory, at_ns=self._clock.now_ns()))
        await self._commit()
        return accepted

    def _put(self, token: TokenSight, baseline: Baseline) -> Baseline:
        self._known[key_of(token)] = baseline
        while len(self._known) > TOKENS_MAX:
            del self._known[min(self._known, key=lambda key: self._known[key].accepted_ns)]
        self._is_kept = False
        return baseline

    async def _load(self) -> bool:
        """Whether what was accepted before is known: what cannot be read now must not be written over."""
        if not self._is_loaded:
            try:
                document = await self._documents.get(DOCUMENT_KIND, self._name)
            except UnavailableError:
                return False
            known = document.body if document is not None else {}
            self._known = {key: from_json(body) for key, body in known.items() if isinstance(body, dict)}
            self._is_loaded = True
        return True

    async def _keep(self) -> None:
        # A store that is full must not blind us: what is not kept now is kept at the next look.
        with contextlib.suppress(UnavailableError):
            await self._commit()

    async def _commit(self) -> None:
        if not self._is_kept:
            body: dict[str, Json] = {key: to_json(one) for key, one in self._known.items()}
            await self._documents.commit([Put(DOCUMENT_KIND, self._name, body)])
            self._is_kept = True


def baseline_of(token: TokenSight, inventory: Inventory | None, *, at_ns: int = 0) -> Baseline:
    """A token as it is now."""
    if inventory is None:
        return Baseline(token.mechanisms, token.firmware, accepted_ns=at_ns)
    keys = identities.learned(inventory, {})
    return Baseline(token.mechanisms, token.firmware, inventory.keys, at_ns, identities=keys)


def judge_changes(token: TokenSight, inventory: Inventory | None, baseline: Baseline) -> list[Finding]:
    """What is another than it was accepted."""
    found = []
    if baseline.instead_of:
        told = {"hsm.serial.was": baseline.instead_of}
        message = f"another token is in its place: serial number {key_of(token)}, {baseline.instead_of} was accepted"
        advice = f"see who put it there, and what it holds; {ACCEPT}"
        found.append(Finding(message, advice, troubles=(Trouble("hsm.token_replaced", "", told),)))
    if lost := sorted(baseline.mechanisms - token.mechanisms):
        troubles = tuple(Trouble("hsm.mechanism_lost", name, {"hsm.mechanism": name}) for name in lost)
        message = f"{len(lost)} mechanisms are gone, such as {lost[0]}"
        found.append(Finding(message, f"compare firmware and policy; {ACCEPT}", troubles=troubles))
    if gained := sorted(token.mechanisms - baseline.mechanisms):
        troubles = tuple(Trouble("hsm.mechanism_gained", name, {"hsm.mechanism": name}) for name in gained)
        message = f"{len(gained)} mechanisms are new, such as {gained[0]}"
        found.append(Finding(message, f"compare firmware and policy; {ACCEPT}", troubles=troubles))
    if token.firmware != baseline.firmware:
        told = {"hsm.firmware.was": baseline.firmware, "hsm.firmware.is": token.firmware}
        message = f"its firmware is {token.firmware or 'unknown'}, was {baseline.firmware or 'unknown'}"
        found.append(
            Finding(message, f"see who changed it; {ACCEPT}", troubles=(Trouble("hsm.firmware_changed", "", told),))
        )
    changed = baseline.changed_keys(inventory.keys) if inventory is not None else {}
    for (kind, key_type), change in changed.items():
        subject, words = f"{kind} {key_type}", "more" if change > 0 else "fewer"
        trouble = Trouble(
            "hsm.keys_changed", subject, {"hsm.key.class": kind, "hsm.key.type": key_type, "hsm.keys.change": change}
        )
        message = f"{abs(change)} keys of {subject} {words} than accepted"
        found.append(Finding(message, f"see who made or deleted them; {ACCEPT}", troubles=(trouble,)))
    return [*found, *identities.judge_identities(inventory, baseline.identities)] if inventory is not None else found


def baseline_families(token: TokenSight, inventory: Inventory | None, baseline: Baseline) -> list[Family]:
    """Firmware and keys against what was accepted, and when that was."""
    own = (("token", token.label), ("serial", token.serial))
    changed = float(token.firmware != baseline.firmware)
    is_other = float(bool(baseline.instead_of))
    families = [
        gauge("anya_hsm_token_replaced", "Whether it is a token that nobody accepted.", is_other, *own),
        gauge("anya_hsm_firmware_changed", "Whether the firmware is another than the accepted one.", changed, *own),
    ]
    if not baseline.instead_of:
        text = "When the token's state was accepted, or first seen."
        at_s = baseline.accepted_ns / NS_PER_S
        families.append(gauge("anya_hsm_baseline_timestamp_seconds", text, at_s, *own))
    if inventory is None or baseline.keys is None:
        return families
    text = "Keys more (or, below 0, fewer) than accepted."
    change = Family("anya_hsm_keys_change", MetricType.GAUGE, text)
    for kind, key_type in sorted({*inventory.keys, *baseline.keys}):
        count = inventory.keys.get((kind, key_type), 0) - baseline.keys.get((kind, key_type), 0)
        change.add(float(count), ("class", kind), ("key_type", key_type))
    return [*families, change, *identities.identity_families(inventory, baseline.identities)]


def key_of(token: TokenSight) -> str:
    """By what a token is known: its serial number, its label where it has none."""
    return token.serial or token.label


def to_json(baseline: Baseline) -> Json:
    """As it is kept."""
    mechanisms: list[Json] = [*sorted(baseline.mechanisms)]
    keys: Json = None
    if baseline.keys is not None:
        keys = [[kind, key_type, count] for (kind, key_type), count in sorted(baseline.keys.items())]
    return {
        "mechanisms": mechanisms,
        "firmware": baseline.firmware,
        "keys": keys,
        "accepted_ns": baseline.accepted_ns,
        "identities": identities.to_json(baseline.identities),
    }


def from_json(body: Mapping[str, Json]) -> Baseline:
    """What was kept; what has another form is taken as never seen."""
    mechanisms, listed, accepted = body.get("mechanisms"), body.get("keys"), body.get("accepted_ns")
    keys: dict[tuple[str, str], int] = {}
    for row in listed if isinstance(listed, list) else []:
        if isinstance(row, list) and len(row) == 3 and isinstance(row[2], int):
            keys[str(row[0]), str(row[1])] = row[2]
    return Baseline(
        frozenset(map(str, mechanisms)) if isinstance(mechanisms, list) else frozenset(),
        str(body.get("firmware", "")),
        keys if isinstance(listed, list) else None,
        accepted if isinstance(accepted, int) else 0,
        identities=identities.from_json(body.get("identities")),
    )
