"""How long an unasked spend takes to reach Slack, from the node's answer on, and how soon an honest one is matched.

PYTHONPATH=src:tests:bench python bench/reconciliation_latency.py [--spends 20] [--honest 20]
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from figures import quantile, show
from support.reconciliation_story import Story, playing
from support.server import eventually


def seconds(text: str) -> float:
    """Unix seconds of a time of the API."""
    whole, _, part = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp() + float(f"0.{part}")


def row(what: str, values_s: list[float]) -> None:
    """Median and largest."""
    show(f"{what}, p50", quantile(values_s, 0.5), "s")
    show(f"{what}, worst", max(values_s), "s")


def unasked(story: Story, count: int) -> list[tuple[float, float, float]]:
    """Of each spend: until it was seen, until it was judged, until Slack had it; seconds from the node's answer."""
    found = []
    for number in range(count):
        txid, at_s = story.steal(1_000_000 + number)
        page = story.page(txid)
        one = next(each for each in story.spends("unmatched") if each["txid"] == txid)
        found.append((seconds(one["seen_at"]) - at_s, seconds(one["settled_at"]) - at_s, float(page["at"]) - at_s))
    return found


def honest(story: Story, count: int) -> list[float]:
    """Of each withdrawal of the service: from when the node's transaction was seen until it was matched."""
    for number in range(count):
        story.withdraw(10_000 + number)
    found = eventually(lambda: all_matched(story, count), within_s=60, what="all are matched")
    assert story.pages() == []
    return [seconds(one["settled_at"]) - seconds(one["seen_at"]) for one in found]


def all_matched(story: Story, count: int) -> list[dict]:
    """All withdrawals, once they are matched."""
    found = story.spends("matched")
    return found if len(found) == count else []


def main() -> None:
    """Play, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spends", type=int, default=20, help="that nobody asked for; at most 25")
    parser.add_argument("--honest", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reconciliation-") as directory, playing(Path(directory)) as story:
        waits_s = honest(story, options.honest)
        stages = unasked(story, options.spends)
    row("honest spend: seen until matched", waits_s)
    for number, what in enumerate(("seen", "judged", "in Slack")):
        row(f"unasked spend: node's answer until {what}", [each[number] for each in stages])
    show("unasked spend to Slack, p99", quantile([each[2] for each in stages], 0.99), "s", bar=2, is_most=True)


if __name__ == "__main__":
    main()
