"""TLS as the settings ask for it."""

from __future__ import annotations

import os
import ssl
import tempfile
from functools import lru_cache

from anyascope.errors import InvalidInputError
from anyascope.model.receivers import TlsOptions

_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}


def tls_context(options: TlsOptions) -> ssl.SSLContext:
    """A client's context.

    Raises:
        InvalidInputError: a certificate or key cannot be read.
    """
    if options == TlsOptions():
        return default_context()
    try:
        context = ssl.create_default_context(cafile=options.ca_file or None, cadata=options.ca or None)
        if options.cert or options.cert_file:
            _load_own(context, options)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise InvalidInputError(f"certificate or key cannot be used: {error}") from error
    if options.min_version:
        context.minimum_version = _VERSIONS[options.min_version]
    if options.max_version:
        context.maximum_version = _VERSIONS[options.max_version]
    if options.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@lru_cache(maxsize=1)
def default_context() -> ssl.SSLContext:
    """The machine's own authorities: reading them takes 50 ms, so they are read once and shared."""
    return ssl.create_default_context()


def _load_own(context: ssl.SSLContext, options: TlsOptions) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # The library takes files only; this folder is readable by us alone and gone at once.
        cert_file = options.cert_file or _write(folder, "cert.pem", options.cert)
        key = options.key.reveal() if options.key is not None else ""
        key_file = options.key_file or (_write(folder, "key.pem", key) if key else None)
        context.load_cert_chain(cert_file, key_file)


def _write(folder: str, name: str, text: str) -> str:
    path = os.path.join(folder, name)  # noqa: PTH118  # the library wants a text
    with open(path, "w", encoding="utf-8", opener=lambda file, flags: os.open(file, flags, 0o600)) as file:
        file.write(text)
    return path
