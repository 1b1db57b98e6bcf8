"""A PostgreSQL server of Debian's on a socket of its own, run by a user who may do nothing else, with its data in a folder."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PORT = 5432  # names the socket; nothing listens on the network
READY_S = 300.0
STOP_S = 60.0


@dataclass
class Postgres:
    """The server."""

    folder: Path
    process: subprocess.Popen[bytes]

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?unix_sock={self.folder}/.s.PGSQL.{PORT}"

    def run(self, statement: str) -> list[list[object]]:
        """What a statement says."""
        import pg8000.native

        connection = pg8000.native.Connection("postgres", unix_sock=f"{self.folder}/.s.PGSQL.{PORT}")
        try:
            return list(connection.run(statement) or ())
        finally:
            connection.close()

    def emptied(self) -> str:
        """The address of the database, without documents; its schema, once it is made, stays."""
        if self.run("SELECT to_regclass('documents')")[0][0] is not None:
            self.run("TRUNCATE documents")
        return self.url("postgres")


def _programs() -> Path:
    found = shutil.which("postgres")
    candidates = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    if found:
        candidates.insert(0, Path(found).resolve().parent)
    for folder in candidates:
        if (folder / "initdb").exists():
            return folder
    pytest.skip("PostgreSQL is absent: see .ci/components")


def _runs_as() -> dict[str, int]:
    """PostgreSQL does not run as root; whoever is not root runs it as themselves."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid}
    pytest.skip("there is no user who could run PostgreSQL")


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Made, started, and stopped by its process id at the end. Its disk writes are not waited for: no test cuts the power."""
    programs, identity = _programs(), _runs_as()
    # Beside the temporary folders of pytest, whose path is too long for a socket and closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="anya-pg-", dir="/tmp"))
    try:
        if identity:
            os.chown(folder, identity["user"], identity["group"])
        made = subprocess.run(
            [programs / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-N", "--no-instructions"],
            cwd=folder, capture_output=True, text=True, check=False, **identity,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        options = ("fsync=off", "listen_addresses=", f"unix_socket_directories={folder}", f"port={PORT}")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [programs / "postgres", "-D", folder / "data", *(part for one in options for part in ("-c", one))],
                cwd=folder, stdout=log, stderr=subprocess.STDOUT, **identity,
            )  # fmt: skip
        try:
            server = Postgres(folder, process)
            _await_ready(server)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # "fast": connections that are left are cut
            process.wait(STOP_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _await_ready(server: Postgres) -> None:
    import pg8000.native

    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        assert server.process.poll() is None, (server.folder / "log").read_text()
        try:
            pg8000.native.Connection("postgres", unix_sock=f"{server.folder}/.s.PGSQL.{PORT}").close()
        except pg8000.native.Error:
            time.sleep(0.05)
        else:
            return
    raise AssertionError((server.folder / "log").read_text())
