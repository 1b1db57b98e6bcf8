"""Which key is which: those that were accepted against those that lie on the token now. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from anyascope.collect.collectors.hsm.findings import ACCEPT, Finding, Trouble
from anyascope.collect.collectors.hsm.nouns import Inventory, KeyIdentity
from anyascope.collect.points import Family
from anyascope.model.attributes import AttributeValue
from anyascope.model.documents import Json
from anyascope.model.metrics import MetricType

Identities = Mapping[str, tuple[KeyIdentity, ...]]
"""Label -> keys; those without a label that is watched have the label ""."""
UNNAMED = "in no `key_labels`"  # how a key without such a label is called


@dataclass(frozen=True, slots=True)
class Comparison:
    """Keys of one label against those accepted.

    Attributes:
        strangers: keys that are none of those accepted.
        missing: accepted ones that are not there.
        known: (accepted, the same as it is now).
    """

    strangers: tuple[KeyIdentity, ...]
    missing: tuple[KeyIdentity, ...]
    known: tuple[tuple[KeyIdentity, KeyIdentity], ...]


def compare(now: Sequence[KeyIdentity], accepted: Sequence[KeyIdentity]) -> Comparison:
    """Which are the accepted ones, the most alike first: a key has one counterpart, a copy beside it is a stranger."""
    missing, rest, known = list(accepted), [], []
    for one in now:
        if one in missing:
            missing.remove(one)
            known.append((one, one))
        else:
            rest.append(one)
    strangers = []
    for one in rest:
        like = next((other for other in missing if may_be(one, other)), None)
        if like is None:
            strangers.append(one)
        else:
            missing.remove(like)
            known.append((like, one))
    return Comparison(tuple(strangers), tuple(missing), tuple(known))


def may_be(one: KeyIdentity, other: KeyIdentity) -> bool:
    """Whether two may be one key: what is not told of either speaks against nothing."""
    told = ((one.key_id, other.key_id), (one.parameters, other.parameters), (one.fingerprint, other.fingerprint))
    return (one.kind, one.key_type) == (other.kind, other.key_type) and all(
        not left or not right or left == right for left, right in told
    )


def replaced(label: str, now: Sequence[KeyIdentity], accepted: Sequence[KeyIdentity]) -> int:
    """How many keys stand where accepted ones stood; of keys without a label not those that are merely more: these are counted."""
    strangers = len(compare(now, accepted).strangers)
    return strangers if label else max(strangers - max(len(now) - len(accepted), 0), 0)


def unread(keys: Sequence[KeyIdentity]) -> list[KeyIdentity]:
    """Those of which no public part (or check value) can be read, neither their own nor that of the public key with the same CKA_ID."""
    paired = {one.key_id for one in keys if one.kind == "public" and one.fingerprint}
    return [one for one in keys if not one.fingerprint and not (one.kind == "private" and one.key_id in paired)]


def has_lost_sight(now: Sequence[KeyIdentity], accepted: Sequence[KeyIdentity]) -> bool:
    """Whether an accepted key that could be read may still be there and can be read no more."""
    mute, were_mute = unread(now), unread(accepted)
    return any(one in mute and was not in were_mute for was, one in compare(now, accepted).known)


def learned(inventory: Inventory, accepted: Identities) -> dict[str, tuple[KeyIdentity, ...]]:
    """The accepted identities with what was never seen before, as private keys are before there is a PIN.

    That is the keys of a label and class that had none, and what a key did not say of itself.
    """
    found = _regrouped(inventory, accepted)
    for label, keys in inventory.identities.items():
        was = found.get(label, ())
        told, kinds = compare(keys, was), {one.kind for one in was}
        new = (one for one in told.strangers if one.kind not in kinds)
        found[label] = (*(_filled(*pair) for pair in told.known), *told.missing, *new)
    return {label: tuple(sorted(keys, key=_order)) for label, keys in found.items() if keys}


def _regrouped(inventory: Inventory, accepted: Identities) -> dict[str, tuple[KeyIdentity, ...]]:
    """The accepted identities under the labels of today's settings: a label that is watched since then, or no longer, makes no other key."""
    found = {label: keys for label, keys in accepted.items() if label in inventory.labels}
    rest = [one for label, keys in accepted.items() if label not in found for one in keys]
    for label in inventory.labels.keys() - found.keys():
        found[label] = tuple(was for was, _ in compare(inventory.identities.get(label, ()), rest).known)
        for was in found[label]:
            rest.remove(was)
    return {**found, "": tuple(rest)}


