"""Every dashboard, by the pack that it belongs to."""

from __future__ import annotations

from typing import Final

from dashboards import bitcoin, hsm, wallets
from dashboards.panels import Dashboard

DASHBOARDS: Final[dict[str, Dashboard]] = {
    "bitcoin": bitcoin.DASHBOARD,
    "hsm": hsm.DASHBOARD,
    "wallets": wallets.DASHBOARD,
}
