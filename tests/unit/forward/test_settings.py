"""Reading `remote_write`: everything that upstream knows is taken or refused by name, with its place."""

from __future__ import annotations

import pytest

from anyascope.forward.options import MetadataOptions, Protobuf, QueueOptions, file_name, name_of
from anyascope.forward.settings import read_remote_writes, read_spool_bytes
from anyascope.model.secret import Secret
from anyascope.wire.relabel import RelabelAction
from anyascope.wire.settings import SettingsError, read_settings

FULL = """
remote_write:
  - url: https://anya:hunter22@mimir.example:8443/api/v1/push?token=t0ps3cret
    name: mimir
    protobuf_message: io.prometheus.write.v2.Request
    remote_timeout: 10s
    headers: {X-Scope-OrgID: custody}
    send_exemplars: true
    send_native_histograms: true
    round_robin_dns: true
    follow_redirects: false
    enable_http2: false
    write_relabel_configs:
      - {source_labels: [__name__], regex: 'go_.*', action: drop}
    oauth2:
      client_id: anya
      client_secret_file: secret
      token_url: https://login.example/token
      scopes: [write]
      endpoint_params: {audience: metrics}
      tls_config: {insecure_skip_verify: true}
    tls_config: {server_name: mimir}
    proxy_url: http://proxy:3128
    queue_config:
      capacity: 5000
      max_shards: 1000
      min_shards: 2
      max_samples_per_send: 500
      batch_send_deadline: 1s
      min_backoff: 100ms
      max_backoff: 10s
      retry_on_http_429: true
      sample_age_limit: 1d
    metadata_config: {send: false, send_interval: 2m, max_samples_per_send: 100}
  - url: http://vm.example/api/v1/write
"""


def read(text: str, file: str = "/etc/anya/anyascope.yml"):
    top = read_settings(text, file=file)
    found = read_remote_writes(top.sections("remote_write"))
    top.done()
    top.raise_if_wrong()
    return found


def test_every_field_is_read():
    """An entry with everything that Prometheus 3.5 documents."""
    mimir, plain = read(FULL)

    assert (mimir.name, mimir.protobuf, mimir.remote_timeout_s) == ("mimir", Protobuf.V2, 10.0)
    assert mimir.headers == (("X-Scope-OrgID", "custody"),)
    assert mimir.send_exemplars
    assert mimir.send_native_histograms
    assert mimir.write_relabel_rules[0].action is RelabelAction.DROP
    assert mimir.queue == QueueOptions(5000, 256, 2, 500, 1.0, 0.1, 10.0, True, 86_400.0)
    assert mimir.metadata == MetadataOptions(False, 120.0, 100)
    assert not mimir.http.follow_redirects
    assert mimir.http.proxy_url == "http://proxy:3128"
    oauth2 = mimir.http.oauth2
    assert oauth2 is not None
    assert (oauth2.client_id, oauth2.token_url, oauth2.scopes) == ("anya", "https://login.example/token", ("write",))
    assert oauth2.endpoint_params == (("audience", "metrics"),)
    assert oauth2.tls.insecure_skip_verify
    assert plain.queue == QueueOptions()
    assert plain.metadata == MetadataOptions()


def test_secrets_of_an_address_are_never_shown():
    """Neither the tree of settings nor the name for people holds the password and the token of a url."""
    mimir, _ = read(FULL)

    assert mimir.shown_url == "https://mimir.example:8443/api/v1/push"
    assert mimir.url == Secret("https://anya:hunter22@mimir.example:8443/api/v1/push?token=t0ps3cret")
    for secret in ("hunter22", "t0ps3cret"):
        assert secret not in repr(mimir)


