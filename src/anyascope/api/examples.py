"""Examples for the API's description."""

from __future__ import annotations

from typing import Any, Final

from anyascope.api.slo_examples import SLOS

_TRACE_ID: Final = "5b8efff798038103d269b633813fc60c"
_SPAN_ID: Final = "eee19b7ec3c1b174"
_TIME: Final = "2026-11-23T22:51:00.123456789Z"
_RESOURCE: Final = {"service.name": "custody", "host.name": "h1"}
_SCOPE: Final = {"name": "signer", "version": "1.4.0"}

LOG_ROW: Final[dict[str, Any]] = {
    "time": _TIME,
    "observed_time": "2026-11-23T22:51:00.130000000Z",
    "severity": "ERROR",
    "severity_number": 17,
    "body": "signing failed",
    "service": "custody",
    "host": "h1",
    "stream": "otlp",
    "attributes": {"wallet": "cold-1"},
    "resource": _RESOURCE,
    "scope": _SCOPE,
    "trace_id": _TRACE_ID,
    "span_id": _SPAN_ID,
    "correlation_id": "8f14e45f-ceea-467f-a8f2-3d5c1d9d3a11",
    "event_name": "",
}
LOG_SEARCH: Final = {"rows": [LOG_ROW], "cursor": "MTc2MzkzNzA2MDEyMzQ1Njc4OS4x"}
LOG_HISTOGRAM: Final = {
    "bucket_s": 60.0,
    "buckets": [{"start": "2026-11-23T22:51:00.000000000Z", "counts": {"ERROR": 2, "INFO": 40}, "total": 42}],
}
LOG_FIELDS: Final = {"fields": [{"name": "attributes.wallet", "count": 40}]}
LOG_VALUES: Final = {"values": [{"value": "custody", "count": 40}]}

SERVICES: Final = {"services": [{"name": "custody", "operations": [{"name": "POST /withdrawals", "kind": "server"}]}]}
TRACE_SEARCH: Final = {
    "traces": [
        {
            "trace_id": _TRACE_ID,
            "root_service": "custody",
            "root_name": "POST /withdrawals",
            "start": _TIME,
            "duration_ns": 81_000_000,
            "spans": 7,
            "errors": 1,
            "services": [{"name": "custody", "spans": 5}, {"name": "hsm", "spans": 2}],
        }
    ]
}
TRACE: Final = {
    "trace_id": _TRACE_ID,
    "start": _TIME,
    "duration_ns": 81_000_000,
    "spans": [
        {
            "span_id": _SPAN_ID,
            "parent_id": "",
            "name": "POST /withdrawals",
            "service": "custody",
            "kind": "server",
            "start": _TIME,
            "duration_ns": 81_000_000,
            "status": "error",
            "status_message": "CKR_DEVICE_ERROR",
            "attributes": {"http.request.method": "POST"},
            "events": [{"time": _TIME, "name": "exception", "attributes": {"exception.type": "PKCS11Error"}}],
            "links": [],
            "resource": _RESOURCE,
            "scope": _SCOPE,
            "correlation_id": "8f14e45f-ceea-467f-a8f2-3d5c1d9d3a11",
            "warnings": [],
        }
    ],
    "is_cut": False,
}

