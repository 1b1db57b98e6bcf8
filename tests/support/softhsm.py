"""A SoftHSM token in a folder of the test. The library reads SOFTHSM2_CONF once a process: use it in a child."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.components import REPOSITORY, component

RUN_WITHIN_S = 300.0
_HOLDS = """
import sys
import pkcs11

with pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2]).open(user_pin=sys.argv[3]):
    print("open", flush=True)
    sys.stdin.read()
"""
_FIRST = "00000000-0000-0000-a0a1-a2a3a4a5a6a7"  # its second half stands in no key's file by chance
_KEYS = (  # label, id, how pkcs11-tool makes it
    ("ec", "01", ("--keypairgen", "--key-type", "EC:secp256k1", "--usage-sign")),
    ("aes", "02", ("--keygen", "--key-type", "AES:32", "--sensitive")),
)


@dataclass(frozen=True)
class SoftHsm:
    """A token with an EC secp256k1 pair (label `ec`, id 01) and an AES-256 key (`aes`, 02). The PINs are no secret."""

    module: Path
    config: Path
    label: str = "anya"
    pin: str = "24681357"
    so_pin: str = "97531864"

    @property
    def environment(self) -> dict[str, str]:
        """What a process that uses it needs."""
        path = os.pathsep.join(str(REPOSITORY / part) for part in ("src", "tests"))
        return {**os.environ, "SOFTHSM2_CONF": str(self.config), "PYTHONPATH": path}

    def run(self, program: str, *arguments: str) -> str:
        """What a Python program prints that uses the token; `sys.argv[1:]` are module, label, PIN, then `arguments`."""
        done = subprocess.run(
            [sys.executable, "-c", program, str(self.module), self.label, self.pin, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=RUN_WITHIN_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    @contextlib.contextmanager
    def client(self) -> Iterator[None]:
        """Another program that has a session open."""
        with subprocess.Popen(
            [sys.executable, "-c", _HOLDS, str(self.module), self.label, self.pin],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                assert process.stdout.readline() == "open\n"
                yield
            finally:
                process.stdin.close()  # which ends it
                process.wait(timeout=RUN_WITHIN_S)


def softhsm(directory: Path) -> SoftHsm:
    """A token of its own, or skip where SoftHSM is not installed.

    It is a copy of one that is made once a process, with the keys of that one and a serial number of its own.
    """
    module, files = _made()
    own = str(uuid.uuid4())
    folder = directory / "tokens" / own
    folder.mkdir(parents=True, mode=0o700)
    for name, content in files.items():
        (folder / name).write_bytes(content.replace(_serial_of(_FIRST), _serial_of(own)))
    return SoftHsm(module=module, config=_configured(directory, folder.parent))


def _serial_of(folder: str) -> bytes:
    """SoftHSM names a token's folder by a UUID, whose second half is the serial number."""
    return (folder[19:23] + folder[24:36]).encode()


@functools.cache
def _made() -> tuple[Path, dict[str, bytes]]:
    """The library, and the files of a token whose serial number is that of `_FIRST`; nothing is left on the disk."""
    tool = component("pkcs11-tool")
    root = component("softhsm2-util").parents[1] / "lib" / "softhsm"
    places = [*root.rglob("libsofthsm2.so"), *Path("/usr/lib").glob("**/softhsm/libsofthsm2.so")]
    if not places:
        pytest.skip("the library of SoftHSM is not installed: run `bash .ci/components`")
    with tempfile.TemporaryDirectory(prefix="softhsm-") as name:
        tokens = Path(name) / "tokens"
        tokens.mkdir(mode=0o700)
        token = SoftHsm(module=places[0], config=_configured(Path(name), tokens))
        init_token(token, token.label)
        for label, identifier, how in _KEYS:
            login = ("--token-label", token.label, "--login", "--pin", token.pin)
            _said(token, str(tool), *login, *how, "--label", label, "--id", identifier)
        (folder,) = tokens.iterdir()
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
    described = files["token.object"]
    assert described.count(_serial_of(folder.name)) == 1
    files["token.object"] = described.replace(_serial_of(folder.name), _serial_of(_FIRST))
    return places[0], files


def init_token(token: SoftHsm, label: str) -> None:
    """Put one more token beside it, with the same PINs."""
    _said(
        token,
        str(component("softhsm2-util")),
        "--init-token",
        "--free",
        *("--label", label, "--pin", token.pin, "--so-pin", token.so_pin),
    )


def _configured(directory: Path, tokens: Path) -> Path:
    config = directory / "softhsm2.conf"
    config.write_text(
        f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n"
        "slots.mechanisms = ALL\nlibrary.reset_on_fork = false\n"
    )
    return config


def _said(token: SoftHsm, *command: str) -> None:
    done = subprocess.run(
        [command[0], "--module", str(token.module), *command[1:]],
        env=token.environment,
        capture_output=True,
        text=True,
        timeout=RUN_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, f"{command[1:4]}: {done.stderr}"


def run_tool(token: SoftHsm, *arguments: str) -> None:
    """Do something to the token with OpenSC's tool, logged in."""
    login = ("--token-label", token.label, "--login", "--pin", token.pin)
    _said(token, str(component("pkcs11-tool")), *login, *arguments)
