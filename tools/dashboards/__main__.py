"""Write every pack's dashboard into its folder."""

from __future__ import annotations

from pathlib import Path

from dashboards.all import DASHBOARDS
from dashboards.panels import written

PACKS = Path(__file__).resolve().parents[2] / "src/anyascope/packs"

for name, board in DASHBOARDS.items():
    (PACKS / name / "dashboard.json").write_text(written(board), encoding="utf-8")
