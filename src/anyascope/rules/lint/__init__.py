"""What is allowed in rule files, and most likely not meant. Every lint has a code, a heading in the guide, and can be disabled."""

from __future__ import annotations

from anyascope.rules.lint.finding import DEFAULT_LINTS, Finding, Lint, chosen_lints
from anyascope.rules.lint.lints import lint

__all__ = ["DEFAULT_LINTS", "Finding", "Lint", "chosen_lints", "lint"]
