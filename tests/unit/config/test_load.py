"""Files and flags become one tree; every mistake has its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from anyascope.config.addresses import Address
from anyascope.config.load import Sources, check, load
from anyascope.config.settings import LogFormat, StoreKind
from anyascope.errors import InvalidInputError
from anyascope.model.sdk import SdkSetting
from anyascope.model.secret import Secret
from anyascope.promql.options import EngineOptions, QueryLimits
from anyascope.wire.otlp.translation import Strategy
from anyascope.wire.settings import SettingsError

WHOLE = """
global: {scrape_interval: 5s, scrape_timeout: 4s, evaluation_interval: 10s, external_labels: {site: zurich}, query_log_file: queries.log, resolve_timeout: 2m}
server: {listen: "127.0.0.1:9999", hosts: [scope.example], external_url: "https://scope.example/", cors_origin: "https://.*[.]example", admin_api: true}
receive: {otlp_grpc: off, otlp_http: "127.0.0.1:14318"}
access: {token_files: [token]}
storage: {directory: store, reserve: 2GiB, memory_max: 1GiB, documents: 'postgresql://u:p@db/anya'}
retention: {logs: {age: 7d, size: 5GB}}
collectors:
  host: {interval: 5s}
  process: {names: [bitcoind]}
  certificates: {files: [tls.crt], endpoints: ["example.org:443"]}
  bitcoin: {nodes: [{name: core-1, url: "http://127.0.0.1:8332", cookie_file: .cookie, chain: main}]}
  hsm: [{name: core, module: hsm.so}, {name: far, kind: vault, address: "https://vault:8200"}]
