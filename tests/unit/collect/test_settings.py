"""Unit tests of reading scrape configurations."""

from __future__ import annotations

import pytest

from anyascope.collect.scrape_config import (
    BODY_BYTES_MAX,
    Escaping,
    NameScheme,
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
        ("oauth2: {client_id: x}", "3: scrape_configs[0].oauth2: is not supported yet"),
        ("kubernetes_sd_configs: []", "service discovery by kubernetes is not supported yet"),
        ("dns_sd_configs: [{names: [x]}]", "service discovery by dns is not supported yet"),
        ("bearer_token: a\nbasic_auth: {username: b}", "at most one of basic_auth, authorization and bearer_token"),
        ("authorization: {type: basic, credentials: x}", 'type "Basic" is what basic_auth is for'),
        ("basic_auth: {username: a, password: b, password_file: c}", "at most one of password and password_file"),
        ("basic_auth: {password: b}", "basic_auth needs a username"),
        ("tls_config: {cert_file: x}", "a client certificate needs both a cert and a key"),
        ("tls_config: {min_version: SSL3}", "must be one of TLS10, TLS11, TLS12, TLS13, got 'SSL3'"),
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
        ("scrape_protocols: [Proto9]", "must be one of OpenMetricsText1.0.0"),
        ("scrape_protocols: [PrometheusProto]", "PrometheusProto is not supported yet"),
        ("scrape_protocols: [PrometheusText0.0.4, PrometheusText0.0.4]", "names a format twice"),
        ("fallback_scrape_protocol: PrometheusProto", "PrometheusProto is not supported yet"),
        ("convert_classic_histograms_to_nhcb: true", "is not supported yet"),
        ("proxy_url: socks5://x:1", "other proxies are not supported yet"),
        ("proxy_from_environment: true", "name the proxy in proxy_url"),
        ("http_headers: {Authorization: {values: [x]}}", "is set by the scraper itself"),
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


def test_protobuf_beside_a_text_format_is_left_out() -> None:
    """A list that prefers protobuf works by the formats that follow it."""
    found = read(job("scrape_protocols: [PrometheusProto, OpenMetricsText1.0.0]"))[0]
    assert found.protocols == (ScrapeProtocol.OPENMETRICS_1_0,)
