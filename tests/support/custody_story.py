"""Half an hour of a made-up custody service, as OTLP/JSON: withdrawals that are checked, signed and broadcast."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
WITHDRAWALS = 150
WITHIN_S = 1_500
ERROR_SHARE = 0.08
LATENCY_STEP_S = 15
LATENCY_POINTS = 160  # 40 minutes

Json = dict[str, Any]

# Who does what below whom, and about how long it takes in milliseconds.
STEPS: tuple[tuple[str, str, str, str, int], ...] = (
    ("root", "", "gateway", "POST /withdrawals", 0),
    ("auth", "root", "gateway", "session.verify", 4),
    ("approve", "root", "custody", "withdrawal.approve", 0),
    ("policy", "approve", "custody", "policy.check", 12),
    ("limits", "policy", "custody", "SELECT limits", 5),
    ("fees", "approve", "custody", "fees.estimate", 20),
    ("sign", "root", "signer", "withdrawal.sign", 0),
    ("session", "sign", "signer", "hsm.session", 6),
    ("hsm", "sign", "signer", "hsm.sign", 60),
    ("send", "root", "broadcaster", "transaction.broadcast", 0),
    ("rpc", "send", "broadcaster", "sendrawtransaction", 25),
    ("note", "root", "custody", "INSERT withdrawals", 7),
)


def attribute(key: str, value: str | float | bool) -> Json:  # noqa: FBT001 -- a value of telemetry, not a switch
    """One attribute as OTLP's JSON writes it."""
    match value:
        case bool():
            return {"key": key, "value": {"boolValue": value}}
        case int():
            return {"key": key, "value": {"intValue": str(value)}}
        case float():
            return {"key": key, "value": {"doubleValue": value}}
        case _:
            return {"key": key, "value": {"stringValue": value}}


def resource(service: str) -> Json:
    return {"attributes": [attribute("service.name", service), attribute("host.name", "vault-1")]}


@dataclass
class Story:
    """Spans and log records by service, and how long the HSM takes to sign.

    Attributes:
        latency_s: seconds, a point every `LATENCY_STEP_S` until now.
        failed: correlation ids of the withdrawals that failed.
    """

    now_ns: int = 0
    latency_s: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    spans: dict[str, list[Json]] = field(default_factory=dict)
    logs: dict[str, list[Json]] = field(default_factory=dict)

    def traces_body(self) -> Json:
        return {
            "resourceSpans": [
                {
                    "resource": resource(name),
                    "scopeSpans": [{"scope": {"name": f"{name}.api", "version": "2.1"}, "spans": spans}],
                }
                for name, spans in self.spans.items()
            ]
        }

    def logs_body(self) -> Json:
        return {
            "resourceLogs": [
                {"resource": resource(name), "scopeLogs": [{"scope": {"name": f"{name}.api"}, "logRecords": records}]}
                for name, records in self.logs.items()
            ]
        }

    def metrics_body(self) -> Json:
        """The gauge `hsm_sign_p95_seconds`."""
        first_ns = self.now_ns - len(self.latency_s) * LATENCY_STEP_S * NS_PER_S
        points = [
            {"timeUnixNano": str(first_ns + index * LATENCY_STEP_S * NS_PER_S), "asDouble": value}
            for index, value in enumerate(self.latency_s, start=1)
        ]
        metric = {"name": "hsm.sign.p95", "unit": "s", "gauge": {"dataPoints": points}}
        return {"resourceMetrics": [{"resource": resource("signer"), "scopeMetrics": [{"metrics": [metric]}]}]}


def tell(now_ns: int, *, seed: int = 7) -> Story:
    """The story that ends at `now_ns`; the same for the same seed."""
    chance = random.Random(seed)
    story = Story(now_ns)
    for number in range(WITHDRAWALS):
        start_ns = now_ns - int(chance.uniform(0.01, 1.0) * WITHIN_S * NS_PER_S)
        _withdraw(story, chance, start_ns, number)
    story.latency_s = [_latency_s(chance, index / LATENCY_POINTS) for index in range(LATENCY_POINTS)]
    return story


def _latency_s(chance: random.Random, share: float) -> float:
    """Calm at first; slow in the last third."""
    return chance.uniform(0.05, 0.09) + max(share - 0.66, 0.0) * chance.uniform(1.6, 2.2)


