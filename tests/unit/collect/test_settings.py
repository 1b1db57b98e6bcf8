"""Unit tests of reading scrape configurations."""

from __future__ import annotations

import pytest

from anyascope.collect.scrape_config import (
    BODY_BYTES_MAX,
    PROTOCOLS_DEFAULT,
    PROTOCOLS_WITH_NATIVES,
    Escaping,
    NameScheme,
    RecordType,
    ScrapeProtocol,
)
from anyascope.collect.settings import read_external_labels, read_scrape_configs
from anyascope.model.http import TlsVersion
from anyascope.model.secret import SecretFile
from anyascope.wire.relabel import RelabelAction
from anyascope.wire.settings import SettingsError, read_settings

FULL = """
global:
  scrape_interval: 30s
  external_labels: {site: zrh}
scrape_configs:
  - job_name: node
    scrape_interval: 15s
    scrape_timeout: 5s
    metrics_path: /m
    scheme: https
    params: {'collect[]': [cpu, disk], module: http_2xx}
    honor_labels: true
    honor_timestamps: false
    track_timestamps_staleness: true
    enable_compression: false
    follow_redirects: false
    enable_http2: false
    basic_auth: {username: anya, password_file: secrets/pass}
    tls_config:
      ca_file: ca.pem
      cert_file: /etc/cert.pem
      key_file: key.pem
      server_name: node.example
      insecure_skip_verify: true
      min_version: TLS13
    proxy_url: http://proxy:3128
    no_proxy: localhost, .internal
    http_headers:
      X-Scope: {values: [a, b], files: [scope]}
    static_configs:
      - targets: ['a:9100', 'b:9100']
        labels: {zone: one}
    file_sd_configs:
      - files: ['targets/*.json', more.yml]
        refresh_interval: 1m
    http_sd_configs:
      - url: http://sd.example/targets
        bearer_token: abc
    relabel_configs:
      - source_labels: [__address__]
        regex: '(.*):\\d+'
        target_label: host
      - {action: labelmap, regex: __meta_(.+)}
    metric_relabel_configs:
      - {action: Drop, source_labels: [__name__], regex: go_.*}
    sample_limit: 1000
    label_limit: 30
    label_name_length_limit: 40
    label_value_length_limit: 200
    target_limit: 5
    body_size_limit: 10MB
    scrape_protocols: [PrometheusText0.0.4, OpenMetricsText1.0.0]
    fallback_scrape_protocol: PrometheusText0.0.4
    metric_name_validation_scheme: legacy
    metric_name_escaping_scheme: underscores
  - job_name: defaults
    authorization: {credentials: xyz}
"""


def read(text: str):
    top = read_settings(text, file="/conf/prometheus.yml")
    configs = read_scrape_configs(top.sections("scrape_configs"), top.section("global"))
    top.raise_if_wrong()
    return configs


