"""Signers behind HTTP, by the same door as an HSM: Vault's Transit engine, and Web3Signer with its eth1 keys.

Sources: HashiCorp Vault, HTTP API of `transit` and `sys/health`; Consensys Web3Signer, its OpenAPI of `upcheck` and `eth1`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
from collections.abc import Awaitable, Mapping
from typing import Any, TypeGuard, TypeVar
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.hsm.nouns import (
    HsmFailure,
    Inventory,
    Operation,
    Pending,
    Sight,
    TokenSight,
    wanted,
)
from anyascope.collect.collectors.hsm.tally import PREFIX
from anyascope.collect.hsm_options import HsmOptions, RemoteOptions
from anyascope.semconv.hsm import TIMEOUT
from anyascope.wire.http_post import Answer, HttpPoster, PostError
from anyascope.wire.keccak import keccak_256

T = TypeVar("T")

ANSWER_BYTES_MAX = 4 * 1024 * 1024  # 30,000 public keys
DATA_BYTES = 32
CHECKS_NAMED_MAX = 5  # in a sentence; a Web3Signer has about four
_ERROR_TYPES = {400: "invalid_argument", 401: "permission_denied", 403: "permission_denied", 404: "key_not_found"}
# Vault says by the status of `sys/health` what it is; these answer to the keys that are asked for here.
_SERVING = frozenset((200, 429, 473))  # active, standby (forwards), performance standby
_NOT_SERVING = {
    472: "it is a secondary for disasters",
    474: "it is a standby without way to the active node",
    501: "it is not initialized",
    503: "it is sealed",
    530: "it was removed from its cluster",
}
_UNWELL = 503  # of a Web3Signer's `healthcheck`
_SIGNATURE = re.compile(r"(?:0x)?([0-9a-fA-F]{130})")  # r, s and v of secp256k1
_POINT = re.compile(
    r"(?:0x)?(?:04)?([0-9a-fA-F]{128})|(?:0x)?(0[23][0-9a-fA-F]{64})"
)  # a public key: whole, or compressed
_AS_DIGEST = ec.ECDSA(Prehashed(hashes.SHA256()))  # of 32 bytes, whatever made them


class SignerDoor:
    """Asks one signer over HTTP, each time within the deadline.

    Args:
        options: how long an answer may take.
        source: where it is and how to speak to it.
    """

    def __init__(self, options: HsmOptions, source: RemoteOptions, *, clock: Clock) -> None:
        self._timeout_s = options.timeout_s
        self._address = source.address
        self._clock = clock
        self._pending: Pending | None = None
        self._poster = HttpPoster(source.http, timeout_s=2 * options.timeout_s, clock=clock, connections_max=2)

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """The answer, whatever its status.

        Raises:
            HsmFailure: there was none in time.
        """
        sent = json.dumps(body).encode() if body is not None else b""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._poster.post(
                    f"{self._address}{path}", sent, headers=headers, method=method, answer_bytes_max=ANSWER_BYTES_MAX
                )
        except TimeoutError:
            raise HsmFailure(TIMEOUT, f"no answer within {self._timeout_s:g} s") from None
        except PostError as error:
            raise HsmFailure("connection_failed", str(error)) from error

    async def good(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """An answer that is a success.

        Raises:
            HsmFailure: it is none; the code is `HTTP_` and the status.
        """
        return checked(await self.ask(method, path, body))

    async def timed(self, found: list[Operation], kind: str, work: Awaitable[T]) -> T | None:
        """What the work gives, None where it failed; either way a timed operation is noted."""
        started_ns = self._clock.monotonic_ns()
        self._pending = Pending(f"{PREFIX}{kind}", started_ns)
        result: T | None = None
        failure: HsmFailure | None = None
        try:
            result = await work
        except HsmFailure as error:
            failure = error
        finally:
            self._pending = None
        found.append(Operation(kind, (self._clock.monotonic_ns() - started_ns) / NS_PER_S, failure))
        return result

    async def seen(self, method: str, path: str) -> Answer:
        """The answer to a question that is answered at once, whatever its status; raises as `ask` does."""
        self._pending = Pending("look", self._clock.monotonic_ns())
        try:
            return await self.ask(method, path)
        finally:
            self._pending = None

    def pending(self) -> Pending | None:
        """What is waited for."""
        return self._pending

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()


class VaultProvider:
    """Keys in Vault's Transit engine."""

    def __init__(self, options: HsmOptions, source: RemoteOptions, *, clock: Clock) -> None:
        self._options = options
        self._mount = source.mount
        self._door = SignerDoor(options, source, clock=clock)

    async def look(self) -> Sight:
        """See `HsmProvider`."""
        answer = await self._door.seen("GET", "/v1/sys/health")
        if answer.status in _NOT_SERVING:
            raise HsmFailure("operation_failed", _NOT_SERVING[answer.status], code=f"HTTP_{answer.status}")
        if answer.status not in _SERVING:
            raise refused(answer)
        said = json_of(answer)
        version = str(said.get("version", ""))
        token = TokenSight(
            "", self._mount, serial=str(said.get("cluster_id", "")), model="Vault Transit", firmware=version, pin=None
        )
        return Sight("vault", version, 1, (token,), token)

    async def inventory(self) -> Inventory:
        """See `HsmProvider`. Vault lists names; what kind each is would be a request each."""
        answer = await self._door.ask("LIST", self._path("keys"))
        # A mount without keys is not found.
        names = [] if answer.status == 404 else _list_of(_data(checked(answer)), "keys")
        return listed(names, "transit", self._options.key_labels)

    async def canary(self) -> tuple[Operation, ...]:
        """See `HsmProvider`."""
        found: list[Operation] = []
        work = {"sign": self._sign, "hmac": self._hmac, "encrypt": self._encrypt, "random": self._random}
        for kind, key in wanted(self._options.canary):
            await work[kind](quote(key, safe=""), found)
            if found[-1].failure is not None and found[-1].failure.error_type in (TIMEOUT, "connection_failed"):
                break  # the others would be as late, one after the other
        return tuple(found)

    def pending(self) -> Pending | None:
        """See `HsmProvider`."""
        return self._door.pending()

    async def release(self, token: TokenSight) -> None:
        """See `HsmProvider`. There is no PIN."""

    def drain(self) -> tuple[Operation, ...]:
        """See `HsmProvider`."""
        return ()

    async def close(self) -> None:
        """See `HsmProvider`."""
        await self._door.close()

    async def _sign(self, key: str, found: list[Operation]) -> None:
        data = _fresh()
        made = await self._door.timed(found, "sign", self._post(f"sign/{key}", "signature", input=data))
        if made is not None:
            await self._door.timed(found, "verify", self._verify(key, input=data, signature=made))

    async def _hmac(self, key: str, found: list[Operation]) -> None:
        data = _fresh()

        async def make_and_check() -> None:
            await self._verify(key, input=data, hmac=await self._post(f"hmac/{key}", "hmac", input=data))

        await self._door.timed(found, "hmac", make_and_check())

    async def _verify(self, key: str, **body: str) -> None:
        if await self._post(f"verify/{key}", "valid", **body) is not True:
            raise HsmFailure("signature_invalid", "it does not take what it made")

    async def _encrypt(self, key: str, found: list[Operation]) -> None:
        data = _fresh()
        made = await self._door.timed(found, "encrypt", self._post(f"encrypt/{key}", "ciphertext", plaintext=data))
        if made is None:
            return

        async def decrypt() -> None:
            if await self._post(f"decrypt/{key}", "plaintext", ciphertext=made) != data:
                raise HsmFailure("operation_failed", "what was decrypted is not what was encrypted")

        await self._door.timed(found, "decrypt", decrypt())

    async def _random(self, _key: str, found: list[Operation]) -> None:
        async def draw_twice() -> None:
            path = f"random/{DATA_BYTES}"
            if await self._post(path, "random_bytes") == await self._post(path, "random_bytes"):
                raise HsmFailure("operation_failed", "two draws of random bytes are the same")

        await self._door.timed(found, "random", draw_twice())

    async def _post(self, path: str, wanted_field: str, **body: str) -> Any:
        """One field of the answer's data."""
        data = _data(await self._door.good("POST", self._path(path), body))
        if wanted_field not in data:
            raise HsmFailure("operation_failed", f"the answer has no {wanted_field}")
        return data[wanted_field]

    def _path(self, path: str) -> str:
        return f"/v1/{quote(self._mount)}/{path}"


