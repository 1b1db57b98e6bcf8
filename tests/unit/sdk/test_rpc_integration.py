"""Clients of a node in every shape, without a node."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyascope.sdk.integrations import rpc_errors, rpc_methods
from anyascope.sdk.integrations.bitcoin_rpc import bitcoin_error, instrument_bitcoin_rpc
from anyascope.sdk.operations import BitcoinError, InsufficientFunds, TransactionFailed
from anyascope.sdk.testing import capture

TXID = "ab" * 32


class JSONRPCException(Exception):  # noqa: N818  # the name that clients give it
    """As python-bitcoinrpc raises it."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error.get('code')}: {error.get('message')}")
        self.error = error
        self.code = error.get("code")


class Node:
    """Answers what it is told to, and counts how often it was asked."""

    def __init__(self, answer: Any = 5, *, url: str = "http://user:word@127.0.0.1:8332") -> None:
        self.url = url
        self.answer = answer
        self.asked: list[tuple[Any, ...]] = []

    def call(self, *asked: Any, **more: Any) -> Any:
        self.asked.append((*asked, more) if more else asked)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def __call__(self, *asked: Any) -> Any:
        return self.call(*asked)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *params: self.call(name, *params)

    def batch_(self, calls: list[Any]) -> list[Any]:
        self.asked.append(("batch", len(calls)))
        return [self.answer] * len(calls)

    def close(self) -> str:
        return "closed"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.asked.append(("exit",))

    def __len__(self) -> int:
        return 0


@pytest.mark.parametrize(
    "ask",
    [
        lambda node: node.getblockhash(7),
        lambda node: node.call("getblockhash", 7),
        lambda node: node("getblockhash", 7),
    ],
    ids=["attribute", "call", "callable"],
)
def test_each_shape_is_one_call_and_one_operation(ask):
    """However the client is asked, the node is asked once, with the parameters as given, and one span tells of it."""
    real = Node("00ff")
    with capture() as captured:
        assert ask(instrument_bitcoin_rpc(real, wallet_id="hot")) == "00ff"
    assert real.asked == [("getblockhash", 7)]
    span = captured.span("bitcoin_operation", operation="getblockhash", wallet_id="hot")
    assert span.attributes["bitcoin.rpc.result_size"] == 4
    assert "transaction_id" not in span.attributes
    labels = {"operation_type": "getblockhash", "status": "success", "wallet_id": "hot"}
    assert captured.metric("anya_bitcoin_transactions_total", **labels) == 1


def test_the_object_looks_as_before():
    """Type, attributes, `with`, length, truth, equality, copies and `dir` are those of the client."""
    real = Node()
    node = instrument_bitcoin_rpc(real)
    assert isinstance(node, Node)
    assert instrument_bitcoin_rpc(node) is node
    assert node.url == real.url
    node.url = "http://elsewhere"
    assert real.url == "http://elsewhere"
    assert node == real
    assert len(node) == 0
    assert not node
    assert set(dir(node)) == set(dir(real))
    assert node.close() == "closed"
    with node as entered:
        assert entered is node
    assert real.asked == [("exit",)]
    assert isinstance(copy.copy(node), Node)
    with pytest.raises(TypeError):
        iter(node)


def test_the_wallet_is_that_of_the_address():
    """Without a name, the wallet of `…/wallet/<name>` is meant, and `node` where there is none."""
    with capture() as captured:
        instrument_bitcoin_rpc(Node(url="http://h/wallet/cold")).getbalance()
        instrument_bitcoin_rpc(Node()).getbalance()
    assert [span.attributes["wallet_id"] for span in captured.spans("bitcoin_operation")] == ["cold", "node"]


def test_helpers_and_skipped_methods_leave_no_span():
    """What is no method of the node, and what the host leaves out, passes through untraced."""
    node = instrument_bitcoin_rpc(Node(), skip=["getblockcount"])
    with capture() as captured:
        node.close()
        node.getblockcount()
        node.call("getblockcount")
        node.call("NOT A METHOD")
    assert captured.spans() == []


def test_a_batch_is_one_operation():
    """Many calls in one request are one operation."""
    with capture() as captured:
        assert instrument_bitcoin_rpc(Node()).batch_([["getblockhash", 1], ["getblockhash", 2]]) == [5, 5]
    assert captured.span("bitcoin_operation").attributes["operation"] == "batch"


@pytest.mark.parametrize(
    ("method", "params", "sats"),
    [
        ("sendtoaddress", ("a", 0.1), 10_000_000),
        ("sendtoaddress", ("a", "0.00000001"), 1),
        ("sendtoaddress", ("a", Decimal("20999999.9769")), 2_099_999_997_690_000),
        ("sendmany", ("", {"a": 0.1, "b": 0.2}), 30_000_000),
        ("send", ([{"a": 1}, {"b": 2}],), 300_000_000),
        ("send", ({"a": 1},), 100_000_000),
        ("send", ([{"data": "00ff"}],), None),
        ("sendtoaddress", ("a", "all"), None),
        ("sendtoaddress", ("a", -1), None),
        ("sendtoaddress", ("a", float("nan")), None),
        ("sendtoaddress", ("a", 0.000000001), None),
        ("sendtoaddress", ("a",), None),
        ("sendrawtransaction", ("00",), None),
    ],
)
def test_an_amount_is_read_where_it_is_plain(method, params, sats):
    """Bitcoins become whole sats, exactly; anything else is no amount."""
    assert rpc_methods.amount_sats(method, params, {}) == sats
    assert rpc_methods.amount_sats("sendtoaddress", ("a", 5_000), {}, in_sats=True) == 5_000