def _order(key: KeyIdentity) -> tuple[str, ...]:
    return (key.kind, key.key_type, key.key_id, key.parameters, key.fingerprint)


def _filled(was: KeyIdentity, now: KeyIdentity) -> KeyIdentity:
    return replace(
        was,
        key_id=was.key_id or now.key_id,
        parameters=was.parameters or now.parameters,
        fingerprint=was.fingerprint or now.fingerprint,
    )


def judge_identities(inventory: Inventory, accepted: Identities) -> list[Finding]:
    """Keys that are others than those accepted, and those of which that can no longer be said."""
    found = []
    for label, was in accepted.items():
        called = f"key {label!r}" if label else f"a key {UNNAMED}"
        now = inventory.identities.get(label, ())
        if replaced(label, now, was):
            found.append(_replacement(label, called, compare(now, was)))
        elif label in inventory.too_many or has_lost_sight(now, was):
            message = f"{called} cannot be compared with the accepted one: the token no longer says which one it is"
            trouble = Trouble("hsm.key_unread", label or UNNAMED, {"hsm.key.label": label} if label else {})
            found.append(Finding(message, f"see whether its public half was taken away; {ACCEPT}", troubles=(trouble,)))
    return found


def _replacement(label: str, called: str, compared: Comparison) -> Finding:
    one = compared.strangers[0]
    before = next((key for key in compared.missing if key.kind == one.kind), None)
    was = f"was {before.words}" if before is not None else "beside those that were accepted"
    told: dict[str, AttributeValue] = {"hsm.key.label": label} if label else {}
    told |= _told_of(one)
    if before is not None:
        told |= {f"{name}.was": text for name, text in _told_of(before).items()}
    trouble = Trouble("hsm.key_replaced", label or UNNAMED, told)
    message = f"{called} is not the accepted one: {one.words}, {was}"
    return Finding(message, f"see who replaced it, and sign nothing with it; {ACCEPT}", troubles=(trouble,))


def _told_of(key: KeyIdentity) -> dict[str, str]:
    of_it = {"class": key.kind, "type": key.key_type, "id": key.key_id, "fingerprint": key.fingerprint}
    return {f"hsm.key.{name}": text for name, text in of_it.items() if text}


def identity_families(inventory: Inventory, accepted: Identities) -> list[Family]:
    """Of each label how many keys are others, and how many cannot be compared."""
    others = Family("anya_hsm_key_replaced", MetricType.GAUGE, "Keys of a label that are none of those accepted.")
    mute = Family("anya_hsm_key_unread", MetricType.GAUGE, "Keys of a label of which nobody can say which they are.")
    for label in sorted({*inventory.identities, *accepted}):
        own = (("label", label),) if label else ()
        now = inventory.identities.get(label, ())
        others.add(float(replaced(label, now, accepted.get(label, now))), *own)
        mute.add(float(inventory.too_many.get(label, 0) or len(unread(now))), *own)
    return [others, mute]


def to_json(identities: Identities) -> Json:
    """As they are kept."""
    return {
        label: [[one.kind, one.key_type, one.key_id, one.parameters, one.fingerprint] for one in keys]
        for label, keys in identities.items()
    }


def from_json(body: Json) -> dict[str, tuple[KeyIdentity, ...]]:
    """What was kept; what has another form is taken as never seen."""
    found = {}
    for label, rows in body.items() if isinstance(body, dict) else ():
        if isinstance(rows, list):
            keys = [KeyIdentity(*map(str, row)) for row in rows if isinstance(row, list) and len(row) == 5]
            found[str(label)] = tuple(keys)
    return found