ALERTS: Final[dict[str, Any]] = {
    "alerts": [
        {
            "id": "0f1e2d3c4b5a6978",
            "name": "SignerDown",
            "state": "firing",
            "severity": "critical",
            "category": "availability",
            "source": "signer",
            "title": "The signer does not answer",
            "labels": {"alertname": "SignerDown", "job": "signer", "severity": "critical"},
            "annotations": {"summary": "The signer does not answer"},
            "value": 0.0,
            "starts_at": _TIME,
            "ends_at": None,
            "correlation_id": "",
            "generator_url": "http://127.0.0.1:9470/graph?g0.expr=up%7Bjob%3D%22signer%22%7D+%3D%3D+0",
            "receivers": ["team"],
            "silenced_by": [],
            "inhibited_by": [],
            "muted_by": [],
            "policy": "critical",
            "acknowledgement": {"by": "alice", "at": _TIME, "until": None, "note": "on it"},
            "assigned_to": None,
            "snoozed_until": None,
            "deadline_at": _TIME,
            "is_deadline_missed": False,
            "escalation": {"level": 0, "levels": 2, "next_at": None, "is_stopped": True},
            "is_flapping": False,
        }
    ]
}
ALERT_STORY: Final[dict[str, Any]] = {
    "alert": ALERTS["alerts"][0],
    "timeline": [
        {"at": _TIME, "kind": "fired", "by": "", "text": "began to fire", "details": {"severity": "critical"}},
        {
            "at": _TIME,
            "kind": "acknowledged",
            "by": "alice",
            "text": "acknowledged it: on it",
            "details": {"took_s": 12.5},
        },
    ],
}
ESCALATION_POLICIES: Final = {
    "policies": [
        {
            "name": "critical",
            "is_default": True,
            "severities": ["critical"],
            "levels": [
                {"delay_s": 0.0, "channels": ["slack", "email"], "repeat_s": 300.0},
                {"delay_s": 900.0, "channels": ["phone"], "repeat_s": 600.0},
            ],
            "acknowledgement_timeout_s": None,
        }
    ],
    "deadlines": {"critical": 0, "high": 900, "medium": 3600, "low": 86_400},
}
RESPONSE: Final = {**ALERT_STORY, "notice": None}
NOTIFICATIONS: Final = {
    "notifications": [
        {
            "id": "019aa5f27c3b7000a1b2c3d4e5f60718",
            "at": _TIME,
            "receiver": "team",
            "channel": "slack",
            "status": "sent",
            "group_key": '{}:{alertname="SignerDown"}',
            "reason": "firing",
            "alerts": [{"id": "0f1e2d3c4b5a6978", "name": "SignerDown", "state": "firing", "severity": "critical"}],
            "attempts": [{"at": _TIME, "outcome": "ok", "detail": "200 OK"}],
            "integration": "team/slack/0",
            "told_in": None,
            "merged": 0,
            "stands_in_for": None,
            "policy": "critical",
            "level": 0,
            "copies": [],
            "replays": [],
        }
    ],
    "cursor": None,
}

CHANNELS: Final = {
    "channels": [
        {
            "key": "team/slack/0",
            "kind": "slack",
            "receiver": "team",
            "state": "open",
            "waiting": 3,
            "dead": 1,
            "since": _TIME,
            "last_error": "503 Service Unavailable",
        }
    ]
}

TRIALS: Final = {
    "receiver": "team",
    "channels": [{"key": "team/slack/0", "kind": "slack", "outcome": "ok", "answers": ["200 OK"]}],
}

HEALTH: Final = {
    "status": "degraded",
    "components": [
        {
            "component": "journal",
            "kind": "collector",
            "status": "degraded",
            "message": "the journal cannot be read",
            "advice": "add the user to the group systemd-journal",
            "since": _TIME,
        }
    ],
}
STATUS: Final = {
    "version": "0.1.0",
    "started_at": _TIME,
    "uptime_s": 12.5,
    "pid": 4711,
    "data_directory": "/var/lib/anyascope",
    "config": {"file": "anyascope.yml", "loaded_at": _TIME, "error": ""},
    "faces": [{"name": "http", "address": "127.0.0.1:9470", "state": "listening", "note": ""}],
    "memory_bytes": 210_000_000,
    "cpu_seconds": 3.2,
    "disk_free_bytes": 80_000_000_000,
    "storage": {"logs": {"rows": 42, "disk_bytes": 4_096, "oldest": _TIME, "newest": _TIME}},
    "series": 812,
    "collectors": [{"name": "host", "state": "healthy", "detail": "9 collectors, every 15 s"}],
    "problems": [{"what": "port 4317 is taken", "advice": "stop the other program or set receive.otlp_grpc"}],
}

EVENTS: Final = 'event: health\ndata: {"status": "healthy", "components": []}\n\n'
ROWS: Final = 'event: row\ndata: {"time": "2026-11-23T22:51:00.123456789Z", "body": "signing failed"}\n\n'

SDK_SETTINGS: Final = {"service": "custody", "sample_ratio": 0.25, "log_level": "info"}

CARDINALITY: Final = {
    "series": 812,
    "new": 12,
    "quiet": 3,
    "limit": 2_000_000,
    "source_limit": 1_000_000,
    "sources": [{"name": "scrape", "count": 600}, {"name": "host", "count": 200}],
    "metrics": [{"name": "node_cpu_seconds_total", "count": 64}],
    "labels": [{"name": "__name__", "count": 310}],
    "pairs": [{"name": "job=node", "count": 480}],
    "bytes": [{"name": "__name__", "count": 30_000}],
    "by": [{"name": "node", "count": 480}],
}