def _withdraw(story: Story, chance: random.Random, start_ns: int, number: int) -> None:
    trace_id = f"{chance.getrandbits(128):032x}"
    correlation = f"withdrawal-{trace_id[:8]}"
    is_bad = chance.random() < ERROR_SHARE
    slow = chance.choice((1.0, 1.0, 1.2, 1.6, 4.0))
    wallet, amount = f"cold-{number % 4}", chance.randrange(20_000, 90_000_000)
    ids = {key: f"{chance.getrandbits(64):016x}" for key, *_ in STEPS}
    at_ns, spans = start_ns, {}
    for key, parent, service, name, about_ms in STEPS:
        took_ns = int(about_ms * slow * chance.uniform(0.6, 1.5) * NS_PER_MS)
        span = {
            "traceId": trace_id,
            "spanId": ids[key],
            "parentSpanId": ids.get(parent, ""),
            "name": name,
            "kind": 2 if parent in {"", "root"} else 3,
            "startTimeUnixNano": at_ns,
            "endTimeUnixNano": at_ns + took_ns,
            "attributes": [
                attribute("anya.wallet", wallet),
                attribute("anya.amount_sat", amount),
                attribute("anya.correlation_id", correlation),
            ],
            "status": {},
        }
        spans[key] = span
        story.spans.setdefault(service, []).append(span)
        at_ns += took_ns + int(chance.uniform(0.2, 2.5) * NS_PER_MS)
        if is_bad and key == "hsm":
            _fail(span, int(span["endTimeUnixNano"]))
            story.failed.append(correlation)
            break
    _close(spans, at_ns)
    lines = _lines(start_ns, at_ns, amount=amount, is_bad=is_bad)
    for service, step, severity, body, line_ns in lines:
        record = {
            "timeUnixNano": str(line_ns),
            "severityNumber": severity,
            "severityText": {5: "DEBUG", 9: "INFO", 13: "WARN", 17: "ERROR"}[severity],
            "body": {"stringValue": body},
            "traceId": trace_id,
            "spanId": ids[step],
            "attributes": [
                attribute("wallet", wallet),
                attribute("amount_sat", amount),
                attribute("correlation_id", correlation),
            ],
        }
        story.logs.setdefault(service, []).append(record)


def _fail(span: Json, at_ns: int) -> None:
    span["status"] = {"code": 2, "message": "CKR_DEVICE_ERROR"}
    span["events"] = [
        {
            "timeUnixNano": at_ns - NS_PER_MS,
            "name": "exception",
            "attributes": [
                attribute("exception.type", "Pkcs11Error"),
                attribute("exception.message", "CKR_DEVICE_ERROR"),
            ],
        }
    ]


def _close(spans: dict[str, Json], at_ns: int) -> None:
    """Parents end after their children; times are text, as OTLP's JSON wants 64-bit numbers."""
    by_id = {span["spanId"]: span for span in spans.values()}
    for span in reversed(spans.values()):
        parent = by_id.get(span["parentSpanId"])
        if parent is not None:
            parent["endTimeUnixNano"] = max(parent["endTimeUnixNano"], span["endTimeUnixNano"] + NS_PER_MS)
    spans["root"]["endTimeUnixNano"] = at_ns
    if any(span["status"] for span in spans.values()):
        spans["root"]["status"] = {"code": 2, "message": "withdrawal failed"}
    for span in spans.values():
        for name in ("startTimeUnixNano", "endTimeUnixNano"):
            span[name] = str(span[name])
        for event in span.get("events", ()):
            event["timeUnixNano"] = str(event["timeUnixNano"])


def _lines(start_ns: int, end_ns: int, *, amount: int, is_bad: bool) -> list[tuple[str, str, int, str, int]]:
    """Service, step, severity number, text and time of what a withdrawal says."""
    lines = [
        ("gateway", "root", 9, f"withdrawal of {amount} sat requested", start_ns),
        ("custody", "policy", 5, "policy has 3 rules, all hold", start_ns + 8 * NS_PER_MS),
        ("custody", "approve", 9, "withdrawal approved", start_ns + 30 * NS_PER_MS),
    ]
    if amount > 60_000_000:
        lines.append(
            ("custody", "policy", 13, "amount is above the soft limit of 60000000 sat", start_ns + 12 * NS_PER_MS)
        )
    if is_bad:
        lines.append(("signer", "hsm", 17, "signing failed: CKR_DEVICE_ERROR on slot 3", end_ns))
    else:
        lines.append(("signer", "hsm", 9, "transaction signed by hsm-1", end_ns - 30 * NS_PER_MS))
        lines.append(("broadcaster", "rpc", 9, "transaction accepted by 8 peers", end_ns))
    return lines
