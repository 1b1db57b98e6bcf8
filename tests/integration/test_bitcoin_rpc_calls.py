"""Real calls of a real node on regtest, through clients of every shape."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Self

import httpx
import pytest

from anyascope.sdk.integrations.bitcoin_rpc import bitcoin_error, instrument_bitcoin_rpc
from anyascope.sdk.operations import InsufficientFunds
from anyascope.sdk.testing import capture
from support.regtest import RegtestNode, RpcError, regtest_nodes

PASSPHRASE = "correct-horse-battery-9d1f"


class AuthServiceProxy:
    """As python-bitcoinrpc has it: each attribute is a method of the node, and calling it calls the node."""

    def __init__(self, service_url: str, node: RegtestNode, name: str = "") -> None:
        self.__service_url = service_url
        self.__node = node
        self.__name = name

    def __getattr__(self, name: str) -> AuthServiceProxy:
        if name.startswith("__"):
            raise AttributeError(name)
        return AuthServiceProxy(self.__service_url, self.__node, name)

    def __call__(self, *params: Any) -> Any:
        _, _, wallet = self.__service_url.partition("/wallet/")
        return self.__node.call(self.__name, *params, wallet=wallet)


class AsyncRpc:
    """A small client on httpx."""

    def __init__(self, url: str, credentials: tuple[str, str]) -> None:
        self.url = url
        self._client = httpx.AsyncClient(auth=credentials, trust_env=False)

    async def call(self, method: str, *params: Any) -> Any:
        answer = await self._client.post(self.url, content=json.dumps({"method": method, "params": params, "id": 1}))
        told = answer.json()
        if told["error"]:
            raise RpcError(told["error"])
        return told["result"]

    def __getattr__(self, name: str) -> Any:
        async def method(*params: Any) -> Any:
            return await self.call(name, *params)

        return method

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Iterator[RegtestNode]:
    with regtest_nodes(tmp_path_factory.mktemp("regtest")) as (running,):
        running.funded_wallet("hot")
        yield running


@pytest.fixture
def hot(node) -> Any:
    return instrument_bitcoin_rpc(AuthServiceProxy(node.wallet_url("hot"), node))


def test_each_call_is_an_operation(hot):
    """A call is one `bitcoin_operation` named by its method, of the wallet in the client's address."""
    with capture() as captured:
        height = hot.getblockcount()
    assert height >= 101
    span = captured.span("bitcoin_operation", operation="getblockcount")
    assert span.attributes["wallet_id"] == "hot"
    assert span.attributes["rpc.method"] == "getblockcount"
    assert span.attributes["operation.status"] == "success"


def test_a_send_has_its_txid_and_amount(hot, node):
    """Of a payment, the transaction's id and what was to be sent are known; where to is not."""
    address = node.call("getnewaddress", wallet="hot")
    with capture() as captured:
        txid = hot.sendtoaddress(address, 0.5)
    span = captured.span("bitcoin_operation", operation="sendtoaddress")
    assert span.attributes["transaction_id"] == txid
    assert span.attributes["amount_sats"] == 50_000_000
    assert address not in everything(captured)


def test_an_error_is_told_by_the_nodes_code(hot, node):
    """-6 is `insufficient_funds`; the client's exception passes through and has its kind."""
    address = node.call("getnewaddress", wallet="hot")
    with capture() as captured, pytest.raises(RpcError) as refused:
        hot.sendtoaddress(address, 20_000_000)
    span = captured.span("bitcoin_operation", operation="sendtoaddress")
    assert span.attributes["rpc.jsonrpc.error_code"] == -6
    assert span.attributes["error.type"] == "insufficient_funds"
    assert span.attributes["bitcoin.error"] == "InsufficientFunds"
    assert span.attributes["operation.status"] == "error"
    assert span.attributes["error.message"] == "insufficient_funds (-6) in sendtoaddress: Insufficient funds"
    assert isinstance(bitcoin_error(refused.value), InsufficientFunds)


def test_no_parameter_of_a_secret_call_is_written(node):
    """Passphrases and keys appear nowhere: not on spans, lines, metrics or audit, in success and in failure."""
    node.call("createwallet", "locked", False, False, PASSPHRASE)
    locked = instrument_bitcoin_rpc(AuthServiceProxy(node.wallet_url("locked"), node))
    key = "cVpF924EspNh8KjYsfhgY96mmxvT6DgdWiTYMtMjuM74hJaU5psW"
    with capture() as captured:
        assert locked.walletpassphrase(PASSPHRASE, 60) is None
        for call in (
            lambda: locked.walletpassphrase("wrong-" + PASSPHRASE, 60),
            lambda: locked.importprivkey(key),
            lambda: locked.importdescriptors([{"desc": f"wpkh({key})", "timestamp": "now"}, {"desc": PASSPHRASE}]),
            lambda: locked.dumpprivkey(PASSPHRASE),
            lambda: locked.signrawtransactionwithkey("00" + PASSPHRASE, [key]),
        ):
            try:
                call()
            except RpcError:
                continue
    told = everything(captured)
    assert PASSPHRASE not in told
    assert key not in told
    span = captured.spans("bitcoin_operation", operation="walletpassphrase")[-1]
    assert span.attributes["error.message"] == "passphrase_incorrect (-14) in walletpassphrase"


async def test_an_asynchronous_client_is_awaited_as_before(node):
    """`await rpc.getblockcount()`, `await rpc.call(…)` and `async with` work, each call within its span."""
    rpc = instrument_bitcoin_rpc(AsyncRpc(node.url, node.credentials), wallet_id="treasury")
    assert isinstance(rpc, AsyncRpc)
    with capture() as captured:
        async with rpc as entered:
            height = await entered.getblockcount()
            assert await rpc.call("getblockhash", height) == await entered.getbestblockhash()
    names = [span.attributes["operation"] for span in captured.spans("bitcoin_operation")]
    assert names == ["getblockcount", "getblockhash", "getbestblockhash"]
    assert {span.attributes["wallet_id"] for span in captured.spans("bitcoin_operation")} == {"treasury"}


def test_a_node_that_is_gone_is_an_error(tmp_path):
    """Where nothing answers, the client's own exception passes through and the span names its kind."""

    class Gone:
        def call(self, method: str) -> None:
            raise ConnectionRefusedError(method)

    with capture() as captured, pytest.raises(ConnectionRefusedError):
        instrument_bitcoin_rpc(Gone()).call("getblockcount")
    assert captured.span("bitcoin_operation").attributes["error.type"] == "ConnectionRefusedError"


def everything(captured: Any) -> str:
    """All that was captured, as one text."""
    parts = [span.raw.to_json() for span in captured.spans()]
    parts += [repr(vars(record)) if hasattr(record, "__dict__") else repr(record) for record in captured.logs()]
    return "\n".join(parts)
