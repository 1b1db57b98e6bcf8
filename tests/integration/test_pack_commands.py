"""What the packs tell people to type exists: every method that rules, runbooks and guides name is one of a real node."""

from __future__ import annotations

import re

from anyascope import packs
from support.components import REPOSITORY
from support.regtest import RpcError, regtest_nodes

COMMAND = re.compile(r"bitcoin-cli ((?:-\S+ )*)([a-z]+)\b(?! that| of)")
GUIDES = ("bitcoin.md", "custody.md", "demo.md", "packs.md", "reconciliation.md")


def named_methods():
    """Method by where it is named."""
    texts = {
        f"{name}/{file}": text
        for name in packs.names()
        for file, text in packs.files_of(name).items()
        if file.endswith((".yml", ".md"))
    }
    texts |= {guide: (REPOSITORY / "docs/guide" / guide).read_text() for guide in GUIDES}
    return {method: where for where, text in texts.items() for _, method in COMMAND.findall(text)}


def test_every_command_is_one_of_the_node(tmp_path):
    """A real node has help on each."""
    methods = named_methods()
    assert len(methods) > 20
    with regtest_nodes(tmp_path) as [node]:

        def is_known(method: str) -> bool:
            try:
                return "unknown command" not in node.call("help", method)
            except RpcError:
                return False

        assert {method: where for method, where in methods.items() if not is_known(method)} == {}
