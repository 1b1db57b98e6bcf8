"""How a bench prints: one line a figure, with the bar that it stands beside."""

from __future__ import annotations

from collections.abc import Sequence


def show(name: str, value: float, unit: str, *, bar: float | None = None, is_most: bool = False) -> None:
    """Print a figure and its ratio to the bar; `is_most` where the bar is an upper one."""
    line = f"{name:<46} {value:>14,.3f} {unit:<10}"
    if bar is not None:
        met = value <= bar if is_most else value >= bar
        line += f" bar {'≤' if is_most else '≥'} {bar:,g}  ratio {value / bar:.2f}  {'met' if met else 'NOT MET'}"
    print(line, flush=True)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