def wrong(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(text)
    return [f"{mistake.line}: {mistake.path}: {mistake.message}" for mistake in caught.value.mistakes]


def job(lines: str) -> str:
    """One job with these further lines."""
    return "scrape_configs:\n- job_name: x\n" + "".join(f"  {line}\n" for line in lines.split("\n"))


def test_reads_every_field() -> None:
    """A configuration that uses everything is read as it was meant."""
    found = read(FULL)[0]
    assert (found.job_name, found.scrape_interval_s, found.scrape_timeout_s) == ("node", 15.0, 5.0)
    assert (found.metrics_path, found.scheme) == ("/m", "https")
    assert found.params == (("collect[]", ("cpu", "disk")), ("module", ("http_2xx",)))
    assert (found.honor_labels, found.honor_timestamps, found.track_timestamps_staleness) == (True, False, True)
    assert not found.enable_compression
    assert found.limits.sample_limit == 1000
    assert found.limits.body_bytes_max == 10 * 1024 * 1024
    assert found.protocols == (ScrapeProtocol.TEXT_0_0_4, ScrapeProtocol.OPENMETRICS_1_0)
    assert found.fallback_protocol is ScrapeProtocol.TEXT_0_0_4
    assert (found.name_scheme, found.escaping) == (NameScheme.LEGACY, Escaping.UNDERSCORES)
    assert [rule.action for rule in found.relabel_rules] == [RelabelAction.REPLACE, RelabelAction.LABEL_MAP]
    assert found.metric_relabel_rules[0].action is RelabelAction.DROP


def test_reads_how_to_speak_http() -> None:
    """Authentication, TLS, proxy and headers are read; files are seen from the settings file's folder."""
    http = read(FULL)[0].http
    assert http.basic_auth is not None
    assert isinstance(http.basic_auth.password, SecretFile)
    assert str(http.basic_auth.password.path) == "/conf/secrets/pass"
    assert (str(http.tls.ca_file), str(http.tls.cert_file)) == ("/conf/ca.pem", "/etc/cert.pem")
    assert (http.tls.server_name, http.tls.min_version) == ("node.example", TlsVersion.TLS13)
    assert (http.proxy_url, http.no_proxy) == ("http://proxy:3128", ("localhost", ".internal"))
    assert [name for name, _ in http.headers] == ["X-Scope", "X-Scope", "X-Scope"]
    assert not http.follow_redirects


def test_reads_where_targets_are_found() -> None:
    """Targets stand in the settings, in files and behind addresses."""
    found = read(FULL)[0]
    assert found.static[0].targets == ((("__address__", "a:9100"),), (("__address__", "b:9100"),))
    assert found.static[0].labels == (("zone", "one"),)
    assert (found.files[0].files, str(found.files[0].folder)) == (("targets/*.json", "more.yml"), "/conf")
    assert found.files[0].refresh_interval_s == 60.0
    assert found.urls[0].http.authorization is not None


def test_defaults_come_from_global() -> None:
    """What a job does not say, `global` says, or Prometheus' defaults."""
    found = read(FULL)[1]
    assert (found.scrape_interval_s, found.scrape_timeout_s) == (30.0, 10.0)
    assert (found.metrics_path, found.scheme, found.honor_timestamps) == ("/metrics", "http", True)
    assert found.limits.body_bytes_max == BODY_BYTES_MAX
    assert found.http.authorization is not None
    assert found.http.authorization.credentials.reveal() == "xyz"


def test_a_short_interval_shortens_the_timeout() -> None:
    """A job that is scraped more often than the timeout is given up within its interval."""
    assert read(job("scrape_interval: 3s"))[0].scrape_timeout_s == 3.0


def test_equal_settings_are_equal() -> None:
    """Two readings of one file are equal, so that a reload leaves what did not change."""
    assert read(FULL) == read(FULL)


def test_external_labels_are_read_apart() -> None:
    """External labels are for alerts and other servers."""
    assert read_external_labels(read_settings(FULL, file="f").section("global")) == (("site", "zrh"),)


@pytest.mark.parametrize(
    ("lines", "mistake"),
    [
        ("scrape_intervall: 5s", "3: scrape_configs[0].scrape_intervall: field scrape_intervall is not known here"),
        ("scrape_timeout: 2m", "3: scrape_configs[0].scrape_timeout: must not be greater than scrape_interval"),
        ("scrape_interval: 0s", "3: scrape_configs[0].scrape_interval: must be longer than 0"),
        ("scheme: ftp", "3: scrape_configs[0].scheme: must be http or https, got 'ftp'"),
        ("oauth2: {client_id: x}", "oauth2 needs a client_secret or a client_secret_file"),
        (
            "oauth2: {client_id: x, client_secret: y, token_url: 'http://z/'}\nbearer_token: a",
            "at most one of basic_auth",
        ),
        ("kubernetes_sd_configs: []", "service discovery by kubernetes is not supported yet"),
        ("dns_sd_configs: [{names: []}]", "DNS discovery needs at least one name"),
        ("dns_sd_configs: [{names: [x], type: A}]", "a port is required for all record types but SRV"),
        ("dns_sd_configs: [{names: [x], type: TXT}]", "must be one of SRV, A, AAAA, MX, NS"),
        ("dns_sd_configs: [{names: [x], type: A, port: 70000}]", "must be from 1 to 65535"),
        ("dns_sd_configs: [{names: [x], resolver: y}]", "field resolver is not known here"),
        (
            "bearer_token: a\nbasic_auth: {username: b}",
            "at most one of basic_auth, oauth2, bearer_token & bearer_token_file",
        ),
        (
            "authorization: {type: basic, credentials: x}",
            'authorization type cannot be set to "basic", use "basic_auth" instead',
        ),
        (
            "basic_auth: {username: a, password: b, password_file: c}",
            "at most one of basic_auth password, password_file & password_ref",
        ),
        ("basic_auth: {password: b}", "basic_auth needs a username"),
        (
            "tls_config: {cert_file: x}",
            "exactly one of key or key_file must be configured when a client certificate is",
        ),
        ("tls_config: {min_version: SSL3}", "unknown TLS version: SSL3"),
        ("tls_config: {ca_files: x}", "field ca_files is not known here; did you mean ca_file?"),
        ("static_configs: [{targets: ['http://x/']}]", "'http://x/' is not a valid hostname"),
        ("static_configs: [{targets: [x], lables: {}}]", "did you mean labels?"),
        ("file_sd_configs: [{files: [a.txt]}]", "path name 'a.txt' must end in .json, .yml or .yaml"),
        ("file_sd_configs: [{files: ['*/*.yml']}]", "with at most one * in its last part"),
        ("file_sd_configs: [{}]", "file discovery needs at least one path"),
        ("http_sd_configs: [{url: 'ftp://x'}]", "must be an http or https address with a host"),
        ("relabel_configs: [{action: explode}]", "must be one of replace, keep, drop"),
        (
            "relabel_configs: [{action: hashmod, target_label: x}]",
            "relabel_configs[0].modulus: hashmod needs a modulus",
        ),
        ("relabel_configs: [{action: keep, regex: '('}]", "relabel_configs[0].regex: not a regular expression"),
        ("sample_limit: -1", "3: scrape_configs[0].sample_limit: must not be negative"),
        ("body_size_limit: lots", "not a valid size: 'lots'"),
        ("scrape_protocols: [Proto9]", "must be one of PrometheusProto, OpenMetricsText1.0.0"),
        ("scrape_protocols: [PrometheusText0.0.4, PrometheusText0.0.4]", "names a format twice"),
        ("native_histogram_bucket_limit: -1", "must not be negative"),
        (
            "metric_name_validation_scheme: legacy\nmetric_name_escaping_scheme: allow-utf-8",
            "names in UTF-8 are asked for, but metric_name_validation_scheme is legacy",
        ),
        ("proxy_url: socks5://x:1", "other proxies are not supported yet"),
        (
            "proxy_from_environment: true\nproxy_url: http://x:1",
            "if proxy_from_environment is configured, proxy_url must not be",
        ),
        ("http_headers: {Authorization: {values: [x]}}", 'setting header "Authorization" is not allowed'),
    ],
)
def test_tells_a_mistake_with_its_place(lines: str, mistake: str) -> None:
    """What cannot be meant is refused with line and path."""
    assert any(mistake in found for found in wrong(job(lines))), wrong(job(lines))


def test_a_job_name_must_be_and_be_unique() -> None:
    """A job without a name, or with another job's, is refused."""
    assert "1: scrape_configs[0]: field job_name must be set" in wrong("scrape_configs: [{}]")[0]
    assert "configured more than once" in wrong("scrape_configs: [{job_name: a}, {job_name: a}]")[0]


def test_tells_all_mistakes_at_once() -> None:
    """One run shows everything that is wrong."""
    assert len(wrong(job("scheme: ftp\nsample_limit: x\nnonsense: 1"))) == 3


def test_reads_how_histograms_are_taken() -> None:
    """Native histograms are asked for in protobuf, unless the formats are named; global settings hold for all jobs."""
    plain, named, resting = read(
        """
global: {scrape_native_histograms: true, convert_classic_histograms_to_nhcb: true}
scrape_configs:
- {job_name: plain, always_scrape_classic_histograms: true, native_histogram_bucket_limit: 20}
- {job_name: named, scrape_protocols: [PrometheusText0.0.4], native_histogram_min_bucket_factor: 1.5}
- {job_name: resting, scrape_native_histograms: false, scrape_classic_histograms: true}
"""
    )
    assert plain.protocols == PROTOCOLS_WITH_NATIVES
    assert (plain.has_natives, plain.always_classics, plain.converts_classics) == (True, True, True)
    assert (plain.limits.native_bucket_limit, plain.limits.native_schema_max) == (20, None)
    assert named.protocols == (ScrapeProtocol.TEXT_0_0_4,)
    assert named.limits.native_schema_max == 1
    assert resting.protocols == PROTOCOLS_DEFAULT
    assert (resting.has_natives, resting.always_classics) == (False, True)


def test_reads_names_whose_records_are_targets() -> None:
    """Records are SRV where nothing else is said; others need a port."""
    lines = "dns_sd_configs: [{names: [_m._tcp.x, y]}, {names: [z], type: mx, port: 9100, refresh_interval: 1m}]"
    first, second = read(job(lines))[0].names
    assert (first.names, first.type, first.refresh_interval_s) == (("_m._tcp.x", "y"), RecordType.SRV, 30.0)
    assert (second.type, second.port, second.refresh_interval_s) == (RecordType.MX, 9100, 60.0)


def test_the_escaping_follows_the_names() -> None:
    """Where no escaping is named, it suits the job's names, whatever suits the others'."""
    found = read("global: {}\nscrape_configs: [{job_name: a}, {job_name: b, metric_name_validation_scheme: legacy}]")
    assert [config.escaping for config in found] == [Escaping.ALLOW_UTF8, Escaping.UNDERSCORES]


def test_reads_what_is_written_beside_samples() -> None:
    """The log of failures stands beside the settings; extra series and kept targets come from global or the job."""
    text = "global: {scrape_failure_log_file: f.log, keep_dropped_targets: 5}\nscrape_configs:\n"
    first, second = read(
        f"{text}- {{job_name: a}}\n- {{job_name: b, extra_scrape_metrics: true, keep_dropped_targets: 1}}"
    )
    assert (str(first.failure_log), first.dropped_kept, first.has_extra_metrics) == ("/conf/f.log", 5, False)
    assert (second.dropped_kept, second.has_extra_metrics) == (1, True)


# Every field of Prometheus 3.5's `<scrape_config>`, `<global>` and `<http_config>`, and those that later releases have.
UPSTREAM_FIELDS = {
    "job_name: x": "",
    "scrape_interval: 30s": "",
    "scrape_timeout: 5s": "",
    "scrape_protocols: [PrometheusProto, OpenMetricsText1.0.0, OpenMetricsText0.0.1, PrometheusText1.0.0]": "",
    "fallback_scrape_protocol: PrometheusProto": "",
    "scrape_native_histograms: true": "",
    "always_scrape_classic_histograms: true": "",
    "scrape_classic_histograms: true": "",
    "convert_classic_histograms_to_nhcb: true": "",
    "metrics_path: /m": "",
    "honor_labels: true": "",
    "honor_timestamps: false": "",
    "track_timestamps_staleness: true": "",
    "scheme: https": "",
    "params: {a: [b]}": "",
    "enable_compression: false": "",
    "scrape_failure_log_file: f": "",
    "basic_auth: {username: u, password: p}": "",
    "authorization: {type: Bearer, credentials: x}": "",
    "bearer_token: x": "",
    "bearer_token_file: x": "",
    "oauth2: {client_id: x, client_secret: y, token_url: 'http://z/', scopes: [a], endpoint_params: {b: c}}": "",
    "sigv4: {region: x}": "is not supported yet",
    "azuread: {cloud: x}": "is not supported yet",
    "google_iam: {credentials_file: x}": "is not supported yet",
    "follow_redirects: false": "",
    "enable_http2: false": "",
    "tls_config: {ca: '', cert: '', key: '', server_name: x, insecure_skip_verify: true, max_version: TLS13}": "",
    "proxy_url: http://x:1": "",
    "proxy_from_environment: true": "",
    "proxy_url: 'http://p:1'\nproxy_connect_header: {A: [b]}": "",
    "http_headers: {A: {values: [b], secrets: [c], files: [d]}}": "",
    "static_configs: [{targets: [a], labels: {b: c}}]": "",
    "file_sd_configs: [{files: [a.yml], refresh_interval: 1m}]": "",
    "http_sd_configs: [{url: 'http://x/', refresh_interval: 1m}]": "",
    "dns_sd_configs: [{names: [x], type: SRV, port: 1, refresh_interval: 1m}]": "",
    "relabel_configs: []": "",
    "metric_relabel_configs: []": "",
    "body_size_limit: 1MB": "",
    "sample_limit: 1": "",
    "label_limit: 1": "",
    "label_name_length_limit: 1": "",
    "label_value_length_limit: 1": "",
    "target_limit: 1": "",
    "keep_dropped_targets: 1": "",
    "metric_name_validation_scheme: utf8": "",
    "metric_name_escaping_scheme: underscores": "",
    "native_histogram_bucket_limit: 1": "",
    "native_histogram_min_bucket_factor: 1.1": "",
    "extra_scrape_metrics: true": "",
}
OTHER_DISCOVERIES = [
    "azure",
    "consul",
    "digitalocean",
    "docker",
    "dockerswarm",
    "ec2",
    "eureka",
    "gce",
    "hetzner",
    "ionos",
    "kubernetes",
    "kuma",
    "lightsail",
    "linode",
    "marathon",
    "nerve",
    "nomad",
    "openstack",
    "ovhcloud",
    "puppetdb",
    "scaleway",
    "serverset",
    "stackit",
    "triton",
    "uyuni",
    "vultr",
]


@pytest.mark.parametrize("field", UPSTREAM_FIELDS)
def test_every_field_of_upstream_is_read_or_refused_by_name(field: str) -> None:
    """Nothing that Prometheus knows is called unknown: what cannot be done is said to be so."""
    text = job(field) if not field.startswith("job_name") else f"scrape_configs: [{{{field}}}]"
    refusal = UPSTREAM_FIELDS[field]
    if not refusal:
        assert len(read(text)) == 1
        return
    (mistake,) = wrong(text)
    assert field.split(":", maxsplit=1)[0] in mistake
    assert refusal in mistake


def test_every_other_discovery_is_refused_by_name() -> None:
    """With what can be used instead."""
    for name in OTHER_DISCOVERIES:
        (mistake,) = wrong(job(f"{name}_sd_configs: [{{a: b}}]"))
        assert f"service discovery by {name} is not supported yet; use static_configs" in mistake
