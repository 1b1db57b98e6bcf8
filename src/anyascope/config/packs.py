"""`packs`: which of the packs that ship with the server are in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import chain

from anyascope import packs
from anyascope.alerting.escalation.settings import read_policies
from anyascope.collect.options import CollectOptions
from anyascope.model.escalation import EscalationPolicy
from anyascope.rules.packs import CHANGEABLE, Changes, alert_names, load_pack_rules
from anyascope.wire.settings import Section, SettingsError


@dataclass(frozen=True, slots=True)
class PacksSettings:
    """The section as it is written.

    Attributes:
        switches: packs that are switched on or off; the others are on where what they watch is collected.
        disabled_rules: alerts of packs and of the default rules that are not judged.
        changed_rules: fields of such alerts that are to be others, by the alert's name.
    """

    switches: Mapping[str, bool] = field(default_factory=dict)
    disabled_rules: tuple[str, ...] = ()
    changed_rules: Changes = field(default_factory=dict)


def read_packs(section: Section) -> PacksSettings:
    """`packs`."""
    switches = {name: is_on for name in packs.names() if (is_on := section.boolean(name, None)) is not None}
    disabled = section.texts("disabled_rules")
    changes = _read_changes(section.section("changed_rules"))
    if disabled:
        known = _packs_by_alert()
        for name in disabled:
            if name not in known:
                section.wrong(_not_known(name, known), name="disabled_rules")
    section.done()
    return PacksSettings(switches, disabled, changes)


def _read_changes(section: Section) -> Changes:
    """Each tried on the rule that it is about, so that a mistake is told with its place."""
    found: dict[str, dict[str, object]] = {}
    known = _packs_by_alert() if section.names() else {}
    for name in section.names():
        change = section.plain(name)
        if name not in known:
            section.wrong(_not_known(name, known), name=name)
        elif not isinstance(change, dict) or set(change) - set(CHANGEABLE):
            section.wrong(_not_changeable(change), name=name)
        else:
            try:
                load_pack_rules(known[name], {name: change})
                found[name] = change
            except SettingsError as error:
                section.wrong(error.mistakes[0].message, name=name)
    section.done()
    return found


def _not_changeable(change: object) -> str:
    unknown = sorted(set(change) - set(CHANGEABLE)) if isinstance(change, dict) else []
    got = f", got {', '.join(unknown)}{_nearest(unknown[0], CHANGEABLE)}" if unknown else ""
    return f"must have fields of {', '.join(CHANGEABLE)}{got}"


def _packs_by_alert() -> dict[str, str]:
    every = (packs.DEFAULT, *packs.names())
    return dict(chain.from_iterable(((alert, name) for alert in alert_names(load_pack_rules(name))) for name in every))


def _not_known(name: str, known: Mapping[str, str]) -> str:
    return f"no rule that ships with the server is called {name!r}{_nearest(name, known)}"


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def packs_in_force(settings: PacksSettings, collect: CollectOptions) -> tuple[str, ...]:
    """The packs that are on, the default rules aside."""
    has_nodes = bool(collect.bitcoin)
    watched = {"bitcoin": has_nodes, "wallets": has_nodes, "hsm": bool(collect.hsms)}
    return tuple(name for name in packs.names() if settings.switches.get(name, watched.get(name, False)))


def pack_policies(names: tuple[str, ...]) -> tuple[EscalationPolicy, ...]:
    """The escalation policies of these packs; of those with the same name the first."""
    found: dict[str, EscalationPolicy] = {}
    for name in names:
        for policy in read_policies(packs.pack(name).policies, file=f"{name}:policies.yml"):
            found.setdefault(policy.name, policy)
    return tuple(found.values())
