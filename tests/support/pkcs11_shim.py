"""A PKCS#11 module in front of SoftHSM that hangs, locks or counts sessions when told so: what SoftHSM cannot do itself."""

from __future__ import annotations

import contextlib
import functools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.softhsm import SoftHsm

SOURCE = Path(__file__).with_suffix(".c")


@dataclass(frozen=True)
class Shim:
    """A module and the folder by whose files it is told what to do; see the source."""

    module: Path
    folder: Path
    environment: dict[str, str]

    def tell(self, name: str, text: str = "") -> None:
        (self.folder / name).write_text(text)

    def untell(self, name: str) -> None:
        (self.folder / name).unlink()

    def logins(self) -> int:
        """How many logins were tried."""
        path = self.folder / "logins"
        return path.stat().st_size if path.exists() else 0


def shim(token: SoftHsm, directory: Path) -> Shim:
    """A new one in front of a token, or skip where there is no compiler."""
    folder = directory / "shim"
    folder.mkdir()
    module = folder / "shim.so"
    module.write_bytes(_compiled())
    return Shim(module, folder, {"SHIM": str(folder), "SHIM_MODULE": str(token.module)})


@functools.cache
def _compiled() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "shim.so"
        subprocess.run([_compiler(), "-shared", "-fPIC", "-o", made, SOURCE, "-ldl"], check=True, timeout=60)
        return made.read_bytes()


def compiled(source: str, made: Path) -> Path:
    """A library of this source, or skip where there is no compiler."""
    path = made.with_suffix(".c")
    path.write_text(source)
    subprocess.run([_compiler(), "-shared", "-fPIC", "-o", made, path], check=True, timeout=60)
    return made


def _compiler() -> str:
    found = shutil.which("cc") or shutil.which("gcc")
    if found is None:
        pytest.skip("there is no C compiler")
    return found


LEAKING = """
import sys, pkcs11
token = pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2])
kept = []
for line in sys.stdin:
    kept += [token.open() for _ in range(int(line))]
    print(len(kept), flush=True)
"""


@contextlib.contextmanager
def leaking(token: SoftHsm, front: Shim) -> Iterator[subprocess.Popen[str]]:
    """A client that opens as many sessions as it is told a line, closes none, and says how many it has."""
    command = [sys.executable, "-c", LEAKING, str(front.module), token.label]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env={**token.environment, **front.environment}, **pipes) as client:
        try:
            yield client
        finally:
            client.kill()