rules: {default_pack: false, resend_delay: 30s, for_outage_tolerance: 2h, for_grace_period: 5m}
rule_files: [rules/*.yml]
scrape_configs:
- job_name: node
  static_configs: [{targets: ["127.0.0.1:9100"]}]
route: {receiver: team}
receivers: [{name: team}]
logging: {format: text, level: debug}
limits: {series_per_source: 1000, series: 5000, query_samples: 1000, query_series: 20, query_steps: 300, query_timeout: 5s, query_concurrency: 2}
sdk: {default: {sample_ratio: 0.5}, services: {custody: {sample_ratio: 1, log_level: DEBUG}, "wallet.api": {log_level: error}}}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder, text, name="anyascope.yml"):
    path = folder / name
    path.write_text(text)
    return path


def test_without_a_file_the_defaults_hold(folder):
    """No file, no flags: loopback, every collector, 30 days."""
    settings = load(Sources())
    assert settings.server.listen == Address("127.0.0.1", 9470)
    assert not settings.server.is_chosen
    assert settings.collect.host.enabled
    assert settings.retention["logs"].age_days == 30


def test_a_whole_file_is_read(folder):
    """Each section arrives in its part of the tree, and paths are seen from the file's folder."""
    settings = load(Sources(config=written(folder, WHOLE)))
    assert settings.server.listen == Address("127.0.0.1", 9999)
    assert settings.server.hosts == ("scope.example",)
    assert settings.receive.otlp_grpc is None
    assert settings.receive.otlp_http == Address("127.0.0.1", 14318)
    assert settings.token_files[0].path == folder / "token"
    assert settings.storage.directory == folder / "store"
    assert settings.storage.reserve_bytes == 2 * 2**30
    assert settings.storage.documents == Secret("postgresql://u:p@db/anya")
    assert (settings.server.cors_origin, settings.server.has_admin_api) == ("https://.*[.]example", True)
    assert (settings.admit.series_max, settings.admit.series_total_max) == (1000, 5000)
    assert settings.retention["logs"].age_days == 7
    assert settings.retention["metrics"].age_days == 30
    assert settings.collect.host.interval_s == 5
    assert settings.collect.process.names == ("bitcoind",)
    assert settings.collect.certificates.files == (folder / "tls.crt",)
    assert settings.collect.bitcoin[0].cookie_file == folder / ".cookie"
    assert [hsm.name for hsm in settings.collect.hsms] == ["core", "far"]
    assert settings.collect.scrape_configs[0].scrape_interval_s == 5
    assert settings.rules.files == (str(folder / "rules/*.yml"),)
    assert settings.rules.evaluation_interval_s == 10
    assert settings.rules.external_labels == (("site", "zurich"),)
    assert not settings.rules.default_pack
    assert (settings.rules.resend_delay_s, settings.rules.for_outage_tolerance_s) == (30, 7200)
    assert settings.rules.for_grace_period_s == 300
    assert settings.alerting.route.receiver == "team"
    assert settings.alerting.resolve_timeout_s == 120
    assert settings.log_format is LogFormat.TEXT
    assert settings.sdk.of("custody") == SdkSetting(1.0, "debug")
    assert settings.sdk.of("wallet.api") == SdkSetting(0.5, "error")
    assert settings.sdk.of("somebody") == SdkSetting(0.5, None)


def test_flags_win_over_the_file(folder):
    """What is said on the command line counts."""
    sources = Sources(
        config=written(folder, WHOLE),
        data=folder / "elsewhere",
        listen=":1234",
        log_format="json",
        store="memory",
        collect=False,
    )
    settings = load(sources)
    assert settings.storage.directory == folder / "elsewhere"
    assert settings.storage.kind is StoreKind.MEMORY
    assert settings.server.listen == Address("0.0.0.0", 1234)
    assert settings.server.is_chosen
    assert settings.log_format is LogFormat.JSON
    assert not settings.collect.host.enabled
    assert not settings.collect.itself.enabled
    assert settings.collect.scrape_configs


def test_a_prometheus_file_counts_as_it_is(folder):
    """A prometheus.yml is taken whole; what has no effect here is said."""
    path = written(
        folder,
        "global: {scrape_interval: 15s}\n"
        "alerting: {alertmanagers: [{static_configs: [{targets: ['a:9093']}]}]}\n"
        "remote_write: [{url: 'http://x/'}]\n"
        "scrape_configs: [{job_name: p, static_configs: [{targets: ['a:1']}]}]\n",
        "prometheus.yml",
    )
    settings = load(Sources(prometheus_config=path))
    assert [config.job_name for config in settings.collect.scrape_configs] == ["p"]
    assert [remote.shown_url for remote in settings.forward.remotes] == ["http://x/"]
    assert len(settings.warnings) == 1
    assert "section alerting has no effect" in settings.warnings[0]


def test_an_alertmanager_file_counts_as_it_is(folder):
    """An alertmanager.yml is taken whole."""
    path = written(folder, "route: {receiver: r}\nreceivers: [{name: r}]\n", "alertmanager.yml")
    assert load(Sources(alertmanager_config=path)).alerting.route.receiver == "r"


def test_every_mistake_is_told_with_file_line_and_path(folder):
    """One run shows all of them, in the order of the file."""
    path = written(
        folder,
        "server: {listen: nowhere}\n"
        "storage: {reserve: lots}\n"
        "retention: {metrics: {age: 36h}}\n"
        "colectors: {}\n"
        "scrape_configs:\n- {job_name: a, scrape_intervall: 5s}\n",
    )
    with pytest.raises(SettingsError) as refused:
        load(Sources(config=path))
    told = [(mistake.line, mistake.path) for mistake in refused.value.mistakes]
    assert told == [
        (1, "server.listen"),
        (2, "storage.reserve"),
        (3, "retention.metrics.age"),
        (4, "colectors"),
        (6, "scrape_configs[0].scrape_intervall"),
    ]
    assert "did you mean collectors?" in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(folder):
    """A missing, unreadable or binary file is one line."""
    for path, part in (
        (folder / "missing.yml", "No such file"),
        (folder, "Is a directory"),
        (folder / "binary.yml", "is not UTF-8"),
    ):
        (folder / "binary.yml").write_bytes(b"\xff\xfe")
        with pytest.raises(SettingsError, match=part):
            load(Sources(config=path))


@pytest.mark.parametrize(
    ("sources", "part"),
    [
        (Sources(listen="nowhere"), "--listen: not an address"),
        (Sources(store="paper"), "--store: must be one of chdb, memory, got 'paper'"),
        (Sources(log_format="xml"), "--log-format: must be one of json, text, got 'xml'"),
    ],
)
def test_a_wrong_flag_is_named(folder, sources, part):
    """The message names the flag, what was found and what is known."""
    with pytest.raises(InvalidInputError) as refused:
        load(sources)
    assert part in str(refused.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("limits: {series: 0}", "limits.series: must be at least 1"),
        ("limits: {series_per_source: many}", "limits.series_per_source"),
        ('server: {cors_origin: "a("}', "server.cors_origin"),
    ],
)
def test_a_wrong_limit_is_named(folder, text, part):
    """With its path."""
    with pytest.raises(SettingsError, match=re.escape(part)):
        load(Sources(config=written(folder, text)))


def test_the_admin_api_is_off_until_it_is_asked_for(folder):
    """By the file or by the flag."""
    assert not load(Sources(config=written(folder, "{}"))).server.has_admin_api
    assert load(Sources(config=written(folder, "{}"), admin_api=True)).server.has_admin_api


def test_check_knows_the_three_kinds_of_file(folder):
    """Our own, Prometheus' and Alertmanager's files are each read as what they are."""
    assert check(written(folder, WHOLE)) == []
    assert check(written(folder, "scrape_configs: []\nremote_write: []\n", "p.yml")) == []
    assert check(written(folder, "route: {receiver: r}\nreceivers: [{name: r}]\n", "a.yml")) == []
    (mistake,) = check(written(folder, "route: {receiver: x}\nreceivers: [{name: r}]\n", "b.yml"))
    assert "x" in mistake.message
    ours = "route: {receiver: r}\nreceivers: [{name: r}]\nnotify: {fallbacks: {r: gone}}\n"
    (mistake,) = check(written(folder, ours, "d.yml"))
    assert (mistake.line, mistake.path) == (3, "notify.fallbacks.r")
    assert check(written(folder, "notify: {fallbacks: {r: elsewhere}}\n", "e.yml")) == []
    written(folder, "groups: [{name: a, rules: [{alert: X, expr: 'up =='}]}]\n", "bad.yml")
    (mistake,) = check(written(folder, "rule_files: [bad.yml]\n", "r.yml"))
    assert "bad.yml" in mistake.file
    (mistake,) = check(written(folder, "slos: []\n", "s.yml"))
    assert "belongs into a rule file" in str(mistake)
    (mistake,) = check(written(folder, "nonsense: 1\n", "c.yml"))
    assert mistake.line == 1


def test_settings_print_no_secret(folder):
    """Printing the tree shows no password."""
    written(folder, "s3cret", "token")
    text = WHOLE + "# end\n"
    assert "s3cret" not in repr(load(Sources(config=written(folder, text))))
    assert "<secret>" in repr(load(Sources(config=written(folder, text))).token_files)


def test_what_services_are_asked_to_do_is_checked_with_line_and_path(folder):
    """A ratio beyond its bounds, a level that is none and an unknown field are three mistakes of three lines."""
    text = "sdk:\n  default: {sample_ratio: 1.5}\n  services:\n    custody: {log_level: loud}\n    wallet: {ratio: 1}\n"
    mistakes = check(written(folder, text))
    assert [(mistake.line, mistake.path) for mistake in mistakes] == [
        (2, "sdk.default.sample_ratio"),
        (4, "sdk.services.custody.log_level"),
        (5, "sdk.services.wallet.ratio"),
    ]
    assert "from 0 to 1" in mistakes[0].message
    assert "debug, info, warning, error" in mistakes[1].message


def test_features_of_promql_come_from_file_and_flags_together(folder):
    """Under Prometheus' names, several in one flag; an unknown one is an error that lists those that there are."""
    file = written(folder, "promql: {features: [promql-duration-expr]}")
    settings = load(Sources(config=file, features=("promql-experimental-functions, promql-binop-fill-modifiers",)))

    assert {feature.value for feature in settings.features} == {
        "promql-duration-expr",
        "promql-experimental-functions",
        "promql-binop-fill-modifiers",
    }
    with pytest.raises(InvalidInputError, match="--enable-feature: must be one of"):
        load(Sources(features=("exemplar-storage",)))
    with pytest.raises(SettingsError, match=r"promql.features.*must be one of promql-experimental-functions"):
        load(Sources(config=written(folder, "promql: {features: [agent]}")))


def test_limits_of_queries(folder):
    """Each can be set; a subquery without a step takes the interval of the rules, as upstream's does."""
    (folder / "anyascope.yml").write_text(WHOLE)
    settings = load(Sources())
    assert settings.query_log_file == folder / "queries.log"
    assert settings.queries == EngineOptions(
        subquery_step_ms=10_000,
        steps_max=300,
        concurrency_max=2,
        limits=QueryLimits(samples_max=1000, series_max=20, timeout_s=5.0),
    )


def test_limits_of_queries_that_allow_nothing_are_refused(folder):
    """Each mistake with its place."""
    (folder / "anyascope.yml").write_text("limits: {query_samples: 0, query_timeout: 0s, query_serie: 1}")
    with pytest.raises(SettingsError) as caught:
        load(Sources())
    found = {mistake.path: mistake.message for mistake in caught.value.mistakes}
    assert found["limits.query_samples"] == "must be at least 1"
    assert found["limits.query_timeout"] == "must be more than 0"
    assert "query_series" in found["limits.query_serie"]


def test_reads_how_otlp_becomes_series(tmp_path: Path) -> None:
    """`otlp` is read in Prometheus' own format, from our file and from a prometheus.yml, whose choices then hold."""
    ours, theirs = tmp_path / "anyascope.yml", tmp_path / "prometheus.yml"
    ours.write_text("otlp: {promote_resource_attributes: [host.name]}\n")
    theirs.write_text("otlp: {translation_strategy: NoTranslation, convert_histograms_to_nhcb: true}\n")
    assert load(Sources(config=ours)).receive.translation.promoted == ("host.name",)
    found = load(Sources(config=ours, prometheus_config=theirs)).receive.translation
    assert (found.strategy, found.converts_histograms, found.promoted) == (Strategy.NOTHING, True, ())


@pytest.mark.parametrize(
    ("fields", "mistake"),
    [
        ("translation_strategy: Guess", "must be one of UnderscoreEscapingWithSuffixes"),
        ("promote_resource_attributes: [a, a]", "holds a name twice"),
        ("promote_resource_attributes: ['']", "must not hold an empty name"),
        ("promote_resource_attributes: [a], promote_all_resource_attributes: true", "all are promoted already"),
        ("ignore_resource_attributes: [a]", "needs promote_all_resource_attributes"),
        ("convert_histogram_to_nhcb: true", "did you mean convert_histograms_to_nhcb?"),
    ],
)
def test_refuses_what_otlp_cannot_mean(tmp_path: Path, fields: str, mistake: str) -> None:
    """Choices that do not go together are told with their place."""
    file = tmp_path / "anyascope.yml"
    file.write_text(f"otlp: {{{fields}}}\n")
    (found,) = check(file)
    assert mistake in str(found)
