"""Unit tests of what a node's RPC answers."""

from __future__ import annotations

import json

import pytest

from anyascope.wire.bitcoin.rpc import Call, Refusal, decode_answers, encode_calls


def test_one_call_is_plain_and_several_are_a_batch():
    """A single call is an object, several are a list with ids of their own."""
    assert json.loads(encode_calls([Call("uptime")])) == {"jsonrpc": "1.0", "id": 0, "method": "uptime", "params": []}
    batch = json.loads(encode_calls([Call("getblockhash", (1,)), Call("getblockhash", (2,))]))
    assert [(each["id"], each["params"]) for each in batch] == [(0, [1]), (1, [2])]


def test_answers_of_a_batch_are_told_in_the_order_of_the_calls():
    """Whatever order a node answers in, each call gets its own; a missing one is a refusal."""
    body = json.dumps(
        [
            {"id": 1, "result": "b", "error": None},
            {"id": 0, "result": None, "error": {"code": -8, "message": "Block height out of range"}},
        ]
    ).encode()
    first, second, third = decode_answers(3, 200, body)
    assert first == Refusal("invalid_parameter", "Block height out of range")
    assert second == "b"
    assert third.code == "invalid_answer"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, b"", "unauthorized"),
        (403, b"", "forbidden"),
        (503, b"Work queue depth exceeded", "busy"),
        (500, b"Work queue depth exceeded", "busy"),  # as nodes until 22 say it
        (503, b"<html>no server is available</html>", "busy"),
        (500, b"oops", "http_error"),
        (200, b"[" * 100_000, "invalid_answer"),
        (404, b'{"result":null,"error":{"code":-32601,"message":"Method not found"},"id":1}', "method_not_found"),
        (500, b'{"result":null,"error":{"code":-28,"message":"Loading block index"},"id":1}', "in_warmup"),
        (200, b'{"result":{"chain":"regt', "invalid_answer"),
        (200, b'"text"', "invalid_answer"),
        (200, b'{"id":0}', "invalid_answer"),
        (200, b'{"error":"strange","id":0}', "rpc_error"),
    ],
)
def test_every_failure_has_its_word(status, body, code):
    """Statuses, the node's own errors and broken bodies each become one code."""
    assert [answer.code for answer in decode_answers(1, status, body)] == [code]


def test_an_empty_result_is_a_result():
    """`null` without an error is what some methods answer."""
    assert decode_answers(1, 200, b'{"result":null,"error":null,"id":0}') == [None]
