"""How to speak HTTP, as both upstream programs write it: what is read, and what each mistake says."""

from __future__ import annotations

import pytest

from anyascope.model.http import HttpOptions, TlsVersion, is_direct
from anyascope.model.secret import SecretFile
from anyascope.wire.http_settings import HttpSpeaker, read_http_options, split_no_proxy
from anyascope.wire.settings import read_settings

SIMPLE = HttpSpeaker(proxy_schemes=("http",), has_proxy_from_environment=False, needs_username=True)
ABLE = HttpSpeaker(proxy_schemes=("http", "https"), has_proxy_from_environment=True, needs_username=False)


def read(text, speaker=ABLE):
    section = read_settings(text, file="/conf/x.yml")
    options = read_http_options(section, speaker)
    section.done()
    section.raise_if_wrong()
    return options


def messages(text, speaker=ABLE):
    section = read_settings(text, file="/conf/x.yml")
    read_http_options(section, speaker)
    section.done()
    return [mistake.message for mistake in section._mistakes.found]


def test_nothing_said_is_the_default():
    """Where nothing is written the options are the defaults."""
    assert read("") == HttpOptions()


def test_name_and_password_may_stand_in_files():
    """Both halves of `basic_auth` may stand in files beside the settings file."""
    basic_auth = read("basic_auth: {username_file: user, password_file: /run/pass}").basic_auth
    assert isinstance(basic_auth.username, SecretFile)
    assert [str(secret.path) for secret in basic_auth] == ["/conf/user", "/run/pass"]


def test_a_bearer_token_is_an_authorization():
    """`bearer_token` is the older way to write `authorization`."""
    assert read("bearer_token: t") == read("authorization: {credentials: t}")


def test_what_a_proxy_is_told_is_secret():
    """Neither the proxy's address nor its headers are shown."""
    options = read("{proxy_url: 'http://u:pw@p:1', proxy_connect_header: {X-Key: [tok]}}")
    assert options.proxy_headers[0][1].reveal() == "tok"
    assert "pw" not in repr(options)
    assert "tok" not in repr(options)


def test_tls_versions_are_read():
    """The oldest version is 1.2 where none is given, and the newest is the library's."""
    assert read("").tls.min_version is TlsVersion.TLS12
    assert read("tls_config: {max_version: TLS13}").tls.max_version is TlsVersion.TLS13


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("oauth2: {client_id: x}", "is not supported yet"),
        (
            "basic_auth: {username: a}\nbearer_token: b",
            "at most one of basic_auth, oauth2, bearer_token & bearer_token_file",
        ),
        ("basic_auth: {username_ref: a}", "is not supported yet"),
        (
            "authorization: {credentials: a}\nbearer_token: b",
            "authorization is not compatible with bearer_token & bearer_token_file",
        ),
        (
            "authorization: {type: BASIC, credentials: a}",
            'authorization type cannot be set to "basic", use "basic_auth" instead',
        ),
        (
            "authorization: {credentials: a, credentials_file: b}",
            "at most one of authorization credentials & credentials_file must be configured",
        ),
        ("tls_config: {ca: x, ca_file: y}", "at most one of ca, ca_file & ca_ref must be configured"),
        ("tls_config: {cert: x}", "exactly one of key or key_file must be configured when a client certificate is"),
        ("tls_config: {max_version: SSL3}", "unknown TLS version: SSL3"),
        ("proxy_url: socks5://u:pw@x:1", "must be http://host:port or https://host:port; other proxies"),
        ("proxy_url: 'http://[x'", "must be http://host:port or https://host:port; other proxies"),
        ("no_proxy: a", "if no_proxy is configured, proxy_url must also be configured"),
        (
            "{proxy_from_environment: true, proxy_url: 'http://p:1'}",
            "if proxy_from_environment is configured, proxy_url must not be configured",
        ),
        ("http_headers: {Transfer-Encoding: {values: [x]}}", 'setting header "Transfer-Encoding" is not allowed'),
        ("tls_config: {key: x}", "exactly one of cert or cert_file must be configured when a client key is"),
        ("tls_config: {min_version: TLS13, max_version: TLS12}", "must be greater than or equal to tls_config.min_v"),
        ("proxy_connect_header: {a: [b]}", "proxy_url or proxy_from_environment must also be configured"),
        ("oauth2: {grant_type: jwt}", "is not supported yet"),
        ("http_headers: {'a b': {values: [x]}}", "'a b' is not a header's name"),
        ("colour: red", "field colour is not known here"),
    ],
)
def test_tells_a_mistake(text, message):
    """What cannot be meant is refused; an address that may hold a password is not repeated."""
    found = messages(text)
    assert any(message in one for one in found), found
    assert not any("pw" in one for one in found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("basic_auth: {password: a}", "basic_auth needs a username"),
        ("proxy_url: https://p:1", "must be http://host:port; other proxies are not supported yet"),
        ("proxy_from_environment: true", "is not supported yet: name the proxy in proxy_url"),
    ],
)
def test_refuses_what_the_speaker_cannot_do(text, message):
    """What one client can and another cannot do is refused for the other alone."""
    assert messages(text, SIMPLE) == [message]
    assert messages(text, ABLE) == []


@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        ("", "a.test", False),
        ("*", "a.test", True),
        ("a.test", "a.test", True),
        ("a.test", "b.a.test", True),
        ("a.test", "ba.test", False),
        (".a.test", "a.test", False),
        (".a.test", "b.a.test", True),
        ("10.0.0.0/8, x.test", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("::1", "::1", True),
    ],
)
def test_who_is_reached_without_the_proxy(no_proxy, host, direct):
    """Hosts, domains with their subdomains, addresses and networks."""
    assert is_direct(split_no_proxy(no_proxy), host) is direct