QUERIES: Final = {
    "queries": [
        {
            "query": "sum by (job) (rate(http_requests_total[5m]))",
            "asked": "2026-11-23T22:51:00.123456789Z",
            "running_s": 0.012,
            "start": "2026-11-23T21:51:00.000000000Z",
            "end": "2026-11-23T22:51:00.000000000Z",
            "step_s": 15.0,
            "client": "127.0.0.1",
            "rule_group": None,
        }
    ]
}

_INTEGRATIONS: Final = [{"kind": "slack", "key": "ops/slack/0", "send_resolved": False}]
ROUTING: Final = {
    "route": {
        "id": "0",
        "receiver": "ops",
        "matchers": [],
        "group_by": ["alertname"],
        "group_by_all": False,
        "group_wait_s": 30.0,
        "group_interval_s": 300.0,
        "repeat_interval_s": 14400.0,
        "continue": False,
        "mute_time_intervals": [],
        "active_time_intervals": [],
        "labels": {},
        "policy": None,
        "routes": [],
    },
    "receivers": [{"name": "ops", "integrations": _INTEGRATIONS}],
}
ROUTING_TEST: Final = {
    "routes": [
        {
            "id": "0",
            "receiver": "ops",
            "path": [],
            "group_key": '{}:{alertname="HsmDown"}',
            "group_labels": {"alertname": "HsmDown"},
            "group_wait_s": 30.0,
            "group_interval_s": 300.0,
            "repeat_interval_s": 14400.0,
            "mute_time_intervals": [],
            "active_time_intervals": [],
            "labels": {},
            "integrations": _INTEGRATIONS,
            "policy": "critical",
            "levels": [{"delay_s": 0.0, "repeat_s": 300.0, "channels": ["ops/slack/0"]}],
        }
    ]
}
SILENCE: Final = {
    "id": "2f1c9a2e-6d6b-4c0e-9f0a-1b5b3c0d9e11",
    "matchers": [{"name": "instance", "op": "=", "value": "h1"}],
    "starts_at": _TIME,
    "ends_at": "2026-11-24T00:51:00.123456789Z",
    "created_by": "ann",
    "comment": "disk swap, OPS-42",
    "state": "active",
    "updated_at": _TIME,
    "next_change_at": "2026-11-24T00:51:00.123456789Z",
    "matches_now": 1,
    "recurrence": {"start_time": "22:00", "end_time": "06:00", "weekdays": ["monday"], "location": "Europe/Berlin"},
    "history": [{"at": _TIME, "by": "ann", "change": "created"}],
    "warnings": ["may mute critical alerts of these rules: HostOutOfMemory"],
}
SILENCE_PREVIEW: Final = {
    "matching_now": ALERTS["alerts"],
    "would_match": [{"name": "HostOutOfMemory", "group": "host", "severity": "critical", "is_certain": False}],
    "warnings": SILENCE["warnings"],
}

_BLOCK: Final = "000000000000000000011f4c8d9d2a5fd3f7e3f0ae77b0d3a0d2ac7a0c6a61e1"
BITCOIN_NODES: Final = {
    "nodes": [
        {
            "name": "core-1",
            "chain": "main",
            "status": "healthy",
            "message": "main, block 925000; blocks by ZMQ",
            "advice": "",
            "since": _TIME,
            "looked_at": _TIME,
            "is_up": True,
            "program": "/Satoshi:30.0.0/",
            "version": 300000,
            "height": 925_000,
            "headers": 925_000,
            "tip_hash": _BLOCK,
            "tip_time": "2026-11-23T22:46:00.000000000Z",
            "tip_age_s": 300.0,
            "gap_probability": 0.606,
            "block_spacing_s": 600.0,
            "tip_lag_s": 0.0,
            "is_settled": True,
            "is_downloading": False,
            "progress": 0.99999,
            "peers_in": 31,
            "peers_out": 10,
            "mempool": {
                "transactions": 41_200,
                "bytes": 21_000_000,
                "usage_bytes": 104_000_000,
                "max_bytes": 300_000_000,
                "min_fee_sat_per_vb": 1.0,
            },
            "fee_estimates": [
                {"target_blocks": 1, "sat_per_vb": 12.5},
                {"target_blocks": 6, "sat_per_vb": 4.0},
            ],
            "behind_blocks": 0,
            "others_on_another_branch": [],
            "reorgs": 0,
            "reorg": None,
            "zmq": {"addresses": 1, "messages": 812, "lost": 0, "silent_tip": ""},
            "blocks": [{"height": 925_000, "hash": _BLOCK, "seen_at": _TIME}],
        }
    ]
}
PACKS: Final = {
    "packs": [
        {
            "name": "hsm",
            "about": "HSMs and remote signers",
            "is_on": True,
            "rules": ["HsmDown", "HsmCanarySlow"],
            "left_out": ["HsmCanarySlow"],
            "policies": ["custody-critical"],
            "dashboard_uid": "anyascope-hsm",
            "dashboard_title": "HSMs",
        }
    ]
}
RUNBOOKS: Final = {"runbooks": [{"alertname": "HsmDown", "title": "HsmDown: the HSM does not answer", "pack": "hsm"}]}
RUNBOOK: Final = RUNBOOKS["runbooks"][0] | {
    "markdown": "# HsmDown: the HSM does not answer\n\nNothing can be signed …\n",
    "rules": [{"expr": "anya_hsm_up == 0", "hold_s": 0.0, "hold_blocks": "", "labels": {"severity": "critical"}}],
}

