"""Blocks in the engine's Native format."""

from __future__ import annotations

import chdb
import numpy as np
import pytest

from anyascope.store.chdb.native import (
    Block,
    SharedAttributes,
    attribute_columns,
    identities,
    integers,
    offsets,
    strings,
    varint,
)


@pytest.mark.parametrize(("number", "encoded"), [(0, "00"), (127, "7f"), (128, "8001"), (16384, "808001")])
def test_varint(number, encoded):
    """Seven bits a byte, the lowest first."""
    assert varint(number).hex() == encoded


def decoded(data, count):
    found = []
    for _ in range(count):
        length = shift = 0
        while True:
            byte, data = data[0], data[1:]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        found.append(data[:length].decode())
        data = data[length:]
    assert data == b""
    return found


@pytest.mark.parametrize(
    "column",
    [
        [],
        ["same"] * 5,
        ["a", "b"] * 300,
        [f"number {n}" for n in range(600)],
        ["", "é" * 100, "x" * 20_000, "\0"],
    ],
    ids=["empty", "constant", "repetitive", "distinct", "long"],
)
def test_strings_of_every_shape(column):
    """Constant, repetitive, distinct and long columns all read back."""
    assert decoded(strings(column), len(column)) == column


def test_lone_surrogates_become_question_marks():
    """Text that UTF-8 cannot say is stored with marks in its place."""
    assert decoded(strings(["a\ud800", "b"]), 2) == ["a?", "b"]


def test_integers_are_cut_to_their_type():
    """Numbers beyond the type take its bounds."""
    assert integers([2**70, -(2**70), 5], np.int64).tolist() == [2**63 - 1, -(2**63), 5]
    assert integers([300, -1], np.uint8).tolist() == [255, 0]


def test_identities_of_another_length_count_as_absent():
    """An id that is not of its length is stored as zero."""
    assert identities([b"12345678", b"", b"123"], 8) == b"12345678" + bytes(16)


def test_attributes_of_all_kinds_keep_their_letters():
    """Rows of strings alone have no letters; others have one a value."""
    columns = attribute_columns([{"a": "x"}, {}, {"a": 1, "b": "y", "c": [True]}])

    assert list(columns.kinds) == ["", "", "isj"]
    assert columns.data[:24] == offsets([1, 0, 3])


def test_a_block_is_what_the_engine_reads(tmp_path):
    """The engine reads numbers, strings, maps and arrays of a block, and casts to its own types."""
    shared = SharedAttributes.of([{"k": "v"}, {}])
    block = Block(3)
    block.numbers("n", "UInt64", np.array([1, 2, 2**64 - 1], np.uint64))
    block.strings("s", ["ü", "", "x"])
    block.add("m", "Map(String, String)", shared.column([0, 1, 0]))
    block.add("a", "Array(Int32)", offsets([2, 0, 1]) + np.array([1, 2, 3], np.int32).tobytes())
    path = tmp_path / "block"
    path.write_bytes(block.bytes())

    answer = chdb.query(
        f"SELECT * FROM file('{path}', Native, 'n UInt64, s LowCardinality(String),"
        " m Map(LowCardinality(String), String), a Array(Int32)')",
        "TSV",
    ).bytes()

    assert answer.decode().splitlines() == [
        "1\tü\t{'k':'v'}\t[1,2]",
        "2\t\t{}\t[]",
        "18446744073709551615\tx\t{'k':'v'}\t[3]",
    ]
