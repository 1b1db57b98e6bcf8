"""When certificates expire: of PEM files and of TLS servers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from anyascope.collect.points import Family
from anyascope.errors import InvalidInputError
from anyascope.model.metrics import MetricType

PEM_BYTES_MAX = 4 * 1024 * 1024  # a bundle of all public authorities is 230 kB
CERTIFICATES_MAX = 1000  # of one file; a bundle of authorities has 150
HANDSHAKE_TIMEOUT_S = 10.0  # as blackbox_exporter's usual probe
_PORT_DEFAULT = 443


@dataclass(frozen=True, slots=True)
class Expiry:
    """When one certificate ends, in Unix time, and whose it is."""

    subject: str
    issuer: str
    serial: str
    not_after_s: float


def read_pem(path: Path) -> list[Expiry]:
    """All certificates of a file.

    Raises:
        InvalidInputError: it cannot be read, or holds no certificate.
    """
    try:
        with path.open("rb") as file:
            certificates = x509.load_pem_x509_certificates(file.read(PEM_BYTES_MAX))
        return [_expiry(certificate) for certificate in certificates[:CERTIFICATES_MAX]]
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # its fields are read one by one: any of them may be damaged
        raise InvalidInputError(f"{path} holds no certificate: {error}") from error


async def ask_endpoint(address: str) -> Expiry:
    """The certificate that a TLS server shows, whether it can be trusted or not.

    Raises:
        InvalidInputError: there is no TLS server at this address, or its certificate cannot be read.
    """
    host, port = split_address(address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Only looked at: an expired or foreign certificate is just what is to be told.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    except TimeoutError:
        raise InvalidInputError(f"{address}: no handshake within {HANDSHAKE_TIMEOUT_S:g} s") from None
    except OSError as error:
        raise InvalidInputError(f"{address}: {error.strerror or error}") from error
    except ValueError as error:
        raise InvalidInputError(f"{address} is no address: {error}") from error
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
    if not shown:
        raise InvalidInputError(f"{address} shows no certificate")
    try:
        return _expiry(x509.load_der_x509_certificate(shown))
    except ValueError as error:
        raise InvalidInputError(f"{address} shows a damaged certificate: {error}") from error


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host`, `host:port` or `[v6]:port`; the port is 443 where none is said.

    Raises:
        InvalidInputError: the port is no number.
    """
    host, colon, port = address.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        return address.strip("[]"), _PORT_DEFAULT
    if not port.isdigit():
        raise InvalidInputError(f"{address!r} is not host:port")
    return host.strip("[]"), int(port)


def _expiry(certificate: x509.Certificate) -> Expiry:
    return Expiry(
        subject=_name(certificate.subject),
        issuer=_name(certificate.issuer),
        serial=f"{certificate.serial_number:x}",
        not_after_s=certificate.not_valid_after_utc.timestamp(),
    )


def _name(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else name.rfc4514_string()


async def read_certificates(files: Sequence[Path], endpoints: Sequence[str]) -> tuple[list[Family], tuple[str, ...]]:
    """The families of all certificates, and what could not be read, one sentence each."""
    expiry = Family(
        "anyascope_certificate_expiry_timestamp_seconds",
        MetricType.GAUGE,
        "When the certificate ends, in Unix time.",
    )
    earliest = Family(
        "probe_ssl_earliest_cert_expiry", MetricType.GAUGE, "When the first certificate of the target ends."
    )
    success = Family("probe_success", MetricType.GAUGE, "Whether the certificates could be read.")
    faults: list[str] = []
    asked = await asyncio.gather(
        *(asyncio.to_thread(read_pem, path) for path in files),
        *(_ask_as_list(address) for address in endpoints),
        return_exceptions=True,
    )
    sources = [("file", str(path)) for path in files] + [("endpoint", address) for address in endpoints]
    for (kind, source), answer in zip(sources, asked, strict=True):
        instance = ("instance", source)
        success.add(float(not isinstance(answer, BaseException)), instance)
        if isinstance(answer, InvalidInputError):
            faults.append(str(answer))
        elif isinstance(answer, BaseException):
            raise answer
        else:
            _add(expiry, answer, (instance, ("kind", kind)))
            earliest.add(min(found.not_after_s for found in answer), instance)
    return [expiry, earliest, success], tuple(faults)


async def _ask_as_list(address: str) -> list[Expiry]:
    return [await ask_endpoint(address)]


def _add(family: Family, found: Sequence[Expiry], own: tuple[tuple[str, str], ...]) -> None:
    distinct = {(one.subject, one.issuer, one.serial): one for one in found}
    for one in distinct.values():
        family.add(one.not_after_s, *own, ("subject", one.subject), ("issuer", one.issuer), ("serial", one.serial))