class Web3SignerProvider:
    """The eth1 keys of a Web3Signer, or of what has its shape."""

    def __init__(self, options: HsmOptions, source: RemoteOptions, *, clock: Clock) -> None:
        self._options = options
        self._door = SignerDoor(options, source, clock=clock)

    async def look(self) -> Sight:
        """See `HsmProvider`."""
        checked(await self._door.seen("GET", "/upcheck"))
        token = TokenSight("", "eth1", model="Web3Signer", pin=None)
        return Sight(
            "web3signer", "", 1, (token,), token, warnings=unwell(await self._door.seen("GET", "/healthcheck"))
        )

    async def inventory(self) -> Inventory:
        """See `HsmProvider`."""
        answer = await self._door.good("GET", "/api/v1/eth1/publicKeys")
        return listed(_list_of({"keys": parsed(answer)}, "keys"), "eth1", self._options.key_labels)

    async def canary(self) -> tuple[Operation, ...]:
        """See `HsmProvider`. A signature is verified here, by the public key that names the key."""
        found: list[Operation] = []
        for kind, key in wanted(self._options.canary):
            await self._door.timed(found, kind, self._sign(key))
        return tuple(found)

    def pending(self) -> Pending | None:
        """See `HsmProvider`."""
        return self._door.pending()

    async def release(self, token: TokenSight) -> None:
        """See `HsmProvider`. There is no PIN."""

    def drain(self) -> tuple[Operation, ...]:
        """See `HsmProvider`."""
        return ()

    async def close(self) -> None:
        """See `HsmProvider`."""
        await self._door.close()

    async def _sign(self, key: str) -> None:
        data = os.urandom(DATA_BYTES)
        body = {"data": f"0x{data.hex()}"}
        answer = await self._door.good("POST", f"/api/v1/eth1/sign/{quote(key, safe='')}", body)
        signed = _SIGNATURE.fullmatch(answer.body.decode("ascii", "replace").strip().strip('"'))
        if signed is None:
            raise HsmFailure("signature_invalid", "the answer is no signature of 65 bytes in hex")
        if not is_signed(data, bytes.fromhex(signed[1]), key):
            raise HsmFailure("signature_invalid", "the signature is not this key's over what was sent")


