"""Reads how to speak HTTP: authentication, TLS, proxies and headers, in Prometheus' and Alertmanager's own format.

Both take it from one library upstream, so one reader serves `scrape_configs`, service discovery and `http_config`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from anyascope.model.http import Authorization, BasicAuth, HttpOptions, OAuth2, TlsOptions, TlsVersion
from anyascope.model.secret import Secret, SecretFile
from anyascope.wire.settings import Section

# Headers that a client sets itself: a configured one would say something else than what is sent.
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
        "transfer-encoding",
        "x-prometheus-remote-write-version",
        "x-prometheus-remote-read-version",
        "x-prometheus-scrape-timeout-seconds",
    )
)
# Other ways to get a token, and to reach who gives it.
_OAUTH2_UNSUPPORTED = (
    "client_secret_ref",
    "client_certificate_key",
    "client_certificate_key_file",
    "client_certificate_key_ref",
    "client_certificate_key_id",
    "signature_algorithm",
    "iss",
    "audience",
    "claims",
    "proxy_from_environment",
    "no_proxy",
    "proxy_connect_header",
)
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)  # RFC 9110, `token`


@dataclass(frozen=True, slots=True)
class HttpSpeaker:
    """The client that the options are for. What it cannot do is refused when it is read, not when it is needed.

    Attributes:
        proxy_schemes: how it can speak to a proxy.
        has_proxy_from_environment: whether it can take the proxy from the environment.
        needs_username: whether `basic_auth` without a name is a mistake.
        has_oauth2: whether it can get tokens.
    """

    proxy_schemes: tuple[str, ...]
    has_proxy_from_environment: bool
    needs_username: bool
    has_oauth2: bool = False


def read_http_options(section: Section, speaker: HttpSpeaker) -> HttpOptions:
    """The HTTP fields of a section, which may have others too: the caller says `done`. Notes what is wrong.

    Source: Prometheus configuration, `<http_config>`; the messages are upstream's.
    """
    if not speaker.has_oauth2:
        refuse_unsupported(section, ("oauth2",))
    section.boolean("enable_http2", True)  # accepted: HTTP/1.1 is spoken, which every far end understands
    _check_one_way_to_log_in(section)
    basic_auth, authorization = _basic_auth(section, speaker), _authorization(section)
    oauth2 = _oauth2(section, speaker) if speaker.has_oauth2 else None
    options = HttpOptions(
        basic_auth=basic_auth,
        authorization=authorization,
        oauth2=oauth2,
        tls=read_tls(section.section("tls_config")),
        proxy_url=_proxy_url(section, speaker),
        no_proxy=split_no_proxy(section.text("no_proxy", "")),
        proxy_headers=_proxy_headers(section.section("proxy_connect_header")),
        proxy_from_environment=section.boolean("proxy_from_environment", False),
        headers=_headers(section.section("http_headers")),
        follow_redirects=section.boolean("follow_redirects", True),
    )
    if options.proxy_from_environment and not speaker.has_proxy_from_environment:
        section.wrong("is not supported yet: name the proxy in proxy_url", name="proxy_from_environment")
    if options.proxy_headers and not options.proxy_url and not options.proxy_from_environment:
        section.wrong(
            "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured",
            name="proxy_connect_header",
        )
    if options.proxy_from_environment and options.proxy_url:
        section.wrong("if proxy_from_environment is configured, proxy_url must not be configured", name="proxy_url")
    if options.proxy_from_environment and options.no_proxy:
        section.wrong("if proxy_from_environment is configured, no_proxy must not be configured", name="no_proxy")
    elif options.no_proxy and not options.proxy_url:
        section.wrong("if no_proxy is configured, proxy_url must also be configured", name="no_proxy")
    return options


def _check_one_way_to_log_in(section: Section) -> None:
    has_basic, has_oauth2 = section.has("basic_auth"), section.has("oauth2")
    has_bearer = bool(section.text("bearer_token", "") or section.text("bearer_token_file", ""))
    if has_bearer and (has_basic or has_oauth2):
        section.wrong("at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured")
    if section.has("authorization"):
        if has_bearer:
            section.wrong("authorization is not compatible with bearer_token & bearer_token_file")
        if has_basic or has_oauth2:
            section.wrong("at most one of basic_auth, oauth2 & authorization must be configured")
    elif has_basic and has_oauth2:
        section.wrong("at most one of basic_auth, oauth2 & authorization must be configured")


def read_tls(section: Section) -> TlsOptions:
    """A `tls_config` whole.

    Source: Prometheus configuration, `<tls_config>`.
    """
    files = {name: section.text(name, "") for name in ("ca_file", "cert_file", "key_file")}
    refuse_unsupported(section, ("ca_ref", "cert_ref", "key_ref"))
    for name in ("ca", "cert", "key"):
        if files[f"{name}_file"] and section.text(name, ""):
            section.wrong(f"at most one of {name}, {name}_file & {name}_ref must be configured", name=f"{name}_file")
    key = section.text("key", "")
    options = TlsOptions(
        ca_file=section.beside(files["ca_file"]) if files["ca_file"] else None,
        ca=section.text("ca", ""),
        cert_file=section.beside(files["cert_file"]) if files["cert_file"] else None,
        cert=section.text("cert", ""),
        key_file=section.beside(files["key_file"]) if files["key_file"] else None,
        key=Secret(key) if key else None,
        server_name=section.text("server_name", ""),
        insecure_skip_verify=section.boolean("insecure_skip_verify", False),
        min_version=section.parsed("min_version", _tls_version, TlsVersion.TLS12),
        max_version=section.parsed("max_version", _tls_version, None),
    )
    has_cert, has_key = bool(options.cert_file or options.cert), bool(options.key_file or options.key)
    if has_cert and not has_key:
        section.wrong("exactly one of key or key_file must be configured when a client certificate is configured")
    if has_key and not has_cert:
        section.wrong("exactly one of cert or cert_file must be configured when a client key is configured")
    if section.has("min_version") and options.max_version and options.max_version.value < options.min_version.value:
        section.wrong(
            "tls_config.max_version must be greater than or equal to tls_config.min_version if both are specified"
        )
    section.done()
    return options


def _tls_version(text: str) -> TlsVersion:
    try:
        return TlsVersion(text)
    except ValueError:
        raise ValueError(f"unknown TLS version: {text}") from None


def read_secret(section: Section, name: str, *, both_set: str = "") -> Secret | None:
    """The secret that stands in `name`, or in the file that `name_file` names; `both_set` is said where it is both."""
    text, path = section.text(name, ""), section.text(f"{name}_file", "")
    if text and path:
        section.wrong(both_set or f"at most one of {name} & {name}_file must be configured", name=name)
    if path:
        return SecretFile(str(section.beside(path)))
    return Secret(text) if text else None


def refuse_unsupported(section: Section, names: tuple[str, ...]) -> None:
    """Note each of these that is there, as something that upstream knows and we do not yet."""
    for name in names:
        if section.plain(name) is not None:
            section.wrong("is not supported yet", name=name)


def split_no_proxy(text: str) -> tuple[str, ...]:
    """The entries of a `no_proxy`, which are separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _basic_auth(parent: Section, speaker: HttpSpeaker) -> BasicAuth | None:
    section = parent.section("basic_auth")
    if not parent.has("basic_auth"):
        return None
    username, password = (
        read_secret(
            section, name, both_set=f"at most one of basic_auth {name}, {name}_file & {name}_ref must be configured"
        )
        for name in ("username", "password")
    )
    refuse_unsupported(section, ("username_ref", "password_ref"))
    if username is None and speaker.needs_username:
        section.wrong("basic_auth needs a username")
    section.done()
    return BasicAuth(username or Secret(""), password or Secret(""))


