"""Spends as metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from anyascope.custody.nouns import Item, Spend
from anyascope.model.labels import METRIC_NAME, Labels, labels_of
from anyascope.model.metrics import STALE_NAN, MetricBatch, MetricMetadata, MetricType, SampleBatch

SHOWN_MAX = (
    1_000  # open spends with a series of their own, the oldest; more pages would help nobody, and all are counted
)
RESULTS = ("matched", "unmatched", "late")

SPENDS = "anya_custody_spends_total"
UNMATCHED = "anya_custody_unmatched_spend"
UNMATCHED_SATS = "anya_custody_unmatched_spend_sats"
UNMATCHED_COUNT = "anya_custody_unmatched_spends"
WAITING = "anya_custody_waiting_spends"

_METADATA = (
    MetricMetadata(SPENDS, MetricType.COUNTER, "Spends of our wallets by what became of comparing them with requests."),
    MetricMetadata(UNMATCHED, MetricType.GAUGE, "1 while a spend lacks its request, approval, signature or amount."),
    MetricMetadata(UNMATCHED_SATS, MetricType.GAUGE, "What such a spend moves, without its fee.", "sats"),
    MetricMetadata(UNMATCHED_COUNT, MetricType.GAUGE, "Spends that lack something."),
    MetricMetadata(WAITING, MetricType.GAUGE, "Spends that wait for what belongs to them."),
)

Wallet = tuple[str, str, str]
"""Coin, chain and name: chains of two coins have the same names, and so may their wallets."""


class Figures:
    """The room's series. What a report left out that the last stored one had is marked as ended."""

    def __init__(self) -> None:
        self._results: Counter[tuple[Wallet, str]] = Counter()
        self._wallets: set[Wallet] = set()
        self._shown: frozenset[Labels] = frozenset()

    def meet(self, spend: Spend) -> bool:
        """Whether this wallet is new: its counters are told before they grow, so that `increase` sees the first one."""
        wallet = _wallet(spend)
        is_new = wallet not in self._wallets
        self._wallets.add(wallet)
        return is_new

    def count(self, spend: Spend, result: str) -> None:
        """Count what became of a spend."""
        self._results[_wallet(spend), result] += 1

    def report(self, *, open_items: Sequence[Item], waiting: Iterable[Spend], time_ms: int) -> MetricBatch:
        """All series as they are now, with the ends of those that are over."""
        rows = [
            *self._counters(),
            *self._numbers(WAITING, waiting),
            *self._numbers(UNMATCHED_COUNT, [item.spend for item in open_items]),
            *_shown(open_items),
        ]
        present = {labels for labels, _ in rows}
        ended = [(labels, STALE_NAN) for labels in sorted(self._shown - present)]
        samples = SampleBatch.of([(labels, time_ms, value) for labels, value in (*rows, *ended)])
        return MetricBatch(samples=samples, metadata=_METADATA)

    def stored(self, batch: MetricBatch) -> None:
        """A report was stored."""
        samples = batch.samples
        ends = {int(row) for row, value in zip(samples.rows, samples.values, strict=True) if value != value}  # noqa: PLR0124  # NaN
        self._shown = frozenset(labels for row, labels in enumerate(samples.series) if row not in ends)

    def _counters(self) -> Iterable[tuple[Labels, float]]:
        for wallet in sorted(self._wallets):
            for result in RESULTS:
                yield _labels(SPENDS, wallet, result=result), float(self._results[wallet, result])

    def _numbers(self, name: str, spends: Iterable[Spend]) -> Iterable[tuple[Labels, float]]:
        counts = Counter(_wallet(spend) for spend in spends)
        for wallet in sorted(self._wallets | set(counts)):
            yield _labels(name, wallet), float(counts[wallet])


def _shown(open_items: Sequence[Item]) -> Iterable[tuple[Labels, float]]:
    for item in sorted(open_items, key=lambda each: (each.spend.seen_ns, each.spend.key))[:SHOWN_MAX]:
        spend, lacks = item.spend, ",".join(lack.value for lack in item.lacks)
        yield _labels(UNMATCHED, _wallet(spend), txid=spend.txid, lacks=lacks), 1.0
        yield _labels(UNMATCHED_SATS, _wallet(spend), txid=spend.txid), float(spend.amount_sats)


def _wallet(spend: Spend) -> Wallet:
    return spend.coin, spend.chain, spend.wallet


def _labels(name: str, wallet: Wallet, **more: str) -> Labels:
    coin, chain, called = wallet
    network = {"chain": chain, **({"coin": coin} if coin else {})}
    return labels_of({METRIC_NAME: name, "job": "custody", **network, "wallet": called, **more})