HSM: Final = {
    "name": "core",
    "provider": "luna",
    "status": "degraded",
    "message": "1 keys of private EC more than accepted",
    "advice": "see who made or deleted them; if that was meant, say so: anyascope hsm accept NAME",
    "since": _TIME,
    "token": "core-hsm",
    "serial": "1280780175877",
    "firmware": "7.8",
    "accepted_at": _TIME,
    "changes": ["1 keys of private EC more than accepted"],
}

BITCOIN_WALLETS: Final = {
    "wallets": [
        {
            "node": "core-1",
            "chain": "main",
            "name": "hot",
            "looked_at": _TIME,
            "is_loaded": True,
            "fault": "",
            "funds": {"trusted_sats": 812_000_000, "pending_sats": 1_200_000, "immature_sats": 0},
            "fee": {
                "sat_per_vb": 2.0,
                "source": "estimate",
                "median_sat_per_vb": 6.4,
                "cheap_sat_per_vb": 2.1,
                "known_hours": 336,
            },
            "coins": {
                "listed_at": _TIME,
                "coins": 812,
                "sats": 812_000_000,
                "sizes": [{"up_to_sats": 1_000, "coins": 3}, {"up_to_sats": 10_000, "coins": 41}],
                "dust_coins": 1,
                "dust_sats": 120,
                "spend_vbytes": 55_056,
                "spend_transactions": 1,
                "spend_cost_sats": 110_112,
                "inputs_assumed": 0,
                "consolidation": {
                    "is_advised": True,
                    "coins": 811,
                    "transactions": 1,
                    "cost_sats": 109_976,
                    "saving_sats": 241_239,
                },
            },
            "keypool_size": 1000,
            "is_locked": True,
            "is_scanning": False,
            "slow_calls": [],
            "coin": "",
        }
    ]
}

SPEND: Final = {
    "chain": "main",
    "txid": "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16",
    "wallet": "custody-hot",
    "node": "core-1",
    "direction": "withdrawal",
    "amount_sats": 1_250_000,
    "fee_sats": 705,
    "state": "accepted",
    "lacks": ["request", "approval", "signature"],
    "correlation_ids": [],
    "operation": "",
    "replaces": "",
    "is_gone": False,
    "seen_at": _TIME,
    "settled_at": _TIME,
    "matched_at": _TIME,
    "signature": "",
    "rivals": [],
    "coin": "",
    "accepted_by": "ann",
    "note": "moved by hand, OPS-42",
}

