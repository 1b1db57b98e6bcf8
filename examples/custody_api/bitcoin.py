"""A real Bitcoin node: its wallets watch our keys' outputs and build transactions, and never hold a key."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from node import Draft, NodeError, Receipt, Standing, Tip
from transactions import checked, digests_of, fee_rate, own_address, txid_of, with_signatures

from anyascope.sdk.integrations.bitcoin_rpc import instrument_bitcoin_rpc

RPC_TIMEOUT_S = 15.0  # a wallet that loads takes seconds; a node that takes longer is as good as down
SAT_PER_BTC = 100_000_000
CONFIRM_BLOCKS = 3  # the fee is the node's estimate for this many
DEPOSITS_LISTED_MAX = 1_000  # newest payments that are looked at

ALREADY_EXISTS, ALREADY_LOADED = -4, -35  # Bitcoin Core's error codes: wallet database exists; wallet is loaded
ALREADY_IN_CHAIN = -27
UNKNOWN_TRANSACTION = -5


class Rpc:
    """Bitcoin Core's JSON-RPC over one connection pool; amounts come as `Decimal`.

    Args:
        url: such as `http://127.0.0.1:8332`.
        cookie: the node's cookie file, read at every call since each start of the node writes a new one.
        wallet: the wallet that calls are for; empty for the node itself.
    """

    def __init__(self, url: str, cookie: Path, *, wallet: str = "", client: httpx.AsyncClient | None = None) -> None:
        self._url = f"{url.rstrip('/')}/wallet/{wallet}" if wallet else url
        self._cookie = cookie
        self._client = client or httpx.AsyncClient(timeout=RPC_TIMEOUT_S, trust_env=False)
        self._numbers = itertools.count(1)
        self._base = url

    def of_wallet(self, wallet: str) -> Rpc:
        """The same node, asked about a wallet."""
        return Rpc(self._base, self._cookie, wallet=wallet, client=self._client)

    async def call(self, method: str, *params: Any) -> Any:
        """The result of a call.

        Raises:
            NodeError: the node answered with an error, or not at all.
        """
        body = {"jsonrpc": "1.0", "id": next(self._numbers), "method": method, "params": params}
        try:
            user, _, password = self._cookie.read_text().strip().partition(":")
            answer = await self._client.post(
                self._url,
                content=json.dumps(body, default=str),
                auth=(user, password),
                headers={"content-type": "application/json"},
            )
        except (OSError, httpx.HTTPError) as error:
            raise NodeError(f"{method}: the node does not answer ({type(error).__name__}: {error})") from error
        if answer.status_code in {401, 403}:
            raise NodeError(f"{method}: the node refused the cookie of {self._cookie}")
        try:
            told = json.loads(answer.content, parse_float=Decimal)
        except ValueError as error:
            raise NodeError(f"{method}: HTTP {answer.status_code} without JSON") from error
        if told.get("error"):
            raise NodeError(f"{method}: {told['error']['message']}", code=int(told["error"]["code"]))
        return told["result"]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class BitcoinNode:
    """`Node` over a real one.

    Args:
        rpc: the node's RPC.
        prefix: of the names of its wallets that are ours.
    """

    is_real = True

    def __init__(self, rpc: Rpc, *, prefix: str = "custody-") -> None:
        self.name = "Bitcoin node"
        self._node = instrument_bitcoin_rpc(rpc)
        self._rpc = rpc
        self._prefix = prefix
        self._wallets: dict[str, Any] = {}
        self._keys: dict[str, bytes] = {}
        self._addresses: dict[str, str] = {}

    async def open_wallet(self, wallet_id: str, public_key: bytes) -> None:
        chain = str((await self._node.call("getblockchaininfo"))["chain"])
        name = self._prefix + wallet_id
        await self._load(name)
        wallet = instrument_bitcoin_rpc(self._rpc.of_wallet(name), wallet_id=wallet_id)
        described = await self._node.call("getdescriptorinfo", f"wpkh({public_key.hex()})")
        address = own_address(public_key, chain)
        if not (await wallet.call("getaddressinfo", address))["ismine"]:
            request = {"desc": described["descriptor"], "timestamp": "now", "label": wallet_id}
            (done,) = await wallet.call("importdescriptors", [request])
            if not done["success"]:
                raise NodeError(f"importdescriptors: {done['error']['message']}", code=int(done["error"]["code"]))
        self._wallets[wallet_id], self._keys[wallet_id], self._addresses[wallet_id] = wallet, public_key, address

    async def _load(self, name: str) -> None:
        """Make the wallet, or load it: another process of ours may do the same at this moment."""
        try:
            await self._node.call("createwallet", name, True, True, "", False, True, True)
        except NodeError as error:
            if error.code != ALREADY_EXISTS:
                raise
            try:
                await self._node.call("loadwallet", name, True)
            except NodeError as known:
                if known.code not in {ALREADY_LOADED, ALREADY_EXISTS}:
                    raise

    async def address_of(self, wallet_id: str) -> str:
        return self._addresses[wallet_id]

    async def balance_sat(self, wallet_id: str) -> int:
        return sats((await self._wallets[wallet_id].call("getbalances"))["mine"]["trusted"])

    async def draft(self, wallet_id: str, *, address: str, amount_sat: int) -> Draft:
        options = {"changeAddress": self._addresses[wallet_id], "conf_target": CONFIRM_BLOCKS}
        outputs = [{address: f"{Decimal(amount_sat) / SAT_PER_BTC:.8f}"}]
        funded = await self._wallets[wallet_id].call("walletcreatefundedpsbt", [], outputs, 0, options)
        psbt = checked(funded["psbt"], self._keys[wallet_id], address=address, amount_sat=amount_sat)
        return Draft(funded["psbt"], digests_of(psbt), int(psbt.fee()), fee_rate(psbt))

    async def dearer(self, wallet_id: str, txid: str, *, address: str, amount_sat: int) -> Draft:
        wallet, own = self._wallets[wallet_id], self._addresses[wallet_id]
        known = await wallet.call("gettransaction", txid, True, True)
        paid = [output["scriptPubKey"].get("address") for output in known["decoded"]["vout"]]
        # The higher fee comes out of what goes back to ourselves; the node takes that for a payment, as its address has a label.
        change = {"original_change_index": paid.index(own)} if own in paid else {}
        bumped = await wallet.call("psbtbumpfee", txid, {"conf_target": CONFIRM_BLOCKS, **change})
        psbt = checked(bumped["psbt"], self._keys[wallet_id], address=address, amount_sat=amount_sat)
        return Draft(bumped["psbt"], digests_of(psbt), int(psbt.fee()), fee_rate(psbt))

    async def complete(self, wallet_id: str, draft: Draft, signatures: Sequence[bytes]) -> str:
        from embit.psbt import PSBT  # noqa: PLC0415 -- beside its only use

        signed = with_signatures(PSBT.from_string(draft.body), self._keys[wallet_id], signatures)
        done = await self._node.call("finalizepsbt", signed)
        if not done["complete"]:
            raise NodeError("finalizepsbt: the node does not accept the signatures")
        return str(done["hex"])

    def txid(self, transaction: str) -> str:
        return txid_of(transaction)

    async def broadcast(self, transaction: str) -> str:
        try:
            return str(await self._node.call("sendrawtransaction", transaction))
        except NodeError as error:
            if error.code != ALREADY_IN_CHAIN:  # it was sent before a crash, and has been mined since
                raise
            return self.txid(transaction)

    async def standing(self, wallet_id: str, txid: str) -> Standing:
        try:
            known = await self._wallets[wallet_id].call("gettransaction", txid)
        except NodeError as error:
            if error.code == UNKNOWN_TRANSACTION:
                return Standing(-1)
            raise
        return Standing(int(known["confirmations"]), int(known.get("blockheight", 0)), known.get("blockhash", ""))

    async def receipts(self, wallet_id: str) -> Sequence[Receipt]:
        listed = await self._wallets[wallet_id].call("listtransactions", "*", DEPOSITS_LISTED_MAX)
        own_spends = {entry["txid"] for entry in listed if entry["category"] == "send"}
        return [
            Receipt(entry["txid"], wallet_id, sats(entry["amount"]), int(entry["confirmations"]))
            for entry in listed
            if entry["category"] == "receive" and entry["txid"] not in own_spends  # change is no deposit
        ]

    async def tip(self) -> Tip:
        chain, pool = await asyncio.gather(self._node.call("getblockcount"), self._node.call("getmempoolinfo"))
        return Tip(int(chain), int(pool["size"]))

    async def close(self) -> None:
        await self._rpc.close()


def sats(amount: Decimal | int) -> int:
    """Bitcoin as the node writes it, in whole satoshi."""
    return int(Decimal(amount) * SAT_PER_BTC)
