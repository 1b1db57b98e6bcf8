"""Writes the tables of the packs' rules into `docs/reference/default-rules.md`; `make packs` runs it."""

from __future__ import annotations

from pathlib import Path

from anyascope import packs
from anyascope.rules.definition import AlertingRule
from anyascope.rules.packs import load_pack_rules
from anyascope.wire.durations import format_duration_ms

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/reference/default-rules.md"
BEGIN, END = "<!-- packs: made by `make packs` -->\n", "<!-- end of packs -->\n"


def tables() -> str:
    """A heading and a table for each pack."""
    return "\n".join(_table(packs.pack(name)) for name in packs.names())


def page(text: str) -> str:
    """The page with the tables as they should be now."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n" + tables() + "\n" + END + rest.partition(END)[2]


def _table(pack: packs.Pack) -> str:
    lines = [f"## Pack {pack.name}", "", f"{pack.about}.", ""]
    lines += ["| alert | severity | category | after | policy | means |", "|---|---|---|---|---|---|"]
    for group in load_pack_rules(pack.name):
        lines += [_row(pack, rule) for rule in group.rules if isinstance(rule, AlertingRule)]
    return "\n".join([*lines, ""])


def _row(pack: packs.Pack, rule: AlertingRule) -> str:
    labels = dict(rule.label_texts)
    means = pack.runbooks[rule.name].title.removeprefix(f"{rule.name}: ")
    cells = (
        f"[{rule.name}](../../src/anyascope/packs/{pack.name}/runbooks/{rule.name}.md)",
        labels["severity"],
        labels["category"],
        format_duration_ms(round(rule.hold_s * 1000)) if rule.hold_s else "at once",
        labels.get("escalation_policy", "of the severity"),
        means,
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), encoding="utf-8")
