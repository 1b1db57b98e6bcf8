"""Doubles of Vault's Transit engine and of Web3Signer on loopback: their shape by their documents, not the real programs."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from anyascope.wire.keccak import keccak_256

TOKEN = "signer-token-for-tests"
KEY = b"key of the double"
_W3_PRIVATE = ec.derive_private_key(0xA17A, ec.SECP256K1())
_POINT = _W3_PRIVATE.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
W3_KEY = f"0x{_POINT[1:].hex()}"


@dataclass
class Signers:
    """What the double holds and how it misbehaves."""

    url: str = ""
    keys: list[str] = field(default_factory=lambda: ["canary", "withdrawals", "mac"])
    health: int = 200  # of Vault: 429 standby, 472, 473, 474, 501, 503 sealed, 530
    refuses: int = 0  # the status of every request for a key, such as 429 or 500
    token: str = TOKEN
    unwell: list[str] = field(default_factory=list)  # checks of Web3Signer's health that are down
    lie: str = ""  # signs this in place of what it is sent; `short`: what it gives is no signature
    hang_s: float = 0.0
    asked: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, body: dict[str, str], token: str) -> tuple[int, object]:
        self.asked.append(f"{method} {path}")
        if path == "/v1/sys/health":
            sealed, standby = self.health == 503, self.health in (429, 473)
            said = {"initialized": self.health != 501, "sealed": sealed, "standby": standby, "version": "1.18.0"}
            return self.health, {**said, "cluster_name": "c", "cluster_id": "c-1"}
        if self.refuses and "/sign" in path:
            return self.refuses, {"errors": ["no"]}
        if path == "/healthcheck":
            checks = [{"id": "default-check", "status": "UP"}, *({"id": one, "status": "DOWN"} for one in self.unwell)]
            state = "DOWN" if self.unwell else "UP"
            return (503 if self.unwell else 200), {"status": state, "checks": checks, "outcome": state}
        if path.startswith("/v1/"):
            if token != f"Bearer {self.token}":
                return 403, {"errors": ["permission denied"]}
            return self._transit(method, path.removeprefix("/v1/transit/"), body)
        signature = web3_signature(self.lie or body.get("data", "0x")) if self.lie != "short" else "0x00"
        web3 = {"/upcheck": "OK", "/api/v1/eth1/publicKeys": [W3_KEY], f"/api/v1/eth1/sign/{W3_KEY}": signature}
        return (200, web3[path]) if path in web3 else (404, "")

    def _transit(self, method: str, path: str, body: dict[str, str]) -> tuple[int, object]:
        what, _, name = path.partition("/")
        if method == "LIST":
            return 200, {"data": {"keys": self.keys}}
        if what != "random" and name not in self.keys:
            return 404, {"errors": ["signing key not found"]}
        return 200, {"data": getattr(self, f"_{what}")(body)}

    def _mac(self, text: str) -> str:
        return "vault:v1:" + hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()

    def _sign(self, body):
        return {"signature": "vault:v1:wrong" if self.lie else self._mac(body["input"])}

    def _hmac(self, body):
        return {"hmac": self._mac(body["input"])}

    def _verify(self, body):
        return {"valid": body.get("signature", body.get("hmac")) == self._mac(body["input"])}

    def _encrypt(self, body):
        return {"ciphertext": "vault:v1:" + body["plaintext"][::-1]}

    def _decrypt(self, body):
        return {"plaintext": body["ciphertext"].removeprefix("vault:v1:")[::-1]}

    def _random(self, _body):
        return {"random_bytes": base64.b64encode(os.urandom(32)).decode()}


def web3_signature(data: str) -> str:
    """As Web3Signer answers: r, s and v, over the data's Keccak-256."""
    digest = keccak_256(bytes.fromhex(data.removeprefix("0x")))
    made = decode_dss_signature(_W3_PRIVATE.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256()))))
    return f"0x{''.join(f'{number:064x}' for number in made)}1b"


class _Handler(BaseHTTPRequestHandler):
    signers: Signers

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        time.sleep(self.signers.hang_s)
        token = self.headers.get("authorization", "")
        status, said = self.signers.answer(self.command, self.path, json.loads(body or b"{}"), token)
        text = said if isinstance(said, str) else json.dumps(said)
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

    do_GET = do_POST = do_LIST = _any  # noqa: N815  # names of `http.server`

    def log_message(self, *_: object) -> None: ...


@contextlib.contextmanager
def signers() -> Iterator[Signers]:
    """Both, on one port of loopback."""
    double = Signers()
    handler = type("Handler", (_Handler,), {"signers": double})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
