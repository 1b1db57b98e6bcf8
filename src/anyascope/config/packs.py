"""`packs`: which of the packs that ship with the server are in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from anyascope import packs
from anyascope.alerting.escalation.settings import read_policies
from anyascope.collect.options import CollectOptions
from anyascope.model.escalation import EscalationPolicy
from anyascope.rules.packs import alert_names, load_pack_rules
from anyascope.wire.settings import Section


@dataclass(frozen=True, slots=True)
class PacksSettings:
    """The section as it is written.

    Attributes:
        switches: packs that are switched on or off; the others are on where what they watch is collected.
        disabled_rules: alerts of packs and of the default rules that are not judged.
    """

    switches: Mapping[str, bool] = field(default_factory=dict)
    disabled_rules: tuple[str, ...] = ()


def read_packs(section: Section) -> PacksSettings:
    """`packs`."""
    switches = {name: is_on for name in packs.names() if (is_on := section.boolean(name, None)) is not None}
    disabled = section.texts("disabled_rules")
    if disabled:
        known = alert_names([group for name in (packs.DEFAULT, *packs.names()) for group in load_pack_rules(name)])
        for name in disabled:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                section.wrong(f"no rule that ships with the server is called {name!r}{hint}", name="disabled_rules")
    section.done()
    return PacksSettings(switches, disabled)


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
