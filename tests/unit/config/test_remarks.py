"""Unit tests of what settings say that is sound and hardly meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyascope.config.load import Sources, check_remarks, load
from anyascope.config.remarks import remarks_on

NODE = 'cookie_file: c, url: "http://127.0.0.1:8332"'


@pytest.fixture
def written(tmp_path: Path):
    """A configuration in a folder of its own."""

    def write(text: str) -> Path:
        file = tmp_path / "anyascope.yml"
        file.write_text(text)
        return file

    return write


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("custody: {}", "custody: no spend is seen without a Bitcoin node: add one to collectors.bitcoin.nodes"),
        (
            f"custody: {{wallets: [custody-*]}}\ncollectors: {{bitcoin: {{nodes: [{{name: a, wallets: [hot, ''], {NODE}}}]}}}}",
            "custody.wallets: custody-* is no watched wallet; those of collectors.bitcoin.nodes are: default, hot",
        ),
        (
            f"collectors: {{bitcoin: {{nodes: [{{name: a, {NODE}}}, {{name: b, {NODE}}}]}}}}",
            "collectors.bitcoin: a and b are one node, http://127.0.0.1:8332: it cannot be compared with itself",
        ),
    ],
)
def test_what_can_have_no_effect_is_told(written, text, told):
    """By the check, by the server's log and by `anyascope doctor`."""
    settings = load(Sources(config=written(text)))
    assert told in settings.warnings
    assert told in check_remarks(settings.files[0])


def test_wallets_that_only_the_node_knows_are_not_doubted(written):
    """Every loaded one is watched."""
    settings = load(
        Sources(
            config=written(f"custody: {{wallets: [hot]}}\ncollectors: {{bitcoin: {{nodes: [{{name: a, {NODE}}}]}}}}")
        )
    )
    assert remarks_on(settings) == ()


def test_files_that_cannot_be_read_are_told_with_what_to_do(written, tmp_path):
    """A missing cookie, a PIN that others can read, a module that is not there; none of it is a mistake."""
    pin = tmp_path / "core.pin"
    pin.write_text("1234")
    pin.chmod(0o644)
    file = written(
        f"collectors:\n  bitcoin: {{nodes: [{{name: a, {NODE}}}]}}\n"
        "  hsm: [{name: core, module: no.so, pin_file: core.pin}]\n"
    )
    advice = "; a node that runs has it in its data directory, below the chain's folder but for main"
    assert check_remarks(file) == (
        f"collectors.bitcoin, node a: cookie_file {tmp_path / 'c'} is not there{advice}",
        f"collectors.hsm, core: module {tmp_path / 'no.so'} is not there",
        f"collectors.hsm, core: pin_file {pin} can be read by others: chmod 600 {pin}",
    )


def test_an_authority_that_is_not_there_is_told(written, tmp_path):
    """Without it the node can never be believed."""
    file = written(
        "collectors: {bitcoin: {nodes: [{name: a, url: 'https://127.0.0.1:1', username: u, password: p, tls: {ca_file: ca.pem}}]}}"
    )
    assert check_remarks(file) == (f"collectors.bitcoin, node a: tls.ca_file {tmp_path / 'ca.pem'} is not there",)


def test_nothing_is_told_where_all_is_well(written, tmp_path):
    """Not a word that nobody needs."""
    (tmp_path / "c").write_text("__cookie__:x")
    assert check_remarks(written(f"collectors: {{bitcoin: {{nodes: [{{name: a, {NODE}}}]}}}}")) == ()
