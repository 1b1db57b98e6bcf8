"""What rules would have done on stored history: the engine, the templates and the state machine are those of the server."""

from __future__ import annotations

from anyascope.rules.backtest.report import BacktestReport, Firing, RuleOutcome
from anyascope.rules.backtest.run import Backtest, BacktestOptions

__all__ = ["Backtest", "BacktestOptions", "BacktestReport", "Firing", "RuleOutcome"]
