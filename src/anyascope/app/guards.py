"""What must be true before the server starts; each refusal is one sentence that says what to change."""

from __future__ import annotations

import os
import shutil
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from anyascope.config.addresses import Address
from anyascope.config.settings import ServerSettings, TlsFiles
from anyascope.errors import DeniedError, InvalidInputError, UnavailableError
from anyascope.forward.options import ForwardOptions
from anyascope.wire.hosts import is_loopback

DEFAULT_PORTS = {"http": 80, "https": 443}
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  # compared with, not listened to


def check_bind(address: Address, *, has_tls: bool, has_token: bool) -> None:
    """Refuse an address that others can reach unless it has both TLS and a token."""
    if address.is_loopback or (has_tls and has_token):
        return
    missing = " and ".join(
        name
        for name, is_there in (("TLS (server.tls)", has_tls), ("a token (access.token_files)", has_token))
        if not is_there
    )
    raise DeniedError(
        f"{address} can be reached from other machines, which needs {missing}; "
        "set it in anyascope.yml or listen on 127.0.0.1"
    )


def check_tls(files: TlsFiles) -> None:
    """Refuse files that hold no certificate with its own key, or a key that asks for a password."""
    try:
        load_tls(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), files)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidInputError(
            f"{files.cert_file} and {files.key_file} are no certificate with its key: {reason}", path="server.tls"
        ) from error


def load_tls(context: ssl.SSLContext, files: TlsFiles) -> None:
    """Let a context show this certificate from the next connection on.

    Raises:
        OSError: the files hold none; the context is then of no use.
    """
    context.load_cert_chain(files.cert_file, files.key_file, password=str)  # no question at a terminal


def check_far_ends(forward: ForwardOptions, server: ServerSettings) -> None:
    """Refuse to send samples to this very server: each would be stored and sent again without end."""
    for remote in forward.remotes:
        far = urlsplit(remote.url.reveal())
        port = far.port or DEFAULT_PORTS[far.scheme]
        external = urlsplit(server.external_url)
        is_listened_to = port == server.listen.port and (
            far.hostname == server.listen.host
            or (is_loopback(far.hostname or "") and (server.listen.is_loopback or server.listen.host in EVERY_ADDRESS))
        )
        is_external = bool(external.hostname) and (
            (external.hostname, external.port or DEFAULT_PORTS.get(external.scheme, 0)) == (far.hostname, port)
        )
        if is_listened_to or is_external:
            raise InvalidInputError(
                f"{remote.shown_url} is this server's own address: what it stores would be sent to itself without end",
                path=f"remote_write ({remote.name})",
            )


def prepare_directory(directory: Path) -> None:
    """Make the data directory, readable by this user alone, or say why it cannot be."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InvalidInputError(f"the data directory {directory} cannot be made: {error.strerror}") from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise InvalidInputError(f"the data directory {directory} cannot be written by this user")


def check_reserve(directory: Path, *, reserve_bytes: int) -> None:
    """Refuse a disk that has less free space than what is to be left free."""
    free_bytes = shutil.disk_usage(directory).free
    if free_bytes < reserve_bytes:
        raise UnavailableError(
            f"the disk of {directory} has {free_bytes // 2**20} MiB free, and {reserve_bytes // 2**20} MiB are to stay "
            "free (storage.reserve); free some space or choose another directory with --data",
            retry_after_s=60.0,
        )
