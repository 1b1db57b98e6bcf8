"""Reads how to speak HTTP: authentication, TLS, proxies and headers, in Prometheus' own format."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from anyascope.collect.scrape_config import Authorization, BasicAuth, HttpOptions, TlsOptions, TlsVersion
from anyascope.model.secret import Secret, SecretFile
from anyascope.wire.settings import Section

# Headers that the client sets itself: a configured one would say something else than what is sent.
RESERVED_HEADERS = frozenset(
    (
        "authorization",
        "host",
        "content-encoding",
        "content-length",
        "content-type",
        "user-agent",
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "www-authenticate",
        "accept-encoding",
        "x-prometheus-remote-write-version",
        "x-prometheus-remote-read-version",
        "x-prometheus-scrape-timeout-seconds",
    )
)
_UNSUPPORTED = ("oauth2", "sigv4", "azuread", "google_iam")


def read_http_options(section: Section) -> HttpOptions:
    """The HTTP fields of a section that has others too; notes what is wrong, asks for nothing else.

    Source: Prometheus configuration, `<http_config>`.
    """
    refuse_unsupported(section, _UNSUPPORTED)
    section.boolean("enable_http2", True)  # accepted: HTTP/1.1 is spoken, which every target understands
    basic, authorization = _basic_auth(section), _authorization(section)
    if basic and authorization:
        section.wrong("at most one of basic_auth, authorization and bearer_token may be set", name="basic_auth")
    if section.boolean("proxy_from_environment", False):
        section.wrong("is not supported yet: name the proxy in proxy_url", name="proxy_from_environment")
    return HttpOptions(
        basic_auth=basic,
        authorization=authorization,
        tls=read_tls(section.section("tls_config")),
        proxy_url=_proxy_url(section),
        no_proxy=tuple(part.strip() for part in section.text("no_proxy", "").split(",") if part.strip()),
        proxy_headers=_proxy_headers(section.section("proxy_connect_header")),
        headers=_headers(section.section("http_headers")),
        follow_redirects=section.boolean("follow_redirects", True),
    )


def refuse_unsupported(section: Section, names: tuple[str, ...]) -> None:
    """Note each of these that is there, as something that Prometheus knows and we do not yet."""
    for name in names:
        if section.plain(name) is not None:
            section.wrong("is not supported yet", name=name)


def beside(section: Section, path: str) -> Path:
    """A path of the settings, seen from the folder of the file that names it."""
    return Path(section.file).parent / path


def read_tls(section: Section) -> TlsOptions:
    """A `tls_config` whole.

    Source: Prometheus configuration, `<tls_config>`.
    """
    files = {name: section.text(name, "") for name in ("ca_file", "cert_file", "key_file")}
    for name, inline in (("ca_file", "ca"), ("cert_file", "cert"), ("key_file", "key")):
        if files[name] and section.has(inline):
            section.wrong(f"at most one of {inline} and {name} may be set", name=name)
    key = section.text("key", "")
    options = TlsOptions(
        ca_file=beside(section, files["ca_file"]) if files["ca_file"] else None,
        ca=section.text("ca", ""),
        cert_file=beside(section, files["cert_file"]) if files["cert_file"] else None,
        cert=section.text("cert", ""),
        key_file=beside(section, files["key_file"]) if files["key_file"] else None,
        key=Secret(key) if key else None,
        server_name=section.text("server_name", ""),
        insecure_skip_verify=section.boolean("insecure_skip_verify", False),
        min_version=section.choice("min_version", TlsVersion, TlsVersion.TLS12),
        max_version=section.choice("max_version", TlsVersion, TlsVersion.TLS13) if section.has("max_version") else None,
    )
    if bool(options.cert_file or options.cert) is not bool(options.key_file or options.key):
        section.wrong("a client certificate needs both a cert and a key")
    section.done()
    return options


def _secret(section: Section, name: str, file_name: str) -> Secret | None:
    """The secret that stands in one field or in the file that the other names."""
    text, path = section.text(name, ""), section.text(file_name, "")
    if text and path:
        section.wrong(f"at most one of {name} and {file_name} may be set", name=file_name)
    if path:
        return SecretFile(str(beside(section, path)))
    return Secret(text) if text else None


def _basic_auth(parent: Section) -> BasicAuth | None:
    if not parent.has("basic_auth"):
        parent.section("basic_auth")
        return None
    section = parent.section("basic_auth")
    username = _secret(section, "username", "username_file")
    password = _secret(section, "password", "password_file")
    refuse_unsupported(section, ("username_ref", "password_ref"))
    if username is None:
        section.wrong("basic_auth needs a username")
    section.done()
    return BasicAuth(username or Secret(""), password or Secret(""))


def _authorization(parent: Section) -> Authorization | None:
    bearer = _secret(parent, "bearer_token", "bearer_token_file")
    section = parent.section("authorization")
    kind = section.text("type", "Bearer").strip()
    credentials = _secret(section, "credentials", "credentials_file")
    refuse_unsupported(section, ("credentials_ref",))
    section.done()
    if bearer and parent.has("authorization"):
        parent.wrong("at most one of authorization and bearer_token may be set", name="authorization")
    if kind.lower() == "basic":
        parent.wrong('type "Basic" is what basic_auth is for', name="authorization")
    found = credentials or bearer
    return None if found is None else Authorization(found, type=kind or "Bearer")


def _proxy_url(section: Section) -> str:
    url = section.text("proxy_url", "")
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        section.wrong(f"must be http://host:port, got {url!r}; other proxies are not supported yet", name="proxy_url")
    return url


def _proxy_headers(section: Section) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name in section.names() for value in section.texts(name))


def _headers(section: Section) -> tuple[tuple[str, Secret], ...]:
    found: list[tuple[str, Secret]] = []
    for name in section.names():
        if name.lower() in RESERVED_HEADERS:
            section.wrong("is set by the scraper itself", name=name)
        values = section.section(name)
        found += [(name, Secret(text)) for text in (*values.texts("values"), *values.texts("secrets"))]
        found += [(name, SecretFile(str(beside(section, path)))) for path in values.texts("files")]
        values.done()
    return tuple(found)