def is_signed(data: bytes, signature: bytes, key: str) -> bool:
    """Whether a signature (r, s, v) is that of a secp256k1 key over the data's Keccak-256, or over the data where it was taken as a digest.

    Args:
        data: 32 bytes.
        key: its public key in hex. What is none, such as an address, cannot be held against the signature, which then counts.
    """
    named = _POINT.fullmatch(key)
    if named is None:
        return True
    point = bytes.fromhex(f"04{named[1]}" if named[1] else named[2])
    pair = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:64]))
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), point)
    except ValueError:
        return False  # no point of the curve
    return any(_verifies(public, pair, digest) for digest in (keccak_256(data), data))


def _verifies(public: ec.EllipticCurvePublicKey, pair: bytes, digest: bytes) -> bool:
    try:
        public.verify(pair, digest, _AS_DIGEST)
    except InvalidSignature:
        return False
    return True


def listed(names: list[str], key_type: str, allowed: tuple[str, ...]) -> Inventory:
    """Names of keys as an inventory: their count, and which of the allowed ones are there."""
    known = set(names)
    return Inventory(keys={("remote", key_type): len(names)}, labels={label: int(label in known) for label in allowed})


def unwell(answer: Answer) -> tuple[str, ...]:
    """What `/healthcheck` of a Web3Signer says is not well; nothing where there is no such page, as in what has its shape."""
    if answer.status != _UNWELL:
        return ()
    try:
        checks = json_of(answer).get("checks")
    except HsmFailure:
        checks = None
    named = [str(one.get("id")) for one in checks if one.get("status") != "UP"] if _are_objects(checks) else []
    return (f"its health check fails: {', '.join(named[:CHECKS_NAMED_MAX]) or 'it does not say which'}",)


def _are_objects(found: Any) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(found, list) and all(isinstance(one, dict) for one in found)


def refused(answer: Answer) -> HsmFailure:
    """An answer that is no success as a failure."""
    error_type = _ERROR_TYPES.get(answer.status, "operation_failed")
    return HsmFailure(error_type, answer.detail, code=f"HTTP_{answer.status}")


def parsed(answer: Answer) -> Any:
    """The JSON of an answer.

    Raises:
        HsmFailure: it is none.
    """
    try:
        return json.loads(answer.body)
    except ValueError as error:
        raise HsmFailure("operation_failed", "the answer is no JSON, or too long") from error


def json_of(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer; raises as `parsed` does."""
    found = parsed(answer)
    if not isinstance(found, dict):
        raise HsmFailure("operation_failed", "the answer is no JSON object")
    return found


def checked(answer: Answer) -> Answer:
    """An answer that is a success.

    Raises:
        HsmFailure: it is none; the code is `HTTP_` and the status.
    """
    if not 200 <= answer.status < 300:
        raise refused(answer)
    return answer


def _data(answer: Answer) -> dict[str, Any]:
    data = json_of(answer).get("data")
    if not isinstance(data, dict):
        raise HsmFailure("operation_failed", "the answer has no data")
    return data


def _list_of(found: Mapping[str, Any], name: str) -> list[str]:
    names = found.get(name)
    if not isinstance(names, list):
        raise HsmFailure("operation_failed", f"the answer has no list of {name}")
    return [str(one) for one in names]


def _fresh() -> str:
    return base64.b64encode(os.urandom(DATA_BYTES)).decode()
