"""Planted secrets and ordinary talk: what is taken out, what is touched in error, and what a line costs.

`ANYASCOPE_SECRETS=100000 python bench/redaction.py` runs as many; the shares are printed by kind and by encoding.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Status, StatusCode
from prometheus_client import CollectorRegistry

from anyascope.redact.api import Redactor
from anyascope.sdk.redaction import redact_text, redact_value, redacting
from figures import quantile, show
from support.planted import ENCODINGS, Mint, Planted, Talk, is_left

SECRETS = int(os.environ.get("ANYASCOPE_SECRETS", "100000"))
LINES = int(os.environ.get("ANYASCOPE_LINES", "100000"))
EXAMPLES = iter(range(int(os.environ.get("ANYASCOPE_EXAMPLES", "0"))))  # of what was left or touched, to be printed
LINE_CHARS = 200
ROUNDS = 9
RESOURCE = Resource({"service.name": "custody"})


class PlantedError(Exception):
    pass


class Kept:
    """An exporter that keeps what it was given."""

    def export(self, batch: list[ReadableSpan]) -> None:
        self.batch = batch


KEPT = Kept()
SPANS = redacting(KEPT)


def exported(**parts: object) -> ReadableSpan:
    SPANS.export([ReadableSpan("sign", resource=RESOURCE, **parts)])
    return KEPT.batch[0]


# Every field that a secret may stand in: a text or a value goes in, what would leave comes out as text.
FIELDS = {
    "event": redact_text,
    "line": lambda text: redact_text(json.dumps({"level": "info", "event": text, "service": "custody"})),
    "keyword": lambda text: redact_value("note", text),
    "dict": lambda text: redact_value("request", {"outer": {"inner": [1, None, text]}}),
    "list": lambda text: redact_value("notes", ["a", text, 5]),
    "tuple": lambda text: redact_value("notes", ("a", text)),
    "bytes": lambda text: redact_value("body", text.encode("utf-8", "surrogatepass")),
    "exception": lambda text: redact_value("error", PlantedError(text)),
    "key": lambda text: redact_value("map", {text: 1}),
    "span attribute": lambda text: exported(attributes={"note": text, "n": 5}).attributes["note"],
    "span event": lambda text: exported(events=[Event("e", {"message": text})]).events[0].attributes["message"],
    "span status": lambda text: exported(status=Status(StatusCode.ERROR, text)).status.description,
    "annotation": lambda text: redact_value("annotations", {"description": f"alert: {text}"}),
}


def as_text(cleaned: object) -> str:
    if isinstance(cleaned, bytes):
        return cleaned.decode("utf-8", "replace")
    if isinstance(cleaned, str):
        return cleaned
    if isinstance(cleaned, dict):
        return " ".join(f"{as_text(key)} {as_text(value)}" for key, value in cleaned.items())
    if isinstance(cleaned, list | tuple | set):
        return " ".join(map(as_text, cleaned))
    return str(cleaned)


def plain(chance: random.Random) -> None:
    mint = Mint(chance)
    fields, kinds = list(FIELDS), list(mint.kinds)
    left: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for number in range(SECRETS):
        planted = mint.planted(kinds[number % len(kinds)])
        field = fields[number // len(kinds) % len(fields)]
        cleaned = as_text(FIELDS[field](planted.text))
        total[planted.kind] += 1
        if is_left(planted, cleaned):
            left[planted.kind] += 1
            example("plain", field, planted, cleaned)
    for kind in kinds:
        show(f"plain removed, {kind}", 100 * (1 - left[kind] / max(total[kind], 1)), "%")
    show(f"plain removed, all {SECRETS}", 100 * (1 - sum(left.values()) / SECRETS), "%", bar=99.99)


def encoded(chance: random.Random) -> None:
    mint = Mint(chance)
    names, kinds = list(ENCODINGS), list(mint.kinds)
    left: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for number in range(SECRETS):
        planted = mint.planted(kinds[number % len(kinds)])
        name = names[number // len(kinds) % len(names)]
        wrapped = ENCODINGS[name](planted.text, chance)
        cleaned = redact_text(wrapped)
        for group in (name, planted.kind):
            total[group] += 1
        if is_left(planted, cleaned, encoded=wrapped if name.startswith(("base64", "hex")) else " "):
            left[name] += 1
            left[planted.kind] += 1
            example("encoded", name, planted, cleaned)
    for group in (*names, *kinds):
        show(f"encoded removed, {group}", 100 * (1 - left[group] / max(total[group], 1)), "%")
    show(f"encoded removed, all {SECRETS}", 100 * (1 - sum(left[name] for name in names) / SECRETS), "%", bar=99.0)


def example(what: str, where: str, planted: Planted, cleaned: str) -> None:
    if next(EXAMPLES, None) is not None:
        print(f"  left: {what} {where} {planted.kind}: {planted.text[:160]!a} -> {cleaned[:200]!a}")


def false_alarms(chance: random.Random) -> None:
    talk = Talk(chance)
    touched = 0
    for _ in range(LINES):
        line = talk.line()
        cleaned = redact_text(line)
        if cleaned != line:
            touched += 1
            if next(EXAMPLES, None) is not None:
                print(f"  touched: {line[:300]!a} -> {cleaned[:300]!a}")
    show(f"false alarms in {LINES} lines, text", touched, "lines", bar=1, is_most=True)


def json_lines(chance: random.Random) -> list[str]:
    """Lines as the SDK writes them, padded to 200 bytes by the operation's note."""
    talk, lines = Talk(chance), []
    for _ in range(1_000):
        fields = {
            "timestamp": "2026-11-24T02:17:42.123456Z",
            "level": "info",
            "event": chance.choice(("withdrawal_broadcast", "address derived", "signed by quorum", "policy checked")),
            chance.choice(("txid", "public_key", "block_hash")): chance.randbytes(32).hex(),
            "wallet_id": f"cold-{chance.randrange(40)}",
            "note": "",
        }
        room = LINE_CHARS - len(json.dumps(fields))
        fields["note"] = chance.choice(("sent to ", "change at ")) + talk.address()
        fields["note"] = str(fields["note"])[:room].ljust(room)
        lines.append(json.dumps(fields))
    return lines