def test_a_send_does_not_lower_the_balance():
    """The wallet's balance is the business of the host's own `send`; the call below it must not lower it again."""
    with capture() as captured:
        instrument_bitcoin_rpc(Node(TXID), wallet_id="hot").sendtoaddress("address-of-somebody", 0.5)
    assert captured.span("bitcoin_operation").attributes["transaction_id"] == TXID
    assert captured.metrics("anya_bitcoin_wallet_balance_sats", changed=True) == []


@pytest.mark.parametrize(
    ("method", "result", "txid"),
    [
        ("sendtoaddress", TXID, TXID),
        ("send", {"txid": TXID, "complete": True}, TXID),
        ("sendrawtransaction", bytes.fromhex("00" * 31 + "ff"), "ff" + "00" * 31),
        ("sendtoaddress", "no txid", None),
        ("getnewaddress", TXID, None),
        ("dumpprivkey", "cVpF924EspNh8KjYsfhgY96mmxvT6DgdWiTYMtMjuM74hJaU5psW", None),
    ],
)
def test_only_what_was_sent_has_a_txid(method, result, txid):
    """A txid is taken from methods that send, and only where it is one."""
    assert rpc_methods.transaction_id(method, result) == txid


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (JSONRPCException({"code": -6, "message": "m"}), -6),
        (Exception({"code": -8, "message": "m"}), -8),
        (type("E", (Exception,), {"RPC_ERROR_CODE": -25})("m"), -25),
        (type("E", (Exception,), {"error_code": -4})("m"), -4),
        (ConnectionError("gone"), None),
        (type("E", (Exception,), {"code": "text"})("m"), None),
    ],
)
def test_the_nodes_code_is_found_wherever_a_client_keeps_it(error, code):
    """Clients differ in where they keep the code; one that is none is none."""
    assert rpc_errors.error_code(error) == code


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (-6, InsufficientFunds),
        (-26, TransactionFailed),
        (-22, TransactionFailed),
        (-5, BitcoinError),
        (None, BitcoinError),
    ],
)
def test_a_code_amounts_to_an_error_of_ours(code, kind):
    """The host can raise our error in place of its client's."""
    error = JSONRPCException({"code": code, "message": "m"}) if code else ConnectionError("gone")
    assert type(bitcoin_error(error)) is kind


def test_an_error_that_quotes_a_parameter_loses_its_text():
    """What the node says is kept, but not where it repeats what it was given."""
    quoting = JSONRPCException({"code": -5, "message": "Invalid address: bc1qsomebodyelse"})
    plain = JSONRPCException({"code": -5, "message": "Invalid or non-wallet transaction id"})
    with capture() as captured:
        for error in (quoting, plain):
            with pytest.raises(JSONRPCException) as raised:
                instrument_bitcoin_rpc(Node(error)).getaddressinfo("bc1qsomebodyelse")
            assert raised.value is error
    told = [span.attributes["error.message"] for span in captured.spans("bitcoin_operation")]
    assert told == [
        "invalid_address_or_key (-5) in getaddressinfo",
        "invalid_address_or_key (-5) in getaddressinfo: Invalid or non-wallet transaction id",
    ]


@given(
    st.sampled_from(sorted(rpc_methods.CONFIDENTIAL)),
    st.recursive(
        st.text("abcdefghijkmnop0123456789", min_size=8),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
)
def test_a_confidential_parameter_is_written_nowhere(method, parameter):
    """Whatever is given to a method that takes secrets, and whatever the node says of it, no part of it is on record."""
    error = JSONRPCException({"code": -8, "message": f"could not use {parameter!r}"})
    with capture() as captured, pytest.raises(JSONRPCException):
        instrument_bitcoin_rpc(Node(error)).call(method, parameter)
    told = " ".join(
        [*(span.raw.to_json() for span in captured.spans()), *(repr(record.own) for record in captured.logs())]
    )
    assert "could not use" not in told


class Asynchronous:
    """A client whose calls are awaited, in two ways."""

    async def call(self, method: str, *params: Any) -> Any:
        await asyncio.sleep(0)
        return method, params

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *params: self.call(name, *params)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


async def test_calls_at_once_each_have_their_own_operation():
    """Operations of tasks that run at once do not become children of one another."""
    node = instrument_bitcoin_rpc(Asynchronous())
    with capture() as captured:
        async with node as entered:
            assert entered is node
            await asyncio.gather(*(node.getblockhash(height) for height in range(20)), node.call("getblockcount"))
    spans = captured.spans("bitcoin_operation")
    assert len(spans) == 21
    assert {span.parent_id for span in spans} == {""}


async def test_a_cancelled_call_is_an_error_that_says_so():
    """Of a call that was given up nobody knows the outcome: that is an error, and the cancellation passes on."""

    class Slow:
        async def call(self, method: str) -> None:
            await asyncio.Event().wait()

    with capture() as captured:
        calling = asyncio.create_task(instrument_bitcoin_rpc(Slow()).call("sendrawtransaction"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
    span = captured.span("bitcoin_operation")
    assert span.attributes["operation.status"] == "error"
    assert "cancelled" in span.attributes["error.message"]


@pytest.fixture(autouse=True)
def _known_methods() -> Iterator[None]:
    """The lists of methods do not overlap by mistake, and hold nothing that is no method's name."""
    yield
    assert all(rpc_methods.is_method_name(name) for name in rpc_methods.KNOWN)
    assert not rpc_methods.CONFIDENTIAL & rpc_methods.SENDING
