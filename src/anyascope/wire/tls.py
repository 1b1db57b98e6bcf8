"""TLS contexts for clients, as the settings ask for them."""

from __future__ import annotations

import os
import ssl
import tempfile
from functools import lru_cache
from pathlib import Path

from anyascope.errors import InvalidInputError
from anyascope.model.http import TlsOptions, TlsVersion

_VERSIONS = {
    TlsVersion.TLS10: ssl.TLSVersion.TLSv1,
    TlsVersion.TLS11: ssl.TLSVersion.TLSv1_1,
    TlsVersion.TLS12: ssl.TLSVersion.TLSv1_2,
    TlsVersion.TLS13: ssl.TLSVersion.TLSv1_3,
}


def tls_context(options: TlsOptions) -> ssl.SSLContext:
    """A client's context; one that all share where nothing is asked for.

    Raises:
        InvalidInputError: a certificate or key cannot be read or used.
    """
    if options == TlsOptions():
        return default_context()
    try:
        context = ssl.create_default_context(
            cafile=str(options.ca_file) if options.ca_file else None, cadata=options.ca or None
        )
    except (OSError, ValueError, TypeError) as error:  # TypeError: a text that is not ASCII
        raise InvalidInputError(f"the authorities in {options.ca_file or 'ca'} are not usable: {error}") from error
    context.minimum_version = _VERSIONS[options.min_version]
    if options.max_version is not None:
        context.maximum_version = _VERSIONS[options.max_version]
    if options.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options.cert_file or options.cert:
        _load_own(context, options)
    return context


@lru_cache(maxsize=1)
def default_context() -> ssl.SSLContext:
    """The machine's own authorities: reading them takes 20 to 50 ms, so they are read once and shared."""
    return ssl.create_default_context()


def _load_own(context: ssl.SSLContext, options: TlsOptions) -> None:
    try:
        with tempfile.TemporaryDirectory() as folder:
            # The library takes files only; this folder is readable by us alone and gone at once.
            cert = options.cert_file or _write(Path(folder, "cert.pem"), options.cert)
            key = options.key_file or (_write(Path(folder, "key.pem"), options.key.reveal()) if options.key else None)
            context.load_cert_chain(cert, key)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"the client certificate {options.cert_file or ''} is not usable: {error}") from error


def _write(path: Path, text: str) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path
