"""Which signatures a transaction carries, by their names; pure.

Source: BIP 141 (witness), BIP 341 (a key path's witness is one signature), Bitcoin Core `src/script/script.h` (pushes).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from anyascope.semconv.signatures import RAW_BYTES, is_der, signature_name

PUSH_DIRECT_MAX, PUSH_1, PUSH_2 = (
    0x4B,
    0x4C,
    0x4D,
)  # op codes; a signature is pushed directly, a redeem script by the others
ITEM_CHARS_MAX = 2 * 73  # hex of the longest signature; what is longer is a script
UNCOMPRESSED = 0x04  # the head of a public key that is as long as Schnorr's signature


def signatures_in(inputs: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Names of the signatures in these inputs as a node decodes them, each once, in their order."""
    return tuple(dict.fromkeys(name for each in inputs for name in _names(each)))


def _names(one: Mapping[str, Any]) -> Iterator[str]:
    witness = one.get("txinwitness")
    for item in witness if isinstance(witness, list) else ():
        raw = _bytes(item) if isinstance(item, str) and len(item) <= ITEM_CHARS_MAX else b""
        if is_der(raw) or (len(raw) in RAW_BYTES and raw[0] != UNCOMPRESSED):
            yield signature_name(raw)
    script = one.get("scriptSig")
    for raw in _pushes(_bytes(script.get("hex")) if isinstance(script, dict) else b""):
        if is_der(raw):
            yield signature_name(raw)


def _pushes(script: bytes) -> Iterator[bytes]:
    """What a script that does nothing else pushes; up to what is no push."""
    at = 0
    while at < len(script):
        code, at = script[at], at + 1
        size_bytes = {PUSH_1: 1, PUSH_2: 2}.get(code, 0)
        if code > PUSH_DIRECT_MAX and not size_bytes:
            return
        size = int.from_bytes(script[at : at + size_bytes], "little") if size_bytes else code
        at += size_bytes
        yield script[at : at + size]
        at += size


def _bytes(text: object) -> bytes:
    try:
        return bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return b""
