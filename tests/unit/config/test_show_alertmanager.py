"""The configuration as clients of Alertmanager's API are shown it."""

from __future__ import annotations

from ruamel.yaml import YAML

from anyascope.config.show_alertmanager import alertmanager_yaml

FILE = """
global: {scrape_interval: 15s, resolve_timeout: 1m, slack_api_url: 'http://hook/abc'}
server: {listen: '127.0.0.1:9470'}
route:
  receiver: all
  escalation_policy: critical
  routes: [{receiver: desk, matchers: ['a="b"'], escalation_policy: x}]
receivers:
- name: all
- name: desk
  labels: {owner: x}
  webhook_configs: [{url: 'http://hook/abc', signing_secret: 0123456789abcdef}]
  phone_configs: [{to: '+10000000000'}]
"""


def test_what_is_ours_alone_is_left_out(tmp_path):
    """Upstream's reader refuses what it does not know; secrets are masked."""
    path = tmp_path / "anyascope.yml"
    path.write_text(FILE)
    text = alertmanager_yaml([path, tmp_path / "missing.yml"], default_receiver="default")
    assert "abc" not in text
    assert YAML(typ="safe").load(text) == {
        "global": {"resolve_timeout": "1m", "slack_api_url": "<secret>"},
        "route": {"receiver": "all", "routes": [{"receiver": "desk", "matchers": ['a="b"']}]},
        "receivers": [
            {"name": "all"},
            {"name": "desk", "labels": {"owner": "x"}, "webhook_configs": [{"url": "<secret>"}]},
        ],
    }


def test_a_server_without_routes_has_one():
    """With a receiver that nobody hears."""
    shown = YAML(typ="safe").load(alertmanager_yaml([], default_receiver="default"))
    assert shown == {"route": {"receiver": "default"}, "receivers": [{"name": "default"}]}