CORRELATION: Final[dict[str, Any]] = {
    "ids": ["8f14e45f-ceea-467f-a8f2-3d5c1d9d3a11", SPEND["txid"]],
    "outcome": "",
    "is_under_way": True,
    "stages": [
        {"name": "request", "state": "done", "at": _TIME, "took_ns": None, "detail": "by customer"},
        {"name": "approval", "state": "done", "at": _TIME, "took_ns": 61_000_000_000, "detail": "by ann"},
        {"name": "signing", "state": "done", "at": _TIME, "took_ns": 81_000_000, "detail": ""},
        {"name": "broadcast", "state": "done", "at": _TIME, "took_ns": 12_000_000, "detail": "seen by core-1"},
        {"name": "confirmation", "state": "open", "at": None, "took_ns": None, "detail": "1 of 3, block 925,000"},
    ],
    "setbacks": [{"kind": "stuck", "at": _TIME, "txid": SPEND["txid"], "detail": "told by core-1", "is_over": True}],
    "entries": [
        {
            "at": _TIME,
            "kind": "span",
            "source": "custody",
            "title": "custody.signing",
            "detail": "",
            "is_bad": False,
            "duration_ns": 81_000_000,
            "correlation_id": "8f14e45f-ceea-467f-a8f2-3d5c1d9d3a11",
            "metric": "",
            "trace_id": _TRACE_ID,
            "span_id": _SPAN_ID,
            "alert_id": "",
        }
    ],
    "traces": TRACE_SEARCH["traces"],
    "alerts": [],
    "spends": [SPEND],
    "figures": [
        {
            "labels": {"__name__": "anya_bitcoin_wallet_stuck_transaction_blocks", "txid": SPEND["txid"]},
            "at": _TIME,
            "value": 8.0,
        }
    ],
    "parts": [
        {"name": "logs", "state": "whole", "detail": ""},
        {"name": "traces", "state": "whole", "detail": ""},
        {"name": "spends", "state": "whole", "detail": ""},
        {"name": "metrics", "state": "late", "detail": "no answer within 5 s"},
    ],
}

_TXID = "ad3f62b03db08aa3206c2e26ae6b4610afd847c67b064315116c7d5145c07f12"

BITCOIN_TRANSACTIONS: Final[dict[str, Any]] = {
    "transactions": [
        {
            "chain": "main",
            "node": "core-1",
            "wallet": "hot",
            "txid": _TXID,
            "direction": "withdrawal",
            "status": "open",
            "amount_sats": 1_500_000,
            "fee_sats": 444,
            "seen_at": "2026-11-23T22:51:00.000000000Z",
            "age_blocks": 9,
            "is_in_mempool": True,
            "is_stuck": True,
            "is_reopened": False,
            "rate_sat_per_vb": 2.0,
            "market_sat_per_vb": 12.0,
            "bump": {
                "kind": "rbf",
                "fee_rate_sat_per_vb": 12.0,
                "fee_sats": 2_664,
                "extra_sats": 2_220,
                "command": f"bitcoin-cli -rpcwallet=hot bumpfee {_TXID} '{{\"fee_rate\": 12.0}}'",
                "child_vsize": 0,
                "note": "",
            },
            "lacks": "",
            "is_evicted": False,
            "coin": "",
        }
    ]
}

BY_OPERATION: Final[dict[str, Any]] = {
    "listHsms": {"hsms": [HSM]},
    "acceptHsm": HSM,
    "listBitcoinNodes": BITCOIN_NODES,
    "listBitcoinWallets": BITCOIN_WALLETS,
    "listSpends": {"spends": [SPEND], "cursor": None},
    "acceptSpend": SPEND,
    "getCorrelation": CORRELATION,
    "listBitcoinTransactions": BITCOIN_TRANSACTIONS,
    "getSdkSettings": SDK_SETTINGS,
    "getStatus": STATUS,
    "getHealth": HEALTH,
    "getCardinality": CARDINALITY,
    "listQueries": QUERIES,
    "searchLogs": LOG_SEARCH,
    "countLogs": LOG_HISTOGRAM,
    "listLogFields": LOG_FIELDS,
    "listLogValues": LOG_VALUES,
    "tailLogs": ROWS,
    "listServices": SERVICES,
    "searchTraces": TRACE_SEARCH,
    "getTrace": TRACE,
    "listAlerts": ALERTS,
    "getAlert": ALERT_STORY,
    "exportAlertTimeline": {"timeline": ALERT_STORY["timeline"]},
    "listEscalationPolicies": ESCALATION_POLICIES,
    **{
        f"{action}Alert": RESPONSE
        for action in ("acknowledge", "unacknowledge", "assign", "comment", "snooze", "resolve", "escalate")
    },
    "listNotifications": NOTIFICATIONS,
    "replayNotification": NOTIFICATIONS["notifications"][0],  # type: ignore[index]
    "listChannels": CHANNELS,
    "testReceiver": TRIALS,
    "getRouting": ROUTING,
    "testRouting": ROUTING_TEST,
    "listSilences": {"silences": [SILENCE], "cursor": None},
    **dict.fromkeys(("createSilence", "getSilence", "extendSilence", "cloneSilence", "expireSilence"), SILENCE),
    "previewSilence": SILENCE_PREVIEW,
    "streamChanges": EVENTS,
    "listPacks": PACKS,
    "listRunbooks": RUNBOOKS,
    "getRunbook": RUNBOOK,
    "listSlos": SLOS,
}
