"""What must be true before the server starts."""

from __future__ import annotations

import itertools

import pytest

from anyascope.app.guards import check_bind, check_far_ends, check_reserve, prepare_directory
from anyascope.config.addresses import Address
from anyascope.config.settings import ServerSettings
from anyascope.errors import DeniedError, InvalidInputError, UnavailableError
from anyascope.forward.options import ForwardOptions, RemoteWrite
from anyascope.model.secret import Secret

PUBLIC = ("0.0.0.0", "::", "192.0.2.1", "example.org")


@pytest.mark.parametrize(("host", "tls", "token"), list(itertools.product(PUBLIC, (False, True), (False, True))))
def test_a_public_address_needs_tls_and_a_token(host, tls, token):
    """Every combination that lacks one of them is refused with what is missing."""
    if tls and token:
        check_bind(Address(host, 9470), has_tls=tls, has_token=token)
        return
    with pytest.raises(DeniedError) as refused:
        check_bind(Address(host, 9470), has_tls=tls, has_token=token)
    assert ("TLS" in str(refused.value)) is not tls
    assert ("token_files" in str(refused.value)) is not token


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_needs_nothing(host):
    """Loopback is open to this machine."""
    check_bind(Address(host, 9470), has_tls=False, has_token=False)


def test_the_reserve_is_kept_free(tmp_path):
    """A disk with less free space than the reserve is refused, and the message says what to do."""
    check_reserve(tmp_path, reserve_bytes=1)
    with pytest.raises(UnavailableError, match=r"storage\.reserve"):
        check_reserve(tmp_path, reserve_bytes=2**62)


def test_the_directory_is_made_for_this_user_alone(tmp_path):
    """The data directory is made with mode 0700."""
    directory = tmp_path / "a" / "b"
    prepare_directory(directory)
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_directory_that_cannot_be_made_is_explained(tmp_path):
    """A file in the way is named."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="cannot be made"):
        prepare_directory(tmp_path / "file" / "data")


@pytest.mark.parametrize(
    ("url", "listen", "external", "is_own"),
    [
        ("http://127.0.0.1:9470/api/v1/write", Address("127.0.0.1", 9470), "", True),
        ("http://localhost:9470/api/v1/write", Address("0.0.0.0", 9470), "", True),
        ("https://anya.example/api/v1/write", Address("127.0.0.1", 9470), "https://anya.example", True),
        ("http://127.0.0.1:9471/api/v1/write", Address("127.0.0.1", 9470), "", False),
        ("http://other.example:9470/api/v1/write", Address("0.0.0.0", 9470), "https://anya.example", False),
    ],
)
def test_samples_are_not_sent_to_this_very_server(url, listen, external, is_own):
    """A far end that is this server would feed on itself; it is refused with its name."""
    forward = ForwardOptions((RemoteWrite("far", Secret(url), url),))
    server = ServerSettings(listen=listen, external_url=external)
    if is_own:
        with pytest.raises(InvalidInputError, match=r"remote_write \(far\): .*without end"):
            check_far_ends(forward, server)
    else:
        check_far_ends(forward, server)
