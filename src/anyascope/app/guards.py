"""What must be true before the server starts; each refusal is one sentence that says what to change."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from anyascope.config.addresses import Address
from anyascope.errors import DeniedError, InvalidInputError, UnavailableError


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
