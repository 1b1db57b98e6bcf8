"""TLS contexts from options, read again when a file changes."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from pathlib import Path

from anyascope.collect.scrape_config import TlsOptions, TlsVersion
from anyascope.errors import InvalidInputError

_VERSIONS = {
    TlsVersion.TLS10: ssl.TLSVersion.TLSv1,
    TlsVersion.TLS11: ssl.TLSVersion.TLSv1_1,
    TlsVersion.TLS12: ssl.TLSVersion.TLSv1_2,
    TlsVersion.TLS13: ssl.TLSVersion.TLSv1_3,
}


class TlsContexts:
    """The TLS context of one set of options.

    Loading the system's authorities takes some 20 ms, so a context is kept until one of its files has another time.
    """

    def __init__(self, options: TlsOptions) -> None:
        self._options = options
        self._times: tuple[int, ...] = ()
        self._context: ssl.SSLContext | None = None

    async def context(self) -> ssl.SSLContext:
        """The context as the files are now.

        Raises:
            InvalidInputError: a file cannot be read or used.
        """
        options = self._options
        files = [path for path in (options.ca_file, options.cert_file, options.key_file) if path is not None]
        times = tuple(_changed_ns(path) for path in files)
        if self._context is None or times != self._times:
            self._context = await asyncio.to_thread(make_context, options)
            self._times = times
        return self._context


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise InvalidInputError(f"TLS file {path} cannot be read: {error.strerror}") from error


def make_context(options: TlsOptions) -> ssl.SSLContext:
    """A client's context.

    Raises:
        InvalidInputError: a certificate or key is not usable.
    """
    try:
        context = ssl.create_default_context(
            cafile=str(options.ca_file) if options.ca_file else None, cadata=options.ca or None
        )
    except (ssl.SSLError, OSError) as error:
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


def _load_own(context: ssl.SSLContext, options: TlsOptions) -> None:
    try:
        with tempfile.TemporaryDirectory() as folder:
            # The TLS library reads chains from files only; the folder is ours alone and gone again at once.
            cert, key = options.cert_file, options.key_file
            if cert is None:
                cert = Path(folder, "cert.pem")
                cert.write_text(options.cert)
            if key is None:
                key = Path(folder, "key.pem")
                key.write_text(options.key.reveal() if options.key else "")
            context.load_cert_chain(cert, key)
    except (ssl.SSLError, OSError) as error:
        raise InvalidInputError(f"the client certificate {options.cert_file or ''} is not usable: {error}") from error
