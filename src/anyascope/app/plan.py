"""Everything that files say, read and checked before anything is built or exchanged."""

from __future__ import annotations

from pathlib import Path

from anyascope import packs
from anyascope.access.tokens import check_token_file
from anyascope.app.guards import check_far_ends, check_tls
from anyascope.app.reload import Plan
from anyascope.config.load import Sources, load
from anyascope.config.packs import packs_in_force
from anyascope.notify.templates import load_templates
from anyascope.rules.load import LoadOptions, load_rule_files
from anyascope.rules.packs import shipped_groups


def read_plan(sources: Sources) -> Plan:
    """The settings of these sources and the rules that they name; templates and token files are looked at too.

    Raises:
        AnyascopeError: anything in them is wrong; every mistake of the first broken file is named.
    """
    settings = load(sources)
    check_far_ends(settings.forward, settings.server)
    if settings.server.tls is not None:
        check_tls(settings.server.tls)
    for token_file in settings.token_files:
        check_token_file(token_file)
    load_templates(settings.alerting.templates, now_ns=lambda: 0)
    own = load_rule_files(settings.rules.files, base=Path.cwd(), options=LoadOptions(features=settings.features))
    names = [packs.DEFAULT] if settings.rules.default_pack else []
    names += packs_in_force(settings.packs, settings.collect)
    wanted = settings.packs
    shipped = shipped_groups(names, disabled=wanted.disabled_rules, own=own, changes=wanted.changed_rules)
    return Plan(settings=settings, groups=(*shipped, *own))
