"""Which packs are in force, and what comes with them."""

from __future__ import annotations

import pytest

from anyascope.alerting.escalation.settings import escalation_options
from anyascope.app.plan import read_plan
from anyascope.config.load import Sources
from anyascope.rules.packs import alert_names
from anyascope.wire.settings import SettingsError

HSM = "collectors: {hsm: [{name: core, kind: vault, address: 'http://127.0.0.1:1'}]}\n"
OWN = "groups: [{name: g, rules: [{alert: HsmDown, expr: 'anya_hsm_up < 1', for: 1m}]}]"


@pytest.fixture
def plan(tmp_path):
    def of(text):
        path = tmp_path / "anyascope.yml"
        path.write_text(text)
        return read_plan(Sources(config=path))

    return of


def hsm_rules(found):
    return alert_names([group for group in found.groups if group.file.startswith("hsm:")])


@pytest.mark.parametrize(
    ("text", "is_on"),
    [
        ("", False),
        (HSM, True),
        (HSM + "packs: {hsm: false}", False),
        ("packs: {hsm: true}", True),
    ],
)
def test_a_pack_is_on_where_its_collector_is(plan, text, is_on):
    """By itself, unless `packs` says otherwise."""
    assert bool(hsm_rules(plan(text))) is is_on


def test_rules_are_left_out(plan):
    """Those of packs and of the default rules alike."""
    found = plan(HSM + "packs: {disabled_rules: [HsmKeysMore, TargetDown]}")
    names = alert_names(found.groups)
    assert "HsmKeysFewer" in names
    assert not {"HsmKeysMore", "TargetDown"} & set(names)


def test_a_rule_that_is_not_there(plan):
    """Is a mistake with its place, and the name that was meant."""
    with pytest.raises(SettingsError) as caught:
        plan("packs:\n  disabled_rules: [HsmDonw]")
    assert (
        "anyascope.yml:2: packs.disabled_rules: no rule that ships with the server is called 'HsmDonw'; did you mean HsmDown?"
        in str(caught.value)
    )


def test_a_rule_is_changed_in_part(plan):
    """What is named is another; the rest of the rule, and all others, are as they ship."""
    found = plan(HSM + "packs: {changed_rules: {HsmCanarySlow: {for: 10m, labels: {severity: medium}}}}")
    shipped, changed = (
        {rule.name: rule for group in groups for rule in group.rules if group.file.startswith("hsm:")}
        for groups in (plan(HSM).groups, found.groups)
    )
    before, after = shipped.pop("HsmCanarySlow"), changed.pop("HsmCanarySlow")
    assert (before.hold_s, after.hold_s) == (300.0, 600.0)
    assert dict(after.label_texts) == {**dict(before.label_texts), "severity": "medium"}
    assert (after.expr, after.annotation_texts) == (before.expr, before.annotation_texts)
    assert [(rule.expr, rule.annotation_texts) for rule in shipped.values()] == [
        (rule.expr, rule.annotation_texts) for rule in changed.values()
    ]


def test_a_rule_that_ships_may_count_blocks(plan):
    """Where it waits for minutes as it ships."""
    found = plan(HSM + "packs: {changed_rules: {HsmCanarySlow: {for: 3 blocks of main}}}")
    [rule] = [rule for group in found.groups for rule in group.rules if rule.name == "HsmCanarySlow"]
    assert (rule.hold_s, str(rule.hold_blocks)) == (0.0, "3 blocks of main")


def test_a_default_rule_is_changed(plan):
    """By the same field."""
    found = plan("packs: {changed_rules: {TargetDown: {for: 42m}}}")
    assert [rule.hold_s for group in found.groups for rule in group.rules if rule.name == "TargetDown"] == [2520.0]


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (
            "HsmDonw: {for: 1m}",
            "packs.changed_rules.HsmDonw: no rule that ships with the server is called 'HsmDonw'; did you mean",
        ),
        (
            "HsmDown: {wait: 1m}",
            "packs.changed_rules.HsmDown: must have fields of expr, for, keep_firing_for, labels, annotations, got wait",
        ),
        (
            "HsmDown: {forr: 1m}",
            "packs.changed_rules.HsmDown: must have fields of expr, for, keep_firing_for, labels, annotations, got forr; did you mean for?",
        ),
        ("HsmDown: 1m", "packs.changed_rules.HsmDown: must have fields of"),
        ("HsmDown: {expr: 'up =='}", 'packs.changed_rules.HsmDown: group "hsm-now"'),
        ("HsmDown: {for: soon}", "packs.changed_rules.HsmDown: "),
        ("HsmDown: {labels: 3}", "packs.changed_rules.HsmDown: "),
    ],
)
def test_a_change_that_cannot_be(plan, change, mistake):
    """Is a mistake with its place."""
    with pytest.raises(SettingsError) as caught:
        plan(f"packs:\n  changed_rules:\n    {change}\n")
    assert f"anyascope.yml:3: {mistake}" in str(caught.value)


def test_a_pack_that_is_not_there(plan):
    """Is an unknown field."""
    with pytest.raises(SettingsError, match="field hsn is not known here; did you mean hsm"):
        plan("packs: {hsn: true}")


def test_an_own_rule_takes_the_place(plan, tmp_path):
    """Of the one of the pack with the same name."""
    (tmp_path / "own.yml").write_text(OWN)
    found = plan(HSM + "rule_files: [own.yml]")
    assert "HsmDown" not in hsm_rules(found)
    assert alert_names(found.groups).count("HsmDown") == 1


def test_rules_that_ship_link_their_runbooks(plan, tmp_path):
    """Below the server's own address; own rules stay as they were written."""
    (tmp_path / "own.yml").write_text(OWN)
    found = plan(HSM + "rule_files: [own.yml]")
    links = {rule.name: rule.annotation_texts.get("runbook_url") for group in found.groups for rule in group.rules}
    assert links["HsmKeyMissing"] == "{{ $externalURL }}/runbooks/HsmKeyMissing"
    assert links["TargetDown"] == "{{ $externalURL }}/runbooks/TargetDown"
    assert links["HsmDown"] is None


def policies(found):
    settings = found.settings
    return escalation_options(settings.escalation, settings.alerting.receivers).policies


def test_policies_of_a_pack_act_with_the_shipped_ones(plan):
    """And only where the pack is on."""
    shipped = "escalation: {shipped_policies: true}\n"
    assert policies(plan(HSM)) == {}
    assert set(policies(plan(shipped))) == {"critical", "default"}
    assert set(policies(plan(HSM + shipped))) == {"critical", "default", "custody-critical", "custody-high"}


def test_an_own_policy_takes_the_place(plan):
    """Of the one of the pack with the same name."""
    own = """
escalation: {shipped_policies: true}
receivers: [{name: ops}]
route: {receiver: ops}
escalation_policies: [{name: custody-critical, levels: [{channels: [ops]}]}]
"""
    assert policies(plan(HSM + own))["custody-critical"].levels[0].channels == ("ops",)