def test_an_entry_without_a_name_is_known_by_its_address():
    """Whatever else is changed, its place in the log stays its own; two entries with one address are told apart."""
    before = read("remote_write: [{url: 'http://a/'}, {url: 'http://a/'}, {url: 'http://b/'}]")
    after = read("remote_write: [{url: 'http://a/', send_exemplars: true}, {url: 'http://a/'}, {url: 'http://c/'}]")

    assert [remote.name for remote in before][:2] == [remote.name for remote in after][:2]
    assert len({remote.name for remote in (*before, *after)}) == 4
    assert file_name("a/b") != file_name("a_b")
    assert file_name("../x") == f".._x-{name_of('../x', 0)}"
    assert file_name(".places").startswith(".places-")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "anyascope.yml:1: remote_write[0]: field url must be set"),
        ("{url: 'ftp://x/'}", "remote_write[0].url: must be an http or https address"),
        ("{url: 'http://user:pw@/x'}", "remote_write[0].url: must be an http or https address"),
        ("{url: 'http://x/', urll: 1}", "field urll is not known here; did you mean url?"),
        ("{url: 'http://x/', protobuf_message: v3}", "must be one of prometheus.WriteRequest"),
        ("{url: 'http://x/', sigv4: {region: eu}}", "remote_write[0].sigv4: is not supported yet"),
        ("{url: 'http://x/', azuread: {cloud: a}}", "remote_write[0].azuread: is not supported yet"),
        ("{url: 'http://x/', google_iam: {credentials_file: a}}", "remote_write[0].google_iam: is not supported yet"),
        ("{url: 'http://x/', remote_timeout: 0s}", "remote_timeout: must be longer than 0"),
        ("{url: 'http://x/', headers: {Authorization: a}}", "must be set by basic_auth, authorization or oauth2"),
        ("{url: 'http://x/', headers: {Content-Type: a}}", "is set by remote write itself"),
        ("{url: 'http://x/', headers: {'a b': a}}", "is not a header's name"),
        ("{url: 'http://x/', queue_config: {capacity: 0}}", "queue_config.capacity: must be at least 1"),
        ("{url: 'http://x/', queue_config: {min_shards: 60}}", "min_shards: must not be more than max_shards"),
        ("{url: 'http://x/', queue_config: {min_backoff: 6s}}", "min_backoff: must not be longer than max_backoff"),
        ("{url: 'http://x/', queue_config: {shards: 1}}", "field shards is not known here"),
        ("{url: 'http://x/', metadata_config: {send_interval: 0s}}", "send_interval: must be longer than 0"),
        ("{url: 'http://x/', write_relabel_configs: [{action: keep, regex: '('}]}", "not a regular expression"),
        ("{url: 'http://x/', oauth2: {client_id: a, token_url: 'http://y'}}", "oauth2 needs a client_secret"),
        (
            "{url: 'http://x/', basic_auth: {username: a}, oauth2: {client_id: a, client_secret: b, token_url: 'http://y'}}",
            "at most one of basic_auth, oauth2 & authorization",
        ),
    ],
)
def test_mistakes_name_their_place(text, message):
    """What cannot be done is refused with file, line and path."""
    with pytest.raises(SettingsError) as caught:
        read(f"remote_write: [{text}]")
    assert message in str(caught.value)


def test_two_entries_of_one_name_are_refused():
    """A name is a place in the log: it belongs to one entry, in all files together."""
    with pytest.raises(SettingsError, match="'a' is the name of another entry too"):
        read("remote_write: [{url: 'http://x/', name: a}, {url: 'http://y/', name: a}]")
    first = read("remote_write: [{url: 'http://x/', name: a}]")
    second = read_settings("remote_write: [{url: 'http://x/', name: a}]", file="p.yml")
    read_remote_writes(second.sections("remote_write"), beside=first)
    with pytest.raises(SettingsError, match="another entry"):
        second.raise_if_wrong()


def test_the_spool_has_a_size():
    """`forward.spool_size` is read; one that is too small for the log's files is refused."""
    assert read_spool_bytes(read_settings("spool_size: 10GiB", file="a.yml")) == 10 * 2**30
    top = read_settings("spool_size: 1MiB", file="a.yml")
    read_spool_bytes(top)
    with pytest.raises(SettingsError, match="at least 64MiB"):
        top.raise_if_wrong()