def _authorization(parent: Section) -> Authorization | None:
    bearer = read_secret(parent, "bearer_token")
    section = parent.section("authorization")
    kind = section.text("type", "Bearer").strip()
    both_set = "at most one of authorization credentials & credentials_file must be configured"
    credentials = read_secret(section, "credentials", both_set=both_set)
    refuse_unsupported(section, ("credentials_ref",))
    section.done("config.Authorization")
    if kind.lower() == "basic":
        parent.wrong('authorization type cannot be set to "basic", use "basic_auth" instead', name="authorization")
    found = credentials or bearer
    return None if found is None else Authorization(found, type=kind or "Bearer")


def _oauth2(parent: Section, speaker: HttpSpeaker) -> OAuth2 | None:
    section = parent.section("oauth2")
    if not parent.has("oauth2"):
        return None
    secret = read_secret(
        section,
        "client_secret",
        both_set="at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured "
        "using grant-type=client_credentials",
    )
    if secret is None:
        section.wrong("oauth2 needs a client_secret or a client_secret_file")
    refuse_unsupported(section, _OAUTH2_UNSUPPORTED)
    if section.text("grant_type", "") not in ("", "client_credentials"):
        section.wrong("is not supported yet: only client_credentials", name="grant_type")
    client_id, token_url = section.text("client_id", ""), section.text("token_url", "")
    if not client_id:
        section.wrong("oauth2 client_id must be configured")
    if not token_url:
        section.wrong("oauth2 token_url must be configured")
    elif not token_url.startswith(("http://", "https://")):
        section.wrong("must be an http or https address", name="token_url")
    found = OAuth2(
        client_id=client_id,
        client_secret=secret or Secret(""),
        token_url=token_url,
        scopes=section.texts("scopes"),
        endpoint_params=tuple(section.text_map("endpoint_params").items()),
        tls=read_tls(section.section("tls_config")),
        proxy_url=_proxy_url(section, speaker),
    )
    section.done()
    return found


def _proxy_url(section: Section, speaker: HttpSpeaker) -> str:
    url = section.text("proxy_url", "")
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in speaker.proxy_schemes and bool(parts.hostname)
    except ValueError:
        is_usable = False
    if not is_usable:
        wanted = " or ".join(f"{scheme}://host:port" for scheme in speaker.proxy_schemes)
        # The address is not repeated: it may hold a password.
        section.wrong(f"must be {wanted}; other proxies are not supported yet", name="proxy_url")
    return url


def _proxy_headers(section: Section) -> tuple[tuple[str, Secret], ...]:
    return tuple((name, Secret(value)) for name in section.names() for value in section.texts(name))


def _headers(section: Section) -> tuple[tuple[str, Secret], ...]:
    found: list[tuple[str, Secret]] = []
    for name in section.names():
        if HEADER_NAME.fullmatch(name) is None:
            section.wrong(f"{name!r} is not a header's name", name=name)
        if name.lower() in RESERVED_HEADERS:
            section.wrong(f'setting header "{name}" is not allowed', name=name)
        values = section.section(name)
        found += [(name, Secret(text)) for text in (*values.texts("values"), *values.texts("secrets"))]
        found += [(name, SecretFile(str(section.beside(path)))) for path in values.texts("files")]
        values.done("config.Header")
    return tuple(found)
