"""Examples of objectives for the API's description."""

from __future__ import annotations

from typing import Final

SLOS: Final = {
    "slos": [
        {
            "name": "withdrawals",
            "objective_ratio": 0.999,
            "window": "1008 blocks",
            "window_s": 590_400.0,
            "window_blocks": 1008.0,
            "total": 'anya_bitcoin_transactions_total{operation_type="send"}',
            "bad": 'anya_bitcoin_transactions_total{operation_type="send", status!="success"}',
            "good": "",
            "by": [],
            "file": "/etc/anyascope/rules/custody.yml",
            "line": 4,
            "error": "",
            "evaluated_at": "2026-11-23T22:51:00.123456789Z",
            "budgets": [
                {
                    "labels": {},
                    "error_ratio": 0.0004,
                    "remaining_ratio": 0.6,
                    "covered_s": 590_400.0,
                    "burns": [
                        {
                            "severity": "critical",
                            "factor": 14.4,
                            "long_window": "2 blocks",
                            "short_window": "1 blocks",
                            "long_rate": 0.0,
                            "short_rate": 0.0,
                        }
                    ],
                }
            ],
            "alerts": [],
        }
    ]
}