def mixed_lines(chance: random.Random) -> list[str]:
    """All sorts of talk, also with the words that secrets stand behind; two lines in one where one is short."""
    talk = Talk(chance)
    lines = ((talk.line() + " " + talk.line()).replace("\n", " ")[:LINE_CHARS] for _ in range(2_000))
    return [line for line in lines if redact_text(line) == line]


def cost(chance: random.Random) -> None:
    """µs a line of 200 bytes, of the SDK and of the server's batches; the best of some rounds."""
    batches = Redactor(registry=CollectorRegistry())
    for name, lines in (("JSON of custody text", json_lines(chance)), ("all sorts of talk", mixed_lines(chance))):
        ways = {
            "SDK": lambda lines=lines: [redact_text(line) for line in lines],
            "server's batch": lambda lines=lines: batches.texts(lines),
            "json.dumps, to compare": lambda lines=lines: [json.dumps({"event": line}) for line in lines],
        }
        for way, work in ways.items():
            took = min(timed(work) for _ in range(ROUNDS)) / len(lines) * 1e6
            is_bar = way == "SDK" and name.startswith("JSON")
            show(f"a 200-byte line, {name}: {way}", took, "µs", bar=10.0 if is_bar else None, is_most=True)


def timed(work: object) -> float:
    began = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - began


def hostile() -> None:
    words = "legal winner thank year wave sausage worth useful legal winner thank"
    texts = {
        "pairs": "password=x " * 90_000,
        "one letter": "K" * 1_000_000,
        "almost phrases": f"{words} zzz " * 14_000,
        "key blocks": "-----BEGIN PRIVATE KEY-----" * 36_000,
        "quotes": 'password="' * 100_000,
        "users": "://" + "a:" * 500_000,
        "backslashes": "password:" + "\\" * 1_000_000,
        "heads": "xprv" * 250_000,
        "wif heads": "Kw" * 500_000,
        "tokens": "eyJ" * 330_000,
        "base 64": ("QUFB" * 20 + " ") * 12_000,
        "VVVV": "V" * 1_000_000,
        "escapes": "%2525" * 200_000,
        "flags": "-" * 1_000_000,
        "elements": "<a" * 500_000,
        "hex": "seed " + "ab" * 500_000,
        "lines": "abc\n" * 250_000,
        "words": "abandon " * 125_000,
        "brackets": "password=[" * 100_000,
        "names": "a" * 1_000_000 + "=",
    }
    took = []
    batches = Redactor(registry=CollectorRegistry())
    for name, text in texts.items():
        sdk = timed(lambda text=text: redact_text(text))
        whole = timed(lambda text=text: batches.text(text))
        took.append(whole)
        show(f"hostile megabyte, {name}: SDK", sdk * 1e3, "ms")
        show(f"hostile megabyte, {name}: server", whole * 1e3, "ms")
    show("hostile megabyte, the worst", quantile(took, 1.0) * 1e3, "ms", bar=1000, is_most=True)


def main() -> None:
    plain(random.Random(1))
    encoded(random.Random(2))
    false_alarms(random.Random(3))
    cost(random.Random(4))
    hostile()


if __name__ == "__main__":
    main()
