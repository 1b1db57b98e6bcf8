"""`http_config`, `tls_config` and secrets that may stand in a file, as Prometheus and Alertmanager write them."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from anyascope.model.receivers import HttpOptions, TlsOptions
from anyascope.model.secret import Secret, SecretFile
from anyascope.wire.settings import Section

SECRET_TOKEN = "<secret>"  # noqa: S105  # what Alertmanager prints in place of one

_TLS_VERSIONS = ("TLS10", "TLS11", "TLS12", "TLS13")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_HEADERS_OF_OURS = frozenset(
    ("authorization", "host", "content-encoding", "content-length", "content-type", "user-agent", "connection",
     "keep-alive", "proxy-authenticate", "proxy-authorization", "www-authenticate", "accept-encoding", "transfer-encoding")
)  # fmt: skip


def read_secret(section: Section, name: str, *, shown: str = "") -> Secret | None:
    """`name` or `name_file`, not both; `shown` is how mistakes call the field."""
    label = shown or name
    inline, file = section.text(name, ""), section.text(f"{name}_file", "")
    if inline and file:
        section.wrong(f"at most one of {label} & {label}_file must be configured", name=name)
    if file:
        return SecretFile(resolve_path(section, file))
    return Secret(inline) if inline else None


def resolve_path(section: Section, path: str) -> str:
    """A path in the settings; relative ones start at the settings file's folder."""
    return str(Path(section.file).parent / path)


def parse_url(text: str) -> str:
    """The same text, if it is an HTTP address.

    Raises:
        ValueError: it is not; the text itself, which may hold a secret, is not repeated.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f'unsupported scheme "{parts.scheme}" for URL')
    if not parts.hostname:
        raise ValueError("missing host for URL")
    return text


def read_secret_url(section: Section, name: str, *, shown: str = "") -> Secret | None:
    """An address that may hold a secret, inline or in `name_file`."""
    secret = read_secret(section, name, shown=shown)
    if secret is not None and type(secret) is Secret:
        try:
            parse_url(secret.reveal())
        except ValueError as error:
            section.wrong(str(error), name=name)
    return secret


def read_http(section: Section) -> HttpOptions:
    """One `http_config`."""
    basic_auth = _read_basic_auth(section)
    authorization = _read_authorization(section)
    if basic_auth is not None and authorization is not None:
        section.wrong("at most one of basic_auth, oauth2 & authorization must be configured")
    if section.has("oauth2"):
        section.plain("oauth2")
        section.wrong("oauth2 is not supported yet; use authorization or basic_auth", name="oauth2")
    # HTTP/1.1 is what every webhook target speaks; the switch is read so that existing files load.
    section.boolean("enable_http2", True)
    proxy_url = section.text("proxy_url", "")
    if proxy_url:
        _check_proxy(section, proxy_url)
    options = HttpOptions(
        basic_auth=basic_auth,
        authorization=authorization,
        headers=_read_headers(section),
        tls=read_tls(section.section("tls_config")),
        proxy_url=Secret(proxy_url) if proxy_url else None,
        no_proxy=section.text("no_proxy", ""),
        proxy_from_environment=section.boolean("proxy_from_environment", False),
        follow_redirects=section.boolean("follow_redirects", True),
    )
    if options.proxy_from_environment and (proxy_url or options.no_proxy):
        section.wrong("if proxy_from_environment is configured, proxy_url and no_proxy must not be configured")
    if options.no_proxy and not proxy_url:
        section.wrong("if no_proxy is configured, proxy_url must also be configured", name="no_proxy")
    section.done()
    return options


def _check_proxy(section: Section, proxy_url: str) -> None:
    parts = urlsplit(proxy_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        section.wrong("must be an http or https address; other kinds of proxy are not supported yet", name="proxy_url")


def _read_basic_auth(section: Section) -> tuple[str, Secret] | None:
    if not section.has("basic_auth"):
        return None
    inner = section.section("basic_auth")
    username = read_secret(inner, "username")
    password = read_secret(inner, "password")
    inner.done()
    return (username.reveal() if type(username) is Secret else "", password or Secret(""))


def _read_authorization(section: Section) -> tuple[str, Secret] | None:
    bearer = read_secret(section, "bearer_token")
    if not section.has("authorization"):
        return ("Bearer", bearer) if bearer is not None else None
    inner = section.section("authorization")
    kind = inner.text("type", "Bearer").strip() or "Bearer"
    credentials = read_secret(inner, "credentials")
    inner.done()
    if kind.lower() == "basic":
        inner.wrong('authorization type cannot be set to "basic", use "basic_auth" instead', name="type")
    if bearer is not None:
        section.wrong("authorization is not compatible with bearer_token & bearer_token_file")
    return (kind, credentials or Secret(""))


def _read_headers(section: Section) -> tuple[tuple[str, Secret], ...]:
    headers: list[tuple[str, Secret]] = []
    group = section.section("http_headers")
    for name in group.names():
        inner = group.section(name)
        if _HEADER_NAME.fullmatch(name) is None or name.lower() in _HEADERS_OF_OURS:
            group.wrong(f'setting header "{name}" is not allowed', name=name)
        texts = (*inner.texts("values"), *inner.texts("secrets"))
        headers.extend((name, Secret(text)) for text in texts)
        headers.extend((name, SecretFile(resolve_path(section, path))) for path in inner.texts("files"))
        inner.done()
    return tuple(headers)


def read_tls(section: Section) -> TlsOptions:
    """One `tls_config`."""
    options = TlsOptions(
        ca=section.text("ca", ""),
        ca_file=_read_path(section, "ca_file"),
        cert=section.text("cert", ""),
        cert_file=_read_path(section, "cert_file"),
        key=Secret(key) if (key := section.text("key", "")) else None,
        key_file=_read_path(section, "key_file"),
        server_name=section.text("server_name", ""),
        insecure_skip_verify=section.boolean("insecure_skip_verify", False),
        min_version=_read_version(section, "min_version"),
        max_version=_read_version(section, "max_version"),
    )
    for inline, file, name in (
        (options.ca, options.ca_file, "ca"),
        (options.cert, options.cert_file, "cert"),
        (options.key, options.key_file, "key"),
    ):
        if inline and file:
            section.wrong(f"at most one of {name} and {name}_file must be configured", name=name)
    if bool(options.cert or options.cert_file) != bool(options.key or options.key_file):
        section.wrong("exactly one of key or key_file must be configured when a client certificate is configured")
    section.done()
    return options


def _read_path(section: Section, name: str) -> str:
    path = section.text(name, "")
    return resolve_path(section, path) if path else ""


def _read_version(section: Section, name: str) -> str:
    text = section.text(name, "")
    if text and text not in _TLS_VERSIONS:
        section.wrong(f"unknown TLS version: {text}, use one of {', '.join(_TLS_VERSIONS)}", name=name)
        return ""
    return text
